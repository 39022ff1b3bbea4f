//! Logs of `strace -f -ttt`, of all calls or of `-e trace=memory,process`, with or without `-T` and `-y`.

use super::ledger::{Ledger, Told};
use super::symbols::value;
use super::syntax::{arguments, descriptor, returned, split, unquoted};
use anyhow::{Result, bail};
use pagescope_shared::addr::Addr;
use pagescope_shared::event::ForkMemory;
use pagescope_shared::trace::Trace;
use std::collections::{BTreeMap, BTreeSet};

/// The process of a log that names none.
const ALONE: u32 = 1;
/// What makes a process or a thread.
const MAKERS: [&str; 4] = ["clone", "clone3", "fork", "vfork"];

/// A line, taken apart.
struct Line<'a> {
    tid: u32,
    ns: u64,
    rest: &'a str,
}

/// Whether this is a line of such a log.
pub(super) fn is_line(line: &str) -> bool {
    parse(line).is_some_and(|line| says_something(line.rest))
}

/// Whether it would be one, if it said when.
pub(super) fn is_line_without_time(line: &str) -> bool {
    let (_, rest) = whose(line);
    let rest = rest.split_once(' ').filter(|(time, _)| time.contains(':')).map_or(rest, |(_, rest)| rest);
    says_something(rest) && rest.contains(") ") && rest.contains("= ")
}

fn says_something(rest: &str) -> bool {
    let name = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    (name > 1 && rest.as_bytes().get(name) == Some(&b'('))
        || ["+++ ", "--- ", "<... "].iter().any(|begin| rest.starts_with(begin))
}

/// `[pid 12] …`, `12 …`, or neither.
fn whose(line: &str) -> (u32, &str) {
    let bracketed = line.strip_prefix("[pid").and_then(|rest| rest.split_once("] "));
    let numbered = || line.split_once(' ').filter(|(first, _)| !first.is_empty());
    let found = bracketed
        .or_else(numbered)
        .and_then(|(pid, rest)| Some((pid.trim().parse().ok()?, rest.trim_start())));
    found.unwrap_or((ALONE, line))
}

fn parse(line: &str) -> Option<Line<'_>> {
    let (tid, rest) = whose(line);
    let (time, rest) = rest.split_once(' ')?;
    Some(Line { tid, ns: nanoseconds(time)?, rest: rest.trim_start() })
}

/// `1795595544.821071`.
pub(super) fn nanoseconds(text: &str) -> Option<u64> {
    let (seconds, part) = text.split_once('.')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(seconds) || !is_number(part) || part.len() > 9 {
        return None;
    }
    let scale = 10u64.checked_pow(u32::try_from(9 - part.len()).ok()?)?;
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(part.parse::<u64>().ok()? * scale)
}

/// A call that has not returned yet.
struct Begun {
    name: String,
    args: String,
    /// Whom it has made: lines of a child may come before the call returns.
    child: Option<u32>,
}

/// Whether some lines say whose they are, as `[pid 12]`, and others do not: so strace writes to stderr, where it says so
/// only while there are several.
fn is_mixed(text: &str) -> bool {
    let (mut bare, mut bracketed) = (false, false);
    text.lines().any(|line| {
        bracketed |= line.starts_with("[pid") && parse(line).is_some();
        bare |= line.split_once(' ').is_some_and(|(time, _)| nanoseconds(time).is_some());
        bare && bracketed
    })
}

/// The whole log; `told` hears of every line.
///
/// # Errors
/// When it cannot be told of all lines whose they are.
pub(super) fn read(text: &str, told: &dyn Fn(usize)) -> Result<Trace> {
    if is_mixed(text) {
        bail!(
            "only some lines of this log of strace say whose they are: record it with `strace -f -ttt -o FILE PROGRAM`"
        );
    }
    let mut ledger = Ledger::new("strace");
    ledger.tells_files = text.lines().filter_map(parse).any(|line| line.rest.starts_with("close("));
    let mut reader =
        Reader { ledger, begun: BTreeMap::new(), makers: BTreeSet::new(), strangers: BTreeSet::new() };
    for (index, line) in text.lines().enumerate() {
        reader.line(index + 1, line);
        told(index);
    }
    for (tid, begun) in std::mem::take(&mut reader.begun) {
        // Whoever was killed in a call has not done it, as far as the log says; exit never returns.
        if calls_of_interest(&begun.name) && !begun.name.starts_with("exec") && begun.child.is_none() {
            let why = format!("{} of {tid} never returned in this log", begun.name);
            reader.ledger.unread(text.lines().count(), why);
        }
    }
    Ok(reader.ledger.end())
}

fn calls_of_interest(name: &str) -> bool {
    crate::recorder::calls::number(name).is_some()
}

struct Reader {
    ledger: Ledger,
    begun: BTreeMap<u32, Begun>,
    /// Whose call makes somebody who has not spoken yet.
    makers: BTreeSet<u32>,
    /// Who spoke when nobody was being made: they were there before.
    strangers: BTreeSet<u32>,
}

impl Reader {
    fn line(&mut self, number: usize, text: &str) {
        let text = text.trim_end();
        if text.is_empty() || text.starts_with("strace: ") {
            return;
        }
        let Some(Line { tid, ns, rest }) = parse(text) else {
            return self.ledger.unread(number, format!("no line of strace -f -ttt: {}", start_of(text)));
        };
        self.ledger.at(ns);
        self.adopt(tid);
        if let Some(said) = rest.strip_prefix("+++ ") {
            self.ended(tid, said);
        } else if let Some(said) = rest.strip_prefix("--- ") {
            self.signal(tid, said);
        } else if let Some((name, more)) =
            rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>"))
        {
            match self.take_begun(tid).filter(|begun| begun.name == name) {
                Some(begun) => {
                    let args = format!("{}{more}", begun.args);
                    self.call(number, tid, name, &args, begun.child);
                }
                None if is_told(name) => {
                    self.ledger.unread(number, format!("{name} returns, but never began"));
                }
                None => {}
            }
        } else if let Some((name, args)) = rest.split_once('(') {
            match args.strip_suffix("<unfinished ...>") {
                // It is free from now on: another thread may get it before this call returns.
                Some(args) if name == "close" => self.close(tid, args),
                Some(args) => {
                    let (name, args) = (name.to_owned(), args.trim_end().to_owned());
                    if MAKERS.contains(&name.as_str()) {
                        self.makers.insert(tid);
                    } else {
                        self.makers.remove(&tid);
                    }
                    self.begun.insert(tid, Begun { name, args, child: None });
                }
                None => self.call(number, tid, name, args, None),
            }
        } else {
            self.ledger.unread(number, format!("neither a call nor a signal: {}", start_of(text)));
        }
    }

    fn take_begun(&mut self, tid: u32) -> Option<Begun> {
        self.makers.remove(&tid);
        self.begun.remove(&tid)
    }

    /// A thread of which nobody has spoken yet is that which somebody is about to make.
    fn adopt(&mut self, tid: u32) {
        if self.ledger.knows(tid) || self.strangers.contains(&tid) {
            return;
        }
        let maker = self.makers.pop_first();
        let Some((maker, begun)) = maker.and_then(|maker| Some((maker, self.begun.get_mut(&maker)?))) else {
            self.strangers.insert(tid);
            return;
        };
        begun.child = Some(tid);
        let (is_thread, memory) = makes(&begun.name, &begun.args);
        self.ledger.made(maker, tid, is_thread, memory);
    }

    /// `args` is what stands behind the bracket: arguments, and what it returned.
    fn call(&mut self, number: usize, tid: u32, name: &str, args: &str, child: Option<u32>) {
        if !is_told(name) {
            return self.descriptor(tid, name, args);
        }
        let Some((args, result)) = split(args) else {
            return self
                .ledger
                .unread(number, format!("what {name} returned cannot be told: {}", start_of(args)));
        };
        let returned = match returned(result) {
            Some(Some(returned)) => returned,
            Some(None) => return,
            None => return self.ledger.unread(number, format!("{name} returned {}", start_of(result))),
        };
        match (name, returned) {
            ("execve" | "execveat", Ok(_)) => {
                let at = usize::from(name == "execveat");
                let exe = args.get(at).map(|arg| unquoted(arg)).unwrap_or_default();
                let list = args.get(at + 1).map_or("", |list| list.trim_matches(['[', ']']));
                let argv = arguments(list).iter().map(|arg| unquoted(arg)).collect();
                self.ledger.exec(tid, exe, argv);
            }
            ("open" | "openat" | "creat", Ok(fd)) => {
                let path = args.iter().find(|arg| arg.starts_with('"')).map(|arg| unquoted(arg));
                self.ledger.opened(tid, fd, &path.unwrap_or_default());
            }
            (maker, Ok(made)) if MAKERS.contains(&maker) => {
                let made = u32::try_from(made).ok().filter(|made| Some(*made) != child);
                if let Some(made) = made.filter(|made| *made > 0 && !self.ledger.knows(*made)) {
                    let (is_thread, memory) = makes(name, &args.join(","));
                    self.ledger.made(tid, made, is_thread, memory);
                }
            }
            (_, result) if calls_of_interest(name) => {
                let mut numbers = [0; 6];
                let mut path = None;
                for (place, (to, arg)) in numbers.iter_mut().zip(&args).enumerate() {
                    // With -y the file stands behind its descriptor.
                    let (arg, file) = match arg.split_once('<').filter(|_| name == "mmap" && place == 4) {
                        Some((arg, file)) => (arg, file.strip_suffix('>')),
                        None => (arg.as_str(), None),
                    };
                    path = path.or_else(|| file.map(str::to_owned));
                    let Some(parsed) = value(arg) else {
                        let why = format!("{name} with {} cannot be told", start_of(arg));
                        return self.ledger.unread(number, why);
                    };
                    *to = parsed;
                }
                if !self.ledger.call(tid, Told { name, args: numbers, result, path }) {
                    self.ledger.unread(number, format!("what {name} did cannot be told from its numbers"));
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, tid: u32, args: &str) {
        if let Some(fd) = descriptor(args.trim_end_matches(')')) {
            self.ledger.closed(tid, fd, fd);
        }
    }

    /// A call that is not told may still say what a descriptor stands for.
    fn descriptor(&mut self, tid: u32, name: &str, args: &str) {
        if !self.ledger.tells_files {
            return;
        }
        let Some((args, result)) = split(args) else { return };
        let Some(Some(Ok(result))) = returned(result) else { return };
        let arg = |place: usize| args.get(place).map_or("", String::as_str);
        match name {
            "close" => self.close(tid, arg(0)),
            "close_range" => {
                // The end is `~0U` mostly.
                let to = value(arg(1)).unwrap_or(u64::MAX);
                if let Some(from) = descriptor(arg(0)).filter(|_| !arg(2).contains("CLOEXEC")) {
                    self.ledger.closed(tid, from, to);
                }
            }
            "dup" | "dup2" | "dup3" => {
                if let Some(from) = descriptor(arg(0)).filter(|from| *from != result) {
                    self.ledger.duplicated(tid, from, result);
                }
            }
            "fcntl" if arg(1).starts_with("F_DUPFD") => {
                if let Some(from) = descriptor(arg(0)) {
                    self.ledger.duplicated(tid, from, result);
                }
            }
            "memfd_create" => {
                let name = format!("/memfd:{} (deleted)", unquoted(arg(0)));
                self.ledger.opened(tid, result, &name);
            }
            // These return something else.
            "fcntl" | "ioctl" | "read" | "write" | "pread64" | "pwrite64" | "lseek" => {}
            _ => self.ledger.closed(tid, result, result),
        }
    }

    fn signal(&mut self, tid: u32, said: &str) {
        let name = said.split(' ').next().unwrap_or_default();
        if ["SIGSEGV", "SIGBUS"].contains(&name) {
            let field = |field: &str| {
                let (_, rest) = said.split_once(field)?;
                rest.split([',', '}']).next()
            };
            // Sent by somebody, it has no address.
            if let Some(addr) = field("si_addr=").and_then(value) {
                self.ledger.signal(tid, name, field("si_code=").unwrap_or_default(), Addr(addr));
            }
        }
    }

    fn ended(&mut self, tid: u32, said: &str) {
        self.take_begun(tid);
        self.strangers.remove(&tid);
        if let Some(code) = said.strip_prefix("exited with ") {
            let code = code.split(' ').next().and_then(|code| code.parse().ok());
            self.ledger.ended(tid, code, None);
        } else if let Some(signal) = said.strip_prefix("killed by ") {
            let signal = signal.split(' ').next().unwrap_or_default();
            self.ledger.ended(tid, None, Some(signal.to_owned()));
        }
    }
}

/// Whether a call says something that is told.
fn is_told(name: &str) -> bool {
    calls_of_interest(name)
        || MAKERS.contains(&name)
        || ["execve", "execveat", "open", "openat", "creat"].contains(&name)
}

/// Whether a call makes a thread, and what a process does with the memory.
fn makes(name: &str, args: &str) -> (bool, ForkMemory) {
    let shares = name == "vfork" || args.contains("CLONE_VM");
    (args.contains("CLONE_THREAD"), if shares { ForkMemory::Shared } else { ForkMemory::Copied })
}

fn start_of(text: &str) -> String {
    pagescope_shared::format::clipped(text, 80)
}
