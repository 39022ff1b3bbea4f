//! An event as one line: the address that it is about, and a few words.

use crate::format::{clipped, count, file_name, size};
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{AccessType, EventKind, Fault, FaultAccess, ForkMemory};
use pagescope_shared::mapping::{Attributes, Sharing};

/// What an event's address is, and what is said of it.
pub fn line(kind: &EventKind, page_size: PageSize) -> (Option<Addr>, String) {
    let pages = |range| count(page_size.pages_in(range), "page", "pages");
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let (addr, text) = match kind {
        EventKind::Map(e) => {
            (Some(e.range.start()), format!("{} {}", attributes(&e.attributes), size(e.range.bytes())))
        }
        EventKind::Unmap(e) => (Some(e.range.start()), size(e.range.bytes())),
        EventKind::Protect(e) => {
            (Some(e.range.start()), format!("{} → {}", size(e.range.bytes()), e.protection))
        }
        EventKind::Remap(e) => {
            let from = e.old.map_or(e.asked.addr, Range::start);
            let moved = if from == e.new.start() { String::new() } else { format!(" from {from}") };
            (Some(e.new.start()), format!("{}{moved}", size(e.new.bytes())))
        }
        EventKind::Break(e) => {
            let (by, sign) = (e.new.0.abs_diff(e.old.0), if e.new < e.old { "−" } else { "+" });
            (
                Some(e.new),
                if by == 0 { "asked where it is".to_owned() } else { format!("{sign}{}", size(by)) },
            )
        }
        EventKind::Advise(e) => {
            (Some(e.range.start()), format!("{} {}", clipped(e.advice.name(), 40), size(e.range.bytes())))
        }
        EventKind::Lock(e) => {
            (e.range.map(Range::start), e.range.map_or("all".to_owned(), |r| size(r.bytes())))
        }
        EventKind::Unlock(e) => {
            (e.range.map(Range::start), e.range.map_or("all".to_owned(), |r| size(r.bytes())))
        }
        EventKind::Sync(e) => (Some(e.range.start()), size(e.range.bytes())),
        EventKind::Failed(e) => {
            let addr = (e.asked.addr.0 != 0).then_some(e.asked.addr);
            (addr, format!("{} {}: {}", clipped(&e.call, 20), size(e.asked.len), clipped(&e.errno, 20)))
        }
        EventKind::Fault(e) => (Some(e.addr), fault(e)),
        EventKind::Signal(e) => {
            (Some(e.addr), format!("{} {}", clipped(&e.signal, 20), clipped(&e.code, 20)))
        }
        EventKind::Access(e) => {
            let word = if e.access == AccessType::Write { "write" } else { "read" };
            (
                Some(e.addr),
                format!(
                    "{word} {} {}",
                    count(number(e.bytes.len()), "byte", "bytes"),
                    super::text_of(&e.bytes)
                ),
            )
        }
        EventKind::Observed(e) => {
            let states = e.runs.iter().take(3).map(|run| format!("{} {}", run.pages, run.state.label()));
            let states = states.collect::<Vec<_>>().join(", ");
            let more = if e.runs.len() > 3 { ", …" } else { "" };
            let of = pages(e.range);
            let text =
                if states.is_empty() { format!("{of} untouched") } else { format!("{of}: {states}{more}") };
            (Some(e.range.start()), text)
        }
        EventKind::Snapshot(e) => (None, count(number(e.mappings.len()), "mapping", "mappings")),
        EventKind::Start(e) => (None, clipped(file_name(&e.exe), 60)),
        EventKind::Exec(e) => (None, clipped(file_name(&e.exe), 60)),
        EventKind::Fork(e) => {
            let shared = if e.memory == ForkMemory::Shared { ", on the same memory" } else { "" };
            (None, format!("process {}{shared}", e.child))
        }
        EventKind::Thread(e) => (None, format!("thread {}", e.thread)),
        EventKind::Exit(e) => (None, exit(e)),
        EventKind::Step(e) => (None, clipped(&e.title, 80)),
        EventKind::Marker(e) => (e.addr, clipped(&e.title, 80)),
        EventKind::Lost(e) if e.count == 0 => {
            (None, format!("nobody knows how many: {}", clipped(&e.reason, 80)))
        }
        EventKind::Lost(e) => {
            (None, format!("{}: {}", count(e.count, "event", "events"), clipped(&e.reason, 80)))
        }
        EventKind::End(e) => (None, format!("after {}", count(e.count, "event", "events"))),
        EventKind::Other(_) => (None, "not known to this version".to_owned()),
    };
    (addr, text)
}

fn attributes(a: &Attributes) -> String {
    let sharing = if a.sharing == Sharing::Private { 'p' } else { 's' };
    let backing = a.backing.to_string();
    format!("{} {}{sharing}", clipped(file_name(&backing), 60), a.protection)
}

/// `write, minor → private`.
fn fault(e: &Fault) -> String {
    let mut words = Vec::new();
    words.extend(e.access.map(|a| match a {
        FaultAccess::Read => "read",
        FaultAccess::Write => "write",
        FaultAccess::Execute => "execute",
    }));
    words.extend(e.severity.map(|s| match s {
        pagescope_shared::event::Severity::Minor => "minor",
        pagescope_shared::event::Severity::Major => "major: from a disk",
    }));
    let mut text = words.join(", ");
    if let Some(state) = e.led_to {
        text.push_str(if text.is_empty() { "→ " } else { " → " });
        text.push_str(state.label());
    }
    text
}

/// How a process ended.
pub fn exit(e: &pagescope_shared::event::Exit) -> String {
    match (&e.code, &e.signal) {
        (_, Some(signal)) => format!("killed by {}", clipped(signal, 40)),
        (Some(code), None) => format!("exit code {code}"),
        (None, None) => "ended".to_owned(),
    }
}
