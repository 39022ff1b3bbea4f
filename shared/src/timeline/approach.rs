//! Going to a moment, at once or in slices.

use super::keyframes::Keyframe;
use super::{Moment, Timeline, cost};
use crate::model::Change;
use crate::world::World;

/// So many events are replayed on the moment that is shown; farther ahead on a copy.
const IN_PLACE: usize = 512;

/// How an [`Timeline::approach`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approach {
    /// There.
    Arrived,
    /// There is more to replay.
    OnTheWay,
    /// Bytes of the trace have to come first.
    Waits,
}

/// Where the way to a moment begins.
#[derive(Clone, Copy)]
enum Start {
    Now,
    Way,
    Keyframe,
    Explored,
    /// A keyframe of the trace itself.
    Held,
}

impl Timeline {
    /// Goes to any position; past the end means the end. Stays where it is when bytes have to come first.
    pub fn seek(&mut self, to: usize) {
        while self.approach(to, usize::MAX) == Approach::OnTheWay {}
    }

    /// Goes towards a position, replaying about `most` events at most. This moment stays what it is until that one is
    /// reached.
    pub fn approach(&mut self, to: usize, most: usize) -> Approach {
        let to = to.min(self.end());
        match self.start(to) {
            Start::Now
                if to - self.now.position <= most.min(IN_PLACE) && self.has_all(self.now.position, to) =>
            {
                let mut now = self.take_now();
                let arrived = self.replay(&mut now, to, usize::MAX);
                self.now = now;
                self.way = None;
                arrived
            }
            Start::Now => self.travel(self.now.clone(), to, most),
            Start::Way => match self.way.take() {
                Some(way) => self.travel(way, to, most),
                None => Approach::Waits,
            },
            Start::Keyframe => {
                let Some(Keyframe { position, world, change, .. }) = self.keyframes.before(to) else {
                    return Approach::Waits;
                };
                let (world, change) = (world.clone(), change.clone());
                self.travel(Moment { position: *position, world, change }, to, most)
            }
            Start::Explored => {
                let before = self.explored.position;
                self.explore(most.min(to - before));
                if self.explored.position == to {
                    self.now = self.explored.clone();
                    self.way = None;
                    return Approach::Arrived;
                }
                if self.explored.position == before { Approach::Waits } else { Approach::OnTheWay }
            }
            Start::Held => match self.store.keyframe(to.saturating_sub(1)) {
                Some((position, world)) => {
                    self.travel(Moment { position, world, change: Change::default() }, to, most)
                }
                None => Approach::Waits,
            },
        }
    }

    /// How far [`Self::approach`] has come, while it is on the way.
    pub fn on_the_way(&self) -> Option<usize> {
        self.way.as_ref().map(|way| way.position)
    }

    /// The world at another position; this moment stays. `None` when bytes have to come first, or when about `most` events
    /// are not enough to get there.
    pub fn world_at(&mut self, position: usize, most: usize) -> Option<World> {
        let (now, way) = (self.now.clone(), self.way.clone());
        let arrived = self.approach(position, most) == Approach::Arrived;
        self.way = way;
        let there = std::mem::replace(&mut self.now, now).world;
        arrived.then_some(there)
    }

    /// The nearest moment at or before `to` from which it can be reached.
    fn start(&self, to: usize) -> Start {
        let at = |moment: &Moment| (moment.position <= to).then_some(moment.position);
        let held = self.store.keyframe_before(to.saturating_sub(1));
        let known = [
            (self.keyframes.before(to).map(|k| k.position), Start::Keyframe),
            // It may come from a keyframe that does not say what the event before it did.
            (self.way.as_ref().and_then(at).filter(|at| *at < to), Start::Way),
            (at(&self.now), Start::Now),
            // Where it has to go anyway.
            (at(&self.explored).filter(|_| to != self.now.position), Start::Explored),
        ];
        let best = known.into_iter().filter_map(|(at, start)| Some((at?, start))).max_by_key(|(at, _)| *at);
        let (best, start) = best.unwrap_or((0, Start::Keyframe));
        let held = held.filter(|at| *at > best && *at > self.explored.position);
        held.map_or(start, |_| Start::Held)
    }

    /// Whether all events between two positions are here. Those that are not are wanted from now on.
    fn has_all(&self, from: usize, to: usize) -> bool {
        let (Some(first), Some(last)) = (self.store.block_of(from), to.checked_sub(1)) else { return true };
        let last = self.store.block_of(last).unwrap_or(first);
        let mut all = true;
        for block in first..=last {
            if !self.store.has_block(block) {
                self.store.block(block);
                all = false;
            }
        }
        all
    }

    fn take_now(&mut self) -> Moment {
        let nowhere =
            Moment { position: 0, world: World::new(self.header().page_size), change: Change::default() };
        std::mem::replace(&mut self.now, nowhere)
    }

    fn travel(&mut self, mut moment: Moment, to: usize, most: usize) -> Approach {
        self.has_all(moment.position, to.min(moment.position.saturating_add(most)));
        let approach = self.replay(&mut moment, to, most);
        if approach == Approach::Arrived {
            self.now = moment;
        } else {
            self.way = Some(moment);
        }
        approach
    }

    /// Replays events on `moment` up to `to`, or about `most` of them.
    fn replay(&mut self, moment: &mut Moment, to: usize, most: usize) -> Approach {
        let mut left = most;
        while moment.position < to && left > 0 {
            let Some((block, first)) = self.block_at(moment.position) else { return Approach::Waits };
            let from = moment.position - first;
            let Some(events) = block.get(from..block.len().min(to - first)).filter(|e| !e.is_empty()) else {
                return Approach::Waits;
            };
            for event in events {
                if left == 0 {
                    break;
                }
                left = left.saturating_sub(cost(event, &moment.world));
                moment.world.apply(event, &mut moment.change);
                moment.position += 1;
            }
        }
        if moment.position == to { Approach::Arrived } else { Approach::OnTheWay }
    }
}
