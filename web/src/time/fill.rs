//! A raster is filled from the events of a trace, in slices.

use super::fold::{Fold, Lane};
use super::raster::{Mark, Raster, STATES, UNMAPPED, column_of};
use super::scale::{Pace, Place, TimeScale};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{Event, EventKind, Fault, FaultAccess};
use pagescope_shared::model::{Change, MappingChange, Totals};
use pagescope_shared::page::PageState;
use pagescope_shared::timeline::{Passed, Timeline, Walk};
use pagescope_shared::world::World;
use std::rc::Rc;

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
    /// The most that was seen resident in this column.
    peak: Option<Totals>,
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

/// And at every look within a column, if they are at most so many.
const FOLLOWED: usize = 64;

/// The one with more resident memory.
fn greater(a: Option<Totals>, b: Option<Totals>) -> Option<Totals> {
    [a, b].into_iter().flatten().max_by_key(Totals::resident)
}

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
            peak: None,
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

    /// Goes through about so many events more. Returns how many it were.
    pub fn advance(&mut self, timeline: &Timeline, events: usize) -> usize {
        let Some(mut walk) = self.walk.take().filter(|_| !self.is_done()) else { return 0 };
        let before = walk.position();
        timeline.walk(&mut walk, self.until, events, &mut |passed| self.take(passed));
        if walk.position() >= self.until {
            self.finish(walk.world());
        } else {
            self.stuck = walk.position() == before && events > 0;
        }
        let counted = walk.position() - before;
        self.walk = Some(walk);
        counted
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
        self.follow_peak(event, world);
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

    /// What is seen just before a process ends is gone at the end of the column.
    fn follow_peak(&mut self, event: &Event, world: &World) {
        let looks = matches!(event.kind, EventKind::Observed(_) | EventKind::Snapshot(_));
        if looks && world.processes().take(FOLLOWED + 1).count() <= FOLLOWED {
            self.peak = greater(self.peak.take(), Some(world.totals()));
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
        let totals = greater(totals, self.peak.take());
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
