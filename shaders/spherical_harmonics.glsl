// Light as second-order spherical harmonics of irradiance over pi; order and constants of face3d_live/lighting.py.
uniform vec3 light[9]; // of the constant term, y, z, x, xy, yz, 3zz-1, xz, xx-yy

// What a white matt surface with the unit normal n (camera axes) reflects, linear; below 0 where bands ring.
vec3 harmonics(vec3 n) {
    vec3 sum = 0.282095 * light[0];
    sum += 0.488603 * (n.y * light[1] + n.z * light[2] + n.x * light[3]);
    sum += 1.092548 * (n.x * n.y * light[4] + n.y * n.z * light[5] + n.x * n.z * light[7]);
    sum += 0.315392 * (3.0 * n.z * n.z - 1.0) * light[6];
    sum += 0.546274 * (n.x * n.x - n.y * n.y) * light[8];
    return sum;
}

vec3 shade(vec3 n) { return max(harmonics(n), vec3(0.0)); }
