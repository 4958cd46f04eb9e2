#version 330
// A training head: moving vertices in the head frame, fixed attributes of material and features.
uniform mat4 projection;
uniform mat3 rotation;
uniform vec3 translation;
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec3 rest;      // position on the template, metres: features are drawn there and so move with the face
in vec3 eyeward;   // on eyeballs: direction from the eye's centre on the template
in float part;     // 0 skin 1 eyes 2 teeth 3 tongue 4 mouth interior
in vec4 field;     // lashes, scalp, beard, lips
out vec3 eye_normal;
out vec3 eye_position;
out vec2 texture_uv;
out vec3 rest_position;
out vec3 rest_eyeward;
flat out float part_number;
out vec4 traits;

void main() {
    eye_position = rotation * position + translation;
    eye_normal = rotation * normal;
    texture_uv = uv;
    rest_position = rest;
    rest_eyeward = eyeward;
    part_number = part;
    traits = field;
    gl_Position = projection * vec4(eye_position, 1.0);
}
