#version 330
// One triangle over the whole picture.
out vec2 across; // 0..1, v upwards

void main() {
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    across = corner;
    gl_Position = vec4(corner * 2.0 - 1.0, 1.0, 1.0);
}
