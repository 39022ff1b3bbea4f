//! A whole trace as a film: any moment of it, forwards and backwards.

mod approach;
mod keyframes;
mod reach;
mod search;
mod series;
mod trouble;
mod walk;

pub use approach::Approach;
pub use reach::{Gap, Marked, ProcessReach, Reach, Stretches};
pub use search::{Found, Query};
pub use series::{Sample, Series};
pub use trouble::{Trouble, Troubles};
pub use walk::{Passed, Walk};

use crate::event::{Event, EventKind, Marker, Step};
use crate::header::Header;
use crate::model::Change;
use crate::store::Store;
use crate::trace::{Problem, Trace};
use crate::world::World;
use keyframes::Keyframes;
use std::cell::Ref;
use std::sync::Arc;

/// The events of a trace and the world at one position among them. Position `n` is the moment after the first `n`
/// events.
///
/// Worlds are kept at even distances, so that going anywhere replays a block at most. They are made as the trace is
/// gone through for the first time: [`Timeline::explore`] does that in slices.
#[derive(Clone, Debug)]
pub struct Timeline {
    store: Store,
    steps: Vec<(usize, Arc<Step>)>,
    markers: Vec<Bookmark>,
    troubles: Troubles,
    ends: bool,
    keyframes: Keyframes,
    series: Series,
    reach: Reach,
    /// How far the trace has been gone through, and the world there.
    explored: Moment,
    now: Moment,
    /// A moment on the way to one that is farther than a slice.
    way: Option<Moment>,
    /// The block that was read last.
    block: Option<(usize, Arc<Vec<Event>>)>,
}

/// So many markers are listed, and so many steps.
const MARKERS: usize = 10_000;

/// A marker of the trace, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    /// The position after its event.
    pub position: usize,
    /// When, in nanoseconds.
    pub time_ns: u64,
    /// What it says.
    pub marker: Arc<Marker>,
}

/// What an event costs, in plain ones: some go by the mappings of a process, and by what was seen of it.
fn cost(event: &Event, world: &World) -> usize {
    match &event.kind {
        EventKind::Fork(_) | EventKind::Exec(_) | EventKind::Exit(_) => {
            let mappings = world.space(event.pid).map_or(0, |space| space.totals().mappings);
            usize::try_from(mappings).unwrap_or(usize::MAX).saturating_mul(4).saturating_add(1)
        }
        EventKind::Observed(observed) => observed.runs.len().saturating_add(1),
        EventKind::Snapshot(snapshot) => {
            snapshot.observed.iter().map(|o| o.runs.len()).sum::<usize>() + snapshot.mappings.len() + 1
        }
        _ => 1,
    }
}

/// The world at one position, and what the event before it did.
#[derive(Clone, Debug)]
struct Moment {
    position: usize,
    world: World,
    change: Change,
}

impl Timeline {
    /// A trace that was read whole, gone through, at position 0.
    pub fn new(trace: &Trace) -> Self {
        let mut timeline = Self::open(Store::from_trace(trace));
        timeline.explore(usize::MAX);
        timeline
    }

    /// A trace at position 0, not gone through yet.
    pub fn open(store: Store) -> Self {
        Self::with_keyframes(store, keyframes::DISTANCE)
    }

    fn with_keyframes(store: Store, distance: usize) -> Self {
        let world = World::new(store.header().page_size);
        let start = Moment { position: 0, world, change: Change::default() };
        Self {
            steps: Vec::new(),
            markers: Vec::new(),
            troubles: Troubles::default(),
            ends: false,
            keyframes: Keyframes::new(&start, distance),
            series: Series::new(store.len()),
            reach: Reach::new(store.header().page_size),
            explored: start.clone(),
            now: start,
            way: None,
            block: None,
            store,
        }
    }

    /// Goes through `events` more of the trace, fewer where some are costly, and returns how many it has gone through in
    /// all.
    pub fn explore(&mut self, events: usize) -> usize {
        let mut left = events;
        while left > 0 {
            let Some((block, first)) = self.block_at(self.explored.position) else { break };
            let from = self.explored.position - first;
            for event in block.iter().skip(from) {
                if left == 0 {
                    break;
                }
                left = left.saturating_sub(cost(event, &self.explored.world));
                self.learn(event);
                self.reach.follow(self.explored.position, event);
                self.explored.world.apply(event, &mut self.explored.change);
                self.explored.position += 1;
                self.troubles.follow(self.explored.position, event, &self.explored.change.drift);
                self.series.follow(&self.explored, event.time_ns);
                self.keyframes.follow(event, &self.explored);
            }
            if block.len() <= from {
                break;
            }
        }
        self.explored.position
    }

    /// What is worth remembering of a trace as a whole.
    fn learn(&mut self, event: &Event) {
        let at = self.explored.position;
        match &event.kind {
            EventKind::Step(step) => self.steps.push((at, Arc::new(step.as_ref().clone()))),
            EventKind::Marker(marker) if self.markers.len() < MARKERS => {
                let marker = Arc::new(marker.as_ref().clone());
                self.markers.push(Bookmark {
                    position: at.saturating_add(1),
                    time_ns: event.time_ns,
                    marker,
                });
            }
            _ => {}
        }
        self.ends = matches!(event.kind, EventKind::End(_));
    }

    /// The block that holds the event after `position`, and the position of its first event.
    fn block_at(&mut self, position: usize) -> Option<(Arc<Vec<Event>>, usize)> {
        let index = self.store.block_of(position)?;
        let events = match &self.block {
            Some((kept, events)) if *kept == index => Arc::clone(events),
            _ => self.store.block(index)?,
        };
        self.block = Some((index, Arc::clone(&events)));
        Some((events, self.store.block_start(index)))
    }

    /// How many events the trace has been gone through.
    pub fn explored(&self) -> usize {
        self.explored.position
    }
    /// What recorded it.
    pub fn header(&self) -> &Header {
        self.store.header()
    }
    /// The events.
    pub fn store(&self) -> &Store {
        &self.store
    }
    /// One event: the one that leads from `position` to the next.
    pub fn event_at(&self, position: usize) -> Option<Event> {
        let index = self.store.block_of(position)?;
        let at = position - self.store.block_start(index);
        match &self.block {
            Some((kept, events)) if *kept == index => events.get(at).cloned(),
            _ => self.store.block(index)?.get(at).cloned(),
        }
    }
    /// The events before this moment, the latest first, as far back as `most` of them.
    pub fn before(&self, most: usize) -> impl Iterator<Item = (usize, Event)> + '_ {
        let now = self.now.position;
        (now.saturating_sub(most)..now).rev().map_while(|at| Some((at, self.event_at(at)?)))
    }
    /// What could not be read, as far as it was looked at.
    pub fn problems(&self) -> Ref<'_, [Problem]> {
        self.store.problems()
    }
    /// How many events lie before this moment.
    pub fn position(&self) -> usize {
        self.now.position
    }
    /// The last position: the number of events.
    pub fn end(&self) -> usize {
        self.store.len()
    }
    /// How many events the recording lost, as far as the trace has been gone through.
    pub fn lost(&self) -> u64 {
        self.troubles.lost()
    }
    /// Where the recording lost something, and where events and model disagree, as far as the trace has been gone through.
    pub fn troubles(&self) -> &Troubles {
        &self.troubles
    }
    /// Whether the last event that was gone through says that the recording ended as it should.
    pub fn ends_well(&self) -> bool {
        self.ends
    }
    /// The world at this moment.
    pub fn world(&self) -> &World {
        &self.now.world
    }
    /// What the event just before this moment did.
    pub fn change(&self) -> &Change {
        &self.now.change
    }
    /// The event just before this moment.
    pub fn event(&self) -> Option<Event> {
        self.event_at(self.now.position.checked_sub(1)?)
    }
    /// What memory amounted to through the trace, as far as it has been gone through.
    pub fn series(&self) -> &Series {
        &self.series
    }
    /// Which processes and addresses it is about, as far as it has been gone through.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether going through the trace can go on with what is here.
    pub fn can_explore(&self) -> bool {
        self.store.block_of(self.explored.position).is_some_and(|block| self.store.has_block(block))
    }

    /// Goes to the moment just before the first event at or after `time_ns`.
    pub fn seek_time(&mut self, time_ns: u64) {
        self.seek(self.store.find_time(time_ns));
    }

    /// Goes to the moment just after the event with sequence number `seq`, or the last one before it.
    pub fn seek_seq(&mut self, seq: u64) {
        self.seek(self.store.find_seq(seq.saturating_add(1)));
    }

    /// The lesson's steps: each with the position of its first event.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = (usize, &Step)> {
        self.steps.iter().map(|(at, step)| (*at, step.as_ref()))
    }

    /// The bookmarks by position, at most 10,000, as far as the trace has been gone through.
    pub fn markers(&self) -> &[Bookmark] {
        &self.markers
    }

    /// The number, from 0, of the step that this moment belongs to.
    pub fn step_index(&self) -> Option<usize> {
        self.steps.partition_point(|(at, _)| *at < self.now.position).checked_sub(1)
    }

    /// The position at which step `index` is done: just before the next one begins.
    pub fn step_end(&self, index: usize) -> usize {
        self.steps.get(index.saturating_add(1)).map_or(self.end(), |(at, _)| *at)
    }
}

#[cfg(test)]
mod tests;
