#version 400 core
// The *_LOC macros say where each attribute lies: UV_LOC is there for textured surfaces, TINT_LOC where colour
// varies from vertex to vertex.

layout(location = POSITION_LOC) in vec3 position;
layout(location = NORMAL_LOC) in vec3 normal;
#ifdef UV_LOC
layout(location = UV_LOC) in vec2 texture_uv;
out vec2 uv;
#endif
#ifdef TINT_LOC
layout(location = TINT_LOC) in vec4 vertex_tint;
out vec4 tint;
#endif

uniform mat4 V;
uniform mat4 P;

out vec3 view_normal;

void main()
{
    gl_Position = P * (V * vec4(position, 1.0));
    view_normal = mat3(V) * normal;
#ifdef UV_LOC
    uv = texture_uv;
#endif
#ifdef TINT_LOC
    tint = vertex_tint;
#endif
}
