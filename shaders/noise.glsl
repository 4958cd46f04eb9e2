// Value noise: smooth, 0..1, one feature per unit.
float scatter(vec2 p) {
    vec3 q = fract(vec3(p.xyx) * 0.1031);
    q += dot(q, q.yzx + 33.33);
    return fract((q.x + q.y) * q.z);
}

float noise(vec2 p) {
    vec2 cell = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    float low = mix(scatter(cell), scatter(cell + vec2(1, 0)), f.x);
    float high = mix(scatter(cell + vec2(0, 1)), scatter(cell + vec2(1, 1)), f.x);
    return mix(low, high, f.y);
}
