#version 330
// The head in the camera's frame. Light is evaluated here: irradiance changes slowly, vertices lie close.
#include "spherical_harmonics.glsl"

uniform mat4 projection;
uniform mat3 rotation;
uniform vec3 translation;
uniform float face_only;   // 1 = nothing but the face, with a soft edge
uniform float hair_volume; // metres that the hair stands off the scalp; 0 = none

in vec3 position; // head frame, metres
in vec3 normal;   // of any length
in vec2 uv;
in vec3 rest;  // the same vertex of the unmoved template: where drawn features are anchored
in vec4 trait; // ambient occlusion (1 = open) 0..1; lips 0..1; depth, see below; metres from the neck's end
in float face_edge; // metres inside the outline of the face
in float wreath_edge; // metres inside the edge of receding hair
in float hair_open; // how much light the hair style leaves the skin, 0..1
in float skin_gloss; // how much the skin shines, 0..1: less under a beard
in vec2 tooth; // along the arch in teeth, and from the edge to the gum; below 0 off the teeth
in float part; // number of the part: 0 skin, 1 eyes, 2 teeth, 3 tongue, 4 mouth interior

out vec3 eye_normal;
out vec3 eye_position;
out vec3 irradiance; // times ambient occlusion
out vec2 texture_uv;
out vec3 rest_position;
out vec3 rest_normal;
out float ambient_occlusion; // 1 = open
out float lips;
out float gloss;
out float depth; // metres: of skin inside the hairline (negative outside), of the mouth's lining behind the lips
out float alpha;
out float wreath;
out vec2 tooth_at;
out float shaded;
flat out int part_number;

void main() {
    vec3 unit = normalize(normal);
    float lift = hair_volume * smoothstep(-0.002, 0.04, trait.z) * step(part, 0.5);
    vec3 at = rotation * (position + unit * lift) + translation;
    part_number = int(part + 0.5);
    eye_normal = rotation * unit;
    eye_position = at;
    ambient_occlusion = trait.x * hair_open;
    irradiance = shade(eye_normal) * ambient_occlusion;
    texture_uv = uv;
    rest_position = rest;
    rest_normal = unit;
    wreath = wreath_edge;
    shaded = hair_open;
    tooth_at = tooth;
    lips = trait.y;
    gloss = skin_gloss;
    depth = trait.z;
    alpha = face_only > 0.5 ? smoothstep(0.0, 0.016, face_edge) : smoothstep(0.0, 0.03, trait.w);
    gl_Position = projection * vec4(at, 1.0);
}
