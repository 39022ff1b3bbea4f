//! Events as lines.

use super::{events, open, text};
use crate::recorder::duration;
use anyhow::{Context as _, Result};
use clap::builder::PossibleValuesParser;
use pagescope_shared::event::{Event, EventKind};
use pagescope_shared::jsonl::{event_line, header_line};
use pagescope_shared::model::Change;
use pagescope_shared::world::World;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Which events, and how to tell them.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The trace; `-` for stdin
    file: PathBuf,
    /// Of this process only
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// From this moment of the recording on, such as 1.5s or 250ms
    #[arg(long, value_name = "TIME", value_parser = duration)]
    from: Option<Duration>,
    /// Before this moment of the recording
    #[arg(long, value_name = "TIME", value_parser = duration)]
    to: Option<Duration>,
    /// Of this kind only; may be given several times
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(EventKind::NAMES))]
    kind: Vec<String>,
    /// As lines of .jsonl, the header first
    #[arg(long)]
    json: bool,
}

/// Prints the events that were asked for.
///
/// # Errors
/// When the trace cannot be read.
pub(crate) fn dump(options: &Options) -> Result<()> {
    let store = open(&options.file)?;
    let ns = |time: Option<Duration>| time.map(|t| u64::try_from(t.as_nanos()).unwrap_or(u64::MAX));
    let (from, to) = (ns(options.from).unwrap_or(0), ns(options.to).unwrap_or(u64::MAX));
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut world = World::new(store.header().page_size);
    let mut change = Change::default();
    let mut start = 0;
    if options.json {
        start = store.find_time(from);
        if stopped(out.write_all(header_line(store.header())?.as_bytes()))? {
            return Ok(());
        }
    } else if let Some((position, known)) = store.keyframe(store.find_time(from)) {
        // What an event did depends on all before it.
        (start, world) = (position, known);
    }
    events(&store, start, &mut |_, event| {
        if event.time_ns >= to {
            return Ok(false);
        }
        if !options.json {
            world.apply(event, &mut change);
        }
        if event.time_ns < from || !options.wants(event) {
            return Ok(true);
        }
        let line = if options.json {
            event_line(event)?
        } else {
            line(event, &text::change(&change, store.header().page_size))
        };
        Ok(!stopped(out.write_all(line.as_bytes()))?)
    })?;
    stopped(out.flush()).map(|_| ())
}

impl Options {
    fn wants(&self, event: &Event) -> bool {
        self.pid.is_none_or(|pid| pid == event.pid)
            && (self.kind.is_empty() || self.kind.iter().any(|kind| kind == event.kind.name()))
    }
}

fn line(event: &Event, did: &str) -> String {
    let who = match (event.pid, event.tid) {
        (0, _) => String::new(),
        (pid, tid) if pid == tid => pid.to_string(),
        (pid, tid) => format!("{pid}/{tid}"),
    };
    let did = if did.is_empty() { String::new() } else { format!("  [{did}]") };
    format!("{:>14} {who:>10}  {}{did}\n", text::time(event.time_ns), text::event(event))
}

/// Whether nobody reads on.
fn stopped(written: io::Result<()>) -> Result<bool> {
    match written {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        other => other.map(|()| false).context("cannot print"),
    }
}
