//! The processes as a tree: who was made by whom.

use super::{Item, fuzzy};
use crate::app::App;
use crate::events::seconds;
use crate::format::{clipped, count, file_name, grouped, size};
use crate::panel::Go;
use crate::view::{exit_text, shown_process};
use pagescope_shared::small;
use pagescope_shared::timeline::Timeline;
use pagescope_shared::world::{Process, World};
use std::collections::BTreeMap;

/// So many rows are listed; a text finds the others.
const LISTED: usize = 5_000;
/// No row is indented further.
const DEEPEST: u8 = 12;

/// Rows: the first one follows the events, the others are processes with their depth.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    rows: Vec<(u32, u8)>,
    left_out: usize,
}

fn name(process: &Process) -> &str {
    process.exe.as_deref().map_or("", file_name)
}

/// From its first event to its last, as far as the trace has been gone through.
fn lifetime(timeline: &Timeline, pid: u32) -> Option<String> {
    let of = timeline.reach().processes().iter().find(|process| process.pid == pid)?;
    let at = |index: usize| timeline.event_at(index).map(|event| seconds(event.time_ns));
    Some(format!("{} to {} s", at(of.positions.0)?, at(of.positions.1.checked_sub(1)?)?))
}

impl Tree {
    pub(super) fn new(app: &App, typed: &str) -> Self {
        let Some(timeline) = &app.timeline else { return Self::default() };
        let typed = small::letters(typed.trim());
        if typed.is_empty() { Self::whole(timeline.world()) } else { Self::found(timeline.world(), &typed) }
    }

    fn whole(world: &World) -> Self {
        let mut tree = Self::default();
        let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut all = 0usize;
        // Number 0 stands for no parent: roots are its children. Made backwards, so that the first is on top.
        for (pid, process) in world.processes().rev() {
            all += 1;
            // One that is its own ancestor by a lie in the trace is still listed: parents have to be made before.
            let parent = process.parent.filter(|parent| world.process(*parent).is_some() && *parent != pid);
            children.entry(parent.unwrap_or(0)).or_default().push(pid);
        }
        let mut open: Vec<(u32, u8)> =
            children.remove(&0).unwrap_or_default().into_iter().map(|pid| (pid, 0)).collect();
        loop {
            let Some((pid, depth)) = open.pop() else {
                // What only its own descendants have made is reached from itself.
                match children.pop_first() {
                    Some((_, ring)) => open.extend(ring.into_iter().map(|pid| (pid, 0))),
                    None => break,
                }
                continue;
            };
            if tree.rows.len() < LISTED {
                tree.rows.push((pid, depth));
            }
            let made = children.remove(&pid).unwrap_or_default();
            open.extend(made.into_iter().map(|pid| (pid, (depth + 1).min(DEEPEST))));
        }
        tree.left_out = all.saturating_sub(tree.rows.len());
        tree
    }

    fn found(world: &World, typed: &str) -> Self {
        let mut fit: Vec<(i32, u32)> = Vec::new();
        for (pid, process) in world.processes() {
            let number = pid.to_string().starts_with(typed).then_some(100);
            fit.extend(number.or_else(|| fuzzy::fits(typed, name(process))).map(|score| (score, pid)));
        }
        // The best first; among equals the order of their numbers.
        fit.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        let left_out = fit.len().saturating_sub(LISTED);
        Self { rows: fit.into_iter().take(LISTED).map(|(_, pid)| (pid, 0)).collect(), left_out }
    }

    pub(super) fn len(&self) -> usize {
        1 + self.rows.len() + usize::from(self.left_out > 0)
    }

    /// The row of the process that is shown.
    pub(super) fn shown(&self, app: &App) -> usize {
        let Some(pid) = app.process else { return 0 };
        self.rows.iter().position(|(of, _)| *of == pid).map_or(0, |at| at + 1)
    }

    pub(super) fn item(&self, app: &App, row: usize) -> Option<Item> {
        let timeline = app.timeline.as_ref()?;
        let Some(at) = row.checked_sub(1) else {
            let now = shown_process(app, timeline).map(|(pid, _)| format!("now process {pid}"));
            return Some(Item {
                label: "Follow the events".to_owned(),
                detail: now.unwrap_or_default(),
                current: app.process.is_none(),
                go: Some(Go::Process(0)),
                ..Item::default()
            });
        };
        let Some((pid, depth)) = self.rows.get(at).copied() else {
            let more =
                count(u64::try_from(self.left_out).unwrap_or(u64::MAX), "more process", "more processes");
            return Some(Item {
                label: format!("and {more}: type to find them"),
                dim: true,
                ..Item::default()
            });
        };
        let process = timeline.world().process(pid)?;
        let totals = timeline.world().space(pid)?.totals();
        let mut facts = Vec::new();
        if let Some(ended) = &process.ended {
            facts.push(exit_text(ended));
        } else if process.borrows.is_some() {
            facts.push("on its parent's memory".to_owned());
        } else {
            let bytes = totals.resident().saturating_mul(timeline.header().page_size.bytes());
            facts.push(format!("{} resident", size(bytes)));
        }
        facts.extend(lifetime(timeline, pid));
        if process.threads > 0 {
            facts.push(count(u64::from(process.threads) + 1, "thread", "threads"));
        }
        if totals.faults > 0 {
            facts.push(format!("{} faults", grouped(totals.faults)));
        }
        let name = name(process);
        Some(Item {
            label: if name.is_empty() { "a process".to_owned() } else { clipped(name, 60) },
            detail: facts.join(" · "),
            end: pid.to_string(),
            depth,
            dim: process.ended.is_some(),
            current: app.process == Some(pid),
            go: Some(Go::Process(pid)),
        })
    }
}
