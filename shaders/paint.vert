#version 330
// The head unrolled onto its texture.
in vec2 uv;
in vec3 rest;
in vec4 trait;
in float lash;

out vec2 texture_uv;
out vec3 rest_position;
out float lips;
out float lashes;

void main() {
    texture_uv = uv;
    rest_position = rest;
    lips = trait.y;
    lashes = lash;
    gl_Position = vec4(2.0 * uv - 1.0, 0.0, 1.0);
}
