//! What `perf script` prints of the tracepoints of system calls, of page faults and of processes.

use super::ledger::{Ledger, Told};
use super::strace::nanoseconds;
use pagescope_shared::addr::Addr;
use pagescope_shared::event::{FaultAccess, ForkMemory};
use pagescope_shared::trace::Trace;
use std::collections::{BTreeMap, BTreeSet};

/// Flags of clone: see clone(2).
const CLONE_VM: u64 = 0x100;
const CLONE_THREAD: u64 = 0x1_0000;

/// A line, taken apart.
struct Line<'a> {
    comm: &'a str,
    /// `pid/tid`, where both are told.
    pid: Option<u32>,
    tid: u32,
    ns: u64,
    /// Of how many events this one stands.
    period: u64,
    event: &'a str,
    said: &'a str,
}

/// Whether this is a line with an event that is told.
pub(super) fn is_line(line: &str) -> bool {
    parse(line).is_some_and(|line| is_told(line.event))
}

fn is_told(event: &str) -> bool {
    ["syscalls:sys_", "exceptions:page_fault_", "sched:sched_process_", "task:task_newtask"]
        .iter()
        .any(|begin| event.starts_with(begin))
        || ["page-faults", "minor-faults", "major-faults"].contains(&plain(event))
}

/// Without what follows its colon: `page-faults:u`.
fn plain(event: &str) -> &str {
    event.split(':').next().unwrap_or_default()
}

/// `comm pid/tid [cpu] time: period event: what`; comm may hold blanks, CPU and period may be missing.
fn parse(line: &str) -> Option<Line<'_>> {
    let mut at = 0;
    // The time is the first word that is one, with its colon.
    for word in line.split_inclusive(' ') {
        let begin = at;
        at += word.len();
        let Some(ns) = word.trim_end().strip_suffix(':').and_then(nanoseconds) else { continue };
        let (before, after) = (line.get(..begin)?.trim(), line.get(at..)?.trim());
        let before = match before.rsplit_once(' ') {
            Some((rest, cpu)) if cpu.starts_with('[') => rest.trim_end(),
            _ => before,
        };
        let (comm, task) = before.rsplit_once(' ')?;
        let (pid, tid) = match task.split_once('/') {
            Some((pid, tid)) => (Some(pid.parse().ok()?), tid.parse().ok()?),
            None => (None, task.parse().ok()?),
        };
        let (period, after) = match after.split_once(' ') {
            Some((period, rest)) if period.bytes().all(|byte| byte.is_ascii_digit()) => {
                (period.parse().ok()?, rest.trim_start())
            }
            _ => (1, after),
        };
        let end = after.find(": ").or_else(|| after.strip_suffix(':').map(str::len))?;
        let (event, said) = (after.get(..end)?, after.get(end + 1..)?.trim());
        return Some(Line { comm: comm.trim(), pid, tid, ns, period, event, said });
    }
    None
}

/// The whole log; `told` hears of every line.
pub(super) fn read(text: &str, told: &dyn Fn(usize)) -> Trace {
    let mut ledger = Ledger::new("perf script");
    // Faults count only where their addresses are told.
    ledger.tells_faults = text.lines().filter_map(parse).any(|line| fault_of(&line).is_some());
    let mut reader = Reader {
        ledger,
        entered: BTreeMap::new(),
        flags: BTreeMap::new(),
        threads: threads(text),
        untold: 0,
        passed_over: 0,
        bare: 0,
    };
    for (index, line) in text.lines().enumerate() {
        reader.line(index + 1, line);
        told(index);
    }
    if reader.untold > 0 {
        let why = "whether a thread or a process was made is not in the log: record task:task_newtask";
        reader.ledger.lost(reader.untold, why);
    }
    if reader.passed_over > 0 {
        reader.ledger.lost(reader.passed_over, "page faults between samples: record them all with -c 1");
    }
    if reader.bare > 0 {
        let why = "page faults without addresses: record exceptions:page_fault_user, or page-faults with -d";
        reader.ledger.lost(reader.bare, why);
    }
    reader.ledger.end()
}

/// Without `task:task_newtask`, who is a thread is known of those only that say later whose they are.
fn threads(text: &str) -> BTreeSet<u32> {
    let mut threads = BTreeSet::new();
    for line in text.lines().filter_map(parse) {
        if line.event == "task:task_newtask" {
            return BTreeSet::new();
        }
        if line.pid.is_some_and(|pid| pid != line.tid) {
            threads.insert(line.tid);
        }
    }
    threads
}

struct Reader {
    ledger: Ledger,
    /// Calls that have not returned yet: name and arguments.
    entered: BTreeMap<u32, (String, [u64; 6])>,
    /// What clone was told of a child.
    flags: BTreeMap<u32, u64>,
    /// Who is a thread, where clone's flags are not told.
    threads: BTreeSet<u32>,
    /// Children of which the log does not say what clone was told.
    untold: u64,
    /// Faults that a sample stands for, besides itself.
    passed_over: u64,
    /// Faults without an address.
    bare: u64,
}

/// Where and by what, and how.
type Touch = (Addr, Option<FaultAccess>, Option<Addr>);

fn fault_of(line: &Line<'_>) -> Option<Touch> {
    if line.event.starts_with("exceptions:page_fault_") {
        let code = field(line.said, "error_code")?;
        let access = match code {
            code if code & 0x10 > 0 => FaultAccess::Execute,
            code if code & 2 > 0 => FaultAccess::Write,
            _ => FaultAccess::Read,
        };
        return Some((Addr(field(line.said, "address")?), Some(access), field(line.said, "ip").map(Addr)));
    }
    if !["page-faults", "minor-faults", "major-faults"].contains(&plain(line.event)) {
        return None;
    }
    // With -d address and instruction, else the instruction alone.
    let mut numbers = line.said.split_whitespace().map_while(|word| u64::from_str_radix(word, 16).ok());
    let (addr, ip) = (numbers.next()?, numbers.next()?);
    Some((Addr(addr), None, Some(Addr(ip))))
}

impl Reader {
    fn line(&mut self, number: usize, text: &str) {
        // Blank lines and call chains stand between events.
        if text.trim().is_empty() || text.starts_with('\t') || text.starts_with('#') {
            return;
        }
        let Some(line) = parse(text) else {
            let start = pagescope_shared::format::clipped(text.trim(), 80);
            return self.ledger.unread(number, format!("no line of perf script: {start}"));
        };
        if !is_told(line.event) {
            return;
        }
        self.ledger.at(line.ns);
        if let Some(pid) = line.pid.filter(|_| !self.ledger.knows(line.tid)) {
            self.ledger.belongs(line.tid, pid);
        }
        if let Some(name) = line.event.strip_prefix("syscalls:sys_enter_") {
            self.enter(number, &line, name);
        } else if let Some(name) = line.event.strip_prefix("syscalls:sys_exit_") {
            self.exit(number, &line, name);
        } else if let Some((addr, access, ip)) = fault_of(&line) {
            self.passed_over += line.period.saturating_sub(1);
            self.ledger.fault(line.tid, addr, access, ip);
        } else if line.event.starts_with("sched:") || line.event.starts_with("task:") {
            self.process(number, &line);
        } else if !self.ledger.tells_faults {
            self.bare += line.period;
        }
    }

    fn enter(&mut self, number: usize, line: &Line<'_>, name: &str) {
        if crate::recorder::calls::number(name).is_none() {
            return;
        }
        let mut args = [0; 6];
        for (to, pair) in args.iter_mut().zip(line.said.split(", ")) {
            let value = pair.rsplit_once(": ").and_then(|(_, value)| hex(value));
            let Some(value) = value else {
                return self.ledger.unread(number, format!("the arguments of {name} cannot be told"));
            };
            *to = value;
        }
        self.entered.insert(line.tid, (name.to_owned(), args));
    }

    fn exit(&mut self, number: usize, line: &Line<'_>, name: &str) {
        if crate::recorder::calls::number(name).is_none() {
            return;
        }
        let begun = self.entered.remove(&line.tid).filter(|(begun, _)| begun == name);
        let (Some((_, args)), Some(value)) = (begun, hex(line.said)) else {
            return self
                .ledger
                .unread(number, format!("{name} returns, but its arguments were not recorded"));
        };
        // The kernel returns errors as small negative numbers.
        let error = value.wrapping_neg();
        let result = if (1..4096).contains(&error) {
            Err(i32::try_from(error).unwrap_or(i32::MAX))
        } else {
            Ok(value)
        };
        if !self.ledger.call(line.tid, Told { name, args, result, path: None }) {
            self.ledger.unread(number, format!("what {name} did cannot be told from its numbers"));
        }
    }

    fn process(&mut self, number: usize, line: &Line<'_>) {
        let decimal = |name: &str| word(line.said, name).and_then(|value| value.parse::<u32>().ok());
        match line.event {
            "task:task_newtask" => {
                let flags =
                    word(line.said, "clone_flags").and_then(|flags| u64::from_str_radix(flags, 16).ok());
                if let Some((child, flags)) = decimal("pid").zip(flags) {
                    self.flags.insert(child, flags);
                }
            }
            "sched:sched_process_fork" => {
                let Some(child) = decimal("child_pid") else {
                    return self.ledger.unread(number, "a fork without a child");
                };
                let flags = self.flags.remove(&child).unwrap_or_else(|| {
                    self.untold += 1;
                    if self.threads.contains(&child) { CLONE_VM | CLONE_THREAD } else { 0 }
                });
                let memory = if flags & CLONE_VM > 0 { ForkMemory::Shared } else { ForkMemory::Copied };
                self.ledger.made(line.tid, child, flags & CLONE_THREAD > 0, memory);
            }
            "sched:sched_process_exec" => {
                let exe = word(line.said, "filename").unwrap_or(line.comm).to_owned();
                // With what arguments is not told.
                self.ledger.exec(line.tid, exe, Vec::new());
            }
            // Its code is not told.
            "sched:sched_process_exit" => self.ledger.ended(line.tid, None, None),
            _ => {}
        }
    }
}

/// `name=0x12`.
fn field(said: &str, name: &str) -> Option<u64> {
    word(said, name).and_then(hex)
}

fn word<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    said.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}
