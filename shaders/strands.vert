#version 330
// A hair style's cards in the camera's frame. What changes slowly is evaluated here: there are many layers to fill.
#include "spherical_harmonics.glsl"

uniform mat4 projection;
uniform mat3 rotation;
uniform vec3 translation;
uniform vec3 key;

in vec3 position; // head frame, metres
in vec3 normal;   // outwards
in vec3 along;    // the strands' direction, either way
in vec2 uv;
in float open;    // ambient occlusion, 1 = open
in float height;  // of the template, metres: long hair ends where the neck does

out vec3 irradiance;  // times ambient occlusion
out vec3 highlight;   // cosines of the halfway vector with the strand and with the normal; how much lamp there is
out vec2 texture_uv;
out float alpha;

void main() {
    vec3 at = rotation * position + translation;
    vec3 n = rotation * normal, view = normalize(-at), halfway = normalize(view + key);
    float outside = smoothstep(-0.35, 0.0, dot(n, view)); // cards are seen from behind, too
    irradiance = shade(n) * open * mix(0.45, 1.0, outside);
    float lamp = open * clamp(0.3 + dot(n, key), 0.0, 1.0) * outside;
    highlight = vec3(dot(rotation * along, halfway), dot(n, halfway), lamp);
    texture_uv = uv;
    alpha = smoothstep(-0.165, -0.135, height);
    gl_Position = projection * vec4(at, 1.0);
}
