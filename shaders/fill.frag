#version 330
// Alpha stays 0: it counts what the head covers.
uniform sampler2D picture;
in vec2 across;
out vec4 colour;

void main() {
    colour = vec4(textureLod(picture, across, 0.0).rgb, 0.0);
}
