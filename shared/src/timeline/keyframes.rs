//! Worlds that are kept for going back. Copies share what they have in common, so most cost little.

use super::Moment;
use crate::model::Change;
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
    /// Events between two of them.
    distance: usize,
    /// What all of them cost at most, in bytes.
    cost: usize,
}

/// Events between two keyframes at first. Replaying so many takes a few milliseconds at most.
pub(super) const DISTANCE: usize = 8192;
/// What keyframes may cost in all. A trace that touches everything everywhere has fewer of them.
const BUDGET: usize = 96 << 20;
/// What changing one entry costs when the world is copied: one node of each level.
const NODE_BYTES: usize = 4096;
/// What an entry costs.
const ENTRY_BYTES: usize = 160;

impl Keyframes {
    pub(super) fn new(start: &Moment, distance: usize) -> Self {
        Self { all: vec![keyframe(start)], distance, cost: 0 }
    }

    /// The last one at or before `position`.
    pub(super) fn before(&self, position: usize) -> Option<&Keyframe> {
        let next = self.all.partition_point(|k| k.position <= position);
        next.checked_sub(1).and_then(|i| self.all.get(i))
    }

    /// Keeps the moment if it is time.
    pub(super) fn follow(&mut self, moment: &Moment) {
        if !moment.position.is_multiple_of(self.distance) {
            return;
        }
        self.cost = self.cost.saturating_add(self.cost_of(&moment.world));
        self.all.push(keyframe(moment));
        while self.cost > BUDGET && self.all.len() > 8 {
            self.distance *= 2;
            let distance = self.distance;
            let before = self.all.len();
            self.all.retain(|k| k.position.is_multiple_of(distance));
            self.cost = self.cost / before * self.all.len();
        }
    }

    /// A copy costs what is changed after it, but never more than the whole.
    fn cost_of(&self, world: &World) -> usize {
        let whole = world.entries().saturating_mul(ENTRY_BYTES);
        self.distance.saturating_mul(NODE_BYTES).min(whole)
    }
}

fn keyframe(moment: &Moment) -> Keyframe {
    Keyframe { position: moment.position, world: moment.world.clone(), change: moment.change.clone() }
}
