//! The stage on which a lesson performs: clock, sequence numbers, and the way into the trace.

use super::Lesson;
use crate::proc::{Frames, Observer, own_mappings};
use crate::sys;
use crate::trace_file::TraceFile;
use anyhow::{Context, Result};
use pagescope_shared::addr::{Addr, PageSize};
use pagescope_shared::event::{End, Event, EventKind, Extra, Observed, Snapshot, Start, Step};
use pagescope_shared::header::{self, Capability, Header, Source, Tool};
use pagescope_shared::jsonl::event_line;
use pagescope_shared::mapping::Mapping;
use std::io::Write;
use std::time::Instant;

/// Records what the lesson in front of it does.
pub(crate) struct Stage<'a> {
    lesson: &'a Lesson,
    trace: TraceFile,
    /// What the lesson prints.
    out: &'a mut dyn Write,
    page_size: PageSize,
    /// `None` where the kernel shows no page states.
    observer: Option<Observer>,
    started: Instant,
    next_seq: u64,
}

impl<'a> Stage<'a> {
    /// Opens the trace with the header and the `start` of this process.
    pub(super) fn open(lesson: &'a Lesson, trace: TraceFile, out: &'a mut dyn Write) -> Result<Self> {
        let page_size = sys::page_size()?;
        let observer = match Observer::of_this_process(page_size) {
            Ok(observer) => Some(observer),
            Err(error) => {
                eprintln!("warning: the trace will hold no page states: {error:#}");
                None
            }
        };
        let started = Instant::now();
        let mut stage = Self { lesson, trace, out, page_size, observer, started, next_seq: 0 };
        stage.rehearse()?;
        stage.started = Instant::now();

        stage.trace.header(&stage.header())?;
        let exe = std::env::current_exe().context("cannot tell the program's own path")?;
        stage.emit(EventKind::Start(Box::new(Start {
            exe: exe.to_string_lossy().into_owned(),
            argv: argv(),
        })))?;
        Ok(stage)
    }

    /// Does once, for nothing, what needs the most memory: the heap grows now, and not between the snapshots that
    /// are recorded.
    fn rehearse(&self) -> Result<()> {
        let snapshot = self.look_at_everything()?;
        let as_held_later = (snapshot.mappings.clone(), own_mappings()?);
        event_line(&self.event(EventKind::Snapshot(Box::new(snapshot))))?;
        drop(as_held_later);
        Ok(())
    }

    fn header(&self) -> Header {
        let mut capabilities = vec![Capability::Calls, Capability::Contents];
        if let Some(observer) = &self.observer {
            capabilities.push(Capability::PageStates);
            capabilities.extend(observer.shows_frames().then_some(Capability::Frames));
        }
        Header {
            format: header::FORMAT.to_owned(),
            version: header::VERSION,
            page_size: self.page_size,
            arch: std::env::consts::ARCH.to_owned(),
            // What std's Instant reads on Linux.
            clock: "CLOCK_MONOTONIC".to_owned(),
            tool: Tool {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                method: "lesson".to_owned(),
            },
            command: argv(),
            capabilities,
            lesson: Some(header::Lesson {
                name: self.lesson.name.to_owned(),
                title: self.lesson.title.to_owned(),
                source: Source {
                    name: self.lesson.source_name.to_owned(),
                    text: self.lesson.source.to_owned(),
                },
            }),
            extra: serde_json::Map::new(),
        }
    }

    /// The size of a page here.
    pub(super) fn page_size(&self) -> PageSize {
        self.page_size
    }

    /// Whether the trace can no longer be written.
    pub(super) fn is_broken(&self) -> bool {
        self.trace.is_broken()
    }

    /// Begins the step that is about the line of the C program with `marker` in it.
    pub(super) fn step(&mut self, marker: &str, title: &str, text: String, note: &str) -> Result<()> {
        let line = line_with(self.lesson.source, marker)
            .with_context(|| format!("{} has no line with {marker:?}", self.lesson.source_name))?;
        let step = Step {
            title: title.to_owned(),
            text,
            line,
            note: note.to_owned(),
            question: None,
            man: Vec::new(),
        };
        self.emit(EventKind::Step(Box::new(step)))
    }

    /// Prints a line of the lesson's own.
    pub(super) fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.out, "{line}").and_then(|()| self.out.flush()).context("cannot print")
    }

    /// Records all mappings, with the states of their pages; returns the mappings.
    pub(super) fn snapshot(&mut self) -> Result<Vec<Mapping>> {
        let snapshot = self.look_at_everything()?;
        let mappings = snapshot.mappings.clone();
        self.emit(EventKind::Snapshot(Box::new(snapshot)))?;
        Ok(mappings)
    }

    fn look_at_everything(&self) -> Result<Snapshot> {
        let mappings = own_mappings()?;
        // vsyscall lies in the kernel's half, which has no entries in a process's pagemap.
        let ours = mappings.iter().filter(|m| m.range.end() <= Addr(1 << 63));
        let observed: Result<Vec<Observed>> = match &self.observer {
            Some(observer) => ours.map(|m| observer.observe(m, Frames::LeftOut)).collect(),
            None => Ok(Vec::new()),
        };
        Ok(Snapshot { observed: observed?, mappings })
    }

    /// Records the states of the pages of `mapping`, with their frames.
    pub(super) fn observe(&mut self, mapping: &Mapping) -> Result<()> {
        let Some(observer) = &self.observer else { return Ok(()) };
        let observed = observer.observe(mapping, Frames::Wanted)?;
        self.emit(EventKind::Observed(Box::new(observed)))
    }

    /// Records that `kind` happened now.
    pub(super) fn emit(&mut self, kind: EventKind) -> Result<()> {
        let event = self.event(kind);
        self.trace.event(&event)?;
        self.next_seq += 1;
        Ok(())
    }

    fn event(&self, kind: EventKind) -> Event {
        let time_ns = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let (pid, tid) = (std::process::id(), sys::thread_id());
        Event { seq: self.next_seq, time_ns, pid, tid, kind, extra: Extra::NONE }
    }

    /// Ends the trace and gives it its name. Returns how many events it holds.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.emit(EventKind::End(End { count: self.next_seq }))?;
        self.trace.finish()?;
        Ok(self.next_seq)
    }
}

fn argv() -> Vec<String> {
    std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect()
}

/// The number, from 1, of the first line of `text` with `marker` in it.
pub(super) fn line_with(text: &str, marker: &str) -> Option<u32> {
    text.lines().zip(1u32..).find_map(|(line, number)| line.contains(marker).then_some(number))
}
