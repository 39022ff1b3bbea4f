//! One event in words: what was asked, what the kernel did, what it led to.

mod calls;
mod line;

pub use line::{exit as exit_text, line as event_line};

use crate::format::{clipped, count, grouped, size};
use pagescope_shared::addr::{PageSize, Range};
use pagescope_shared::event::{AccessType, Asked, EventKind};
use pagescope_shared::mapping::{Backing, Mapping, Sharing};
use pagescope_shared::model::{Change, MappingChange};
use pagescope_shared::page::Page;
use pagescope_shared::timeline::Timeline;

/// The event just before this moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventView {
    /// The call or fact, as a programmer writes it.
    pub headline: String,
    /// Whether it failed.
    pub failed: bool,
    /// Asked, done, led to.
    pub facts: Vec<Fact>,
}

/// A labelled fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// `asked`, `kernel`, `page`, …
    pub label: &'static str,
    /// The fact.
    pub text: String,
}

fn fact(label: &'static str, text: impl Into<String>) -> Fact {
    Fact { label, text: text.into() }
}

/// In words, the latest event that is not the narrator's.
pub(super) fn event_view(timeline: &Timeline) -> EventView {
    let is_word = |kind: &EventKind| matches!(kind, EventKind::Step(_) | EventKind::End(_));
    let Some((at, event)) = timeline.before(1000).find(|(_, e)| !is_word(&e.kind)) else {
        return EventView::default();
    };
    let size = timeline.header().page_size;
    let mut view = describe(&event.kind, size);
    let mut says_state = matches!(event.kind, EventKind::Snapshot(_));
    if matches!(event.kind, EventKind::Observed(_)) {
        // A look belongs to the call before it: the call stays in view, with what was seen after it.
        let acts = |kind: &EventKind| !matches!(kind, EventKind::Observed(_));
        let call = timeline.before(2000).find(|(before, e)| *before < at && acts(&e.kind)).map(|(_, e)| e);
        if let Some(call) = call.filter(|call| !matches!(call.kind, EventKind::Step(_))) {
            let seen = std::mem::take(&mut view.facts);
            view = describe(&call.kind, size);
            let seen = seen.into_iter().filter(|f| f.label == "kernel");
            view.facts.extend(seen.map(|f| Fact { label: "seen", ..f }));
            says_state = true;
        }
    }
    if at + 1 == timeline.position() {
        for change in timeline.change().pages.iter().take(3) {
            if let (false, Some(before), Some(after)) = (says_state, change.before, change.after)
                && before.state != after.state
            {
                let how = after.provenance.label();
                let pages = size.pages_in(change.range);
                let many =
                    if pages > 1 { format!("{}: ", pages_of(change.range, size)) } else { String::new() };
                view.facts.push(fact(
                    "page",
                    format!("{many}{} → {} ({how})", before.state.label(), after.state.label()),
                ));
            }
        }
        let creates_only =
            |change: &Change| matches!(change.mappings.as_slice(), [MappingChange::Created(_)]);
        if !matches!(event.kind, EventKind::Snapshot(_)) && !creates_only(timeline.change()) {
            for words in super::story::mapping_changes(timeline.change(), 4) {
                view.facts.push(fact("mappings", words));
            }
        }
        for (pid, page) in timeline.change().elsewhere.iter().take(3) {
            let after = page.after.map_or("not mapped", |p| p.state.label());
            view.facts
                .push(fact("elsewhere", format!("process {pid}: {} {after}", pages_of(page.range, size))));
        }
        for drift in timeline.change().drift.iter().take(3) {
            view.facts.push(fact("drift", drift.to_string()));
        }
    }
    view
}

fn pages_of(range: Range, size: PageSize) -> String {
    count(size.pages_in(range), "page", "pages")
}

fn asked_text(asked: &Asked) -> String {
    if asked.addr.0 == 0 {
        format!("{} bytes, anywhere", grouped(asked.len))
    } else {
        format!("{} bytes at {}", grouped(asked.len), asked.addr)
    }
}

fn describe(kind: &EventKind, page_size: PageSize) -> EventView {
    let pages = |range| count(page_size.pages_in(range), "page", "pages");
    let number = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
    let (headline, facts) = match kind {
        EventKind::Start(start) => (
            format!("start {}", clipped(&start.exe, 120)),
            vec![fact("arguments", clipped(&start.argv.join(" "), 200))],
        ),
        EventKind::Snapshot(snapshot) => (
            "read /proc/PID/maps".to_owned(),
            vec![fact("kernel", count(number(snapshot.mappings.len()), "mapping", "mappings"))],
        ),
        EventKind::Map(map) => {
            let mut facts = vec![fact("asked", asked_text(&map.asked))];
            if !map.asked.flags.is_empty() {
                facts.push(fact(
                    "flags",
                    clipped(&map.asked.flags.names().collect::<Vec<_>>().join(" | "), 120),
                ));
            }
            let done = format!(
                "mapped {} bytes ({}) at {}",
                grouped(map.range.bytes()),
                pages(map.range),
                map.range.start()
            );
            facts.push(fact("kernel", done));
            if map.asked.addr.0 != 0 && !map.hint_honoured() {
                facts.push(fact("hint", format!("not honoured: {} was asked for", map.asked.addr)));
            }
            (format!("mmap({}, {}, …)", map.asked.addr, grouped(map.asked.len)), facts)
        }
        EventKind::Unmap(unmap) => (
            format!("munmap({}, {})", unmap.asked.addr, grouped(unmap.asked.len)),
            vec![
                fact("asked", format!("{} bytes", grouped(unmap.asked.len))),
                fact(
                    "kernel",
                    format!("unmapped {} bytes ({})", grouped(unmap.range.bytes()), pages(unmap.range)),
                ),
            ],
        ),
        EventKind::Failed(failed) => (
            format!(
                "{}({}, {}) = {}",
                clipped(&failed.call, 40),
                failed.asked.addr,
                grouped(failed.asked.len),
                clipped(&failed.errno, 40)
            ),
            vec![
                fact("asked", asked_text(&failed.asked)),
                fact("kernel", format!("{}: {}", clipped(&failed.errno, 40), clipped(&failed.message, 120))),
            ],
        ),
        EventKind::Access(access) => {
            let word = if access.access == AccessType::Write { "write" } else { "read" };
            let bytes = count(number(access.bytes.len()), "byte", "bytes");
            (format!("{word} {bytes} at {}", access.addr), vec![fact("bytes", text_of(&access.bytes))])
        }
        EventKind::Observed(observed) => {
            let seen = if observed.runs.is_empty() {
                format!("{}: untouched, no page-table entry yet", pages(observed.range))
            } else {
                let runs = observed.runs.iter().take(3).map(|run| {
                    let frame = run.frame.map(|f| format!(", frame {f}")).unwrap_or_default();
                    format!("{}: {}{frame}", count(run.pages.get(), "page", "pages"), run.state.label())
                });
                runs.collect::<Vec<_>>().join("; ")
            };
            (
                format!("ask the kernel about {}", observed.range.start()),
                vec![fact("kernel", seen), fact("source", clipped(&observed.source, 40))],
            )
        }
        EventKind::Lost(lost) => (
            format!("{} lost", count(lost.count, "event", "events")),
            vec![fact("reason", clipped(&lost.reason, 200))],
        ),
        EventKind::Exit(exit) => (
            match (&exit.code, &exit.signal) {
                (_, Some(signal)) => format!("killed by {}", clipped(signal, 40)),
                (Some(code), None) => format!("exit {code}"),
                (None, None) => "exit".to_owned(),
            },
            Vec::new(),
        ),
        EventKind::Other(name) => {
            (clipped(name, 60), vec![fact("kind", "not known to this version; kept as it is")])
        }
        EventKind::Step(_) | EventKind::End(_) => (String::new(), Vec::new()),
        other => calls::describe(other, page_size),
    };
    EventView { headline, failed: matches!(kind, EventKind::Failed(_) | EventKind::Signal(_)), facts }
}

/// Bytes as C would write them in a string.
fn text_of(bytes: &[u8]) -> String {
    let shown = bytes.get(..bytes.len().min(64)).unwrap_or_default();
    let text: String = shown.iter().flat_map(|b| std::ascii::escape_default(*b)).map(char::from).collect();
    let more = if shown.len() < bytes.len() { "…" } else { "" };
    format!("\"{}{more}\"", text.replace("\\x00", "\\0"))
}

/// A page in words: state, how it is known, frame.
pub(super) fn page_text(page: &Page) -> String {
    let frame = page.frame.map(|f| format!(", frame {f}")).unwrap_or_default();
    format!("{}, {}{frame}", page.state.label(), page.provenance.label())
}

/// `rw-p · private · anonymous · 4 KiB`.
pub(super) fn mapping_text(mapping: &Mapping) -> String {
    let sharing = if mapping.attributes.sharing == Sharing::Private { "private" } else { "shared" };
    let backing = match &mapping.attributes.backing {
        Backing::File(object) => format!("{} + {:#x}", clipped(&object.path, 80), mapping.attributes.offset),
        other => clipped(&other.to_string(), 80),
    };
    format!("{} · {sharing} · {backing} · {}", mapping.permissions(), size(mapping.range.bytes()))
}
