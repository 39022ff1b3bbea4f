//! From a bare machine to a working one. What is there already is left alone.

use crate::run::{self, cargo, command};
use crate::versions::{TOOLS, Tool};
use crate::wasm::Way;
use crate::{apt, browser, debian, paths, reveal, std_source, tools, wasm};
use anyhow::{Context, Result, bail};
use std::fs::{self, File, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

/// How much is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What building the page needs.
    Page,
    /// And what the tests need.
    All,
}

/// Installs a thing; gets the label that its lines begin with.
type Install = dyn Fn(&str) -> Result<()> + Sync;

/// One thing a machine has or lacks.
struct Thing {
    name: String,
    /// How long it typically takes to install.
    typical: &'static str,
    /// Without it, something is left out rather than impossible: what.
    optional: Option<&'static str>,
    /// What is there, in a few words.
    find: Box<dyn Fn() -> Option<String> + Sync>,
    install: Box<Install>,
}

/// Only says what is there and what is missing.
pub(crate) fn check(fallback: bool) -> Result<()> {
    let things = things(Scope::All, fallback);
    let missing = survey(&things, true);
    let names: Vec<&str> = missing.iter().map(|t| t.name.trim()).collect();
    if !names.is_empty() {
        bail!("missing: {}; run: cargo xtask setup", names.join(", "));
    }
    Ok(())
}

/// Installs what is missing.
pub(crate) fn setup(scope: Scope, fallback: bool) -> Result<()> {
    if fallback {
        eprintln!("setup: --fallback, wasm is compiled by Debian's compiler");
    }
    let things = things(scope, fallback);
    if survey(&things, true).is_empty() {
        remark_browser(scope);
        return Ok(());
    }
    let _lock = lock()?;
    // Another setup may have installed some while this one waited for the lock.
    let missing = survey(&things, false);
    let failed = install(&missing);
    remark_browser(scope);
    if !failed.is_empty() {
        bail!(
            "not set up: {}; the lines above say what to do, then run the same command again",
            failed.join(", ")
        );
    }
    Ok(())
}

/// All at once: each waits for something else (the network, apt's disk, one slow crate).
/// Returns the names of what is needed and could not be installed.
fn install(missing: &[&Thing]) -> Vec<String> {
    thread::scope(|scope| {
        let running: Vec<_> = missing.iter().map(|thing| (thing, scope.spawn(|| thing.install()))).collect();
        let failed = running.into_iter().filter_map(|(thing, handle)| {
            let done = handle.join().unwrap_or(false);
            (!done).then(|| thing.name.trim().to_owned())
        });
        failed.collect()
    })
}

/// Says what is there, and returns what is not.
fn survey(things: &[Thing], say: bool) -> Vec<&Thing> {
    let found: Vec<Option<String>> = thread::scope(|scope| {
        let running: Vec<_> = things.iter().map(|t| scope.spawn(|| (t.find)())).collect();
        let found = running.into_iter().map(|h| h.join().ok().flatten());
        found.collect()
    });
    let mut missing = Vec::new();
    for (thing, found) in things.iter().zip(found) {
        match found {
            Some(what) if say => eprintln!("{}: there ({what})", thing.name),
            Some(_) => {}
            None => {
                if say {
                    eprintln!("{}: missing", thing.name);
                }
                missing.push(thing);
            }
        }
    }
    missing
}

impl Thing {
    /// Installs it; false if it is needed and cannot be had.
    fn install(&self) -> bool {
        let start = Instant::now();
        eprintln!("{}: installing, {}", self.name, self.typical);
        match ((self.install)(&self.name), self.optional) {
            (Ok(()), _) => {
                let seconds = start.elapsed().as_secs_f32();
                eprintln!("{}: done in {seconds:.1} s", self.name);
                true
            }
            (Err(e), None) => {
                eprintln!("{}: cannot: {e:#}", self.name);
                false
            }
            (Err(e), Some(left_out)) => {
                eprintln!("{}: cannot, so {left_out}: {e:#}", self.name);
                true
            }
        }
    }
}

fn things(scope: Scope, fallback: bool) -> Vec<Thing> {
    let mut things = vec![wasm_target(fallback)];
    things.extend(TOOLS.map(tool));
    // Debian's compiler has a library of its own.
    if wasm::ready(fallback) != Some(Way::Debian) && !fallback {
        things.push(library_source());
    }
    if scope == Scope::All {
        things.push(lints());
        things.push(c_compiler());
        things.push(chromium());
        things.push(reveal_js());
    }
    // The names in a column.
    let width = things.iter().map(|t| t.name.len()).max().unwrap_or(0);
    for thing in &mut things {
        thing.name = format!("{:width$}", thing.name);
    }
    things
}

fn wasm_target(fallback: bool) -> Thing {
    Thing {
        name: "wasm target".into(),
        typical: if fallback { debian::TYPICAL } else { "typically 5 seconds" },
        optional: None,
        find: Box::new(move || wasm::ready(fallback).map(|way| way.name().into())),
        install: Box::new(move |label| {
            let way = wasm::install(label, fallback)?;
            eprintln!("{label}: from now on by {}", way.name());
            Ok(())
        }),
    }
}

fn library_source() -> Thing {
    Thing {
        name: "library's source".into(),
        typical: "typically 5 seconds",
        optional: Some("the page is a tenth larger"),
        find: Box::new(|| std_source::is_ready().then(|| "the standard library's, for a small page".into())),
        install: Box::new(std_source::install),
    }
}

fn tool(tool: &'static Tool) -> Thing {
    Thing {
        name: format!("{} {}", tool.programs[0], tool.version),
        typical: tool.typical,
        optional: None,
        find: Box::new(|| tools::locate(tool).map(|bin| bin.display().to_string())),
        install: Box::new(|label| tools::install(label, tool)),
    }
}

fn lints() -> Thing {
    Thing {
        name: "rustfmt, clippy".into(),
        typical: "typically 5 seconds",
        optional: Some("the tests skip those stages"),
        find: Box::new(|| {
            let all = has_rustfmt() && has_clippy();
            all.then(|| "of the active toolchain".into())
        }),
        install: Box::new(|label| {
            let log = paths::cache()?.join("logs/components.log");
            let mut cmd = command("rustup");
            cmd.args(["component", "add", "rustfmt", "clippy"]);
            run::run_logged(label, &mut cmd, &log, Some(Duration::from_secs(60)))
        }),
    }
}

/// Whether `cargo fmt` works.
pub(crate) fn has_rustfmt() -> bool {
    run::capture(cargo().args(["fmt", "--version"])).is_some()
}

/// Whether `cargo clippy` works.
pub(crate) fn has_clippy() -> bool {
    run::capture(cargo().args(["clippy", "--version"])).is_some()
}

fn c_compiler() -> Thing {
    Thing {
        name: "C compiler".into(),
        typical: "typically 20 seconds",
        optional: None,
        find: Box::new(|| paths::find_program(&["cc"]).map(|p| p.display().to_string())),
        install: Box::new(|label| apt::install(label, &["gcc", "libc6-dev"])),
    }
}

fn chromium() -> Thing {
    Thing {
        name: "chromium, driver".into(),
        typical: "typically 30 seconds",
        optional: None,
        find: Box::new(|| browser::locate().map(|b| b.chrome.display().to_string())),
        install: Box::new(|label| apt::install(label, &browser::PACKAGES)),
    }
}

fn reveal_js() -> Thing {
    Thing {
        name: format!("reveal.js {}", reveal::VERSION),
        typical: "typically 5 seconds",
        optional: Some("the deck in docs/ is not tested"),
        find: Box::new(|| reveal::locate().map(|dist| dist.display().to_string())),
        install: Box::new(reveal::install),
    }
}

/// Building and the demo do without a browser of this machine's.
fn remark_browser(scope: Scope) {
    if scope == Scope::Page && browser::locate().is_none() {
        eprintln!("no chromium with chromedriver here: only the tests need them (cargo xtask setup)");
    }
}

/// Held while installing: two setups at once would compile everything twice.
fn lock() -> Result<File> {
    let cache = paths::cache()?;
    let path = cache.join("setup.lock");
    fs::create_dir_all(&cache)
        .and_then(|()| File::create(&path))
        .map_err(anyhow::Error::from)
        .and_then(|file| {
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                eprintln!("setup: another setup is running; waiting for it");
            }
            file.lock()?;
            Ok(file)
        })
        .with_context(|| {
            format!("cannot use the cache folder {}; name another one in PAGESCOPE_CACHE", cache.display())
        })
}
