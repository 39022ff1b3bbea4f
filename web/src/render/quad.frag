// Behind patterns.glsl: one box.
in vec2 v_at;
flat in vec2 v_box;
flat in vec3 v_fill;
flat in vec3 v_style;
out vec4 o_colour;

// Distance to the box's edge in CSS pixels, negative inside.
float edge(float radius) {
  vec2 q = abs(v_at - v_box * 0.5) - v_box * 0.5 + radius;
  return length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - radius;
}

void main() {
  float dist = edge(v_style.y);
  float aa = 0.5 / u_ratio;
  float inside = 1.0 - smoothstep(-aa, aa, dist);
  float small = step(min(v_box.x, v_box.y), 24.0);
  vec4 from = paint(int(v_fill.x + 0.5), v_at, v_box, dist, small, v_style.z);
  vec4 to = paint(int(v_fill.y + 0.5), v_at, v_box, dist, small, v_style.z);
  // The new state spreads from the left, with a soft front.
  float x = v_at.x / max(v_box.x, 1.0);
  float front = v_fill.z >= 1.0 ? 1.0 : 1.0 - smoothstep(v_fill.z * 1.15 - 0.15, v_fill.z * 1.15, x);
  o_colour = mix(from, to, front) * inside * v_style.x;
}
