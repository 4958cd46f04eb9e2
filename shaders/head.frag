#version 330
// Skin, eyes, mouth and hair of the head, lit; linear light in, picture values out.
#include "noise.glsl"

uniform sampler2D albedo; // sRGB-like picture values
uniform vec3 key;         // towards the strongest light, camera axes
uniform vec3 key_colour;  // its linear colour
uniform float features;   // 1: draw brows and lip colour, which the texture lacks; 0: the texture has them
uniform float mouth_open; // 0 closed .. 1 wide: how much light falls into the mouth
uniform vec3 mouth_front; // middle of the lips at rest, head frame
uniform vec3 eye_centre[2]; // left, right, at rest, head frame
uniform float eye_radius;
uniform vec3 brow;        // height of the brow's middle line over |x|: a + b|x| + c|x|^2, head frame
uniform vec2 brow_span;   // |x| of its inner and outer end
uniform float neck_fade;  // height where the neck has gone
uniform vec3 hair_colour;
uniform float hair_volume;

in vec3 eye_normal;
in vec3 eye_position;
in vec3 irradiance;
in vec2 texture_uv;
in vec3 rest_position;
in vec3 rest_normal;
in vec3 traits;
in float hair_depth;
flat in int part;

out vec4 colour;

const int SKIN = 0, EYE = 1, TEETH = 2, TONGUE = 3;

struct Surface {
    vec3 albedo;
    float gloss;     // strength of the highlight
    float sharpness; // its exponent
    float open;      // ambient occlusion
};

#include "eye.glsl"
#include "skin.glsl"
#include "hair.glsl"
#include "mouth.glsl"

void main() {
    vec3 n = normalize(eye_normal);
    vec3 view = normalize(-eye_position);
    vec3 halfway = normalize(view + key);
    float alpha = part == SKIN ? smoothstep(neck_fade, neck_fade + 0.03, rest_position.y + 0.25 * rest_position.z) : 1.0;
    vec3 lit;
    if (part == EYE) {
        lit = eye(n, view, halfway);
    } else {
        Surface s = part == SKIN ? skin() : mouth();
        lit = s.albedo * irradiance * s.open;
        lit += key_colour * s.open * s.gloss * pow(max(dot(n, halfway), 0.0), s.sharpness);
        float rim = 1.0 - max(dot(n, view), 0.0);
        lit += irradiance * s.open * s.gloss * 0.35 * rim * rim * rim * rim;
        if (part == SKIN && hair_volume > 0.0) lit = hair(lit, n, view);
    }
    colour = vec4(pow(clamp(lit, 0.0, 1.0), vec3(1.0 / 2.2)) * alpha, alpha);
}
