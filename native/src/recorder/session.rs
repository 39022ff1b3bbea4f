//! What the tracer and the kernel's rings tell, in the order in which it happened, on its way into the trace.

use super::eyes::{Eyes, KERNEL_HALF};
use super::news::news;
use super::pairing::Happened;
use super::source::Source;
use crate::proc::{Frames, mappings_of, mappings_with_flags};
use crate::trace_file::TraceFile;
use anyhow::Result;
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{End, Event, EventKind, Extra, Fork, Lost, Snapshot};
use pagescope_shared::header::{Capability, Header};
use pagescope_shared::mapping::{Backing, Mapping};
use pagescope_shared::model::{AddressSpace, Change};
use pagescope_shared::world::World;
use std::collections::{HashMap, HashSet, VecDeque};

/// One thing that happened, not yet written.
#[derive(Clone, Debug)]
struct Waiting {
    /// When, and when at the latest: calls take a while.
    time_ns: u64,
    until_ns: u64,
    pid: u32,
    tid: u32,
    kind: EventKind,
}

/// What is written, and the model that follows it.
pub(super) struct Session {
    file: TraceFile,
    page_size: PageSize,
    /// `CLOCK_MONOTONIC` when the recording began.
    started_ns: u64,
    waiting: Vec<Waiting>,
    source: Source,
    /// Processes of which somebody has said where they come from.
    known: HashSet<u32>,
    world: World,
    change: Change,
    next_seq: u64,
    last_ns: u64,
    /// Why no more can be written.
    failed: Option<anyhow::Error>,
    eyes: Eyes,
    /// The last faults, by time: when, whose, where.
    recent: VecDeque<(u64, u32, Addr)>,
    /// How often model and kernel differed at a checkpoint.
    pub(super) drift: u64,
    /// How many records the kernel could not tell.
    pub(super) lost: u64,
    /// Something was lost, and nobody has looked since what the mappings are.
    torn: bool,
}

/// How long it may take from a fault until its page is there.
const IN_DOUBT_NS: u64 = 5_000_000;
/// How many faults are remembered at most.
const MOST_RECENT: usize = 1024;

impl Session {
    pub(super) fn new(mut file: TraceFile, header: &Header) -> Result<Self> {
        file.header(header)?;
        let world = World::new(header.page_size);
        let wanted = header.capabilities.contains(&Capability::Frames);
        let frames = if wanted { Frames::Wanted } else { Frames::LeftOut };
        Ok(Self {
            file,
            page_size: header.page_size,
            started_ns: now_ns(),
            waiting: Vec::new(),
            source: Source::None,
            known: HashSet::new(),
            world,
            change: Change::default(),
            next_seq: 0,
            last_ns: 0,
            failed: None,
            eyes: Eyes::new(header.page_size, frames),
            recent: VecDeque::new(),
            drift: 0,
            lost: 0,
            torn: false,
        })
    }

    /// Page faults, and perhaps calls, come from here.
    pub(super) fn listen_to(&mut self, source: Source) {
        self.source = source;
    }

    /// Whether calls come from the rings.
    pub(super) fn tells_calls(&self) -> bool {
        matches!(self.source, Source::Calls(_))
    }

    pub(super) fn page_size(&self) -> PageSize {
        self.page_size
    }

    /// Whether something was lost since the last call.
    pub(super) fn is_torn(&mut self) -> bool {
        std::mem::take(&mut self.torn)
    }

    /// How many events were written.
    pub(super) fn written(&self) -> u64 {
        self.next_seq
    }

    /// Something happened between two moments.
    pub(super) fn happened(
        &mut self,
        pid: u32,
        tid: u32,
        kind: EventKind,
        (from, until): (u64, u64),
        at_end: bool,
    ) {
        let time_ns = if at_end { until } else { from };
        match &kind {
            EventKind::Start(_) => self.known.insert(pid),
            EventKind::Fork(fork) => self.known.insert(fork.child),
            _ => false,
        };
        self.waiting.push(Waiting { time_ns, until_ns: until, pid, tid, kind });
    }

    /// Something happened now.
    pub(super) fn happens(&mut self, pid: u32, tid: u32, kind: EventKind) {
        let now = now_ns();
        self.happened(pid, tid, kind, (now, now), true);
    }

    /// Whether so much waits that it should be written.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= 4096
    }

    /// Writes what happened, but for what may come after something that is not over: `begun` is when the oldest call of
    /// each process began that is in one.
    pub(super) fn settle(&mut self, begun: &HashMap<u32, u64>) -> Result<()> {
        let now = now_ns();
        self.drain();
        let mut begun = begun.clone();
        self.source.in_calls(&mut begun);
        self.waiting.sort_by_key(|w| w.time_ns);
        let all = std::mem::take(&mut self.waiting);
        let is_over = |w: &Waiting| w.time_ns <= begun.get(&w.pid).map_or(now, |begun| now.min(*begun));
        let (mut waiting, later) = all.into_iter().partition::<Vec<_>, _>(is_over);
        self.waiting = later;
        self.hold_back(&mut waiting, now);
        put_in_order(&mut waiting);
        for happened in waiting {
            self.write(happened.pid, happened.tid, happened.kind, happened.time_ns)?;
        }
        Ok(())
    }

    /// A process has become another program, whose heap ends here: what it touched since it `began` to is in the snapshot
    /// that follows.
    pub(super) fn forget_memory(&mut self, pid: u32, began: Option<u64>, brk: u64) {
        self.drain();
        let since = began.or(self.source.exec_began(pid)).unwrap_or(0);
        self.waiting.retain(|w| w.pid != pid || w.time_ns < since || !matches!(w.kind, EventKind::Fault(_)));
        self.source.renewed(pid, brk);
        self.eyes.forget(pid);
    }

    /// A process has got a copy of another's memory.
    pub(super) fn inherit_break(&mut self, maker: u32, child: u32) {
        self.drain();
        self.source.inherit_break(maker, child);
    }

    /// A thread does not come back.
    pub(super) fn thread_ends(&mut self, tid: u32) {
        self.drain();
        self.source.thread_ends(tid);
    }

    /// A process has ended.
    pub(super) fn process_gone(&mut self, pid: u32) {
        self.eyes.forget(pid);
        self.source.process_gone(pid);
    }

    /// A new process may touch memory before we hear of it: that waits, for a second at most.
    fn hold_back(&mut self, ready: &mut Vec<Waiting>, now: u64) {
        let is_early = |w: &Waiting| {
            w.pid != 0 && !self.known.contains(&w.pid) && now.saturating_sub(w.time_ns) < 1_000_000_000
        };
        let (early, rest) = std::mem::take(ready).into_iter().partition(is_early);
        *ready = rest;
        let early: Vec<Waiting> = early;
        self.waiting.splice(0..0, early);
    }

    /// Takes what came out of the rings.
    fn drain(&mut self) {
        let mut came = Vec::new();
        let lost = self.source.drain(now_ns(), &self.world, self.page_size, &mut came);
        for Happened { pid, tid, kind, between, at_end } in came {
            self.happened(pid, tid, kind, between, at_end);
        }
        if lost > 0 {
            self.lost += lost;
            self.torn = true;
            let reason = "more happened than could be taken in time".to_owned();
            self.happens(0, 0, EventKind::Lost(Box::new(Lost { count: lost, reason })));
        }
    }

    fn write(&mut self, pid: u32, tid: u32, kind: EventKind, time_ns: u64) -> Result<()> {
        // Clocks of several CPUs and our own delay: time in a trace does not go back.
        self.last_ns = self.last_ns.max(time_ns.saturating_sub(self.started_ns));
        let event = Event { seq: self.next_seq, time_ns: self.last_ns, pid, tid, kind, extra: Extra::NONE };
        self.world.apply(&event, &mut self.change);
        if let EventKind::Fault(fault) = &event.kind {
            if self.recent.len() >= MOST_RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back((event.time_ns, self.world.lender(pid), fault.addr));
        }
        self.next_seq += 1;
        // The program goes on all the same; the error is told when it has ended.
        if self.failed.is_none() {
            self.failed = self.file.event(&event).err();
        }
        Ok(())
    }

    /// Writes a snapshot of all mappings, with the states of their pages. The process stands.
    pub(super) fn snapshot(&mut self, pid: u32, tid: u32) -> Result<()> {
        let Ok(mappings) = mappings_with_flags(pid) else { return Ok(()) };
        let mut observed = Vec::new();
        self.eyes.look(pid, &mappings, &mut |seen| observed.push(seen));
        let kind = EventKind::Snapshot(Box::new(Snapshot { mappings, observed }));
        self.write(pid, tid, kind, now_ns())
    }

    /// Looks at the pages in `within`, and tells what the model does not say already. All that the process did before is
    /// written, and its mappings stay what they are meanwhile. Unless it `stands`, it may touch more of them.
    pub(super) fn look(&mut self, pid: u32, tid: u32, within: Range, stands: bool) -> Result<()> {
        let Some(space) = self.world.space(pid) else { return Ok(()) };
        let cut = |m: Mapping| Some(Mapping { range: m.range.intersection(within)?, ..m });
        let mappings: Vec<Mapping> = space.mappings_in(within).filter_map(cut).collect();
        let now = now_ns();
        let since = now.saturating_sub(IN_DOUBT_NS).saturating_sub(self.started_ns);
        while self.recent.front().is_some_and(|fault| fault.0 < since) {
            self.recent.pop_front();
        }
        let lender = self.world.lender(pid);
        let doubtful = |range: Range| {
            !stands && self.recent.iter().any(|(_, whose, addr)| *whose == lender && range.contains(*addr))
        };
        let activity = self.source.activity(pid);
        let mut found = Vec::new();
        self.eyes.look(pid, &mappings, &mut |observed| {
            found.extend(news(space, &observed, self.page_size, &doubtful));
        });
        // Where calls do not stop it, it may have changed its mappings meanwhile: then nothing is known.
        self.drain();
        if activity.1 || self.source.activity(pid) != activity {
            return Ok(());
        }
        for observed in found {
            self.write(pid, tid, EventKind::Observed(Box::new(observed)), now)?;
        }
        Ok(())
    }

    /// Compares the model's mappings with the kernel's; where they differ, that is told, and the kernel's are taken.
    /// The process stands, and all that it did is written. Returns the mappings, if they are as the model says.
    pub(super) fn compare(&mut self, pid: u32, tid: u32) -> Result<Option<Vec<Mapping>>> {
        // It may be gone already.
        let Ok(mappings) = mappings_of(pid) else { return Ok(None) };
        if mappings.is_empty() {
            return Ok(None);
        }
        let difference = match self.world.space(pid) {
            Some(space) => difference(space, &mappings),
            None => Some("the process is not known".to_owned()),
        };
        let Some(difference) = difference else { return Ok(Some(mappings)) };
        self.drift += 1;
        let reason = format!("drift: {difference}");
        self.write(pid, tid, EventKind::Lost(Box::new(Lost { count: 0, reason })), now_ns())?;
        self.snapshot(pid, tid)?;
        Ok(None)
    }

    /// The last look at a process: its mappings, and the states of all its pages.
    pub(super) fn check(&mut self, pid: u32, tid: u32) -> Result<()> {
        let Some(mappings) = self.compare(pid, tid)? else { return Ok(()) };
        let mut seen = Vec::new();
        self.eyes.look(pid, &mappings, &mut |observed| seen.push(observed));
        for observed in seen {
            self.write(pid, tid, EventKind::Observed(Box::new(observed)), now_ns())?;
        }
        Ok(())
    }

    /// The last event, and the file's name.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.settle(&HashMap::new())?;
        // Of processes that nobody has spoken of.
        for happened in std::mem::take(&mut self.waiting) {
            self.write(happened.pid, happened.tid, happened.kind, happened.time_ns)?;
        }
        let count = self.next_seq;
        self.write(0, 0, EventKind::End(End { count }), now_ns())?;
        if let Some(error) = self.failed {
            return Err(error.context("the program has ended, but the trace is not whole"));
        }
        self.file.finish()?;
        Ok(count)
    }
}

/// The first mapping that `/proc/PID/maps` shows otherwise than the model.
fn difference(space: &AddressSpace, kernel: &[Mapping]) -> Option<String> {
    let told = |mapping: Option<&Mapping>| match mapping {
        Some(m) => format!("{} {} {}", m.range, m.permissions(), m.attributes.backing),
        None => "nothing more".to_owned(),
    };
    let mut known = space.mappings().filter(|m| m.range.end() <= KERNEL_HALF);
    let mut kernel = kernel.iter().filter(|m| m.range.end() <= KERNEL_HALF);
    loop {
        match (known.next(), kernel.next()) {
            (None, None) => return None,
            (Some(a), Some(b)) if alike(&a, b) => {}
            (a, b) => return Some(format!("model {}, /proc/PID/maps {}", told(a.as_ref()), told(b))),
        }
    }
}

fn alike(known: &Mapping, kernel: &Mapping) -> bool {
    let (a, b) = (&known.attributes, &kernel.attributes);
    // What the heap and stacks are called depends on where they are.
    let named = |backing: &Backing| backing.is_anonymous();
    known.looks_like(kernel)
        || (known.range == kernel.range
            && (a.protection, a.sharing) == (b.protection, b.sharing)
            && named(&a.backing)
            && named(&b.backing))
}

/// `CLOCK_MONOTONIC`, in nanoseconds.
pub(super) fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    part(now.tv_sec).saturating_mul(1_000_000_000).saturating_add(part(now.tv_nsec))
}

/// By time, but what makes room comes before what takes it, where the two overlapped; and a fault that ended in a signal is
/// told by the signal alone.
fn put_in_order(all: &mut Vec<Waiting>) {
    let mut at = 0;
    while at < all.len() {
        if let EventKind::Fork(Fork { child, .. }) = &all[at].kind
            && let Some(first) = all.iter().take(at).position(|w| w.pid == *child)
        {
            // The kernel itself writes into a new process before it runs.
            all[first..=at].rotate_right(1);
        }
        if let Some(later) = makes_room(all, at) {
            let earlier = all.remove(later);
            all.insert(at, earlier);
        }
        at += 1;
    }
    let mut drop = Vec::new();
    for (at, happened) in all.iter().enumerate() {
        let EventKind::Signal(signal) = &happened.kind else { continue };
        let before = all.get(..at).unwrap_or_default();
        let fault = before.iter().rposition(|w| {
            w.tid == happened.tid && matches!(&w.kind, EventKind::Fault(f) if f.addr == signal.addr)
        });
        drop.extend(fault);
    }
    let mut index = 0;
    all.retain(|_| {
        index += 1;
        !drop.contains(&(index - 1))
    });
}

/// An unmapping after the mapping at `at` that was made in its place, by another thread at the same time.
fn makes_room(all: &[Waiting], at: usize) -> Option<usize> {
    let mapped = all.get(at)?;
    let EventKind::Map(map) = &mapped.kind else { return None };
    let rest =
        all.get(at + 1..)?.iter().take_while(|w| w.time_ns <= mapped.until_ns.saturating_add(1_000_000));
    let found = rest.enumerate().find(|(_, w)| {
        let gone = match &w.kind {
            EventKind::Unmap(unmap) => Some(unmap.range),
            EventKind::Remap(remap) => remap.old,
            _ => None,
        };
        w.pid == mapped.pid
            && w.tid != mapped.tid
            && gone.is_some_and(|gone| gone.intersection(map.range).is_some())
    })?;
    Some(at + 1 + found.0)
}
