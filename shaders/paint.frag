#version 330
// What a plain skin lacks: brows, lip colour, a blush, dark lid margins. Drawn once, into the albedo.
#include "gamma.glsl"
#include "noise.glsl"

uniform sampler2D albedo; // picture values
uniform vec3 brow;        // height of the brow's middle line over |x|: a + b|x| + c|x|^2, head frame
uniform vec2 brow_span;   // |x| of its inner and outer end
uniform vec3 hair_colour; // linear
uniform vec3 cheek;       // the left one's middle, head frame
uniform vec3 nose_tip;
uniform vec3 mouth_front;

in vec2 texture_uv;
in vec3 rest_position;
in float lips;
in float lashes;
out vec4 colour;

float spot(vec3 p, vec3 middle, float size) {
    vec3 d = (p - middle) / size;
    return exp(-dot(d, d));
}

void main() {
    vec3 p = vec3(abs(rest_position.x), rest_position.yz);
    vec3 base = to_linear(texture(albedo, texture_uv).rgb);
    float blush = 0.55 * spot(p, cheek, 0.026) + 0.6 * spot(p, nose_tip, 0.014) + 0.5 * smoothstep(0.066, 0.075, p.x);
    float mottle = noise(rest_position.xy * 90.0) * 0.6 + noise(rest_position.xy * 310.0 + 7.0) * 0.4 - 0.5;
    base *= mix(vec3(1.0), vec3(1.02, 0.80, 0.76), clamp(blush + 0.35 * mottle, 0.0, 1.0));
    base *= 1.0 + 0.05 * mottle;
    float lower = smoothstep(0.002, -0.002, p.y - mouth_front.y);
    base = mix(base, base * mix(vec3(0.84, 0.56, 0.55), vec3(0.90, 0.60, 0.59), lower), smoothstep(0.1, 0.9, lips));
    float along = (p.x - brow_span.x) / (brow_span.y - brow_span.x);
    float off = p.y - (brow.x + brow.y * p.x + brow.z * p.x * p.x);
    float thick = mix(0.0046, 0.0020, clamp(along, 0.0, 1.0));
    float strands = noise(vec2(p.x * 1500.0 - off * 1100.0, off * 260.0 + p.x * 200.0));
    float body = smoothstep(1.3, 0.3, abs(off) / thick + 0.7 * (strands - 0.5));
    float ends = smoothstep(-0.10, 0.15, along) * smoothstep(1.15, 0.70, along) * step(0.02, p.z);
    base = mix(base, hair_colour * 0.7, 0.85 * body * ends);
    base = mix(base, vec3(0.014, 0.010, 0.008), 0.8 * lashes);
    colour = vec4(to_picture_exact(base), 1.0);
}
