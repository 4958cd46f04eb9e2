#version 330
// Tinted texture under one lamp and even fill light.
#include "gamma.glsl"

uniform sampler2D image; // picture values, alpha
uniform vec3 key;        // towards the lamp, camera axes
uniform float fill;      // share of light that comes from everywhere

in vec3 eye_normal;
in vec3 vertex_tint;
in vec2 texture_uv;
out vec4 colour;

void main() {
    vec4 texel = texture(image, texture_uv);
    if (texel.a < 0.05) discard;
    float light = fill + (1.0 - fill) * max(0.0, dot(normalize(eye_normal), key)) * 1.3;
    colour = vec4(to_picture_exact(to_linear(texel.rgb * vertex_tint) * light), texel.a);
}
