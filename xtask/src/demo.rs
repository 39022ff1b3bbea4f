//! Running the first lesson for a person to look at.

use crate::run::{self, command, shown};
use crate::setup::{self, Scope};
use crate::{page, paths, wasm};
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The lesson that is shown.
const LESSON: &str = "hello";

/// What `demo` was asked for.
pub(crate) struct Demo {
    /// All but the serving.
    pub once: bool,
    /// The port to serve on.
    pub port: Option<u16>,
    /// Do not start a browser.
    pub no_browser: bool,
}

/// From a bare machine to the page with a recording in it. Without `once` it ends when the server does.
pub(crate) fn demo(options: &Demo, fallback: bool) -> Result<()> {
    setup::setup(Scope::Page, fallback)?;
    let binary = page::build_all(wasm::require(fallback)?)?;
    let trace = paths::target()?.join("demo/hello.jsonl");
    record(&binary, &trace, &paths::root())?;

    let mut open = Command::new(&binary);
    open.arg("open").arg(&trace).current_dir(paths::root());
    if let Some(port) = options.port {
        open.arg("--port").arg(port.to_string());
    }
    if options.no_browser {
        open.arg("--no-browser");
    }
    if options.once {
        eprintln!("to look at it: {}", shown(&open));
        return Ok(());
    }
    // In xtask's place, so that Ctrl-C and the exit status are the server's own.
    Err(open.exec()).with_context(|| format!("cannot start `{}`", shown(&open)))
}

fn record(binary: &Path, trace: &Path, folder: &Path) -> Result<()> {
    if let Some(dir) = trace.parent() {
        fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let mut cmd = command(binary);
    cmd.args(["lesson", "run", LESSON, "-o"])
        .arg(trace)
        .current_dir(folder)
        // `cargo run` set it, and the recorded program would look for its libraries there.
        .env_remove("LD_LIBRARY_PATH");
    run::run(&mut cmd)?;
    eprintln!("recorded {}", trace.display());
    Ok(())
}
