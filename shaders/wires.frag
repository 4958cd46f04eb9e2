#version 330
// Regions in their colours under the mesh's edges, one pixel wide and smooth.
in vec3 region;
in vec3 edge;
out vec4 colour;

void main() {
    vec3 pixels = edge / max(fwidth(edge), vec3(1e-6));
    float line = 1.0 - smoothstep(0.3, 1.3, min(pixels.x, min(pixels.y, pixels.z)));
    colour = vec4(mix(region, vec3(0.96), 0.55 * line), 1.0);
}
