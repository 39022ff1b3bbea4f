//! One event as a line of text, in the manner of strace.

use pagescope_shared::addr::PageSize;
use pagescope_shared::event::{Asked, Event, EventKind, Fault, FaultAccess, ForkMemory, Observed};
use pagescope_shared::format::{clipped, count};
use pagescope_shared::model::{Change, MappingChange};
use pagescope_shared::names::CallFlags;
use pagescope_shared::page::PageState;
use std::fmt::Write as _;

/// Texts of a trace are cut after so many characters.
const LONGEST: usize = 160;

/// A text of a trace as a terminal may be given it: nothing in it is a command to the terminal, or turns the line round.
pub(super) fn plain(text: &str) -> String {
    let shown = clipped(text, LONGEST);
    let mut plain = String::with_capacity(shown.len());
    for c in shown.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}') {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
    }
    plain
}

/// Seconds to the microsecond.
pub(super) fn time(ns: u64) -> String {
    format!("{}.{:06}", ns / 1_000_000_000, ns % 1_000_000_000 / 1000)
}

/// What happened, without who and when.
pub(super) fn event(event: &Event) -> String {
    match &event.kind {
        EventKind::Start(start) => format!("start {} {}", plain(&start.exe), arguments(&start.argv)),
        EventKind::Exec(exec) => format!("exec {} {}", plain(&exec.exe), arguments(&exec.argv)),
        EventKind::Fork(fork) => match fork.memory {
            ForkMemory::Copied => format!("fork: process {}", fork.child),
            ForkMemory::Shared => format!("fork: process {}, in the same memory", fork.child),
        },
        EventKind::Thread(thread) => format!("thread {}", thread.thread),
        EventKind::Exit(exit) => match (&exit.signal, exit.code) {
            (Some(signal), _) => format!("ended by {}", plain(signal)),
            (None, code) => format!("exit {}", code.unwrap_or_default()),
        },
        EventKind::Map(m) => {
            let a = &m.attributes;
            let sharing =
                if m.asked.flags.is_empty() { "attached".to_owned() } else { flags(&m.asked.flags) };
            format!(
                "mmap({}, {}, {}, {sharing}) = {} {}",
                hint(&m.asked),
                m.asked.len,
                a.protection,
                m.range,
                plain(&a.backing.to_string())
            )
        }
        EventKind::Unmap(u) => format!("munmap({}) = {}", asked(&u.asked), u.range),
        EventKind::Protect(p) => format!("mprotect({}, {}) = {}", asked(&p.asked), p.protection, p.range),
        EventKind::Remap(r) => {
            let to = if r.to.addr.0 == 0 { String::new() } else { format!(", {}", r.to.addr) };
            format!("mremap({}, {}, {}{to}) = {}", asked(&r.asked), r.to.len, flags(&r.asked.flags), r.new)
        }
        EventKind::Break(b) => format!("brk({}) = {}, was {}", b.asked, b.new, b.old),
        EventKind::Advise(a) => format!("madvise({}, {})", asked(&a.asked), plain(a.advice.name())),
        EventKind::Lock(l) if l.range.is_none() => format!("mlockall({})", flags(&l.asked.flags)),
        EventKind::Lock(l) => format!("mlock({})", asked(&l.asked)),
        EventKind::Unlock(u) if u.range.is_none() => "munlockall()".to_owned(),
        EventKind::Unlock(u) => format!("munlock({})", asked(&u.asked)),
        EventKind::Sync(s) => format!("msync({}, {})", asked(&s.asked), flags(&s.asked.flags)),
        EventKind::Failed(f) => {
            format!("{}({}) = {} ({})", plain(&f.call), asked(&f.asked), plain(&f.errno), plain(&f.message))
        }
        EventKind::Fault(f) => fault(f),
        EventKind::Signal(s) => {
            format!("{} ({}) at {}", plain(&s.signal), plain(&s.code), s.addr)
        }
        EventKind::Access(a) => {
            let how = if a.access == pagescope_shared::event::AccessType::Write { "wrote" } else { "read" };
            format!("{how} {} at {}", count(number(a.bytes.len()), "byte", "bytes"), a.addr)
        }
        EventKind::Observed(o) => format!("seen {}: {}", o.range, runs(o)),
        EventKind::Snapshot(s) => {
            format!("snapshot: {}", count(number(s.mappings.len()), "mapping", "mappings"))
        }
        EventKind::Step(s) => format!("step: {}", plain(&s.title)),
        EventKind::Marker(m) => format!("marker: {}", plain(&m.title)),
        EventKind::Lost(l) if l.count == 0 => format!("lost: {}", plain(&l.reason)),
        EventKind::Lost(l) => format!("lost: {}: {}", count(l.count, "event", "events"), plain(&l.reason)),
        EventKind::End(end) => format!("end of the recording, {}", count(end.count, "event", "events")),
        EventKind::Other(name) => format!("{} (not known to this version)", plain(name)),
    }
}

fn number(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn arguments(argv: &[String]) -> String {
    plain(&argv.iter().map(|arg| format!("{arg:?}")).collect::<Vec<_>>().join(" "))
}

fn flags(flags: &CallFlags) -> String {
    let names: Vec<&str> = flags.names().collect();
    if names.is_empty() { "0".to_owned() } else { plain(&names.join("|")) }
}

fn hint(asked: &Asked) -> String {
    if asked.addr.0 == 0 { "NULL".to_owned() } else { asked.addr.to_string() }
}

fn asked(asked: &Asked) -> String {
    format!("{}, {}", asked.addr, asked.len)
}

fn fault(fault: &Fault) -> String {
    let how = match fault.access {
        Some(FaultAccess::Read) => "read fault",
        Some(FaultAccess::Write) => "write fault",
        Some(FaultAccess::Execute) => "fetch fault",
        None => "fault",
    };
    let mut text = format!("{how} at {}", fault.addr);
    if let Some(ip) = fault.ip {
        let _ = write!(text, " by the code at {ip}");
    }
    if let Some(state) = fault.led_to {
        let _ = write!(text, ": {}", state.label());
    }
    text
}

/// How many pages of each state.
fn runs(observed: &Observed) -> String {
    let mut parts = Vec::new();
    for state in PageState::ALL {
        let pages: u64 = observed.runs.iter().filter(|r| r.state == state).map(|r| r.pages.get()).sum();
        if pages > 0 && state != PageState::Untouched {
            parts.push(format!("{} {}", count(pages, "page", "pages"), state.label()));
        }
    }
    if parts.is_empty() { "untouched".to_owned() } else { parts.join(", ") }
}

/// What the event did to the model, in short; empty when it did nothing.
pub(super) fn change(change: &Change, size: PageSize) -> String {
    let mut parts = Vec::new();
    let of = |is: fn(&MappingChange) -> bool| number(change.mappings.iter().filter(|c| is(c)).count());
    for (number, one, many) in [
        (of(|c| matches!(c, MappingChange::Created(_))), "mapping more", "mappings more"),
        (of(|c| matches!(c, MappingChange::Removed(_))), "mapping less", "mappings less"),
        (of(|c| matches!(c, MappingChange::Split { .. })), "split", "splits"),
        (of(|c| matches!(c, MappingChange::Merged { .. })), "merge", "merges"),
        (of(|c| matches!(c, MappingChange::Shrunk { .. })), "shrunk", "shrunk"),
        (of(|c| matches!(c, MappingChange::Grown { .. })), "grown", "grown"),
        (of(|c| matches!(c, MappingChange::Moved { .. })), "moved", "moved"),
        (of(|c| matches!(c, MappingChange::Changed(_))), "changed", "changed"),
    ] {
        if number > 0 {
            parts.push(count(number, one, many));
        }
    }
    let mut became: Vec<(PageState, u64)> = Vec::new();
    let mut gone = 0;
    for pages in &change.pages {
        let n = size.pages_in(pages.range);
        match (pages.before, pages.after) {
            (_, Some(after)) if Some(after.state) != pages.before.map(|b| b.state) => {
                match became.iter_mut().find(|(state, _)| *state == after.state) {
                    Some((_, sum)) => *sum += n,
                    None if after.state != PageState::Untouched || pages.before.is_some() => {
                        became.push((after.state, n));
                    }
                    None => {}
                }
            }
            (Some(before), None) if before.state != PageState::Untouched => gone += n,
            _ => {}
        }
    }
    parts.extend(became.iter().map(|(state, n)| format!("{} {}", count(*n, "page", "pages"), state.label())));
    if gone > 0 {
        parts.push(format!("{} gone", count(gone, "page", "pages")));
    }
    parts.extend(change.drift.iter().map(|drift| format!("does not fit: {drift}")));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_a_command_to_the_terminal() {
        for (text, expected) in [
            ("/usr/bin/ls", "/usr/bin/ls"),
            ("a\u{1b}[31mb\n", "a\\u{1b}[31mb\\n"),
            ("\u{202e}txt.exe", "\\u{202e}txt.exe"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("größe", "größe"),
        ] {
            assert_eq!(plain(text), expected);
        }
        assert!(plain(&"x".repeat(100_000)).len() < 1000);
    }
}
