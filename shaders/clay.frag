#version 330
// The bare form: grey, lit, without albedo.
#include "gamma.glsl"

in vec3 eye_normal;
in vec3 eye_position;
in vec3 irradiance;
flat in int part_number;
out vec4 colour;

void main() {
    float facing = max(dot(normalize(eye_normal), normalize(-eye_position)), 0.0);
    vec3 lit = 0.56 * irradiance * mix(0.6, 1.0, facing);
    if (part_number > 1) lit *= 0.35; // inside the mouth
    colour = vec4(to_picture_exact(lit), 1.0);
}
