#version 330
// An avatar's surface: lit as the head's skin without its details, in two tones (toon), or unlit.
// Roughness and metal by glTF 2.0, appendix B, as far as a light of spherical harmonics and one lamp can show them.
#include "gamma.glsl"
#include "spherical_harmonics.glsl"

uniform sampler2D albedo;     // square roots of linear colours, and alpha
uniform sampler2D emissive_map;   // the same
uniform sampler2D normal_map;     // tangent space: x along u, y along v, z out of the surface
uniform sampler2D metallic_roughness_map; // green: roughness, blue: metal
uniform sampler2D occlusion_map;  // red: how much light comes in from around
uniform int maps;             // which of the four there are: bits 0 to 3
uniform int second;           // and which of them lie by the second coordinates
uniform vec4 material_tint;   // linear
uniform vec3 shade_tint;      // linear: what the side away from the lamp is multiplied by
uniform vec3 emissive;            // linear
uniform float roughness_factor; // 0 mirror, 1 chalk
uniform float metallic_factor;  // 0 or 1, seldom between
uniform float normal_scale;
uniform float occlusion_strength;
uniform int style;            // 0 lit, 1 toon, 2 unlit, 3 clay, 4 wires
uniform vec2 alpha_range;     // what is not within is not drawn: what blends is drawn in two goes
uniform bool opaque;          // alpha is ignored
uniform vec3 key;             // towards the strongest light, camera axes
uniform vec3 key_colour;      // its linear colour
uniform vec3 exposure;        // the light that falls on what faces the viewer

in vec3 eye_normal;
in vec3 eye_position;
in vec3 irradiance;
in vec4 texture_uv;
in vec4 vertex_tint;
out vec4 colour;

const int EMISSIVE = 1, NORMAL = 2, METALLIC_ROUGHNESS = 4, OCCLUSION = 8;
// How bright the lamp's mirror image is: by this a roughness of 0.58 looks like skin of our own head.
const float LAMP = 0.39;
const float SMOOTHEST = 0.2; // a smaller highlight would flicker between pixels

bool has(int map) { return (maps & map) != 0; }
vec2 uv_of(int map) { return (second & map) != 0 ? texture_uv.zw : texture_uv.xy; }

// The surface's normal with its normal map. The directions of u and v on the surface are found from their screen-space
// derivatives: the gradients of u and v are perpendicular to the screen steps and to the normal.
vec3 with_normal_map(vec3 n) {
    vec2 uv = uv_of(NORMAL);
    vec3 right = dFdx(eye_position), up = dFdy(eye_position);
    vec2 uv_right = dFdx(uv), uv_up = dFdy(uv);
    vec3 a = cross(up, n), b = cross(n, right);
    vec3 along_u = a * uv_right.x + b * uv_up.x, along_v = a * uv_right.y + b * uv_up.y;
    float longest = max(dot(along_u, along_u), dot(along_v, along_v));
    if (longest < 1e-20) return n;
    vec3 bump = texture(normal_map, uv).xyz * 2.0 - 1.0;
    bump.xy *= normal_scale;
    return normalize((along_u * bump.x + along_v * bump.y) * inversesqrt(longest) + n * max(bump.z, 0.05));
}

vec3 lit(vec3 base, vec3 n, vec3 view) {
    float roughness = roughness_factor, metallic = metallic_factor, open = 1.0;
    if (has(METALLIC_ROUGHNESS)) {
        vec2 both = texture(metallic_roughness_map, uv_of(METALLIC_ROUGHNESS)).gb;
        roughness *= both.x;
        metallic *= both.y;
    }
    if (has(OCCLUSION)) open = 1.0 + occlusion_strength * (texture(occlusion_map, uv_of(OCCLUSION)).r - 1.0);
    roughness = max(roughness, SMOOTHEST);
    vec3 around = has(NORMAL) ? shade(n) : irradiance;
    vec3 mirror = mix(vec3(0.04), base, metallic);
    float alpha2 = roughness * roughness * roughness * roughness; // alpha = roughness squared, and that squared
    float sharpness = 2.0 / alpha2 - 2.0;
    float facing = max(dot(n, normalize(view + key)), 0.0);
    vec3 lamp = key_colour * mirror * (LAMP * (sharpness + 2.0) / 8.0 * pow(facing, sharpness));
    float rim = 1.0 - max(dot(n, view), 0.0);
    rim *= rim;
    vec3 seen = base * (1.0 - metallic) * around + around * (0.12 - 0.08 * roughness) * rim * rim;
    if (metallic > 0.0) seen += metallic * base * shade(normalize(mix(reflect(-view, n), n, roughness)));
    return seen * open + lamp;
}

vec3 toon(vec3 base, vec3 n) {
    float light = smoothstep(-0.12, 0.10, dot(n, key));
    return base * mix(shade_tint, vec3(1.0), light) * exposure;
}

vec3 emission() {
    if (!has(EMISSIVE)) return emissive;
    vec3 roots = texture(emissive_map, uv_of(EMISSIVE)).rgb;
    return emissive * roots * roots;
}

void main() {
    vec4 texel = texture(albedo, texture_uv.xy);
    vec4 base = vec4(texel.rgb * texel.rgb, texel.a) * material_tint * vertex_tint;
    vec3 n = normalize(gl_FrontFacing ? eye_normal : -eye_normal), view = normalize(-eye_position);
    if (has(NORMAL)) n = with_normal_map(n); // before any discard: derivatives need the neighbouring pixels
    float alpha = opaque ? 1.0 : base.a;
    if (alpha < alpha_range.x || alpha >= alpha_range.y) discard;
    vec3 seen;
    if (style == 0) seen = lit(base.rgb, n, view) + emission();
    else if (style == 1) seen = toon(base.rgb, n) + emission();
    else if (style == 2) seen = base.rgb;
    else if (style == 3) seen = 0.5 * irradiance * mix(0.6, 1.0, max(dot(n, view), 0.0));
    else seen = vec3(0.03, 0.10, 0.13);
    colour = vec4(to_picture(seen) * alpha, alpha);
}
