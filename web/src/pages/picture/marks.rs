//! What is marked: the subject of the event, the selection, what is under the pointer, and where all of it is.

use super::super::doc::Visible;
use super::super::level::{BAR, short};
use super::{Draw, Marks};
use crate::layout::Rect;
use crate::palette::Fill;
use crate::time::scale::float;
use pagescope_shared::addr::{Addr, Range};

impl Draw<'_> {
    /// The boxes that the cells of a range fill: at most three a section.
    fn areas(&self, seen: &[Visible], range: Range) -> Vec<(f64, f64, f64, f64)> {
        let doc = self.pages.doc();
        let (bits, level) = (doc.row_bits, doc.level);
        let (start, last) = (range.start().0, range.end().0 - 1);
        let column = |addr: u64| (addr & ((1 << bits) - 1)) >> (bits - level.columns);
        let most = (1 << level.columns) - 1;
        let mut areas = Vec::new();
        for seen in seen.iter().filter(|seen| seen.rows > 0) {
            let Some(section) = doc.sections.get(seen.section) else { continue };
            let (low, high) = (start.max(section.start), last.min(section.last));
            if low > high {
                continue;
            }
            let (top, bottom) = (high >> bits, low >> bits);
            let lowest = seen.top + 1 - seen.rows;
            if bottom > seen.top || top < lowest {
                continue;
            }
            let mut area = |first: u64, last: u64, from: u64, to: u64| {
                let (first, last) = (first.min(seen.top), last.max(lowest));
                if first < last || from > to {
                    return;
                }
                let y = seen.rows_y - self.offset + float(seen.top - first) * self.row;
                let x = level.left + float(from) * level.cell;
                areas.push((x, y, float(to - from + 1) * level.cell, float(first - last + 1) * self.row));
            };
            if top == bottom {
                area(top, top, column(low), column(high));
                continue;
            }
            // Whole rows at both ends belong to the middle.
            let head = if column(high) == most { top } else { top - 1 };
            let tail = if column(low) == 0 { bottom } else { bottom + 1 };
            if head < top && top <= seen.top {
                area(top, top, 0, column(high));
            }
            if head >= tail {
                area(head, tail, 0, most);
            }
            if tail > bottom && bottom >= lowest {
                area(bottom, bottom, column(low), most);
            }
        }
        areas
    }

    fn outline(&mut self, (x, y, w, h): (f64, f64, f64, f64), fill: Fill, thick: f64) {
        let (x, y, w, h) = (x - thick, y - thick, w + thick, h + thick);
        for edge in
            [(x, y, w + thick, thick), (x, y + h, w + thick, thick), (x, y, thick, h), (x + w, y, thick, h)]
        {
            self.quad(edge, fill, 1.0);
        }
    }

    pub(super) fn marks(&mut self, seen: &[Visible], marks: &Marks<'_>) {
        let thick = if self.pages.doc().level.cell >= 14.0 { 2.0 } else { 1.0 };
        for (range, strong) in [(marks.subject, false), (marks.selection, true)] {
            let Some(range) = range else { continue };
            let areas = self.areas(seen, range);
            let few = areas.len() == 1;
            for area in areas {
                if strong || !few {
                    self.quad(area, Fill::Accent, if strong { 0.22 } else { 0.12 });
                }
                if few {
                    self.outline(area, Fill::Accent, thick);
                } else {
                    self.quad((self.left() - 5.0, area.1, 3.0, area.3), Fill::Accent, 1.0);
                }
            }
        }
        let Some(addr) = marks.hover else { return };
        // The pointed page, and at the margin how far its mapping goes.
        if let Some(mapping) = self.space.mapping_at(addr) {
            for (_, y, _, h) in self.areas(seen, mapping.range) {
                self.quad((self.left() - 5.0, y, 2.0, h), Fill::Accent, 0.75);
            }
        }
        let bits = self.pages.doc().row_bits - self.pages.doc().level.columns;
        if let Ok(cell) = Range::from_len(Addr(addr.0 >> bits << bits), 1 << bits) {
            for area in self.areas(seen, cell) {
                self.outline(area, Fill::Ink, thick);
            }
        }
    }

    /// Where one is, at the right edge.
    pub(super) fn bar(&mut self, marks: &Marks<'_>) {
        let room = self.pages.room();
        let all = self.pages.doc().height(self.row).max(1.0);
        if all <= room.height + 1.0 {
            return;
        }
        let x = room.width - BAR + 6.0;
        self.quad((x + 2.0, 0.0, 2.0, room.height), Fill::Faint, 0.6);
        let (from, to) = (self.offset / all, (self.offset + room.height) / all);
        let (from, to) = (from.clamp(0.0, 1.0) * room.height, to.clamp(0.0, 1.0) * room.height);
        let high = (to - from).max(18.0);
        let y = ((from + to - high) / 2.0).clamp(0.0, (room.height - high).max(0.0));
        let rect = Rect { x: short(x), y: short(y), w: 6.0, h: short(high) };
        self.scene.plain(rect, Fill::Ink, 0.55, 3.0);
        for range in [marks.selection, marks.subject].into_iter().flatten() {
            let at = self.pages.doc().row_y(range.start(), self.row) / all * room.height;
            self.quad((x - 1.0, at.clamp(0.0, (room.height - 2.0).max(0.0)), 8.0, 2.0), Fill::Accent, 1.0);
        }
    }
}
