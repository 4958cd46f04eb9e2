#version 330
// A training head: moving vertices in the head frame, fixed attributes that say what each place is.
uniform mat4 clip;
uniform mat3 rotation;
uniform vec3 translation;
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec3 rest;      // position on the template, metres: features are drawn there and so move with the face
in vec3 eyeward;   // on eyeballs: direction from the eye's centre on the template
in float part;     // 0 skin 1 eyes 2 teeth 3 tongue 4 mouth interior
in vec4 field;     // lashes, scalp, beard, lips
out vec3 vNormal;
out vec3 vCamera;
out vec2 vUv;
out vec3 vRest;
out vec3 vEyeward;
flat out float vPart;
out vec4 vField;

void main() {
    vCamera = rotation * position + translation;
    vNormal = rotation * normal;
    vUv = uv;
    vRest = rest;
    vEyeward = eyeward;
    vPart = part;
    vField = field;
    gl_Position = clip * vec4(vCamera, 1.0);
}
