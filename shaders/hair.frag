#version 330
// The scalp: skin, and where hair grows short combed strands by noise, with a shine across them (Kajiya and Kay, SIGGRAPH
// 1989).
#include "gamma.glsl"
#include "noise.glsl"
#include "skin.glsl"

uniform vec3 hair_colour;  // linear
uniform float hair_amount; // 0 bald, below 1 stubble that skin shows through, 1 hair
uniform float hair_edge;   // metres over which the hair's edge fades
uniform float hair_recede; // 1: only the wreath around a bald front and crown
uniform vec4 bare_skin;    // linear; alpha 1: in place of the texture, which has the hair's colour there

in vec3 rest_position;
in vec3 rest_normal;
in float depth;
in float alpha;
in float wreath; // metres inside the edge of receding hair
out vec4 colour;

void main() {
    vec3 n = normalize(eye_normal), view = normalize(-eye_position);
    vec3 p = rest_position;
    float inside = mix(depth, min(depth, wreath), hair_recede);
    // On top the strands run backwards over the skull, on the flanks down it: two combs, blended.
    float flank = smoothstep(0.45, 0.8, abs(rest_normal.x));
    vec2 comb = mix(vec2(p.x, 0.1 * atan(p.z, p.y)), vec2(p.z + 0.35 * p.y, 0.9 * p.y), step(0.5, flank));
    float lock = noise(comb * vec2(210.0, 26.0)); // tufts
    float strand = 0.5 * noise(comb * vec2(900.0, 90.0)) + 0.35 * noise(comb * vec2(2300.0, 140.0)) + 0.15 * lock;
    float ragged = 0.011 * (strand - 0.5) + 0.006 * (lock - 0.5);
    float cover = smoothstep(-0.5 * hair_edge, hair_edge, inside + ragged) * hair_amount;
    vec3 along = normalize(mix(vec3(0.0, p.z, -p.y), vec3(0.0, -1.0, -0.3), flank));
    float across = dot(along, normalize(view + key));
    float shine = 1.0 - across * across;
    shine *= shine; shine *= shine; shine *= shine; shine *= shine;
    vec3 lit = hair_colour * (0.4 + 1.2 * strand) * irradiance;
    lit += key_colour * (hair_colour + 0.01) * 1.9 * shine * (0.25 + strand) * (0.5 + lock) * max(dot(n, key) + 0.3, 0.0);
    vec3 base = mix(skin_albedo(), bare_skin.rgb, bare_skin.a * smoothstep(-0.004, 0.010, depth));
    vec3 under = skin_of(base, n, view);
    colour = vec4(to_picture(mix(under, lit, cover)) * alpha, alpha);
}
