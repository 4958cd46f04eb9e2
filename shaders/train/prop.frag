#version 330
#include "train/light.glsl"
uniform vec3 base;        // linear colour
uniform vec3 second;      // of stripes, checks, skin above a neckline
uniform vec4 pattern;     // frequency (1/m), stripes' share, noise, grain frequency
uniform float shine;
uniform float edge;       // cover below which nothing is drawn
uniform float ragged;     // how uneven that edge is
uniform float thin;       // share of a hair layer that is left out
uniform float neckline;   // rest y above which `second` shows; large for none
uniform float opacity;
in vec3 eye_normal;
in vec3 eye_position;
in vec3 rest_position;
in vec2 texture_uv;
in float cover_here;
out vec4 colour;

void main() {
    float rough = noise4(rest_position * vec3(170.0, 60.0, 170.0)).x - 0.5;
    if (cover_here + ragged * rough < edge || (thin > 0.0 && noise4(rest_position * vec3(1500.0, 500.0, 1500.0)).y < thin)) discard;
    vec3 n = normalize(eye_normal);
    if (!gl_FrontFacing) n = -n;
    vec3 view = normalize(-eye_position);
    float weave = noise4(rest_position * pattern.w).z;
    float stripe = fract(rest_position.x * pattern.x) < pattern.y ? 1.0 : 0.0;
    vec3 c = mix(base, second, max(stripe, smoothstep(0.0, 0.003, rest_position.y - neckline)));
    c *= 1.0 + pattern.z * (weave - 0.5);
    vec3 sparkle = shine * (key_colour * gloss(n, view, 25.0) + max(harmonics(reflect(-view, n)), 0.0) * 0.25);
    colour = developed(c * received(n, 0.2) * mix(0.75, 1.0, smoothstep(-1.0, 0.6, n.y)) + sparkle);
    colour.a = opacity;
}
