//! Lessons: short programs that use memory for real and record what the kernel made of it.

mod calls;
mod hello;
mod stage;

use crate::trace_file::{TraceFile, is_stdout};
use anyhow::{Context, Result};
use stage::Stage;
use std::io::Write;
use std::path::Path;

/// A lesson that can be performed.
pub(crate) struct Lesson {
    /// Its short name, for the command line.
    pub(crate) name: &'static str,
    /// Its title.
    pub(crate) title: &'static str,
    /// The file name of the C program that does the same.
    source_name: &'static str,
    /// That program.
    source: &'static str,
    perform: fn(&mut Stage<'_>) -> Result<()>,
}

/// All lessons, the first one first.
pub(crate) static LESSONS: &[Lesson] = &[hello::LESSON];

/// The lesson called `name`.
pub(crate) fn find(name: &str) -> Option<&'static Lesson> {
    LESSONS.iter().find(|lesson| lesson.name == name)
}

/// Performs `lesson` and records it at `path`; what it prints goes to stdout, or to stderr when the trace goes there.
///
/// # Errors
/// When a call fails that the lesson needs, or something cannot be written. In the first case the trace is whole all
/// the same, and shows the failure.
pub(crate) fn run(lesson: &Lesson, path: &Path) -> Result<()> {
    let trace = TraceFile::create(path)?;
    let mut stdout = std::io::stdout();
    let mut stderr = std::io::stderr();
    let out: &mut dyn Write = if is_stdout(path) { &mut stderr } else { &mut stdout };
    let events = perform(lesson, trace, out)?;
    if !is_stdout(path) {
        let path = path.display();
        eprintln!("recorded {events} events; to see them: pagescope open {path}");
    }
    Ok(())
}

/// Returns the number of events.
fn perform(lesson: &Lesson, trace: TraceFile, out: &mut dyn Write) -> Result<u64> {
    let mut stage = Stage::open(lesson, trace, out)?;
    let performed = (lesson.perform)(&mut stage);
    match (performed, stage.is_broken()) {
        // The end of a trace that cannot be written is not news.
        (Err(error), true) => Err(error),
        (Err(error), false) => match stage.finish() {
            Ok(_) => Err(error),
            Err(also) => Err(error.context(format!("the trace is not whole either ({also:#})"))),
        },
        (Ok(()), _) => stage.finish().context("the lesson was performed, but not recorded"),
    }
}
