//! Finding events: by process, kind, address and text.

use super::Timeline;
use crate::addr::Range;
use crate::event::{Event, EventKind};
use crate::small;

/// What is looked for: an event that has all of what is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Of this process.
    pub pid: Option<u32>,
    /// Of one of these kinds, by name; any when there is none.
    pub kinds: Vec<String>,
    /// About some address in this range.
    pub within: Option<Range>,
    /// With this text somewhere in it; upper and lower case are the same.
    pub text: String,
}

/// Where a search has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The event at this position fits.
    At(usize),
    /// There is none in this direction.
    Nothing,
    /// The search looked at as many events as it was allowed; it can go on from this position.
    Paused(usize),
}

impl Query {
    /// Whether an event fits.
    pub fn fits(&self, event: &Event) -> bool {
        self.pid.is_none_or(|pid| pid == event.pid)
            && (self.kinds.is_empty() || self.kinds.iter().any(|k| k == event.kind.name()))
            && self.within.is_none_or(|within| is_about(&event.kind, within))
            && (self.text.is_empty() || has_text(&event.kind, &small::letters(&self.text)))
    }
}

impl Timeline {
    /// The first event at or after `from` that fits, or going back the last one before `from`. Looks at `most` events.
    pub fn find(&mut self, query: &Query, from: usize, back: bool, most: usize) -> Found {
        let from = from.min(self.end());
        let mut looked = 0;
        let mut at = from;
        loop {
            let next = if back { at.checked_sub(1) } else { (at < self.end()).then_some(at) };
            let Some(next) = next else { return Found::Nothing };
            if looked >= most {
                return Found::Paused(at);
            }
            // Its bytes have to come first.
            let Some((block, first)) = self.block_at(next) else { return Found::Paused(at) };
            let inside = next - first;
            let left = most - looked;
            let hit = if back {
                let low = (inside + 1).saturating_sub(left);
                let hit = block.get(low..=inside).and_then(|e| e.iter().rposition(|e| query.fits(e)));
                looked += inside + 1 - low;
                at = first + low;
                hit.map(|i| first + low + i)
            } else {
                let high = block.len().min(inside.saturating_add(left));
                let hit = block.get(inside..high).and_then(|e| e.iter().position(|e| query.fits(e)));
                looked += high - inside;
                at = first + high;
                hit.map(|i| next + i)
            };
            if let Some(hit) = hit {
                return Found::At(hit);
            }
        }
    }
}

fn is_about(kind: &EventKind, within: Range) -> bool {
    let overlaps = |range: Range| range.intersection(within).is_some();
    match kind {
        EventKind::Map(e) => overlaps(e.range),
        EventKind::Unmap(e) => overlaps(e.range),
        EventKind::Protect(e) => overlaps(e.range),
        EventKind::Remap(e) => overlaps(e.new) || e.old.is_some_and(overlaps),
        EventKind::Break(e) => {
            let moved = Range::new(e.old.min(e.new), e.old.max(e.new));
            moved.is_ok_and(overlaps) || within.contains(e.new)
        }
        EventKind::Advise(e) => overlaps(e.range),
        EventKind::Lock(e) => e.range.is_none_or(overlaps),
        EventKind::Unlock(e) => e.range.is_none_or(overlaps),
        EventKind::Sync(e) => overlaps(e.range),
        EventKind::Failed(e) => {
            within.contains(e.asked.addr) || Range::from_len(e.asked.addr, e.asked.len).is_ok_and(overlaps)
        }
        EventKind::Fault(e) => within.contains(e.addr),
        EventKind::Signal(e) => within.contains(e.addr),
        EventKind::Access(e) => {
            let len = u64::try_from(e.bytes.len()).unwrap_or(u64::MAX);
            Range::from_len(e.addr, len).is_ok_and(overlaps)
        }
        EventKind::Observed(e) => overlaps(e.range),
        EventKind::Snapshot(e) => e.mappings.iter().any(|m| overlaps(m.range)),
        EventKind::Marker(e) => e.addr.is_some_and(|addr| within.contains(addr)),
        EventKind::Exec(_) | EventKind::Exit(_) => true,
        EventKind::Start(_)
        | EventKind::Fork(_)
        | EventKind::Thread(_)
        | EventKind::Step(_)
        | EventKind::Lost(_)
        | EventKind::End(_)
        | EventKind::Other(_) => false,
    }
}

/// `text` is in lower case.
fn has_text(kind: &EventKind, text: &str) -> bool {
    let has = |s: &str| small::letters(s).contains(text);
    has(kind.name())
        || match kind {
            EventKind::Start(e) => has(&e.exe) || e.argv.iter().any(|a| has(a)),
            EventKind::Exec(e) => has(&e.exe) || e.argv.iter().any(|a| has(a)),
            EventKind::Exit(e) => e.signal.as_deref().is_some_and(has),
            EventKind::Map(e) => has(&e.attributes.backing.to_string()) || e.asked.flags.names().any(has),
            EventKind::Protect(e) => has(&e.protection.to_string()),
            EventKind::Advise(e) => has(e.advice.name()),
            EventKind::Remap(e) => e.asked.flags.names().any(has),
            EventKind::Failed(e) => has(&e.call) || has(&e.errno) || has(&e.message),
            EventKind::Signal(e) => has(&e.signal) || has(&e.code),
            EventKind::Access(e) => has(&String::from_utf8_lossy(&e.bytes)),
            EventKind::Snapshot(e) => e.mappings.iter().any(|m| has(&m.attributes.backing.to_string())),
            EventKind::Step(e) => {
                let asked = e.question.as_ref();
                has(&e.title) || has(&e.text) || has(&e.note) || asked.is_some_and(|q| has(&q.text))
            }
            EventKind::Marker(e) => has(&e.title) || has(&e.text) || has(&e.note),
            EventKind::Lost(e) => has(&e.reason),
            _ => false,
        }
}
