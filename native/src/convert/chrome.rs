//! Chrome trace events: what Perfetto (<https://ui.perfetto.dev>) and `chrome://tracing` show. See the "Trace Event Format".
//!
//! Written event by event: what is held is the model, and who was named already.

use super::Source;
use crate::output::Output;
use crate::trace::call::call;
use anyhow::Result;
use pagescope_shared::event::{Event, EventKind};
use pagescope_shared::jsonl::event_line;
use pagescope_shared::model::{AddressSpace, Change, Totals};
use pagescope_shared::page::PageState;
use pagescope_shared::world::World;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Counters are told at most so often for each process, in nanoseconds; what they are at last is always told.
const BETWEEN_NS: u64 = 50_000;
/// So much is written at once.
const CHUNK: usize = 1 << 16;

/// Writes all events.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(source: &Source<'_>, to: &Path) -> Result<()> {
    let header = source.store.header();
    let output = Output::create_from(to, Some(source.input))?;
    let mut text = String::from("{\"displayTimeUnit\":\"ns\",\"otherData\":");
    text.push_str(
        &json!({ "tool": &header.tool, "command": &header.command, "trace": source.name }).to_string(),
    );
    text.push_str(",\"traceEvents\":[");
    let mut chrome = Chrome {
        output,
        text,
        is_first: true,
        world: World::new(header.page_size),
        change: Change::default(),
        page_bytes: header.page_size.bytes(),
        named: BTreeSet::new(),
        counted: BTreeMap::new(),
    };
    source.each(|event| chrome.event(event))?;
    chrome.end()
}

struct Chrome {
    output: Output,
    /// What waits to be written.
    text: String,
    is_first: bool,
    world: World,
    change: Change,
    page_bytes: u64,
    /// Threads that have a name, and whose they are.
    named: BTreeSet<(u32, u32)>,
    counted: BTreeMap<u32, Counted>,
}

/// The counters of a process.
#[derive(Default)]
struct Counted {
    /// When they were told last, and what.
    told: Option<(u64, Totals)>,
    /// What has not been told yet.
    waits: Option<(u64, Totals)>,
}

impl Chrome {
    fn event(&mut self, event: &Event) -> Result<()> {
        // Whoever ends has nothing afterwards: what it had at last is told before.
        if matches!(event.kind, EventKind::Exit(_)) {
            self.flush_counters(event.pid)?;
        }
        self.name(event)?;
        self.world.apply(event, &mut self.change);
        let pid = self.world.lender(event.pid);
        self.instant(event)?;
        self.count(pid, event.time_ns)
    }

    /// One point in a thread's track, a process's, or over all of them.
    fn instant(&mut self, event: &Event) -> Result<()> {
        let (name, category, scope): (String, &str, &str) = match &event.kind {
            EventKind::End(_) => return Ok(()),
            EventKind::Step(step) => (step.title.clone(), "step", "g"),
            EventKind::Marker(marker) => (marker.title.clone(), "marker", "g"),
            EventKind::Lost(_) => ("events were lost".to_owned(), "lost", "g"),
            EventKind::Signal(signal) => (signal.signal.clone(), "signal", "t"),
            EventKind::Failed(failed) => (format!("{}: {}", failed.call, failed.errno), "failed", "t"),
            EventKind::Fault(_) => ("page fault".to_owned(), "fault", "t"),
            EventKind::Observed(_) | EventKind::Snapshot(_) => {
                (event.kind.name().to_owned(), "observed", "p")
            }
            EventKind::Start(_) | EventKind::Exec(_) | EventKind::Fork(_) | EventKind::Exit(_) => {
                (event.kind.name().to_owned(), "process", "p")
            }
            EventKind::Thread(_) => ("thread".to_owned(), "process", "t"),
            EventKind::Access(_) => ("access".to_owned(), "access", "t"),
            EventKind::Other(name) => (name.as_ref().clone(), "other", "t"),
            kind => (call(kind).map_or(kind.name(), |(name, _)| name).to_owned(), "call", "t"),
        };
        let args = match &event.kind {
            // All of them would be longer than the rest of the file.
            EventKind::Snapshot(snapshot) => {
                json!({ "seq": event.seq, "mappings": snapshot.mappings.len() }).to_string()
            }
            EventKind::Observed(o) => {
                json!({ "seq": event.seq, "range": o.range, "runs": o.runs.len() }).to_string()
            }
            _ => event_line(event)?.trim_end().to_owned(),
        };
        let (name, ts) = (Value::from(name), micros(event.time_ns));
        let (pid, tid) = (event.pid, event.tid);
        self.put(&format!(
            "{{\"ph\":\"i\",\"name\":{name},\"cat\":\"{category}\",\"s\":\"{scope}\",\"ts\":{ts},\"pid\":{pid},\
             \"tid\":{tid},\"args\":{args}}}"
        ))
    }

    /// Processes by what they run, threads by whether they are the first.
    fn name(&mut self, event: &Event) -> Result<()> {
        let (pid, tid) = (event.pid, event.tid);
        let runs = match &event.kind {
            EventKind::Start(start) => Some(&start.exe),
            EventKind::Exec(exec) => Some(&exec.exe),
            _ => None,
        };
        let is_new = !self.named.contains(&(pid, pid));
        if runs.is_some() || is_new {
            let known = self.world.process(pid).and_then(|process| process.exe.as_deref());
            let exe = runs.map(String::as_str).or(known);
            let name = exe.map_or_else(
                || if pid == 0 { "recorder".to_owned() } else { format!("process {pid}") },
                |exe| exe.rsplit('/').next().unwrap_or(exe).to_owned(),
            );
            self.metadata("process_name", pid, pid, &name)?;
        }
        for tid in [pid, tid] {
            if self.named.insert((pid, tid)) {
                let name = if tid == pid { "main".to_owned() } else { format!("thread {tid}") };
                self.metadata("thread_name", pid, tid, &name)?;
            }
        }
        Ok(())
    }

    fn metadata(&mut self, what: &str, pid: u32, tid: u32, name: &str) -> Result<()> {
        let name = Value::from(name);
        self.put(&format!(
            "{{\"ph\":\"M\",\"name\":\"{what}\",\"pid\":{pid},\"tid\":{tid},\"args\":{{\"name\":{name}}}}}"
        ))
    }

    /// Mapped and resident memory, where it has changed.
    fn count(&mut self, pid: u32, time_ns: u64) -> Result<()> {
        let Some(totals) = self.world.space(pid).map(AddressSpace::totals) else { return Ok(()) };
        let counted = self.counted.entry(pid).or_default();
        let same = |(_, told): &(u64, Totals)| (told.mapped, told.pages) == (totals.mapped, totals.pages);
        match (&counted.told, &counted.waits) {
            (_, Some(waits)) if same(waits) => return Ok(()),
            (Some(told), None) if same(told) => return Ok(()),
            (None, None) if totals.mapped == 0 => return Ok(()),
            _ => {}
        }
        if counted.told.as_ref().is_some_and(|(at, _)| time_ns.saturating_sub(*at) < BETWEEN_NS) {
            counted.waits = Some((time_ns, totals));
            return Ok(());
        }
        self.flush_counters(pid)?;
        self.tell(pid, time_ns, totals)
    }

    fn flush_counters(&mut self, pid: u32) -> Result<()> {
        match self.counted.get_mut(&pid).and_then(|counted| counted.waits.take()) {
            Some((time_ns, totals)) => self.tell(pid, time_ns, totals),
            None => Ok(()),
        }
    }

    /// One counter for what is mapped, one for what is resident, by kind; what nobody knows of is a kind, too.
    fn tell(&mut self, pid: u32, time_ns: u64, totals: Totals) -> Result<()> {
        let ts = micros(time_ns);
        self.put(&format!(
            "{{\"ph\":\"C\",\"name\":\"mapped (VSZ)\",\"ts\":{ts},\"pid\":{pid},\"args\":{{\"bytes\":{}}}}}",
            totals.mapped
        ))?;
        // Once it was told, it is told when there are none of them any more, too.
        let counted = self.counted.entry(pid).or_default();
        let unknown = |totals: &Totals| totals.pages[PageState::Unknown as usize] > 0;
        let tells_unknown = unknown(&totals) || counted.told.as_ref().is_some_and(|(_, told)| unknown(told));
        let kinds: Vec<String> = PageState::ALL
            .iter()
            .zip(totals.pages)
            .filter(|(state, _)| state.is_resident() || (tells_unknown && **state == PageState::Unknown))
            .map(|(state, pages)| {
                format!("{}:{}", Value::from(state.label()), pages.saturating_mul(self.page_bytes))
            })
            .collect();
        self.put(&format!(
            "{{\"ph\":\"C\",\"name\":\"resident\",\"ts\":{ts},\"pid\":{pid},\"args\":{{{}}}}}",
            kinds.join(",")
        ))?;
        self.counted.entry(pid).or_default().told = Some((time_ns, totals));
        Ok(())
    }

    fn put(&mut self, json: &str) -> Result<()> {
        self.text.push_str(if std::mem::take(&mut self.is_first) { "\n" } else { ",\n" });
        self.text.push_str(json);
        if self.text.len() >= CHUNK {
            self.output.put(self.text.as_bytes())?;
            self.text.clear();
        }
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        for pid in self.counted.keys().copied().collect::<Vec<_>>() {
            self.flush_counters(pid)?;
        }
        self.text.push_str("\n]}\n");
        self.output.put(self.text.as_bytes())?;
        self.output.finish()
    }
}

/// Microseconds, as the format wants them, with the nanoseconds behind the point.
fn micros(ns: u64) -> String {
    format!("{}.{:03}", ns / 1000, ns % 1000)
}
