#version 300 es
// Colour says the state, the pattern says it again, the thinner fill says "inferred".
precision highp float;
precision highp int;
uniform float u_ratio;
uniform vec4 u_palette[13];

float stripes(vec2 p, vec2 along, float period, float width) {
  float d = abs(fract(dot(p, along) / period) - 0.5) * period;
  return 1.0 - smoothstep(width * 0.5 - 0.5, width * 0.5 + 0.5, d);
}

// How strongly a fill covers the place p of a box: 0 paper, 1 full colour. dist: to the edge, negative inside.
float cover(int fill, vec2 p, vec2 box, float dist, float small, float inferred) {
  float border = 1.0 - smoothstep(0.0, 1.0, abs(dist + 1.0) - 0.5 - (1.0 - small) * 0.5);
  float period = mix(12.0, 5.0, small);
  float body = inferred > 0.5 ? 0.62 : 1.0;
  if (fill == 0) {
    // Not mapped: a broken outline.
    float dash = step(0.5, fract((p.x + p.y) / 14.0));
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
  if (fill == 5) return max(border, body * (p.y > box.y * 0.66 ? 1.0 : 0.6));
  if (fill == 6) return max(border, body * (0.45 + 0.55 * stripes(p, vec2(0.7071, 0.7071), period, period * 0.4)));
  if (fill == 7) return max(border, body * (0.4 + 0.6 * stripes(p, vec2(1.0, 0.0), period, period * 0.5)));
  if (fill == 8) {
    float cross_ = max(stripes(p, vec2(0.7071, 0.7071), period, 1.5), stripes(p, vec2(0.7071, -0.7071), period, 1.5));
    return max(border * 0.7, 0.14 + 0.5 * cross_);
  }
  return 1.0;
}

vec4 paint(int fill, vec2 p, vec2 box, float dist, float small, float inferred) {
  vec4 c = u_palette[fill];
  float a = c.a * cover(fill, p, box, dist, small, inferred);
  return vec4(c.rgb * a, a);
}

