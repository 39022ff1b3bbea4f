//! A whole trace as a film: any moment of it, forwards and backwards.

use crate::event::{Event, EventKind, Step};
use crate::header::Header;
use crate::jsonl::{Problem, Trace};
use crate::model::Change;
use crate::world::World;

/// The events of a trace and the world at one position among them. Position `n` is the moment after
/// the first `n` events.
#[derive(Clone, Debug)]
pub struct Timeline {
    header: Header,
    events: Vec<Event>,
    problems: Vec<Problem>,
    steps: Vec<usize>,
    /// At even distances, the first at position 0.
    keyframes: Vec<Keyframe>,
    position: usize,
    world: World,
    change: Change,
}

#[derive(Clone, Debug)]
struct Keyframe {
    position: usize,
    world: World,
    change: Change,
}

/// How many worlds are kept for seeking backwards, at most.
const KEYFRAMES: usize = 32;

impl Timeline {
    /// A timeline at position 0.
    pub fn new(trace: Trace) -> Self {
        let Trace { header, events, problems } = trace;
        let steps = (0..events.len())
            .filter(|&i| matches!(events.get(i), Some(Event { kind: EventKind::Step(_), .. })))
            .collect();
        let mut world = World::new(header.page_size);
        let mut change = Change::default();
        let distance = events.len().div_ceil(KEYFRAMES).max(64);
        let first = Keyframe { position: 0, world: world.clone(), change: Change::default() };
        let (start, mut keyframes) = (first.world.clone(), vec![first]);
        for (event, position) in events.iter().zip(1..) {
            world.apply(event, &mut change);
            if position % distance == 0 {
                keyframes.push(Keyframe { position, world: world.clone(), change: change.clone() });
            }
        }
        Self {
            header,
            events,
            problems,
            steps,
            keyframes,
            position: 0,
            world: start,
            change: Change::default(),
        }
    }

    /// What recorded it.
    pub fn header(&self) -> &Header {
        &self.header
    }
    /// All events.
    pub fn events(&self) -> &[Event] {
        &self.events
    }
    /// What the reader left out.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
    /// How many events lie before this moment.
    pub fn position(&self) -> usize {
        self.position
    }
    /// The last position: the number of events.
    pub fn end(&self) -> usize {
        self.events.len()
    }
    /// The world at this moment.
    pub fn world(&self) -> &World {
        &self.world
    }
    /// What the event just before this moment did.
    pub fn change(&self) -> &Change {
        &self.change
    }
    /// The event just before this moment.
    pub fn event(&self) -> Option<&Event> {
        self.events.get(self.position.checked_sub(1)?)
    }

    /// Goes to any position; past the end means the end.
    pub fn seek(&mut self, to: usize) {
        let to = to.min(self.end());
        if to < self.position || to > self.position.saturating_add(64) {
            let next = self.keyframes.partition_point(|k| k.position <= to);
            if let Some(keyframe) = next.checked_sub(1).and_then(|i| self.keyframes.get(i))
                && (to < self.position || keyframe.position > self.position)
            {
                self.position = keyframe.position;
                self.world = keyframe.world.clone();
                self.change = keyframe.change.clone();
            }
        }
        while self.position < to {
            let Some(event) = self.events.get(self.position) else { break };
            self.world.apply(event, &mut self.change);
            self.position += 1;
        }
    }

    /// The lesson's steps: each with the position of its first event.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = (usize, &Step)> {
        self.steps.iter().map(|&i| match self.events.get(i).map(|e| &e.kind) {
            Some(EventKind::Step(step)) => (i, step.as_ref()),
            // `steps` holds positions of steps only.
            _ => (i, &NO_STEP),
        })
    }

    /// The number, from 0, of the step that this moment belongs to.
    pub fn step_index(&self) -> Option<usize> {
        self.steps.partition_point(|&at| at < self.position).checked_sub(1)
    }

    /// The position at which step `index` is done: just before the next one begins.
    pub fn step_end(&self, index: usize) -> usize {
        self.steps.get(index.saturating_add(1)).copied().unwrap_or(self.end())
    }
}

static NO_STEP: Step = Step { title: String::new(), text: String::new(), line: 0, note: String::new() };

#[cfg(test)]
mod tests;
