#version 300 es
// Colour says the state, the pattern says it again, the thinner fill says "inferred".
precision highp float;
in vec2 v_at;
flat in vec2 v_box;
flat in vec2 v_origin;
flat in vec3 v_fill;
flat in vec3 v_style;
uniform float u_ratio;
uniform vec4 u_palette[13];
out vec4 o_colour;

// Distance to the box's edge in CSS pixels, negative inside.
float edge(float radius) {
  vec2 q = abs(v_at - v_box * 0.5) - v_box * 0.5 + radius;
  return length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - radius;
}

float stripes(vec2 p, vec2 along, float period, float width) {
  float d = abs(fract(dot(p, along) / period) - 0.5) * period;
  return 1.0 - smoothstep(width * 0.5 - 0.5, width * 0.5 + 0.5, d);
}

// How strongly the fill covers here: 0 paper, 1 full colour.
float cover(int fill, float dist, float small, float inferred) {
  float border = 1.0 - smoothstep(0.0, 1.0, abs(dist + 1.0) - 0.5 - (1.0 - small) * 0.5);
  float period = mix(12.0, 5.0, small);
  float body = inferred > 0.5 ? 0.62 : 1.0;
  vec2 p = v_at;
  if (fill == 0) {
    // Not mapped: a broken outline.
    float dash = step(0.5, fract((v_at.x + v_at.y) / 14.0));
    return border * dash * 0.8;
  }
  if (fill == 1) return border * mix(1.0, 0.6, small);
  if (fill == 2) {
    vec2 g = fract(p / period) - 0.5;
    float dot_ = 1.0 - smoothstep(1.0, 2.0, length(g) * period);
    return max(border, 0.22 + 0.6 * dot_);
  }
  if (fill == 3) return body;
  if (fill == 4) return max(border, body * (0.72 + 0.28 * stripes(p, vec2(0.0, 1.0), period, period * 0.4)));
  if (fill == 5) return max(border, body * (v_at.y > v_box.y * 0.66 ? 1.0 : 0.6));
  if (fill == 6) return max(border, body * (0.45 + 0.55 * stripes(p, vec2(0.7071, 0.7071), period, period * 0.4)));
  if (fill == 7) return max(border, body * (0.4 + 0.6 * stripes(p, vec2(1.0, 0.0), period, period * 0.5)));
  if (fill == 8) {
    float cross_ = max(stripes(p, vec2(0.7071, 0.7071), period, 1.5), stripes(p, vec2(0.7071, -0.7071), period, 1.5));
    return max(border * 0.7, 0.14 + 0.5 * cross_);
  }
  return 1.0;
}

vec4 paint(int fill, float dist, float small, float inferred) {
  vec4 c = u_palette[fill];
  float a = c.a * cover(fill, dist, small, inferred);
  return vec4(c.rgb * a, a);
}

void main() {
  float dist = edge(v_style.y);
  float aa = 0.5 / u_ratio;
  float inside = 1.0 - smoothstep(-aa, aa, dist);
  float small = step(min(v_box.x, v_box.y), 24.0);
  vec4 from = paint(int(v_fill.x + 0.5), dist, small, v_style.z);
  vec4 to = paint(int(v_fill.y + 0.5), dist, small, v_style.z);
  // The new state spreads from the left, with a soft front.
  float x = v_at.x / max(v_box.x, 1.0);
  float front = v_fill.z >= 1.0 ? 1.0 : 1.0 - smoothstep(v_fill.z * 1.15 - 0.15, v_fill.z * 1.15, x);
  o_colour = mix(from, to, front) * inside * v_style.x;
}
