//! Recorders side by side: what each adds to the same programs, in the same run, one after the other in turn.

mod contenders;
mod measure;
mod report;

use crate::paths;
use crate::run::{self, cargo, command};
use anyhow::{Context, Result, bail};
use contenders::Contender;
use measure::{Run, Runs};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// A program, and how often it is run under each contender.
pub(super) struct Workload {
    pub name: &'static str,
    /// What it does, in a few words.
    what: &'static str,
    command: Vec<OsString>,
    rounds: u32,
    /// Who would take too long.
    without: &'static [Contender],
}

/// Measures all workloads whose names contain `filter`; prints one table each, and the budgets.
pub(super) fn bench(filter: &str) -> Result<()> {
    if let Some(load) = load().filter(|load| *load > 0.5) {
        println!("the machine is busy (load {load}): this measures what else it does, too\n");
    }
    let scratch = paths::target()?.join("bench/record");
    fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
    let pagescope = build()?;
    let mut all = Vec::new();
    for workload in workloads(&scratch)?.into_iter().filter(|w| w.name.contains(filter)) {
        eprintln!("{}: {}", workload.name, workload.what);
        let runs = measured(&workload, &pagescope, &scratch)?;
        println!("{}", report::table(workload.name, workload.what, &runs));
        all.push((workload.name, runs));
    }
    if all.is_empty() {
        bail!("there is no workload whose name contains {filter:?}");
    }
    println!("{}", report::budgets(&all));
    Ok(())
}

/// How many others ran in the last minute, on average: proc_loadavg(5).
fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// The program that is measured, as it is released, but without the page.
fn build() -> Result<PathBuf> {
    let mut cmd = cargo();
    run::run(cmd.args(["build", "--locked", "--release", "-p", "pagescope"]))?;
    Ok(paths::target()?.join("release/pagescope"))
}

fn workloads(scratch: &Path) -> Result<Vec<Workload>> {
    let source = paths::root().join("xtask/src/bench/record/programs.c");
    let ours = scratch.join("programs");
    let cc = paths::find_program(&["cc", "gcc"]).context("no C compiler on PATH")?;
    run::run(command(&cc).args(["-O1", "-Wall", "-Wextra", "-o"]).arg(&ours).arg(&source))?;
    let usual = scratch.join("usual.c");
    fs::write(&usual, usual_source()).with_context(|| usual.display().to_string())?;
    let program = |args: &[&str]| -> Vec<OsString> {
        std::iter::once(ours.clone().into()).chain(args.iter().map(OsString::from)).collect()
    };
    let strace: &[Contender] = &[Contender::Strace, Contender::StracePinned];
    let mut all = vec![
        Workload {
            name: "true",
            what: "/bin/true: what it costs to start and to stop",
            command: vec!["/bin/true".into()],
            rounds: 11,
            without: &[],
        },
        Workload {
            name: "storm",
            what: "20,000 x (mmap 16 pages, touch 4, munmap)",
            command: program(&["storm", "20000"]),
            rounds: 5,
            without: &[],
        },
        Workload {
            name: "long-storm",
            what: "200,000 x the same; strace would take a minute",
            command: program(&["storm", "200000"]),
            rounds: 3,
            without: strace,
        },
        Workload {
            name: "touch",
            what: "256 MiB touched page by page",
            command: program(&["touch", "65536"]),
            rounds: 5,
            without: &[],
        },
        Workload {
            name: "getppid",
            what: "2,000,000 x getppid: no call about memory",
            command: program(&["getppid", "2000000"]),
            rounds: 7,
            without: &[],
        },
        Workload {
            name: "gcc",
            what: "gcc -O2 compiles a C file of 450 lines",
            command: [cc.into(), "-O2".into(), "-c".into(), usual.into(), "-o".into(), "/dev/null".into()]
                .into(),
            rounds: 7,
            without: &[],
        },
    ];
    match python() {
        Some(python) => all.push(Workload {
            name: "python",
            what: "python3 imports json, ssl, asyncio, decimal",
            command: vec![python.into(), "-c".into(), "import json, ssl, asyncio, decimal".into()],
            rounds: 9,
            without: &[],
        }),
        None => println!("python: MISSING: no python3 on PATH"),
    }
    Ok(all)
}

/// What a compiler ordinarily gets: headers, and functions of ten lines.
fn usual_source() -> String {
    let function = |i: u32| {
        format!(
            "static int step_{i}(const char *text, int *counts, size_t len) {{
    int found = {i};
    for (size_t at = 0; at < len; at++) {{
        if (text[at] == 'a' + {i} % 26) counts[at % 64] += found++;
        else if (strchr(text + at, {i} % 128)) found ^= counts[(at + {i}) % 64];
        switch (counts[at % 64] % 5) {{ case 0: found += 3; break; case 1: found *= 7; break; default: found--; }}
    }}
    if (found > {i} * 1000) fprintf(stderr, \"%d\\n\", found);
    return found;
}}
"
        )
    };
    let call = |i: u32| format!("    sum += step_{i}(text, counts, strlen(text));\n");
    let head = "#include <errno.h>\n#include <math.h>\n#include <pthread.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n";
    let functions: String = (0..40).map(function).collect();
    let calls: String = (0..40).map(call).collect();
    format!(
        "{head}{functions}int all(const char *text) {{\n    int sum = 0, counts[64] = {{0}};\n{calls}    return sum;\n}}\n"
    )
}

/// The interpreter itself, not a script that looks for one.
fn python() -> Option<String> {
    let print = "import sys; print(sys.executable)";
    Some(run::capture(command("python3").args(["-c", print]))?.trim().to_owned())
}

/// Every contender in turn, round by round.
fn measured(workload: &Workload, pagescope: &Path, scratch: &Path) -> Result<Vec<Runs>> {
    let taking_part = contenders::ALL.iter().filter(|c| !workload.without.contains(c));
    let mut all: Vec<Runs> = taking_part.map(|contender| Runs::new(*contender)).collect();
    for round in 0..workload.rounds {
        for one in &mut all {
            if let Err(why) =
                Run::of(one.contender, &workload.command, pagescope, scratch).map(|run| one.runs.push(run))
            {
                if one.contender == Contender::Bare {
                    return Err(why);
                }
                // Said in the table; the rest stands.
                one.missing.get_or_insert(format!("{why:#}"));
            }
        }
        // The first round only warms the page cache.
        if round == 0 {
            all.iter_mut().for_each(|one| one.runs.clear());
        }
    }
    Ok(all)
}
