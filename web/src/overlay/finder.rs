//! The command palette: commands, and everything that can be gone to by a few letters.

use super::{Item, fuzzy};
use crate::app::App;
use crate::commands;
use crate::format::{clipped, file_name, grouped, size};
use crate::panel::Go;
use crate::view::shown_process;
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::small;
use pagescope_shared::timeline::Timeline;

/// So many rows are listed.
const LISTED: usize = 60;
/// So many things of one kind are looked at: a list must be there at once.
const LOOKED_AT: usize = 50_000;

/// What fits, the best first.
pub(super) fn items(app: &App, typed: &str) -> Vec<Item> {
    let typed = typed.trim();
    let small = small::letters(typed);
    let mut found: Vec<(i32, Item)> = Vec::new();
    for command in commands::ALL.iter().filter(|command| command.is_possible(app)) {
        if let Some(score) = fuzzy::fits(&small, command.name) {
            let item = Item {
                label: command.name.to_owned(),
                end: command.keys.first().map(|key| commands::key_label(key)).unwrap_or_default(),
                go: Some(Go::Command(command.id)),
                ..Item::default()
            };
            found.push((score + 6, item));
        }
    }
    let mut first = Vec::new();
    if let (Some(timeline), false) = (&app.timeline, typed.is_empty()) {
        first = places(timeline, typed);
        things(app, timeline, &small, &mut found);
    }
    // Of the same score the order stays: that of the table, by address, by position.
    if !typed.is_empty() {
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    }
    let room = LISTED.saturating_sub(first.len());
    first.extend(
        found.into_iter().take(if typed.is_empty() { usize::MAX } else { room }).map(|(_, item)| item),
    );
    if app.timeline.is_some() && !typed.is_empty() {
        let typed = clipped(typed, 80);
        first.push(Item {
            label: format!("Find “{typed}” among the events"),
            end: "search".to_owned(),
            go: Some(Go::Find(typed)),
            ..Item::default()
        });
    }
    first
}

/// A number, a time or an address is a place by itself.
fn places(timeline: &Timeline, typed: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut place = |label: String, detail: String, end: &str, go: Go| {
        items.push(Item { label, detail, end: end.to_owned(), go: Some(go), ..Item::default() });
    };
    let plain = typed.replace([',', ' '], "");
    if let Ok(number) = plain.parse::<usize>()
        && number <= timeline.end()
    {
        let shown = grouped(u64::try_from(number).unwrap_or(u64::MAX));
        place(format!("Event {shown}"), String::new(), "event", Go::Moment(number));
    }
    if let Some(ns) = time(&plain) {
        let at = timeline.store().find_time(ns);
        let seconds = crate::events::seconds(ns);
        place(format!("{seconds} s"), format!("event {at}"), "moment", Go::Moment(at));
    }
    if let Ok(addr) = plain.parse::<Addr>()
        && let Some(page) = timeline.header().page_size.page_range(addr)
    {
        place(format!("{addr}"), format!("its page {page}"), "address", Go::Range(page));
    }
    items
}

/// `1.5s`, `300ms`, `20us`: nanoseconds.
fn time(text: &str) -> Option<u64> {
    let units = [("ns", 1u64), ("us", 1000), ("µs", 1000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    let (number, unit) = units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || (whole.is_empty() && part.is_empty()) || part.len() > 9 {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let scale = 10u64.pow(u32::try_from(part.len()).ok()?);
    let part = if part.is_empty() { 0 } else { part.parse::<u64>().ok()? };
    whole.checked_mul(unit)?.checked_add(part.checked_mul(unit)? / scale)
}

/// Steps, markers, processes and mappings by their names.
fn things(app: &App, timeline: &Timeline, small: &str, found: &mut Vec<(i32, Item)>) {
    let mut add = |score: Option<i32>, item: &dyn Fn() -> Item| {
        if let Some(score) = score {
            found.push((score, item()));
        }
    };
    for stop in &app.talk.stops {
        let title = clipped(&stop.title, 80);
        add(fuzzy::fits(small, &title), &|| Item {
            label: title.clone(),
            end: if stop.is_marker { "marker" } else { "step" }.to_owned(),
            go: Some(Go::Moment(stop.position)),
            ..Item::default()
        });
    }
    for (pid, process) in timeline.world().processes().take(LOOKED_AT) {
        let name = process.exe.as_deref().map_or("", file_name);
        let score = fuzzy::fits(small, name).filter(|_| !name.is_empty());
        let score = if pid.to_string() == small { Some(100) } else { score };
        add(score, &|| Item {
            label: clipped(name, 60),
            detail: format!("process {pid}"),
            end: "process".to_owned(),
            dim: process.ended.is_some(),
            go: Some(Go::Process(pid)),
            ..Item::default()
        });
    }
    let space = shown_process(app, timeline).and_then(|(pid, _)| timeline.world().space(pid));
    let mut last: Option<(String, Range)> = None;
    for mapping in space.iter().flat_map(|space| space.mappings()).take(LOOKED_AT) {
        let backing = mapping.attributes.backing.to_string();
        let name = file_name(&backing);
        // The mappings of one file stand once, whole.
        let range = match last.take() {
            Some((of, range)) if of == name => {
                Range::new(range.start(), mapping.range.end()).unwrap_or(range)
            }
            _ => mapping.range,
        };
        let again = range != mapping.range;
        let score = fuzzy::fits(small, name);
        if again && score.is_some() {
            found.pop();
        }
        if let Some(score) = score {
            let item = Item {
                label: clipped(name, 60),
                detail: format!("{} · {}", range.start(), size(range.bytes())),
                end: "mapping".to_owned(),
                go: Some(Go::Range(range)),
                ..Item::default()
            };
            found.push((score, item));
        }
        last = Some((name.to_owned(), range));
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times() {
        for (text, ns) in [
            ("1.5s", Some(1_500_000_000)),
            ("300ms", Some(300_000_000)),
            (".25ms", Some(250_000)),
            ("20µs", Some(20_000)),
            ("7ns", Some(7)),
            ("s", None),
            ("1.s", Some(1_000_000_000)),
            ("-1s", None),
            ("1e3s", None),
            ("99999999999999999999s", None),
            ("1.1234567890123s", None),
        ] {
            assert_eq!(time(text), ns, "{text}");
        }
    }
}
