#version 330
// The frame of glasses: polished, of one colour.
#include "gamma.glsl"

uniform vec3 key;        // towards the strongest light, camera axes
uniform vec3 key_colour; // its linear colour
uniform vec3 frame_colour; // linear

in vec3 eye_normal;
in vec3 eye_position;
in vec3 irradiance;
out vec4 colour;

void main() {
    vec3 n = normalize(eye_normal), view = normalize(-eye_position);
    float facing = max(dot(n, normalize(view + key)), 0.0);
    float f4 = facing * facing * facing * facing, f16 = f4 * f4 * f4 * f4;
    float rim = 1.0 - max(dot(n, view), 0.0);
    vec3 lit = frame_colour * irradiance + key_colour * (0.10 * f16 + 0.25 * f16 * f16 * f16);
    colour = vec4(to_picture(lit + irradiance * (0.18 * rim * rim * rim)), 1.0);
}
