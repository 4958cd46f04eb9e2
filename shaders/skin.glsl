// Skin in the light, linear. Include in a fragment shader behind head.vert.
uniform sampler2D albedo;  // square roots of linear albedo
uniform vec3 key;          // towards the strongest light, camera axes
uniform vec3 key_colour;   // its linear colour

in vec3 eye_normal;
in vec3 eye_position;
in vec3 irradiance;
in vec2 texture_uv;
in float ambient_occlusion; // 1 = open
in float lips;
in float gloss; // 1 = skin, 0 = hidden by hair that grows on it

vec3 skin_albedo() {
    vec3 base = texture(albedo, texture_uv).rgb;
    return base * base;
}

vec3 skin_of(vec3 base, vec3 n, vec3 view) {
    // Light that entered in a crease leaves it red.
    vec3 lit = base * irradiance + base * (1.0 - ambient_occlusion) * vec3(0.10, 0.018, 0.010);
    float facing = max(dot(n, normalize(view + key)), 0.0);
    float f2 = facing * facing, f4 = f2 * f2, f8 = f4 * f4, f16 = f8 * f8, f48 = f16 * f16 * f16;
    float rim = 1.0 - max(dot(n, view), 0.0);
    rim *= rim;
    lit += key_colour * ambient_occlusion * gloss * (mix(0.055, 0.04, lips) * f16 + mix(0.03, 0.14, lips) * f48);
    return lit + irradiance * (0.10 * gloss * rim * rim);
}

vec3 skin(vec3 n, vec3 view) { return skin_of(skin_albedo(), n, view); }
