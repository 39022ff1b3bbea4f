//! A part of a trace, counted by pixel: what happened in each, and what each address was at each time.

use super::fold::{Fold, Lane};
use super::scale::{Pace, Place, TimeScale, float, whole};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{EventKind, Fault, FaultAccess};
use pagescope_shared::model::{Change, MappingChange, Totals};
use pagescope_shared::page::PageState;
use pagescope_shared::pscope::Density;
use pagescope_shared::timeline::{Passed, Timeline, Walk};
use pagescope_shared::world::World;
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
    /// What memory amounted to at its end, all processes together; none where it was not counted.
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
    fn new(window: (f64, f64), columns: usize, rows: usize) -> Self {
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

fn column_of(window: (f64, f64), columns: usize, at: f64) -> usize {
    let count = float(u64::try_from(columns).unwrap_or(0));
    let column = whole((at - window.0) / (window.1 - window.0).max(f64::MIN_POSITIVE) * count);
    usize::try_from(column).unwrap_or(usize::MAX).min(columns.saturating_sub(1))
}

/// Fills a raster, in slices, from the events themselves.
#[derive(Debug)]
pub struct Fill {
    /// As far as it has come.
    pub raster: Raster,
    scale: Rc<TimeScale>,
    /// Where addresses stand.
    pub fold: Rc<Fold>,
    /// Taken out while it calls back.
    walk: Option<Walk>,
    /// Events could not be read: it waits.
    stuck: bool,
    from: usize,
    until: usize,
    column: usize,
    begun: bool,
    /// The addresses of each row, and its lane.
    rows: Vec<Option<(Range, usize)>>,
    now: Vec<u8>,
    /// What stood in a row at some time in this column, if that has gone again.
    passing: Vec<u8>,
    stale: Vec<bool>,
    stale_rows: Vec<usize>,
}

/// Of a lane that processes share, so many of them are looked at for what stands in a row.
const LOOKED_AT: usize = 32;
/// Memory of all processes is added up for every column, if they are at most so many.
const ADDED_UP: usize = 256;

impl Fill {
    /// For a part of the axis, in so many columns.
    pub fn new(
        timeline: &Timeline,
        scale: &Rc<TimeScale>,
        fold: &Rc<Fold>,
        window: (f64, f64),
        columns: usize,
    ) -> Self {
        let columns = columns.max(1);
        let position = |place: Place, after: bool| match place {
            Place::Position(at) => at.saturating_add(usize::from(after)),
            Place::Time(ns) => timeline.store().find_time(ns.saturating_add(u64::from(after))),
        };
        let from = position(scale.place(window.0), false);
        let whole = window.1 >= scale.length();
        let until =
            if whole { timeline.end() } else { position(scale.place(window.1), true).min(timeline.end()) };
        let lanes = fold.lanes.iter().enumerate();
        let mut rows = vec![None; fold.rows];
        for (i, lane) in lanes {
            for row in lane.row..lane.row + lane.rows {
                if let Some(place) = rows.get_mut(row) {
                    *place = lane.at(row).map(|range| (range, i));
                }
            }
        }
        Self {
            raster: Raster::new(window, columns, fold.rows),
            scale: Rc::clone(scale),
            fold: Rc::clone(fold),
            walk: Some(timeline.walk_to(from)),
            stuck: false,
            from,
            until,
            column: 0,
            begun: false,
            rows,
            now: vec![UNMAPPED; fold.rows],
            passing: vec![UNMAPPED; fold.rows],
            stale: vec![false; fold.rows],
            stale_rows: Vec::new(),
        }
    }

    /// Whether all of it is there.
    pub fn is_done(&self) -> bool {
        self.raster.done >= self.raster.columns.len()
    }

    /// Whether [`Self::advance`] can do something: it may have to wait for a part of the trace.
    pub fn can_advance(&self, timeline: &Timeline) -> bool {
        let comes = |walk: &Walk| !self.stuck || timeline.can_walk(walk);
        !self.is_done() && self.walk.as_ref().is_some_and(comes)
    }

    /// Goes through about so many events more.
    pub fn advance(&mut self, timeline: &Timeline, events: usize) {
        let Some(mut walk) = self.walk.take().filter(|_| !self.is_done()) else { return };
        let before = walk.position();
        timeline.walk(&mut walk, self.until, events, &mut |passed| self.take(passed));
        if walk.position() >= self.until {
            self.finish(walk.world());
        } else {
            self.stuck = walk.position() == before && events > 0;
        }
        self.walk = Some(walk);
    }

    fn take(&mut self, passed: &Passed<'_>) {
        if passed.position < self.from {
            return;
        }
        let (event, world) = (passed.event, passed.world);
        let at = self.scale.at(passed.position, event.time_ns);
        // Of events that are not here it is not known exactly where the window begins.
        if at < self.raster.window.0 && self.column == 0 && self.scale.pace != Pace::Events {
            return;
        }
        self.begin();
        let column = column_of(self.raster.window, self.raster.columns.len(), at);
        self.close_until(column, world);
        let lane = self.fold.lane_of(event.pid);
        self.soil(event.pid, lane, passed);
        let fold = Rc::clone(&self.fold);
        let lane = lane.and_then(|i| fold.lanes.get(i));
        let (mark, addr) = mark(&event.kind, passed.change);
        let row = addr.and_then(|addr| lane?.row_of(addr));
        let raster = &mut self.raster;
        if let Some(column) = raster.columns.get_mut(self.column) {
            column.events += 1;
            if let Some(count) = column.marks.get_mut(mark as usize).filter(|_| mark != Mark::None) {
                *count = count.saturating_add(1);
            }
        }
        if let Some(cell) = row.and_then(|row| raster.marks.get_mut(self.column * raster.rows + row)) {
            *cell = (*cell).max(mark as u8);
        }
    }

    /// At the beginning of the window everything is looked at once.
    fn begin(&mut self) {
        if !self.begun {
            self.begun = true;
            for row in 0..self.rows.len() {
                self.soil_row(row);
            }
        }
    }

    /// What an event changed has to be looked at again.
    fn soil(&mut self, pid: u32, lane: Option<usize>, passed: &Passed<'_>) {
        let change = passed.change;
        for page in &change.pages {
            let after = page.after.map_or(UNMAPPED, |page| code(page.state));
            self.soil_range(lane, page.range, after);
        }
        for mapping in &change.mappings {
            match mapping {
                MappingChange::Created(m) => self.soil_range(lane, m.range, code(PageState::Untouched)),
                MappingChange::Removed(m) | MappingChange::Changed(m) => {
                    self.soil_range(lane, m.range, UNMAPPED);
                }
                MappingChange::Shrunk { before, after }
                | MappingChange::Grown { before, after }
                | MappingChange::Merged { before, after }
                | MappingChange::Moved { from: before, to: after } => {
                    self.soil_range(lane, *before, UNMAPPED);
                    self.soil_range(lane, *after, UNMAPPED);
                }
                MappingChange::Split { .. } => {}
            }
        }
        for (other, page) in &change.elsewhere {
            let lane = self.fold.lane_of(*other);
            self.soil_range(lane, page.range, UNMAPPED);
        }
        match &passed.event.kind {
            EventKind::Fork(fork) => {
                self.soil_lane(self.fold.lane_of(fork.child));
                self.soil_lane(self.fold.lane_of(pid));
            }
            EventKind::Exec(_) | EventKind::Exit(_) | EventKind::Snapshot(_) | EventKind::Start(_) => {
                self.soil_lane(lane);
                self.soil_lane(self.fold.lane_of(passed.world.lender(pid)));
            }
            _ => {}
        }
    }

    fn soil_lane(&mut self, lane: Option<usize>) {
        if let Some(Lane { row, rows, .. }) = lane.and_then(|i| self.fold.lanes.get(i)) {
            (*row..row + rows).for_each(|row| self.soil_row(row));
        }
    }

    /// `passing`: what stands there now, if that may be gone before the column ends.
    fn soil_range(&mut self, lane: Option<usize>, range: Range, passing: u8) {
        let rows = lane.and_then(|i| self.fold.lanes.get(i)).and_then(|lane| lane.rows_of(range));
        let Some((top, low)) = rows else { return };
        for row in top..=low {
            self.soil_row(row);
            if let Some(place) = self.passing.get_mut(row).filter(|_| passing != UNMAPPED) {
                *place = passing;
            }
        }
    }

    fn soil_row(&mut self, row: usize) {
        if let Some(stale) = self.stale.get_mut(row).filter(|stale| !**stale) {
            *stale = true;
            self.stale_rows.push(row);
        }
    }

    /// Finishes the columns before `column`.
    fn close_until(&mut self, column: usize, world: &World) {
        if column <= self.column {
            return;
        }
        let mut gone = Vec::new();
        for row in std::mem::take(&mut self.stale_rows) {
            let code = self.look(row, world);
            let (now, passing) = (self.now.get_mut(row), self.passing.get_mut(row));
            if let (Some(now), Some(passing), Some(stale)) = (now, passing, self.stale.get_mut(row)) {
                (*now, *stale) = (code, false);
                // What came or was touched, and went, within a column is seen in it.
                let passed = std::mem::replace(passing, UNMAPPED);
                if code <= STATES && passed > code {
                    gone.push((row, passed));
                }
            }
        }
        let totals = (world.processes().take(ADDED_UP + 1).count() <= ADDED_UP).then(|| world.totals());
        let raster = &mut self.raster;
        for at in self.column..column {
            if let Some(cells) = raster.shade.get_mut(at * raster.rows..(at + 1) * raster.rows) {
                cells.copy_from_slice(&self.now);
            }
            if let Some(column) = raster.columns.get_mut(at) {
                column.totals = totals;
            }
        }
        for (row, passed) in gone {
            if let Some(cell) = raster.shade.get_mut(self.column * raster.rows + row) {
                *cell = passed;
            }
        }
        self.column = column;
        raster.done = column;
    }

    fn finish(&mut self, world: &World) {
        self.begin();
        self.close_until(self.raster.columns.len(), world);
    }

    /// What stands in a row: the state that most of its pages have, or that they are untouched.
    fn look(&self, row: usize, world: &World) -> u8 {
        let Some((range, lane)) = self.rows.get(row).copied().flatten() else { return UNMAPPED };
        let Some(lane) = self.fold.lanes.get(lane) else { return UNMAPPED };
        let mut pages = [0u64; PageState::ALL.len()];
        for space in lane.pids.iter().take(LOOKED_AT).filter_map(|pid| world.space(*pid)) {
            // A row may stand for very many runs: the first of them speak for all.
            for (part, page) in space.runs(range).take(64) {
                if let Some(sum) =
                    PageState::ALL.iter().position(|s| *s == page.state).and_then(|i| pages.get_mut(i))
                {
                    *sum = sum.saturating_add(part.bytes());
                }
            }
        }
        let touched = pages.iter().enumerate().skip(1).filter(|(_, n)| **n > 0).max_by_key(|(_, n)| **n);
        let first = pages.first().is_some_and(|n| *n > 0).then_some(0);
        touched.map(|(i, _)| i).or(first).map_or(UNMAPPED, |i| STATES + u8::try_from(i).unwrap_or(0))
    }
}

/// The code of a state.
fn code(state: PageState) -> u8 {
    let at = PageState::ALL.iter().position(|s| *s == state).unwrap_or(0);
    STATES + u8::try_from(at).unwrap_or(0)
}

/// What to draw for an event, and where.
fn mark(kind: &EventKind, change: &Change) -> (Mark, Option<Addr>) {
    match kind {
        EventKind::Fault(fault) => (fault_mark(fault, change), Some(fault.addr)),
        EventKind::Map(e) => (Mark::Map, Some(e.range.start())),
        EventKind::Unmap(e) => (Mark::Unmap, Some(e.range.start())),
        EventKind::Protect(e) => (Mark::Other, Some(e.range.start())),
        EventKind::Remap(e) => (Mark::Map, Some(e.new.start())),
        EventKind::Break(e) => (if e.new < e.old { Mark::Unmap } else { Mark::Map }, Some(e.old.min(e.new))),
        EventKind::Advise(e) => (Mark::Other, Some(e.range.start())),
        EventKind::Signal(e) => (Mark::Signal, Some(e.addr)),
        EventKind::Access(e) => (Mark::Other, Some(e.addr)),
        _ => (Mark::None, None),
    }
}

fn fault_mark(fault: &Fault, change: &Change) -> Mark {
    let changed = change.pages.iter().find(|page| page.range.contains(fault.addr));
    let state = fault.led_to.or_else(|| changed.and_then(|page| page.after).map(|page| page.state));
    match (state, fault.access) {
        (Some(PageState::FileClean), _) => Mark::FileClean,
        (Some(PageState::ZeroPage), _) => Mark::ZeroPage,
        (Some(PageState::Private), _) => Mark::Private,
        (Some(PageState::FileDirty), _) => Mark::FileDirty,
        (Some(PageState::CopyPending), _) => Mark::CopyPending,
        (Some(PageState::Swapped), _) => Mark::Swapped,
        (_, Some(FaultAccess::Write)) => Mark::FaultWrite,
        (_, Some(FaultAccess::Read | FaultAccess::Execute)) => Mark::FaultRead,
        (_, None) => Mark::Fault,
    }
}
