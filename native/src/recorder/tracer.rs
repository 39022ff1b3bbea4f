//! Follows threads, calls, forks and programs by ptrace.

use super::calls::{self, Memory, Moment};
use super::place::Place;
use super::session::{Session, now_ns};
use crate::proc::{backing, mappings_of, mappings_with_flags};
use crate::sys::trace::{self, Call, Stop};
use crate::sys::{mapping_at, signals};
use anyhow::Result;
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{EventKind, Exec, Exit, Fork, ForkMemory, Signal, Snapshot, Start, Thread};
use pagescope_shared::mapping::{Attributes, Backing};
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsFd as _;

/// A thread that is followed.
#[derive(Debug)]
struct Task {
    pid: u32,
    /// The call in which it is, and since when.
    call: Option<(Call, u64)>,
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
}

pub(super) struct Tracer {
    session: Session,
    tasks: HashMap<i32, Task>,
    processes: HashMap<u32, Process>,
    /// Threads that stand because nobody has said yet who made them.
    strangers: Vec<i32>,
    /// The program, and whether it runs already.
    leader: i32,
    running: bool,
    ended: Option<Ended>,
    place: Place,
    /// SIGTERM came.
    asked_to_end: bool,
}

impl Tracer {
    /// Follows `leader`, which is seized already.
    pub(super) fn new(session: Session, leader: i32, running: bool) -> Self {
        let mut tracer = Self {
            session,
            tasks: HashMap::new(),
            processes: HashMap::new(),
            strangers: Vec::new(),
            leader,
            running,
            ended: None,
            place: Place::here(leader),
            asked_to_end: false,
        };
        let pid = leader.unsigned_abs();
        tracer.tasks.insert(leader, Task { pid, call: None });
        tracer.processes.insert(pid, Process { threads: 1, ..Process::default() });
        tracer
    }

    /// Until nobody is left. Returns how the program ended, if it began, and the session.
    pub(super) fn follow(mut self) -> Result<(Option<Ended>, Session)> {
        loop {
            match trace::next_stop() {
                Ok(Some((tid, stop))) => self.stopped(tid, stop)?,
                Ok(None) if signals::asked_to_end() => self.asked_to_end()?,
                // A ring is half full, or nothing has happened for a while. The keyboard's signals the program has got
                // too, and answers them as it likes.
                Ok(None) => self.settle()?,
                // ECHILD: all are gone.
                Err(_) => break,
            }
            if self.session.is_full() {
                self.settle()?;
            }
        }
        Ok((self.ended, self.session))
    }

    /// Writes what is over.
    fn settle(&mut self) -> Result<()> {
        let mut begun = HashMap::new();
        for task in self.tasks.values() {
            if let Some((_, since)) = task.call {
                let oldest = begun.entry(task.pid).or_insert(since);
                *oldest = since.min(*oldest);
            }
        }
        self.session.settle(&begun)
    }

    /// Who tells us to end means the program: it is told so, and killed when it is told a second time.
    fn asked_to_end(&mut self) -> Result<()> {
        let signal = if self.asked_to_end { libc::SIGKILL } else { libc::SIGTERM };
        self.asked_to_end = true;
        signals::kill(self.leader, signal);
        self.settle()
    }

    fn stopped(&mut self, tid: i32, stop: Stop) -> Result<()> {
        if !self.tasks.contains_key(&tid) {
            match stop {
                Stop::Exited(_) | Stop::Killed(_) => self.strangers.retain(|known| *known != tid),
                // Who made it comes next.
                _ => self.strangers.push(tid),
            }
            return Ok(());
        }
        match stop {
            Stop::Seccomp => self.call_begins(tid),
            Stop::CallEnd => self.call_ends(tid),
            Stop::Clone => self.made(tid),
            Stop::Exec => self.became(tid)?,
            Stop::Exiting => self.exiting(tid)?,
            Stop::Exited(code) => self.gone(tid, Ended::Code(code)),
            Stop::Killed(signal) => self.gone(tid, Ended::Signal(signal)),
            Stop::Group(_) => trace::listen(tid),
            Stop::Began | Stop::Event => trace::go_on(tid, 0),
            Stop::Signal(signal) => self.signal(tid, signal),
        }
        Ok(())
    }

    fn call_begins(&mut self, tid: i32) {
        match trace::call(tid) {
            Ok(call) if self.running => {
                if calls::is_about_place(call).is_some() {
                    self.place.release(self.tasks.keys());
                }
                if let Some(task) = self.tasks.get_mut(&tid) {
                    task.call = Some((call, now_ns()));
                }
                trace::go_on_to_call_end(tid);
            }
            _ => trace::go_on(tid, 0),
        }
    }

    fn call_ends(&mut self, tid: i32) {
        let result = trace::returned(tid);
        let until = now_ns();
        let task = self.tasks.get_mut(&tid);
        if let (Ok(result), Some((pid, Some((call, from))))) = (result, task.map(|t| (t.pid, t.call.take())))
        {
            if let Some(says) = calls::is_about_place(call) {
                self.place.asked(says);
                self.place.keep(self.tasks.keys());
            }
            let size = self.session.page_size();
            let process = self.processes.entry(pid).or_default();
            let mut memory = Stands { pid, size, process };
            let (moment, kinds) = calls::events(call, result, &mut memory);
            for kind in kinds {
                let thread = tid.unsigned_abs();
                self.session.happened(pid, thread, kind, (from, until), moment == Moment::End);
            }
        }
        trace::go_on(tid, 0);
    }

    /// A thread or a process came into being: which of the two, `/proc` says.
    fn made(&mut self, tid: i32) {
        let new = trace::message(tid).ok().and_then(|new| i32::try_from(new).ok());
        let maker = self.tasks.get(&tid).map(|task| task.pid);
        if let (Some(new), Some(maker)) = (new, maker) {
            let child = new.unsigned_abs();
            let pid = group_of(child).unwrap_or(child);
            let kind = if pid == maker {
                EventKind::Thread(Thread { thread: child })
            } else {
                let memory = if shares_memory(tid) { ForkMemory::Shared } else { ForkMemory::Copied };
                EventKind::Fork(Fork { child: pid, memory })
            };
            if pid != maker {
                let brk = self.processes.get(&maker).map_or(0, |p| p.brk);
                let borrows = matches!(kind, EventKind::Fork(Fork { memory: ForkMemory::Shared, .. }));
                self.processes.insert(pid, Process { maps: None, brk, borrows, threads: 0 });
            }
            self.processes.entry(pid).or_default().threads += 1;
            self.tasks.insert(new, Task { pid, call: None });
            self.place.keep(self.tasks.keys());
            // What the other threads of its maker did meanwhile, it has or has not.
            let copied = matches!(kind, EventKind::Fork(Fork { memory: ForkMemory::Copied, .. }));
            let unsure = copied && self.processes.get(&maker).is_some_and(|p| p.threads > 1);
            self.session.happens(maker, tid.unsigned_abs(), kind);
            if unsure && let Ok(mappings) = mappings_with_flags(pid) {
                let snapshot = Snapshot { mappings, observed: Vec::new() };
                self.session.happens(pid, child, EventKind::Snapshot(Box::new(snapshot)));
            }
            if let Some(at) = self.strangers.iter().position(|known| *known == new) {
                self.strangers.swap_remove(at);
                trace::go_on(new, 0);
            }
        }
        trace::go_on(tid, 0);
    }

    fn became(&mut self, tid: i32) -> Result<()> {
        let pid = tid.unsigned_abs();
        let began = self.tasks.values().filter(|t| t.pid == pid).filter_map(|t| t.call);
        let began = began.filter(|(call, _)| calls::is_exec(*call)).map(|(_, since)| since).max();
        self.session.forget_faults(pid, began.unwrap_or(0));
        // Another thread than the leader may have called it: now it is the leader, and the others are gone.
        self.tasks.retain(|other, task| task.pid != pid || *other == tid);
        self.tasks.insert(tid, Task { pid, call: None });
        self.place.keep(self.tasks.keys());
        self.processes.insert(pid, Process { brk: heap_start(pid), threads: 1, ..Process::default() });
        let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let exe = exe.to_string_lossy().into_owned();
        let argv = arguments(pid);
        let kind = if self.running {
            EventKind::Exec(Box::new(Exec { exe, argv }))
        } else {
            EventKind::Start(Box::new(Start { exe, argv }))
        };
        self.running = true;
        self.session.happens(pid, pid, kind);
        self.settle()?;
        self.session.snapshot(pid, pid)?;
        trace::go_on(tid, 0);
        Ok(())
    }

    /// The last moment at which its memory is there.
    fn exiting(&mut self, tid: i32) -> Result<()> {
        let pid = self.tasks.get(&tid).map_or(0, |task| task.pid);
        let process = self.processes.entry(pid).or_default();
        process.threads = process.threads.saturating_sub(1);
        let last = process.threads == 0 && !process.borrows && self.running;
        if let Some(task) = self.tasks.get_mut(&tid) {
            task.call = None;
        }
        if last {
            self.settle()?;
            self.session.check(pid, tid.unsigned_abs())?;
        }
        trace::go_on(tid, 0);
        Ok(())
    }

    fn gone(&mut self, tid: i32, ended: Ended) {
        let Some(task) = self.tasks.remove(&tid) else { return };
        self.place.keep(self.tasks.keys());
        // The leader is the last that is reported.
        if tid.unsigned_abs() != task.pid {
            return;
        }
        self.processes.remove(&task.pid);
        if tid == self.leader {
            self.ended = Some(ended);
        }
        if self.running {
            let exit = match ended {
                Ended::Code(code) => Exit { code: Some(code), signal: None },
                Ended::Signal(signal) => Exit { code: None, signal: Some(signal_name(signal)) },
            };
            self.session.happens(task.pid, task.pid, EventKind::Exit(Box::new(exit)));
        }
    }

    fn signal(&mut self, tid: i32, signal: i32) {
        let about_memory = matches!(signal, libc::SIGSEGV | libc::SIGBUS);
        if about_memory
            && self.running
            && let (Ok((code, addr)), Some(task)) = (trace::signal_info(tid), self.tasks.get(&tid))
            // Sent by the kernel for what it touched, not by another process.
            && code > 0
        {
            let kind = EventKind::Signal(Box::new(Signal {
                signal: signal_name(signal),
                addr: Addr(addr),
                access: None,
                code: code_name(signal, code).to_owned(),
            }));
            let pid = task.pid;
            self.session.happens(pid, tid.unsigned_abs(), kind);
        }
        trace::go_on(tid, signal);
    }
}

/// A process whose thread stands at the end of a call.
struct Stands<'a> {
    pid: u32,
    size: PageSize,
    process: &'a mut Process,
}

impl Memory for Stands<'_> {
    fn page_size(&self) -> PageSize {
        self.size
    }

    fn replace_break(&mut self, new: u64) -> u64 {
        let old = std::mem::replace(&mut self.process.brk, new);
        if old == 0 { new } else { old }
    }

    fn backing(&mut self, addr: u64) -> Option<Backing> {
        if self.process.maps.is_none() {
            self.process.maps = File::open(format!("/proc/{}/maps", self.pid)).ok();
        }
        let maps = self.process.maps.as_ref()?;
        match mapping_at(maps.as_fd(), addr) {
            Ok(found) => {
                let dev = format!("{:02x}:{:02x}", found.dev.0, found.dev.1);
                Some(backing(&found.name, dev, found.inode))
            }
            // Before Linux 6.11: all of them.
            Err(_) => self.range(addr).map(|(_, attributes)| attributes.backing),
        }
    }

    fn segment(&mut self, addr: u64) -> Vec<Range> {
        // It is gone already: what the model has there is what went. Without a model of our own here, nothing is known.
        let _ = addr;
        Vec::new()
    }

    fn range(&mut self, addr: u64) -> Option<(Range, Attributes)> {
        let all = mappings_of(self.pid).ok()?;
        let found = all.into_iter().find(|m| m.range.contains(Addr(addr)))?;
        Some((found.range, found.attributes))
    }
}

/// The process of a thread.
fn group_of(tid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())
}

/// Whether the call that a thread is in makes a process that shares its memory.
fn shares_memory(tid: i32) -> bool {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{tid}/syscall")) else { return false };
    let mut words = text.split(' ');
    let Some(number) = words.next().and_then(|word| word.parse::<i64>().ok()) else { return false };
    let first = words.next().and_then(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    let flags = match number {
        libc::SYS_clone => first.unwrap_or(0),
        libc::SYS_clone3 => first.and_then(|at| word_at(tid, at)).unwrap_or(0),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_vfork => return true,
        _ => 0,
    };
    flags & u64::from(libc::CLONE_VM.unsigned_abs()) != 0
}

/// Eight bytes of another process's memory.
fn word_at(tid: i32, addr: u64) -> Option<u64> {
    use std::os::unix::fs::FileExt as _;
    let mut word = [0; 8];
    File::open(format!("/proc/{tid}/mem")).ok()?.read_exact_at(&mut word, addr).ok()?;
    Some(u64::from_ne_bytes(word))
}

/// Where the heap begins: `start_brk` in proc_pid_stat(5).
fn heap_start(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    fields.split_whitespace().nth(44).and_then(|field| field.parse().ok()).unwrap_or(0)
}

fn arguments(pid: u32) -> Vec<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    line.split(|&b| b == 0).map(|arg| String::from_utf8_lossy(arg).into_owned()).collect()
}

/// Such as `SIGSEGV`.
pub(super) fn signal_name(signal: i32) -> String {
    const NAMES: [&str; 32] = [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU",
        "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    match usize::try_from(signal).ok().and_then(|at| NAMES.get(at)) {
        Some(name) if !name.is_empty() => format!("SIG{name}"),
        _ => format!("signal {signal}"),
    }
}

fn code_name(signal: i32, code: i32) -> &'static str {
    match (signal, code) {
        (libc::SIGSEGV, 1) => "SEGV_MAPERR",
        (libc::SIGSEGV, 2) => "SEGV_ACCERR",
        (libc::SIGSEGV, 4) => "SEGV_PKUERR",
        (libc::SIGBUS, 1) => "BUS_ADRALN",
        (libc::SIGBUS, 2) => "BUS_ADRERR",
        (libc::SIGBUS, 3) => "BUS_OBJERR",
        _ => "",
    }
}
