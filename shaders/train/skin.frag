#version 330
#include "train/light.glsl"
uniform sampler2D skin;
uniform vec3 tone;        // multiplies the skin's linear albedo
uniform float mottle;     // uneven colour
uniform float shine;
uniform vec4 brow;        // strength, half thickness (m), lift (m), tilt
uniform vec3 brow_curve;   // y = c.x + c.y |x| + c.z x^2 on the template
uniform vec2 brow_span;    // |x| where it starts and ends
uniform vec3 hair_colour;
uniform vec3 brow_colour;
uniform float lash;
uniform float shaved;     // strength of a cut scalp's shadow
uniform float hair_edge;   // scalp field where hair begins
uniform float beard;
uniform vec4 lips;        // colour, strength
uniform vec4 shadow;      // eye shadow or rings under the eyes: colour, strength
uniform vec3 eye_level;    // y of the eyes, y of the lower rim of the sockets, |x| of the eyes, on the template
in vec3 eye_normal;
in vec3 eye_position;
in vec2 texture_uv;
in vec3 rest_position;
in vec4 traits;
out vec4 colour;

vec3 albedo(float ax) {
    vec4 fine = noise4(rest_position * vec3(1600.0, 700.0, 1600.0)), coarse = noise4(rest_position * 110.0);
    vec3 c = to_linear(texture(skin, texture_uv).rgb) * tone;
    c *= 1.0 + mottle * (coarse.x - 0.5) + 0.6 * mottle * (fine.w - 0.5);
    c = mix(c, lips.rgb * (0.8 + 0.4 * fine.y), traits.w * lips.a);
    float socket = exp(-square((ax - eye_level.z) / 0.014) - square((rest_position.y - eye_level.y) / 0.008));
    c = mix(c, c * shadow.rgb, clamp(socket * shadow.a, 0.0, 1.0));
    c = mix(c, hair_colour * (0.6 + 0.8 * fine.x), clamp(traits.z * beard * (0.55 + 0.6 * fine.x), 0.0, 0.97));
    float edge = smoothstep(hair_edge - 0.12, hair_edge + 0.12, traits.y + 0.2 * (coarse.y - 0.5));
    c = mix(c, hair_colour * (0.6 + 0.8 * fine.x), edge * shaved * (0.7 + 0.5 * fine.x));
    float u = (ax - brow_span.x) / (brow_span.y - brow_span.x);
    float y = brow_curve.x + ax * (brow_curve.y + ax * brow_curve.z) + brow.z + brow.w * (ax - brow_span.x);
    float thick = brow.y * mix(1.15, 0.45, smoothstep(0.25, 1.0, u));
    float m = (1.0 - smoothstep(0.45, 1.25, abs(rest_position.y - y) / thick)) * smoothstep(-0.05, 0.12, u) * (1.0 - smoothstep(0.8, 1.08, u));
    c = mix(c, brow_colour, clamp(m * brow.x * (0.45 + 0.9 * fine.z), 0.0, 0.97));
    return mix(c, brow_colour * 0.4, clamp(traits.x * lash, 0.0, 1.0));
}

void main() {
    vec3 n = normalize(eye_normal);
    vec3 view = normalize(-eye_position);
    float facing = max(0.0, dot(n, view));
    float rim = (1.0 - facing) * (1.0 - facing);
    vec3 sparkle = shine * (key_colour * gloss(n, view, 22.0) * 0.30
                            + harmonics(reflect(-view, n)) * (0.02 + 0.10 * rim * rim));
    colour = developed(albedo(abs(rest_position.x)) * received(n, 0.28) + sparkle);
}
