#version 330
// Skin where hair grows: short combed strands by noise, with a shine across them (Kajiya and Kay, SIGGRAPH 1989).
#include "gamma.glsl"
#include "noise.glsl"
#include "skin.glsl"

uniform vec3 hair_colour; // linear
uniform float hair_amount; // 0 bald .. 1

in vec3 rest_position;
in vec3 rest_normal;
in float depth;
in float alpha;
out vec4 colour;

void main() {
    vec3 n = normalize(eye_normal), view = normalize(-eye_position);
    vec3 p = rest_position;
    // On top the strands run backwards over the skull, on the flanks down it: two combs, blended.
    float flank = smoothstep(0.45, 0.8, abs(rest_normal.x));
    vec2 comb = mix(vec2(p.x, 0.1 * atan(p.z, p.y)), vec2(p.z + 0.35 * p.y, 0.9 * p.y), step(0.5, flank));
    float lock = noise(comb * vec2(210.0, 26.0)); // tufts
    float strand = 0.5 * noise(comb * vec2(900.0, 90.0)) + 0.35 * noise(comb * vec2(2300.0, 140.0)) + 0.15 * lock;
    float cover = smoothstep(-0.004, 0.008, depth + 0.011 * (strand - 0.5) + 0.006 * (lock - 0.5)) * hair_amount;
    vec3 along = normalize(mix(vec3(0.0, p.z, -p.y), vec3(0.0, -1.0, -0.3), flank));
    float across = dot(along, normalize(view + key));
    float shine = 1.0 - across * across;
    shine *= shine; shine *= shine; shine *= shine; shine *= shine;
    vec3 lit = hair_colour * (0.4 + 1.2 * strand) * irradiance;
    lit += key_colour * (hair_colour + 0.01) * 1.9 * shine * (0.25 + strand) * (0.5 + lock) * max(dot(n, key) + 0.3, 0.0);
    vec3 under = skin(n, view) * (1.0 - 0.35 * hair_amount * smoothstep(-0.012, 0.0, depth)); // the hair's shadow
    colour = vec4(to_picture(mix(under, lit, cover)) * alpha, alpha);
}
