//! Who did what, as it is told line by line, put together as a trace.

use crate::recorder::calls::{self, Effect, Memory};
use crate::sys::trace::Call;
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{
    End, Event, EventKind, Exec, Exit, Extra, Fault, FaultAccess, Fork, ForkMemory, Lost, Observed, Signal,
    Start, Thread,
};
use pagescope_shared::header::{self, Capability, Header, Tool};
use pagescope_shared::mapping::{Attributes, Backing, Object};
use pagescope_shared::page::{PageFlags, PageState, Run};
use pagescope_shared::trace::{Place, Problem, Reason, Trace};
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;

/// So many lines that could not be read are kept with what is wrong with them; the others are counted.
const KEPT: usize = 1000;

/// So many descriptors of a process are followed.
const FOLLOWED: usize = 1024;
/// So many are copied in all, for children that open or close something themselves.
const MOST_COPIED: usize = 1 << 21;

/// What descriptors stand for.
type Files = BTreeMap<u64, Arc<Object>>;

/// What has been told so far.
pub(super) struct Ledger {
    method: &'static str,
    events: Vec<Event>,
    /// When the log begins, and when its latest event was.
    first_ns: Option<u64>,
    now_ns: u64,
    /// Threads, and whose they are.
    tasks: BTreeMap<u32, u32>,
    /// Where heaps end.
    breaks: BTreeMap<u32, u64>,
    /// What file descriptors stand for, by process; a child has its parent's table until one of them changes it.
    files: BTreeMap<u32, Rc<Files>>,
    /// So many descriptors were copied for children.
    copied: usize,
    /// Whether the log tells when a descriptor is closed: else nobody knows what it stands for later.
    pub(super) tells_files: bool,
    /// Whether page faults are told, so that it is known what is touched.
    pub(super) tells_faults: bool,
    command: Vec<String>,
    problems: Vec<Problem>,
    unread: u64,
}

/// A call of somebody, as it was when it returned.
pub(super) struct Told<'a> {
    pub(super) name: &'a str,
    pub(super) args: [u64; 6],
    /// What it returned, or the error's number.
    pub(super) result: Result<u64, i32>,
    /// The file behind the descriptor, where the log says it.
    pub(super) path: Option<String>,
}

impl Ledger {
    pub(super) fn new(method: &'static str) -> Self {
        Self {
            method,
            events: Vec::new(),
            first_ns: None,
            now_ns: 0,
            tasks: BTreeMap::new(),
            breaks: BTreeMap::new(),
            files: BTreeMap::new(),
            copied: 0,
            tells_files: false,
            tells_faults: false,
            command: Vec::new(),
            problems: Vec::new(),
            unread: 0,
        }
    }

    /// A line (from 1) that says something which is not understood.
    pub(super) fn unread(&mut self, line: usize, why: impl Into<String>) {
        self.unread += 1;
        if self.problems.len() < KEPT {
            let place = Place::Line(u64::try_from(line).unwrap_or(u64::MAX));
            self.problems.push(Problem { place, reason: Reason::NotAnEvent(why.into()) });
        }
    }

    /// The clock of the log goes on.
    pub(super) fn at(&mut self, ns: u64) {
        let first = *self.first_ns.get_or_insert(ns);
        // CPUs write side by side: an event is never before the one that was told before it.
        self.now_ns = self.now_ns.max(ns.saturating_sub(first));
    }

    /// Whether somebody has spoken of this thread.
    pub(super) fn knows(&self, tid: u32) -> bool {
        self.tasks.contains_key(&tid)
    }

    /// The process of a thread.
    pub(super) fn pid(&mut self, tid: u32) -> u32 {
        *self.tasks.entry(tid).or_insert(tid)
    }

    /// The thread is this process's.
    pub(super) fn belongs(&mut self, tid: u32, pid: u32) {
        self.tasks.insert(tid, pid);
    }

    /// The log begins with somebody who ran already.
    fn joined(&mut self) {
        if self.events.is_empty() {
            self.lost(1, "what was mapped before the log began is not in it");
        }
    }

    fn push(&mut self, pid: u32, tid: u32, kind: EventKind) {
        let seq = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        self.events.push(Event { seq, time_ns: self.now_ns, pid, tid, kind, extra: Extra::NONE });
    }

    /// Nothing is known of these pages.
    fn nothing_of(&mut self, pid: u32, tid: u32, range: Range) {
        let pages = NonZeroU64::new(PageSize::FOUR_KIB.pages_in(range));
        if let Some(pages) = pages.filter(|_| !self.tells_faults) {
            let runs =
                vec![Run { pages, state: PageState::Unknown, flags: PageFlags::default(), frame: None }];
            let source = self.method.to_owned();
            self.push(pid, tid, EventKind::Observed(Box::new(Observed { range, source, runs })));
        }
    }

    /// A descriptor stands for a file from now on.
    pub(super) fn opened(&mut self, tid: u32, fd: u64, path: &str) {
        self.stands_for(tid, fd, object(path.to_owned()));
    }

    /// A descriptor stands for what another one does.
    pub(super) fn duplicated(&mut self, tid: u32, from: u64, to: u64) {
        let pid = self.pid(tid);
        match self.files.get(&pid).and_then(|files| files.get(&from)).cloned() {
            Some(file) => self.stands_for(tid, to, file),
            None => self.closed(tid, to, to),
        }
    }

    fn stands_for(&mut self, tid: u32, fd: u64, file: Arc<Object>) {
        let pid = self.pid(tid);
        if self.tells_files {
            let files = self.table(pid);
            if files.len() < FOLLOWED || files.contains_key(&fd) {
                files.insert(fd, file);
            }
        }
    }

    /// The table of a process, to change it. Tables that were copied too often already are forgotten instead.
    fn table(&mut self, pid: u32) -> &mut Files {
        let files = self.files.entry(pid).or_default();
        if Rc::strong_count(files) > 1 {
            self.copied = self.copied.saturating_add(files.len());
            if self.copied > MOST_COPIED {
                *files = Rc::default();
            }
        }
        Rc::make_mut(files)
    }

    /// Descriptors, both ends included, stand for nothing that is known.
    pub(super) fn closed(&mut self, tid: u32, from: u64, to: u64) {
        let pid = self.pid(tid);
        if from <= to && self.files.get(&pid).is_some_and(|files| files.range(from..=to).next().is_some()) {
            self.table(pid).retain(|fd, _| !(from..=to).contains(fd));
        }
    }

    /// A call about memory. Says whether it was understood.
    pub(super) fn call(&mut self, tid: u32, told: Told<'_>) -> bool {
        let Some(number) = calls::number(told.name) else { return false };
        self.joined();
        let pid = self.pid(tid);
        let fd = told.args[4];
        let object =
            told.path.map(object).or_else(|| self.files.get(&pid).and_then(|files| files.get(&fd)).cloned());
        let is_anonymous = told.args[3] & 0x20 > 0;
        let backing = match object {
            // Shared anonymous memory has an object of its own, but nobody says which.
            _ if is_anonymous => Backing::Anonymous,
            Some(object) => Backing::File(object),
            None => Backing::File(self::object(format!("[file descriptor {fd}]"))),
        };
        let call = Call { number, args: told.args };
        let mut memory = Account { breaks: &mut self.breaks, pid, backing };
        let kind = match calls::effect(call, told.result, &mut memory) {
            Some(Effect::Event(kind)) => kind,
            // Where it was attached is not told.
            Some(Effect::Detached(_)) => return false,
            // Restarted after a signal: it comes again.
            None => return matches!(told.result, Err(512..=530)),
        };
        let fresh = match &kind {
            EventKind::Map(map) => Some(map.range),
            EventKind::Remap(remap) => Some(remap.new),
            EventKind::Advise(advise) => Some(advise.range),
            EventKind::Break(b) if b.new > b.old => {
                let up = |addr: Addr| PageSize::FOUR_KIB.round_up(addr.0).map(Addr);
                up(b.old).zip(up(b.new)).and_then(|(old, new)| Range::new(old, new).ok())
            }
            _ => None,
        };
        self.push(pid, tid, kind);
        if let Some(range) = fresh.filter(|range| range.bytes() > 0) {
            self.nothing_of(pid, tid, range);
        }
        true
    }

    /// A process made another one, or a thread.
    pub(super) fn made(&mut self, tid: u32, child: u32, is_thread: bool, memory: ForkMemory) {
        let pid = self.pid(tid);
        if is_thread {
            self.tasks.insert(child, pid);
            return self.push(pid, tid, EventKind::Thread(Thread { thread: child }));
        }
        self.tasks.insert(child, child);
        if let Some(end) = self.breaks.get(&pid).copied() {
            self.breaks.insert(child, end);
        }
        if let Some(files) = self.files.get(&pid).cloned() {
            self.files.insert(child, files);
        }
        self.push(pid, tid, EventKind::Fork(Fork { child, memory }));
    }

    /// A program begins in a process: its memory is a new one, of which the log does not say what is in it.
    pub(super) fn exec(&mut self, tid: u32, exe: String, argv: Vec<String>) {
        let pid = self.pid(tid);
        self.breaks.remove(&pid);
        // Which of them are closed on exec is not followed.
        self.files.remove(&pid);
        if self.events.is_empty() {
            self.command = if argv.is_empty() { vec![exe.clone()] } else { argv.clone() };
            self.push(pid, tid, EventKind::Start(Box::new(Start { exe, argv })));
        } else {
            self.push(pid, tid, EventKind::Exec(Box::new(Exec { exe, argv })));
        }
        self.lost(1, "what exec itself mapped (program, loader, stack, vdso) is not in such a log");
    }

    /// A thread ended; with the first one of a process, that has.
    pub(super) fn ended(&mut self, tid: u32, code: Option<i32>, signal: Option<String>) {
        let pid = self.pid(tid);
        self.tasks.remove(&tid);
        if pid == tid {
            self.breaks.remove(&pid);
            self.files.remove(&pid);
            self.push(pid, tid, EventKind::Exit(Box::new(Exit { code, signal })));
        }
    }

    pub(super) fn signal(&mut self, tid: u32, signal: &str, code: &str, addr: Addr) {
        let pid = self.pid(tid);
        let (signal, code) = (signal.to_owned(), code.to_owned());
        self.push(pid, tid, EventKind::Signal(Box::new(Signal { signal, addr, access: None, code })));
    }

    pub(super) fn fault(&mut self, tid: u32, addr: Addr, access: Option<FaultAccess>, ip: Option<Addr>) {
        let pid = self.pid(tid);
        self.push(pid, tid, EventKind::Fault(Fault { addr, access, severity: None, ip, led_to: None }));
    }

    /// The log says that something is missing.
    pub(super) fn lost(&mut self, count: u64, reason: &str) {
        self.push(0, 0, EventKind::Lost(Box::new(Lost { count, reason: reason.to_owned() })));
    }

    /// All of it.
    pub(super) fn end(mut self) -> Trace {
        if self.unread > 0 {
            self.lost(self.unread, "lines of the log that could not be read");
        }
        let count = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        self.push(0, 0, EventKind::End(End { count }));
        let mut capabilities = vec![Capability::Calls];
        capabilities.extend(self.tells_faults.then_some(Capability::Faults));
        let header = Header {
            format: header::FORMAT.to_owned(),
            version: header::VERSION,
            page_size: PageSize::FOUR_KIB,
            arch: "x86_64".to_owned(),
            clock: "log".to_owned(),
            tool: Tool {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                method: self.method.to_owned(),
            },
            command: self.command,
            capabilities,
            lesson: None,
            extra: serde_json::Map::new(),
        };
        Trace { header, events: self.events, problems: self.problems }
    }
}

fn object(path: String) -> Arc<Object> {
    Arc::new(Object { path, dev: String::new(), inode: 0 })
}

/// What a call needs to know of its process.
struct Account<'a> {
    breaks: &'a mut BTreeMap<u32, u64>,
    pid: u32,
    backing: Backing,
}

impl Memory for Account<'_> {
    fn page_size(&self) -> PageSize {
        PageSize::FOUR_KIB
    }

    fn replace_break(&mut self, new: u64) -> u64 {
        // The first one only says where it is.
        self.breaks.insert(self.pid, new).unwrap_or(new)
    }

    fn backing(&mut self, _: u64) -> Option<Backing> {
        Some(self.backing.clone())
    }

    fn range(&mut self, _: u64) -> Option<(Range, Attributes)> {
        None
    }
}
