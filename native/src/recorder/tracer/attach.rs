//! Comes to a program that runs, and leaves it running.

use super::{Hold, Process, Task, Tracer};
use crate::proc::{mappings_of, status};
use crate::recorder::place::Place;
use crate::recorder::schedule::Every;
use crate::recorder::session::{Session, Stands};
use crate::sys::signals;
use crate::sys::trace::{self, Stop};
use anyhow::{Context as _, Result, bail};
use pagescope_shared::event::{EventKind, Start, Thread};
use pagescope_shared::mapping::Backing;
use std::collections::HashMap;
use std::time::Instant;

/// A process all of whose threads stand, traced by us. They go on when we end.
pub(in crate::recorder) struct Held {
    pid: u32,
    tasks: HashMap<i32, Task>,
    /// What each of them stands for: that is to be seen to.
    stops: HashMap<i32, Stop>,
}

impl Held {
    /// Stops all threads of a process.
    ///
    /// # Errors
    /// When it is not there, or may not be traced.
    pub(in crate::recorder) fn stop(pid: u32) -> Result<Self> {
        let mut held = Self { pid, tasks: HashMap::new(), stops: HashMap::new() };
        held.seize()?;
        while held.tasks.keys().any(|tid| !held.stops.contains_key(tid)) {
            match trace::next_stop() {
                // One that a thread made meanwhile belongs to us from birth; that it was made is told later.
                Ok(Some((tid, stop))) => {
                    held.stops.insert(tid, stop);
                }
                Ok(None) => {}
                Err(e) => return Err(anyhow::Error::new(e).context("the program has ended")),
            }
        }
        Ok(held)
    }

    /// Threads may make others while we come: until there are no new ones.
    fn seize(&mut self) -> Result<()> {
        loop {
            let mut new = 0;
            for tid in status::threads(self.pid) {
                if self.tasks.contains_key(&tid) {
                    continue;
                }
                match trace::seize(tid, false) {
                    Ok(()) => {
                        trace::interrupt(tid);
                        self.tasks.insert(tid, Task::of(self.pid));
                        new += 1;
                    }
                    Err(e) if self.tasks.is_empty() => {
                        return Err(anyhow::Error::new(e).context(refusal(self.pid)));
                    }
                    // Traced already: born of one that we have. Or gone.
                    Err(_) => {}
                }
            }
            match (new, self.tasks.is_empty()) {
                (0, true) => bail!("there is no process {}", self.pid),
                (0, false) => return Ok(()),
                _ => {}
            }
        }
    }

    /// Its threads, by number.
    pub(in crate::recorder) fn threads(&self) -> Vec<i32> {
        let mut all: Vec<i32> = self.tasks.keys().copied().collect();
        all.sort_unstable();
        all
    }
}

impl Tracer {
    /// Looks at a process that is held, and lets it go on, to be followed until `deadline` at the latest.
    ///
    /// # Errors
    /// When the trace cannot be written.
    pub(in crate::recorder) fn attached(
        session: Session,
        held: Held,
        every: Every,
        deadline: Option<Instant>,
    ) -> Result<Self> {
        let pid = held.pid;
        let leader = i32::try_from(pid).context("no process has that number")?;
        let threads = held.threads();
        let mut tracer = Self::new(session, leader, Hold::Attached(deadline), Place::anywhere(), every);
        let brk = heap_end(pid);
        tracer.session.forget_memory(pid, None, brk);
        let process = Process { brk, threads: threads.len(), ..Process::default() };
        tracer.processes.insert(pid, process);
        tracer.tasks = held.tasks;
        let start = Start { exe: status::exe(pid), argv: status::arguments(pid) };
        tracer.session.happens(pid, pid, EventKind::Start(Box::new(start)));
        for thread in threads.iter().map(|tid| tid.unsigned_abs()).filter(|tid| *tid != pid) {
            tracer.session.happens(pid, pid, EventKind::Thread(Thread { thread }));
        }
        tracer.settle(Stands::All)?;
        tracer.session.snapshot(pid, pid)?;
        for (tid, stop) in held.stops {
            tracer.stopped(tid, stop)?;
        }
        Ok(tracer)
    }

    /// Whether it is time to leave a program that was there before us: somebody said so, or the time is over.
    pub(super) fn is_to_leave(&self) -> bool {
        let Hold::Attached(deadline) = self.hold else { return false };
        signals::interrupted() || signals::asked_to_end() || deadline.is_some_and(|end| end <= Instant::now())
    }

    /// Everybody shall stand.
    pub(super) fn leave(&mut self) {
        self.hold = Hold::Leaving(HashMap::new());
        for tid in self.tasks.keys() {
            trace::interrupt(*tid);
        }
    }

    /// Whether all stand, to be let go.
    pub(super) fn all_stand(&self) -> bool {
        let Hold::Leaving(stand) = &self.hold else { return false };
        self.tasks.iter().all(|(tid, task)| task.away || stand.contains_key(tid))
    }

    /// The last look at everybody; then they go on without us.
    pub(super) fn let_go(&mut self) -> Result<()> {
        let Hold::Leaving(stand) = std::mem::replace(&mut self.hold, Hold::Leaving(HashMap::new())) else {
            return Ok(());
        };
        for task in self.tasks.values_mut() {
            task.call = None;
        }
        let looked = self.settle(Stands::All).and_then(|()| {
            let mut owners: Vec<u32> = self
                .processes
                .iter()
                .filter(|(_, p)| !p.borrows && p.threads > 0)
                .map(|(pid, _)| *pid)
                .collect();
            owners.sort_unstable();
            owners.into_iter().try_for_each(|pid| self.session.check(pid, pid))
        });
        self.session.stop_listening();
        for (tid, signal) in stand {
            trace::detach(tid, signal);
        }
        looked
    }
}

/// Where the heap of a process ends now.
fn heap_end(pid: u32) -> u64 {
    let all = mappings_of(pid).unwrap_or_default();
    let heap = all.iter().filter(|m| m.attributes.backing == Backing::Heap).map(|m| m.range.end().0);
    heap.max().unwrap_or_else(|| status::heap_start(pid))
}

fn refusal(pid: u32) -> String {
    let uid = |of: &str| {
        let status = std::fs::read_to_string(format!("/proc/{of}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    let tracer = std::fs::read_to_string(format!("/proc/{pid}/status")).ok().and_then(|status| {
        status.lines().find_map(|line| line.strip_prefix("TracerPid:")).map(|n| n.trim().to_owned())
    });
    match tracer.as_deref() {
        None => format!("there is no process {pid}"),
        Some(tracer) if tracer != "0" => format!("process {pid} is traced already, by process {tracer}"),
        _ if uid("self") != uid(&pid.to_string()) => {
            format!("process {pid} is another user's: try it as root")
        }
        _ => format!(
            "process {pid} may not be traced (kernel.yama.ptrace_scope is 1, or it forbids it itself): try it as root"
        ),
    }
}
