// Soft light as spherical harmonics of irradiance / pi, and one lamp. Normals in camera axes.
uniform vec3 soft[9];
uniform vec3 lampDirection;
uniform vec3 lampColour;
uniform float seed;

vec3 softLight(vec3 n) {
    return soft[0] * 0.282095
         + (soft[1] * n.y + soft[2] * n.z + soft[3] * n.x) * 0.488603
         + (soft[4] * n.x * n.y + soft[5] * n.y * n.z + soft[7] * n.x * n.z) * 1.092548
         + soft[6] * 0.315392 * (3.0 * n.z * n.z - 1.0) + soft[8] * 0.546274 * (n.x * n.x - n.y * n.y);
}

vec3 received(vec3 n, float wrap) {
    vec3 lamp = lampColour * max(0.0, (dot(n, lampDirection) + wrap) / (1.0 + wrap));
    return max(softLight(n), vec3(0.0)) + lamp;
}

float gloss(vec3 n, vec3 toEye, float power) {
    return pow(max(0.0, dot(n, normalize(toEye + lampDirection))), power);
}

uniform sampler2D grain;  // 256^2 random values in four channels, repeating: one lattice point each

vec4 noise4(vec3 p) { return texture(grain, (vec2(p.x + 0.31 * p.z, p.y + 0.73 * p.z) + seed) * (1.0 / 256.0)); }

float square(float x) { return x * x; }

vec4 developed(vec3 linear) { return vec4(pow(clamp(linear, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0); }
