//! Running other programs: cleaned environment, errors that show the command, long ones with a sign of life.

use crate::paths;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a long, quiet command is said to be still going.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);
/// How much of a failed command's output is shown.
const TAIL_LINES: usize = 25;

/// A command in the checkout's top folder.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut cmd = Command::new(program);
    cmd.current_dir(paths::root());
    // What `cargo run` tells xtask about xtask's own package is wrong for every other package,
    // and makes some build scripts run again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cmd.env_remove(&*name);
        }
    }
    // Any value means "no colour" (no-color.org), but trunk 0.21 takes only the words true and false.
    match std::env::var_os("NO_COLOR") {
        Some(v) if !v.is_empty() => cmd.env("NO_COLOR", "true"),
        _ => cmd.env_remove("NO_COLOR"),
    };
    cmd
}

/// The cargo on PATH: the one that trunk runs, too.
pub(crate) fn cargo() -> Command {
    command("cargo")
}

/// The command as one would type it, for messages.
pub(crate) fn shown(cmd: &Command) -> String {
    let words = std::iter::once(cmd.get_program()).chain(cmd.get_args());
    let words: Vec<_> = words.map(|w| w.to_string_lossy()).collect();
    words.join(" ")
}

/// Runs a command whose output the person sees.
pub(crate) fn run(cmd: &mut Command) -> Result<()> {
    let status = cmd.status().with_context(|| format!("cannot start `{}`", shown(cmd)))?;
    succeeded(cmd, status)
}

/// What a command prints, if it can be run and succeeds.
pub(crate) fn capture(cmd: &mut Command) -> Option<String> {
    let output = cmd.stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

/// Runs a command with its output in `log`: says now and then that it still goes, ends it at the
/// time limit, and shows the log's tail if it fails.
pub(crate) fn run_logged(label: &str, cmd: &mut Command, log: &Path, limit: Option<Duration>) -> Result<()> {
    if let Some(dir) = log.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let err = out.try_clone()?;
    let start = Instant::now();
    let mut child = cmd
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .with_context(|| format!("cannot start `{}`", shown(cmd)))?;
    let mut said = start;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if limit.is_some_and(|l| start.elapsed() > l) {
            child.kill()?;
            child.wait()?;
            let seconds = start.elapsed().as_secs();
            bail!("`{}` had no answer for {seconds} s, ended", shown(cmd));
        }
        if said.elapsed() >= SIGN_OF_LIFE {
            said = Instant::now();
            let seconds = start.elapsed().as_secs();
            eprintln!("{label}: still going, {seconds} s{}", crates_so_far(log));
        }
        thread::sleep(Duration::from_millis(50));
    };
    succeeded(cmd, status).with_context(|| tail(log))
}

fn succeeded(cmd: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("`{}`: {status}", shown(cmd))
}

/// How far cargo is, from its own output: it does not say how many crates there will be.
fn crates_so_far(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    match text.matches(" Compiling ").count() {
        0 => String::new(),
        n => format!(", {n} crates begun"),
    }
}

/// The log's last lines.
fn tail(log: &Path) -> String {
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(log) {
        let len = file.metadata().map_or(0, |m| m.len());
        let _ = file.seek(SeekFrom::Start(len.saturating_sub(8192)));
        let _ = file.read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    format!("its last words ({}):\n{}\n", log.display(), last.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn log(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("pagescope-xtask-{name}-{}.log", std::process::id()))
    }

    #[test]
    fn a_failed_command_shows_its_last_words() {
        let log = log("fail");
        let mut cmd = command("sh");
        cmd.args(["-c", "echo to stdout; echo to stderr >&2; exit 3"]);
        let error = run_logged("test", &mut cmd, &log, None).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("to stdout\nto stderr") && text.contains("exit status: 3"), "{text}");
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn a_command_that_hangs_is_ended_at_the_limit() {
        let log = log("hang");
        let start = Instant::now();
        let limit = Some(Duration::from_millis(200));
        let mut cmd = command("sleep");
        let error = run_logged("test", cmd.arg("60"), &log, limit).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(format!("{error:#}").contains("sleep 60"), "{error:#}");
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut command("pagescope-no-such-program")).unwrap_err();
        assert!(format!("{error:#}").contains("pagescope-no-such-program"));
    }
}
