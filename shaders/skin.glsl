Surface skin() {
    vec3 base = pow(texture(albedo, texture_uv).rgb, vec3(2.2));
    float lips = traits.y;
    if (features > 0.0) {
        float x = abs(rest_position.x);
        float along = (x - brow_span.x) / (brow_span.y - brow_span.x);
        float off = rest_position.y - (brow.x + brow.y * x + brow.z * x * x);
        float thick = mix(0.0048, 0.0022, clamp(along, 0.0, 1.0));
        // Strands lean outwards from the nose.
        float strands = noise(vec2(x * 1400.0 - off * 900.0, off * 260.0 + x * 200.0));
        float body = smoothstep(1.25, 0.45, abs(off) / thick + 0.5 * (strands - 0.5));
        float ends = smoothstep(-0.08, 0.12, along) * smoothstep(1.12, 0.75, along);
        float front = step(0.02, rest_position.z);
        base = mix(base, hair_colour * 0.8, 0.85 * features * front * body * ends);
        base = mix(base, base * vec3(0.92, 0.52, 0.52), 0.8 * features * lips);
    }
    base = mix(base, vec3(0.012, 0.009, 0.008), 0.85 * traits.z);
    float oily = smoothstep(0.02, 0.0, abs(rest_position.x)) * 0.05;
    return Surface(base, mix(0.07 + oily, 0.16, lips), mix(14.0, 40.0, lips), traits.x);
}
