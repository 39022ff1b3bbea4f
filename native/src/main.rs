//! `pagescope`: performs lessons about virtual memory, records what the kernel did, and shows it.
//!
//! Data flows one way: kernel -> [`sys`] and [`proc`] -> [`lesson`] -> events -> [`trace_file`], and from there over
//! [`server`] to the page.

#[cfg(not(target_os = "linux"))]
compile_error!("pagescope observes the Linux kernel and runs on nothing else");

mod cli;
mod convert;
mod lesson;
#[cfg(feature = "oracle")]
mod oracle;
mod output;
mod page;
mod proc;
mod recorder;
mod server;
mod snapshot;
mod sys;
mod trace;
mod trace_file;

use std::process::ExitCode;

/// 0: done; 1: the work failed, and one line on stderr says why; 2: bad usage, which clap tells by itself.
fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
