// Inside the mouth: the further back, and the less the lips part, the darker.
Surface mouth() {
    float depth = smoothstep(0.045, 0.004, mouth_front.z - rest_position.z);
    float open = mix(0.12, 1.0, mouth_open) * mix(0.06, 1.0, depth);
    if (part == TEETH) return Surface(vec3(0.66, 0.61, 0.52), 0.22, 50.0, open);
    if (part == TONGUE) return Surface(vec3(0.42, 0.14, 0.13), 0.12, 22.0, open * 0.9);
    return Surface(vec3(0.22, 0.05, 0.05), 0.05, 20.0, open * 0.6);
}
