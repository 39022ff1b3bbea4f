//! A summary for people.

use super::summary::{Process, Summary};
use crate::trace::table::Table;
use crate::trace::text::plain;
use pagescope_shared::format::{count, file_name, grouped, size};
use std::fmt::Write as _;
use std::path::Path;

/// Processes that are shown; the JSON has more.
const SHOWN: usize = 30;

pub(super) fn text(summary: &Summary, path: &Path, bytes: Option<u64>) -> String {
    let mut text = head(summary, path, bytes);
    let sections = [
        ("Processes", processes(summary)),
        ("Calls", calls(summary)),
        ("Page faults", faults(summary)),
        ("Events", kinds(summary)),
    ];
    for (title, table) in sections {
        if !table.is_empty() {
            let _ = write!(text, "\n{title}\n{}", table.text());
        }
    }
    let hidden = summary.processes.len().saturating_sub(SHOWN);
    let hidden = u64::try_from(hidden).unwrap_or(u64::MAX).saturating_add(summary.more_processes);
    if hidden > 0 {
        let _ = writeln!(
            text,
            "\n{} not shown; --json has up to 10,000",
            count(hidden, "process is", "processes are")
        );
    }
    text.push('\n');
    text + &soundness(summary)
}

fn head(summary: &Summary, path: &Path, bytes: Option<u64>) -> String {
    let header = &summary.header;
    let tool = &header.tool;
    let command: Vec<String> = header.command.iter().map(|arg| plain(arg)).collect();
    let names: Vec<String> = header.capabilities.iter().map(|c| plain(&String::from(c.clone()))).collect();
    let mut rows = vec![
        ("trace", plain(&path.display().to_string())),
        ("program", plain(&command.join(" "))),
        ("recorded by", format!("{} {}, {}", plain(&tool.name), plain(&tool.version), plain(&tool.method))),
        ("sees", names.join(", ")),
        ("machine", format!("{}, pages of {}", plain(&header.arch), size(header.page_size.bytes()))),
        ("lasted", seconds(summary.duration_ns)),
        ("events", events(summary, bytes)),
        ("peak mapped", size(summary.peak_mapped)),
        ("peak resident", size(summary.peak_resident)),
    ];
    if let Some(lesson) = &header.lesson {
        rows.insert(1, ("lesson", plain(&format!("{}: {}", lesson.name, lesson.title))));
    }
    rows.retain(|(_, value)| !value.is_empty());
    rows.iter().map(|(name, value)| format!("{name:<15}{value}\n")).collect()
}

fn events(summary: &Summary, bytes: Option<u64>) -> String {
    let mut text = grouped(summary.events);
    if let Some(bytes) = bytes.filter(|_| summary.events > 0) {
        let tenths = bytes.saturating_mul(10) / summary.events;
        let _ = write!(text, ", {} ({}.{} bytes each)", size(bytes), tenths / 10, tenths % 10);
    }
    text
}

/// Such as `1.234 s`.
fn seconds(ns: u64) -> String {
    match ns {
        0..1_000_000 => format!("{} µs", ns / 1000),
        1_000_000..1_000_000_000 => format!("{}.{} ms", ns / 1_000_000, ns % 1_000_000 / 100_000),
        _ => format!("{}.{:03} s", grouped(ns / 1_000_000_000), ns % 1_000_000_000 / 1_000_000),
    }
}

fn processes(summary: &Summary) -> Table {
    let head = [
        "pid",
        "parent",
        "program",
        "threads",
        "began",
        "ended",
        "end",
        "faults",
        "peak mapped",
        "peak resident",
    ];
    let mut table = Table::new(&head, &[0, 1, 3, 4, 5, 7, 8, 9]);
    for (pid, p) in summary.processes.iter().take(SHOWN) {
        let Process { parent, exe, threads, began_ns, ended_ns, ended, faults, .. } = p;
        table.row([
            pid.to_string(),
            parent.map(|pid| pid.to_string()).unwrap_or_default(),
            plain(file_name(exe)),
            grouped(*threads),
            seconds(*began_ns),
            ended_ns.map(seconds).unwrap_or_default(),
            ended.as_deref().map_or("runs".to_owned(), plain),
            grouped(*faults),
            size(p.peak_mapped),
            size(p.peak_resident),
        ]);
    }
    table
}

fn calls(summary: &Summary) -> Table {
    let mut table = Table::new(&["call", "succeeded", "failed"], &[1, 2]);
    let mut all: Vec<_> = summary.calls.iter().collect();
    all.sort_by_key(|(_, o)| std::cmp::Reverse(o.done.saturating_add(o.failed)));
    for (name, outcome) in all {
        table.row([plain(name), grouped(outcome.done), grouped(outcome.failed)]);
    }
    table
}

fn faults(summary: &Summary) -> Table {
    let mut table = Table::new(&["by", "number"], &[1]);
    let names = ["reading", "writing", "executing", "an access that was not recorded"];
    for (name, number) in names.iter().zip(summary.faults).filter(|(_, number)| *number > 0) {
        table.row([(*name).to_owned(), grouped(number)]);
    }
    table
}

fn kinds(summary: &Summary) -> Table {
    let mut table = Table::new(&["kind", "number"], &[1]);
    let mut all: Vec<_> = summary.kinds.iter().collect();
    all.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
    for (name, number) in all {
        table.row([plain(name), grouped(*number)]);
    }
    table
}

fn soundness(summary: &Summary) -> String {
    let mut text = format!(
        "{} lost, model and kernel differed {}\n",
        count(summary.lost, "event", "events"),
        count(summary.drift, "time", "times")
    );
    for (reason, number) in summary.losses.iter().take(10) {
        let _ = writeln!(text, "  lost {}: {}", grouped(*number), plain(reason));
    }
    if summary.misfits > 0 {
        let _ = writeln!(
            text,
            "{} not fit what came before: see pagescope check",
            count(summary.misfits, "event does", "events do")
        );
    }
    if !summary.ends {
        text.push_str("the recording stopped before its end\n");
    }
    for problem in summary.problems.iter().take(5) {
        let _ = writeln!(text, "{}", plain(problem));
    }
    if summary.problems.len() > 5 {
        text.push_str("more problems: see pagescope check\n");
    }
    text
}
