//! Records a program, and reads what was recorded.

use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{Event, EventKind};
use pagescope_shared::model::Change;
use pagescope_shared::page::PageState;
use pagescope_shared::trace::{Trace, read};
use pagescope_shared::world::World;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The program in `program.c`, compiled once.
pub(crate) fn program() -> &'static str {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = BUILT.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("program");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorder/program.c");
        let flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"];
        assert!(Command::new("cc").args(flags).arg(&to).arg(source).status().unwrap().success());
        (dir, to)
    });
    path.to_str().unwrap()
}

/// The ways that are allowed here. That one is missing is said, not hidden.
pub(crate) fn backends() -> &'static [&'static str] {
    static ALLOWED: OnceLock<Vec<&'static str>> = OnceLock::new();
    ALLOWED.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.pscope");
        let tried = pagescope(&["record", "--backend", "perf", "-o", file.to_str().unwrap(), "true"]);
        if tried.status.success() {
            return vec!["ptrace", "perf"];
        }
        eprintln!("backend perf is not tried: {}", String::from_utf8_lossy(&tried.stderr));
        vec!["ptrace"]
    })
}

pub(crate) fn pagescope(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pagescope")).args(args).output().unwrap()
}

/// A program that was recorded.
pub(crate) struct Recorded {
    pub(crate) output: Output,
    pub(crate) trace: Trace,
}

impl Recorded {
    /// Records a command.
    pub(crate) fn of(backend: &str, command: &[&str]) -> Self {
        Self::with(&["--backend", backend], command)
    }

    /// Records a command with options.
    pub(crate) fn with(options: &[&str], command: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.pscope");
        let args = [&["record", "-o", file.to_str().unwrap()], options, &["--"], command].concat();
        let output = pagescope(&args);
        let bytes = std::fs::read(&file);
        let trace = read(&bytes.unwrap_or_else(|e| panic!("{e}: {output:?}"))).unwrap();
        Self { output, trace }
    }

    /// Nothing lost, nothing that model and kernel differed on, nothing that cannot be.
    pub(crate) fn is_sound(&self) -> &Self {
        assert_eq!(self.trace.problems, vec![]);
        let mut world = World::new(self.trace.header.page_size);
        let mut change = Change::default();
        let mut last = 0;
        for event in &self.trace.events {
            assert!(!matches!(event.kind, EventKind::Lost(_)), "{event:?}");
            assert!(event.time_ns >= last, "{event:?}");
            last = event.time_ns;
            world.apply(event, &mut change);
            assert_eq!(change.drift, vec![], "{event:?}");
        }
        assert!(matches!(self.trace.events.last().unwrap().kind, EventKind::End(_)));
        self
    }

    /// The program's process.
    pub(crate) fn pid(&self) -> u32 {
        self.trace.events.first().unwrap().pid
    }

    /// The world as it was before the first event that `is` what is looked for.
    pub(crate) fn world_before(&self, mut is: impl FnMut(u32, &EventKind) -> bool) -> World {
        let mut world = World::new(self.trace.header.page_size);
        let mut change = Change::default();
        for event in &self.trace.events {
            if is(event.pid, &event.kind) {
                return world;
            }
            world.apply(event, &mut change);
        }
        panic!("there is no such event")
    }

    /// The world when the program was about to end.
    pub(crate) fn last_world(&self) -> World {
        let leader = self.pid();
        self.world_before(|pid, kind| pid == leader && matches!(kind, EventKind::Exit(_)))
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    /// The part of memory that the program spoke of.
    pub(crate) fn told(&self) -> Range {
        told(self.stdout().lines().next().unwrap())
    }

    /// How many pages of it were in each of these states when it ended; the rest must have been untouched.
    pub(crate) fn pages(&self, states: &[PageState]) -> Vec<u64> {
        let world = self.last_world();
        let space = world.space(self.pid()).unwrap();
        let count = |state: PageState| {
            let runs = space.runs(self.told()).filter(|(_, page)| page.state == state);
            runs.map(|(range, _)| range.bytes() / 4096).sum()
        };
        for state in PageState::ALL.iter().filter(|s| !states.contains(s) && **s != PageState::Untouched) {
            assert_eq!(
                count(*state),
                0,
                "{state:?}, {}: {:?}",
                self.trace.header.tool.method,
                self.last_words()
            );
        }
        states.iter().map(|state| count(*state)).collect()
    }

    /// What was told at the end.
    fn last_words(&self) -> &[Event] {
        self.trace.events.get(self.trace.events.len().saturating_sub(40)..).unwrap_or_default()
    }

    /// Permissions of the mappings there when it ended, by address, with their pages.
    pub(crate) fn mappings(&self) -> Vec<(String, u64)> {
        let world = self.last_world();
        let space = world.space(self.pid()).unwrap();
        let cut = |m: pagescope_shared::mapping::Mapping| {
            Some((m.permissions(), m.range.intersection(self.told())?.bytes() / 4096))
        };
        space.mappings_in(self.told()).filter_map(cut).collect()
    }

    /// How many faults there were in the part of memory that the program spoke of.
    pub(crate) fn faults_there(&self) -> usize {
        let there = self.told();
        let inside = |kind: &EventKind| matches!(kind, EventKind::Fault(f) if there.contains(f.addr));
        self.trace.events.iter().filter(|e| inside(&e.kind)).count()
    }
}

/// An address and a length, as the program prints them.
pub(crate) fn told(line: &str) -> Range {
    let (addr, bytes) = line.split_once(' ').unwrap();
    let addr = u64::from_str_radix(addr.trim_start_matches("0x"), 16).unwrap();
    Range::from_len(Addr(addr), bytes.parse().unwrap()).unwrap()
}
