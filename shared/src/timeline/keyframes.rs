//! Worlds that are kept for going back. Copies share what they have in common, so most cost little.

use super::Moment;
use crate::event::{Event, EventKind};
use crate::model::{AddressSpace, Change, PageChange};
use crate::world::World;

/// The world at one position, and what the event before it did.
#[derive(Clone, Debug)]
pub(super) struct Keyframe {
    pub(super) position: usize,
    pub(super) world: World,
    pub(super) change: Change,
}

/// Keyframes by position, the first at 0.
#[derive(Clone, Debug)]
pub(super) struct Keyframes {
    all: Vec<Keyframe>,
    /// Work between two of them.
    distance: usize,
    /// Work since the last one.
    work: usize,
    /// What all of them take.
    bytes: usize,
}

/// Work between two keyframes at first, about as many simple events. Doing it again takes a millisecond.
pub(super) const DISTANCE: usize = 8192;
/// Work of an event that did much.
const HEAVY: usize = 16;
/// What keyframes may take in all. A trace that touches everything everywhere has fewer of them.
const BUDGET: usize = 96 << 20;

impl Keyframes {
    pub(super) fn new(start: &Moment, distance: usize) -> Self {
        Self { all: vec![keyframe(start)], distance, work: 0, bytes: 0 }
    }

    /// The last one at or before `position`.
    pub(super) fn before(&self, position: usize) -> Option<&Keyframe> {
        let next = self.all.partition_point(|k| k.position <= position);
        next.checked_sub(1).and_then(|i| self.all.get(i))
    }

    /// Keeps the moment after `event` if it is time.
    pub(super) fn follow(&mut self, event: &Event, moment: &Moment) {
        let work = work(event, moment);
        self.work += work;
        // After an event that did much there is much to keep: rather a little later.
        let until = if work > HEAVY { self.distance.saturating_mul(2) } else { self.distance };
        if self.work < until {
            return;
        }
        self.work = 0;
        let next = keyframe(moment);
        self.bytes = self.bytes.saturating_add(self.all.last().map_or(0, |last| next.bytes_beside(last)));
        self.all.push(next);
        while self.bytes > BUDGET && self.all.len() > 8 {
            self.thin_out();
        }
    }

    /// Every other one goes.
    fn thin_out(&mut self) {
        self.distance = self.distance.saturating_mul(2);
        let mut stays = false;
        self.all.retain(|_| {
            stays = !stays;
            stays
        });
        let beside =
            self.all.iter().zip(self.all.iter().skip(1)).map(|(before, next)| next.bytes_beside(before));
        self.bytes = beside.fold(0, usize::saturating_add);
    }
}

impl Keyframe {
    /// What it takes beside what it shares with the one before it.
    fn bytes_beside(&self, before: &Self) -> usize {
        let pages = self.change.pages.len() + self.change.elsewhere.len();
        self.world.bytes_beside(&before.world).saturating_add(pages.saturating_mul(size_of::<PageChange>()))
    }
}

/// How much there is to do for an event, in simple events.
fn work(event: &Event, moment: &Moment) -> usize {
    let change = &moment.change;
    let told = change.mappings.len() + change.pages.len() + change.elsewhere.len();
    // What is gone through without a word.
    let silent = match &event.kind {
        EventKind::Fork(fork) => moment.world.space(fork.child).map_or(0, AddressSpace::mapping_count),
        EventKind::Snapshot(snapshot) => snapshot.mappings.len(),
        EventKind::Observed(observed) => observed.runs.len(),
        _ => 0,
    };
    1 + (told + silent) / 4
}

fn keyframe(moment: &Moment) -> Keyframe {
    Keyframe { position: moment.position, world: moment.world.clone(), change: moment.change.clone() }
}
