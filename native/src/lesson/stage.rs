//! The stage on which a lesson performs: clock, sequence numbers, and the way into the trace.

use super::Lesson;
use super::words::Words;
use crate::proc::{Frames, Observer, own_mappings};
use crate::sys;
use crate::trace_file::TraceFile;
use anyhow::{Context, Result};
use pagescope_shared::addr::{Addr, PageSize};
use pagescope_shared::event::{End, Event, EventKind, Extra, Observed, Snapshot, Start};
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
    /// Whose trace it is.
    pid: u32,
    started: Instant,
    /// When the last event was, in nanoseconds since the start.
    now_ns: u64,
    next_seq: u64,
}

impl<'a> Stage<'a> {
    /// Opens the trace with the header and the `start` of this process.
    pub(super) fn open(lesson: &'a Lesson, trace: TraceFile, out: &'a mut dyn Write) -> Result<Self> {
        let mut stage = Self::bare(lesson, trace, out)?;
        stage.rehearse()?;
        stage.begin(std::process::id(), &[])?;
        let exe = std::env::current_exe().context("cannot tell the program's own path")?;
        stage.emit(EventKind::Start(Box::new(Start {
            exe: exe.to_string_lossy().into_owned(),
            argv: argv(),
        })))?;
        Ok(stage)
    }

    /// A stage with nothing on it.
    pub(super) fn bare(lesson: &'a Lesson, trace: TraceFile, out: &'a mut dyn Write) -> Result<Self> {
        let page_size = sys::page_size()?;
        let observer = match Observer::of_this_process(page_size) {
            Ok(observer) => Some(observer),
            Err(error) => {
                eprintln!("warning: the trace will hold no page states: {error:#}");
                None
            }
        };
        Ok(Self {
            lesson,
            trace,
            out,
            page_size,
            observer,
            pid: std::process::id(),
            started: Instant::now(),
            now_ns: 0,
            next_seq: 0,
        })
    }

    /// Time begins, for process `pid`: writes the header.
    pub(super) fn begin(&mut self, pid: u32, more: &[Capability]) -> Result<()> {
        self.pid = pid;
        self.started = Instant::now();
        self.trace.header(&self.header(more))
    }

    /// Does once, for nothing, what needs the most memory: the heap grows now, and not between the snapshots that
    /// are recorded.
    fn rehearse(&self) -> Result<()> {
        let snapshot = self.look_at_everything()?;
        let as_held_later = (snapshot.mappings.clone(), own_mappings()?);
        event_line(&self.event(std::process::id(), EventKind::Snapshot(Box::new(snapshot))))?;
        drop(as_held_later);
        Ok(())
    }

    fn header(&self, more: &[Capability]) -> Header {
        let mut capabilities = vec![Capability::Calls, Capability::Contents];
        capabilities.extend_from_slice(more);
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

    /// What looks at pages, where the kernel lets it.
    pub(super) fn observer(&self) -> Option<&Observer> {
        self.observer.as_ref()
    }

    /// Whether the trace can no longer be written.
    pub(super) fn is_broken(&self) -> bool {
        self.trace.is_broken()
    }

    /// Begins a step.
    pub(super) fn step(&mut self, words: Words) -> Result<()> {
        let line = self.line_with(words.marker)?;
        self.emit(EventKind::Step(Box::new(words.on(line))))
    }

    /// The number, from 1, of the line of the C program in which `marker` begins.
    pub(super) fn line_with(&self, marker: &str) -> Result<u32> {
        let before = self.lesson.source.split_once(marker).map(|(before, _)| before);
        let before = before.with_context(|| format!("{} has no {marker:?}", self.lesson.source_name))?;
        Ok(u32::try_from(before.matches('\n').count())?.saturating_add(1))
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
        let event = self.event(self.pid, kind);
        self.put(&event)
    }

    /// What happens now to process `pid`.
    pub(super) fn event(&self, pid: u32, kind: EventKind) -> Event {
        let time_ns = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Event { seq: self.next_seq, time_ns, pid, tid: pid, kind, extra: Extra::NONE }
    }

    /// Writes an event that [`Self::event`] has made.
    pub(super) fn put(&mut self, event: &Event) -> Result<()> {
        self.trace.event(event)?;
        self.now_ns = event.time_ns;
        self.next_seq += 1;
        Ok(())
    }

    /// A moment of the kernel's monotonic clock as a trace tells it: not before the last event.
    pub(super) fn time_of(&self, monotonic_ns: u64) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now = u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap_or(0);
        let ago = now.saturating_sub(monotonic_ns);
        let since = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        since.saturating_sub(ago).max(self.now_ns)
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
