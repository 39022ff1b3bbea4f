//! Text: as the page's style sheets set it, but measured by rule of thumb, since nobody knows the viewer's fonts.

use super::{Svg, escaped, n, put};
use crate::layout::Rect;
use crate::scene::Label;
use std::fmt::Write;

/// How a piece of text is set.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// Its size in pixels.
    pub size: f32,
    /// Its weight.
    pub weight: u16,
    /// What colours it.
    pub class: &'a str,
    /// Where it stands in its box from left to right: 0, 0.5 or 1.
    pub across: f32,
    /// Where from top to bottom.
    pub down: f32,
    /// Whether it is broken into lines.
    pub wraps: bool,
}

/// The scale of `tokens.css`.
fn scale(step: u8, vw: f32) -> f32 {
    match step {
        0 => (0.45 * vw + 6.2).clamp(12.0, 28.0),
        1 => (0.5 * vw + 7.0).clamp(13.0, 32.0),
        _ => (0.6 * vw + 8.3).clamp(15.0, 38.0),
    }
}

/// What a label's class means, as in `style/stage.css` and `style/pages.css`.
fn of(class: &str, vw: f32) -> Words<'static> {
    let [s0, s1, s2] = [0, 1, 2].map(|step| scale(step, vw));
    let plain = Words { size: s0, weight: 400, class: "soft", across: 0.0, down: 0.5, wraps: false };
    let bold = Words { weight: 650, class: "ink", ..plain };
    match class {
        "caption" | "caption low" => Words { size: s1, weight: 600, down: 0.86, ..bold },
        "caption right" => Words { size: s1, across: 1.0, down: 0.86, ..plain },
        "entry" => Words { size: s1, ..plain },
        "none" => Words { size: s2, across: 0.5, ..plain },
        "asked" => Words { size: s1, class: "f11", down: 0.0, wraps: true, ..bold },
        "done" => Words { size: s1, down: 1.0, wraps: true, ..bold },
        "glyph" => Words { size: 2.5 * vw, class: "mono f3", across: 0.5, ..bold },
        "glyph narrow" => Words { size: 1.7 * vw, class: "mono f3", across: 0.5, ..bold },
        "hex" => Words { size: (0.95 * vw).max(9.0), class: "mono soft", across: 0.5, ..plain },
        "note" => Words { wraps: true, ..plain },
        "head" => Words { down: 0.9, ..bold },
        "head info" => Words { down: 0.9, ..plain },
        "row" => Words { size: 11.0, class: "mono ink", across: 1.0, ..plain },
        "tick" => Words { size: 11.0, across: 1.0, ..plain },
        "page" => Words { size: 11.0, class: "mono soft", across: 0.5, ..plain },
        "page full" => Words { size: 11.0, class: "mono f12", across: 0.5, weight: 500, ..plain },
        _ => Words { across: 0.5, ..plain },
    }
}

/// About how wide a character is, in ems.
fn width_of(style: &Words<'_>) -> f32 {
    match (style.class.starts_with("mono"), style.weight > 500) {
        (true, _) => 0.61,
        (false, true) => 0.58,
        (false, false) => 0.53,
    }
}

/// About how wide a text is.
pub(crate) fn wide(text: &str, style: &Words<'_>) -> f32 {
    crate::layout::small(u64::try_from(text.chars().count()).unwrap_or(u64::MAX))
        * width_of(style)
        * style.size
}

pub(super) fn label(svg: &mut Svg, label: &Label, vw: f32) {
    let style = of(label.class, vw);
    if label.class == "fold" {
        // What is left out: a dotted line on both sides.
        let (middle, room) = (label.rect.y + label.rect.h / 2.0, wide(&label.text, &style) + 20.0);
        let side = (label.rect.w - room) / 2.0;
        if side > 8.0 {
            let (x, right) = (label.rect.x, label.rect.right() - side);
            let (y, side) = (n(middle), n(side));
            put!(
                svg.body,
                "<path d=\"M{} {y}h{side}M{} {y}h{side}\" class=\"s10\" stroke-width=\"2\" stroke-dasharray=\"2 4\"/>",
                n(x),
                n(right)
            );
        }
    }
    let (dim, text) = label.text.split_at_checked(label.dim).unwrap_or(("", &label.text));
    if dim.is_empty() {
        return words(svg, &label.text, label.rect, &style);
    }
    // The new digits end at the right; what is dimmed stands before them.
    words(svg, text, label.rect, &style);
    let before = Rect { w: label.rect.w - wide(text, &style), ..label.rect };
    words(svg, dim, before, &Words { class: "mono soft", ..style });
}

/// Sets text in a box: cut with an ellipsis where it is too long, or broken into lines.
pub fn words(svg: &mut Svg, text: &str, rect: Rect, style: &Words<'_>) {
    let each = width_of(style) * style.size;
    let most = fits(rect.w, each);
    let lines = if style.wraps { wrapped(text, most) } else { vec![cut(text, most)] };
    let step = style.size * 1.25;
    let block = step * (crate::layout::small(u64::try_from(lines.len()).unwrap_or(1)) - 1.0) + style.size;
    let x = rect.x + rect.w * style.across;
    // The baseline stands about a fifth above the lower edge of a line.
    let mut y = rect.y + (rect.h - block) * style.down + style.size * 0.84;
    let anchor = match style.across {
        0.0 => "",
        1.0 => " text-anchor=\"end\"",
        _ => " text-anchor=\"middle\"",
    };
    let weight =
        if style.weight == 400 { String::new() } else { format!(" font-weight=\"{}\"", style.weight) };
    for line in lines {
        if !line.is_empty() {
            put!(
                svg.body,
                "<text x=\"{}\" y=\"{}\" class=\"{}\" font-size=\"{}\"{weight}{anchor}>{}</text>",
                n(x),
                n(y),
                style.class,
                n(style.size),
                escaped(&line)
            );
        }
        y += step;
    }
}

fn fits(wide: f32, each: f32) -> usize {
    let most = (wide / each.max(0.1)).floor().clamp(1.0, 4096.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let most = most as usize;
    most
}

fn cut(text: &str, most: usize) -> String {
    // The rule of thumb is a careful one.
    if text.chars().count() <= most + most / 8 {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
