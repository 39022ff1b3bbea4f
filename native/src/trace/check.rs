//! Whether a trace is sound.

use super::text::plain;
use super::{events, open, print};
use anyhow::{Context as _, Result};
use pagescope_shared::event::EventKind;
use pagescope_shared::format::{count, grouped};
use pagescope_shared::model::Change;
use pagescope_shared::world::World;
use serde_json::json;
use std::collections::HashSet;
use std::path::PathBuf;

/// Which trace, and how to tell.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The trace; `-` for stdin
    file: PathBuf,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

/// So many of each sort are told one by one.
const SHOWN: u64 = 20;

/// What was found, the first of it in words.
#[derive(Debug, Default)]
struct Found {
    number: u64,
    lines: Vec<String>,
}

impl Found {
    fn push(&mut self, line: impl FnOnce() -> String) {
        self.number += 1;
        if self.number <= SHOWN {
            self.lines.push(line());
        }
    }

    fn text(&self, sort: &str) -> String {
        let mut text: String = self.lines.iter().map(|line| format!("{sort}: {line}\n")).collect();
        if self.number > SHOWN {
            text.push_str(&format!("{sort}: and {} more\n", grouped(self.number - SHOWN)));
        }
        text
    }
}

/// Goes through a whole trace. Returns the code to exit with: 1 when it is not sound.
///
/// # Errors
/// When it cannot be read at all.
pub(crate) fn check(options: &Options) -> Result<u8> {
    let store = open(&options.file)?;
    let (mut errors, mut warnings) = (Found::default(), Found::default());
    let mut world = World::new(store.header().page_size);
    let mut change = Change::default();
    let (mut last_ns, mut ends, mut number) = (0, false, 0u64);
    // Something was lost; whose mappings were seen since.
    let (mut is_torn, mut seen) = (false, HashSet::new());
    events(&store, 0, &mut |_, event| {
        number += 1;
        ends = matches!(event.kind, EventKind::End(_));
        let place = || format!("event {}, process {}", event.seq, event.pid);
        if event.time_ns < last_ns {
            errors.push(|| format!("{}: time goes back, from {last_ns} ns to {} ns", place(), event.time_ns));
        }
        last_ns = last_ns.max(event.time_ns);
        world.apply(event, &mut change);
        for drift in &change.drift {
            let found = if is_torn && !seen.contains(&event.pid) { &mut warnings } else { &mut errors };
            found.push(|| format!("{}: {drift}", place()));
        }
        match &event.kind {
            EventKind::Lost(lost) if lost.count > 0 => {
                is_torn = true;
                seen.clear();
            }
            EventKind::Snapshot(_) => drop(seen.insert(event.pid)),
            _ => {}
        }
        if let EventKind::Lost(lost) = &event.kind {
            let what = if lost.count == 0 {
                String::new()
            } else {
                format!("{} lost: ", count(lost.count, "event", "events"))
            };
            warnings.push(|| format!("{}: {what}{}", place(), plain(&lost.reason)));
        }
        if let EventKind::End(end) = &event.kind
            && end.count != number - 1
        {
            errors.push(|| {
                format!(
                    "{}: it says that {} came before it, but {} did",
                    place(),
                    grouped(end.count),
                    grouped(number - 1)
                )
            });
        }
        Ok(true)
    })?;
    for problem in store.problems().iter() {
        errors.push(|| plain(&problem.to_string()));
    }
    if !ends {
        errors.push(|| "the recording stopped before its end: the last event is no end".to_owned());
    }
    let sound = errors.number == 0;
    let text = if options.json {
        let found = json!({
            "sound": sound, "events": number, "errors": errors.number, "warnings": warnings.number,
            "first_errors": errors.lines, "first_warnings": warnings.lines,
        });
        let mut text = serde_json::to_string_pretty(&found).context("cannot print")?;
        text.push('\n');
        text
    } else {
        let verdict = if sound { "sound" } else { "not sound" };
        format!(
            "{}{}{}: {verdict}, {}\n",
            errors.text("error"),
            warnings.text("warning"),
            plain(&options.file.display().to_string()),
            count(number, "event", "events")
        )
    };
    print(&text)?;
    Ok(u8::from(!sound))
}
