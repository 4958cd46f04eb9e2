#version 330
// Clothes, hair, hats, frames: moving vertices already in camera axes or turned by `rotation`.
uniform mat4 clip;
uniform mat3 rotation;
uniform vec3 translation;
uniform float lift;       // metres along the normal
in vec3 position;
in vec3 normal;
in vec3 rest;
in vec2 uv;
in float cover;           // where a cap lies
out vec3 vNormal;
out vec3 vCamera;
out vec3 vRest;
out vec2 vUv;
out float vCover;

void main() {
    float swell = smoothstep(0.35, 1.0, cover);
    vCamera = rotation * (position + normal * lift * swell) + translation;
    vNormal = rotation * normal;
    vRest = rest;
    vUv = uv;
    vCover = cover;
    gl_Position = clip * vec4(vCamera, 1.0);
}
