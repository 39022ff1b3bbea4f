//! The picture of a whole trace: which part of it is shown, and what is known of it so far.

pub mod fill;
pub mod fold;
pub mod paint;
pub mod raster;
pub mod scale;
pub mod words;

use fill::Fill;
use fold::{Fold, Subject};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::timeline::{ProcessReach, Timeline};
use raster::{Found, Raster, Sketch};
use scale::{Pace, Place, TimeScale};
use std::rc::Rc;

/// What can happen to it. Places along the axis are parts of what is shown, from 0 at its left end to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Msg {
    /// There is room for so many columns and rows of pixels.
    Room(usize, usize),
    /// What the axis counts.
    Pace(Pace),
    /// Show so many times as much, and leave what is at this place where it is.
    Zoom {
        /// The place.
        at: f64,
        /// Below 1: less, at a larger scale.
        factor: f64,
    },
    /// Move by this part of what is shown.
    Pan(f64),
    /// This part of what is shown is being chosen; or no longer.
    Drag(Option<(f64, f64)>),
    /// Show the part that was being chosen.
    Drop,
    /// Show this part of what is shown.
    Brush(f64, f64),
    /// Show all of it.
    Whole,
    /// The pointer is at this place, and at this part of the picture from its top; or nowhere.
    Point(Option<(f64, f64)>),
    /// Go to the moment at this place.
    Seek(f64),
    /// The same, and select the mapping that is under the pointer.
    Click(f64),
    /// Play what is shown, again and again.
    Loop,
}

/// Its state.
#[derive(Debug, Default)]
pub struct Time {
    /// What the axis counts.
    pub pace: Pace,
    /// The part of the axis that is shown; nothing means all of it.
    pub window: Option<(f64, f64)>,
    /// Where the pointer is.
    pub pointer: Option<(f64, f64)>,
    /// The part of what is shown that is being chosen.
    pub drag: Option<(f64, f64)>,
    /// The axis.
    pub scale: Rc<TimeScale>,
    /// Where addresses stand.
    pub fold: Rc<Fold>,
    /// Changes with the picture.
    pub version: u64,
    columns: usize,
    rows: usize,
    /// How many columns stand for one pixel of the page, if more than one.
    fine: usize,
    /// All of the trace, once it has been counted; before that what the trace itself says in short.
    whole: Sketch,
    whole_is_exact: bool,
    /// What was shown before.
    last: Option<Sketch>,
    fill: Option<Fill>,
    /// So many of its columns are in the picture that was last called new.
    painted: usize,
    /// What axis and fold were made for.
    made_for: Option<MadeFor>,
}

#[derive(Clone, Debug, PartialEq)]
struct MadeFor {
    trace: u64,
    pace: Pace,
    size: (usize, usize),
    /// How far the trace had been gone through: all of it, or a power of two.
    known: Option<u32>,
    /// The processes that live in what is shown, when only they are.
    alive: Option<Vec<u32>>,
}

/// So many processes are always shown, whether they live in the part that is shown or not.
const ALWAYS: usize = 3;

/// The least part of the axis that can be shown, in events or nanoseconds.
const LEAST: f64 = 8.0;

impl Time {
    /// What is shown.
    pub fn shown(&self) -> (f64, f64) {
        self.window.unwrap_or((0.0, self.scale.length()))
    }

    /// A part of what is shown, as a place on the axis.
    pub fn place(&self, part: f64) -> f64 {
        let (from, to) = self.shown();
        (from + (to - from) * part).clamp(0.0, self.scale.length())
    }

    /// A place on the axis as a part of what is shown.
    pub fn part(&self, at: f64) -> f64 {
        let (from, to) = self.shown();
        (at - from) / (to - from).max(f64::MIN_POSITIVE)
    }

    /// Where an event's end stands: the moment after `position` events, the last of them at `time_ns`.
    pub fn moment(&self, position: usize, time_ns: u64) -> f64 {
        self.scale.at(position, time_ns)
    }

    /// Where the moment that is shown stands.
    pub fn here(&self, timeline: &Timeline) -> f64 {
        let last_ns = match timeline.event() {
            Some(event) => event.time_ns,
            None => self.scale.first_ns(),
        };
        self.moment(timeline.position(), last_ns)
    }

    /// Changes the state. What moves the film is the page's to do: it asks [`Self::position`].
    pub fn update(&mut self, msg: Msg) {
        match msg {
            Msg::Room(columns, rows) => (self.columns, self.rows) = (columns.min(8192), rows.min(4096)),
            Msg::Pace(pace) => self.set_pace(pace),
            Msg::Zoom { at, factor } => {
                let (from, to) = self.shown();
                let fixed = self.place(at);
                let factor = factor.clamp(1e-6, 1e6);
                self.show(fixed - (fixed - from) * factor, fixed + (to - fixed) * factor);
            }
            Msg::Pan(by) => {
                let (from, to) = self.shown();
                let length = self.scale.length();
                let by = ((to - from) * by).clamp(-from, (length - to).max(0.0));
                self.show(from + by, to + by);
            }
            Msg::Brush(a, b) => {
                let (a, b) = (self.place(a), self.place(b));
                self.show(a.min(b), a.max(b));
            }
            Msg::Drag(part) => self.drag = part,
            Msg::Drop => {
                if let Some((a, b)) = self.drag.take() {
                    self.update(Msg::Brush(a, b));
                }
            }
            Msg::Whole => self.window = None,
            Msg::Point(at) => self.pointer = at,
            Msg::Seek(_) | Msg::Click(_) | Msg::Loop => {}
        }
    }

    fn show(&mut self, from: f64, to: f64) {
        if !(from.is_finite() && to.is_finite()) {
            return;
        }
        let length = self.scale.length();
        let width = (to - from).clamp(LEAST.min(length), length);
        let start = (f64::midpoint(from, to) - width / 2.0).clamp(0.0, length - width);
        self.window = (width < length).then_some((start, start + width));
    }

    /// Another axis; what was shown stays about the same.
    fn set_pace(&mut self, pace: Pace) {
        if pace != self.pace {
            self.pace = pace;
            self.window = None;
        }
    }

    /// Whether there is something to count.
    pub fn has_work(&self, timeline: &Timeline, trace: u64) -> bool {
        if self.columns == 0 || self.rows == 0 {
            return false;
        }
        if self.made_for.as_ref() != Some(&self.wanted(timeline, trace)) {
            return true;
        }
        if timeline.explored() < timeline.end() || self.whole_serves() {
            return false;
        }
        let fill = self.fill.as_ref().filter(|fill| fill.raster.window == self.shown());
        fill.is_none_or(|fill| fill.can_advance(timeline))
    }

    /// Whether all of the trace is shown, and has been counted as it is shown.
    fn whole_serves(&self) -> bool {
        let fits =
            || self.whole.raster.columns.len() == self.columns && Rc::ptr_eq(&self.whole.fold, &self.fold);
        self.whole_is_exact && self.window.is_none() && fits()
    }

    fn wanted(&self, timeline: &Timeline, trace: u64) -> MadeFor {
        let (explored, end) = (timeline.explored(), timeline.end());
        let known = (explored < end).then(|| explored.max(1).ilog2());
        let processes = timeline.reach().processes();
        let alive = self.window.filter(|_| known.is_none() && processes.len() > ALWAYS).map(|(from, to)| {
            let lives = |p: &&ProcessReach| {
                let at = |position, time_ns| self.scale.at(position, time_ns);
                at(p.positions.0, p.times.0) <= to && from <= at(p.positions.1, p.times.1)
            };
            processes.iter().filter(lives).map(|p| p.pid).collect()
        });
        MadeFor { trace, pace: self.pace, size: (self.columns, self.rows), known, alive }
    }

    /// Counts: about so many events. Returns how many it were.
    pub fn work(&mut self, timeline: &Timeline, trace: u64, events: usize) -> usize {
        if !self.has_work(timeline, trace) {
            return 0;
        }
        let wanted = self.wanted(timeline, trace);
        if self.made_for.as_ref() != Some(&wanted) {
            self.version += 1;
            self.lay_out(timeline, wanted);
        }
        if timeline.explored() < timeline.end() || self.whole_serves() {
            return 0;
        }
        let window = self.shown();
        if self.fill.as_ref().is_none_or(|fill| fill.raster.window != window) {
            self.put_by();
            self.painted = 0;
            self.fill = Some(Fill::new(timeline, &self.scale, &self.fold, window, self.columns));
        }
        let Some(fill) = &mut self.fill else { return 0 };
        let counted = fill.advance(timeline, events);
        // Not every slice is worth a new picture.
        if fill.is_done() || fill.raster.done >= self.painted + self.columns / 32 {
            (self.painted, self.version) = (fill.raster.done, self.version + 1);
        }
        if fill.is_done()
            && self.window.is_none()
            && let Some(fill) = self.fill.take()
        {
            (self.whole, self.whole_is_exact) = (Sketch::new(fill.raster, fill.fold), true);
            self.last = None;
        }
        counted
    }

    /// The same picture with so many columns for one of it, counted at once; none where that would take long.
    pub fn finer(&self, timeline: &Timeline, fine: usize) -> Option<Self> {
        /// A tenth of a second or so.
        const EVENTS: usize = 1_000_000;
        if !self.is_exact() {
            return None;
        }
        let columns = self.columns.saturating_mul(fine);
        let mut fill = Fill::new(timeline, &self.scale, &self.fold, self.shown(), columns);
        fill.advance(timeline, EVENTS);
        fill.is_done().then(|| Self {
            pace: self.pace,
            window: self.window,
            scale: Rc::clone(&self.scale),
            fold: Rc::clone(&self.fold),
            columns,
            rows: self.rows,
            fine,
            fill: Some(fill),
            ..Self::default()
        })
    }

    /// What has been counted so far may serve as a sketch.
    fn put_by(&mut self) {
        if let Some(old) = self.fill.take().filter(|old| old.raster.done * 2 > old.raster.columns.len()) {
            let mut sketch = Sketch::new(old.raster, old.fold);
            sketch.serve(&self.fold);
            self.last = Some(sketch);
        }
    }

    fn lay_out(&mut self, timeline: &Timeline, wanted: MadeFor) {
        let old = self.made_for.take();
        let same = |old: &MadeFor| (old.trace, old.pace) == (wanted.trace, wanted.pace);
        let same_axis = old.as_ref().is_some_and(|old| same(old) && old.known == wanted.known);
        if old.as_ref().is_none_or(|old| old.trace != wanted.trace) {
            (self.window, self.pointer, self.drag) = (None, None, None);
        }
        let density = timeline.store().density();
        if !same_axis {
            let part = self.window.map(|(a, b)| (a / self.scale.length(), b / self.scale.length()));
            let last_ns = density.columns().last().map_or(0, |column| column.time_ns.1);
            self.scale = Rc::new(TimeScale::new(self.pace, timeline.reach(), timeline.end(), last_ns));
            if let Some((a, b)) = part.filter(|_| old.as_ref().is_some_and(same)) {
                self.show(a * self.scale.length(), b * self.scale.length());
            }
        }
        let mut subjects = subjects(timeline, wanted.known.is_some());
        if let Some(alive) = &wanted.alive {
            subjects.retain(|s| alive.contains(&s.pid));
        }
        let fold = Fold::new(subjects, timeline.header().page_size, self.rows);
        self.fold = if fold == *self.whole.fold { Rc::clone(&self.whole.fold) } else { Rc::new(fold) };
        if same_axis {
            self.put_by();
        } else {
            let raster = Raster::from_density(density, &self.scale, &self.fold, self.columns);
            self.whole = Sketch::new(raster, Rc::clone(&self.fold));
            (self.whole_is_exact, self.last, self.fill) = (false, None, None);
        }
        self.whole.serve(&self.fold);
        if let Some(last) = &mut self.last {
            last.serve(&self.fold);
        }
        self.made_for = Some(wanted);
    }

    /// The best that is known of a place on the axis.
    pub fn found(&self, at: f64) -> Option<Found<'_>> {
        let in_sketch = |sketch: &'_ Sketch| -> bool { sketch.raster.column_at(at).is_some() };
        if self.whole_serves() {
            return Found::in_raster(&self.whole.raster, &[], at);
        }
        let fill = self.fill.as_ref().and_then(|fill| Found::in_raster(&fill.raster, &[], at));
        let last = self.last.as_ref().filter(|last| in_sketch(last)).unwrap_or(&self.whole);
        fill.or_else(|| Found::in_raster(&last.raster, &last.rows, at))
    }

    /// For how many columns and rows there is room.
    pub fn room(&self) -> (usize, usize) {
        (self.columns, self.rows)
    }

    /// How many columns wide a single event is: two pixels of the page, or it would not be seen from afar.
    pub fn event_columns(&self) -> usize {
        2 * self.fine.max(1)
    }

    /// How many columns there is room for.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether what is shown has been counted.
    pub fn is_exact(&self) -> bool {
        let counted = |fill: &Fill| fill.is_done() && fill.raster.window == self.shown();
        self.whole_serves() || self.fill.as_ref().is_some_and(counted)
    }

    /// The position in the film of a place on the axis: after everything that happened up to it.
    pub fn position(&self, timeline: &Timeline, at: f64) -> usize {
        match self.scale.place(at) {
            Place::Position(position) => position.min(timeline.end()),
            Place::Time(ns) => timeline.store().find_time(ns.saturating_add(1)),
        }
    }

    /// What has been counted of what is shown.
    #[cfg(test)]
    fn counted(&self) -> &Raster {
        if self.whole_serves() { &self.whole.raster } else { &self.fill.as_ref().unwrap().raster }
    }

    /// The row at a part of the picture from its top.
    pub fn row(&self, part: f64) -> usize {
        let rows = scale::float(u64::try_from(self.fold.rows).unwrap_or(0));
        let row = usize::try_from(scale::whole(part * rows)).unwrap_or(0);
        row.min(self.fold.rows.saturating_sub(1))
    }

    /// What is under the pointer: the process and the addresses, from the first whole page on.
    pub fn pointed(&self) -> Option<(u32, Range)> {
        let (_, y) = self.pointer.filter(|(_, y)| (0.0..=1.0).contains(y))?;
        let (lane, range) = self.fold.at(self.row(y))?;
        let (range, page) = (range?, self.fold.page_bytes.max(1));
        let start = range.start().0.checked_next_multiple_of(page).filter(|start| *start < range.end().0);
        let start = start.unwrap_or(range.start().0 / page * page);
        Some((*lane.pids.first()?, Range::new(Addr(start), range.end()).ok()?))
    }

    /// The address under the pointer.
    pub fn hover(&self) -> Option<Addr> {
        self.pointed().map(|(_, range)| range.start())
    }
}

/// The processes to lay out. Before a trace has been gone through, what it says of itself in short stands for the rest.
fn subjects(timeline: &Timeline, partly: bool) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = timeline
        .reach()
        .processes()
        .iter()
        .map(|process| Subject {
            pid: process.pid,
            program: process.program.clone(),
            events: process.events,
            touched: process.touched.iter().collect(),
            mapped: process.mapped.iter().map(|(range, _)| range).collect(),
        })
        .collect();
    // A process of which nothing is known but that somebody made it has no addresses to show.
    subjects.retain(|s| !s.touched.is_empty() || !s.mapped.is_empty());
    if partly {
        for column in timeline.store().density().columns() {
            let bytes = 1u64.checked_shl(column.cell_bits.into()).unwrap_or(u64::MAX);
            for cell in &column.cells {
                let Ok(range) = Range::from_len(cell.start, bytes) else { continue };
                let counts = cell.counts;
                let events = counts.faults.saturating_add(counts.maps).saturating_add(counts.unmaps);
                let found = subjects.iter().position(|s| s.pid == cell.pid);
                let at = found.unwrap_or_else(|| {
                    subjects.push(Subject { pid: cell.pid, ..Subject::default() });
                    subjects.len() - 1
                });
                if let Some(subject) = subjects.get_mut(at) {
                    subject.events = subject.events.saturating_add(events);
                    if subject.mapped.len() < 4096 && !subject.mapped.contains(&range) {
                        subject.mapped.push(range);
                    }
                }
            }
        }
    }
    subjects
}

#[cfg(test)]
mod tests;
