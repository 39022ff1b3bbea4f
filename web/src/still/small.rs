//! A picture so small that only the pages themselves are in it: those that the moment is about, with their neighbours, in
//! every process that has them.

use crate::app::App;
use crate::layout::{Rect, small};
use crate::pages::grid::{Cell, Grid, INFERRED};
use crate::palette::Fill;
use crate::render::svg::{Svg, Words, put, words};
use crate::scene::{Band, Cells, page_scene};
use crate::view::{View, shown_process, subject};
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::model::AddressSpace;
use pagescope_shared::page::{Page, Provenance};
use std::fmt::Write;
use std::rc::Rc;

/// Holes so narrow, in pages, belong to the picture.
const NEAR: u64 = 8;
/// It shows at most so many pages.
const MOST: u64 = 512;
/// And at most so many processes.
const PROCESSES: usize = 2;
/// So few pages stand in one row.
const IN_A_ROW: u64 = 10;
/// A cell is at most so large, in pixels.
const LARGEST: f32 = 92.0;
/// A letter needs a cell at least so large.
const LETTER: f32 = 26.0;

/// Draws what the latest event is about into `room`.
pub(super) fn draw(svg: &mut Svg, app: &App, view: &View, room: Rect) -> Option<()> {
    let timeline = app.timeline.as_ref()?;
    let (pid, _) = shown_process(app, timeline)?;
    let world = timeline.world();
    let space = world.space(pid)?;
    let size = space.page_size();
    let about = subject(timeline).map(|subject| subject.range);
    let range = region(space, about.or_else(|| space.mappings().next().map(|mapping| mapping.range))?);
    let pages = size.pages_in(range);
    if let Some(page) = view.stage.page.as_ref().filter(|_| pages <= 1) {
        // What stands right of the page there says what was asked for, in words.
        let mut scene = page_scene(page, room.w * 1.35, room.h, 1.0);
        scene.labels.retain(|label| label.class.starts_with("glyph"));
        // Without the numbers under them the letters have all of their tiles.
        scene.labels.iter_mut().for_each(|label| label.rect.h /= 0.62);
        put!(svg.body, "<g transform=\"translate({} {})\">", room.x, room.y);
        svg.scene(&scene, room.w / 56.0);
        svg.body.push_str("</g>");
        return Some(());
    }
    let relatives = world.processes().filter_map(|(pid, _)| world.space(pid));
    let spaces: Vec<&AddressSpace> =
        relatives.filter(|space| space.mappings_in(range).next().is_some()).take(PROCESSES).collect();
    let count = small(u64::try_from(spaces.len()).ok()?).max(1.0);
    let between = 26.0;
    let height = (room.h - between * (count - 1.0)) / count;
    let (columns, rows, cell) = layout(pages, room.w, height);
    let (w, h) = (cell * small(columns), cell * small(rows));
    let mut y = room.y + (room.h - (h * count + between * (count - 1.0))) / 2.0;
    for space in spaces {
        let band = Band {
            x: room.x + (room.w - w) / 2.0,
            y,
            width: w,
            rows: u32::try_from(rows).ok()?,
            first_row: 0,
        };
        one(svg, space, range, band, columns, cell);
        y += h + between;
    }
    Some(())
}

/// The pages of one process.
fn one(svg: &mut Svg, space: &AddressSpace, range: Range, band: Band, columns: u64, cell: f32) {
    let (size, wide) = (space.page_size(), usize::try_from(columns).unwrap_or(1));
    let place = |page: u64| {
        let from = page.saturating_sub(size.page_of(range.start()));
        // High addresses stand above, as everywhere.
        let (row, column) = (u64::from(band.rows).saturating_sub(1 + from / columns), from % columns);
        (row, column)
    };
    let rows = usize::try_from(band.rows).unwrap_or(1);
    let mut grid = Grid { columns: wide, cells: vec![Cell::default(); wide * rows] };
    for (run, page) in space.runs(range) {
        let first = size.page_of(run.start());
        for number in first..first + size.pages_in(run) {
            let (row, column) = place(number);
            let index = usize::try_from(row * columns + column).unwrap_or(usize::MAX);
            if let Some(to) = grid.cells.get_mut(index) {
                *to = cell_of(&page);
            }
        }
    }
    let cells = Cells {
        share: 1.0,
        grid: Rc::new(grid),
        id: 0,
        bands: vec![band],
        width: cell,
        height: cell,
        progress: 1.0,
        dots: false,
    };
    svg.cells(&cells);
    if cell >= LETTER {
        letters(svg, space, range, cell, |page| {
            let (row, column) = place(page);
            Rect { x: band.x + small(column) * cell, y: band.y + small(row) * cell, w: cell, h: cell }
        });
    }
}

fn cell_of(page: &Page) -> Cell {
    let inferred = if page.provenance == Provenance::Inferred { INFERRED } else { 0 };
    [Fill::from(page.state) as u8 | inferred, page.flags.bits(), 0, 0]
}

/// The first letter that was written into each page.
fn letters(svg: &mut Svg, space: &AddressSpace, range: Range, cell: f32, place: impl Fn(u64) -> Rect) {
    let size = space.page_size();
    let mut last = None;
    for (addr, bytes) in space.recorded_bytes(range) {
        let page = size.page_of(addr);
        let Some(letter) = bytes.first().filter(|byte| byte.is_ascii_graphic()) else { continue };
        let dark = space.page_at(addr).is_some_and(|page| Fill::from(page.state) == Fill::Private);
        let class = if dark { "mono f12" } else { "mono ink" };
        let style = Words { size: cell * 0.46, weight: 650, class, across: 0.5, down: 0.46, wraps: false };
        if last != Some(page) {
            let Rect { x, y, w, h } = place(page);
            words(svg, &char::from(*letter).to_string(), Rect { x, y, w: w - 2.0, h }, &style);
        }
        last = Some(page);
    }
}

/// What is mapped around a range, over narrow holes.
fn region(space: &AddressSpace, about: Range) -> Range {
    let size = space.page_size();
    let mut region = clipped(about, size);
    loop {
        let near = NEAR * size.bytes();
        let (low, high) = (region.start().0.saturating_sub(near), region.end().0.saturating_add(near));
        let Ok(around) = Range::new(Addr(low), Addr(high)) else { return region };
        let mut wider = region;
        for mapping in space.mappings_in(around) {
            let (start, end) =
                (wider.start().min(mapping.range.start()), wider.end().max(mapping.range.end()));
            wider = Range::new(start, end).unwrap_or(wider);
        }
        if wider == region || size.pages_in(wider) > MOST {
            return region;
        }
        region = wider;
    }
}

fn clipped(range: Range, size: PageSize) -> Range {
    let most = MOST * size.bytes();
    if range.bytes() <= most { range } else { Range::from_len(range.start(), most).unwrap_or(range) }
}

/// Columns, rows and the size of a cell: as large as there is room for.
fn layout(pages: u64, width: f32, height: f32) -> (u64, u64, f32) {
    let pages = pages.max(1);
    let size = |columns: u64| {
        let rows = pages.div_ceil(columns);
        (width / small(columns)).min(height / small(rows)).min(LARGEST)
    };
    let choices = (0..7).map(|bits| 1u64 << bits).chain([pages.min(64)]).filter(|columns| *columns <= pages);
    // A row of pages is read as one; of many, the widest of the best.
    if pages <= IN_A_ROW {
        return (pages, 1, size(pages).floor().max(1.0));
    }
    let best = choices.fold((1, 0.0f32), |(best, cell), columns| {
        if size(columns) >= cell { (columns, size(columns)) } else { (best, cell) }
    });
    (best.0, pages.div_ceil(best.0), best.1.floor().max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_as_large_as_there_is_room_for() {
        assert_eq!(layout(1, 300.0, 200.0), (1, 1, 92.0));
        assert_eq!(layout(5, 300.0, 200.0), (5, 1, 60.0));
        assert_eq!(layout(64, 320.0, 160.0), (16, 4, 20.0));
        let (columns, rows, cell) = layout(512, 460.0, 250.0);
        assert!(columns * rows >= 512 && cell >= 14.0, "{columns} {rows} {cell}");
    }
}
