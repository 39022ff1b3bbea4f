//! The two ways to compile for wasm32, and which one is in use.
//!
//! The ordinary way is rustup's target. Its download host is not reachable from every network, so there
//! is a second way that needs only Debian's mirrors: see [`debian`].

use crate::run::{self, command};
use crate::{debian, paths};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The page's target.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// How long rustup may take: three seconds is usual, and a network that swallows packets answers never.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// How wasm is compiled here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The active toolchain has the target.
    Ordinary,
    /// Debian's compiler, with a standard library built by setup.
    Debian,
}

/// The way that is ready to use; `fallback` asks for Debian's and takes no other.
pub(crate) fn ready(fallback: bool) -> Option<Way> {
    choose(fallback, || has_target(TARGET), debian::is_ready)
}

/// As [`ready`], for commands that cannot go on without.
pub(crate) fn require(fallback: bool) -> Result<Way> {
    let flag = if fallback { " --fallback" } else { "" };
    ready(fallback)
        .with_context(|| format!("nothing here compiles for {TARGET}; run: cargo xtask setup{flag}"))
}

fn choose(fallback: bool, ordinary: impl Fn() -> bool, debian: impl Fn() -> bool) -> Option<Way> {
    if !fallback && ordinary() { Some(Way::Ordinary) } else { debian().then_some(Way::Debian) }
}

/// Whether the active toolchain has a standard library for a target, whoever put it there.
pub(crate) fn has_target(target: &str) -> bool {
    let args = ["--print", "target-libdir", "--target", target];
    let Some(dir) = run::capture(command("rustc").args(args)) else {
        return false;
    };
    let Ok(files) = fs::read_dir(dir.trim()) else {
        return false;
    };
    files.flatten().any(|f| f.file_name().to_string_lossy().starts_with("libstd-"))
}

/// Makes a way ready: rustup's, and if that fails Debian's.
pub(crate) fn install(label: &str, fallback: bool) -> Result<Way> {
    if fallback {
        debian::install(label)?;
        return Ok(Way::Debian);
    }
    let Err(rustup) = add_target(label) else {
        return Ok(Way::Ordinary);
    };
    eprintln!("{label}: {rustup:#}");
    eprintln!("{label}: taking Debian's compiler instead, {}", debian::TYPICAL);
    debian::install(label).context(format!(
        "neither way works: put wasm into this toolchain by hand (rustup target add {TARGET}), \
         or make Debian's packages installable"
    ))?;
    Ok(Way::Debian)
}

fn add_target(label: &str) -> Result<()> {
    if paths::find_program(&["rustup"]).is_none() {
        bail!("no rustup on PATH");
    }
    let log = paths::cache()?.join("logs/rustup.log");
    let mut cmd = command("rustup");
    cmd.args(["target", "add", TARGET]);
    run::run_logged(label, &mut cmd, &log, Some(RUSTUP_LIMIT))?;
    if !has_target(TARGET) {
        bail!("rustup added the target to another toolchain than the one in use");
    }
    Ok(())
}

impl Way {
    /// The target folder of wasm builds: one per compiler, or each would throw away the other's work.
    pub(crate) fn target_dir(self) -> Result<PathBuf> {
        let target = paths::target()?;
        Ok(match self {
            Way::Ordinary => target,
            Way::Debian => target.join("fallback"),
        })
    }

    /// Prepares a command that compiles for wasm (with `--target`), and for nothing else.
    pub(crate) fn apply(self, cmd: &mut Command) -> Result<()> {
        cmd.env("CARGO_TARGET_DIR", self.target_dir()?);
        if self == Way::Debian {
            debian::apply(cmd)?;
        }
        Ok(())
    }

    /// In words, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Ordinary => "the active toolchain's target",
            Way::Debian => "the fallback, Debian's compiler",
        }
    }
}

/// The folder of a target's files inside a target folder.
pub(crate) fn deps(target_dir: &Path, profile: &str) -> PathBuf {
    target_dir.join(TARGET).join(profile).join("deps")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ordinary_way_is_taken_unless_another_is_asked_for() {
        let check = |fallback, ordinary, debian, expect| {
            let got = choose(fallback, || ordinary, || debian);
            assert_eq!(got, expect, "{fallback} {ordinary} {debian}");
        };
        check(false, true, true, Some(Way::Ordinary));
        check(false, true, false, Some(Way::Ordinary));
        check(false, false, true, Some(Way::Debian));
        check(false, false, false, None);
        check(true, true, true, Some(Way::Debian));
        check(true, true, false, None);
    }
}
