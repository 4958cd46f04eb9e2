#version 330
// A lens, blended: its tint, and what its faces reflect (Schlick's approximation for n = 1.5, two faces).
#include "gamma.glsl"

uniform vec3 key;
uniform vec3 key_colour;
uniform float lens_tint; // share of the light that the glass keeps back

in vec3 eye_normal;
in vec3 eye_position;
in vec3 irradiance;
out vec4 colour;

void main() {
    vec3 n = normalize(eye_normal), view = normalize(-eye_position);
    n *= sign(dot(n, view));
    float rim = 1.0 - max(dot(n, view), 0.0), r2 = rim * rim;
    float mirror = 0.05 + 0.95 * r2 * r2 * rim;
    // A soft lamp as large as a window.
    float lamp = smoothstep(0.955, 0.995, dot(n, normalize(view + key)));
    vec3 seen = irradiance * 0.5 * mirror + key_colour * 0.16 * lamp;
    float alpha = clamp(lens_tint + mirror * 0.5 + 0.10 * lamp, 0.0, 1.0);
    colour = vec4(to_picture(seen + vec3(0.012) * lens_tint), 1.0) * alpha;
}
