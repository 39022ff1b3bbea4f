//! The tables, and what is held against the budgets.

use super::contenders::Contender::{self, Bare, Perf, PerfRecord, Ptrace, Strace, StracePinned};
use super::measure::{Runs, Trace};
use std::fmt::Write as _;

/// What one contender may cost, against what.
struct Budget {
    workload: &'static str,
    what: &'static str,
    /// Lower is better.
    limit: f64,
    measured: fn(&Row) -> Option<f64>,
    /// Decimal places.
    places: usize,
}

/// All contenders on one workload.
struct Row<'a>(&'a [Runs]);

impl Row<'_> {
    fn of(&self, contender: Contender) -> Option<&Runs> {
        self.0.iter().find(|one| one.contender == contender)
    }

    fn seconds(&self, contender: Contender) -> Option<f64> {
        self.of(contender)?.seconds()
    }

    /// What a contender adds, in seconds.
    fn added(&self, contender: Contender) -> Option<f64> {
        Some(self.seconds(contender)? - self.seconds(Bare)?)
    }

    fn ratio(&self, of: Contender, to: Contender) -> Option<f64> {
        Some(self.seconds(of)? / self.seconds(to)?)
    }

    fn added_ratio(&self, of: Contender, to: Contender) -> Option<f64> {
        let (of, to) = (self.added(of)?, self.added(to)?);
        (to > 0.0).then(|| of / to)
    }

    /// The worst of both of ours.
    fn ours(&self, of: impl Fn(&Trace) -> Option<f64> + Copy) -> Option<f64> {
        let all = [Ptrace, Perf].map(|one| self.of(one)?.most(of));
        all.into_iter().flatten().reduce(f64::max)
    }
}

const BUDGETS: &[Budget] = &[
    budget("storm", "perf: added time / strace's", 1.0 / 20.0, |r| r.added_ratio(Perf, Strace)),
    budget("storm", "perf: added time / pinned strace's", 0.25, |r| r.added_ratio(Perf, StracePinned)),
    budget("storm", "perf: added time / perf record's", 1.0, |r| r.added_ratio(Perf, PerfRecord)),
    budget("long-storm", "perf: added time / perf record's", 1.0, |r| r.added_ratio(Perf, PerfRecord)),
    budget("storm", "ptrace: added time / strace's", 0.25, |r| r.added_ratio(Ptrace, Strace)),
    budget("storm", "ptrace: added time / pinned strace's", 1.0, |r| r.added_ratio(Ptrace, StracePinned)),
    budget("python", "perf: time / bare", 1.10, |r| r.ratio(Perf, Bare)),
    budget("python", "ptrace: time / bare", 1.25, |r| r.ratio(Ptrace, Bare)),
    budget("gcc", "perf: time / bare", 1.10, |r| r.ratio(Perf, Bare)),
    budget("gcc", "ptrace: time / bare", 1.25, |r| r.ratio(Ptrace, Bare)),
    budget("getppid", "perf: time / bare", 1.15, |r| r.ratio(Perf, Bare)),
    budget("getppid", "perf: time / strace's", 1.0, |r| r.ratio(Perf, Strace)),
    budget("getppid", "ptrace: time / strace's", 1.0, |r| r.ratio(Ptrace, Strace)),
    budget("true", "perf: start-up, ms", 20.0, |r| Some(r.added(Perf)? * 1e3)),
    budget("true", "ptrace: start-up, ms", 20.0, |r| Some(r.added(Ptrace)? * 1e3)),
    budget("long-storm", "bytes an event in .pscope", 6.0, |r| r.ours(|t| Some(t.bytes / t.events))),
    budget("long-storm", "lost records", 0.0, |r| r.ours(|t| Some(t.lost))),
    budget("long-storm", "memory of the recorder, MiB", 64.0, |r| {
        r.ours(|t| Some(t.memory_bytes? / 1_048_576.0))
    }),
];

const fn budget(
    workload: &'static str,
    what: &'static str,
    limit: f64,
    measured: fn(&Row) -> Option<f64>,
) -> Budget {
    Budget { workload, what, limit, measured, places: if limit >= 20.0 { 1 } else { 3 } }
}

/// One line for each contender.
pub(super) fn table(name: &str, what: &str, runs: &[Runs]) -> String {
    let row = Row(runs);
    let mut text = format!("{name}: {what}\n");
    let _ = writeln!(
        text,
        "  {:18}{:>9}{:>8}{:>10}{:>11}{:>8}{:>10}{:>9}{:>6}{:>8}",
        "", "seconds", "x bare", "added", "x strace's", "CPU s", "events", "bytes/ev", "lost", "MiB"
    );
    for one in runs {
        let told =
            |value: Option<f64>, places: usize| value.map_or("-".to_owned(), |v| format!("{v:.places$}"));
        if let (Some(why), true) = (&one.missing, one.runs.is_empty()) {
            let _ = writeln!(text, "  {:18}MISSING: {why}", one.contender.name());
            continue;
        }
        let who = one.contender;
        let trace = one.trace();
        let _ = writeln!(
            text,
            "  {:18}{:>9}{:>8}{:>10}{:>11}{:>8}{:>10}{:>9}{:>6}{:>8}",
            who.name(),
            told(one.seconds(), 4),
            told(row.ratio(who, Bare), 2),
            told(row.added(who).filter(|_| who != Bare), 4),
            told(row.added_ratio(who, Strace).filter(|_| who != Bare), 3),
            told(one.cpu_seconds(), 2),
            told(trace.map(|t| t.events), 0),
            told(trace.map(|t| t.bytes / t.events), 2),
            told(one.most(|t| Some(t.lost)), 0),
            told(one.most(|t| Some(t.memory_bytes? / 1_048_576.0)), 1),
        );
        if let Some(why) = &one.missing {
            let _ = writeln!(text, "  {:18}some runs failed: {why}", "");
        }
    }
    text
}

/// Every budget for which there are measurements.
pub(super) fn budgets(all: &[(&str, Vec<Runs>)]) -> String {
    let mut text = format!("{:14}{:40}{:>10}{:>10}\n", "budget", "", "measured", "at most");
    for budget in BUDGETS {
        let Some((_, runs)) = all.iter().find(|(name, _)| *name == budget.workload) else { continue };
        let Budget { workload, what, limit, places, .. } = budget;
        let _ = match (budget.measured)(&Row(runs)) {
            Some(value) => {
                let verdict = if value <= *limit { "met" } else { "MISSED" };
                writeln!(text, "{workload:14}{what:40}{value:>10.places$}{limit:>10.places$}  {verdict}")
            }
            None => writeln!(text, "{workload:14}{what:40}{:>10}{limit:>10.places$}  NOT MEASURED", "-"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::measure::Run;
    use super::*;

    fn runs(contender: Contender, seconds: f64) -> Runs {
        let trace = Trace { events: 100.0, bytes: 650.0, lost: 0.0, memory_bytes: Some(1_048_576.0) };
        let trace = contender.is_ours().then_some(trace);
        Runs { contender, runs: vec![Run { seconds, cpu_seconds: seconds, trace }], missing: None }
    }

    #[test]
    fn budgets_are_met_or_missed_and_what_is_missing_is_named() {
        let strace = Runs { missing: Some("no strace on PATH".to_owned()), ..Runs::new(Strace) };
        let storm =
            vec![runs(Bare, 1.0), strace, runs(StracePinned, 5.0), runs(Perf, 1.5), runs(Ptrace, 6.0)];
        let table = table("storm", "a storm", &storm);
        assert!(table.contains("strace            MISSING: no strace on PATH\n"), "{table}");
        let text = budgets(&[("storm", storm), ("long-storm", vec![runs(Bare, 1.0), runs(Perf, 2.0)])]);
        let verdict = |what: &str| {
            let line = text.lines().find(|line| line.contains(what)).unwrap_or_default();
            line.split_whitespace().rev().take(2).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(verdict("perf: added time / pinned strace's"), ["met", "0.250"]);
        assert_eq!(verdict("ptrace: added time / pinned strace's"), ["MISSED", "1.000"]);
        assert_eq!(verdict("perf: added time / strace's"), ["MEASURED", "NOT"]);
        assert_eq!(verdict("bytes an event"), ["MISSED", "6.000"]);
        assert_eq!(verdict("memory"), ["met", "64.0"]);
    }
}
