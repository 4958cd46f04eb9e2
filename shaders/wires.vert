#version 330
// Corners of triangles that share nothing, so that each knows how far it is from the opposite edge.
#include "spherical_harmonics.glsl"

uniform mat4 projection;
uniform mat3 rotation;
uniform vec3 translation;

in vec3 position; // head frame, metres
in vec3 normal;
in vec3 tint;     // the region's colour
in vec3 corner;   // barycentric; a component stays 1 where the edge opposite is not to be drawn

out vec3 region;
out vec3 edge;

void main() {
    vec3 at = rotation * position + translation;
    region = tint * (0.35 + 0.65 * shade(rotation * normalize(normal)));
    edge = corner;
    gl_Position = projection * vec4(at, 1.0);
}
