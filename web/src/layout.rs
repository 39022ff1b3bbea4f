//! Where things stand on the stage, in CSS pixels from its top left corner. Computed apart from
//! drawing; addresses are subtracted as integers before anything becomes a float.

use crate::view::Group;
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::page::Page;

/// A rectangle in CSS pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

impl Rect {
    /// The right edge.
    pub fn right(self) -> f32 {
        self.x + self.w
    }
    /// The lower edge.
    pub fn bottom(self) -> f32 {
        self.y + self.h
    }
}

/// Bytes in a row of the picture of one page.
pub const BYTES_A_ROW: u64 = 128;
/// Bytes of its content that are written out.
pub const TILES: u64 = 16;

/// One page above, its frame below, and the page-table entry between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PageLayout {
    /// The virtual page.
    pub page: Rect,
    /// The bar that shows how much was asked for, right of the page; its full height is the page's.
    pub asked: Rect,
    /// The line from the page to its frame.
    pub link: Rect,
    /// The physical frame.
    pub frame: Rect,
    /// The first of [`TILES`] bytes in the frame.
    pub tile: Rect,
    /// From one byte's left edge to the next one's.
    pub tile_step: f32,
}

/// Lays out one page on a stage of `width` x `height`.
pub fn page_layout(width: f32, height: f32) -> PageLayout {
    let pad = 4.0;
    let caption = (height * 0.075).clamp(24.0, 44.0);
    let side = (width * 0.26).clamp(120.0, 300.0);
    let inner = (width - side - pad * 2.0).max(128.0);
    let body = (height - caption * 2.0 - pad).max(120.0);
    let page = Rect { x: pad, y: caption, w: inner, h: (body * 0.46).max(48.0) };
    let gap = (body * 0.16).max(20.0);
    let frame_y = page.bottom() + gap + caption;
    let frame = Rect { x: pad, y: frame_y, w: inner, h: (height - frame_y - pad).max(40.0) };
    let tile_count = 16.0;
    let inset = (frame.w * 0.02).max(6.0);
    let tile_step = (frame.w - inset * 2.0) / tile_count;
    let tile = Rect {
        x: frame.x + inset,
        y: frame.y + frame.h * 0.16,
        w: (tile_step - 3.0).max(4.0),
        h: frame.h * 0.68,
    };
    PageLayout {
        page,
        asked: Rect { x: page.right() + 12.0, y: page.y, w: 6.0, h: page.h },
        link: Rect { x: page.x + page.w * 0.5, y: page.bottom(), w: 2.0, h: frame.y - page.bottom() },
        frame,
        tile,
        tile_step,
    }
}

/// One cell of a picture of many pages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Where.
    pub rect: Rect,
    /// The first page's address.
    pub addr: Addr,
    /// What it shows: the page, or the first resident one of the pages that it stands for.
    pub page: Page,
}

/// Many pages as cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CellLayout {
    /// The cells, in the order in which they are drawn.
    pub cells: Vec<Cell>,
    /// How many pages one cell stands for.
    pub pages_per_cell: u64,
}

/// No more cells than this are drawn; above it a cell stands for several pages.
const MAX_CELLS: u64 = 40_000;

/// Lays out groups of pages as one flow of cells, one cell free between two groups.
pub fn cell_layout(groups: &[Group], size: PageSize, width: f32, height: f32) -> CellLayout {
    let mut pages_per_cell = 1u64;
    let cells_of = |per: u64| -> u64 {
        groups.iter().map(|g| g.pages.div_ceil(per).saturating_add(1)).fold(0, u64::saturating_add)
    };
    // Cells under 3 pixels are not seen; so many fit.
    let fits = room(width, height, 3.0).min(MAX_CELLS);
    while cells_of(pages_per_cell) > fits && pages_per_cell < 1 << 60 {
        pages_per_cell *= 2;
    }
    let total = cells_of(pages_per_cell);
    let mut step = 28.0f32;
    while step > 3.0 && room(width, height, step) < total {
        step -= 0.5;
    }
    let columns = columns(width, step);
    let gap = if step > 8.0 { 2.0 } else { 1.0 };
    let mut layout = CellLayout { cells: Vec::new(), pages_per_cell };
    let mut slot = 0u64;
    for group in groups.iter().rev() {
        let mut runs = group.runs.as_slice();
        let cells = group.pages.div_ceil(pages_per_cell);
        for i in 0..cells {
            if slot >= fits {
                return layout;
            }
            let Some(range) = cell_range(group.range, i, pages_per_cell, size) else { break };
            while let [(first, _), rest @ ..] = runs
                && first.end() <= range.start()
            {
                runs = rest;
            }
            if let Some(page) = representative(runs, range) {
                let rect = Rect {
                    x: small(slot % columns) * step,
                    y: small(slot / columns) * step,
                    w: step - gap,
                    h: step - gap,
                };
                layout.cells.push(Cell { rect, addr: range.start(), page });
            }
            slot += 1;
        }
        slot += 1;
    }
    layout
}

fn columns(width: f32, step: f32) -> u64 {
    whole(width / step).max(1)
}

fn room(width: f32, height: f32, step: f32) -> u64 {
    columns(width, step) * whole(height / step).max(1)
}

/// A small non-negative number of pixels or cells, rounded down.
fn whole(x: f32) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
    let n = x.clamp(0.0, 65_535.0) as u64;
    n
}

/// A cell's column or row as a float: always below 2^16.
pub(crate) fn small(n: u64) -> f32 {
    f32::from(u16::try_from(n).unwrap_or(u16::MAX))
}

fn cell_range(of: Range, index: u64, pages_per_cell: u64, size: PageSize) -> Option<Range> {
    let bytes = pages_per_cell.checked_mul(size.bytes())?;
    let start = of.start().0.checked_add(index.checked_mul(bytes)?)?;
    Range::new(Addr(start), Addr(start.saturating_add(bytes).min(of.end().0))).ok()
}

/// Small things never vanish: a cell shows the first resident page under it, if there is one.
fn representative(runs: &[(Range, Page)], range: Range) -> Option<Page> {
    let under = runs.iter().take_while(|(run, _)| run.start() < range.end()).map(|(_, page)| *page);
    let mut first = None;
    for page in under {
        if page.state.is_resident() {
            return Some(page);
        }
        first = first.or(Some(page));
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagescope_shared::page::PageState;

    fn group(first: u64, runs: &[(u64, PageState)]) -> Group {
        let mut at = first;
        let mut out = Vec::new();
        for (pages, state) in runs {
            let range = Range::from_len(Addr(at * 4096), pages * 4096).unwrap();
            out.push((range, Page::inferred(*state)));
            at += pages;
        }
        let range = Range::new(Addr(first * 4096), Addr(at * 4096)).unwrap();
        Group { range, runs: out, pages: at - first }
    }

    #[test]
    fn every_page_is_a_cell_where_there_is_room() {
        let groups = [
            group(10, &[(3, PageState::Private), (2, PageState::Untouched)]),
            group(100, &[(4, PageState::FileClean)]),
        ];
        let layout = cell_layout(&groups, PageSize::FOUR_KIB, 600.0, 400.0);
        assert_eq!(layout.pages_per_cell, 1);
        let states: Vec<_> = layout.cells.iter().map(|c| (c.addr.0 / 4096, c.page.state)).collect();
        assert_eq!(states.len(), 9);
        assert_eq!(states[0], (100, PageState::FileClean), "high addresses first");
        assert_eq!(states[8], (14, PageState::Untouched));
        assert!(layout.cells.iter().all(|c| c.rect.right() <= 600.0 && c.rect.bottom() <= 400.0));
    }

    #[test]
    fn a_terabyte_joins_and_its_one_page_is_seen() {
        let groups = [group(
            1 << 20,
            &[
                (1000, PageState::Untouched),
                (1, PageState::Private),
                ((1 << 28) - 1001, PageState::Untouched),
            ],
        )];
        let layout = cell_layout(&groups, PageSize::FOUR_KIB, 600.0, 400.0);
        assert!(layout.pages_per_cell > 1000);
        assert!(layout.cells.len() > 1000 && layout.cells.len() <= 40_000);
        assert_eq!(layout.cells[0].page.state, PageState::Private);
        assert!(layout.cells[1..].iter().all(|c| c.page.state == PageState::Untouched));
    }

    #[test]
    fn a_page_fits_every_stage() {
        for (w, h) in [(300.0, 200.0), (620.0, 380.0), (1100.0, 700.0), (2600.0, 1500.0)] {
            let l = page_layout(w, h);
            assert!(
                l.page.bottom() < l.frame.y && l.frame.bottom() <= h && l.page.right() < w,
                "{w}x{h}: {l:?}"
            );
            assert!(l.tile.x + l.tile_step * 16.0 <= l.frame.right() + 1.0);
        }
    }
}
