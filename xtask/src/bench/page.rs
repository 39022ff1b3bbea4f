//! The page in a real browser: how soon a long trace is there, how quick it is to move in, beside a page that has one
//! element for each range.

use super::webdriver::Driver;
use crate::run::{self, cargo, command};
use crate::size::{DESIGN, grouped, measure};
use crate::wasm::Way;
use crate::{page, paths};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// How long the long trace is, in events.
const EVENTS: u64 = 10_000_000;
/// How many pages the wide one shows.
const PAGES: u64 = 1 << 22;
/// Ranges that our view and elements are compared at.
const RANGES: [u64; 3] = [1_000, 10_000, 100_000];

/// Measures and prints a table.
pub(super) fn bench(way: Way) -> Result<()> {
    let program = page::build_all(way)?;
    let folder = paths::target()?.join("bench/page");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let long = made(&folder, &["server", &EVENTS.to_string()])?;
    let driver = Driver::start(include_str!("page.js"))?;
    let mut rows = Rows::default();

    {
        let served = Served::start(&program, &long)?;
        driver.goto(&served.url)?;
        let load = driver.run("return bench.load()", &json!([]))?;
        let what = format!("{} events: first picture", grouped(EVENTS));
        rows.add(&what, &load["shown"], 1000.0);
        rows.add("  all of it gone through", &load["whole"], 5000.0);
        rows.add("  the longest frame until then", &load["frames"]["most"], 16.0);
        let seeks = driver.run("return bench.seeks(50)", &json!([]))?;
        rows.add("  seek anywhere, median of 50", &seeks["median"], 16.0);
        rows.add("  seek anywhere, most", &seeks["most"], 16.0);
    }
    let frames = |ranges: u64| -> Result<Value> {
        let trace = made(&folder, &["patchwork", &PAGES.to_string(), &ranges.to_string()])?;
        let served = Served::start(&program, &trace)?;
        driver.goto(&served.url)?;
        driver.run("await bench.load(); return bench.frames(120)", &json!([]))
    };
    let mut compared = Vec::new();
    for ranges in RANGES {
        let ours = frames(ranges)?;
        driver.goto("data:text/html,<!doctype html><body>")?;
        let theirs = driver.run("return bench.elements(args[0], 10)", &json!([ranges]))?;
        compared.push((ranges, ours, theirs));
    }
    if let Some((ranges, ours, _)) = compared.last() {
        let what = format!("a frame at {} pages in {} ranges, median", grouped(PAGES), grouped(*ranges));
        rows.add(&what, &ours["median"], 4.0);
        rows.add("  most", &ours["most"], 16.0);
    }
    let wasm = measure(&paths::dist())?.gzip;
    rows.line("wasm, gzip -9, bytes", &grouped(wasm), &grouped(DESIGN), wasm <= DESIGN);
    println!("\n{:58}{:>14}{:>12}", "milliseconds", "measured", "at most");
    print!("{}", rows.0);
    println!(
        "\nA frame while the camera moves, beside a page with an element for each range (milliseconds)\n"
    );
    println!("{:>10}{:>14}{:>14}{:>14}{:>10}", "ranges", "pagescope", "elements", "made in", "ratio");
    for (ranges, ours, theirs) in compared {
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        let (ours, theirs, made) =
            (number(&ours["median"]), number(&theirs["median"]), number(&theirs["made"]));
        let ranges = grouped(ranges);
        println!("{ranges:>10}{ours:>14.2}{theirs:>14.2}{made:>14.1}{:>10.1}", theirs / ours.max(0.05));
    }
    Ok(())
}

/// Lines of the table.
#[derive(Default)]
struct Rows(String);

impl Rows {
    fn add(&mut self, what: &str, measured: &Value, most: f64) {
        let measured = measured.as_f64().unwrap_or(f64::NAN);
        self.line(what, &format!("{measured:.1}"), &format!("{most:.0}"), measured <= most);
    }

    fn line(&mut self, what: &str, measured: &str, most: &str, good: bool) {
        let verdict = if good { "" } else { "  over" };
        self.0.push_str(&format!("{what:58}{measured:>14}{most:>12}{verdict}\n"));
    }
}

/// A made-up trace, made once.
fn made(folder: &Path, what: &[&str]) -> Result<PathBuf> {
    let trace = folder.join(format!("{}.pscope", what.join("-")));
    if trace.exists() {
        return Ok(trace);
    }
    eprintln!("making {}", trace.display());
    let unfinished = trace.with_extension("incomplete");
    let mut cmd = cargo();
    cmd.args(["run", "--locked", "--release", "--quiet", "-p", "pagescope-shared"])
        .args(["--features", "workloads", "--example", "long_trace", "--"])
        .arg(&unfinished)
        .args(what);
    run::run(&mut cmd)?;
    fs::rename(&unfinished, &trace).with_context(|| trace.display().to_string())?;
    Ok(trace)
}

/// The product, serving a trace.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(program: &Path, trace: &Path) -> Result<Self> {
        let mut cmd = command(program);
        let mut child = cmd.args(["open", "--no-browser"]).arg(trace).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().context("no output of the server")?;
        BufReader::new(out).read_line(&mut line)?;
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.with_context(|| format!("the server says no address: {line:?}"))?.to_owned();
        Ok(Self { child, url })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
