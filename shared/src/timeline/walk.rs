//! A second way through a trace, beside the moment that is shown: for pictures of a part of it.

use super::{Moment, Timeline, cost};
use crate::event::Event;
use crate::model::Change;
use crate::world::World;

/// A moment that goes forward on its own.
#[derive(Clone, Debug)]
pub struct Walk(Moment);

/// What a walk passes.
#[derive(Debug)]
pub struct Passed<'a> {
    /// How many events lie before it.
    pub position: usize,
    /// What happened.
    pub event: &'a Event,
    /// What that did.
    pub change: &'a Change,
    /// The world after it.
    pub world: &'a World,
}

impl Walk {
    /// How many events lie before it.
    pub fn position(&self) -> usize {
        self.0.position
    }
    /// The world there.
    pub fn world(&self) -> &World {
        &self.0.world
    }
}

impl Timeline {
    /// A walk that begins at or before `position`, as near as there is a world to begin with.
    pub fn walk_to(&self, position: usize) -> Walk {
        let keyframe = self.keyframes.before(position);
        let start = keyframe.map(|k| Moment {
            position: k.position,
            world: k.world.clone(),
            change: k.change.clone(),
        });
        Walk(start.unwrap_or_else(|| self.explored.clone()))
    }

    /// Whether a walk can go on with what is here of the trace.
    pub fn can_walk(&self, walk: &Walk) -> bool {
        self.store.block_of(walk.0.position).is_some_and(|block| self.store.has_block(block))
    }

    /// Goes on by at most `events`, fewer where some are costly, not past the position `until`, and tells each.
    pub fn walk(&self, walk: &mut Walk, until: usize, events: usize, each: &mut dyn FnMut(&Passed<'_>)) {
        let until = until.min(self.end());
        let mut left = events;
        while walk.0.position < until && left > 0 {
            let Some(index) = self.store.block_of(walk.0.position) else { return };
            let Some(block) = self.store.block(index) else { return };
            let first = self.store.block_start(index);
            let from = walk.0.position.saturating_sub(first);
            let part = block.get(from..block.len().min(until - first)).unwrap_or_default();
            for event in part {
                if left == 0 {
                    break;
                }
                left = left.saturating_sub(cost(event, &walk.0.world));
                walk.0.world.apply(event, &mut walk.0.change);
                let Moment { position, world, change } = &walk.0;
                each(&Passed { position: *position, event, change, world });
                walk.0.position += 1;
            }
            if part.is_empty() {
                return;
            }
        }
    }
}
