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
    /// What it takes beside what it shares with the one before it.
    bytes: usize,
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
    /// What they may take.
    budget: usize,
    /// While they are thinned out: which one goes next, and how many have to go.
    going: Option<(usize, usize)>,
}

/// Work between two keyframes at first, about as many simple events. Doing it again takes a millisecond.
pub(super) const DISTANCE: usize = 8192;
/// Work of an event that did much.
const HEAVY: usize = 16;
/// What keyframes may take in all. A trace that touches everything everywhere has fewer of them.
const BUDGET: usize = 96 << 20;
/// So many of them go when one comes. To look what they share takes longer than a frame, for all of them at once.
const GO: usize = 4;

impl Keyframes {
    pub(super) fn new(start: &Moment, distance: usize) -> Self {
        Self { all: vec![keyframe(start)], distance, work: 0, bytes: 0, budget: BUDGET, going: None }
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
        let mut next = keyframe(moment);
        next.bytes = self.all.last().map_or(0, |last| next.bytes_beside(last));
        self.bytes = self.bytes.saturating_add(next.bytes);
        self.all.push(next);
        self.thin_out();
    }

    /// Where they take too much, every other one goes: a few at a time.
    fn thin_out(&mut self) {
        // Large ones cannot wait.
        let most = if self.bytes > self.budget / 8 * 9 { usize::MAX } else { GO };
        for _ in 0..most {
            let (at, left) = match self.going {
                Some(going) => going,
                None if self.bytes > self.budget && self.all.len() > 8 => {
                    self.distance = self.distance.saturating_mul(2);
                    (1, self.all.len() / 2)
                }
                None => return,
            };
            self.going = (left > 1).then_some((at + 1, left - 1));
            let between = self.all.get(at - 1).zip(self.all.get(at + 1));
            let beside = between.map_or(0, |(before, after)| after.bytes_beside(before));
            let gone = self.all.remove(at).bytes;
            self.bytes = self.bytes.saturating_sub(gone);
            if let Some(after) = self.all.get_mut(at) {
                self.bytes = self.bytes.saturating_sub(after.bytes).saturating_add(beside);
                after.bytes = beside;
            }
        }
    }
}

impl Keyframe {
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
    Keyframe {
        position: moment.position,
        world: moment.world.clone(),
        change: moment.change.clone(),
        bytes: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::{Addr, PageSize, Range};
    use crate::event::{Asked, Extra, Fault, FaultAccess, Map};
    use crate::mapping::{Attributes, Protection, Sharing};
    use crate::names::CallFlags;

    #[test]
    fn they_are_thinned_out_a_few_at_a_time_and_what_they_take_is_known() {
        let range = Range::from_len(Addr(1 << 30), 4096 * 4096).unwrap();
        let mut moment =
            Moment { position: 0, world: World::new(PageSize::FOUR_KIB), change: Change::default() };
        let mut all = Keyframes::new(&moment, 64);
        all.budget = 1 << 20;
        let protection = Protection { read: true, write: true, execute: false };
        let attributes = Attributes::anonymous(protection, Sharing::Private);
        let asked = Asked { addr: range.start(), len: range.bytes(), flags: CallFlags::NONE };
        let map = EventKind::Map(Map { asked, range, attributes });
        let touch = |i: u64| {
            let addr = Addr(range.start().0 + i.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 4096 * 4096);
            let access = Some(FaultAccess::Write);
            EventKind::Fault(Fault { addr, access, severity: None, ip: None, led_to: None })
        };
        let mut before = 1;
        for (seq, kind) in (0..).zip(std::iter::once(map).chain((0..6000).map(touch))) {
            let event = Event { seq, time_ns: seq, pid: 7, tid: 7, kind, extra: Extra::NONE };
            moment.world.apply(&event, &mut moment.change);
            moment.position += 1;
            all.follow(&event, &moment);
            assert!(all.all.len() + GO > before && all.bytes <= all.budget / 8 * 9);
            before = all.all.len();
        }
        assert!(all.distance > 64, "{}", all.distance);
        assert_eq!(all.bytes, all.all.windows(2).map(|pair| pair[1].bytes_beside(&pair[0])).sum::<usize>());
        assert!(all.all.windows(2).all(|pair| pair[0].position < pair[1].position));
    }
}
