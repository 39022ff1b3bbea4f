//! The cells that are in sight, as the graphics card wants them. Filled from runs of like pages: the cost goes by runs
//! and cells, never by pages.

use super::doc::{Doc, Visible};
use crate::palette::Fill;
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::model::{AddressSpace, PageChange};
use pagescope_shared::page::{Page, PageFlags, PageState, Provenance};

/// One cell. First byte: the fill's number in the lower 4 bits, then [`INFERRED`], [`MIXED`], [`CHANGED`]. Second: flags
/// as in [`PageFlags::bits`], and above them how much of it is in that state, 1 to 15. Third: the fill before the last
/// event, where it changed. Fourth: edges of a huge page, [`BEGINS`].
pub type Cell = [u8; 4];

/// Nobody saw some page of it; the model worked it out.
pub const INFERRED: u8 = 16;
/// Not all of it is in the state that it shows.
pub const MIXED: u8 = 32;
/// The last event changed it.
pub const CHANGED: u8 = 64;
/// A huge page ends at its left, upper, right and lower edge.
pub const EDGES: [u8; 4] = [1, 2, 4, 8];
/// A mapping begins in it.
pub const BEGINS: u8 = 16;

/// So many runs of one cell are looked at before the rest is passed over, once its state is clear.
const ENOUGH: u32 = 48;

/// Rows of cells from the top down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// Cells a row.
    pub columns: usize,
    /// Row by row.
    pub cells: Vec<Cell>,
}

/// Rows that fit a screen.
fn count(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(0)
}

/// What is known of the pages of one cell.
#[derive(Default)]
struct Tally {
    pages: [u64; PageState::ALL.len()],
    runs: u32,
    flags: u8,
    inferred: bool,
}

impl Tally {
    fn add(&mut self, page: &Page, pages: u64) {
        if let Some(count) = self.pages.get_mut(page.state as usize) {
            *count += pages;
        }
        self.runs += 1;
        self.flags |= page.flags.bits();
        self.inferred |= page.provenance == Provenance::Inferred;
    }

    fn states(&self) -> impl Iterator<Item = (PageState, u64)> + '_ {
        PageState::ALL.iter().copied().zip(self.pages).filter(|(_, pages)| *pages > 0)
    }

    /// Enough is known: more runs would not make it show less.
    fn is_clear(&self) -> bool {
        self.runs >= ENOUGH
            && self.states().count() > 1
            && self.states().any(|(state, _)| state.is_resident())
    }

    /// What most of its resident pages are; small things never vanish.
    fn dominant(&self) -> Option<(PageState, u64)> {
        let most = |of: &dyn Fn(PageState) -> bool| {
            self.states().filter(|(state, _)| of(*state)).max_by_key(|(_, pages)| *pages)
        };
        most(&PageState::is_resident)
            .or_else(|| most(&|state| state == PageState::Swapped))
            .or_else(|| most(&|_| true))
    }

    fn cell(&self, room: u64) -> Cell {
        let Some((state, pages)) = self.dominant() else { return Cell::default() };
        let seen: u64 = self.pages.iter().sum();
        // What was passed over is like what was looked at.
        let whole = if self.runs >= ENOUGH { seen } else { room.max(seen) };
        let share = if pages >= whole { 15 } else { share_of(pages, whole) };
        let mut first = Fill::from(state) as u8;
        first |= if self.inferred { INFERRED } else { 0 };
        first |= if pages < whole { MIXED } else { 0 };
        [first, self.flags | share << 4, 0, 0]
    }
}

/// 1 to 14: half as many pages are a step less.
fn share_of(pages: u64, whole: u64) -> u8 {
    let halves = (whole / pages.max(1)).max(1).ilog2();
    14u8.saturating_sub(u8::try_from(halves.min(13)).unwrap_or(13))
}

impl Grid {
    /// The cells of what is in sight. `old` is a grid of the same moment and layout: its rows are taken over.
    pub fn new(
        space: &AddressSpace,
        doc: &Doc,
        seen: &[Visible],
        changes: &[PageChange],
        old: Option<(&Self, &[Visible])>,
    ) -> Self {
        let columns = 1usize << doc.level.columns.min(16);
        let rows: usize = seen.iter().map(|s| count(s.rows)).sum();
        let mut grid = Self { columns, cells: vec![Cell::default(); columns * rows] };
        let mut first = 0;
        for seen in seen.iter().filter(|seen| seen.rows > 0) {
            let rows = count(seen.rows);
            let Some(cells) = grid.cells.get_mut(first * columns..(first + rows) * columns) else { break };
            let Some(section) = doc.sections.get(seen.section) else { break };
            let fill = |cells: &mut [Cell], top: u64, rows: u64| {
                let low = (top + 1 - rows) << doc.row_bits;
                let high = top << doc.row_bits | ((1 << doc.row_bits) - 1);
                let within = (low.max(section.start), high.min(section.last));
                let part = Part { cells, columns, low, size: space.page_size(), bits: doc.level.pages };
                part.fill(space, within, changes);
            };
            let kept = old.and_then(|(old, of)| old.rows_of(of, seen));
            let Some((above, kept)) = kept else {
                fill(cells, seen.top, seen.rows);
                first += rows;
                continue;
            };
            // What came into sight at the upper edge, what stays, what came at the lower edge.
            let (upper, rest) = cells.split_at_mut((above * columns).min(cells.len()));
            let (middle, lower) = rest.split_at_mut(kept.len().min(rest.len()));
            middle.copy_from_slice(kept.get(..middle.len()).unwrap_or_default());
            let below = lower.len() / columns;
            let (above, below) = (number(above), number(below));
            if above > 0 {
                fill(upper, seen.top, above);
            }
            if below > 0 {
                fill(lower, seen.top - (seen.rows - below), below);
            }
            first += rows;
        }
        grid
    }

    /// The rows of this grid that `now` shows again, and how many of `now` stand above them.
    fn rows_of(&self, of: &[Visible], now: &Visible) -> Option<(usize, &[Cell])> {
        let mut first = 0;
        for old in of.iter().filter(|old| old.rows > 0) {
            if old.section == now.section {
                let top = old.top.min(now.top);
                let low = (old.top + 1 - old.rows).max(now.top + 1 - now.rows);
                let rows = (top + 1).checked_sub(low).filter(|rows| *rows > 0)?;
                let from = (first + count(old.top - top)) * self.columns;
                return Some((
                    count(now.top - top),
                    self.cells.get(from..from + count(rows) * self.columns)?,
                ));
            }
            first += count(old.rows);
        }
        None
    }

    /// A cell by row and column.
    pub fn at(&self, row: usize, column: usize) -> Cell {
        self.cells.get(row * self.columns + column).copied().unwrap_or_default()
    }
}

/// The rows of one section that are in sight.
struct Part<'a> {
    cells: &'a mut [Cell],
    columns: usize,
    /// The first address of the lowest row.
    low: u64,
    size: PageSize,
    /// Log2 of the pages in a cell.
    bits: u32,
}

impl Part<'_> {
    fn fill(mut self, space: &AddressSpace, within: (u64, u64), changes: &[PageChange]) {
        let Some(all) = inclusive(within.0, within.1) else { return };
        let mut at = all.start();
        let mut open: Option<(u64, Tally)> = None;
        'runs: while at < all.end() {
            let Ok(rest) = Range::new(at, all.end()) else { break };
            at = all.end();
            for (range, page) in space.runs(rest) {
                let mut first = self.size.page_of(range.start());
                let end = first + self.size.pages_in(range);
                while first < end {
                    let cell = first >> self.bits;
                    let next = (cell + 1) << self.bits;
                    if open.as_ref().is_none_or(|(number, _)| *number != cell) {
                        self.close(open.take());
                        open = Some((cell, Tally::default()));
                    }
                    let Some((_, tally)) = &mut open else { break };
                    tally.add(&page, end.min(next) - first);
                    if tally.is_clear() {
                        let Some(beyond) = self.size.address_of(next) else { break 'runs };
                        at = beyond;
                        continue 'runs;
                    }
                    first = next;
                }
            }
        }
        self.close(open);
        if self.bits == 0 {
            let begins = space.mappings_in(all).map(|mapping| mapping.range.start());
            for start in begins.filter(|start| *start > all.start()) {
                if let Some(cell) = self.cell(self.size.page_of(start)) {
                    cell[3] |= BEGINS;
                }
            }
        }
        for change in changes {
            self.mark(change, all);
        }
    }

    /// Puts down what became of a cell.
    fn close(&mut self, done: Option<(u64, Tally)>) {
        let Some((number, tally)) = done else { return };
        let edges = if tally.flags & PageFlags::HUGE.bits() > 0 { self.edges(number) } else { 0 };
        let value = tally.cell(1 << self.bits);
        if let Some(cell) = self.cell(number) {
            *cell = [value[0], value[1], 0, edges];
        }
    }

    /// Which edges of a cell are edges of the huge page that it is in.
    fn edges(&self, number: u64) -> u8 {
        let huge = self.size.bytes().trailing_zeros().saturating_sub(3);
        if self.bits > huge {
            return EDGES.iter().sum();
        }
        let columns = u64::try_from(self.columns).unwrap_or(1);
        let block = |number: u64| number >> (huge - self.bits);
        let here = block(number);
        let column = number % columns;
        let ends = [
            column == 0 || block(number.wrapping_sub(1)) != here,
            block(number.wrapping_add(columns)) != here,
            column + 1 == columns || block(number.wrapping_add(1)) != here,
            block(number.wrapping_sub(columns)) != here,
        ];
        EDGES.iter().zip(ends).filter(|(_, ends)| *ends).map(|(edge, _)| edge).sum()
    }

    /// A cell by its number: its first page's number without the lowest bits.
    fn cell(&mut self, number: u64) -> Option<&mut Cell> {
        let lowest = self.size.page_of(Addr(self.low)) >> self.bits;
        let from_low = usize::try_from(number.checked_sub(lowest)?).ok()?;
        let (row, column) = (from_low / self.columns, from_low % self.columns);
        let rows = self.cells.len() / self.columns;
        let row = rows.checked_sub(row + 1)?;
        self.cells.get_mut(row * self.columns + column)
    }

    fn mark(&mut self, change: &PageChange, all: Range) {
        let Some(part) = change.range.intersection(all) else { return };
        let before = change.before.map_or(Fill::Unmapped, |page| page.state.into());
        let first = self.size.page_of(part.start()) >> self.bits;
        let last = self.size.page_of(Addr(part.end().0 - 1)) >> self.bits;
        let alone = self.bits == 0;
        for number in first..=last {
            if let Some(cell) = self.cell(number) {
                cell[2] = if alone { before as u8 } else { cell[0] & 15 };
                cell[0] |= CHANGED;
            }
        }
    }
}

fn number(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}

/// The range from `first` to `last`, both in it.
fn inclusive(first: u64, last: u64) -> Option<Range> {
    Range::new(Addr(first), Addr(last.saturating_add(1))).ok()
}
