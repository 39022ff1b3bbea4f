//! Speed, measured here and now, beside a baseline in the same run: numbers of two runs are not to be compared.

mod page;
mod record;
mod results;
mod webdriver;

use crate::run::{self, cargo, command};
use crate::versions::WASM_BINDGEN;
use crate::{paths, tools, wasm};
use anyhow::{Context, Result};
use clap::ValueEnum;
use results::{Measured, Table};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// The model following events, here and as wasm in Node
    Model,
    /// The page in a browser: opening ten million events, moving in them, drawing four million pages
    Page,
    /// Recording programs, beside strace and perf record: needs root for all of it
    Record,
}

/// Runs the benches of a subject whose names contain `filter`, and prints one table.
pub(crate) fn bench(subject: Subject, filter: Option<&str>, fallback: bool) -> Result<()> {
    match subject {
        Subject::Model => model(filter.unwrap_or_default(), fallback),
        Subject::Page => page::bench(wasm::require(fallback)?),
        Subject::Record => record::bench(filter.unwrap_or_default()),
    }
}

fn model(filter: &str, fallback: bool) -> Result<()> {
    let native = criterion("pagescope-shared", "workloads", "model", filter)?;
    let mut table = Table::new("pagescope", "rangemap");
    table.add("native", Ok(native));
    // What cannot be measured here is said in the table, and the rest stands.
    table.add("wasm", in_node(filter, fallback));
    println!("{table}");
    Ok(())
}

/// A criterion bench, with its results in a folder of its own that holds nothing older.
fn criterion(package: &str, features: &str, bench: &str, filter: &str) -> Result<Vec<Measured>> {
    let home = paths::target()?.join("bench").join(bench);
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| home.display().to_string())?;
    }
    // A filter may leave nothing to measure by criterion: then there are no results, which is no error.
    fs::create_dir_all(&home).with_context(|| home.display().to_string())?;
    let mut cmd = cargo();
    cmd.args(["bench", "--locked", "-p", package, "--features", features, "--bench", bench])
        .args(["--", filter])
        .env("CRITERION_HOME", &home);
    run::run(&mut cmd)?;
    results::of_criterion(&home)
}

/// The same workloads as wasm, compiled as the page is.
fn in_node(filter: &str, fallback: bool) -> Result<Vec<Measured>> {
    let node = paths::find_program(&["node", "nodejs"]).context("no node on PATH")?;
    let module = wasm_module(fallback)?;
    let script = paths::root().join("xtask/src/bench/model.cjs");
    let mut cmd = command(node);
    cmd.arg(script).arg(module).arg(filter).stderr(Stdio::inherit());
    let printed = run::capture(&mut cmd).with_context(|| format!("`{}` failed", run::shown(&cmd)))?;
    results::of_lines(&printed)
}

fn wasm_module(fallback: bool) -> Result<PathBuf> {
    let way = wasm::require(fallback)?;
    let bindgen = tools::require(&WASM_BINDGEN)?.join(WASM_BINDGEN.programs[0]);
    let mut cmd = cargo();
    cmd.args(["build", "--locked", "--profile", "page", "--target", wasm::TARGET]).args([
        "-p",
        "pagescope-shared",
        "--features",
        "workloads",
        "--example",
        "bench_wasm",
    ]);
    way.apply(&mut cmd)?;
    run::run(&mut cmd)?;
    let built = way.target_dir()?.join(wasm::TARGET).join("page/examples/bench_wasm.wasm");
    let out = paths::target()?.join("bench/wasm");
    let mut cmd = command(bindgen);
    cmd.args(["--target", "nodejs", "--no-typescript", "--out-dir"]).arg(&out).arg(built);
    run::run(&mut cmd)?;
    Ok(out.join("bench_wasm.js"))
}
