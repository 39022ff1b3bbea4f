//! Events of a stretch of the trace, counted by kind in slices.

use crate::panel::Line;
use pagescope_shared::event::{EventKind, FaultAccess, Severity};
use pagescope_shared::timeline::Timeline;

/// A count that grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    of: Option<Stretch>,
    at: usize,
    /// By the place of their name in [`EventKind::NAMES`]; the last one is of kinds that are not known.
    kinds: Vec<u64>,
    /// Read, write, execute, not recorded.
    faults: [u64; 4],
    major: u64,
}

/// Which events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Of this process, or of all.
    pub pid: Option<u32>,
    /// The first one's index.
    pub from: usize,
    /// The index after the last one.
    pub to: usize,
}

impl Tally {
    /// Brings the question in line: a longer stretch goes on where the shorter one ended.
    pub fn ask(&mut self, of: Option<Stretch>) {
        if self.of == of {
            return;
        }
        let goes_on = match (self.of, of) {
            (Some(old), Some(new)) => (old.pid, old.from) == (new.pid, new.from) && self.at <= new.to,
            _ => false,
        };
        if goes_on {
            self.of = of;
        } else {
            *self = Self { of, at: of.map_or(0, |of| of.from), ..Self::default() };
        }
    }

    /// Whether there is more to count.
    pub fn has_work(&self) -> bool {
        self.of.is_some_and(|of| self.at < of.to)
    }

    /// Counts about `amount` more; says how many it has looked at.
    pub fn work(&mut self, timeline: &Timeline, amount: usize) -> usize {
        let Some(of) = self.of else { return 0 };
        self.kinds.resize(EventKind::NAMES.len() + 1, 0);
        let (begun, store) = (self.at, timeline.store());
        let until = begun.saturating_add(amount.max(1)).min(of.to);
        while self.at < until {
            let at = self.at;
            let Some(block) = store.block_of(at) else { break };
            // What has not come yet is wanted from now on.
            let Some(events) = store.block(block) else { break };
            for event in events.iter().skip(at - store.block_start(block)).take(until - at) {
                self.at += 1;
                if of.pid.is_none_or(|pid| pid == event.pid) {
                    self.count(&event.kind);
                }
            }
            if self.at == at {
                break;
            }
        }
        self.at - begun
    }

    fn count(&mut self, kind: &EventKind) {
        let name = kind.name();
        let last = EventKind::NAMES.len();
        let known = !matches!(kind, EventKind::Other(_));
        let at = EventKind::NAMES.iter().position(|n| known && *n == name).unwrap_or(last);
        if let Some(count) = self.kinds.get_mut(at) {
            *count += 1;
        }
        if let EventKind::Fault(fault) = kind {
            let place = match fault.access {
                Some(FaultAccess::Read) => 0,
                Some(FaultAccess::Write) => 1,
                Some(FaultAccess::Execute) => 2,
                None => 3,
            };
            if let Some(count) = self.faults.get_mut(place) {
                *count += 1;
            }
            self.major += u64::from(fault.severity == Some(Severity::Major));
        }
    }

    /// How many there are of a kind.
    pub fn of_kind(&self, name: &str) -> u64 {
        let at = EventKind::NAMES.iter().position(|n| *n == name);
        at.and_then(|at| self.kinds.get(at)).copied().unwrap_or(0)
    }

    /// The kinds that there are, the most frequent first.
    pub fn rows(&self) -> Vec<Line> {
        let names = EventKind::NAMES.iter().copied().chain(["not known to this version"]);
        let mut rows: Vec<(&str, u64)> =
            names.zip(self.kinds.iter().copied()).filter(|(_, n)| *n > 0).collect();
        rows.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        rows.into_iter()
            .map(|(name, n)| Line {
                cells: vec![name.to_owned(), crate::format::grouped(n), self.detail(name)],
                ..Line::default()
            })
            .collect()
    }

    fn detail(&self, name: &str) -> String {
        if name != "fault" {
            return String::new();
        }
        let words = ["to read", "to write", "to execute"];
        let mut parts: Vec<String> = words
            .iter()
            .zip(self.faults)
            .filter(|(_, n)| *n > 0)
            .map(|(word, n)| format!("{} {word}", crate::format::grouped(n)))
            .collect();
        if self.major > 0 {
            parts.push(format!("{} from a disk", crate::format::grouped(self.major)));
        }
        parts.join(", ")
    }

    /// How far it has come, in words; empty at the end.
    pub fn progress(&self) -> String {
        match self.of {
            Some(of) if self.at < of.to => {
                let done = (self.at - of.from).saturating_mul(100) / (of.to - of.from).max(1);
                format!("counting, {done} % done")
            }
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagescope_shared::store::Store;

    #[test]
    fn a_longer_stretch_goes_on_where_the_shorter_one_ended() {
        let golden = include_bytes!("../../shared/tests/golden/v1.jsonl");
        let timeline = Timeline::open(Store::open(golden.to_vec()).unwrap());
        let of = |pid, from, to| Some(Stretch { pid, from, to });
        let mut tally = Tally::default();
        let whole = |of| {
            let mut tally = Tally::default();
            tally.ask(of);
            while tally.has_work() {
                tally.work(&timeline, 2);
            }
            tally.rows()
        };
        for stretch in
            [of(None, 0, 5), of(None, 0, 9), of(Some(4242), 0, 9), of(None, 3, 9), of(None, 3, 5), None]
        {
            tally.ask(stretch);
            while tally.has_work() {
                tally.work(&timeline, 3);
            }
            assert_eq!(tally.rows(), whole(stretch), "{stretch:?}");
        }
        tally.ask(of(None, 0, timeline.end()));
        assert_eq!(tally.progress(), "counting, 0 % done");
        tally.work(&timeline, usize::MAX);
        assert_eq!((tally.progress().as_str(), tally.of_kind("map")), ("", 1));
    }
}
