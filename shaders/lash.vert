#version 330
uniform mat4 projection;
uniform mat3 rotation;
uniform vec3 translation;

in vec3 position; // head frame, metres
in vec2 along;    // across the eye 0..1, root to tip 0..1

out vec2 place;

void main() {
    place = along;
    gl_Position = projection * vec4(rotation * position + translation, 1.0);
}
