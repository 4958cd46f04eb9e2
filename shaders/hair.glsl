// Short combed hair over the scalp: strands by noise, a shine across them (Kajiya and Kay, SIGGRAPH 1989).
vec3 hair(vec3 under, vec3 n, vec3 view) {
    vec3 p = rest_position;
    float side = smoothstep(0.45, 0.8, abs(rest_normal.x));
    float top = noise(vec2(p.x * 900.0, atan(p.z, p.y) * 9.0)) * 0.6 + noise(vec2(p.x * 2100.0, atan(p.z, p.y) * 14.0)) * 0.4;
    float flank = noise(vec2((p.z + 0.35 * p.y) * 900.0, p.y * 70.0)) * 0.6 + noise(vec2((p.z + 0.35 * p.y) * 2100.0, p.y * 120.0)) * 0.4;
    float strand = mix(top, flank, side);
    float cover = smoothstep(-0.002, 0.006, hair_depth + 0.008 * (strand - 0.5));
    if (cover <= 0.0) return under;
    vec3 base = hair_colour * (0.45 + 1.1 * strand);
    vec3 along = normalize(mix(vec3(0.0, p.z, -p.y), vec3(0.0, -1.0, -0.3), side));
    float th = dot(along, normalize(view + key));
    float shine = pow(max(1.0 - th * th, 0.0), 30.0) * (0.5 + strand);
    vec3 lit = base * irradiance * traits.x + key_colour * hair_colour * 0.9 * shine * max(dot(n, key) + 0.3, 0.0);
    return mix(under, lit, cover);
}
