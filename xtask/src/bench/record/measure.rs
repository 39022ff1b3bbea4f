//! One run of one program under one contender, and what it left behind.

use super::contenders::Contender;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// All runs of one contender on one program.
pub(super) struct Runs {
    pub contender: Contender,
    pub runs: Vec<Run>,
    /// Why it could not be run.
    pub missing: Option<String>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    /// From start to end.
    pub seconds: f64,
    /// On all CPUs, recorder and program together.
    pub cpu_seconds: f64,
    pub trace: Option<Trace>,
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trace {
    pub events: f64,
    pub bytes: f64,
    pub lost: f64,
    /// What the recorder itself took at most, its rings among it; for ours only.
    pub memory_bytes: Option<f64>,
}

impl Runs {
    pub(super) fn new(contender: Contender) -> Self {
        Self { contender, runs: Vec::new(), missing: None }
    }

    /// The median, in seconds.
    pub(super) fn seconds(&self) -> Option<f64> {
        median(self.runs.iter().map(|run| run.seconds))
    }

    /// The mean: the kernel tells it in hundredths of a second.
    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        let sum: f64 = self.runs.iter().map(|run| run.cpu_seconds).sum();
        (!self.runs.is_empty()).then(|| sum / f64::from(u32::try_from(self.runs.len()).unwrap_or(u32::MAX)))
    }

    pub(super) fn trace(&self) -> Option<&Trace> {
        self.runs.last()?.trace.as_ref()
    }

    /// The most of all runs.
    pub(super) fn most(&self, of: impl Fn(&Trace) -> Option<f64>) -> Option<f64> {
        self.runs.iter().filter_map(|run| of(run.trace.as_ref()?)).reduce(f64::max)
    }
}

fn median(all: impl Iterator<Item = f64>) -> Option<f64> {
    let mut all: Vec<f64> = all.collect();
    all.sort_by(f64::total_cmp);
    let upper = all.get(all.len() / 2)?;
    let lower = all.get((all.len() - 1) / 2)?;
    Some((upper + lower) / 2.0)
}

impl Run {
    pub(super) fn of(who: Contender, program: &[OsString], pagescope: &Path, scratch: &Path) -> Result<Self> {
        let trace = scratch.join(if who.is_ours() { "trace.pscope" } else { "perf.data" });
        let said = scratch.join("said.txt");
        let _ = fs::remove_file(&trace);
        let mut command = who.command(program, pagescope, &trace)?;
        let err = fs::File::create(&said).with_context(|| said.display().to_string())?;
        command.current_dir(scratch).stdin(Stdio::null()).stdout(Stdio::null()).stderr(err);
        let shown = crate::run::shown(&command);
        let cpu = cpu_of_children()?;
        let begun = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
        let watched = who.is_ours().then(|| child.id());
        // Asked while it runs: when it has ended nobody knows any more.
        let watch = watched.map(|pid| thread::spawn(move || memory_of(pid)));
        let status = child.wait()?;
        let seconds = begun.elapsed().as_secs_f64();
        if who.listens_to_tracepoints() {
            // The kernel goes on taking them out of its code, and others' calls are slower until then.
            thread::sleep(Duration::from_millis(300));
        }
        let cpu_seconds = cpu_of_children()? - cpu;
        let memory_bytes = watch.and_then(|watch| watch.join().ok().flatten());
        let said = fs::read_to_string(&said).unwrap_or_default();
        if !status.success() {
            bail!("`{shown}`: {status}: {}", said.lines().last().unwrap_or_default());
        }
        let trace = match who {
            Contender::PerfRecord => of_perf(&said, &trace)?,
            _ if who.is_ours() => Some(of_pscope(pagescope, &trace, memory_bytes)?),
            _ => None,
        };
        Ok(Self { seconds, cpu_seconds, trace })
    }
}

/// User and system time of all children that have ended, in seconds: proc_pid_stat(5).
fn cpu_of_children() -> Result<f64> {
    const TICKS_A_SECOND: f64 = 100.0;
    let text = fs::read_to_string("/proc/self/stat").context("/proc/self/stat")?;
    let fields = text.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / TICKS_A_SECOND)
}

/// The most memory that a process had until it ended: what was resident, and its rings, which do not count as that.
fn memory_of(pid: u32) -> Option<f64> {
    let mut most = None;
    loop {
        // First often, for those that end at once.
        thread::sleep(Duration::from_millis(if most.is_some() { 50 } else { 5 }));
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let Some(peak) = peak.and_then(|kib| kib.parse::<f64>().ok()).map(|kib| kib * 1024.0) else {
            return most;
        };
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        let rings: f64 = maps.lines().filter(|line| line.contains("[perf_event]")).filter_map(size).sum();
        most = Some(most.map_or(peak + rings, |most: f64| most.max(peak + rings)));
    }
}

/// Of a line of `/proc/PID/maps`, in bytes.
fn size(line: &str) -> Option<f64> {
    let (start, end) = line.split_once(' ')?.0.split_once('-')?;
    let number = |hex| u64::from_str_radix(hex, 16).ok();
    let kib = (number(end)? - number(start)?) >> 10;
    Some(f64::from(u32::try_from(kib).ok()?) * 1024.0)
}

fn of_pscope(pagescope: &Path, trace: &Path, memory_bytes: Option<f64>) -> Result<Trace> {
    let mut command = Command::new(pagescope);
    command.args(["info", "--json"]).arg(trace);
    let told = crate::run::capture(&mut command).context("`pagescope info` failed")?;
    let info: Value = serde_json::from_str(&told).context("`pagescope info --json`")?;
    let number =
        |name: &str| info[name].as_f64().with_context(|| format!("`pagescope info --json` without {name}"));
    Ok(Trace { events: number("events")?, bytes: number("bytes")?, lost: number("lost")?, memory_bytes })
}

/// `[ perf record: Captured and wrote 14.964 MB p.data (160076 samples) ]`, and perhaps `… lost 12 chunks`. Without
/// samples it says nothing of them.
fn of_perf(said: &str, trace: &Path) -> Result<Option<Trace>> {
    let before = |word: &str| {
        let words: Vec<&str> = said.split_whitespace().collect();
        let at = words.iter().position(|w| w.trim_end_matches([')', '!']) == word)?;
        words.get(at.checked_sub(1)?)?.trim_start_matches('(').trim_start_matches('~').parse::<f64>().ok()
    };
    let Some(events) = before("samples") else { return Ok(None) };
    let len = fs::metadata(trace).with_context(|| trace.display().to_string())?.len();
    let bytes = f64::from(u32::try_from(len >> 10).unwrap_or(u32::MAX)) * 1024.0;
    Ok(Some(Trace { events, bytes, lost: before("chunks").unwrap_or(0.0), memory_bytes: None }))
}
