//! The picture of a whole trace: which part of it is shown, and what is known of it so far.

pub mod fold;
pub mod paint;
pub mod raster;
pub mod scale;
pub mod words;

use fold::{Fold, Subject};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::timeline::Timeline;
use raster::{Fill, Raster};
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
    /// All of the trace, once it has been counted; before that what the trace itself says in short.
    base: Raster,
    base_is_exact: bool,
    fill: Option<Fill>,
    /// What axis and fold were made for.
    made_for: Option<MadeFor>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct MadeFor {
    trace: u64,
    pace: Pace,
    size: (usize, usize),
    /// How far the trace had been gone through: all of it, or a power of two.
    known: Option<u32>,
}

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
            Msg::Seek(_) | Msg::Loop => {}
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
        if self.made_for != Some(self.wanted(timeline, trace)) {
            return true;
        }
        if timeline.explored() < timeline.end() || self.base_serves() {
            return false;
        }
        let fill = self.fill.as_ref().filter(|fill| fill.raster.window == self.shown());
        fill.is_none_or(|fill| fill.can_advance(timeline))
    }

    /// Whether all of the trace is shown, and has been counted.
    fn base_serves(&self) -> bool {
        self.base_is_exact && self.window.is_none()
    }

    fn wanted(&self, timeline: &Timeline, trace: u64) -> MadeFor {
        let (explored, end) = (timeline.explored(), timeline.end());
        let known = (explored < end).then(|| explored.max(1).ilog2());
        MadeFor { trace, pace: self.pace, size: (self.columns, self.rows), known }
    }

    /// Counts: about so many events.
    pub fn work(&mut self, timeline: &Timeline, trace: u64, events: usize) {
        if !self.has_work(timeline, trace) {
            return;
        }
        self.version += 1;
        let wanted = self.wanted(timeline, trace);
        if self.made_for != Some(wanted) {
            self.lay_out(timeline, wanted);
        }
        if timeline.explored() < timeline.end() {
            return;
        }
        let window = self.shown();
        if self.fill.as_ref().is_none_or(|fill| fill.raster.window != window) {
            self.fill = Some(Fill::new(timeline, &self.scale, &self.fold, window, self.columns));
        }
        let Some(fill) = &mut self.fill else { return };
        fill.advance(timeline, events);
        if fill.is_done()
            && self.window.is_none()
            && let Some(fill) = self.fill.take()
        {
            (self.base, self.base_is_exact) = (fill.raster, true);
        }
    }

    fn lay_out(&mut self, timeline: &Timeline, wanted: MadeFor) {
        let anew = self.made_for.is_none_or(|old| (old.trace, old.pace) != (wanted.trace, wanted.pace));
        if self.made_for.is_none_or(|old| old.trace != wanted.trace) {
            self.window = None;
        }
        self.made_for = Some(wanted);
        let reach = timeline.reach();
        let density = timeline.store().density();
        let last_ns = density.columns().last().map_or(0, |column| column.time_ns.1);
        let part = if anew {
            None
        } else {
            self.window.map(|(a, b)| (a / self.scale.length(), b / self.scale.length()))
        };
        self.scale = Rc::new(TimeScale::new(self.pace, reach, timeline.end(), last_ns));
        if let Some((a, b)) = part {
            self.show(a * self.scale.length(), b * self.scale.length());
        }
        let subjects = subjects(timeline, wanted.known.is_some());
        self.fold = Rc::new(Fold::new(subjects, timeline.header().page_size, self.rows));
        self.fill = None;
        self.base = Raster::from_density(density, &self.scale, &self.fold, self.columns);
        self.base_is_exact = false;
    }

    /// The column that is known best for a place on the axis, and its raster.
    pub fn column_at(&self, at: f64) -> Option<(&Raster, usize)> {
        let fill = self.fill.as_ref().map(|fill| &fill.raster);
        let fill = fill.filter(|_| !self.base_serves());
        let found = fill.and_then(|raster| Some((raster, raster.column_at(at)?)));
        found.or_else(|| Some((&self.base, self.base.column_at(at)?)))
    }

    /// For how many columns and rows there is room.
    pub fn room(&self) -> (usize, usize) {
        (self.columns, self.rows)
    }

    /// How many columns there is room for.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether what is shown has been counted.
    pub fn is_exact(&self) -> bool {
        let counted = |fill: &Fill| fill.is_done() && fill.raster.window == self.shown();
        self.base_serves() || self.fill.as_ref().is_some_and(counted)
    }

    /// The position in the film of a place on the axis: after everything that happened up to it.
    pub fn position(&self, timeline: &Timeline, at: f64) -> usize {
        match self.scale.place(at) {
            Place::Position(position) => position.min(timeline.end()),
            Place::Time(ns) => timeline.store().find_time(ns.saturating_add(1)),
        }
    }

    /// The row at a part of the picture from its top.
    pub fn row(&self, part: f64) -> usize {
        let rows = scale::float(u64::try_from(self.fold.rows).unwrap_or(0));
        let row = usize::try_from(scale::whole(part * rows)).unwrap_or(0);
        row.min(self.fold.rows.saturating_sub(1))
    }

    /// What is under the pointer: the process and the addresses.
    pub fn pointed(&self) -> Option<(u32, Range)> {
        let (_, y) = self.pointer.filter(|(_, y)| (0.0..=1.0).contains(y))?;
        let (lane, range) = self.fold.at(self.row(y))?;
        Some((*lane.pids.first()?, range?))
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
            mapped: process.mapped.iter().collect(),
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
