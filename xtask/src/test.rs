//! The whole gate, stage by stage.

use crate::run::{self, cargo};
use crate::setup::{self, Scope};
use crate::versions::WASM_BINDGEN;
use crate::wasm::{self, Way};
use crate::{browser, page, paths, reveal, size, tools};
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::process::Command;
use std::time::Instant;

/// The crates that run in the page.
const WASM_PACKAGES: [&str; 4] = ["-p", "pagescope-shared", "-p", "pagescope-web"];

/// The other machine that the recorder is written for.
const OTHER: &str = "aarch64-unknown-linux-gnu";

/// One part of the tests, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    /// cargo fmt --check
    Fmt,
    /// The page's build, and its size against the budget
    Page,
    /// clippy on everything, compiled for this machine
    Clippy,
    /// clippy on the recorder, compiled for aarch64, where the toolchain has that
    Aarch64,
    /// clippy on the page's crates, compiled for wasm
    WasmClippy,
    /// The page's crates tested as wasm, in a headless browser
    Wasm,
    /// All other tests, the page in a real browser among them
    Native,
}

impl Stage {
    /// Whether it needs what setup installs, or only the toolchain.
    fn needs_setup(self) -> bool {
        !matches!(self, Stage::Fmt | Stage::Aarch64)
    }

    /// Whether it compiles the page into the binary.
    fn needs_page(self) -> bool {
        matches!(self, Stage::Clippy | Stage::Native)
    }

    /// The name on the command line.
    fn flag(self) -> String {
        self.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
    }

    fn run(self, way: Way) -> Result<()> {
        match self {
            Stage::Fmt if !setup::has_rustfmt() => skipped("no rustfmt"),
            Stage::Fmt => run::run(cargo().args(["fmt", "--all", "--check"])),
            Stage::Page => page::build(way).and_then(|library| size::gate(&paths::dist(), library)),
            Stage::Clippy if !setup::has_clippy() => skipped("no clippy"),
            Stage::Clippy => clippy(&["--workspace", "--all-features"]),
            Stage::Aarch64 if !setup::has_clippy() => skipped("no clippy"),
            Stage::Aarch64 if !wasm::has_target(OTHER) => {
                skipped(&format!("nothing here compiles for {OTHER}; rustup target add {OTHER} changes that"))
            }
            Stage::Aarch64 => clippy(&["-p", "pagescope", "--features", "oracle", "--target", OTHER]),
            Stage::WasmClippy if !setup::has_clippy() => skipped("no clippy"),
            // clippy reads the standard library of its own compiler only.
            Stage::WasmClippy if way == Way::Debian => {
                skipped("clippy of this toolchain has no wasm target; the fallback brings none")
            }
            Stage::WasmClippy => {
                let features = ["--features", "pagescope-shared/workloads", "--target", wasm::TARGET];
                clippy(&[&WASM_PACKAGES[..], &features].concat())
            }
            Stage::Wasm => wasm_tests(way),
            Stage::Native => native_tests(),
        }
    }
}

/// Runs the stages, or one; the last words are cargo test's own.
pub(crate) fn test(only: Option<Stage>, fallback: bool) -> Result<()> {
    let stages = match only {
        Some(stage) => plan(stage),
        None => Stage::value_variants().to_vec(),
    };
    let mut way = Way::Ordinary;
    if stages.iter().any(|s| s.needs_setup()) {
        heading("setup");
        setup::setup(Scope::All, fallback)?;
        way = wasm::require(fallback)?;
    }
    for stage in stages {
        let flag = stage.flag();
        heading(&flag);
        let start = Instant::now();
        stage.run(way).with_context(|| {
            let fallback = if fallback { " --fallback" } else { "" };
            format!("stage {flag} failed; alone: cargo xtask test --only {flag}{fallback}")
        })?;
        // Nothing after the last stage: its own last line stays the last.
        if stage != Stage::Native {
            eprintln!("{flag}: {:.1} s", start.elapsed().as_secs_f32());
        }
    }
    Ok(())
}

/// The page's tests in a browser that is not part of the gate.
pub(crate) fn in_browser(other: browser::Other, fallback: bool) -> Result<()> {
    other.require()?;
    setup::setup(Scope::Page, fallback)?;
    page::build(wasm::require(fallback)?)?;
    // WebKit cannot run without a display, and Firefox without one has other letters, and pixels between pixels.
    let mut cmd = run::command("xvfb-run");
    cmd.args(["-a", "-s", "-screen 0 2200x1300x24", "cargo"]);
    cmd.args(["test", "--locked", "-p", "pagescope", "--features", "page,oracle", "--test", "browser"])
        .env("PAGESCOPE_BROWSER", other.name());
    if let Some(dist) = reveal::locate() {
        cmd.env("PAGESCOPE_REVEAL", dist);
    }
    run::run(&mut cmd)
}

/// A stage with what it stands on.
fn plan(stage: Stage) -> Vec<Stage> {
    if stage.needs_page() { vec![Stage::Page, stage] } else { vec![stage] }
}

fn heading(title: &str) {
    eprintln!("\n=== {title}");
}

fn skipped(why: &str) -> Result<()> {
    eprintln!("SKIPPED: {why}");
    Ok(())
}

fn clippy(args: &[&str]) -> Result<()> {
    let mut cmd = cargo();
    cmd.args(["clippy", "--locked", "--all-targets"]).args(args).args(["--", "-D", "warnings"]);
    run::run(&mut cmd)
}

fn wasm_tests(way: Way) -> Result<()> {
    let browser = browser::require()?;
    let runner = tools::require(&WASM_BINDGEN)?.join(WASM_BINDGEN.programs[1]);
    let mut cmd = cargo();
    // No doc tests: they run natively, and each would be a wasm module of its own.
    cmd.args(["test", "--locked", "--lib", "--bins", "--tests"])
        .args(["--target", wasm::TARGET])
        .args(WASM_PACKAGES)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
        .env("CHROMEDRIVER", &browser.driver)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", browser.write_capabilities()?)
        // Where a test does not say itself where it runs; otherwise it would ask for Node.
        .env("WASM_BINDGEN_USE_BROWSER", "1");
    way.apply(&mut cmd)?;
    run::run(&mut cmd)
}

/// Unoptimized: compiling takes longer than running.
fn native_tests() -> Result<()> {
    let browser = browser::require()?;
    let mut cmd: Command = cargo();
    // The documentation holds no code to test; without it the last lines count real tests.
    cmd.args([
        "test",
        "--locked",
        "--workspace",
        "--features",
        "pagescope/page,pagescope/oracle",
        "--lib",
        "--bins",
        "--tests",
    ])
    .env("PAGESCOPE_CHROME", &browser.chrome)
    .env("PAGESCOPE_CHROMEDRIVER", &browser.driver);
    match reveal::locate() {
        Some(dist) => drop(cmd.env("PAGESCOPE_REVEAL", dist)),
        None => eprintln!("SKIPPED: the deck in docs/, for want of reveal.js"),
    }
    run::run(&mut cmd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_native_tests_come_last() {
        assert_eq!(Stage::value_variants().last(), Some(&Stage::Native));
    }

    #[test]
    fn a_stage_alone_brings_the_page_if_it_embeds_it() {
        assert_eq!(plan(Stage::Native), [Stage::Page, Stage::Native]);
        assert_eq!(plan(Stage::Fmt), [Stage::Fmt]);
        assert_eq!(Stage::WasmClippy.flag(), "wasm-clippy");
    }
}
