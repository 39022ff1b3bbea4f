//! A recording takes the place of no other one that nobody gave up.

use crate::recorded::program;
use pagescope_shared::trace::read;
use std::path::Path;
use std::process::{Command, Stdio};

fn pagescope(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pagescope"));
    command.args(args).current_dir(dir).stdout(Stdio::null());
    command
}

/// What was said.
fn done(dir: &Path, args: &[&str]) -> String {
    let output = pagescope(dir, args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn command_line(file: &Path) -> Vec<String> {
    let trace = read(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(trace.problems, vec![]);
    trace.header.command
}

#[test]
fn what_remains_of_one_that_was_cut_off_stays() {
    let dir = tempfile::tempdir().unwrap();
    let remains = dir.path().join("x.pscope.incomplete");
    std::fs::write(&remains, "precious").unwrap();
    let me = std::process::id().to_string();
    for args in [
        &["record", "-o", "x.pscope", "true"][..],
        &["snapshot", &me, "-o", "x.pscope"],
        &["lesson", "run", "hello", "-o", "x.pscope"],
    ] {
        let said = done(dir.path(), args);
        assert!(said.contains("x.pscope.incomplete was there before and stays"), "{said}");
        assert!(said.contains("This one is x.pscope.incomplete.2 until"), "{said}");
        assert_eq!(std::fs::read_to_string(&remains).unwrap(), "precious");
        command_line(&dir.path().join("x.pscope"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "{args:?}");
    }
    // One that comes to nothing takes only its own away.
    let failed = pagescope(dir.path(), &["record", "-o", "x.pscope", "/no/such/program"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&remains).unwrap(), "precious");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn two_at_once_do_not_mix() {
    let dir = tempfile::tempdir().unwrap();
    let begin = || {
        let args = ["record", "-o", "x.pscope", "--", program(), "odd-lengths"];
        pagescope(dir.path(), &args).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut both = [begin(), begin()];
    assert!(both.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(command_line(&dir.path().join("x.pscope")), [program(), "odd-lengths"]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_name_that_nobody_chose_takes_no_others_place() {
    let dir = tempfile::tempdir().unwrap();
    let (file, old) = (dir.path().join("sh.pscope"), dir.path().join("sh.pscope.old"));
    let said = done(dir.path(), &["record", "sh", "-c", ": 1"]);
    assert!(!said.contains(".old") && !old.exists(), "{said}");
    let said = done(dir.path(), &["record", "sh", "-c", ": 2"]);
    assert!(said.contains("the sh.pscope that was there is sh.pscope.old now"), "{said}");
    assert_eq!(command_line(&old), ["sh", "-c", ": 1"]);
    assert_eq!(command_line(&file), ["sh", "-c", ": 2"]);
    assert_eq!(done(dir.path(), &["record", "--quiet", "sh", "-c", ": 3"]), "");
    assert_eq!(command_line(&old), ["sh", "-c", ": 2"]);
    // Who names it means it.
    done(dir.path(), &["record", "-o", "sh.pscope", "sh", "-c", ": 4"]);
    assert_eq!(command_line(&file), ["sh", "-c", ": 4"]);
    assert_eq!(command_line(&old), ["sh", "-c", ": 2"]);
}

/// A duration is of a process that runs already: with a program it would be left out without a word.
#[test]
fn a_duration_is_with_a_pid_only() {
    let dir = tempfile::tempdir().unwrap();
    let refused = pagescope(dir.path(), &["record", "--duration", "3s", "true"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("pagescope record [OPTIONS] --pid PID"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
