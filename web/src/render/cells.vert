#version 300 es
// One instance is rows of cells that stand together.
layout(location = 0) in vec4 a_band; // x, y, width, rows
layout(location = 1) in float a_first;
uniform vec2 u_size;
uniform vec2 u_cell;
out vec2 v_at;
flat out int v_first;
flat out int v_rows;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  v_at = corner * vec2(a_band.z, a_band.w * u_cell.y);
  v_first = int(a_first + 0.5);
  v_rows = int(a_band.w + 0.5);
  vec2 p = (a_band.xy + v_at) / u_size * 2.0 - 1.0;
  gl_Position = vec4(p.x, -p.y, 0.0, 1.0);
}
