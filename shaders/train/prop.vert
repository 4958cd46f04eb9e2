#version 330
// Clothes, hair, hats, frames: moving vertices already in camera axes or turned by `rotation`.
uniform mat4 projection;
uniform mat3 rotation;
uniform vec3 translation;
uniform float lift;       // metres along the normal
in vec3 position;
in vec3 normal;
in vec3 rest;
in vec2 uv;
in float cover;           // where a cap lies
out vec3 eye_normal;
out vec3 eye_position;
out vec3 rest_position;
out vec2 texture_uv;
out float cover_here;

void main() {
    float swell = smoothstep(0.35, 1.0, cover);
    eye_position = rotation * (position + normal * lift * swell) + translation;
    eye_normal = rotation * normal;
    rest_position = rest;
    texture_uv = uv;
    cover_here = cover;
    gl_Position = projection * vec4(eye_position, 1.0);
}
