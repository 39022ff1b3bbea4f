//! Set-up, build, demo and tests of pagescope: `cargo xtask --help`.

mod apt;
mod bench;
mod browser;
mod debian;
mod demo;
mod gallery;
mod page;
mod paths;
mod reveal;
mod run;
mod setup;
mod size;
mod std_source;
mod strip;
mod test;
mod tools;
mod versions;
mod wasm;
mod zoo;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Set-up, build, demo and tests of pagescope
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo                   from a bare machine to the page in your browser
  cargo xtask test                   everything that has to pass before a commit
  cargo xtask test --only native     one stage of it
  cargo xtask fuzz-kernel --sequences 200000 --seed 7
  cargo xtask bench model            how fast the model is, here and in the page's runtime
  cargo xtask bench page             the page with ten million events, in a browser
  cargo xtask bench record storm     what recording costs, beside strace and perf record
  cargo xtask zoo                    real programs, recorded: are the traces right?
  cargo xtask setup --check          what this machine has, and what it lacks
  cargo xtask trunk serve            the page, rebuilt at every change

Tools are compiled into PAGESCOPE_CACHE, else XDG_CACHE_HOME/pagescope, else ~/.cache/pagescope;
remove that folder to be rid of them.";

#[derive(Subcommand)]
enum Command {
    /// Install what is missing: wasm target, trunk, wasm-bindgen, and for the tests Chromium
    Setup {
        #[command(flatten)]
        wasm: Fallback,
        /// Install nothing, only say what is missing
        #[arg(long)]
        check: bool,
    },
    /// Build the page into dist/ and the release binary that carries it
    Build {
        #[command(flatten)]
        wasm: Fallback,
    },
    /// Run the pinned trunk, with the tools it needs
    Trunk {
        /// What trunk gets, for example: serve
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Set up, build, record the first lesson and show it in the browser
    Demo {
        #[command(flatten)]
        wasm: Fallback,
        /// All but serving the page, for scripts
        #[arg(long)]
        once: bool,
        /// The port to serve on
        #[arg(long)]
        port: Option<u16>,
        /// Do not start a browser, only say the address
        #[arg(long)]
        no_browser: bool,
    },
    /// Set up, then run all tests and lints
    Test {
        #[command(flatten)]
        wasm: Fallback,
        /// Run one stage only
        #[arg(long, value_name = "STAGE")]
        only: Option<test::Stage>,
        /// Only the tests of the page, in this browser, which has to be there
        #[arg(long, conflicts_with = "only")]
        browser: Option<browser::Other>,
    },
    /// Hold the model to the running kernel: random sequences of real calls, compared after every one
    FuzzKernel {
        /// How many sequences
        #[arg(long, default_value_t = 20_000)]
        sequences: u32,
        /// The same seed makes the same sequences
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Where the shortest sequence that differs is written, as a trace
        #[arg(long, default_value = "mismatch.jsonl")]
        out: PathBuf,
    },
    /// Measure speed, beside a baseline in the same run
    Bench {
        #[command(flatten)]
        wasm: Fallback,
        /// What is measured
        subject: bench::Subject,
        /// Only the workloads whose names contain this
        filter: Option<String>,
    },
    /// Record real programs in every way, and look whether the traces are right and the programs undisturbed
    Zoo {
        /// Only the programs whose names contain this
        filter: Option<String>,
        /// Keep the traces, in target/zoo
        #[arg(long)]
        keep: bool,
        /// This recorder, instead of one that is built for it
        #[arg(long, value_name = "FILE")]
        pagescope: Option<PathBuf>,
    },
    /// Perform lessons and record them anew for the page, with a picture of each
    Gallery {
        /// Only these; without, all of them. Pictures and list are always made anew
        #[arg(value_name = "LESSON")]
        only: Vec<String>,
        /// None of them: only pictures and list
        #[arg(long, conflicts_with = "only")]
        pictures: bool,
        /// By this binary, instead of one that is built for it
        #[arg(long, value_name = "FILE")]
        pagescope: Option<PathBuf>,
    },
}

#[derive(Args)]
struct Fallback {
    /// Compile wasm with Debian's compiler even where rustup's target is there
    #[arg(long)]
    fallback: bool,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("xtask: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Setup { wasm, check: true } => setup::check(wasm.fallback),
        Command::Setup { wasm, .. } => setup::setup(setup::Scope::All, wasm.fallback),
        Command::Build { wasm } => {
            setup::setup(setup::Scope::Page, wasm.fallback)?;
            page::build_all(wasm::require(wasm.fallback)?).map(drop)
        }
        Command::Trunk { args } => run::run(page::trunk(wasm::require(false)?)?.args(args)),
        Command::Demo { wasm, once, port, no_browser } => {
            let options = demo::Demo { once, port, no_browser };
            demo::demo(&options, wasm.fallback)
        }
        Command::Test { wasm, browser: Some(browser), .. } => test::in_browser(browser, wasm.fallback),
        Command::Test { wasm, only, .. } => test::test(only, wasm.fallback),
        Command::FuzzKernel { sequences, seed, out } => {
            let mut cmd = run::cargo();
            cmd.args(["run", "--locked", "--release", "-p", "pagescope", "--features", "oracle", "--"])
                .args(["oracle", "fuzz", "--sequences", &sequences.to_string(), "--seed", &seed.to_string()])
                .arg("--out")
                .arg(out);
            run::run(&mut cmd)
        }
        Command::Bench { wasm, subject, filter } => bench::bench(subject, filter.as_deref(), wasm.fallback),
        Command::Zoo { filter, keep, pagescope } => {
            zoo::visit(filter.as_deref().unwrap_or_default(), keep, pagescope)
        }
        Command::Gallery { only, pictures, pagescope } => {
            let wanted = |name: &str| !pictures && (only.is_empty() || only.iter().any(|one| one == name));
            gallery::record(pagescope, &wanted)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn trunk_gets_its_flags_unread() {
        for line in ["cargo-xtask trunk serve --port 1", "cargo-xtask trunk -- serve --port 1"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            let Command::Trunk { args } = cli.command else {
                panic!("{line}");
            };
            assert_eq!(args, ["serve", "--port", "1"]);
        }
    }
}
