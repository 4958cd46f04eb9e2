#version 330
// Strands on cards: a diffuse part, and two highlights across the strands (Marschner et al., SIGGRAPH 2003, in Scheuermann's
// form, "Practical real-time hair rendering", GDC 2004): the light's colour near the root's side, the hair's towards the tip.
#include "gamma.glsl"

uniform sampler2D strands; // brightness about 0.5; alpha
uniform vec3 hair_colour;  // linear
uniform vec3 key_colour;
uniform vec2 kept;         // alpha from .. to which this pass draws

in vec3 irradiance;
in vec3 highlight;
in vec2 texture_uv;
in float alpha;
out vec4 colour;

// Squared sine of the angle between the shifted strand and the halfway vector, to the fourth.
float lobe(float shift) {
    float across = highlight.x + shift * highlight.y, sine = max(1.0 - across * across, 0.0);
    sine *= sine;
    return sine * sine;
}

void main() {
    vec4 strand = texture(strands, texture_uv);
    if (strand.a < kept.x || strand.a >= kept.y) discard;
    float s = strand.r - 0.5, first = lobe(0.25 * s - 0.08), second = lobe(0.25 * s + 0.12);
    first *= first; first *= first; first *= first;
    second *= second;
    vec3 lit = hair_colour * (1.0 + 1.5 * s) * irradiance;
    lit += key_colour * highlight.z * (0.05 * first * (0.6 + s) + hair_colour * 0.8 * second * (0.6 + 1.2 * s));
    float a = kept.y > 1.0 ? alpha : strand.a / kept.y * alpha;
    colour = vec4(to_picture(lit) * a, a);
}
