//! The trace as a whole: what recorded it, what it could not see, and what is wrong with it.

use crate::app::{App, SidePanel};
use crate::events::seconds;
use crate::format::{clipped, count, grouped, size};
use crate::panel::{Block, Go, Line};
use crate::tally::Stretch;
use pagescope_shared::header::{Capability, Header};
use pagescope_shared::timeline::{Timeline, Trouble};
use std::collections::BTreeSet;

/// So many places and problems are listed.
const LISTED: usize = 100;

/// Counts go on while the panel is shown.
pub fn refresh(app: &mut App) {
    let end = app.timeline.as_ref().map_or(0, Timeline::end);
    // What was counted stays: the trace does not change.
    if app.side == SidePanel::Trace {
        app.tally.ask(Some(Stretch { pid: None, from: 0, to: end }));
    }
}

/// The panel.
pub fn blocks(app: &App) -> Vec<Block> {
    let mut all = Vec::new();
    let Some(timeline) = &app.timeline else { return all };
    let header = timeline.header();
    all.push(Block::Title(clipped(&app.name, 120)));
    warnings(&mut all, timeline);
    all.push(Block::Facts(facts(timeline, header)));
    talk(&mut all, timeline);
    all.push(Block::Heading("What was recorded"));
    all.push(Block::Table { head: &["", "", ""], rows: capabilities(header), more: String::new() });
    problems(&mut all, timeline);
    troubles(&mut all, timeline);
    all.push(Block::Heading("Events by kind"));
    all.push(Block::Table {
        head: &["kind", ">events", ""],
        rows: app.tally.rows(),
        more: app.tally.progress(),
    });
    all
}

fn facts(timeline: &Timeline, header: &Header) -> Vec<(&'static str, String)> {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let last = timeline.end().checked_sub(1).and_then(|index| timeline.event_at(index));
    let method = match header.tool.method.as_str() {
        "lesson" => "a lesson, performed for real".to_owned(),
        "ptrace" => "ptrace: the program stopped at its memory calls".to_owned(),
        "perf" => "the kernel's tracepoints: the program never stopped".to_owned(),
        other => clipped(other, 60),
    };
    let mut facts = vec![
        ("recorded by", format!("{} {}", clipped(&header.tool.name, 40), clipped(&header.tool.version, 40))),
        ("method", method),
    ];
    if !header.command.is_empty() {
        facts.push(("command", clipped(&header.command.join(" "), 400)));
    }
    facts.push((
        "machine",
        format!("{}, pages of {}", clipped(&header.arch, 40), size(header.page_size.bytes())),
    ));
    facts.push(("events", grouped(number(timeline.end()))));
    if let Some(last) = last {
        facts.push(("lasts", format!("{} s", seconds(last.time_ns))));
    }
    facts.push(("size", size(number(timeline.store().encoded_bytes()))));
    facts.push(("format", format!("version {}", header.version)));
    facts
}

/// Which words in it are not the recorder's.
fn talk(all: &mut Vec<Block>, timeline: &Timeline) {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let markers = timeline.markers();
    let told: BTreeSet<u32> = markers.iter().filter_map(|of| of.marker.step).collect();
    if markers.is_empty() {
        return;
    }
    let markers = count(number(markers.len()), "marker", "markers");
    let steps = number(timeline.steps().len());
    let text = if told.is_empty() || steps == 0 {
        format!("Somebody has put {markers} into it. All else is as it was recorded.")
    } else {
        let told = number(told.iter().filter(|step| (1..=steps).contains(&u64::from(**step))).count());
        format!(
            "Somebody has put {markers} into it: they are the talk, and tell {} of the {} in their own words. All else is as it was recorded, the steps too.",
            grouped(told),
            count(steps, "step", "steps")
        )
    };
    all.push(Block::Note(text));
}

fn warnings(all: &mut Vec<Block>, timeline: &Timeline) {
    if timeline.explored() < timeline.end() {
        all.push(Block::Note("Still being gone through: what follows is what is known so far.".to_owned()));
    } else if !timeline.ends_well() {
        all.push(Block::Warning(
            "The recording stopped before its end: what came after is not known.".to_owned(),
        ));
    }
    let lost = timeline.troubles().lost();
    if lost > 0 {
        let lost = count(lost, "event was", "events were");
        all.push(Block::Warning(format!(
            "At least {lost} lost: after such a place the picture may be wrong."
        )));
    }
    let drift = timeline.troubles().drift();
    if drift > 0 {
        let times = count(drift, "time", "times");
        all.push(Block::Warning(format!("Events and model disagree {times}: something was not recorded.")));
    }
}

fn capabilities(header: &Header) -> Vec<Line> {
    let rows = [
        (Capability::Calls, "memory calls", "what the program asked for, and what the kernel did"),
        (Capability::Faults, "page faults", "each touch that the kernel had to help with, one by one"),
        (
            Capability::PageStates,
            "page states",
            "read from the kernel: without them states are only inferred",
        ),
        (
            Capability::Frames,
            "frame numbers",
            "which physical memory stands behind a page; root can, of programs with --frames",
        ),
        (Capability::Contents, "bytes", "what was read and written; only lessons record it"),
    ];
    let mut lines: Vec<Line> = rows
        .iter()
        .map(|(capability, name, words)| {
            let has = if header.capabilities.contains(capability) { "✓" } else { "no" };
            Line { cells: vec![(*name).to_owned(), has.to_owned(), (*words).to_owned()], ..Line::default() }
        })
        .collect();
    for other in header.capabilities.iter().take(LISTED) {
        if let Capability::Other(name) = other {
            let cells = vec![clipped(name, 60), "✓".to_owned(), "not known to this version".to_owned()];
            lines.push(Line { cells, ..Line::default() });
        }
    }
    lines
}

fn more(left: u64) -> String {
    if left == 0 { String::new() } else { format!("and {} more", grouped(left)) }
}

fn problems(all: &mut Vec<Block>, timeline: &Timeline) {
    let problems = timeline.problems();
    if problems.is_empty() {
        return;
    }
    let rows = problems.iter().take(LISTED).map(|problem| Line {
        cells: vec![problem.place.to_string(), clipped(&problem.reason.to_string(), 300)],
        ..Line::default()
    });
    let rows = rows.collect();
    let left = u64::try_from(problems.len().saturating_sub(LISTED)).unwrap_or(u64::MAX);
    all.push(Block::Heading("What could not be read"));
    all.push(Block::Table { head: &["place", "problem"], rows, more: more(left) });
}

fn troubles(all: &mut Vec<Block>, timeline: &Timeline) {
    let troubles = timeline.troubles();
    if troubles.listed().is_empty() {
        return;
    }
    let rows: Vec<Line> = troubles
        .listed()
        .iter()
        .take(LISTED)
        .map(|(position, trouble)| {
            let text = match trouble {
                Trouble::Lost(0, reason) => format!("events were lost: {reason}"),
                Trouble::Lost(n, reason) => {
                    format!("{} lost: {reason}", count(*n, "event was", "events were"))
                }
                Trouble::Drift(drift) => drift.to_string(),
            };
            let at = grouped(u64::try_from(*position).unwrap_or(u64::MAX));
            Line { cells: vec![at, text], go: Some(Go::Moment(*position)), fill: None }
        })
        .collect();
    let all_of_them = troubles.lost().saturating_add(troubles.drift());
    let shown = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    all.push(Block::Heading("Losses and disagreements"));
    let left = if troubles.listed().len() > LISTED { all_of_them.saturating_sub(shown) } else { 0 };
    all.push(Block::Table { head: &["event", "what"], rows, more: more(left) });
}

#[cfg(test)]
mod tests;
