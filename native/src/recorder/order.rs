//! What happened, in the order in which it can have happened. Calls take a while, and calls of several threads overlap: what
//! counts is when they are over, but for those that others prove to have been done earlier.

use super::calls::Effect;
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{EventKind, Fork};
use pagescope_shared::mapping::{Backing, Mapping};
use pagescope_shared::names::CallFlags;
use std::collections::HashSet;

/// One thing that happened, not yet written.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// Between which moments.
    pub(super) from_ns: u64,
    pub(super) until_ns: u64,
    pub(super) pid: u32,
    pub(super) tid: u32,
    pub(super) effect: Effect,
}

impl Waiting {
    /// The event, if it is known already.
    pub(super) fn kind(&self) -> Option<&EventKind> {
        match &self.effect {
            Effect::Event(kind) => Some(kind),
            Effect::Detached(_) => None,
        }
    }

    pub(super) fn is_fault(&self) -> bool {
        matches!(self.kind(), Some(EventKind::Fault(_)))
    }

    /// Whether it made a process.
    pub(super) fn is_making(&self) -> bool {
        matches!(self.kind(), Some(EventKind::Fork(_)))
    }

    /// Where the kernel chose a place, which so must have been free.
    pub(super) fn claims(&self) -> Option<Range> {
        match self.kind()? {
            EventKind::Map(map) if !map.asked.flags.has(CallFlags::MAP_FIXED) => Some(map.range),
            EventKind::Remap(remap) if !remap.asked.flags.has(CallFlags::MREMAP_FIXED) => match remap.old {
                Some(old) if old.start() == remap.new.start() => Range::new(old.end(), remap.new.end()).ok(),
                _ => Some(remap.new),
            },
            _ => None,
        }
    }

    /// Whether it may free a part of this range.
    fn frees(&self, range: Range) -> bool {
        let gone = match &self.effect {
            Effect::Detached(_) => return true,
            Effect::Event(EventKind::Unmap(unmap)) => Some(unmap.range),
            Effect::Event(EventKind::Remap(remap)) => remap.old,
            Effect::Event(_) => None,
        };
        gone.is_some_and(|gone| gone.intersection(range).is_some())
    }

    /// Whether there is something at `addr` because of it.
    fn brings(&self, addr: Addr) -> bool {
        match self.kind() {
            Some(EventKind::Map(map)) => map.range.contains(addr),
            Some(EventKind::Remap(remap)) => remap.new.contains(addr),
            Some(EventKind::Break(moved)) => moved.old <= addr && addr < moved.new,
            _ => false,
        }
    }
}

/// What is to be written now, by the time at which it was over; and what is to be written later, unless it proves to have
/// been earlier.
pub(super) struct Batch {
    all: Vec<Option<Waiting>>,
    /// When the earliest of those began that come behind each.
    earliest: Vec<u64>,
    at: usize,
    /// So many are to be written now.
    now: usize,
}

impl Batch {
    pub(super) fn of(mut now: Vec<Waiting>, mut later: Vec<Waiting>) -> Self {
        now.sort_by_key(|w| w.until_ns);
        drop_told(&mut now);
        let count = now.len();
        now.append(&mut later);
        let mut earliest = vec![u64::MAX; now.len()];
        let mut least = u64::MAX;
        for (place, waiting) in earliest.iter_mut().zip(&now).rev() {
            *place = least;
            least = least.min(waiting.from_ns);
        }
        Self { all: now.into_iter().map(Some).collect(), earliest, at: 0, now: count }
    }

    /// What is left for later.
    pub(super) fn later(self) -> Vec<Waiting> {
        self.all.into_iter().flatten().collect()
    }

    /// The next one, and whether one of those that come later began before it was over.
    pub(super) fn next(&mut self) -> Option<(Waiting, bool)> {
        while let Some(place) = self.all.get_mut(self.at).filter(|_| self.at < self.now) {
            let earliest = self.earliest.get(self.at).copied().unwrap_or(0);
            self.at += 1;
            if let Some(waiting) = place.take() {
                let overlaps = earliest <= waiting.until_ns;
                return Some((waiting, overlaps));
            }
        }
        None
    }

    /// Takes one that may have freed a part of `range` before `late` was over, in another thread.
    pub(super) fn take_what_frees(&mut self, range: Range, late: &Waiting) -> Option<Waiting> {
        let (pid, tid) = (late.pid, late.tid);
        self.take(late.until_ns, |w| w.pid == pid && w.tid != tid && w.frees(range))
    }

    /// Takes one that may have brought what stands at `addr` before `late` was over.
    pub(super) fn take_what_brings(&mut self, addr: Addr, late: &Waiting) -> Option<Waiting> {
        self.take(late.until_ns, |w| w.pid == late.pid && w.brings(addr))
    }

    /// Takes the making of a process: the kernel itself writes into it before it runs.
    pub(super) fn take_making(&mut self, pid: u32) -> Option<Waiting> {
        let makes =
            |w: &Waiting| matches!(w.kind(), Some(EventKind::Fork(Fork { child, .. })) if *child == pid);
        self.take(u64::MAX, makes)
    }

    fn take(&mut self, begun_by: u64, is: impl Fn(&Waiting) -> bool) -> Option<Waiting> {
        let rest = self.all.get_mut(self.at..)?;
        // Who is over too late to have begun in time is not looked for.
        let found = rest.iter_mut().zip(self.earliest.get(self.at.checked_sub(1)?..)?);
        for (place, earliest) in found {
            if *earliest > begun_by {
                return None;
            }
            if place.as_ref().is_some_and(|w| w.from_ns <= begun_by && is(w)) {
                return place.take();
            }
        }
        None
    }
}

/// A fault that ended in a signal is told by the signal alone.
fn drop_told(all: &mut Vec<Waiting>) {
    let mut told = HashSet::new();
    for (at, happened) in all.iter().enumerate() {
        let Some(EventKind::Signal(signal)) = happened.kind() else { continue };
        let before = all.get(..at).unwrap_or_default();
        let fault = before.iter().rposition(|w| {
            w.tid == happened.tid && matches!(w.kind(), Some(EventKind::Fault(f)) if f.addr == signal.addr)
        });
        told.extend(fault);
    }
    if told.is_empty() {
        return;
    }
    let mut index = 0;
    all.retain(|_| {
        index += 1;
        !told.contains(&(index - 1))
    });
}

/// The pieces of the System V segment that is attached at `addr`: those that lie where the segment's own bytes would, as
/// the kernel chooses them (`ksys_shmdt`).
pub(super) fn segment(all: impl Iterator<Item = Mapping>, addr: Addr) -> Vec<Range> {
    let object = |m: &Mapping| match &m.attributes.backing {
        Backing::Shm(object) if object.path.starts_with("/SYSV") => Some(object.clone()),
        _ => None,
    };
    let in_place = |m: &Mapping| m.range.start().0.checked_sub(addr.0) == Some(m.attributes.offset);
    let mut pieces = all.filter(in_place).filter_map(|m| Some((m.range, object(&m)?)));
    let Some((first, whole)) = pieces.next() else { return Vec::new() };
    let others = pieces.filter(|(_, object)| *object == whole).map(|(range, _)| range);
    std::iter::once(first).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagescope_shared::event::{Asked, Map, Unmap};
    use pagescope_shared::mapping::{Attributes, Protection, Sharing};

    fn waiting(between: (u64, u64), tid: u32, kind: EventKind) -> Waiting {
        Waiting { from_ns: between.0, until_ns: between.1, pid: 1, tid, effect: Effect::Event(kind) }
    }

    #[test]
    fn what_made_room_is_found_though_it_is_told_later() {
        let pages = |first: u64| Range::from_len(Addr(first << 12), 4096).unwrap();
        let asked = || Asked { addr: Addr(0), len: 4096, flags: CallFlags::NONE };
        let protection = Protection { read: true, write: true, execute: false };
        let attributes = Attributes::anonymous(protection, Sharing::Private);
        let map = EventKind::Map(Map { asked: asked(), range: pages(5), attributes });
        let unmap = |first| EventKind::Unmap(Unmap { asked: asked(), range: pages(first) });
        let mut all = vec![
            waiting((10, 20), 1, map),
            // Of another place; begun too late; the one.
            waiting((11, 21), 2, unmap(6)),
            waiting((21, 22), 2, unmap(5)),
            waiting((19, 30), 3, unmap(5)),
        ];
        let later = all.split_off(3);
        let mut batch = Batch::of(all, later);
        let (map, overlaps) = batch.next().unwrap();
        assert!(overlaps);
        let range = map.claims().unwrap();
        assert_eq!(batch.take_what_frees(range, &map).unwrap().tid, 3);
        assert!(batch.take_what_frees(range, &map).is_none());
        assert_eq!(batch.next().map(|(w, overlaps)| (w.from_ns, overlaps)), Some((11, true)));
        assert_eq!(batch.next().map(|(w, _)| w.from_ns), Some(21));
        assert!(batch.next().is_none());
        assert_eq!(batch.later().len(), 0);
    }
}
