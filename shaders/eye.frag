#version 330
// A wet eye: drawn iris and pupil on the ball, a clear cornea in front that mirrors the lights.
#include "gamma.glsl"
#include "noise.glsl"

uniform vec3 key;
uniform vec3 key_colour;
uniform vec3 eye_centre[2]; // left, right, at rest, head frame
uniform vec3 gaze[2];       // where they look, camera axes
uniform vec3 iris_colour;   // linear
uniform vec3 sclera_colour; // linear

in vec3 eye_normal;
in vec3 eye_position;
in vec3 irradiance;
in vec3 rest_position;
out vec4 colour;

const float LIMBUS = 0.40;      // sine of the iris' half-angle on the ball
const float CORNEA_BULGE = 1.1; // how much faster the cornea's normal turns than the ball's

void main() {
    bool left = rest_position.x > 0.0;
    vec3 n = normalize(eye_normal), view = normalize(-eye_position);
    vec3 e = normalize(rest_position - (left ? eye_centre[0] : eye_centre[1]));
    vec3 axis = left ? gaze[0] : gaze[1];
    float r = length(e.xy) / LIMBUS;
    float pixel = max(fwidth(r), 0.04); // no edge is sharper than the picture
    float angle = atan(e.y, e.x);
    float spokes = 0.6 * noise(vec2(angle * 14.0, r * 3.0)) + 0.4 * noise(vec2(angle * 31.0, r * 5.0));
    vec3 iris = iris_colour * mix(1.35, 0.65, smoothstep(0.35, 1.0, r)) * (0.5 + spokes);
    float across = abs(e.x);
    vec3 white = sclera_colour * mix(vec3(1.0), vec3(0.83, 0.53, 0.50), smoothstep(0.5, 0.85, across));
    float ring = (r - 0.97) / 0.12;
    float rim_width = max(pixel, 0.07);
    vec3 base = mix(iris, white, smoothstep(1.0 - rim_width, 1.0 + rim_width, r));
    base *= 1.0 - 0.6 / (1.0 + ring * ring * ring * ring);
    base *= smoothstep(0.40 - pixel, 0.40 + pixel, r); // pupil
    // Lids shade the ball above and, less, below.
    float shadow = smoothstep(0.62, 0.08, e.y) * smoothstep(-0.85, -0.2, e.y);
    vec3 lit = base * irradiance * mix(0.22, 1.0, shadow);
    // Light gathered by the lens on the side away from the lamp.
    float gathered = max(0.0, dot(n - axis, -key)) * smoothstep(0.40, 0.6, r) * (1.0 - smoothstep(0.8, 1.0, r));
    lit += iris * key_colour * 0.6 * gathered;
    vec3 wet = normalize(n + CORNEA_BULGE * (n - axis) * (1.0 - smoothstep(0.95, 1.2, r)));
    float lamp = dot(wet, normalize(view + key));
    float fill = dot(wet, normalize(view + vec3(-key.x, -0.4 * key.y, key.z)));
    float soft = max(fwidth(lamp), 0.004);
    // A glint smaller than a pixel is dimmer, not larger.
    float glint = smoothstep(0.990 - soft, 0.990 + soft, lamp) * min(1.0, 0.012 / soft) + 0.03 * smoothstep(0.992, 0.998, fill);
    float rim = 1.0 - max(dot(wet, view), 0.0);
    lit += key_colour * glint * 1.3 + irradiance * 0.10 * rim * rim * rim;
    colour = vec4(to_picture(lit), 1.0);
}
