#version 330
#include "train/light.glsl"
uniform vec3 iris;
uniform vec3 eyeShape;    // pupil, iris angle (radians), sclera's brightness
uniform vec3 sclera;
uniform float mouthLight;
uniform vec3 eyeLevel;    // y of the eyes, y of the lower rim of the sockets, |x| of the eyes, on the template
in vec3 vNormal;
in vec3 vCamera;
in vec3 vRest;
in vec3 vEyeward;
flat in float vPart;
out vec4 colour;

vec3 eyeAlbedo(vec3 e) {
    float a = acos(clamp(e.z, -1.0, 1.0));
    float around = atan(e.y, e.x);
    vec3 fibres = iris * (0.65 + 0.7 * noise4(vec3(around * 9.0, a * 5.0, 3.0)).x);
    fibres *= mix(1.25, 0.75, smoothstep(eyeShape.x, eyeShape.y, a));
    vec3 white = sclera * eyeShape.z * mix(vec3(1.0), vec3(0.93, 0.72, 0.68), 0.55 * smoothstep(0.75, 1.25, a));
    vec3 c = mix(fibres, white, smoothstep(eyeShape.y - 0.035, eyeShape.y + 0.045, a));
    c *= 1.0 - 0.45 * exp(-square((a - eyeShape.y) / 0.06));
    return mix(vec3(0.012), c, smoothstep(eyeShape.x - 0.04, eyeShape.x + 0.04, a));
}

void main() {
    vec3 n = normalize(vNormal);
    vec3 toEye = normalize(-vCamera);
    vec3 c;
    float sparkle;
    if (vPart < 1.5) {
        c = eyeAlbedo(normalize(vEyeward));
        c *= 1.0 - 0.45 * smoothstep(0.001, 0.009, vRest.y - eyeLevel.x)
                 - 0.2 * smoothstep(0.004, 0.012, abs(vRest.x) - eyeLevel.z);
        sparkle = 0.8 * smoothstep(0.984, 0.994, dot(normalize(toEye + lampDirection), n));
    } else if (vPart < 2.5) {
        c = vec3(0.70, 0.66, 0.57) * mouthLight * eyeShape.z * 1.25;
        sparkle = 0.15 * gloss(n, toEye, 40.0);
    } else if (vPart < 3.5) {
        c = vec3(0.36, 0.125, 0.115) * mouthLight;
        sparkle = 0.08 * gloss(n, toEye, 30.0);
    } else {
        c = vec3(0.30, 0.075, 0.07) * mouthLight * 0.55;
        sparkle = 0.0;
    }
    colour = developed(c * received(n, 0.15) + lampColour * sparkle);
}
