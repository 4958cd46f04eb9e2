#version 330
#include "train/light.glsl"
uniform sampler2D skin;
uniform vec3 tone;        // multiplies the skin's linear albedo
uniform float mottle;     // uneven colour
uniform float shine;
uniform vec4 brow;        // strength, half thickness (m), lift (m), tilt
uniform vec3 browCurve;   // y = c.x + c.y |x| + c.z x^2 on the template
uniform vec2 browEnds;    // |x| where it starts and ends
uniform vec3 hairColour;
uniform vec3 browColour;
uniform float lash;
uniform float shaved;     // strength of a cut scalp's shadow
uniform float hairEdge;   // scalp field where hair begins
uniform float beard;
uniform vec4 lips;        // colour, strength
uniform vec4 shadow;      // eye shadow or rings under the eyes: colour, strength
uniform vec3 eyeLevel;    // y of the eyes, y of the lower rim of the sockets, |x| of the eyes, on the template
in vec3 vNormal;
in vec3 vCamera;
in vec2 vUv;
in vec3 vRest;
in vec4 vField;
out vec4 colour;

vec3 albedo(float ax) {
    vec4 fine = noise4(vRest * vec3(1600.0, 700.0, 1600.0)), coarse = noise4(vRest * 110.0);
    vec3 c = pow(texture(skin, vUv).rgb, vec3(2.2)) * tone;
    c *= 1.0 + mottle * (coarse.x - 0.5) + 0.6 * mottle * (fine.w - 0.5);
    c = mix(c, lips.rgb * (0.8 + 0.4 * fine.y), vField.w * lips.a);
    float socket = exp(-square((ax - eyeLevel.z) / 0.014) - square((vRest.y - eyeLevel.y) / 0.008));
    c = mix(c, c * shadow.rgb, clamp(socket * shadow.a, 0.0, 1.0));
    c = mix(c, hairColour * (0.6 + 0.8 * fine.x), clamp(vField.z * beard * (0.55 + 0.6 * fine.x), 0.0, 0.97));
    float edge = smoothstep(hairEdge - 0.12, hairEdge + 0.12, vField.y + 0.2 * (coarse.y - 0.5));
    c = mix(c, hairColour * (0.6 + 0.8 * fine.x), edge * shaved * (0.7 + 0.5 * fine.x));
    float u = (ax - browEnds.x) / (browEnds.y - browEnds.x);
    float y = browCurve.x + ax * (browCurve.y + ax * browCurve.z) + brow.z + brow.w * (ax - browEnds.x);
    float thick = brow.y * mix(1.15, 0.45, smoothstep(0.25, 1.0, u));
    float m = (1.0 - smoothstep(0.45, 1.25, abs(vRest.y - y) / thick)) * smoothstep(-0.05, 0.12, u) * (1.0 - smoothstep(0.8, 1.08, u));
    c = mix(c, browColour, clamp(m * brow.x * (0.45 + 0.9 * fine.z), 0.0, 0.97));
    return mix(c, browColour * 0.4, clamp(vField.x * lash, 0.0, 1.0));
}

void main() {
    vec3 n = normalize(vNormal);
    vec3 toEye = normalize(-vCamera);
    float facing = max(0.0, dot(n, toEye));
    float rim = (1.0 - facing) * (1.0 - facing);
    vec3 sparkle = shine * (lampColour * gloss(n, toEye, 22.0) * 0.30
                            + softLight(reflect(-toEye, n)) * (0.02 + 0.10 * rim * rim));
    colour = developed(albedo(abs(vRest.x)) * received(n, 0.28) + sparkle);
}
