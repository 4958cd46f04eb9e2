#version 330
// Glasses in the camera's frame: frames and lenses.
#include "spherical_harmonics.glsl"

uniform mat4 projection;
uniform mat3 rotation;
uniform vec3 translation;

in vec3 position; // head frame, metres
in vec3 normal;

out vec3 eye_normal;
out vec3 eye_position;
out vec3 irradiance;

void main() {
    eye_normal = rotation * normal;
    eye_position = rotation * position + translation;
    irradiance = shade(eye_normal);
    gl_Position = projection * vec4(eye_position, 1.0);
}
