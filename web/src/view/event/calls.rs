//! The words for the calls and process events that a lesson makes less often.

use super::{Fact, asked_text, clipped, count, fact, grouped};
use pagescope_shared::addr::{PageSize, Range};
use pagescope_shared::event::{EventKind, ForkMemory};

/// Headline and facts.
pub(super) fn describe(kind: &EventKind, page_size: PageSize) -> (String, Vec<Fact>) {
    let pages =
        |range: Range| format!("{} at {}", count(page_size.pages_in(range), "page", "pages"), range.start());
    match kind {
        EventKind::Protect(p) => (
            format!("mprotect({}, {}, {})", p.asked.addr, grouped(p.asked.len), p.protection),
            vec![fact("asked", asked_text(&p.asked)), fact("kernel", pages(p.range))],
        ),
        EventKind::Remap(r) => (
            format!("mremap({}, {}, {})", r.asked.addr, grouped(r.asked.len), grouped(r.to.len)),
            vec![fact("asked", asked_text(&r.asked)), fact("kernel", pages(r.new))],
        ),
        EventKind::Break(b) => (
            format!("brk({})", b.asked),
            vec![fact("before", b.old.to_string()), fact("kernel", b.new.to_string())],
        ),
        EventKind::Advise(a) => (
            format!("madvise({}, {}, {})", a.asked.addr, grouped(a.asked.len), clipped(a.advice.name(), 40)),
            vec![fact("asked", asked_text(&a.asked)), fact("kernel", pages(a.range))],
        ),
        EventKind::Lock(l) => call("mlock", &l.asked, l.range.map_or("all".to_owned(), pages)),
        EventKind::Unlock(u) => call("munlock", &u.asked, u.range.map_or("all".to_owned(), pages)),
        EventKind::Sync(s) => call("msync", &s.asked, pages(s.range)),
        EventKind::Fault(f) => {
            let ip = f.ip.map(|ip| fact("instruction", ip.to_string()));
            (format!("page fault at {}", f.addr), ip.into_iter().collect())
        }
        EventKind::Signal(s) => {
            (format!("{} at {}", clipped(&s.signal, 40), s.addr), vec![fact("reason", clipped(&s.code, 40))])
        }
        EventKind::Fork(f) => {
            let memory = match f.memory {
                ForkMemory::Copied => "copied page by page, when one of the two writes",
                ForkMemory::Shared => "the same memory, until it runs another program",
            };
            (format!("fork: process {}", f.child), vec![fact("memory", memory)])
        }
        EventKind::Thread(t) => (format!("thread {}", t.thread), Vec::new()),
        EventKind::Exec(e) => (
            format!("exec {}", clipped(&e.exe, 120)),
            vec![fact("arguments", clipped(&e.argv.join(" "), 200))],
        ),
        EventKind::Marker(m) => (clipped(&m.title, 120), Vec::new()),
        _ => (clipped(kind.name(), 60), Vec::new()),
    }
}

fn call(name: &str, asked: &pagescope_shared::event::Asked, done: String) -> (String, Vec<Fact>) {
    let headline = format!("{name}({}, {})", asked.addr, grouped(asked.len));
    (headline, vec![fact("asked", asked_text(asked)), fact("kernel", done)])
}
