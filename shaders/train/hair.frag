#version 330
#include "train/light.glsl"
uniform sampler2D strands;  // grey strands, alpha
uniform vec3 base;
uniform float shine;
in vec3 eye_normal;
in vec3 eye_position;
in vec3 rest_position;
in vec2 texture_uv;
in float cover_here;
out vec4 colour;

void main() {
    vec4 t = texture(strands, texture_uv);
    if (t.a < 0.35) discard;
    vec3 n = normalize(eye_normal);
    vec3 view = normalize(-eye_position);
    if (dot(n, view) < 0.0) n = -n;
    vec3 c = base * (0.35 + 1.3 * t.r) * (0.85 + 0.3 * noise4(rest_position * 60.0).x);
    float band = square(max(0.0, 1.0 - abs(dot(n, normalize(view + key)) - 0.85) * 4.0));
    colour = developed(c * received(n, 0.35) * 0.85 + shine * key_colour * band * (0.04 + 0.25 * c));
}
