#version 330
#include "train/light.glsl"
uniform sampler2D strands;  // grey strands, alpha
uniform vec3 base;
uniform float shine;
in vec3 vNormal;
in vec3 vCamera;
in vec3 vRest;
in vec2 vUv;
in float vCover;
out vec4 colour;

void main() {
    vec4 t = texture(strands, vUv);
    if (t.a < 0.35) discard;
    vec3 n = normalize(vNormal);
    vec3 toEye = normalize(-vCamera);
    if (dot(n, toEye) < 0.0) n = -n;
    vec3 c = base * (0.35 + 1.3 * t.r) * (0.85 + 0.3 * noise4(vRest * 60.0).x);
    float band = square(max(0.0, 1.0 - abs(dot(n, normalize(toEye + lampDirection)) - 0.85) * 4.0));
    colour = developed(c * received(n, 0.35) * 0.85 + shine * lampColour * band * (0.04 + 0.25 * c));
}
