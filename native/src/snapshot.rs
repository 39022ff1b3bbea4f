//! One moment of a process that runs.

use crate::output::Say;
use crate::proc::{Frames, Observer, mappings_with_flags, status};
use crate::sys;
use crate::trace_file::TraceFile;
use anyhow::{Context as _, Result, bail};
use pagescope_shared::addr::Addr;
use pagescope_shared::event::{End, Event, EventKind, Extra, Snapshot, Start, Thread};
use pagescope_shared::header::{self, Capability, Header, Tool};
use pagescope_shared::mapping::Mapping;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What to look at, and where to write it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The process
    #[arg(value_name = "PID")]
    pid: u32,
    /// The trace to write, in the form that its name says: .pscope, .jsonl or .jsonl.gz; `-` for stdout, as .jsonl
    /// [default: PROGRAM-PID.pscope]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Say nothing when all went well
    #[arg(short, long)]
    quiet: bool,
}

/// How often it is tried again when the program changes its mappings meanwhile.
const TRIES: u32 = 20;
/// Where the kernel keeps pages of its own.
const KERNEL_HALF: Addr = Addr(1 << 63);

/// Looks at a process without stopping it: its mappings did not change while its pages were read.
///
/// # Errors
/// When there is no such process, it is another user's, or it never stops changing; and when the trace cannot be written.
pub(crate) fn take(options: &Options) -> Result<()> {
    let pid = options.pid;
    let page_size = sys::page_size()?;
    if !Path::new(&format!("/proc/{pid}")).exists() {
        bail!("there is no process {pid}");
    }
    let exe = status::exe(pid);
    if exe.is_empty() && std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.is_empty()) {
        bail!("process {pid} has no memory of its own: it is the kernel's, or has ended");
    }
    let own = Observer::of_this_process(page_size)?;
    let observer =
        own.of(pid).with_context(|| format!("cannot look at process {pid}: it takes its owner, or root"))?;
    let frames = if own.shows_frames() { Frames::Wanted } else { Frames::LeftOut };
    let begun = Instant::now();
    let snapshot = moment(pid, &observer, frames)?;
    let seen = snapshot.observed.iter().flat_map(|o| &o.runs);
    let pages: u64 = seen.filter(|run| run.state.is_resident()).map(|run| run.pages.get()).sum();
    let argv = status::arguments(pid);

    let name =
        Path::new(&exe).file_name().map_or("process".into(), |name| name.to_string_lossy().into_owned());
    let (output, mut file) = match &options.output {
        Some(named) => (named.clone(), TraceFile::create(named)?),
        None => {
            let output = PathBuf::from(format!("{name}-{pid}.pscope"));
            let file = TraceFile::create_by_default(&output, Say::unless(options.quiet))?;
            (output, file)
        }
    };
    file.header(&header(page_size, &argv, frames))?;
    let mappings = snapshot.mappings.len();
    let mut events = vec![EventKind::Start(Box::new(Start { exe, argv }))];
    let threads = status::threads(pid).into_iter().map(i32::unsigned_abs).filter(|tid| *tid != pid);
    events.extend(threads.map(|thread| EventKind::Thread(Thread { thread })));
    events.push(EventKind::Snapshot(Box::new(snapshot)));
    let count = sys::to_u64(events.len());
    events.push(EventKind::End(End { count }));
    let time_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    for (seq, kind) in (0u64..).zip(events) {
        let whose = if matches!(kind, EventKind::End(_)) { 0 } else { pid };
        file.event(&Event { seq, time_ns, pid: whose, tid: whose, kind, extra: Extra::NONE })?;
    }
    file.finish()?;
    if !options.quiet {
        eprintln!(
            "pagescope: {name}, process {pid}: {mappings} mappings, {pages} pages in memory; to see them: pagescope open {}",
            output.display()
        );
    }
    Ok(())
}

/// Mappings and pages of one moment: it is tried again when the mappings were others afterwards.
fn moment(pid: u32, observer: &Observer, frames: Frames) -> Result<Snapshot> {
    for _ in 0..TRIES {
        let mappings = mappings_with_flags(pid)?;
        if mappings.is_empty() {
            bail!("process {pid} has ended");
        }
        let ours: Vec<Mapping> = mappings.iter().filter(|m| m.range.end() <= KERNEL_HALF).cloned().collect();
        let mut observed = Vec::new();
        observer.observe_each(&ours, frames, &mut |seen| observed.push(seen))?;
        if mappings_with_flags(pid)? == mappings {
            return Ok(Snapshot { mappings, observed });
        }
    }
    bail!(
        "process {pid} changed its mappings each of {TRIES} times while its pages were read: record --pid follows it"
    )
}

fn header(page_size: pagescope_shared::addr::PageSize, argv: &[String], frames: Frames) -> Header {
    let mut capabilities = vec![Capability::PageStates];
    if frames == Frames::Wanted {
        capabilities.push(Capability::Frames);
    }
    Header {
        format: header::FORMAT.to_owned(),
        version: header::VERSION,
        page_size,
        arch: std::env::consts::ARCH.to_owned(),
        clock: "CLOCK_MONOTONIC".to_owned(),
        tool: Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            method: "proc".to_owned(),
        },
        command: argv.to_vec(),
        capabilities,
        lesson: None,
        extra: serde_json::Map::new(),
    }
}
