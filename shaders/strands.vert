#version 330
// A hair style's cards and caps in the camera's frame. Light is evaluated here, as on the skin.
#include "spherical_harmonics.glsl"

uniform mat4 projection;
uniform mat3 rotation;
uniform vec3 translation;

in vec3 position; // head frame, metres
in vec3 normal;   // outwards
in vec3 along;    // the strands' direction, either way
in vec2 uv;
in float open;    // ambient occlusion, 1 = open
in float height;  // of the template, metres: long hair ends where the neck does

out vec3 eye_normal;
out vec3 eye_position;
out vec3 eye_along;
out vec3 irradiance; // times ambient occlusion
out vec2 texture_uv;
out float ambient_occlusion;
out float alpha;

void main() {
    vec3 at = rotation * position + translation;
    eye_normal = rotation * normal;
    eye_position = at;
    eye_along = rotation * along;
    ambient_occlusion = open;
    irradiance = shade(normalize(eye_normal)) * open;
    texture_uv = uv;
    alpha = smoothstep(-0.165, -0.135, height);
    gl_Position = projection * vec4(at, 1.0);
}
