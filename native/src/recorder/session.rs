//! What the tracer and the kernel's rings tell, in the order in which it happened, on its way into the trace.

mod look;
mod settle;

use super::calls::Effect;
use super::eyes::Eyes;
use super::order::{Batch, Waiting};
use super::source::Source;
use crate::proc::Frames;
use crate::trace_file::TraceFile;
use anyhow::Result;
use pagescope_shared::addr::{Addr, PageSize};
use pagescope_shared::event::{End, Event, EventKind, Extra};
use pagescope_shared::header::{Capability, Header};
use pagescope_shared::model::Change;
use pagescope_shared::world::World;
use std::collections::{BTreeSet, HashSet, VecDeque};

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
    lost: u64,
    /// What the rings tell from now on is no longer of interest.
    deaf: bool,
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
            deaf: false,
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
        self.source.tells_calls()
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

    /// What was written long enough ago is brought to the file.
    fn keep(&mut self) -> Result<()> {
        if self.failed.is_none() {
            self.failed = self.file.keep(&self.world).err();
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

    /// Whoever is followed goes on without us: what is told of that is not listened to.
    pub(super) fn stop_listening(&mut self) {
        self.deaf = true;
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
        if !self.deaf {
            self.source.drain(now_ns(), self.page_size, &mut self.waiting);
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
        if let EventKind::Lost(lost) = &event.kind
            && lost.count > 0
        {
            self.lost += lost.count;
            self.torn = true;
        }
        self.next_seq += 1;
        // The program goes on all the same; the error is told when it has ended.
        if self.failed.is_none() {
            self.failed = self.file.followed(&event, &self.world).err();
        }
        Ok(())
    }

    /// Nothing was recorded: no file stays.
    pub(super) fn discard(self) {
        self.file.discard();
    }

    /// The last event, and the file's name. Returns how many events there are, and how many records were lost.
    pub(super) fn finish(mut self) -> Result<(u64, u64)> {
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
        self.file.flush(&self.world)?;
        self.file.finish()?;
        Ok((count, self.lost))
    }
}

/// `CLOCK_MONOTONIC`, in nanoseconds.
pub(super) fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    part(now.tv_sec).saturating_mul(1_000_000_000).saturating_add(part(now.tv_nsec))
}
