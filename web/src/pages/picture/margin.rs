//! What stands left of the cells: addresses of rows, names of regions.

use super::super::doc::{Section, Visible};
use super::super::level::whole;
use super::super::outline::name;
use super::{Draw, LINE};
use crate::number::exp2;
use crate::time::scale::float;
use std::rc::Rc;

impl Draw<'_> {
    /// The address at which a row begins, left of it.
    pub(super) fn addresses(&mut self, seen: &Visible) {
        let bits = self.pages.doc().row_bits;
        let every = if self.row >= LINE { 1.0 } else { exp2((LINE * 1.6 / self.row).max(1.0).log2().ceil()) };
        let every: u64 = whole(every);
        let mut above: Option<String> = None;
        for down in 0..seen.rows {
            let number = seen.top - down;
            let y = seen.rows_y - self.offset + float(down) * self.row;
            // Where not every row has room, those at round addresses are named.
            if !number.is_multiple_of(every) && down > 0 {
                continue;
            }
            if y < self.free_from || y < -self.row {
                continue;
            }
            let text = format!("{:012x}", number << bits);
            let dim = above
                .as_ref()
                .map_or(0, |above| above.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count());
            let high = self.row.max(LINE);
            let y_text = y + (self.row - high) / 2.0;
            self.label((0.0, y_text, self.left() - 10.0, high), "row", text.clone(), dim);
            above = Some(text);
            self.free_from = y + LINE;
        }
    }

    /// The names of regions, left of their first rows, as far as there is room.
    pub(super) fn names(&mut self, section: &Section, seen: &Visible) {
        let outline = Rc::clone(self.pages.outline());
        let bits = self.pages.doc().row_bits;
        let lowest = (seen.top + 1 - seen.rows) << bits;
        let (first_y, row) = (seen.rows_y - self.offset, self.row);
        let y_of = |number: u64| first_y + float(seen.top.saturating_sub(number)) * row;
        let highest = seen.top << bits | ((1 << bits) - 1);
        let regions = outline.regions.get(section.first..section.first + section.count).unwrap_or_default();
        let mut index = regions.partition_point(|region| region.range.start().0 > highest);
        let mut labels = Vec::new();
        while let Some(region) = regions.get(index) {
            let last = region.range.end().0 - 1;
            if last < lowest {
                break;
            }
            let y = y_of(last.min(highest) >> bits);
            if y >= self.free_from {
                let mapping = self.space.mapping_at(region.range.start());
                let text = mapping.map_or_else(|| "gone".to_owned(), |mapping| name(&mapping));
                labels.push((y, text));
                self.free_from = y + LINE;
            }
            // The next one whose row has room.
            let down: u64 = whole(((self.free_from - seen.rows_y + self.offset) / self.row).ceil());
            let next = seen.top.saturating_sub(down);
            let skipped = regions.partition_point(|region| (region.range.end().0 - 1) >> bits > next);
            index = skipped.max(index + 1);
        }
        if self.pages.full_scale {
            // Between the names, round addresses.
            let every = exp2((LINE * 3.0 / self.row).max(1.0).log2().ceil());
            let every: u64 = whole(every);
            for number in (seen.top + 1 - seen.rows..=seen.top).filter(|number| number.is_multiple_of(every))
            {
                let y = y_of(number);
                if labels.iter().all(|(other, _)| (other - y).abs() >= LINE) {
                    let text = format!("{:012x}", number << bits);
                    self.label(
                        (0.0, y + (row.min(LINE) - LINE) / 2.0, self.left() - 10.0, LINE),
                        "row",
                        text,
                        0,
                    );
                }
            }
        }
        for (y, text) in labels {
            self.label((0.0, y + (row.min(LINE) - LINE) / 2.0, self.left() - 10.0, LINE), "tick", text, 0);
        }
    }
}
