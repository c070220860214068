#version 400 core
// A studio that turns with the camera: a key light from the upper left, a weaker fill light from the right, a bright
// ceiling above a dim floor. Light is added up in squared sRGB values, which follow linear light closely and cost
// one square root to encode. The viewer is taken to be far away, so that half vectors are constants. On a software
// driver this file is where the time goes: what a surface does not need is left out by macro.

struct Material {
    vec4 base_color_factor;
    float metallic_factor;
    float roughness_factor;
#ifdef UV_LOC
    sampler2D base_color_texture;
#endif
};
uniform Material material;
uniform mat4 V;
#ifdef SEE_THROUGH
uniform float alpha_cutoff;
#endif

in vec3 view_normal;
#ifdef UV_LOC
in vec2 uv;
#endif
#ifdef TINT_LOC
in vec4 tint;
#endif

out vec4 colour;

const vec3 KEY = vec3(-0.4286, 0.6428, 0.6350);
const vec3 KEY_HALF = vec3(-0.2370, 0.3555, 0.9041);  // between it and the viewer
const vec3 FILL = vec3(0.7683, 0.1098, 0.6306);

void main()
{
    vec4 base = material.base_color_factor;
#ifdef TINT_LOC
    base *= tint;
#endif
#ifdef UV_LOC
    vec4 texel = texture(material.base_color_texture, uv);
    base *= vec4(texel.rgb * texel.rgb, texel.a);
#endif
#ifdef SEE_THROUGH
    if (base.a < alpha_cutoff) discard;
#endif

#ifdef TWO_SIDED
    vec3 n = normalize(gl_FrontFacing ? view_normal : -view_normal);
#else
    vec3 n = normalize(view_normal);
#endif
    vec3 up = V[1].xyz;
    float upward = dot(n, up);
    float diffuse = 0.28 + 0.12 * upward + 0.56 * max(dot(n, KEY), 0.0) + 0.20 * max(dot(n, FILL), 0.0);

    // Blinn and Phong's highlight, its power taken as the square of a straight line.
    float gloss = (1.0 - material.roughness_factor) * (1.0 - material.roughness_factor);
    float lobe = max(1.0 - (2.0 + 60.0 * gloss) * (1.0 - dot(n, KEY_HALF)), 0.0);
    float highlight = gloss * lobe * lobe;

#ifdef METAL
    // What a mirror would show of ceiling and floor.
    float studio = 0.15 + 0.95 * smoothstep(-0.5, 0.8, 2.0 * n.z * upward - up.z);
    float metal = material.metallic_factor;
    vec3 light = base.rgb * mix(diffuse, 0.35 * diffuse + 0.75 * studio, metal)
               + highlight * mix(vec3(0.25), base.rgb, metal);
#else
    vec3 light = base.rgb * diffuse + 0.25 * highlight;
#endif
    // A soft shoulder: mid-tones keep their value, white stays below clipping.
    colour = vec4(sqrt(light) * (1.04 - 0.12 * light), 1.0);
#ifdef SEE_THROUGH
    // Translucency covers a share of the pixel's four samples, dithered over 2x2 pixels: right in any order of
    // drawing, and colour need not be multiplied by alpha.
    ivec2 odd = ivec2(gl_FragCoord.xy) & 1;
    float dither = 0.125 + 0.5 * float(odd.x ^ odd.y) + 0.25 * float(odd.y);
    float alpha = alpha_cutoff > 0.0 ? 1.0 : base.a;
    gl_SampleMask[0] = (1 << int(4.0 * alpha + dither)) - 1;
#endif
}
