// Soft light as spherical harmonics, and one lamp. Normals in camera axes.
#include "gamma.glsl"
#include "spherical_harmonics.glsl"

uniform vec3 key;         // towards the lamp
uniform vec3 key_colour;  // its linear colour
uniform float seed;

vec3 received(vec3 n, float wrap) {
    vec3 lamp = key_colour * max(0.0, (dot(n, key) + wrap) / (1.0 + wrap));
    return shade(n) + lamp;
}

float gloss(vec3 n, vec3 view, float power) {
    return pow(max(0.0, dot(n, normalize(view + key))), power);
}

uniform sampler2D grain;  // 256^2 random values in four channels, repeating: one lattice point each

vec4 noise4(vec3 p) { return texture(grain, (vec2(p.x + 0.31 * p.z, p.y + 0.73 * p.z) + seed) * (1.0 / 256.0)); }

float square(float x) { return x * x; }

vec4 developed(vec3 linear) { return vec4(to_picture_exact(linear), 1.0); }
