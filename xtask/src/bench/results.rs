//! What benches measured, read from where they leave it, and as one table.

use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt;
use std::fs;
use std::path::Path;

/// One contender on one workload.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    /// The workload.
    pub name: String,
    /// Who did it.
    pub model: String,
    /// How many events one pass has.
    pub events: f64,
    /// Nanoseconds a pass, median.
    pub nanoseconds: f64,
}

impl Measured {
    fn millions_per_second(&self) -> f64 {
        self.events / self.nanoseconds * 1e3
    }
}

/// All results below a `CRITERION_HOME`: `GROUP/FUNCTION/new/benchmark.json` and `estimates.json`.
pub(crate) fn of_criterion(home: &Path) -> Result<Vec<Measured>> {
    let mut found = Vec::new();
    for group in folders(home)? {
        for function in folders(&group)? {
            let new = function.join("new");
            if !new.join("benchmark.json").exists() {
                continue;
            }
            let read = |name: &str| -> Result<Value> {
                let file = new.join(name);
                let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
                serde_json::from_str(&text).with_context(|| file.display().to_string())
            };
            let (what, times) = (read("benchmark.json")?, read("estimates.json")?);
            let one = measured(
                &what["group_id"],
                &what["function_id"],
                &what["throughput"]["Elements"],
                &times["median"]["point_estimate"],
            );
            found.push(one.with_context(|| format!("{}: not as criterion writes it", new.display()))?);
        }
    }
    Ok(found)
}

/// One result a line, as `model.cjs` prints them.
pub(crate) fn of_lines(printed: &str) -> Result<Vec<Measured>> {
    let one = |line: &str| {
        let v: Value = serde_json::from_str(line).ok()?;
        measured(&v["name"], &v["model"], &v["events"], &v["nanoseconds"])
    };
    printed.lines().map(|line| one(line).with_context(|| format!("not a result: {line}"))).collect()
}

fn measured(name: &Value, model: &Value, events: &Value, nanoseconds: &Value) -> Option<Measured> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (events, nanoseconds) = (events.as_f64()?, nanoseconds.as_f64()?);
    Some(Measured { name: text(name)?, model: text(model)?, events, nanoseconds })
}

fn folders(of: &Path) -> Result<Vec<std::path::PathBuf>> {
    let entries = fs::read_dir(of).with_context(|| of.display().to_string())?;
    let mut all: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    all.sort();
    Ok(all)
}

/// Millions of events a second of one contender and of the baseline, and how many times as fast it is.
pub(crate) struct Table {
    ours: &'static str,
    baseline: &'static str,
    parts: Vec<(&'static str, Result<Vec<Measured>>)>,
}

impl Table {
    /// An empty one.
    pub(crate) fn new(ours: &'static str, baseline: &'static str) -> Self {
        Self { ours, baseline, parts: Vec::new() }
    }

    /// What was measured in one place, or why it was not.
    pub(crate) fn add(&mut self, place: &'static str, results: Result<Vec<Measured>>) {
        self.parts.push((place, results));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ours, baseline, parts } = self;
        writeln!(f, "\nmillions of events a second, and how many times the baseline's\n")?;
        writeln!(f, "{:8}{:14}{ours:>11}{baseline:>11}{:>8}", "", "workload", "ratio")?;
        for (place, results) in parts {
            let all = match results {
                Ok(all) => all,
                Err(why) => {
                    writeln!(f, "{place:8}MISSING: {why:#}")?;
                    continue;
                }
            };
            for one in all.iter().filter(|one| one.model == **ours) {
                let speed = one.millions_per_second();
                write!(f, "{place:8}{:14}{speed:>11.2}", one.name)?;
                let other = all.iter().find(|other| other.name == one.name && other.model == **baseline);
                match other.map(Measured::millions_per_second) {
                    Some(other) => writeln!(f, "{other:>11.2}{:>8.2}", speed / other)?,
                    None => writeln!(f, "{:>11}{:>8}", "-", "-")?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn the_table_has_ratios_and_says_what_is_missing() {
        let lines = r#"{"name":"storm","model":"pagescope","events":6000,"nanoseconds":300000}
{"name":"storm","model":"rangemap","events":6000,"nanoseconds":1200000}"#;
        let mut table = Table::new("pagescope", "rangemap");
        table.add("native", of_lines(lines));
        table.add("wasm", Err(anyhow!("no node on PATH")));
        let text = table.to_string();
        let row = |place| text.lines().find(|line| line.starts_with(place)).unwrap().to_owned();
        assert_eq!(
            row("native").split_whitespace().collect::<Vec<_>>(),
            ["native", "storm", "20.00", "5.00", "4.00"]
        );
        assert_eq!(row("wasm"), "wasm    MISSING: no node on PATH");
        assert!(of_lines("{}").is_err());
    }
}
