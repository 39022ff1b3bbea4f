//! A part of a trace, counted by pixel: what happened in each, and what each address was at each time.

use super::fold::Fold;
use super::scale::{TimeScale, float, whole};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::model::Totals;
use pagescope_shared::page::PageState;
use pagescope_shared::pscope::Density;
use std::rc::Rc;

/// What happened at a pixel. Of several the greatest is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mark {
    /// Nothing.
    None = 0,
    /// A call about addresses that neither maps nor unmaps.
    Other,
    /// A mapping went.
    Unmap,
    /// A mapping came.
    Map,
    /// A fault of which nobody knows what it led to.
    Fault,
    /// The same, and it was a read.
    FaultRead,
    /// The same, and it was a write.
    FaultWrite,
    /// A fault that led to a page of the page cache.
    FileClean,
    /// To the zero page.
    ZeroPage,
    /// To a page of its own.
    Private,
    /// To a dirty page of a file or of shared memory.
    FileDirty,
    /// To a page that waits for its copy.
    CopyPending,
    /// To a page that is swapped out.
    Swapped,
    /// A signal about memory.
    Signal,
}

impl Mark {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::None,
        Self::Other,
        Self::Unmap,
        Self::Map,
        Self::Fault,
        Self::FaultRead,
        Self::FaultWrite,
        Self::FileClean,
        Self::ZeroPage,
        Self::Private,
        Self::FileDirty,
        Self::CopyPending,
        Self::Swapped,
        Self::Signal,
    ];

    /// Whether it counts as a page fault.
    pub fn is_fault(self) -> bool {
        (Self::Fault..=Self::Swapped).contains(&self)
    }

    /// The state that a fault led to, where it is known.
    pub fn state(self) -> Option<PageState> {
        Some(match self {
            Self::FileClean => PageState::FileClean,
            Self::ZeroPage => PageState::ZeroPage,
            Self::Private => PageState::Private,
            Self::FileDirty => PageState::FileDirty,
            Self::CopyPending => PageState::CopyPending,
            Self::Swapped => PageState::Swapped,
            _ => return None,
        })
    }
}

/// Nothing is mapped there.
pub const UNMAPPED: u8 = 0;
/// Something happened there, but nobody has looked closer yet.
pub const COARSE: u8 = 1;
/// A page state is its place in [`PageState::ALL`] and this.
pub const STATES: u8 = 2;

/// One column of pixels: a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Column {
    /// How many events are in it.
    pub events: u64,
    /// How many of each mark.
    pub marks: [u32; Mark::ALL.len()],
    /// What memory amounted to when most of it was resident: at its end, or at a look at pages in it. All processes
    /// together; none where it was not counted.
    pub totals: Option<Totals>,
}

impl Column {
    /// Page faults in it.
    pub fn faults(&self) -> u64 {
        Mark::ALL.iter().zip(self.marks).filter(|(mark, _)| mark.is_fault()).map(|(_, n)| u64::from(n)).sum()
    }
}

/// The pixels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Raster {
    /// Which part of the axis.
    pub window: (f64, f64),
    /// How many rows a column has.
    pub rows: usize,
    /// The columns so far that are finished.
    pub done: usize,
    /// How much they are.
    pub columns: Vec<Column>,
    /// What stands at each pixel, column by column, each from the top: [`UNMAPPED`], [`COARSE`] or a state.
    pub shade: Vec<u8>,
    /// What happened there: a [`Mark`] as its number.
    pub marks: Vec<u8>,
}

/// A raster that was made for another part of the axis, or with other rows: it stands in until there is a better one.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    /// What it shows.
    pub raster: Raster,
    /// Where its addresses stand.
    pub fold: Rc<Fold>,
    /// For each row of the picture the one here that shows the same.
    pub rows: Vec<Option<usize>>,
}

impl Sketch {
    /// Of a raster and its fold.
    pub fn new(raster: Raster, fold: Rc<Fold>) -> Self {
        Self { raster, fold, rows: Vec::new() }
    }

    /// Makes it serve for another fold.
    pub fn serve(&mut self, fold: &Rc<Fold>) {
        self.rows = if Rc::ptr_eq(fold, &self.fold) {
            Vec::new()
        } else {
            (0..fold.rows).map(|row| self.same(fold, row)).collect()
        };
    }

    fn same(&self, fold: &Fold, row: usize) -> Option<usize> {
        let (lane, range) = fold.at(row)?;
        let range = range?;
        let here = self.fold.lanes.get(self.fold.lane_of(*lane.pids.first()?)?)?;
        let middle = Addr(range.start().0 + range.bytes() / 2);
        here.row_of(middle).or_else(|| here.rows_of(range).map(|(top, _)| top))
    }
}

/// The best that is known of a place on the axis.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    raster: &'a Raster,
    column: usize,
    /// The rows of the raster, when they are not those of the picture.
    rows: Option<&'a [Option<usize>]>,
}

impl<'a> Found<'a> {
    /// In a raster, if it has the place; rows that are empty are those of the picture.
    pub fn in_raster(raster: &'a Raster, rows: &'a [Option<usize>], at: f64) -> Option<Self> {
        let rows = Some(rows).filter(|rows| !rows.is_empty());
        Some(Self { raster, column: raster.column_at(at)?, rows })
    }

    /// What is known of the stretch of time.
    pub fn column(&self) -> Option<&'a Column> {
        self.raster.columns.get(self.column)
    }

    /// What stands at a row, and what happened there.
    pub fn cell(&self, row: usize) -> (u8, u8) {
        let (mut shade, mut mark) = (UNMAPPED, 0);
        if let Some(row) = self.rows.map_or(Some(row), |rows| rows.get(row).copied().flatten()) {
            let (shades, marks) = self.cells();
            shade = shades.get(row).copied().unwrap_or(UNMAPPED);
            mark = marks.get(row).copied().unwrap_or(0);
        }
        (shade, mark)
    }

    /// What stands at all rows of the raster, and what happened there.
    pub fn cells(&self) -> (&'a [u8], &'a [u8]) {
        let all = self.column * self.raster.rows..(self.column + 1) * self.raster.rows;
        let raster = self.raster;
        (raster.shade.get(all.clone()).unwrap_or_default(), raster.marks.get(all).unwrap_or_default())
    }

    /// The rows of the raster, when they are not those of the picture: for each of these the one there.
    pub fn rows(&self) -> Option<&'a [Option<usize>]> {
        self.rows
    }
}

impl Raster {
    pub(super) fn new(window: (f64, f64), columns: usize, rows: usize) -> Self {
        Self {
            window,
            rows,
            done: 0,
            columns: vec![Column::default(); columns],
            shade: vec![UNMAPPED; columns * rows],
            marks: vec![0; columns * rows],
        }
    }

    /// The column of a place on the axis; the nearest one outside of the window.
    pub fn column_of(&self, at: f64) -> usize {
        column_of(self.window, self.columns.len(), at)
    }

    /// The column that shows a place on the axis, if one does.
    pub fn column_at(&self, at: f64) -> Option<usize> {
        let inside = self.window.0 <= at && at <= self.window.1;
        Some(self.column_of(at)).filter(|column| inside && *column < self.done)
    }

    /// A picture of a trace that says in short what happened where: no pixel is more exact than that.
    pub fn from_density(density: &Density, scale: &TimeScale, fold: &Fold, columns: usize) -> Self {
        let mut raster = Self::new((0.0, scale.length()), columns, fold.rows);
        let mut position = 0usize;
        for column in density.columns() {
            let events = usize::try_from(column.events).unwrap_or(usize::MAX);
            let from = raster.column_of(scale.at(position, column.time_ns.0));
            position = position.saturating_add(events);
            let to = raster.column_of(scale.at(position, column.time_ns.1)).max(from);
            let mut marks = [0u64; Mark::ALL.len()];
            for cell in &column.cells {
                for (mark, n) in [
                    (Mark::Map, cell.counts.maps),
                    (Mark::Unmap, cell.counts.unmaps),
                    (Mark::Fault, cell.counts.faults),
                    (Mark::Other, cell.counts.others),
                ] {
                    if let Some(sum) = marks.get_mut(mark as usize) {
                        *sum = sum.saturating_add(n);
                    }
                }
                let lane = fold.lane_of(cell.pid).and_then(|i| fold.lanes.get(i));
                let bytes = 1u64.checked_shl(column.cell_bits.into()).unwrap_or(u64::MAX);
                let range = Range::from_len(cell.start, bytes);
                if let (Some(lane), Ok(range)) = (lane, range)
                    && let Some((top, low)) = lane.rows_of(range)
                {
                    for at in from..=to {
                        let cells = raster.shade.get_mut(at * fold.rows + top..=at * fold.rows + low);
                        cells.unwrap_or_default().fill(COARSE);
                    }
                }
            }
            // Evenly over its columns, and none of them is lost.
            let count = u64::try_from(to - from + 1).unwrap_or(1);
            for (i, at) in (0..count).zip(from..=to) {
                let part = |n: u64| n / count + u64::from(i < n % count);
                if let Some(column_) = raster.columns.get_mut(at) {
                    column_.events += part(column.events);
                    for (sum, n) in column_.marks.iter_mut().zip(marks) {
                        *sum = sum.saturating_add(u32::try_from(part(n)).unwrap_or(u32::MAX));
                    }
                }
            }
        }
        raster.done = columns;
        raster
    }
}

pub(super) fn column_of(window: (f64, f64), columns: usize, at: f64) -> usize {
    let count = float(u64::try_from(columns).unwrap_or(0));
    let column = whole((at - window.0) / (window.1 - window.0).max(f64::MIN_POSITIVE) * count);
    usize::try_from(column).unwrap_or(usize::MAX).min(columns.saturating_sub(1))
}
