//! The list of events: what is in it, which one is spoken of, what is looked for.

mod matches;

pub use matches::Matches;

use crate::app::App;
use crate::panel::same_digits;
use crate::view::event_line;
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{Event, EventKind};
use pagescope_shared::timeline::{Found, Query, Timeline};
use std::sync::Arc;

/// Kinds that are filtered together: what a person calls them.
pub const CHIPS: [(&str, &[&str]); 8] = [
    ("mappings", &["map", "unmap", "remap", "break"]),
    ("protection", &["protect", "advise", "lock", "unlock", "sync"]),
    ("faults", &["fault"]),
    ("failures", &["failed", "signal"]),
    ("looks", &["observed", "snapshot"]),
    ("bytes", &["access"]),
    ("processes", &["start", "exec", "fork", "thread", "exit"]),
    ("words", &["step", "marker", "lost", "end"]),
];

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these chips, a bit each; of all when none is set.
    pub chips: u8,
    /// Of the process that is shown.
    pub process: bool,
    /// About addresses in here.
    pub range: Option<Range>,
    /// With this text in them, or about this address (`0x…`).
    pub text: String,
}

/// What happens to the list.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// The panel is shown, and what is looked for can be typed.
    Find,
    /// A chip is switched on or off.
    Chip(usize),
    /// Only the process that is shown, or all.
    ThisProcess(bool),
    /// Only what is about the selection, or everything.
    Selection(bool),
    /// This text is looked for.
    Text(String),
    /// Everything again.
    Clear,
    /// So many rows down, or up.
    Step(isize),
    /// To the next event that is listed, or back to the one before.
    Next {
        /// Back.
        back: bool,
    },
}

/// No text that is looked for is longer, in characters.
const MAX_TEXT: usize = 200;

/// The list.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// What is wanted.
    pub filter: Filter,
    /// What fits, as far as the trace has been looked through.
    pub matches: Matches,
    /// The question that they answer.
    query: Option<Query>,
    /// How often somebody wanted to type what is looked for.
    pub asked: u32,
}

impl Events {
    /// The question, when not everything is wanted.
    pub fn query(&self) -> Option<&Query> {
        self.query.as_ref()
    }

    /// A message. `pid` is the process that is shown.
    pub fn update(&mut self, msg: Msg, selection: Option<Range>) {
        match msg {
            Msg::Find => self.asked = self.asked.wrapping_add(1),
            Msg::Chip(at) => {
                let bit = u8::try_from(at).ok().and_then(|at| 1u8.checked_shl(at.into()));
                self.filter.chips ^= bit.unwrap_or(0);
            }
            Msg::ThisProcess(on) => self.filter.process = on,
            Msg::Selection(on) => self.filter.range = selection.filter(|_| on),
            Msg::Text(text) => self.filter.text = text.chars().take(MAX_TEXT).collect(),
            Msg::Clear => self.filter = Filter::default(),
            Msg::Next { .. } | Msg::Step(_) => {}
        }
    }

    /// Another trace.
    pub fn forget(&mut self) {
        *self = Self { asked: self.asked, ..Self::default() };
    }

    /// Brings the question in line with what is wanted: what was found for another one is forgotten.
    pub fn ask(&mut self, pid: Option<u32>) {
        let query = self.filter.query(pid);
        if query != self.query {
            (self.query, self.matches) = (query, Matches::default());
        }
    }

    /// Whether there is more to look through.
    pub fn has_work(&self, end: usize) -> bool {
        self.query.is_some() && self.matches.looked() < end
    }

    /// Looks through about `amount` more events; says through how many.
    pub fn work(&mut self, timeline: &Timeline, amount: usize) -> usize {
        let begun = self.matches.looked();
        let Some(query) = &self.query else { return 0 };
        let store = timeline.store();
        let until = begun.saturating_add(amount).min(timeline.end());
        while self.matches.looked() < until {
            let at = self.matches.looked();
            let Some(block) = store.block_of(at) else { break };
            // What has not come yet is wanted from now on.
            let Some(events) = store.block(block) else { break };
            let part = events.iter().skip(at - store.block_start(block)).take(until - at);
            part.for_each(|event| self.matches.push(query.fits(event)));
            if self.matches.looked() == at {
                break;
            }
        }
        self.matches.looked() - begun
    }

    /// How many rows the list has.
    pub fn rows(&self, end: usize) -> usize {
        if self.query.is_some() { self.matches.count() } else { end }
    }

    /// The index of the event in a row.
    pub fn event_in(&self, row: usize) -> Option<usize> {
        if self.query.is_some() { self.matches.select(row) } else { Some(row) }
    }

    /// The row of the event with this index, or of the last one before it; and whether it is that one.
    pub fn row_of(&self, index: usize) -> Option<(usize, bool)> {
        if self.query.is_none() {
            return Some((index, true));
        }
        let row = self.matches.rank(index.saturating_add(1)).checked_sub(1)?;
        Some((row, self.matches.select(row) == Some(index)))
    }

    /// The moment so many rows down from the one at `position`, or up.
    pub fn step(&self, position: usize, by: isize, end: usize) -> Option<usize> {
        let last = self.rows(end).checked_sub(1)?;
        let row = match position.checked_sub(1).and_then(|index| self.row_of(index)) {
            // Between two rows: one step leads to the nearest.
            Some((row, false)) if by < 0 => row.saturating_add_signed(by.saturating_add(1)),
            Some((row, _)) => row.saturating_add_signed(by),
            None if by > 0 => usize::try_from(by).unwrap_or(0).saturating_sub(1),
            None => return None,
        };
        self.event_in(row.min(last)).map(|index| index.saturating_add(1))
    }

    /// What is found, in words.
    pub fn found(&self, end: usize) -> String {
        use crate::format::{count, grouped};
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let all = count(number(end), "event", "events");
        if self.query.is_none() {
            return all;
        }
        let found = grouped(number(self.matches.count()));
        if self.matches.looked() < end {
            let percent = self.matches.looked().saturating_mul(100) / end.max(1);
            return format!("{found} of {all}, {percent} % looked through");
        }
        format!("{found} of {all}")
    }
}

impl Filter {
    fn query(&self, pid: Option<u32>) -> Option<Query> {
        if *self == Self::default() {
            return None;
        }
        let chosen = CHIPS.iter().enumerate().filter(|(i, _)| self.chips >> i & 1 == 1);
        let kinds = chosen.flat_map(|(_, (_, kinds))| kinds.iter().map(|kind| (*kind).to_owned())).collect();
        let text = self.text.trim();
        let addr = text.parse::<Addr>().ok();
        let at = addr.and_then(|addr| Range::from_len(addr, 1).ok());
        let text = if at.is_some() { String::new() } else { text.to_owned() };
        Some(Query { pid: pid.filter(|_| self.process), kinds, within: at.or(self.range), text })
    }
}

/// A row of the list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// The moment after the event.
    pub moment: usize,
    /// Seconds since the recording began.
    pub time: String,
    /// The process.
    pub pid: u32,
    /// The kind.
    pub kind: String,
    /// The address: the digits of the row before, and those that differ.
    pub addr: (String, String),
    /// A few words.
    pub text: String,
    /// Whether it is the event that is shown.
    pub current: bool,
    /// Whether it is one that went wrong.
    pub failed: bool,
}

/// The rows from `first` on. Rows whose events are not here yet have a number only.
pub fn rows(app: &App, first: usize, count: usize) -> Vec<Row> {
    let Some(timeline) = &app.timeline else { return Vec::new() };
    let mut before =
        first.checked_sub(1).and_then(|row| address(timeline, app.events.event_in(row)?)).unwrap_or_default();
    let last = first.saturating_add(count).min(app.events.rows(timeline.end()));
    let rows = (first..last).map_while(|row| app.events.event_in(row));
    rows.map(|index| {
        let moment = index.saturating_add(1);
        let current = moment == timeline.position();
        let Some((events, at)) = block(timeline, index) else {
            return Row { moment, current, ..Row::default() };
        };
        let Some(event) = events.get(at) else { return Row { moment, current, ..Row::default() } };
        let (addr, text) = event_line(&event.kind, timeline.header().page_size);
        let addr = addr.map(|addr| addr.to_string()).unwrap_or_default();
        let same = same_digits(&before, &addr);
        let (dim, bright) = addr.split_at_checked(same).unwrap_or(("", &addr));
        let row = Row {
            moment,
            time: seconds(event.time_ns),
            pid: event.pid,
            kind: crate::format::clipped(event.kind.name(), 20),
            addr: (dim.to_owned(), bright.to_owned()),
            text,
            current,
            failed: matches!(event.kind, EventKind::Failed(_) | EventKind::Signal(_) | EventKind::Lost(_)),
        };
        if !addr.is_empty() {
            before = addr;
        }
        row
    })
    .collect()
}

/// The block of an event, and its place in it: nothing is copied.
fn block(timeline: &Timeline, index: usize) -> Option<(Arc<Vec<Event>>, usize)> {
    let store = timeline.store();
    let block = store.block_of(index)?;
    Some((store.block(block)?, index.checked_sub(store.block_start(block))?))
}

fn address(timeline: &Timeline, index: usize) -> Option<String> {
    let (events, at) = block(timeline, index)?;
    Some(event_line(&events.get(at)?.kind, timeline.header().page_size).0?.to_string())
}

/// `1.234567`; thousands of seconds have fewer decimals.
pub fn seconds(ns: u64) -> String {
    let (whole, micros) = (ns / 1_000_000_000, ns / 1000 % 1_000_000);
    if whole < 1000 { format!("{whole}.{micros:06}") } else { format!("{whole}.{:03}", micros / 1000) }
}

/// A search for the next event of a kind, in slices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pursuit {
    /// What is looked for.
    pub query: Query,
    /// Where the search is.
    pub at: usize,
    /// Backwards.
    pub back: bool,
}

impl Pursuit {
    /// From a moment on, or back from it: the event just before the moment is not found again.
    pub fn new(query: Query, position: usize, back: bool) -> Self {
        let at = if back { position.saturating_sub(1) } else { position };
        Self { query, at, back }
    }

    /// Looks at `amount` events: the moment after the one that was found, or whether it is over.
    pub fn work(&mut self, timeline: &mut Timeline, amount: usize) -> Result<usize, bool> {
        match timeline.find(&self.query, self.at, self.back, amount.max(1)) {
            Found::At(index) => Ok(index.saturating_add(1)),
            Found::Nothing => Err(true),
            Found::Paused(at) => {
                self.at = at;
                Err(false)
            }
        }
    }
}

#[cfg(test)]
mod tests;
