//! Threads and processes come, become other programs, and go.

use super::{Ended, Process, Task, Tracer, signal};
use crate::proc::{mappings_with_flags, status};
use crate::recorder::calls;
use crate::recorder::session::Stands;
use crate::sys::{signals, trace};
use anyhow::Result;
use pagescope_shared::event::{EventKind, Exec, Exit, Fork, ForkMemory, Snapshot, Start, Thread};
use rustix::process::geteuid;

impl Tracer {
    /// A thread or a process came into being: which of the two, `/proc` says.
    pub(super) fn made(&mut self, tid: i32) {
        let new = trace::message(tid).ok().and_then(|new| i32::try_from(new).ok());
        let maker = self.tasks.get(&tid).map(|task| task.pid);
        if let (Some(new), Some(maker)) = (new, maker) {
            let child = new.unsigned_abs();
            let pid = status::group_of(child).unwrap_or(child);
            let kind = if pid == maker {
                EventKind::Thread(Thread { thread: child })
            } else {
                let shares = status::shares_memory(tid);
                let memory = if shares { ForkMemory::Shared } else { ForkMemory::Copied };
                EventKind::Fork(Fork { child: pid, memory })
            };
            if pid != maker {
                self.session.inherit_break(maker, pid);
                let brk = self.processes.get(&maker).map_or(0, |p| p.brk);
                let borrows = matches!(kind, EventKind::Fork(Fork { memory: ForkMemory::Shared, .. }));
                self.processes.insert(pid, Process { brk, borrows, ..Process::default() });
            }
            self.processes.entry(pid).or_default().threads += 1;
            self.tasks.insert(new, Task::of(pid));
            self.place.born(new);
            // What the other threads of its maker did meanwhile, it has or has not.
            let copied = matches!(kind, EventKind::Fork(Fork { memory: ForkMemory::Copied, .. }));
            let unsure = copied && self.processes.get(&maker).is_some_and(|p| p.threads > 1);
            self.session.happens(maker, tid.unsigned_abs(), kind);
            if unsure && let Ok(mappings) = mappings_with_flags(pid) {
                let snapshot = Snapshot { mappings, observed: Vec::new() };
                self.session.happens(pid, child, EventKind::Snapshot(Box::new(snapshot)));
            }
            if self.strangers.remove(&new) {
                self.go_on(new, 0);
            }
        }
    }

    pub(super) fn became(&mut self, tid: i32) -> Result<()> {
        let pid = tid.unsigned_abs();
        let narrow = status::is_32_bit(pid);
        if narrow && !self.running {
            self.ended = Some(Ended::Refused("it is a 32-bit program; 64-bit ones can be recorded"));
            signals::kill(tid, libc::SIGKILL);
            self.go_on(tid, 0);
            return Ok(());
        }
        let began = self.tasks.values().filter(|t| t.pid == pid).filter_map(|t| t.call);
        let began = began.filter(|(call, _)| calls::is_exec(*call)).map(|(_, since)| since).max();
        let brk = status::heap_start(pid);
        self.session.forget_memory(pid, began, brk);
        // Another thread than the leader may have called it: now it is the leader, and the others are gone.
        self.tasks.retain(|other, task| task.pid != pid || *other == tid);
        self.tasks.insert(tid, Task::of(pid));
        self.place.became(tid, |other| self.tasks.contains_key(&other));
        self.processes.insert(pid, Process { brk, threads: 1, ..Process::default() });
        let (exe, argv) = (status::exe(pid), status::arguments(pid));
        let kind = if self.running {
            EventKind::Exec(Box::new(Exec { exe, argv }))
        } else {
            EventKind::Start(Box::new(Start { exe, argv }))
        };
        self.running = true;
        self.session.happens(pid, pid, kind);
        self.settle(Stands::Process(pid))?;
        self.session.snapshot(pid, pid)?;
        if narrow {
            self.session.remark(pid, "is a 32-bit program, whose calls are not seen")?;
        }
        if status::is_privileged(pid) && !geteuid().is_root() {
            let what = "runs without the rights that its file gives (set-user-ID), because it is traced; as root it has them";
            self.session.remark(pid, what)?;
        }
        self.go_on(tid, 0);
        Ok(())
    }

    /// The last moment at which its memory is there.
    pub(super) fn exiting(&mut self, tid: i32) -> Result<()> {
        // Killed on its way back from a call: what that did is done.
        if self.tasks.get(&tid).is_some_and(|task| task.call.is_some())
            && let Some(result) = trace::returned(tid)
        {
            self.call_is_over(tid, result);
        }
        let pid = self.tasks.get(&tid).map_or(0, |task| task.pid);
        let process = self.processes.entry(pid).or_default();
        process.threads = process.threads.saturating_sub(1);
        let last = process.threads == 0 && !process.borrows && self.running;
        if let Some(task) = self.tasks.get_mut(&tid) {
            (task.call, task.away) = (None, true);
        }
        self.session.thread_ends(tid.unsigned_abs());
        if last {
            self.settle(Stands::Process(pid))?;
            self.session.check(pid, tid.unsigned_abs())?;
        }
        // Nobody need wait for it.
        trace::go_on(tid, 0);
        Ok(())
    }

    pub(super) fn gone(&mut self, tid: i32, ended: Ended) {
        let Some(task) = self.tasks.remove(&tid) else { return };
        self.session.thread_ends(tid.unsigned_abs());
        self.place.gone(tid);
        // The leader is the last that is reported.
        if tid.unsigned_abs() != task.pid {
            return;
        }
        self.session.process_gone(task.pid);
        self.processes.remove(&task.pid);
        if tid == self.leader {
            self.ended.get_or_insert(ended);
        }
        if self.running {
            let exit = match ended {
                Ended::Code(code) => Exit { code: Some(code), signal: None },
                Ended::Signal(signal) => Exit { code: None, signal: Some(signal::name(signal)) },
                Ended::Refused(_) => return,
            };
            self.session.happens(task.pid, task.pid, EventKind::Exit(Box::new(exit)));
        }
    }
}
