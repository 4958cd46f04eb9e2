#version 330
// Inside the mouth: the further back, and the less the lips part, the darker. Teeth are single ones, in gums.
#include "gamma.glsl"
#include "noise.glsl"

uniform vec3 key;
uniform vec3 key_colour;
uniform float mouth_open; // 0 closed .. 1 wide
uniform vec3 mouth_front; // middle of the lips at rest, head frame
uniform vec3 teeth_tint; // of the crowns
uniform vec3 flesh_tint; // of gums, tongue and lining

in vec3 eye_normal;
in vec3 eye_position;
in vec3 irradiance;
in vec3 rest_position;
in vec2 tooth_at; // along the arch in teeth, whole numbers between two; from the edge 0 to the gum 1
in float depth;
flat in int part_number;
out vec4 colour;

const int TEETH = 2, TONGUE = 3;
const vec3 GUM = vec3(0.50, 0.17, 0.16);

void main() {
    vec3 n = normalize(eye_normal), view = normalize(-eye_position);
    float inside = mouth_front.z - rest_position.z;
    float light_in = mix(0.10, 1.0, mouth_open) * mix(0.05, 1.0, smoothstep(0.045, 0.006, inside));
    vec4 what; // albedo, gloss
    vec3 tint = flesh_tint;
    if (part_number == TONGUE) {
        float rough = noise(rest_position.xz * 1800.0);
        float groove = smoothstep(0.0, 0.004, abs(rest_position.x));
        what = vec4(vec3(0.56, 0.20, 0.19) * (0.8 + 0.25 * rough) * mix(0.72, 1.0, groove), 0.12);
        light_in = mix(0.10, 0.95, mouth_open) * mix(0.06, 1.0, smoothstep(0.062, 0.014, inside));
    } else if (tooth_at.y >= 0.0) {
        // Front teeth stand at the light once the lips part; the back ones in the cheeks' shade.
        light_in = mix(0.10, mix(0.60, 1.0, mouth_open), smoothstep(0.02, 0.20, mouth_open)) * mix(0.10, 1.0, smoothstep(0.038, 0.011, inside));
        float across = fract(tooth_at.x) * 2.0 - 1.0, away = abs(across), up = tooth_at.y;
        float gum = smoothstep(-0.05, 0.05, up - (1.0 - 0.30 * away * away * away));
        float width = max(fwidth(tooth_at.x), 0.02);
        float gap = smoothstep(1.0 - 3.0 * width - 0.10 * (1.0 - up), 1.0, away) * (1.0 - gum);
        vec3 crown = mix(vec3(0.72, 0.69, 0.63), vec3(0.68, 0.58, 0.43), smoothstep(0.1, 1.0, up));
        what = mix(vec4(crown * (1.0 - 0.5 * gap * smoothstep(0.45, 0.06, width)), 0.30), vec4(GUM, 0.18), gum);
        what.rgb *= mix(1.0, 0.8, gum * away); // papillae lie deeper
        tint = mix(teeth_tint, flesh_tint, gum);
        vec3 side = normalize(cross(n, vec3(0.0, 1.0, 0.0)) + 1e-4);
        n = normalize(n - side * 0.45 * across * (1.0 - gum)); // each crown is round
        light_in *= 1.0 - 0.18 * across * across * (1.0 - gum);
    } else {
        float deep = smoothstep(0.0, 0.010, depth);
        what = mix(vec4(0.50, 0.22, 0.19, 0.10), vec4(0.26, 0.065, 0.06, 0.03), deep);
        light_in = mix(1.0, light_in, deep);
    }
    float facing = max(dot(n, normalize(view + key)), 0.0);
    facing *= facing; facing *= facing; facing *= facing; facing *= facing; facing *= facing;
    vec3 lit = light_in * (what.rgb * tint * irradiance + key_colour * what.a * facing);
    colour = vec4(to_picture(lit), 1.0);
}
