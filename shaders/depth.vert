#version 330
// Distance along one direction only, for `render/ambient_occlusion.py`.
uniform mat4 projection;
in vec3 position;

void main() {
    gl_Position = projection * vec4(position, 1.0);
}
