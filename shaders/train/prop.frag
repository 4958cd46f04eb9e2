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
in vec3 vNormal;
in vec3 vCamera;
in vec3 vRest;
in vec2 vUv;
in float vCover;
out vec4 colour;

void main() {
    float rough = noise4(vRest * vec3(170.0, 60.0, 170.0)).x - 0.5;
    if (vCover + ragged * rough < edge || (thin > 0.0 && noise4(vRest * vec3(1500.0, 500.0, 1500.0)).y < thin)) discard;
    vec3 n = normalize(vNormal);
    if (!gl_FrontFacing) n = -n;
    vec3 toEye = normalize(-vCamera);
    float weave = noise4(vRest * pattern.w).z;
    float stripe = fract(vRest.x * pattern.x) < pattern.y ? 1.0 : 0.0;
    vec3 c = mix(base, second, max(stripe, smoothstep(0.0, 0.003, vRest.y - neckline)));
    c *= 1.0 + pattern.z * (weave - 0.5);
    vec3 sparkle = shine * (lampColour * gloss(n, toEye, 25.0) + max(softLight(reflect(-toEye, n)), 0.0) * 0.25);
    colour = developed(c * received(n, 0.2) * mix(0.75, 1.0, smoothstep(-1.0, 0.6, n.y)) + sparkle);
    colour.a = opacity;
}
