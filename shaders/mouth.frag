#version 330
// Inside the mouth: the further back, and the less the lips part, the darker.
#include "gamma.glsl"

uniform vec3 key;
uniform vec3 key_colour;
uniform float mouth_open; // 0 closed .. 1 wide
uniform vec3 mouth_front; // middle of the lips at rest, head frame

in vec3 eye_normal;
in vec3 eye_position;
in vec3 irradiance;
in vec3 rest_position;
in float depth;
flat in int part_number;
out vec4 colour;

const int TEETH = 2, TONGUE = 3;

void main() {
    vec3 n = normalize(eye_normal);
    float inside = mouth_front.z - rest_position.z;
    float light_in = mix(0.10, 1.0, mouth_open) * mix(0.05, 1.0, smoothstep(0.045, 0.006, inside));
    vec4 what; // albedo, gloss
    if (part_number == TEETH) what = vec4(0.68, 0.63, 0.54, 0.25);
    else if (part_number == TONGUE) what = vec4(0.46, 0.16, 0.15, 0.10);
    else {
        float deep = smoothstep(0.0, 0.010, depth);
        what = mix(vec4(0.50, 0.22, 0.19, 0.10), vec4(0.26, 0.065, 0.06, 0.03), deep);
        light_in = mix(1.0, light_in, deep);
    }
    float facing = max(dot(n, normalize(normalize(-eye_position) + key)), 0.0);
    facing *= facing; facing *= facing; facing *= facing; facing *= facing; facing *= facing;
    vec3 lit = light_in * (what.rgb * irradiance + key_colour * what.a * facing);
    colour = vec4(to_picture(lit), 1.0);
}
