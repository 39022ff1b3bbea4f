//! How a program is looked at: the best that is allowed here.

use super::calls;
use super::source::{Calls, Source};
use crate::sys::{CallRings, FaultRings};
use anyhow::{Context as _, Result};
use std::io;

/// Which way is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Backend {
    /// The best that is allowed
    Auto,
    /// Stop the program at calls about memory; needs no privilege
    Ptrace,
    /// Listen to the kernel's tracepoints; takes root
    Perf,
}

/// Which way it is, and what it lacks.
pub(super) struct Chosen {
    pub(super) source: Source,
    /// As the header calls it.
    pub(super) name: &'static str,
    /// Why a better way could not be had.
    pub(super) lacks: Vec<String>,
}

impl Chosen {
    /// Opens what is to be listened to for these threads, and says how they are looked at.
    ///
    /// # Errors
    /// When a way was asked for that is not allowed here.
    pub(super) fn pick(asked: Backend, threads: &[i32], from_exec: bool) -> Result<Self> {
        let mut lacks = Vec::new();
        if asked != Backend::Ptrace {
            let numbers: Vec<i64> = calls::numbers().filter(|number| calls::is_recorded(*number)).collect();
            match CallRings::open(threads, &numbers, from_exec) {
                Ok(rings) => {
                    let source = Source::Calls(Box::new(Calls::of(rings)));
                    return Ok(Self { source, name: "perf", lacks });
                }
                Err(why) if asked == Backend::Perf => {
                    return Err(why).context(format!(
                        "--backend perf: the kernel's tracepoints cannot be had; {ADVICE}"
                    ));
                }
                Err(why) => lacks.push(format!(
                    "no tracepoints, so the program is stopped at its calls: {}; {ADVICE}",
                    told(&why)
                )),
            }
        }
        let source = match FaultRings::open(threads, from_exec) {
            Ok(rings) => Source::Faults(rings),
            Err(why) => {
                lacks.push(format!(
                    "no page faults, only what they led to: {} (sysctl kernel.perf_event_paranoid=2 allows them)",
                    told(&why)
                ));
                Source::None
            }
        };
        Ok(Self { source, name: "ptrace", lacks })
    }

    /// Whether the program is stopped at its calls.
    pub(super) fn stops(&self) -> bool {
        !self.source.tells_calls()
    }

    /// Whether page faults are told one by one.
    pub(super) fn tells_faults(&self) -> bool {
        !matches!(self.source, Source::None)
    }
}

fn told(why: &io::Error) -> String {
    match why.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => "they are not allowed".to_owned(),
        Some(libc::ENOENT) => "this kernel has none".to_owned(),
        _ => why.to_string(),
    }
}

const ADVICE: &str = "they take root, or CAP_PERFMON and a tracefs that may be read, such as after: mount -t tracefs -o \
                      gid=GROUP,mode=750 nodev /sys/kernel/tracing";
