#version 330
// Lashes on their ribbon: dense at the root, single and thin at the tip.
#include "noise.glsl"

in vec2 place;
out vec4 colour;

void main() {
    float lean = place.x + 0.05 * (place.x - 0.5) * place.y;
    float strand = noise(vec2(lean * 55.0, 0.5));
    float thin = smoothstep(place.y * 0.9 - 0.25, place.y * 0.9 + 0.25, strand + 0.12);
    float alpha = 0.9 * thin * (1.0 - place.y * place.y) * smoothstep(0.0, 0.12, place.x) * smoothstep(1.0, 0.88, place.x);
    colour = vec4(vec3(0.08, 0.06, 0.05) * alpha, alpha);
}
