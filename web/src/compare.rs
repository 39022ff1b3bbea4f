//! Two moments side by side: what was mapped, what went, whose pages came and went, what happened in between.

use crate::app::{App, SidePanel};
use crate::events::seconds;
use crate::format::{count, grouped, size};
use crate::inspect::mapping_line;
use crate::panel::{Block, Go, Line};
use crate::player::Motion;
use crate::tally::{Stretch, Tally};
use crate::view::shown_process;
use pagescope_shared::mapping::Mapping;
use pagescope_shared::model::diff::{Diff, diff};
use pagescope_shared::model::{AddressSpace, Totals};
use pagescope_shared::page::PageState;
use pagescope_shared::timeline::Timeline;

/// So many rows of a table are listed, the largest first.
const LISTED: usize = 50;
/// So many events are replayed at once to get to a moment; further ones are compared when they have been reached.
const REPLAYED: usize = 1 << 16;
/// While the film plays, larger address spaces are compared when it stops.
const LARGE: usize = 20_000;

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Msg {
    /// A is here.
    SetA,
    /// B is here.
    SetB,
    /// A is where the step begins, B moves along.
    Reset,
}

/// The two moments.
#[derive(Clone, Debug, Default)]
pub struct Compare {
    a: Option<usize>,
    b: Option<usize>,
    made: Option<Made>,
    /// What happened in between.
    pub tally: Tally,
}

/// A comparison, and what it is of.
#[derive(Clone, Debug)]
struct Made {
    pid: u32,
    moments: (usize, usize),
    diff: Diff,
    totals: (Totals, Totals),
    page_bytes: u64,
}

impl Compare {
    /// A message, at this position.
    pub fn update(&mut self, msg: Msg, position: usize) {
        match msg {
            Msg::SetA => self.a = Some(position),
            Msg::SetB => self.b = Some(position),
            Msg::Reset => (self.a, self.b) = (None, None),
        }
    }

    /// A and B, the earlier one first: where nobody has set them, the start of the step or the trace, and now.
    pub fn moments(&self, timeline: &Timeline) -> (usize, usize) {
        let begins = || {
            let step = timeline.step_index().and_then(|i| timeline.steps().nth(i));
            step.map_or(0, |(at, _)| at)
        };
        let (a, b) = (self.a.unwrap_or_else(begins), self.b.unwrap_or(timeline.position()));
        let (a, b) = (a.min(timeline.end()), b.min(timeline.end()));
        (a.min(b), a.max(b))
    }
}

/// Brings the comparison in line with the page, while the panel is shown.
pub fn refresh(app: &mut App) {
    if app.side != SidePanel::Compare {
        app.compare.tally.ask(None);
        return;
    }
    let shown = app.timeline.as_ref().and_then(|timeline| shown_process(app, timeline)).map(|(pid, _)| pid);
    let (Some(timeline), Some(pid)) = (&mut app.timeline, shown) else { return };
    let compare = &mut app.compare;
    let moments = compare.moments(timeline);
    compare.tally.ask(Some(Stretch { pid: Some(pid), from: moments.0, to: moments.1 }));
    if compare.made.as_ref().is_some_and(|made| (made.pid, made.moments) == (pid, moments)) {
        return;
    }
    let extent = |space: Option<&AddressSpace>| space.map_or(0, |s| s.mapping_count() + s.run_count());
    if app.motion != Motion::Still && extent(timeline.world().space(pid)) > LARGE {
        return;
    }
    let (Some(before), Some(after)) =
        (timeline.world_at(moments.0, REPLAYED), timeline.world_at(moments.1, REPLAYED))
    else {
        return;
    };
    let empty = AddressSpace::new(timeline.header().page_size);
    let (before, after) = (before.space(pid).unwrap_or(&empty), after.space(pid).unwrap_or(&empty));
    compare.made = Some(Made {
        pid,
        moments,
        diff: diff(before, after),
        totals: (before.totals(), after.totals()),
        page_bytes: after.page_size().bytes(),
    });
}

/// The panel.
pub fn blocks(app: &App) -> Vec<Block> {
    let mut all = Vec::new();
    let Some(timeline) = &app.timeline else { return all };
    let (a, b) = app.compare.moments(timeline);
    let (set_a, set_b) = (app.compare.a.is_some(), app.compare.b.is_some());
    all.push(Block::Title("What changed between two moments".to_owned()));
    all.push(Block::Buttons(&["compare-a", "compare-b", "compare-reset"]));
    let begins =
        if timeline.step_index().is_some() { "the start of the step" } else { "the start of the trace" };
    let moment = |at: usize, set: bool, other: &str| {
        let time =
            at.checked_sub(1).and_then(|index| timeline.event_at(index)).map_or(0, |event| event.time_ns);
        let at = grouped(u64::try_from(at).unwrap_or(u64::MAX));
        format!("event {at} · {} s{}", seconds(time), if set { String::new() } else { format!(" · {other}") })
    };
    all.push(Block::Facts(vec![("A", moment(a, set_a, begins)), ("B", moment(b, set_b, "now"))]));
    let Some(made) = &app.compare.made else { return all };
    if made.moments != (a, b) {
        all.push(Block::Note("Compared as soon as these moments are there.".to_owned()));
    }
    totals(&mut all, made);
    mappings(&mut all, "Mapped", &made.diff.mapped);
    mappings(&mut all, "Unmapped", &made.diff.unmapped);
    changed(&mut all, made);
    pages(&mut all, made);
    let tally = &app.compare.tally;
    all.push(Block::Heading("What happened in between"));
    all.push(Block::Table { head: &["kind", ">events", ""], rows: tally.rows(), more: tally.progress() });
    if made.diff.is_empty() && tally.rows().is_empty() && !tally.has_work() {
        all.push(Block::Note("Nothing: the two moments are alike.".to_owned()));
    }
    all
}

/// `+4 KiB`, `−4 KiB`, `0`.
fn signed(before: u64, after: u64, text: impl Fn(u64) -> String) -> String {
    match after.cmp(&before) {
        std::cmp::Ordering::Greater => format!("+{}", text(after - before)),
        std::cmp::Ordering::Less => format!("−{}", text(before - after)),
        std::cmp::Ordering::Equal => "=".to_owned(),
    }
}

fn totals(all: &mut Vec<Block>, made: &Made) {
    let (a, b) = made.totals;
    let bytes = |pages: u64| size(pages.saturating_mul(made.page_bytes));
    let row = |name: &str, a: u64, b: u64, text: &dyn Fn(u64) -> String| Line {
        cells: vec![name.to_owned(), text(a), text(b), signed(a, b, text)],
        ..Line::default()
    };
    let mut rows = vec![
        row("mapped", a.mapped, b.mapped, &size),
        row("mappings", a.mappings, b.mappings, &grouped),
        row("resident", a.resident(), b.resident(), &bytes),
    ];
    for (i, state) in PageState::ALL.iter().enumerate() {
        let of = |totals: &Totals| totals.pages.get(i).copied().unwrap_or(0);
        if of(&a) > 0 || of(&b) > 0 {
            rows.push(Line { fill: Some((*state).into()), ..row(state.label(), of(&a), of(&b), &bytes) });
        }
    }
    rows.push(row("faults", a.faults, b.faults, &grouped));
    all.push(Block::Table { head: &["", ">A", ">B", ">change"], rows, more: String::new() });
    let (came, went) = made.diff.resident();
    if came > 0 || went > 0 {
        all.push(Block::Note(format!(
            "{} got a frame ({}), {} lost theirs ({}).",
            count(came, "page", "pages"),
            bytes(came),
            count(went, "page", "pages"),
            bytes(went)
        )));
    }
}

fn more(left: usize) -> String {
    if left == 0 {
        String::new()
    } else {
        format!("and {} more", grouped(u64::try_from(left).unwrap_or(u64::MAX)))
    }
}

fn mappings(all: &mut Vec<Block>, heading: &'static str, of: &[Mapping]) {
    if of.is_empty() {
        return;
    }
    let mut largest: Vec<&Mapping> = of.iter().collect();
    largest.sort_by_key(|m| std::cmp::Reverse(m.range.bytes()));
    let rows = largest.iter().take(LISTED).map(|m| mapping_line(m)).collect();
    all.push(Block::Heading(heading));
    all.push(Block::Table {
        head: &["start", ">size", "may", "name"],
        rows,
        more: more(of.len().saturating_sub(LISTED)),
    });
}

fn changed(all: &mut Vec<Block>, made: &Made) {
    let of = &made.diff.changed;
    if of.is_empty() {
        return;
    }
    let rows = of.iter().take(LISTED).map(|(before, after)| {
        let mut line = mapping_line(after);
        if let Some(may) = line.cells.get_mut(2) {
            *may = if before.permissions() == after.permissions() {
                format!("{may}, told otherwise")
            } else {
                format!("{} → {may}", before.permissions())
            };
        }
        line
    });
    let rows = rows.collect();
    all.push(Block::Heading("Changed"));
    all.push(Block::Table {
        head: &["start", ">size", "may", "name"],
        rows,
        more: more(of.len().saturating_sub(LISTED)),
    });
}

fn pages(all: &mut Vec<Block>, made: &Made) {
    let mut of: Vec<_> = made.diff.pages.iter().filter(|p| p.before.is_some() && p.after.is_some()).collect();
    if of.is_empty() {
        return;
    }
    of.sort_by_key(|p| std::cmp::Reverse(p.range.bytes()));
    let label = |state: Option<PageState>| state.map_or("not mapped", PageState::label);
    let rows = of.iter().take(LISTED).map(|p| Line {
        cells: vec![
            p.range.start().to_string(),
            size(p.range.bytes()),
            format!("{} → {}", label(p.before), label(p.after)),
        ],
        go: Some(Go::Range(p.range)),
        fill: p.after.map(Into::into),
    });
    let rows = rows.collect();
    all.push(Block::Heading("Pages of what stayed mapped"));
    all.push(Block::Table {
        head: &["start", ">size", "from and to"],
        rows,
        more: more(of.len().saturating_sub(LISTED)),
    });
}

#[cfg(test)]
mod tests;
