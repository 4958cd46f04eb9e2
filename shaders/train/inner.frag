#version 330
#include "train/light.glsl"
uniform vec3 iris;
uniform vec3 eye_shape;    // pupil, iris angle (radians), sclera's brightness
uniform vec3 sclera;
uniform float mouth_light;
uniform vec3 eye_level;    // y of the eyes, y of the lower rim of the sockets, |x| of the eyes, on the template
in vec3 eye_normal;
in vec3 eye_position;
in vec3 rest_position;
in vec3 rest_eyeward;
flat in float part_number;
out vec4 colour;

vec3 eye_albedo(vec3 e) {
    float a = acos(clamp(e.z, -1.0, 1.0));
    float around = atan(e.y, e.x);
    vec3 fibres = iris * (0.65 + 0.7 * noise4(vec3(around * 9.0, a * 5.0, 3.0)).x);
    fibres *= mix(1.25, 0.75, smoothstep(eye_shape.x, eye_shape.y, a));
    vec3 white = sclera * eye_shape.z * mix(vec3(1.0), vec3(0.93, 0.72, 0.68), 0.55 * smoothstep(0.75, 1.25, a));
    vec3 c = mix(fibres, white, smoothstep(eye_shape.y - 0.035, eye_shape.y + 0.045, a));
    c *= 1.0 - 0.45 * exp(-square((a - eye_shape.y) / 0.06));
    return mix(vec3(0.012), c, smoothstep(eye_shape.x - 0.04, eye_shape.x + 0.04, a));
}

void main() {
    vec3 n = normalize(eye_normal);
    vec3 view = normalize(-eye_position);
    vec3 c;
    float sparkle;
    if (part_number < 1.5) {
        c = eye_albedo(normalize(rest_eyeward));
        c *= 1.0 - 0.45 * smoothstep(0.001, 0.009, rest_position.y - eye_level.x)
                 - 0.2 * smoothstep(0.004, 0.012, abs(rest_position.x) - eye_level.z);
        sparkle = 0.8 * smoothstep(0.984, 0.994, dot(normalize(view + key), n));
    } else if (part_number < 2.5) {
        c = vec3(0.70, 0.66, 0.57) * mouth_light * eye_shape.z * 1.25;
        sparkle = 0.15 * gloss(n, view, 40.0);
    } else if (part_number < 3.5) {
        c = vec3(0.36, 0.125, 0.115) * mouth_light;
        sparkle = 0.08 * gloss(n, view, 30.0);
    } else {
        c = vec3(0.30, 0.075, 0.07) * mouth_light * 0.55;
        sparkle = 0.0;
    }
    colour = developed(c * received(n, 0.15) + key_colour * sparkle);
}
