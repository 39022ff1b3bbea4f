//! Processes, threads and signals.

use super::memory::FaultAccess;
use crate::addr::Addr;
use serde::{Deserialize, Serialize};

/// A process enters the recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The program's path.
    pub exe: String,
    /// Its arguments, its own name first.
    pub argv: Vec<String>,
}

/// `execve` succeeded: the whole address space is a new one, which a `snapshot` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// The program's path.
    pub exe: String,
    /// Its arguments, its own name first.
    pub argv: Vec<String>,
}

/// What a new process does with its parent's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForkMemory {
    /// It has a copy, page by page on the first write: fork(2).
    Copied,
    /// It uses the very same address space until it execs or exits: vfork(2), `CLONE_VM`.
    Shared,
}

/// A process made another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The new process.
    pub child: u32,
    /// What it does with the memory.
    pub memory: ForkMemory,
}

/// A process made a thread (`CLONE_THREAD`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// The new thread.
    pub thread: u32,
}

/// A process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Its exit code, when it was not killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The signal that killed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
}

/// A signal about memory was delivered: see signal(7), sigaction(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// `SIGSEGV` or `SIGBUS`.
    pub signal: String,
    /// The address that was touched.
    pub addr: Addr,
    /// How, where the source knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<FaultAccess>,
    /// Why, by `si_code`: `SEGV_MAPERR` (no mapping), `SEGV_ACCERR` (not allowed), `BUS_ADRERR`, …
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
}
