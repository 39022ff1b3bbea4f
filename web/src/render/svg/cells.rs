//! Cells of a grid. All cells that look the same are one path: a line a run, dashed into cells.

use super::{Svg, fine, n, opacity, put};
use crate::layout::small;
use crate::pages::grid::{BEGINS, Cell, EDGES, INFERRED, MIXED};
use crate::palette::Fill;
use crate::scene::Cells;
use pagescope_shared::page::PageFlags;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What a cell looks like.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Look {
    fill: Fill,
    inferred: bool,
    /// How much of it is in that state, of 15; 16 for all.
    share: u8,
    /// Its neighbours in the huge page touch it.
    huge: bool,
}

impl Look {
    fn of([state, flags, ..]: Cell) -> Option<Self> {
        let fill = *Fill::ALL.get(usize::from(state & 15)).filter(|_| state > 0)?;
        let share = if state & MIXED > 0 { flags >> 4 } else { 16 };
        let huge = flags & PageFlags::HUGE.bits() > 0;
        Some(Self { fill, inferred: state & INFERRED > 0 && fill != Fill::Untouched, share, huge })
    }
}

/// Runs of cells that look the same.
struct Runs<'a> {
    svg: &'a mut Svg,
    id: u32,
    /// A cell, and what lies between two.
    width: f32,
    height: f32,
    gap: f32,
    number: u8,
    alpha: f32,
}

pub(super) fn draw(svg: &mut Svg, cells: &Cells) {
    let size = cells.width.min(cells.height);
    let gap = if size < 3.0 {
        0.0
    } else if size < 24.0 {
        1.0
    } else {
        2.0
    };
    let (mut paths, mut lines): (BTreeMap<Look, String>, String) = (BTreeMap::new(), String::new());
    for band in &cells.bands {
        for row in 0..band.rows {
            let at = usize::try_from(band.first_row + row).unwrap_or(usize::MAX);
            let y = band.y + small(row.into()) * cells.height;
            let middle = y + (cells.height - gap) / 2.0;
            let mut column = 0;
            while column < cells.grid.columns {
                let cell = cells.grid.at(at, column);
                edges(&mut lines, cell, band.x + small(number(column)) * cells.width, y, cells, gap);
                let look = Look::of(cell);
                let mut end = column + 1;
                while end < cells.grid.columns && Look::of(cells.grid.at(at, end)) == look {
                    edges(
                        &mut lines,
                        cells.grid.at(at, end),
                        band.x + small(number(end)) * cells.width,
                        y,
                        cells,
                        gap,
                    );
                    end += 1;
                }
                if let Some(look) = look {
                    let x = band.x + small(number(column)) * cells.width;
                    let long = small(number(end - column)) * cells.width - gap;
                    put!(paths.entry(look).or_default(), "M{} {}h{}", n(x), n(middle), n(long));
                }
                column = end;
            }
        }
    }
    for (look, path) in paths {
        let id = svg.next_id();
        put!(svg.defs, "<path id=\"c{id}\" d=\"{path}\"/>");
        let alpha = if look.share == 16 { 1.0 } else { 0.45 + 0.03 * f32::from(look.share) };
        let (number, gap) = (look.fill as u8, if look.huge { 0.0 } else { gap });
        let mut runs =
            Runs { svg, id, width: cells.width - gap, height: cells.height - gap, gap, number, alpha };
        runs.draw(look, size);
    }
    if !lines.is_empty() {
        put!(svg.body, "<path d=\"{lines}\" class=\"f9\" fill-opacity=\".8\"/>");
    }
}

fn number(column: usize) -> u64 {
    u64::try_from(column).unwrap_or(u64::MAX)
}

/// Where a mapping begins, and the outline of a huge page.
fn edges(lines: &mut String, [_, _, _, edges]: Cell, x: f32, y: f32, cells: &Cells, gap: f32) {
    let (w, h) = (cells.width - gap, cells.height - gap);
    let mut line = |x: f32, y: f32, w: f32, h: f32| {
        put!(lines, "M{} {}h{}v{}h{}z", n(x), n(y), n(w), n(h), n(-w));
    };
    if edges & BEGINS > 0 && w.min(h) >= 9.0 {
        line(x, y, 1.5, h);
    }
    let sides =
        [(x, y, 1.0, h + gap), (x, y, w + gap, 1.0), (x + w - 1.0, y, 1.0, h), (x, y + h - 1.0, w, 1.0)];
    for (edge, (x, y, w, h)) in EDGES.iter().zip(sides) {
        if edges & edge > 0 {
            line(x, y, w, h);
        }
    }
}

impl Runs<'_> {
    fn draw(&mut self, look: Look, size: f32) {
        let fill = look.fill;
        let colour = format!("class=\"s{}\"", self.number);
        if size < 8.0 {
            // Too small for a pattern: tone alone.
            let tone = match fill {
                Fill::Untouched => 0.26,
                Fill::ZeroPage => 0.5,
                Fill::Unknown => 0.34,
                _ => 1.0,
            };
            return self.layer(0.0, tone * if look.inferred { 0.72 } else { 1.0 }, &colour);
        }
        let mut inset = 0.0;
        if look.inferred || fill == Fill::Untouched || fill == Fill::ZeroPage {
            let line = if fill == Fill::Untouched && size < 32.0 { 0.5 } else { 0.7 };
            self.layer(0.0, line, &colour);
            self.layer(if size < 24.0 { 0.75 } else { 1.0 }, 2.0, "class=\"ground-line\"");
        }
        if look.inferred {
            inset = (size * 0.13).max(1.5);
        }
        match fill {
            Fill::ZeroPage => {
                self.layer(inset, 0.22, &colour);
                self.dots(size * 0.28, &colour);
            }
            Fill::Private => self.layer(inset, 1.0, &colour),
            Fill::FileClean => {
                self.layer(inset, 0.72, &colour);
                self.stripes(inset, &colour);
            }
            Fill::FileDirty => {
                self.layer(inset, 0.6, &colour);
                let high = (self.height - 2.0 * inset) / 3.0;
                self.line(inset, high, self.height / 2.0 - inset - high / 2.0, 1.0, &colour);
            }
            Fill::CopyPending | Fill::Swapped | Fill::Unknown => {
                self.layer(inset, if fill == Fill::Unknown { 0.2 } else { 0.45 }, &colour);
                self.svg.hatch(fill);
                let hatch = format!("stroke=\"url(#h{})\"", self.number);
                self.layer(inset, 1.0, &hatch);
            }
            _ => {}
        }
    }

    /// All of the cells, but for so much at every edge. Above 1 the ground shows through nothing.
    fn layer(&mut self, inset: f32, alpha: f32, paint: &str) {
        self.line(inset, self.height - 2.0 * inset, 0.0, alpha, paint);
    }

    /// A part of the cells: so high, and so far below the middle.
    fn line(&mut self, inset: f32, high: f32, below: f32, alpha: f32, paint: &str) {
        let alpha = opacity("opacity", if alpha > 1.0 { 1.0 } else { alpha * self.alpha });
        let moved = if inset == 0.0 && below == 0.0 {
            String::new()
        } else {
            format!(" transform=\"translate({} {})\"", n(inset), n(below))
        };
        let dashes = match self.gap + 2.0 * inset {
            gap if gap > 0.0 => {
                format!(" stroke-dasharray=\"{} {}\"", fine(self.width - 2.0 * inset), fine(gap))
            }
            _ => String::new(),
        };
        let id = self.id;
        put!(
            self.svg.body,
            "<use xlink:href=\"#c{id}\" {paint} stroke-width=\"{}\"{dashes}{moved}{alpha}/>",
            n(high)
        );
    }

    /// Lines across, one every six pixels or so.
    fn stripes(&mut self, inset: f32, paint: &str) {
        let room = self.height - 2.0 * inset;
        let count = (room / 6.0).round().clamp(1.0, 12.0);
        let period = room / count;
        let mut below = period / 2.0 - room / 2.0;
        while below < room / 2.0 {
            self.line(inset, period * 0.4, below, 0.6, paint);
            below += period;
        }
    }

    fn dots(&mut self, wide: f32, paint: &str) {
        let (id, alpha) = (self.id, opacity("opacity", 0.75 * self.alpha));
        put!(
            self.svg.body,
            "<use xlink:href=\"#c{id}\" {paint} stroke-width=\"{}\" stroke-linecap=\"round\" \
             stroke-dasharray=\"0 {}\" transform=\"translate({} 0)\"{alpha}/>",
            n(wide),
            fine(self.width + self.gap),
            n(self.width / 2.0)
        );
    }
}
