//! Who records, and with what options.

use crate::paths;
use anyhow::{Context, Result};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

/// One way to run a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contender {
    /// Nobody looks.
    Bare,
    /// Its calls about memory, without page faults, written to nowhere.
    Strace,
    /// The same on one CPU with the program.
    StracePinned,
    /// The same tracepoints that backend perf listens to, written to a file.
    PerfRecord,
    Ptrace,
    Perf,
}

pub(super) const ALL: [Contender; 6] = [
    Contender::Bare,
    Contender::Strace,
    Contender::StracePinned,
    Contender::PerfRecord,
    Contender::Ptrace,
    Contender::Perf,
];

/// What `perf record` is to listen to.
const TRACEPOINTS: [&str; 9] = [
    "syscalls:sys_enter_mmap",
    "syscalls:sys_exit_mmap",
    "syscalls:sys_enter_munmap",
    "syscalls:sys_exit_munmap",
    "syscalls:sys_enter_mprotect",
    "syscalls:sys_exit_mprotect",
    "syscalls:sys_enter_brk",
    "syscalls:sys_exit_brk",
    "exceptions:page_fault_user",
];

impl Contender {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Strace => "strace",
            Self::StracePinned => "strace, one CPU",
            Self::PerfRecord => "perf record",
            Self::Ptrace => "pagescope ptrace",
            Self::Perf => "pagescope perf",
        }
    }

    pub(super) fn is_ours(self) -> bool {
        matches!(self, Self::Ptrace | Self::Perf)
    }

    pub(super) fn listens_to_tracepoints(self) -> bool {
        matches!(self, Self::PerfRecord | Self::Perf)
    }

    /// The command that runs `program`; what it records goes to `trace`.
    pub(super) fn command(self, program: &[OsString], pagescope: &Path, trace: &Path) -> Result<Command> {
        let found = |name: &str, package: &str| {
            let missing = format!("no {name} on PATH; Debian's package is {package}");
            paths::find_program(&[name]).context(missing)
        };
        let strace = ["-f", "--seccomp-bpf", "-e", "trace=memory", "-o", "/dev/null"];
        let mut words: Vec<OsString> = Vec::new();
        match self {
            Self::Bare => {}
            Self::Strace => {
                found("strace", "strace")?;
                words.extend(["strace"].map(OsString::from));
                words.extend(strace.map(OsString::from));
            }
            Self::StracePinned => {
                found("strace", "strace")?;
                words.extend(["taskset", "-c", "0", "strace"].map(OsString::from));
                words.extend(strace.map(OsString::from));
            }
            Self::PerfRecord => {
                found("perf", "linux-perf")?;
                // Without what it would look up about programs at the end.
                words.extend(["perf", "record", "-N", "-B", "-m", "4M"].map(OsString::from));
                TRACEPOINTS.iter().for_each(|point| words.extend(["-e", point].map(OsString::from)));
                words.extend(["-o".into(), trace.into()]);
            }
            Self::Ptrace | Self::Perf => {
                let backend = if self == Self::Perf { "perf" } else { "ptrace" };
                words.push(pagescope.into());
                words.extend(["record", "--backend", backend, "-o"].map(OsString::from));
                words.extend([trace.into(), "--".into()]);
            }
        }
        words.extend_from_slice(program);
        let (first, rest) = words.split_first().context("an empty command")?;
        let mut command = Command::new(first);
        command.args(rest.iter().map(OsStr::new));
        Ok(command)
    }
}
