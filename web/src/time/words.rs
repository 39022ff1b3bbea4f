//! What stands beside the picture, in words: axes, lanes, flags, and the moment under the pointer.

use super::Time;
use super::paint::{Columns, axis_top};
use super::raster::{COARSE, Mark, STATES, UNMAPPED};
use super::scale::{Place, TimeScale, duration, ticks, time_text};
use crate::author::{Author, title_of};
use crate::format::{count, grouped, size};
use pagescope_shared::page::PageState;
use pagescope_shared::timeline::Timeline;

/// A text at a part of the picture's width or height.
#[derive(Clone, Debug, PartialEq)]
pub struct At {
    /// Where, from 0 to 1.
    pub part: f64,
    /// What it says.
    pub text: String,
}

/// A flag on the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// Where, from 0 to 1.
    pub part: f64,
    /// What it is called.
    pub title: String,
    /// The position that it stands for.
    pub position: usize,
    /// Whether somebody set it, rather than a lesson.
    pub marker: bool,
}

/// A lane beside the picture: where it begins and ends, from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneLabel {
    /// Its top.
    pub top: f64,
    /// Its height.
    pub height: f64,
    /// What it is called.
    pub text: String,
    /// The process, if it is one.
    pub pid: Option<u32>,
    /// What stands in it, and how large what takes no room is: where, from the top.
    pub parts: Vec<At>,
}

/// Everything around the picture that changes with the picture only.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    /// Along the axis.
    pub ticks: Vec<At>,
    /// Idle times that are cut short: from where to where.
    pub cuts: Vec<(f64, f64)>,
    /// How long some of them were: those for which there is room.
    pub cut_labels: Vec<At>,
    /// Steps and markers.
    pub flags: Vec<Flag>,
    /// Processes.
    pub lanes: Vec<LaneLabel>,
    /// The most resident memory, and the most mapped memory, of the axes beside them.
    pub resident: String,
    /// See there.
    pub mapped: String,
    /// The most faults in one column.
    pub faults: String,
    /// What is shown, in words.
    pub caption: String,
}

/// No more flags are drawn.
const FLAGS: usize = 300;

/// Of what is shown, with room for about so many ticks.
pub fn words(
    time: &Time,
    timeline: &Timeline,
    author: &Author,
    columns: &Columns,
    most_ticks: usize,
) -> Words {
    let shown = time.shown();
    let inside = |at: f64| (-0.001..=1.001).contains(&at);
    let cuts =
        time.scale.cuts().iter().map(|cut| (time.part(cut.at.0), time.part(cut.at.1), cut.ns.1 - cut.ns.0));
    let cuts: Vec<_> = cuts.filter(|(from, to, _)| inside(*from) || inside(*to)).take(FLAGS).collect();
    // The longest are named first; no two texts stand in one another's way.
    let apart = 1.0 / super::scale::float(u64::try_from(most_ticks.max(1)).unwrap_or(1));
    let mut cut_labels: Vec<At> = Vec::new();
    let mut longest = cuts.clone();
    longest.sort_by(|a, b| b.2.total_cmp(&a.2));
    for (from, to, ns) in longest {
        let part = f64::midpoint(from, to);
        if cut_labels.iter().all(|other| (other.part - part).abs() > apart) {
            cut_labels.push(At { part, text: format!("{} idle", duration(ns, ns / 20.0)) });
        }
    }
    let ticks = ticks(&time.scale, shown, most_ticks).into_iter();
    let ticks = ticks.map(|(at, text)| At { part: time.part(at), text });
    let free = |tick: &At| cut_labels.iter().all(|cut| (cut.part - tick.part).abs() > apart * 0.8);
    let ticks = ticks.filter(|t| inside(t.part) && free(t)).collect();
    let reach = timeline.reach();
    let flag = |(position, time_ns, title, marker): (usize, u64, String, bool)| Flag {
        part: time.part(time.moment(position, time_ns)),
        title,
        position,
        marker,
    };
    // Where they are told by markers, those say where.
    let steps = reach.steps().iter().filter(|_| !author.tells_steps());
    let steps = steps.map(|step| (step.position, step.time_ns, step.title.to_string(), false));
    let markers = author.marks().map(|mark| (mark.position, mark.time_ns, title_of(&mark.marker), true));
    let flags = steps.chain(markers).map(flag);
    Words {
        ticks,
        cuts: cuts.iter().map(|(from, to, _)| (*from, *to)).collect(),
        cut_labels,
        flags: flags.filter(|flag| inside(flag.part)).take(FLAGS).collect(),
        lanes: lanes(time, timeline),
        resident: size(axis_top(columns.most.0)),
        mapped: size(axis_top(columns.most.1)),
        faults: grouped(columns.most_faults),
        caption: caption(time, timeline),
    }
}

fn caption(time: &Time, timeline: &Timeline) -> String {
    let (from, to) = time.shown();
    let extent = match (time.scale.ns(from), time.scale.ns(to)) {
        (Some(a), Some(b)) => {
            let step = (b - a) / 100.0;
            if time.window.is_none() {
                time_text(b - a)
            } else {
                format!("{} to {}", duration(a, step), duration(b, step))
            }
        }
        _ => {
            let at = |x: f64| grouped(super::scale::whole(x));
            if time.window.is_none() {
                format!("{} events", at(to))
            } else {
                format!("events {} to {}", at(from), at(to))
            }
        }
    };
    let (explored, end) = (timeline.explored(), timeline.end());
    if explored < end {
        let done = u128::try_from(explored).unwrap_or(0) * 100 / u128::try_from(end).unwrap_or(1).max(1);
        return format!("{extent}, reading: {done} %");
    }
    if time.window.is_none() { format!("The whole trace, {extent}") } else { extent }
}

fn lanes(time: &Time, timeline: &Timeline) -> Vec<LaneLabel> {
    let float = |n: usize| super::scale::float(u64::try_from(n).unwrap_or(0));
    let rows = float(time.fold.rows).max(1.0);
    let lanes = time.fold.lanes.iter().map(|lane| {
        let pid = match lane.pids.as_slice() {
            [pid] => Some(*pid),
            _ => None,
        };
        let process = pid.and_then(|pid| timeline.reach().processes().iter().find(|p| p.pid == pid));
        // What has much room comes first, where there is not enough for all.
        let names =
            process.iter().flat_map(|process| &process.names).filter(|(_, range)| range.bytes() < 1 << 30);
        let mut named: Vec<_> = names
            .filter_map(|(name, range)| {
                let (top, low) = lane.rows_of(*range)?;
                Some((low - top, At { part: float(top + low + 1) / 2.0 / rows, text: name.to_string() }))
            })
            .collect();
        named.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
        let holes = lane.bands.windows(2).filter_map(|pair| match pair {
            [low, high] => {
                let hole = high.range.start().0.saturating_sub(low.range.end().0);
                let at = float(high.row + high.rows + low.row) / 2.0 / rows;
                (hole >= 1 << 30).then(|| At { part: at, text: format!("⋮ {}", size(hole)) })
            }
            _ => None,
        });
        LaneLabel {
            top: float(lane.row) / rows,
            height: float(lane.rows) / rows,
            text: lane.label.clone(),
            pid,
            parts: named.into_iter().map(|(_, at)| at).chain(holes).collect(),
        }
    });
    lanes.collect()
}

/// A moment in words: its time in the recording.
pub fn moment_text(scale: &TimeScale, time_ns: u64) -> String {
    let ns = super::scale::float(time_ns.saturating_sub(scale.first_ns()));
    time_text(ns)
}

/// What the pointer is over, in words.
pub fn tip(time: &Time, timeline: &Timeline) -> Option<Vec<String>> {
    let (x, _) = time.pointer?;
    let at = time.place(x);
    let mut lines = Vec::new();
    let first = match time.scale.place(at) {
        Place::Position(position) => format!("event {}", grouped(u64::try_from(position).unwrap_or(0))),
        Place::Time(_) => {
            let step = (time.shown().1 - time.shown().0) / 1000.0;
            duration(time.scale.ns(at).unwrap_or(0.0), step)
        }
    };
    lines.push(first);
    if let Some((pid, range)) = time.pointed() {
        let (lane, _) = time.fold.at(time.row(time.pointer?.1))?;
        let what =
            if lane.pids.len() == 1 { lane.label.clone() } else { format!("process {pid} and others") };
        lines.push(format!("{} · {what}", range.start()));
    }
    if let Some(found) = time.found(at) {
        let column = found.column()?;
        if let Some((_, y)) = time.pointer.filter(|(_, y)| (0.0..=1.0).contains(y)) {
            lines.extend(state_text(found.cell(time.row(y)).0).map(str::to_owned));
        }
        let mut parts = Vec::new();
        let faults = column.faults();
        if faults > 0 {
            let kinds = Mark::ALL.iter().zip(column.marks);
            let kinds = kinds.filter_map(|(m, n)| Some((m.state()?, n))).filter(|(_, n)| *n > 0);
            let kinds: Vec<String> =
                kinds.map(|(state, n)| format!("{} {}", grouped(n.into()), state.label())).collect();
            let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
            parts.push(format!("{}{kinds}", count(faults, "fault", "faults")));
        }
        for (mark, one, many) in [(Mark::Map, "map", "maps"), (Mark::Unmap, "unmap", "unmaps")] {
            let n = column.marks.get(mark as usize).copied().unwrap_or(0);
            if n > 0 {
                parts.push(count(n.into(), one, many));
            }
        }
        if parts.is_empty() && column.events > 0 {
            parts.push(count(column.events, "event", "events"));
        }
        if !parts.is_empty() {
            lines.push(parts.join(", "));
        }
        if let Some(totals) = column.totals {
            let page = timeline.header().page_size.bytes();
            lines.push(format!(
                "resident {}, mapped {}",
                size(totals.resident().saturating_mul(page)),
                size(totals.mapped)
            ));
        }
    }
    Some(lines)
}

fn state_text(code: u8) -> Option<&'static str> {
    match code {
        UNMAPPED => Some("not mapped"),
        COARSE => Some("something happened here"),
        code => PageState::ALL.get(usize::from(code - STATES)).map(|state| state.label()),
    }
}
