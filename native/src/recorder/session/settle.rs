//! What has happened becomes what is written.

use super::{Session, Stands, now_ns};
use crate::recorder::calls::Effect;
use crate::recorder::eyes::KERNEL_HALF;
use crate::recorder::order::{Batch, Waiting, segment};
use anyhow::Result;
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{Asked, EventKind, Fault, FaultAccess, Unmap};
use pagescope_shared::names::CallFlags;
use std::collections::{HashMap, HashSet};

/// How long a fault that is not allowed waits for the signal that it may have led to.
const UNTIL_SIGNAL_NS: u64 = 20_000_000;
/// How long what is told of a process waits for who made it.
const UNTIL_MADE_NS: u64 = 1_000_000_000;
/// How many events wait at most for the end of a call that began before them.
const MOST_WAITING: usize = 1 << 16;
/// So many events are written before somebody looks how full the rings are.
const PORTION: usize = 1024;
/// Percent of a ring from which on the program is made to wait, and below which it is not.
const TOO_FULL: u64 = 60;
const WELL: u64 = 20;
/// How late things may be written before the program is made to wait.
const TOO_OLD_NS: u64 = 250_000_000;

impl Session {
    /// Writes what happened, but for what may come after something that is not over: `begun` is when the oldest call of
    /// each process began that is in one. When the rings fill faster than they are emptied, or what is in them gets old,
    /// `slow_down` is told which threads fill them.
    pub(in crate::recorder) fn settle(
        &mut self,
        begun: &HashMap<u32, u64>,
        stands: Stands,
        slow_down: &mut dyn FnMut(&HashSet<u32>),
    ) -> Result<()> {
        let mut slowed = false;
        loop {
            let mut press = self.source.fill() > TOO_FULL;
            self.drain();
            let (ready, later) = self.take_ready(begun, stands);
            let busy: HashSet<u32> = ready.iter().map(|w| w.tid).collect();
            let mut batch = Batch::of(ready, later);
            let mut number = 0;
            while let Some((waiting, overlaps)) = batch.next() {
                if number % PORTION == 0 && !slowed {
                    press |= self.source.fill() > TOO_FULL
                        || now_ns().saturating_sub(waiting.until_ns) > TOO_OLD_NS;
                    if press {
                        slow_down(&busy);
                        slowed = true;
                    }
                }
                number += 1;
                let time_ns = waiting.until_ns;
                self.put(waiting, overlaps, time_ns, &mut batch)?;
            }
            self.waiting = batch.later();
            if !slowed || self.source.fill() < WELL {
                break;
            }
        }
        self.keep()
    }

    /// What can be written now, and what must wait.
    fn take_ready(&mut self, begun: &HashMap<u32, u64>, stands: Stands) -> (Vec<Waiting>, Vec<Waiting>) {
        let now = now_ns();
        let mut limits = begun.clone();
        self.source.in_calls(&mut limits);
        if self.waiting.len() > MOST_WAITING {
            limits.clear();
        }
        self.wait_for_signals(now, stands, &mut limits);
        let early = |w: &Waiting| {
            w.pid != 0 && !self.known.contains(&w.pid) && now.saturating_sub(w.until_ns) < UNTIL_MADE_NS
        };
        let all = std::mem::take(&mut self.waiting);
        // What a new process got is in its snapshot, if its maker's threads did anything meanwhile.
        let limit = |w: &Waiting| if w.is_making() { None } else { limits.get(&w.pid) };
        let is_over = |w: &Waiting| w.until_ns <= limit(w).map_or(now, |limit| now.min(*limit)) && !early(w);
        all.into_iter().partition(is_over)
    }

    /// The last thing that a thread did may be a fault that ends in a signal: then all of its process waits for a while.
    fn wait_for_signals(&self, now: u64, stands: Stands, limits: &mut HashMap<u32, u64>) {
        if stands == Stands::All {
            return;
        }
        let mut seen = HashSet::new();
        let mut last = 0;
        for w in self.waiting.iter().rev() {
            let Some(EventKind::Fault(fault)) = w.kind() else {
                seen.insert(w.tid);
                continue;
            };
            if w.tid == last || now.saturating_sub(w.until_ns) > UNTIL_SIGNAL_NS {
                continue;
            }
            last = w.tid;
            if seen.insert(w.tid) && stands != Stands::Process(w.pid) && !self.is_allowed(w.pid, fault) {
                let limit = limits.entry(w.pid).or_insert(u64::MAX);
                *limit = w.until_ns.saturating_sub(1).min(*limit);
            }
        }
    }

    /// Whether the model knows that what was touched may be.
    fn is_allowed(&self, pid: u32, fault: &Fault) -> bool {
        let space = self.world.space(self.world.lender(pid));
        let Some(mapping) = space.and_then(|space| space.mapping_at(fault.addr)) else { return false };
        let may = mapping.attributes.protection;
        match fault.access {
            Some(FaultAccess::Read) => may.read,
            Some(FaultAccess::Write) => may.write,
            Some(FaultAccess::Execute) => may.execute,
            None => may.read && may.write,
        }
    }

    /// Writes one, after what must have come before it.
    pub(super) fn put(
        &mut self,
        waiting: Waiting,
        overlaps: bool,
        time_ns: u64,
        batch: &mut Batch,
    ) -> Result<()> {
        if waiting.pid != 0
            && self.world.space(waiting.pid).is_none()
            && let Some(made) = batch.take_making(waiting.pid)
        {
            self.put(made, false, time_ns, batch)?;
        }
        if overlaps && let Some(range) = waiting.claims() {
            while self.is_taken(waiting.pid, range)
                && let Some(earlier) = batch.take_what_frees(range, &waiting)
            {
                self.put(earlier, false, time_ns, batch)?;
            }
        }
        if let Some(EventKind::Fault(fault)) = waiting.kind() {
            if overlaps
                && self.is_missing(waiting.pid, fault.addr)
                && let Some(earlier) = batch.take_what_brings(fault.addr, &waiting)
            {
                self.put(earlier, true, time_ns, batch)?;
            }
            // The kernel tried an address for the program, and told it that there is nothing.
            if fault.ip.is_some_and(|ip| ip >= KERNEL_HALF) && self.is_missing(waiting.pid, fault.addr) {
                return Ok(());
            }
        }
        let Waiting { pid, tid, effect, .. } = waiting;
        let addr = match effect {
            Effect::Event(kind) => return self.write(pid, tid, kind, time_ns),
            Effect::Detached(addr) => addr,
        };
        let space = self.world.space(self.world.lender(pid));
        let pieces = space.map(|space| segment(space.mappings(), addr)).unwrap_or_default();
        pieces.into_iter().try_for_each(|range| {
            let asked = Asked { addr: range.start(), len: range.bytes(), flags: CallFlags::NONE };
            self.write(pid, tid, EventKind::Unmap(Unmap { asked, range }), time_ns)
        })
    }

    fn is_taken(&self, pid: u32, range: Range) -> bool {
        let space = self.world.space(self.world.lender(pid));
        space.is_some_and(|space| space.mappings_in(range).next().is_some())
    }

    fn is_missing(&self, pid: u32, addr: Addr) -> bool {
        let space = self.world.space(self.world.lender(pid));
        space.is_none_or(|space| space.mapping_at(addr).is_none())
    }
}
