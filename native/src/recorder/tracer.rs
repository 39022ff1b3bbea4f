//! Follows threads, calls, forks and programs by ptrace.

mod attach;
mod catch_up;
mod life;
mod signal;
mod stopped;

use super::calls;
use super::place::Place;
use super::schedule::{Every, Schedule};
use super::session::{Session, Stands, now_ns};
use crate::sys::signals;
use crate::sys::trace::{self, At, Call, Stop};
use anyhow::Result;
pub(super) use attach::Held;
use pagescope_shared::addr::{Addr, Range};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::time::Instant;
use stopped::Stopped;

/// A thread that is followed.
#[derive(Debug)]
struct Task {
    pid: u32,
    /// The call in which it is, and since when.
    call: Option<(Call, u64)>,
    /// It has said that it ends, or waits for the end of its vfork: it will not stop before that.
    away: bool,
}

impl Task {
    fn of(pid: u32) -> Self {
        Self { pid, call: None, away: false }
    }
}

/// A process that is followed.
#[derive(Debug, Default)]
struct Process {
    /// Its `/proc/PID/maps`, once it was needed.
    maps: Option<File>,
    /// The end of its heap.
    brk: u64,
    /// It uses its parent's memory until it execs.
    borrows: bool,
    threads: usize,
}

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Code(i32),
    Signal(i32),
    /// It was not let run.
    Refused(&'static str),
}

/// How we came to the program.
#[derive(Debug)]
enum Hold {
    /// We started it: a filter shows us the calls about memory, and it ends with us.
    Launched,
    /// It was there before us: we see all its calls, and it goes on after us; until then at the latest.
    Attached(Option<Instant>),
    /// It shall go on without us: whoever stands is kept standing until all do, with the signal that it is to get.
    Leaving(HashMap<i32, i32>),
}

pub(super) struct Tracer {
    session: Session,
    tasks: HashMap<i32, Task>,
    processes: HashMap<u32, Process>,
    /// Threads that stand because nobody has said yet who made them.
    strangers: HashSet<i32>,
    /// The program, and whether it runs already.
    leader: i32,
    running: bool,
    ended: Option<Ended>,
    hold: Hold,
    /// Calls stop the program; if not, the rings tell them.
    stops: bool,
    place: Place,
    schedule: Schedule,
    /// SIGTERM came.
    asked_to_end: bool,
}

impl Tracer {
    /// Follows `leader`, which is seized already and waits to become the program.
    pub(super) fn launched(session: Session, leader: i32, every: Every) -> Self {
        // Where it does not stop at calls it need not be near.
        let place = if session.tells_calls() { Place::anywhere() } else { Place::here(leader) };
        let mut tracer = Self::new(session, leader, Hold::Launched, place, every);
        let pid = leader.unsigned_abs();
        tracer.tasks.insert(leader, Task::of(pid));
        tracer.processes.insert(pid, Process { threads: 1, ..Process::default() });
        tracer
    }

    fn new(session: Session, leader: i32, hold: Hold, place: Place, every: Every) -> Self {
        let stops = !session.tells_calls();
        Self {
            session,
            tasks: HashMap::new(),
            processes: HashMap::new(),
            strangers: HashSet::new(),
            leader,
            running: !matches!(hold, Hold::Launched),
            ended: None,
            hold,
            stops,
            place,
            schedule: Schedule::new(every),
            asked_to_end: false,
        }
    }

    /// Until nobody is left, or all were let go. Returns how the program ended, if it did, and the session.
    ///
    /// # Errors
    /// When the trace cannot be written.
    pub(super) fn follow(mut self) -> Result<(Option<Ended>, Session)> {
        loop {
            match trace::next_stop() {
                Ok(Some((tid, stop))) => self.stopped(tid, stop)?,
                Ok(None) => self.place.rests(),
                // ECHILD: all are gone.
                Err(_) => break,
            }
            if self.is_to_leave() {
                self.leave();
            } else if signals::asked_to_end() {
                self.ask_to_end()?;
            }
            // There is much in a ring, or a tick has gone by. (Who is busy with stops does not wait, and so is not interrupted.)
            if signals::woken() || self.session.is_full() {
                self.settle(Stands::Nobody)?;
            }
            if self.session.is_torn() {
                self.catch_up()?;
            }
            if self.schedule.is_due() {
                self.look_around()?;
            }
            if self.all_stand() {
                self.let_go()?;
                break;
            }
        }
        Ok((self.ended, self.session))
    }

    /// Writes what is over; of a process that `stands`, everything that it did.
    fn settle(&mut self, stands: Stands) -> Result<()> {
        let mut begun = HashMap::new();
        for task in self.tasks.values() {
            if let Some((_, since)) = task.call {
                let oldest = begun.entry(task.pid).or_insert(since);
                *oldest = since.min(*oldest);
            }
        }
        // They stop, and go on when we come back to whoever stands.
        let tasks = &self.tasks;
        self.session.settle(&begun, stands, &mut |busy| {
            tasks
                .keys()
                .filter(|tid| busy.contains(&tid.unsigned_abs()))
                .for_each(|tid| trace::interrupt(*tid));
        })?;
        Ok(())
    }

    /// Who tells us to end means the program: it is told so, and killed when it is told a second time. (The keyboard's
    /// signals it has got too, and answers them as it likes.)
    fn ask_to_end(&mut self) -> Result<()> {
        let signal = if self.asked_to_end { libc::SIGKILL } else { libc::SIGTERM };
        self.asked_to_end = true;
        signals::kill(self.leader, signal);
        self.settle(Stands::Nobody)
    }

    /// Lets a thread go on, with `signal` delivered (0 for none).
    fn go_on(&mut self, tid: i32, signal: i32) {
        match &mut self.hold {
            Hold::Launched => trace::go_on(tid, signal),
            Hold::Attached(_) if self.stops => trace::go_on_to_call(tid, signal),
            Hold::Attached(_) => trace::go_on(tid, signal),
            Hold::Leaving(stand) => {
                stand.insert(tid, signal);
            }
        }
    }

    fn stopped(&mut self, tid: i32, stop: Stop) -> Result<()> {
        if !self.tasks.contains_key(&tid) {
            match stop {
                Stop::Exited(_) | Stop::Killed(_) => self.strangers.remove(&tid),
                // Who made it comes next.
                _ => self.strangers.insert(tid),
            };
            return Ok(());
        }
        self.is_away(tid, false);
        self.place.stopped(tid);
        match stop {
            Stop::Call => match trace::at(tid) {
                Ok(Some(At::Beginning(call))) => self.call_begins(tid, call)?,
                Ok(Some(At::End(result))) => self.call_ends(tid, result),
                _ => self.go_on(tid, 0),
            },
            Stop::Clone => {
                self.made(tid);
                self.go_on(tid, 0);
            }
            Stop::Vfork => {
                self.made(tid);
                self.go_on_waiting(tid);
            }
            Stop::Exec => self.became(tid)?,
            Stop::Exiting => self.exiting(tid)?,
            Stop::Exited(code) => self.gone(tid, Ended::Code(code)),
            Stop::Killed(signal) => self.gone(tid, Ended::Signal(signal)),
            Stop::Group(_) if matches!(self.hold, Hold::Leaving(_)) => self.go_on(tid, 0),
            Stop::Group(_) => trace::listen(tid),
            Stop::Began | Stop::Event => self.go_on(tid, 0),
            Stop::Signal(signal) => self.signal(tid, signal),
        }
        Ok(())
    }

    fn call_begins(&mut self, tid: i32, call: Call) -> Result<()> {
        if !self.running || !calls::is_ours(call) {
            self.go_on(tid, 0);
            return Ok(());
        }
        self.look_before(tid, call)?;
        if let Some(says) = calls::is_about_place(call) {
            self.place.asked(says);
        }
        if let Hold::Leaving(stand) = &mut self.hold {
            stand.insert(tid, 0);
            return Ok(());
        }
        if let Some(task) = self.tasks.get_mut(&tid) {
            task.call = Some((call, now_ns()));
        }
        trace::go_on_to_call(tid, 0);
        Ok(())
    }

    fn call_ends(&mut self, tid: i32, result: Result<u64, i32>) {
        self.call_is_over(tid, result);
        self.go_on(tid, 0);
    }

    fn call_is_over(&mut self, tid: i32, result: Result<u64, i32>) {
        let until = now_ns();
        let task = self.tasks.get_mut(&tid);
        if let Some((pid, Some((call, from)))) = task.map(|t| (t.pid, t.call.take())) {
            let size = self.session.page_size();
            let process = self.processes.entry(pid).or_default();
            let mut memory = Stopped { pid, size, process };
            if let Some(effect) = calls::effect(call, result, &mut memory) {
                self.session.happened(pid, tid.unsigned_abs(), effect, (from, until));
            }
        }
    }

    /// Even when all shall stand: somebody who stands is what it waits for.
    fn go_on_waiting(&mut self, tid: i32) {
        match self.hold {
            Hold::Attached(_) | Hold::Leaving(_) if self.stops => trace::go_on_to_call(tid, 0),
            _ => trace::go_on(tid, 0),
        }
        self.is_away(tid, true);
    }

    fn is_away(&mut self, tid: i32, away: bool) {
        if let Some(task) = self.tasks.get_mut(&tid) {
            task.away = away;
        }
    }

    /// Whether no thread of a process is in a call about memory: then its mappings are what they are until we let one
    /// begin.
    fn is_quiet(&self, pid: u32) -> bool {
        self.tasks.values().all(|task| task.pid != pid || task.call.is_none())
    }

    /// Before a call that takes pages away, what they were is seen for the last time. And since the program stands, it is
    /// compared with the model now and then.
    fn look_before(&mut self, tid: i32, call: Call) -> Result<()> {
        let Some(pid) = self.tasks.get(&tid).map(|task| task.pid) else { return Ok(()) };
        let (brk, borrows, alone) =
            self.processes.get(&pid).map_or((0, false, true), |p| (p.brk, p.borrows, p.threads <= 1));
        let exec = calls::is_exec(call);
        let looks = if exec { self.schedule.looks() } else { self.schedule.may_look_before() };
        let taken = calls::takes_away(call, brk, self.session.page_size()).filter(|_| looks);
        // Who execs after vfork gives nothing up but what it had borrowed.
        let taken = taken.filter(|_| !(exec && borrows));
        let compare = !borrows && (exec || self.schedule.may_compare());
        if (taken.is_none() && !compare) || !self.is_quiet(pid) {
            return Ok(());
        }
        self.settle(if alone { Stands::Process(pid) } else { Stands::Nobody })?;
        let thread = tid.unsigned_abs();
        if compare {
            let since = Instant::now();
            self.session.compare(pid, thread)?;
            self.schedule.compared(since);
        }
        let Some(taken) = taken else { return Ok(()) };
        let since = Instant::now();
        self.session.look(pid, thread, taken, alone && !borrows)?;
        self.schedule.looked_before(since);
        Ok(())
    }

    /// Looks at the pages of programs that run.
    fn look_around(&mut self) -> Result<()> {
        let Ok(all) = Range::new(Addr(0), Addr(u64::MAX)) else { return Ok(()) };
        if !self.running {
            return Ok(());
        }
        self.settle(Stands::Nobody)?;
        let mut quiet: Vec<u32> =
            self.processes.iter().filter(|(_, p)| !p.borrows).map(|(pid, _)| *pid).collect();
        quiet.retain(|pid| self.is_quiet(*pid));
        let session = &mut self.session;
        let compare = self.schedule.may_compare();
        let since = Instant::now();
        self.schedule.turn(quiet.into_iter(), &mut |pid| {
            if compare {
                session.compare(pid, pid)?;
            }
            session.look(pid, pid, all, false)
        })?;
        if compare {
            self.schedule.compared(since);
        }
        Ok(())
    }
}
