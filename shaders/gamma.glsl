// Picture values and linear light; the exponent of face3d_live/lighting.py.
const float GAMMA = 2.2;

vec3 to_linear(vec3 picture) { return pow(picture, vec3(GAMMA)); }

vec3 to_picture_exact(vec3 linear) { return pow(clamp(linear, 0.0, 1.0), vec3(1.0 / GAMMA)); }

// The same to within 0.003, from square roots: several times faster than pow on a CPU rasteriser.
vec3 to_picture(vec3 linear) {
    vec3 x = clamp(linear, 0.0, 1.0);
    vec3 s = sqrt(x), q = sqrt(s);
    return clamp(1.0367 * s + 0.0768 * q - 0.1139 * s * q, 0.0, 1.0);
}
