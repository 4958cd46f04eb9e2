#version 330
#include "gamma.glsl"
#include "skin.glsl"
in float alpha;
out vec4 colour;

void main() {
    vec3 lit = skin(normalize(eye_normal), normalize(-eye_position));
    colour = vec4(to_picture(lit) * alpha, alpha);
}
