//! A lesson that processes of its own perform: every deed is told as events, the model follows them, and after each
//! the model must say what the kernel says.

mod calls;
mod files;
mod heap;
mod look;
mod touches;

pub(super) use calls::{Call, Mmap, NONE, READ_ONLY, READ_WRITE, anonymous, file};
pub(super) use heap::AskedFor;

use super::stage::Stage;
use super::troupe::{Troupe, Who};
use super::words::Words;
use crate::proc::{Observer, mappings_with_flags, status};
use crate::sys::{Deed, FaultRings, FaultSample};
use anyhow::{Context, Result, bail, ensure};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{EventKind, Exit, Fork, ForkMemory, Snapshot, Start};
use pagescope_shared::header::Capability;
use pagescope_shared::model::Change;
use pagescope_shared::world::World;

/// The lesson in the making.
pub(super) struct Play<'a> {
    stage: Stage<'a>,
    troupe: Troupe,
    faults: Option<FaultRings>,
    samples: Vec<FaultSample>,
    world: World,
    change: Change,
    actors: Vec<Actor>,
    /// Who is told what to do.
    who: Who,
    /// What the lesson is about: looked at after every deed, by address.
    watched: Vec<Range>,
    /// The step's title, for messages.
    step: String,
}

/// So many bytes behind `addr`.
pub(super) fn plus(addr: Addr, bytes: u64) -> Addr {
    Addr(addr.0.saturating_add(bytes))
}

/// A process that performs.
struct Actor {
    who: Who,
    pid: u32,
    observer: Option<Observer>,
}

impl<'a> Play<'a> {
    /// Starts the process and tells what it begins with.
    pub(super) fn begin(name: &str, mut stage: Stage<'a>) -> Result<Self> {
        let mut troupe = Troupe::start(name)?;
        let pid = troupe.pid();
        // What it does for the first time makes faults of its own: not while somebody looks.
        for deed in [Deed::HeapEnd, Deed::Recurse, Deed::Call] {
            let nothing = libc::SYS_getpid.unsigned_abs();
            troupe.ask(Who::Parent, deed, &[if deed == Deed::Call { nothing } else { 2 }], &[])?;
        }
        let tid = i32::try_from(pid).context("a process number that is none")?;
        let faults = FaultRings::open(&[tid], false).ok();
        stage.begin(pid, faults.as_ref().map_or(&[][..], |_| &[Capability::Faults]))?;
        let observer = stage.observer().map(|observer| observer.of(pid)).transpose()?;
        let world = World::new(stage.page_size());
        let mut play = Self {
            stage,
            troupe,
            faults,
            samples: Vec::new(),
            world,
            change: Change::default(),
            actors: vec![Actor { who: Who::Parent, pid, observer }],
            who: Who::Parent,
            watched: Vec::new(),
            step: "the beginning".to_owned(),
        };
        let (exe, argv) = (status::exe(pid), vec![name.to_owned()]);
        play.tell(EventKind::Start(Box::new(Start { exe, argv })))?;
        let mappings = mappings_with_flags(pid)?;
        let observed = play.look_at_all(&mappings)?;
        play.tell(EventKind::Snapshot(Box::new(Snapshot { mappings, observed })))?;
        Ok(play)
    }

    /// Where it stands, for messages.
    pub(super) fn place(&self) -> String {
        format!("at the step \"{}\"", self.step)
    }

    /// Lets the processes go; what is left is the trace.
    pub(super) fn end(self) -> Stage<'a> {
        self.stage
    }

    /// Bytes a page.
    pub(super) fn page(&self) -> u64 {
        self.stage.page_size().bytes()
    }

    /// Page number `n` of a range, from 0.
    pub(super) fn nth(&self, range: Range, n: u64) -> Addr {
        Addr(range.start().0.saturating_add(n.saturating_mul(self.page())))
    }

    /// Prints a line, as the C program does.
    pub(super) fn say(&mut self, line: &str) -> Result<()> {
        self.stage.say(line)
    }

    /// A page that no program uses by itself, number 2^20: where lessons would like their memory to be.
    pub(super) fn wish(&self) -> Addr {
        Addr(self.page() << 20)
    }

    /// Begins a step.
    pub(super) fn step(&mut self, words: Words) -> Result<()> {
        let line = self.stage.line_with(words.marker)?;
        let step = words.on(line);
        self.step.clone_from(&step.title);
        self.tell(EventKind::Step(Box::new(step)))
    }

    /// From now on deeds are this one's.
    pub(super) fn turn_to(&mut self, who: Who) {
        self.who = who;
    }

    /// The number of the process whose turn it is.
    pub(super) fn pid(&self) -> u32 {
        self.pid_of(self.who)
    }

    fn pid_of(&self, who: Who) -> u32 {
        self.actors.iter().find(|actor| actor.who == who).map_or(0, |actor| actor.pid)
    }

    /// Looks at these pages after every deed, too.
    pub(super) fn watch(&mut self, range: Range) {
        let joins = |other: &Range| other.start() <= range.end() && range.start() <= other.end();
        let (touching, mut apart): (Vec<Range>, Vec<Range>) =
            std::mem::take(&mut self.watched).into_iter().partition(joins);
        let start = touching.iter().map(|r| r.start()).min().unwrap_or(range.start()).min(range.start());
        let end = touching.iter().map(|r| r.end()).max().unwrap_or(range.end()).max(range.end());
        apart.extend(Range::new(start, end));
        apart.sort_unstable_by_key(|r| r.start());
        self.watched = apart;
    }

    /// Writes what the acting process did just now; the model follows.
    fn tell(&mut self, kind: EventKind) -> Result<()> {
        self.tell_of(self.pid(), kind, None)
    }

    /// `at` is when it was, on the kernel's monotonic clock, if not now.
    fn tell_of(&mut self, pid: u32, kind: EventKind, at: Option<u64>) -> Result<()> {
        let mut event = self.stage.event(pid, kind);
        if let Some(at) = at {
            event.time_ns = self.stage.time_of(at);
        }
        self.world.apply(&event, &mut self.change);
        self.stage.put(&event)?;
        if let Some(drift) = self.change.drift.first() {
            bail!("the model cannot follow the {}: {drift}", event.kind.name());
        }
        Ok(())
    }

    /// Makes a child, which has a copy of everything.
    pub(super) fn fork(&mut self) -> Result<()> {
        let made = self.troupe.ask(self.who, Deed::Fork, &[], &[])?.result;
        let child = made.map_err(std::io::Error::from_raw_os_error).context("the kernel refused fork")?;
        let child = u32::try_from(child).context("a process number that is none")?;
        self.tell(EventKind::Fork(Fork { child, memory: ForkMemory::Copied }))?;
        // It must have come as far as to listen before its memory is looked at.
        self.troupe.ask(Who::Child, Deed::HeapEnd, &[], &[])?;
        let observer = self.stage.observer().map(|observer| observer.of(child)).transpose()?;
        self.actors.push(Actor { who: Who::Child, pid: child, observer });
        self.forget_faults();
        self.verify()
    }

    /// The child ends, and the first process hears of it.
    pub(super) fn child_ends(&mut self) -> Result<()> {
        let child = self.pid_of(Who::Child);
        self.troupe.ask(Who::Child, Deed::Exit, &[], &[])?;
        let wait = [libc::SYS_wait4.unsigned_abs(), child.into(), 0, 0, 0];
        self.troupe.ask(Who::Parent, Deed::Call, &wait, &[])?.result.ok().context("the child was lost")?;
        self.actors.retain(|actor| actor.who == Who::Parent);
        self.turn_to(Who::Parent);
        let ended = Exit { code: Some(0), signal: None };
        self.tell_of(child, EventKind::Exit(Box::new(ended)), None)?;
        self.forget_faults();
        self.verify()
    }

    /// A number of the acting process's `/proc/PID/status`, such as `VmPTE:`, in KiB.
    pub(super) fn status(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    }

    /// Lets the stack of the acting process be no longer than so many bytes.
    pub(super) fn limit_stack(&mut self, bytes: u64) -> Result<()> {
        let answer = self.troupe.ask(self.who, Deed::LimitStack, &[bytes], &[])?.result;
        answer.map_err(std::io::Error::from_raw_os_error).context("the kernel refused the limit")?;
        Ok(())
    }

    /// What the lesson's point stands on.
    pub(super) fn must(&self, holds: bool, what: impl FnOnce() -> String) -> Result<()> {
        ensure!(holds, "{}", what());
        Ok(())
    }
}
