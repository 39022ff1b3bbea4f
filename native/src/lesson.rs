//! Lessons: short programs that use memory for real and record what the kernel made of it.

mod calls;
mod course;
mod hello;
mod play;
mod stage;
mod troupe;
mod words;

use crate::output::is_stdout;
use crate::sys;
use crate::trace_file::TraceFile;
use anyhow::{Context, Result, anyhow};
use play::Play;
use stage::Stage;
use std::io::Write;
use std::path::Path;

/// A lesson that can be performed.
pub(crate) struct Lesson {
    /// Its short name, for the command line.
    pub(crate) name: &'static str,
    /// Its title.
    pub(crate) title: &'static str,
    /// What it is about, in one line.
    pub(crate) line: &'static str,
    /// The file name of the C program that does the same.
    source_name: &'static str,
    /// That program.
    source: &'static str,
    /// Why it cannot be performed on this machine.
    pub(crate) needs: fn() -> Result<(), String>,
    perform: Perform,
}

/// The list of lessons, for people or for programs.
pub(crate) fn list(json: bool) -> String {
    if json {
        let lessons: Vec<_> = LESSONS.iter().map(Lesson::json).collect();
        return format!("{}\n", serde_json::Value::from(lessons));
    }
    LESSONS.iter().map(Lesson::listed).collect()
}

impl Lesson {
    /// Its name, title and line, and why it cannot be performed here.
    fn json(&self) -> serde_json::Value {
        let Self { name, title, line, .. } = self;
        let mut json = serde_json::json!({ "name": name, "title": title, "line": line });
        if let Err(why) = (self.needs)() {
            json["why"] = why.into();
        }
        json
    }

    fn listed(&self) -> String {
        let Self { name, title, line, .. } = self;
        let mut text = format!("{name:<17} {title}\n{:17} {line}\n", "");
        if let Err(why) = (self.needs)() {
            text.push_str(&format!("{:17} Not on this machine: {why}\n", ""));
        }
        text
    }
}

/// Who performs a lesson.
enum Perform {
    /// This process.
    Here(fn(&mut Stage<'_>) -> Result<()>),
    /// Processes of its own.
    Apart(fn(&mut Play<'_>) -> Result<()>),
}

/// Of a lesson that needs nothing but Linux.
#[expect(clippy::unnecessary_wraps, reason = "others need more")]
fn everywhere() -> Result<(), String> {
    Ok(())
}

/// All lessons, in the order of the course.
pub(crate) static LESSONS: &[Lesson] = course::COURSE;

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
    (lesson.needs)().map_err(|why| anyhow!("{} cannot be performed here: {why}", lesson.name))?;
    let trace = TraceFile::create(path)?;
    let mut stdout = std::io::stdout();
    let mut stderr = std::io::stderr();
    let out: &mut dyn Write = if is_stdout(path) { &mut stderr } else { &mut stdout };
    let events = perform(lesson, trace, out)?;
    if !is_stdout(path) {
        let path = path.display();
        eprintln!("pagescope: recorded {events} events; to see them: pagescope open {path}");
    }
    Ok(())
}

/// Returns the number of events.
fn perform(lesson: &Lesson, trace: TraceFile, out: &mut dyn Write) -> Result<u64> {
    let (performed, stage) = match lesson.perform {
        Perform::Here(perform) => {
            let mut stage = Stage::open(lesson, trace, out)?;
            (perform(&mut stage), stage)
        }
        Perform::Apart(perform) => {
            let mut play = Play::begin(lesson.name, Stage::bare(lesson, trace, out)?)?;
            (perform(&mut play).with_context(|| play.place()), play.end())
        }
    };
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

/// What tells a process that it is an actor: looked for before anything else, so that its memory is hardly used yet.
const ACTOR: [&str; 2] = ["lesson", "act"];

/// Whether this process is to do what a lesson in another process asks for.
pub(crate) fn is_actor() -> bool {
    std::env::args_os().skip(1).eq(ACTOR)
}

/// Performs what a lesson asks for, in a process of its own: see [`sys::act`].
pub(crate) fn act() -> ! {
    sys::act()
}
