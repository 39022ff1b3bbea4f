//! Records any program: what it asks of the kernel about memory, what the kernel does, and the page faults.
//!
//! The program is started suspended, stopped only at calls about memory (a seccomp filter picks them), and followed
//! through threads, forks and execs. Page faults come from the kernel's own rings, merged by time.

mod backend;
pub(crate) mod calls;
mod eyes;
mod filter;
mod news;
mod order;
mod pairing;
mod place;
mod schedule;
mod session;
mod source;
mod tracer;

use crate::output::Say;
use crate::proc::{Observer, status};
use crate::sys::{self, signals, spawn_suspended, trace};
use crate::trace_file::TraceFile;
use anyhow::{Context, Result, bail};
use backend::{Backend, Chosen};
use pagescope_shared::header::{self, Capability, Header, Tool};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use schedule::Every;
pub(crate) use schedule::duration;
use session::Session;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tracer::{Ended, Held, Tracer};

/// What is to be recorded, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The trace to write, in the form that its name says: .pscope, .jsonl or .jsonl.gz; `-` for stdout, as .jsonl
    /// [default: PROGRAM.pscope]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Record a process that runs already, from now on, and leave it running
    #[arg(short, long, value_name = "PID", conflicts_with = "command")]
    pid: Option<u32>,
    /// With --pid: for how long, such as 500ms, 10s or 5m [default: until it ends, or until Ctrl-C]
    #[arg(short, long, requires = "pid", conflicts_with = "command", value_name = "TIME", value_parser = schedule::duration)]
    duration: Option<Duration>,
    /// How often the kernel is asked for the states of all pages while the program runs: such as 100ms; auto: as often as
    /// costs next to nothing; off: only at its beginning and end
    #[arg(long, value_name = "PERIOD", default_value = "auto")]
    observe: Every,
    /// How the program is looked at
    #[arg(long, value_enum, default_value_t = Backend::Auto)]
    backend: Backend,
    /// Record at which frames pages are, too; takes root
    #[arg(long)]
    frames: bool,
    /// Say nothing when all went well
    #[arg(short, long)]
    quiet: bool,
    /// Say how the program is looked at, and what is missing and why
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// The program and its arguments
    #[arg(
        required_unless_present = "pid",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "PROGRAM"
    )]
    command: Vec<OsString>,
}

/// How often what waits is written even if nothing happens. Half a ring of page faults must not fill in that time.
const TICK: Duration = Duration::from_millis(50);

/// Records a program from its first instruction to its end, or one that runs for a while. Returns the code to exit with:
/// the program's own.
///
/// # Errors
/// When the program cannot be run or reached, the kernel does not let us look, or the trace cannot be written.
pub(crate) fn record(options: &Options) -> Result<u8> {
    if options.frames && !sees_frames()? {
        bail!("--frames: the kernel shows the numbers of frames to root only");
    }
    match options.pid {
        Some(pid) => attach(options, pid),
        None => launch(options),
    }
}

fn launch(options: &Options) -> Result<u8> {
    let Some(program) = options.command.first() else { bail!("there is no program to run") };
    let output = options.output.clone().unwrap_or_else(|| default_output(Path::new(program)));
    let argv: Result<Vec<CString>, _> =
        options.command.iter().map(|arg| CString::new(arg.as_bytes())).collect();
    let argv = argv.context("an argument with a zero byte")?;

    let mut child = spawn_suspended(&argv, &filter::program()).context("cannot start a process")?;
    sys::begin_early();
    let chosen = Chosen::pick(options.backend, &[child.pid], true)?;
    let stops = chosen.stops();
    trace::seize(child.pid, stops).context(
        "cannot trace a process: ptrace is forbidden here (a container without CAP_SYS_PTRACE, or kernel.yama.ptrace_scope=3)",
    )?;
    allow_more_files();
    let command = options.command.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let session = session(options, &output, command, chosen)?;
    child.release(stops).context("cannot start the program")?;
    let (ended, session) = Tracer::launched(session, child.pid, options.observe).follow()?;
    if session.written() == 0 {
        session.discard();
        if let Some(Ended::Refused(why)) = ended {
            bail!("cannot record {}: {why}", program.display());
        }
        let why = child.error();
        return Err(anyhow::Error::new(why).context(format!("cannot run {}", program.display())));
    }
    finish(options, session, &output)?;
    Ok(match ended {
        Some(Ended::Code(code)) => u8::try_from(code).unwrap_or(1),
        // As a shell tells it.
        Some(Ended::Signal(signal)) => u8::try_from(128 + signal).unwrap_or(1),
        Some(Ended::Refused(_)) | None => 1,
    })
}

fn attach(options: &Options, pid: u32) -> Result<u8> {
    let exe = status::exe(pid);
    let output = options.output.clone().unwrap_or_else(|| default_output(Path::new(&exe)));
    allow_more_files();
    sys::begin_early();
    let held = Held::stop(pid)?;
    let chosen = Chosen::pick(options.backend, &held.threads(), false)?;
    let session = session(options, &output, status::arguments(pid), chosen)?;
    let deadline = options.duration.map(|duration| Instant::now() + duration);
    if !options.quiet {
        let until = if deadline.is_some() { "" } else { "; Ctrl-C ends that" };
        eprintln!("pagescope: recording process {pid}{until}");
    }
    let (_, session) = Tracer::attached(session, held, options.observe, deadline)?.follow()?;
    finish(options, session, &output)?;
    Ok(0)
}

/// Opens the trace, and says how the program is looked at.
fn session(options: &Options, output: &Path, command: Vec<String>, chosen: Chosen) -> Result<Session> {
    tell(options, &chosen);
    let header = header(options, command, &chosen)?;
    let file = match &options.output {
        Some(named) => TraceFile::create(named)?,
        None => TraceFile::create_by_default(output, Say::unless(options.quiet))?,
    };
    let mut session = Session::new(file, &header)?;
    chosen.source.interrupt_when_full().context("cannot start a thread")?;
    session.listen_to(chosen.source);
    signals::wake_up(options.observe.tick(TICK));
    Ok(session)
}

/// On request, or when page faults are missing: what is missing, and why.
fn tell(options: &Options, chosen: &Chosen) {
    if options.verbose {
        let how =
            if chosen.stops() { "stopped at its calls about memory" } else { "not stopped at its calls" };
        eprintln!("pagescope: backend {}: the program is {how}", chosen.name);
    }
    let missing = chosen.lacks.iter().filter(|_| options.verbose || !chosen.tells_faults());
    missing.for_each(|lack| eprintln!("pagescope: {lack}"));
}

fn finish(options: &Options, session: Session, output: &Path) -> Result<()> {
    let (drift, remarks) = (session.drift, session.remarks.clone());
    let method = match (session.tells_calls(), options.backend) {
        (true, _) => "perf",
        (false, Backend::Auto) => "ptrace (perf is not to be had: -v says why)",
        (false, _) => "ptrace",
    };
    let (events, lost) = session.finish()?;
    if !options.quiet || drift + lost > 0 || !remarks.is_empty() {
        let told = output.display();
        let mut text =
            format!("pagescope: recorded {events} events by {method}; to see them: pagescope open {told}");
        for (count, what) in [(lost, "records were lost"), (drift, "times model and kernel differed")] {
            if count > 0 {
                text.push_str(&format!("\npagescope: {count} {what}"));
            }
        }
        remarks.iter().for_each(|remark| text.push_str(&format!("\npagescope: {remark}")));
        eprintln!("{text}");
    }
    Ok(())
}

/// A descriptor or two for every process that is followed; those that are started have been given their own limit.
fn allow_more_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, fewer are kept open.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn sees_frames() -> Result<bool> {
    Ok(Observer::of_this_process(sys::page_size()?)?.shows_frames())
}

fn default_output(program: &Path) -> PathBuf {
    let mut name = program.file_name().unwrap_or(program.as_os_str()).to_owned();
    name.push(".pscope");
    name.into()
}

fn header(options: &Options, command: Vec<String>, chosen: &Chosen) -> Result<Header> {
    let page_size = sys::page_size()?;
    let mut capabilities = vec![Capability::Calls, Capability::PageStates];
    if options.frames {
        capabilities.push(Capability::Frames);
    }
    if chosen.tells_faults() {
        capabilities.push(Capability::Faults);
    }
    Ok(Header {
        format: header::FORMAT.to_owned(),
        version: header::VERSION,
        page_size,
        arch: std::env::consts::ARCH.to_owned(),
        clock: "CLOCK_MONOTONIC".to_owned(),
        tool: Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            method: chosen.name.to_owned(),
        },
        command,
        capabilities,
        lesson: None,
        extra: serde_json::Map::new(),
    })
}
