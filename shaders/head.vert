#version 330
// The head in the camera's frame. Light is evaluated here: irradiance changes slowly, vertices lie close.
#include "harmonics.glsl"

uniform mat4 projection;
uniform mat3 rotation;
uniform vec3 translation;
uniform float hair_volume; // metres that the hair stands off the scalp; 0 = none

in vec3 position; // head frame, metres
in vec3 normal;
in vec2 uv;
in vec3 rest;  // the same vertex of the unmoved template: where drawn features are anchored
in vec4 trait; // part number, openness to the sky 0..1, lips 0..1, lashes 0..1
in float hair; // metres inside the hairline; negative outside

out vec3 eye_normal;
out vec3 eye_position;
out vec3 irradiance;
out vec2 texture_uv;
out vec3 rest_position;
out vec3 rest_normal;
out vec3 traits;
out float hair_depth;
flat out int part;

void main() {
    part = int(trait.x + 0.5);
    vec3 unit = normalize(normal);
    float lift = hair_volume * smoothstep(-0.002, 0.035, hair);
    vec3 at = rotation * (position + unit * lift) + translation;
    eye_normal = rotation * unit;
    eye_position = at;
    irradiance = shade(eye_normal);
    texture_uv = uv;
    rest_position = rest;
    rest_normal = unit;
    traits = trait.yzw;
    hair_depth = hair;
    gl_Position = projection * vec4(at, 1.0);
}
