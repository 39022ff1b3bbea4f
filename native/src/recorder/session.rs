//! What the tracer and the kernel's rings tell, in the order in which it happened, on its way into the trace.

use super::calls::Effect;
use super::eyes::{Eyes, KERNEL_HALF};
use super::news::news;
use super::order::{Batch, Waiting, segment};
use super::source::Source;
use crate::proc::{Frames, mappings_of, mappings_with_flags, status};
use crate::trace_file::TraceFile;
use anyhow::Result;
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{
    Asked, End, Event, EventKind, Extra, Fault, FaultAccess, Lost, Snapshot, Unmap,
};
use pagescope_shared::header::{Capability, Header};
use pagescope_shared::mapping::{Backing, Mapping};
use pagescope_shared::model::{AddressSpace, Change};
use pagescope_shared::names::CallFlags;
use pagescope_shared::world::World;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

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
    /// What could not be seen, and why.
    pub(super) remarks: BTreeSet<String>,
}

/// Of whom nothing more is to come before we let somebody go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    Nobody,
    Process(u32),
    All,
}

/// How long it may take from a fault until its page is there.
const IN_DOUBT_NS: u64 = 5_000_000;
/// How many faults are remembered at most.
const MOST_RECENT: usize = 1024;
const UNSEEN: &str = "may not be looked into (its file may not be read, or it forbids it); root may";
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
            remarks: BTreeSet::new(),
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

    /// A thread did something between two moments.
    pub(super) fn happened(&mut self, pid: u32, tid: u32, effect: Effect, (from_ns, until_ns): (u64, u64)) {
        match &effect {
            Effect::Event(EventKind::Start(_)) => self.known.insert(pid),
            Effect::Event(EventKind::Fork(fork)) => self.known.insert(fork.child),
            _ => false,
        };
        self.waiting.push(Waiting { from_ns, until_ns, pid, tid, effect });
    }

    /// Something happened now.
    pub(super) fn happens(&mut self, pid: u32, tid: u32, kind: EventKind) {
        let now = now_ns();
        self.happened(pid, tid, Effect::Event(kind), (now, now));
    }

    /// Whether so much waits that it should be written.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= 4096
    }

    /// Writes what happened, but for what may come after something that is not over: `begun` is when the oldest call of
    /// each process began that is in one. When the rings fill faster than they are emptied, or what is in them gets old,
    /// `slow_down` is told which threads fill them.
    pub(super) fn settle(
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
    fn put(&mut self, waiting: Waiting, overlaps: bool, time_ns: u64, batch: &mut Batch) -> Result<()> {
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

    /// What was written long enough ago is brought to the file.
    fn keep(&mut self) -> Result<()> {
        if self.failed.is_none() {
            self.failed = self.file.keep().err();
        }
        Ok(())
    }

    /// A process has become another program, whose heap ends here: what it touched since it `began` to is in the snapshot
    /// that follows.
    pub(super) fn forget_memory(&mut self, pid: u32, began: Option<u64>, brk: u64) {
        self.drain();
        let since = began.or(self.source.exec_began(pid)).unwrap_or(0);
        self.waiting.retain(|w| w.pid != pid || w.until_ns < since || !w.is_fault());
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

    /// Takes what came out of the rings.
    fn drain(&mut self) {
        self.source.drain(now_ns(), self.page_size, &mut self.waiting);
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
        if let EventKind::Lost(lost) = &event.kind
            && lost.count > 0
        {
            self.lost += lost.count;
            self.torn = true;
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
        let mappings = match mappings_with_flags(pid) {
            Ok(mappings) => mappings,
            Err(e) if is_denied(&e) => return self.remark(pid, UNSEEN),
            // It is gone.
            Err(_) => return Ok(()),
        };
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
        if self.is_busy(pid) {
            return Ok(());
        }
        let mut found = Vec::new();
        self.eyes.look(pid, &mappings, &mut |observed| {
            found.extend(news(space, &observed, self.page_size, &doubtful));
        });
        // Where calls do not stop it, it may have changed its mappings meanwhile: then nothing is known.
        self.drain();
        if self.is_busy(pid) {
            return Ok(());
        }
        for observed in found {
            self.write(pid, tid, EventKind::Observed(Box::new(observed)), now)?;
        }
        Ok(())
    }

    /// Whether a process may be changing its mappings, or has done so after what was written. (Those who stop at their
    /// calls are not let go meanwhile.)
    fn is_busy(&self, pid: u32) -> bool {
        self.source.is_busy(pid) || self.waiting.iter().any(|w| w.pid == pid && !w.is_fault())
    }

    /// Compares the model's mappings with the kernel's; where they differ, that is told, and the kernel's are taken.
    /// Nothing is said of one that is about to change them. Returns the mappings, if they are as the model says.
    pub(super) fn compare(&mut self, pid: u32, tid: u32) -> Result<Option<Vec<Mapping>>> {
        // It may be gone already.
        let Ok(mappings) = mappings_of(pid) else { return Ok(None) };
        self.drain();
        if mappings.is_empty() || self.is_busy(pid) {
            return Ok(None);
        }
        let difference = match self.world.space(pid) {
            Some(space) => difference(space, &mappings),
            None => Some("the process is not known".to_owned()),
        };
        let Some(difference) = difference else { return Ok(Some(mappings)) };
        if self.torn {
            // It has been told that something is missing.
            self.snapshot(pid, tid)?;
            return Ok(None);
        }
        self.drift += 1;
        let reason = format!("drift: {difference}");
        self.write(pid, tid, EventKind::Lost(Box::new(Lost { count: 0, reason })), now_ns())?;
        self.snapshot(pid, tid)?;
        Ok(None)
    }

    /// Something of a process could not be seen: that is written, and told at the end.
    pub(super) fn remark(&mut self, pid: u32, what: &str) -> Result<()> {
        let name =
            Some(status::exe(pid)).filter(|exe| !exe.is_empty()).unwrap_or_else(|| format!("process {pid}"));
        self.remarks.insert(format!("{name} {what}"));
        let lost = Lost { count: 0, reason: format!("this program {what}") };
        self.write(pid, pid, EventKind::Lost(Box::new(lost)), now_ns())
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

    /// Nothing was recorded: no file stays.
    pub(super) fn discard(self) {
        self.file.discard();
    }

    /// The last event, and the file's name.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.drain();
        // Of processes that nobody has spoken of, too.
        let mut batch = Batch::of(std::mem::take(&mut self.waiting), Vec::new());
        while let Some((waiting, overlaps)) = batch.next() {
            let time_ns = waiting.until_ns;
            self.put(waiting, overlaps, time_ns, &mut batch)?;
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

fn is_denied(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied)
}

/// `CLOCK_MONOTONIC`, in nanoseconds.
pub(super) fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    part(now.tv_sec).saturating_mul(1_000_000_000).saturating_add(part(now.tv_nsec))
}
