#version 330
// An avatar in the camera's frame: its morphs are in the positions, its bones are turned here.
#include "spherical_harmonics.glsl"

uniform mat4 projection;
uniform mat3 rotation; // camera from avatar, scale included
uniform vec3 translation;
uniform mat4 bone[5]; // body, neck, head, left eye, right eye: from rest
uniform mat2 uv_turn[2]; // of each of the two coordinates: what an expression does to them
uniform vec2 uv_move[2];

in vec3 position; // avatar frame
in vec3 normal;   // of any length
in vec4 uv;       // two coordinates, each with v down
in vec4 tint;
in vec4 bones; // shares of neck, head, left eye, right eye; the rest is the body's

out vec3 eye_normal;
out vec3 eye_position;
out vec3 irradiance;
out vec4 texture_uv;
out vec4 vertex_tint;

void main() {
    mat4 turn = (1.0 - dot(bones, vec4(1.0))) * bone[0];
    for (int i = 0; i < 4; i++) turn += bones[i] * bone[i + 1];
    vec3 at = rotation * (turn * vec4(position, 1.0)).xyz + translation;
    eye_normal = normalize(rotation * (mat3(turn) * normal));
    eye_position = at;
    irradiance = shade(eye_normal);
    vec2 first = uv_turn[0] * uv.xy + uv_move[0], second = uv_turn[1] * uv.zw + uv_move[1];
    texture_uv = vec4(first.x, 1.0 - first.y, second.x, 1.0 - second.y); // textures have v up
    vertex_tint = tint;
    gl_Position = projection * vec4(at, 1.0);
}
