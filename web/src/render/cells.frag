// Behind patterns.glsl: cells, four bytes each (see pages/grid.rs).
precision highp usampler2D;
in vec2 v_at;
flat in int v_first;
flat in int v_rows;
uniform usampler2D u_cells;
uniform vec2 u_cell;
uniform float u_progress;
uniform float u_dots;
uniform float u_share;
out vec4 o_colour;

// How much of this pixel lies in lower..upper.
float within(float x, float lower, float upper) {
  float half_ = 0.5 / u_ratio;
  return clamp((min(x + half_, upper) - max(x - half_, lower)) * u_ratio, 0.0, 1.0);
}

vec4 over(vec4 top, vec4 under) {
  return top + under * (1.0 - top.a);
}

// The fill of one state in a box, share 0..1 of it.
vec4 state(int fill, vec2 p, vec2 box, bool inferred, bool fused, float share) {
  if (fill == 0) return vec4(0.0);
  vec4 colour = u_palette[fill];
  float size = min(box.x, box.y);
  vec2 q = abs(p - box * 0.5) - box * 0.5;
  float dist = max(q.x, q.y);
  float alpha;
  if (size < 8.0) {
    // Too small for a pattern: tone alone.
    alpha = fill == 2 ? 0.5 : 1.0;
    // But nothing there is hollow, and nothing known is struck through.
    float outline = size < 4.0 ? 0.4 : 1.0 - step(1.0 / u_ratio, -dist);
    if (fill == 1) alpha = mix(0.05, 0.32, outline);
    if (fill == 8) alpha = size < 4.0 ? 0.4 : mix(0.26, 0.62, stripes(p, vec2(0.7071, 0.7071), 3.2, 1.1));
    if (inferred && fill != 1) alpha *= 0.72;
  } else {
    float small = size < 24.0 ? 1.0 : 0.0;
    // Many hollow cells stand together: their lines are fine.
    float line_ = 1.0 - smoothstep(0.0, 0.75, abs(dist + 0.6) - 0.3);
    // What is fused with its neighbours has no border of its own.
    if (fused) dist -= 99.0;
    float dot_ = 1.0 - smoothstep(0.0, 1.0, length(p - box * 0.5) - size * 0.13);
    alpha = fill == 1 ? line_ * 0.5
      : fill == 2 && small > 0.5 ? max(fused ? 0.0 : line_ * 0.7, 0.3 + 0.55 * dot_)
      : cover(fill, p, box, dist, small, 0.0);
    if (inferred && fill > 1) {
      // Thinner: an inset fill in a fine outline.
      float inset = max(1.5, size * 0.13);
      float inner = 1.0 - smoothstep(-0.5, 0.5, (dist + inset) * u_ratio);
      float line = 1.0 - smoothstep(0.0, 1.0, abs(dist + 0.5) - 0.25);
      alpha = max(alpha * inner * 0.86, line * 0.75);
    }
  }
  return vec4(colour.rgb, 1.0) * colour.a * alpha * share;
}

void main() {
  ivec2 at = ivec2(floor(v_at / u_cell));
  at = clamp(at, ivec2(0), ivec2(textureSize(u_cells, 0).x - 1, v_rows - 1));
  uvec4 cell = texelFetch(u_cells, ivec2(at.x, v_first + at.y), 0);
  vec2 p = v_at - vec2(at) * u_cell;
  float size = min(u_cell.x, u_cell.y);
  if (cell.r == 0u && cell.b == 0u) {
    // Nothing is mapped: where holes are true to scale, a faint dot says that there could be.
    vec2 middle = floor(u_cell * 0.5 * u_ratio) / u_ratio;
    float dot_ = within(p.x, middle.x - 0.5, middle.x + 0.5) * within(p.y, middle.y - 0.5, middle.y + 0.5);
    o_colour = vec4(u_palette[10].rgb, 1.0) * dot_ * u_dots * u_share;
    return;
  }
  float gap = size < 3.0 ? 0.0 : size < 9.0 ? 1.0 : size < 24.0 ? 1.5 : 2.0;
  gap = max(1.0, floor(gap * u_ratio)) / u_ratio * step(0.5, gap);
  bool huge = (cell.g & 1u) != 0u;
  // Neighbours in a huge page touch.
  float right = huge && (cell.a & 4u) == 0u ? 0.0 : gap;
  float lower = huge && (cell.a & 8u) == 0u ? 0.0 : gap;
  vec2 box = u_cell - vec2(right, lower);
  int fill = int(cell.r & 15u);
  bool inferred = (cell.r & 16u) != 0u;
  bool mixed = (cell.r & 32u) != 0u;
  bool changed = (cell.r & 64u) != 0u;
  float tone = float(cell.g >> 4u) / 15.0;
  float share = mixed ? 0.45 + 0.45 * tone : 1.0;
  vec4 colour = state(fill, p, huge ? u_cell : box, inferred, huge, share);
  float inside = within(p.x, 0.0, box.x) * within(p.y, 0.0, box.y);
  if (mixed && size >= 6.0) {
    // Not all of it: a corner is missing.
    float cut = min(box.x, box.y) * 0.5;
    float corner = smoothstep(-0.5, 0.5, (p.x - p.y - box.x + cut) * u_ratio * 0.7);
    colour *= 1.0 - corner * 0.78;
  }
  if (changed && u_progress < 1.0) {
    vec4 before = state(int(cell.b & 15u), p, box, false, false, 1.0);
    float front = smoothstep(0.0, 1.0, u_progress * 1.4 - 0.4 * p.x / box.x);
    float flash = (1.0 - u_progress) * (cell.r % 16u == 0u ? 0.35 : 0.8);
    vec4 accent = vec4(u_palette[11].rgb, 1.0);
    colour = over(accent * flash, mix(before, colour, front));
  }
  colour *= inside;
  vec4 ink = vec4(u_palette[9].rgb, 1.0);
  if (huge) {
    float line = max(1.0, floor(1.25 * u_ratio)) / u_ratio;
    float edge = 0.0;
    if ((cell.a & 1u) != 0u) edge = max(edge, within(p.x, 0.0, line));
    if ((cell.a & 2u) != 0u) edge = max(edge, within(p.y, 0.0, line));
    if ((cell.a & 4u) != 0u) edge = max(edge, within(p.x, box.x - line, box.x));
    if ((cell.a & 8u) != 0u) edge = max(edge, within(p.y, box.y - line, box.y));
    colour = over(ink * edge * 0.85 * inside, colour);
  }
  if (size >= 10.0 && (cell.a & 16u) != 0u) {
    colour = over(ink * within(p.x, 0.0, 1.5) * 0.8, colour);
  }
  if (size >= 18.0) {
    if ((cell.g & 2u) != 0u) {
      // Guard: crossed out.
      vec2 n = p / box - 0.5;
      float cross_ = min(abs(n.x - n.y), abs(n.x + n.y)) * size;
      colour = over(ink * (1.0 - smoothstep(0.7, 1.5, cross_)) * inside * 0.8, colour);
    }
    float mark = clamp(size * 0.2, 4.0, 8.0);
    if ((cell.g & 4u) != 0u) {
      // Locked: a peg in the corner.
      float peg = within(p.x, 2.0, 2.0 + mark) * within(p.y, box.y - 2.0 - mark, box.y - 2.0);
      colour = over(ink * peg, colour);
    }
    if ((cell.g & 8u) != 0u) {
      // Soft-dirty: a drop in the other one.
      float far = length(p - box + 2.0 + mark * 0.5) - mark * 0.5;
      colour = over(ink * (1.0 - smoothstep(-0.5, 0.5, far)), colour);
    }
  }
  o_colour = colour * u_share;
}
