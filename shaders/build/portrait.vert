#version 330
// A rendered portrait for `head/build/correspond.py`.
uniform mat4 projection;
uniform mat3 rotation;
uniform vec3 translation;

in vec3 position;
in vec3 normal;
in vec3 tint;
in vec2 uv;

out vec3 eye_normal;
out vec3 vertex_tint;
out vec2 texture_uv;

void main() {
    eye_normal = rotation * normal;
    vertex_tint = tint;
    texture_uv = uv;
    gl_Position = projection * vec4(rotation * position + translation, 1.0);
}
