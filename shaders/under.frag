#version 330
// The scalp under a style with a mesh: hair without detail where strands lie over it, else skin.
#include "gamma.glsl"
#include "skin.glsl"

uniform vec3 hair_colour;  // linear

in float depth;
in float alpha;
in float shaded; // how much light the hair leaves, 0..1
out vec4 colour;

void main() {
    float cover = smoothstep(-0.004, 0.008, depth) * smoothstep(0.85, 0.5, shaded);
    vec3 lit = mix(skin(normalize(eye_normal), normalize(-eye_position)), hair_colour * irradiance, cover);
    colour = vec4(to_picture(lit) * alpha, alpha);
}
