// A wet eye: drawn iris and pupil on the ball, a clear cornea in front that mirrors the lights.
vec3 eye(vec3 n, vec3 view, vec3 halfway) {
    vec3 centre = rest_position.x > 0.0 ? eye_centre[0] : eye_centre[1];
    vec3 e = normalize(rest_position - centre);
    float r = length(e.xy) / 0.40; // 1 at the limbus; the front half only is ever seen
    float spoke = noise(vec2(atan(e.y, e.x) * 14.0, r * 3.0)) * 0.6 + noise(vec2(atan(e.y, e.x) * 31.0, r * 5.0)) * 0.4;
    vec3 iris = mix(vec3(0.20, 0.11, 0.045), vec3(0.075, 0.04, 0.02), smoothstep(0.35, 1.0, r)) * (0.55 + 0.9 * spoke);
    vec3 white = mix(vec3(0.70, 0.68, 0.66), vec3(0.62, 0.40, 0.36), smoothstep(1.3, 2.4, r));
    vec3 base = mix(iris, white, smoothstep(0.93, 1.06, r));
    base *= 1.0 - 0.55 * exp(-pow((r - 0.98) / 0.11, 2.0)); // limbal ring
    base *= smoothstep(0.34, 0.42, r);                       // pupil
    float lids = smoothstep(0.62, 0.05, e.y) * smoothstep(-0.75, -0.25, e.y); // the upper lid's shadow is the deeper
    vec3 lit = base * irradiance * mix(0.25, 0.95, lids);
    // Light that the lens gathers on the side away from the lamp.
    lit += iris * key_colour * 0.7 * (1.0 - smoothstep(0.8, 1.0, r)) * smoothstep(0.42, 0.6, r) * max(0.0, -dot(normalize(e.xy + 1e-4), key.xy));
    float wet = pow(max(dot(n, halfway), 0.0), 600.0) * 2.2 + pow(max(dot(n, halfway), 0.0), 60.0) * 0.06;
    return lit + key_colour * wet * mix(0.3, 1.0, lids);
}
