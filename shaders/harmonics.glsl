// face3d_live/lighting.py: irradiance as second-order spherical harmonics, same order and constants.
uniform vec3 light[9];

vec3 shade(vec3 n) {
    vec3 sum = 0.282095 * light[0];
    sum += 0.488603 * (n.y * light[1] + n.z * light[2] + n.x * light[3]);
    sum += 1.092548 * (n.x * n.y * light[4] + n.y * n.z * light[5] + n.x * n.z * light[7]);
    sum += 0.315392 * (3.0 * n.z * n.z - 1.0) * light[6];
    sum += 0.546274 * (n.x * n.x - n.y * n.y) * light[8];
    return max(sum, vec3(0.0));
}
