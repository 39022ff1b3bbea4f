//! The page with the standard library compiled from its source: a tenth smaller on the wire.
//!
//! The library as rustup brings it was compiled for speed, and carries what formats a panic's words. Compiled with the page it is
//! small, and a panic is a trap without words: `index.html` tells the person. Cargo calls this unstable, so it is used where it
//! works, and the ordinary library everywhere else.

use crate::paths;
use crate::run::{self, cargo, command};
use crate::wasm::TARGET;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What rustc gets for everything in the page.
const FLAGS: [&str; 3] = ["-Zunstable-options", "-Cpanic=immediate-abort", "-Zlocation-detail=none"];

/// Whether the source is there, and the compiler of an age that knows the flags.
pub(crate) fn is_ready() -> bool {
    library().is_some_and(|library| library.join("Cargo.lock").exists()) && knows_flags()
}

/// Where the source is, if it is.
fn library() -> Option<PathBuf> {
    let sysroot = run::capture(command("rustc").args(["--print", "sysroot"]))?;
    Some(Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library"))
}

fn knows_flags() -> bool {
    let mut cmd = command("rustc");
    cmd.args(FLAGS).args(["--target", TARGET, "--print", "target-libdir"]).env("RUSTC_BOOTSTRAP", "1");
    run::capture(&mut cmd).is_some()
}

/// Brings the source, by rustup.
pub(crate) fn install(label: &str) -> Result<()> {
    if paths::find_program(&["rustup"]).is_none() {
        bail!("no rustup on PATH");
    }
    if !knows_flags() {
        bail!("this rustc does not know {}; rustup update brings one that does", FLAGS[1]);
    }
    let log = paths::cache()?.join("logs/rust-src.log");
    let mut cmd = command("rustup");
    cmd.args(["component", "add", "rust-src"]);
    run::run_logged(label, &mut cmd, &log, Some(Duration::from_secs(60)))?;
    if !is_ready() {
        bail!("rustup added the source to another toolchain than the one in use");
    }
    Ok(())
}

/// Downloads the crates that the library itself is made of; whether they are all there now.
pub(crate) fn fetch() -> Result<bool> {
    let Some(manifest) = library().map(|library| library.join("Cargo.toml")) else { return Ok(false) };
    // Of the library's own workspace: of ours, cargo fetches only what our crates name.
    let fetch = |args: &[&str]| -> Command {
        let mut cmd = cargo();
        cmd.args(["fetch", "--locked", "--quiet", "--target", TARGET, "--manifest-path"]).arg(&manifest);
        cmd.args(args).env("RUSTC_BOOTSTRAP", "1");
        cmd
    };
    // Without a network they may be there already.
    Ok(run::capture(&mut fetch(&["--offline"])).is_some() || run::run(&mut fetch(&[])).is_ok())
}

/// Prepares a command that compiles the page (with `--target`), and nothing else.
pub(crate) fn apply(cmd: &mut Command) -> Result<()> {
    // As environment, because it is trunk that calls cargo. Encoded: it wins over a RUSTFLAGS of the person's.
    cmd.env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
        .env("CARGO_UNSTABLE_BUILD_STD_FEATURES", "optimize_for_size")
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
        // Other flags throw away what was compiled before.
        .env("CARGO_TARGET_DIR", paths::target()?.join("page-std"));
    Ok(())
}
