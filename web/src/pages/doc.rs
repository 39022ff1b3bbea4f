//! The address space as a document: sections of rows from high addresses down, holes folded between them.
//!
//! Rows begin at multiples of their own length, so that a column always means the same address bits. A region stands in
//! a section of its own while it fills half a row; smaller neighbours share rows, each in its place. What a level looks
//! like is worked out once; a place in it is found by binary search.

use super::level::{Level, whole};
use super::outline::Outline;
use crate::time::scale::float;
use pagescope_shared::addr::{Addr, PageSize};

/// A header line, in CSS pixels.
const HEAD: f64 = 30.0;
/// A fold with its words.
const FOLD: f64 = 26.0;
/// A fold without words.
const CREASE: f64 = 9.0;
/// Between sections that touch.
const SEAM: f64 = 3.0;
/// Bits of a user-space address with four levels of page tables.
const USER_BITS: u32 = 47;

/// Rows that stand together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Section {
    /// Its first address.
    pub start: u64,
    /// Its last address.
    pub last: u64,
    /// The place of its highest region in the outline.
    pub first: usize,
    /// How many regions it shows.
    pub count: usize,
    /// Bytes above it in which nothing is mapped.
    pub hole: u64,
    /// Pixels for that.
    pub gap: f64,
    /// Pixels for its header; 0 when it has none.
    pub head: f64,
    /// How many rows it has.
    pub rows: u64,
    /// Number of its highest row.
    pub top: u64,
    /// Pixels of gaps and headers above it.
    fixed: f64,
    /// Rows above it.
    above: u64,
}

/// The document at one level.
#[derive(Clone, Debug, Default)]
pub struct Doc {
    /// From high addresses down.
    pub sections: Vec<Section>,
    /// Columns and cells.
    pub level: Level,
    /// Log2 of the bytes in a row.
    pub row_bits: u32,
    fixed: f64,
    rows: u64,
}

/// What stands at a height of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The gap above a section.
    Gap(usize),
    /// The header of a section.
    Head(usize),
    /// A row of a section, by its number.
    Row(usize, u64),
}

/// The rows of a section that are in sight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Visible {
    /// The section.
    pub section: usize,
    /// Where its gap begins, in pixels of the document.
    pub y: f64,
    /// Where the first of these rows begins.
    pub rows_y: f64,
    /// Number of the highest row.
    pub top: u64,
    /// How many; 0 when only the gap or the header is in sight.
    pub rows: u64,
}

impl Doc {
    /// Lays out an outline; `full` leaves holes as large as they are.
    pub fn new(outline: &Outline, size: PageSize, level: Level, full: bool) -> Self {
        let mut doc = Self { level, row_bits: row_bits(size, level), ..Self::default() };
        let sum = lay_out(outline, size, level, full, |section| doc.sections.push(section));
        (doc.fixed, doc.rows) = sum;
        doc
    }

    /// How high it is, with rows of a height.
    pub fn height(&self, row: f64) -> f64 {
        self.fixed + float(self.rows) * row
    }

    /// Where a section's gap begins.
    fn y(&self, section: &Section, row: f64) -> f64 {
        section.fixed + float(section.above) * row
    }

    /// Where a section's first row begins.
    pub fn body(&self, section: &Section, row: f64) -> f64 {
        self.y(section, row) + section.gap + section.head
    }

    /// Where the row of an address begins; of an address in a hole, the edge of the section below it.
    pub fn row_y(&self, addr: Addr, row: f64) -> f64 {
        let index = self.sections.partition_point(|s| s.start > addr.0);
        match self.sections.get(index) {
            None => self.height(row) - row,
            Some(section) if addr.0 > section.last => self.y(section, row),
            Some(section) => {
                self.body(section, row) + float(section.top.saturating_sub(addr.0 >> self.row_bits)) * row
            }
        }
    }

    /// The section that shows an address.
    pub fn section_of(&self, addr: Addr) -> Option<usize> {
        let index = self.sections.partition_point(|s| s.start > addr.0);
        self.sections.get(index).filter(|s| addr.0 <= s.last).map(|_| index)
    }

    /// What stands at a height; above and below the document, what is nearest.
    pub fn at(&self, y: f64, row: f64) -> Option<Place> {
        let index = self.sections.partition_point(|s| self.y(s, row) <= y).saturating_sub(1);
        let section = self.sections.get(index)?;
        let into = y - self.y(section, row);
        Some(if into < section.gap {
            Place::Gap(index)
        } else if into < section.gap + section.head {
            Place::Head(index)
        } else {
            let down: u64 = whole((into - section.gap - section.head) / row.max(0.01));
            Place::Row(index, section.top - down.min(section.rows - 1))
        })
    }

    /// What can be seen from a height on.
    pub fn visible(&self, from: f64, height: f64, row: f64) -> impl Iterator<Item = Visible> + '_ {
        let first = self.sections.partition_point(|s| self.y(s, row) <= from).saturating_sub(1);
        let until = from + height;
        self.sections.iter().enumerate().skip(first).map_while(move |(index, s)| {
            let (y, body) = (self.y(s, row), self.body(s, row));
            if y >= until {
                return None;
            }
            let skipped: u64 = whole(((from - body) / row).floor());
            let skipped = skipped.min(s.rows);
            let rows_y = body + float(skipped) * row;
            let rows: u64 = whole(((until - rows_y) / row).ceil());
            let rows = rows.min(s.rows - skipped);
            Some(Visible { section: index, y, rows_y, top: s.top.saturating_sub(skipped), rows })
        })
    }
}

/// How high the document would be at a level: pixels that stay, and rows.
pub fn measure(outline: &Outline, size: PageSize, level: Level, full: bool) -> (f64, u64) {
    lay_out(outline, size, level, full, |_| {})
}

fn row_bits(size: PageSize, level: Level) -> u32 {
    (level.zoom + size.bytes().trailing_zeros()).min(63)
}

/// Bytes of user space, as far as the regions show it: more than 128 TiB has only who uses five levels.
fn user_last(outline: &Outline) -> u64 {
    let highest = outline.regions.iter().map(|r| r.range.end().0 - 1).find(|&last| last >> 63 == 0);
    let bits = 64 - highest.unwrap_or(0).leading_zeros();
    (1 << bits.max(USER_BITS)) - 1
}

fn lay_out(
    outline: &Outline,
    size: PageSize,
    level: Level,
    full: bool,
    mut each: impl FnMut(Section),
) -> (f64, u64) {
    let bits = row_bits(size, level);
    let (mut fixed, mut rows) = (0.0, 0);
    let mut below: Option<u64> = None;
    let mut finish = |mut section: Section| {
        section.rows = section.top - (section.start >> bits) + 1;
        let high = float(section.rows) * level.cell;
        // A header needs something to stand over; single pages are worth one when they are large.
        let roomy = level.pages == 0 && level.cell >= 10.0;
        section.head = if roomy || high >= 40.0 { HEAD } else { 0.0 };
        section.hole = below.map_or(0, |below| below - section.last - 1);
        section.gap = match (below, section.hole) {
            (None, _) => 0.0,
            (_, 0) => SEAM,
            _ if roomy || (section.head > 0.0 && section.hole >> bits > 0) => FOLD,
            _ => CREASE,
        };
        (section.fixed, section.above) = (fixed, rows);
        fixed += section.gap + section.head;
        rows += section.rows;
        below = Some(section.start);
        each(section);
    };
    let mut open: Option<(Section, bool)> = None;
    let user = if full { user_last(outline) } else { 0 };
    for (index, region) in outline.regions.iter().enumerate() {
        let (start, last) = (region.range.start().0, region.range.end().0 - 1);
        let alone = (level.pages == 0 && level.cell >= 10.0) || (last - start) >> (bits - 1) > 0;
        let shares = |section: &Section| (last >> bits).saturating_add(1) >= section.start >> bits;
        // At full scale all of user space is one section.
        let whole = full && last <= user;
        match &mut open {
            Some((section, _)) if whole && section.last == user => section.count += 1,
            Some((section, true)) if !whole && !alone && shares(section) => {
                section.start = start;
                section.count += 1;
            }
            _ => {
                if let Some((section, _)) = open.take() {
                    finish(section);
                }
                let (start, last) = if whole { (0, user) } else { (start, last) };
                let section = Section {
                    start,
                    last,
                    first: index,
                    count: 1,
                    hole: 0,
                    gap: 0.0,
                    head: 0.0,
                    rows: 0,
                    top: last >> bits,
                    fixed: 0.0,
                    above: 0,
                };
                open = Some((section, whole || !alone));
            }
        }
    }
    if let Some((section, _)) = open {
        finish(section);
    }
    (fixed, rows)
}
