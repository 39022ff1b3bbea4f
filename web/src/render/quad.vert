#version 300 es
// One instance is one box; its four corners come from the vertex number.
layout(location = 0) in vec4 a_rect;
layout(location = 1) in vec3 a_fill;  // from, to, mix
layout(location = 2) in vec3 a_style; // alpha, radius, inferred
uniform vec2 u_size;
out vec2 v_at;
flat out vec2 v_box;
flat out vec3 v_fill;
flat out vec3 v_style;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  v_at = corner * a_rect.zw;
  v_box = a_rect.zw;
  v_fill = a_fill;
  v_style = a_style;
  vec2 p = (a_rect.xy + v_at) / u_size * 2.0 - 1.0;
  gl_Position = vec4(p.x, -p.y, 0.0, 1.0);
}
