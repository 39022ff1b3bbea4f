//! The command line.

use crate::{convert, lesson, recorder, server, snapshot, trace};
use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use std::io::Write;
use std::path::PathBuf;

/// A microscope for virtual memory: performs and records what the kernel does with pages, and shows it.
#[derive(Parser)]
#[command(version, max_term_width = 100, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  pagescope lesson run hello         perform the first lesson and record it in hello.jsonl
  pagescope record -o py.pscope -- python3 -c 'import json'
                                     record a program
  pagescope open py.pscope           look at it in the browser";

#[derive(Subcommand)]
enum Command {
    /// Lessons: short programs that use memory for real
    #[command(subcommand, arg_required_else_help = true, after_help = LESSON_EXAMPLES)]
    Lesson(Lesson),
    /// Record a program: its memory calls, page faults and page states
    #[command(after_help = RECORD_EXAMPLES, override_usage = RECORD_USAGE)]
    Record(recorder::Options),
    /// Look at one moment of a process that runs, without stopping it
    #[command(after_help = SNAPSHOT_EXAMPLES)]
    Snapshot(snapshot::Options),
    /// Tell what is in a trace: processes, calls, faults, peaks, losses
    #[command(after_help = INFO_EXAMPLES)]
    Info(trace::InfoOptions),
    /// Validate a trace; exits with 1 and says where when it is not sound
    #[command(after_help = CHECK_EXAMPLES)]
    Check(trace::CheckOptions),
    /// Print events, one a line
    #[command(after_help = DUMP_EXAMPLES)]
    Dump(trace::DumpOptions),
    /// Write a trace in another form
    #[command(after_help = CONVERT_EXAMPLES)]
    Convert(convert::Options),
    /// Show a trace in the browser, served on 127.0.0.1 until Ctrl-C
    #[command(after_help = OPEN_EXAMPLES)]
    Open(server::Options),
    /// The model held to the kernel
    #[cfg(feature = "oracle")]
    #[command(subcommand, hide = true)]
    Oracle(Oracle),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  eval \"$(pagescope completions bash)\"     in this shell; in ~/.bashrc: in every one"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a manual page for every command
    #[command(after_help = "Example:\n  pagescope man ~/.local/share/man/man1")]
    Man {
        /// The folder, made when it is not there
        dir: PathBuf,
    },
}

/// The differential test; not in the product.
#[cfg(feature = "oracle")]
#[derive(Subcommand)]
enum Oracle {
    /// Perform calls that come on stdin
    Perform,
    /// Compare the model with the kernel over random sequences of calls
    Fuzz(crate::oracle::Fuzz),
}

const LESSON_EXAMPLES: &str = "\
Examples:
  pagescope lesson list
  pagescope lesson run hello";

const RECORD_USAGE: &str = "\
pagescope record [OPTIONS] [--] PROGRAM [ARGUMENTS]...
       pagescope record [OPTIONS] --pid PID [--duration TIME]";

const RECORD_EXAMPLES: &str = "\
The program's own input, output, signals and exit code are left alone. It is followed through threads, forks and \
execs, and slowed down only where it asks the kernel about memory. Needs no root.

Examples:
  pagescope record ls -R /usr/share          writes ls.pscope
  pagescope record -o py.jsonl -- python3 -c 'import json'
  pagescope record --observe 20ms -- ./program
  pagescope record --pid 4242 --duration 10s -o server.pscope
                                             follows a process for a while, and leaves it running";

const SNAPSHOT_EXAMPLES: &str = "\
As root, with the frames at which its pages are.

Examples:
  pagescope snapshot 4242
  pagescope snapshot $(pidof redis-server) -o redis.pscope";

const INFO_EXAMPLES: &str = "\
Examples:
  pagescope info py.pscope
  pagescope info --json py.pscope | jq .peak_resident_bytes";

const CHECK_EXAMPLES: &str = "\
Errors are: what cannot be read, time that goes back, events that cannot be after what came before them, and a \
recording that stopped before its end. Warnings are losses and differences that the recorder itself noticed and wrote down.

Examples:
  pagescope check py.pscope
  pagescope check --json py.pscope";

const DUMP_EXAMPLES: &str = "\
Each line: seconds since the recording began, process (and thread), what happened, and in brackets what the model \
makes of it.

Examples:
  pagescope dump py.pscope | less
  pagescope dump py.pscope --pid 4242 --from 1.5s --to 2s
  pagescope dump py.pscope --kind map --kind unmap --json";

const CONVERT_EXAMPLES: &str = "\
Nothing is lost between .pscope, .jsonl and .jsonl.gz. An .html is one file that shows the trace without a server \
and without a network; an .svg is a picture of one moment; a .json is for Perfetto (https://ui.perfetto.dev). Logs of \
`strace -f -ttt` and the text of `perf script` are read, too.

Examples:
  pagescope convert py.pscope talk.html      take it along: open talk.html in any browser
  pagescope convert py.pscope --at 250ms py.svg
  pagescope convert py.pscope py.json        open it in Perfetto
  pagescope convert hello.jsonl --at step:3 --theme dark slide.svg
  pagescope convert py.pscope py.jsonl
  pagescope convert py.jsonl.gz py.pscope
  pagescope convert py.pscope - | jq .kind
  strace -f -ttt -y -o ls.strace ls && pagescope convert ls.strace ls.pscope
  perf script | pagescope convert - program.pscope";

const OPEN_EXAMPLES: &str = "\
Examples:
  pagescope open hello.jsonl
  pagescope open hello.jsonl --port 8080 --no-browser";

#[derive(Subcommand)]
enum Lesson {
    /// List the lessons
    List {
        /// One JSON array, for programs
        #[arg(long)]
        json: bool,
    },
    /// Perform a lesson for real and record what the kernel did
    #[command(after_help = RUN_EXAMPLES)]
    Run {
        /// Which one
        #[arg(value_parser = PossibleValuesParser::new(lesson::LESSONS.iter().map(|l| l.name)))]
        name: String,
        /// The trace to write, in the form that its name says: .jsonl, .jsonl.gz or .pscope; `-` for stdout, as .jsonl
        /// [default: NAME.jsonl]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

const RUN_EXAMPLES: &str = "\
Examples:
  pagescope lesson run hello
  pagescope lesson run hello -o /tmp/first.pscope
  pagescope lesson run hello -o - | jq .kind";

/// Reads the arguments and does what they say; returns the code to exit with. Ends the process with code 2 when they say
/// nothing.
///
/// # Errors
/// Whatever kept the work from being done.
pub(crate) fn run() -> Result<u8> {
    if lesson::is_actor() {
        lesson::act();
    }
    match Cli::parse().command {
        Command::Record(options) => return recorder::record(&options),
        Command::Lesson(Lesson::List { json }) => print(lesson::list(json).as_bytes()),
        Command::Lesson(Lesson::Run { name, output }) => {
            let lesson = lesson::find(&name).with_context(|| format!("there is no lesson {name:?}"))?;
            lesson::run(lesson, &output.unwrap_or_else(|| PathBuf::from(format!("{name}.jsonl"))))
        }
        Command::Info(options) => trace::info(&options),
        Command::Check(options) => return trace::check(&options),
        Command::Dump(options) => trace::dump(&options),
        Command::Convert(options) => convert::convert(&options),
        Command::Man { dir } => {
            std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
            clap_mangen::generate_to(Cli::command(), &dir)
                .with_context(|| format!("cannot write to {}", dir.display()))
        }
        Command::Snapshot(options) => snapshot::take(&options),
        Command::Open(options) => server::open(&options),
        #[cfg(feature = "oracle")]
        Command::Oracle(Oracle::Perform) => crate::oracle::perform(),
        #[cfg(feature = "oracle")]
        Command::Oracle(Oracle::Fuzz(fuzz)) => crate::oracle::fuzz(&fuzz),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "pagescope", &mut script);
            print(&script)
        }
    }?;
    Ok(0)
}

/// Unlike `println!`, does not panic on a closed pipe.
fn print(text: &[u8]) -> Result<()> {
    let mut out = std::io::stdout();
    out.write_all(text).and_then(|()| out.flush()).context("cannot print")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    /// The document names every command and every option.
    #[test]
    fn the_document_says_it_all() {
        let text = include_str!("../../docs/command-line.md");
        let mut waiting = vec![Cli::command()];
        while let Some(command) = waiting.pop() {
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
                assert!(
                    text.contains(&format!(" {}", sub.get_name())),
                    "{} {}",
                    command.get_name(),
                    sub.get_name()
                );
                waiting.push(sub.clone());
            }
            for option in command.get_arguments().filter_map(|arg| arg.get_long()) {
                let named = text.contains(&format!("--{option}"));
                assert!(named || ["help", "version"].contains(&option), "{} --{option}", command.get_name());
            }
        }
    }
}
