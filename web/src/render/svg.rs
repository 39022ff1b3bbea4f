//! A scene as SVG: plain shapes, and text as text. It draws like the shaders do: colour says the state, a pattern says it
//! again, and what is inferred is thinner.
//!
//! A row of like cells is one dashed line, as high as a cell: a picture of many pages stays small.

mod cells;
mod colours;
mod text;

pub use colours::{Theme, style};
pub(crate) use text::wide;
pub use text::{Words, words};

use crate::layout::Rect;
use crate::palette::Fill;
use crate::scene::{Cells, Quad, Scene};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Where a picture comes together.
#[derive(Debug, Default)]
pub struct Svg {
    /// Elements.
    pub body: String,
    /// What elements refer to.
    pub defs: String,
    /// Fills whose hatching is defined.
    hatched: BTreeSet<Fill>,
    /// Counts what elements refer to.
    ids: u32,
}

/// Writing to a string does not fail.
macro_rules! put {
    ($to:expr, $($what:tt)*) => { let _ = write!($to, $($what)*); };
}
pub(crate) use put;

impl Svg {
    /// Draws cells, boxes and labels; `vw` is a hundredth of the width that type goes by.
    pub fn scene(&mut self, scene: &Scene, vw: f32) {
        if let Some(cells) = &scene.cells {
            self.cells(cells);
        }
        let mut rest = scene.quads.as_slice();
        while let Some((first, more)) = rest.split_first() {
            let like = |quad: &&Quad| is_plain(quad) && style_of(quad) == style_of(first);
            let count = if is_plain(first) { 1 + more.iter().take_while(like).count() } else { 1 };
            let (these, others) = rest.split_at(count);
            if count > 8 {
                self.many(these);
            } else {
                these.iter().for_each(|quad| self.quad(quad));
            }
            rest = others;
        }
        for label in &scene.labels {
            text::label(self, label, vw);
        }
    }

    /// Draws cells.
    pub fn cells(&mut self, all: &Cells) {
        cells::draw(self, all);
    }

    /// A box at rest: what it becomes, not what it was.
    fn quad(&mut self, quad: &Quad) {
        let fill = quad.to;
        let Rect { x, y, w, h } = quad.rect;
        if quad.alpha <= 0.0 || w <= 0.0 || h <= 0.0 {
            return;
        }
        if is_solid(fill) {
            let (geometry, alpha) = (geometry(quad.rect, quad.radius), opacity("opacity", quad.alpha));
            put!(self.body, "<rect{geometry} class=\"f{}\"{alpha}/>", fill as u8);
            return;
        }
        self.state(
            Rect { x: x + 0.75, y: y + 0.75, w: w - 1.5, h: h - 1.5 },
            fill,
            quad.radius,
            quad.inferred,
        );
    }

    /// A box with the colour and the pattern of a state, in an outline.
    pub fn state(&mut self, rect: Rect, fill: Fill, radius: f32, inferred: bool) {
        let number = fill as u8;
        let at = geometry(rect, radius);
        let body = match fill {
            Fill::ZeroPage => 0.22,
            Fill::Private => 1.0,
            Fill::FileClean => 0.72,
            Fill::FileDirty => 0.6,
            Fill::CopyPending => 0.45,
            Fill::Swapped => 0.4,
            Fill::Unknown => 0.14,
            _ => 0.0,
        };
        let thin = if inferred && body > 0.2 { 0.62 } else { 1.0 };
        let alpha = opacity("fill-opacity", body * thin);
        let dashes = if fill == Fill::Unmapped { " stroke-dasharray=\"7 7\"" } else { "" };
        let (inside, class) = if body > 0.0 {
            ("", format!("f{number} s{number}"))
        } else {
            (" fill=\"none\"", format!("s{number}"))
        };
        put!(self.body, "<rect{at} class=\"{class}\"{inside}{alpha}{dashes} stroke-width=\"1.5\"/>");
        if fill == Fill::FileDirty {
            let lower = Rect { y: rect.y + rect.h * 0.66, h: rect.h * 0.34, ..rect };
            put!(
                self.body,
                "<rect{} class=\"f{number}\"{}/>",
                geometry(lower, 0.0),
                opacity("opacity", thin)
            );
        } else if self.hatch(fill) {
            put!(self.body, "<rect{at} fill=\"url(#h{number})\"{}/>", opacity("opacity", thin));
        }
    }

    /// Makes sure that the second cue of a state can be referred to; says whether it has one.
    fn hatch(&mut self, fill: Fill) -> bool {
        let (size, turn, shape) = match fill {
            Fill::ZeroPage => (6, 0, "<circle cx=\"3\" cy=\"3\" r=\"1.5\""),
            Fill::FileClean => (6, 0, "<rect y=\"1\" width=\"6\" height=\"2.6\" fill-opacity=\".5\""),
            Fill::CopyPending => (6, 45, "<rect width=\"3\" height=\"6\""),
            Fill::Swapped => (6, 0, "<rect width=\"3\" height=\"6\""),
            Fill::Unknown => (5, 45, "<path d=\"M0 0h5v1h-4v4h-1z\" fill-opacity=\".6\""),
            _ => return false,
        };
        if self.hatched.insert(fill) {
            let number = fill as u8;
            let turn =
                if turn == 0 { String::new() } else { format!(" patternTransform=\"rotate({turn})\"") };
            put!(
                self.defs,
                "<pattern id=\"h{number}\" width=\"{size}\" height=\"{size}\" patternUnits=\"userSpaceOnUse\"{turn}>\
                 {shape} class=\"f{number}\"/></pattern>"
            );
        }
        true
    }

    /// Many boxes of one size, in rows with even distances: dashed lines.
    fn many(&mut self, quads: &[Quad]) {
        let Some(first) = quads.first() else { return };
        let Rect { w, h, .. } = first.rect;
        let mut rest = quads;
        while let Some((begin, more)) = rest.split_first() {
            let Some(step) = more.first().map(|next| next.rect.x - begin.rect.x) else {
                return self.quad(begin);
            };
            let (mut path, mut rows) = (String::new(), rest);
            // Rows of the same distance share a path.
            while let Some((begin, more)) = rows.split_first() {
                let mut x = begin.rect.x;
                let follows = |quad: &&Quad| {
                    let is_next =
                        (quad.rect.x - x - step).abs() < 0.02 && (quad.rect.y - begin.rect.y).abs() < 0.02;
                    x = quad.rect.x;
                    is_next
                };
                let count = more.iter().take_while(follows).count();
                if count == 0 || step <= w {
                    break;
                }
                let end = more.get(count - 1).map_or(begin.rect.x, |last| last.rect.x);
                put!(
                    path,
                    "M{} {}h{}",
                    n(begin.rect.x),
                    n(begin.rect.y + h / 2.0),
                    n(end - begin.rect.x + w)
                );
                rows = rows.get(count + 1..).unwrap_or_default();
            }
            if path.is_empty() {
                self.quad(begin);
                rest = more;
                continue;
            }
            let (dash, gap, alpha) = (fine(w), fine(step - w), opacity("opacity", first.alpha));
            let class = first.to as u8;
            put!(
                self.body,
                "<path d=\"{path}\" class=\"s{class}\" stroke-width=\"{}\" stroke-dasharray=\"{dash} {gap}\"{alpha}/>",
                n(h)
            );
            rest = rows;
        }
    }

    fn next_id(&mut self) -> u32 {
        self.ids += 1;
        self.ids
    }
}

/// Filled all over, without an outline.
fn is_solid(fill: Fill) -> bool {
    matches!(fill, Fill::Ink | Fill::Faint | Fill::Accent | Fill::Paper)
}

fn is_plain(quad: &Quad) -> bool {
    is_solid(quad.to) && quad.rect.w < 12.0
}

/// What boxes of one path have in common.
fn style_of(quad: &Quad) -> (Fill, u32, u32, u32) {
    (quad.to, quad.alpha.to_bits(), quad.rect.w.to_bits(), quad.rect.h.to_bits())
}

fn geometry(Rect { x, y, w, h }: Rect, radius: f32) -> String {
    let round =
        if radius > 0.0 { format!(" rx=\"{}\"", n(radius.min(w / 2.0).min(h / 2.0))) } else { String::new() };
    format!(" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{round}", n(x), n(y), n(w), n(h))
}

fn opacity(name: &str, alpha: f32) -> String {
    if alpha >= 0.999 { String::new() } else { format!(" {name}=\"{}\"", n(alpha)) }
}

/// A number as short as it can be, to a hundredth.
fn n(x: f32) -> String {
    short(&format!("{x:.2}"))
}

/// Dashes add up: to a ten-thousandth.
fn fine(x: f32) -> String {
    short(&format!("{x:.4}"))
}

fn short(text: &str) -> String {
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "" | "-0" => "0".to_owned(),
        text => text.strip_prefix("0.").map_or_else(|| text.to_owned(), |part| format!(".{part}")),
    }
}

/// Text in XML, which has no way to write control characters.
pub(crate) fn escaped(text: &str) -> String {
    let has_none = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    crate::format::escaped(&text.replace(has_none, "\u{fffd}"))
}
