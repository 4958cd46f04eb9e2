#version 330
// An avatar's surface: lit like the head's skin but plainer, in two tones, or as its picture is.
#include "gamma.glsl"

uniform sampler2D albedo;    // square roots of linear colours, and alpha
uniform vec4 material_tint;  // linear
uniform vec3 shade_tint;     // linear: what the side away from the lamp is multiplied by
uniform vec3 glow;           // linear
uniform int style;           // 0 lit, 1 toon, 2 unlit, 3 clay, 4 wires
uniform vec2 alpha_range;    // what is not within is not drawn: what blends is drawn in two goes
uniform bool opaque;         // whatever alpha says
uniform vec3 key;            // towards the strongest light, camera axes
uniform vec3 key_colour;     // its linear colour
uniform vec3 exposure;       // the light that falls on what faces the viewer

in vec3 eye_normal;
in vec3 eye_position;
in vec3 irradiance;
in vec2 texture_uv;
in vec4 vertex_tint;
out vec4 colour;

vec3 lit(vec3 base, vec3 n, vec3 view) {
    float facing = max(dot(n, normalize(view + key)), 0.0);
    float f2 = facing * facing, f4 = f2 * f2, f8 = f4 * f4;
    float rim = 1.0 - max(dot(n, view), 0.0);
    rim *= rim;
    return base * irradiance + key_colour * 0.035 * f8 * f8 + irradiance * (0.07 * rim * rim);
}

vec3 toon(vec3 base, vec3 n) {
    float light = smoothstep(-0.12, 0.10, dot(n, key));
    return base * mix(shade_tint, vec3(1.0), light) * exposure;
}

void main() {
    vec4 texel = texture(albedo, texture_uv);
    vec4 base = vec4(texel.rgb * texel.rgb, texel.a) * material_tint * vertex_tint;
    float alpha = opaque ? 1.0 : base.a;
    if (alpha < alpha_range.x || alpha >= alpha_range.y) discard;
    vec3 n = normalize(gl_FrontFacing ? eye_normal : -eye_normal), view = normalize(-eye_position);
    vec3 seen;
    if (style == 0) seen = lit(base.rgb, n, view) + glow;
    else if (style == 1) seen = toon(base.rgb, n) + glow;
    else if (style == 2) seen = base.rgb;
    else if (style == 3) seen = 0.5 * irradiance * mix(0.6, 1.0, max(dot(n, view), 0.0));
    else seen = vec3(0.03, 0.10, 0.13);
    colour = vec4(to_picture(seen) * alpha, alpha);
}
