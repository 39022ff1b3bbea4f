//! What the model is compared with: the plainest one that a crate for ranges gives, as the nearest relative
//! (fasterthanlime/mevi) has it. It knows protection and residency, but not merging, backings, copies or what changed.

use pagescope_shared::addr::Addr;
use pagescope_shared::event::{Event, EventKind};
use pagescope_shared::mapping::Protection;
use rangemap::RangeMap;
use std::collections::HashMap;

/// Every process's ranges by address.
#[derive(Default)]
pub(crate) struct Baseline {
    processes: HashMap<u32, RangeMap<u64, State>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    resident: bool,
    protection: Protection,
}

impl Baseline {
    /// Follows one event.
    pub(crate) fn apply(&mut self, event: &Event) {
        let ranges = self.processes.entry(event.pid).or_default();
        match &event.kind {
            EventKind::Map(map) => {
                let state = State { resident: false, protection: map.attributes.protection };
                ranges.insert(map.range.start().0..map.range.end().0, state);
            }
            EventKind::Unmap(unmap) => ranges.remove(unmap.range.start().0..unmap.range.end().0),
            EventKind::Protect(protect) => {
                let (from, to) = (protect.range.start().0, protect.range.end().0);
                let parts = ranges.overlapping(from..to).map(|(r, s)| (r.start.max(from)..r.end.min(to), *s));
                for (range, state) in parts.collect::<Vec<_>>() {
                    ranges.insert(range, State { protection: protect.protection, ..state });
                }
            }
            EventKind::Advise(advise) => {
                let (from, to) = (advise.range.start().0, advise.range.end().0);
                let parts = ranges.overlapping(from..to).map(|(r, s)| (r.start.max(from)..r.end.min(to), *s));
                for (range, state) in parts.collect::<Vec<_>>() {
                    ranges.insert(range, State { resident: false, ..state });
                }
            }
            EventKind::Fault(fault) => {
                let Addr(addr) = fault.addr;
                let page = addr - addr % 4096;
                if let Some(&state) = ranges.get(&page) {
                    ranges.insert(page..page + 4096, State { resident: true, ..state });
                }
            }
            EventKind::Fork(fork) => {
                let copy = ranges.clone();
                self.processes.insert(fork.child, copy);
            }
            EventKind::Exec(_) | EventKind::Exit(_) => ranges.clear(),
            _ => {}
        }
    }
}
