//! What goes wrong: nothing is lost, and one line says why.

use crate::recorded::{Recorded, backends, pagescope, program};
use pagescope_shared::event::EventKind;
use pagescope_shared::header::Capability;
use pagescope_shared::page::PageState::Private;
use pagescope_shared::trace::read;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn recorder(backend: &str, file: &Path, command: &[&str]) -> Command {
    let mut recorder = Command::new(env!("CARGO_BIN_EXE_pagescope"));
    recorder.args(["record", "--backend", backend, "-o"]).arg(file).arg("--").args(command);
    recorder
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_program_that_is_not_there_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text");
    std::fs::write(&text, "no program").unwrap();
    for backend in backends() {
        for missing in ["/no/such/program", dir.path().to_str().unwrap(), text.to_str().unwrap()] {
            let file = dir.path().join("x.pscope");
            let output = recorder(backend, &file, &[missing]).output().unwrap();
            assert_eq!(output.status.code(), Some(1));
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.starts_with(&format!("error: cannot run {missing}: ")), "{said}");
            let left: Vec<_> =
                std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(left, ["text"]);
        }
    }
}

#[test]
fn input_is_the_programs() {
    for backend in backends() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.pscope");
        let mut child = recorder(backend, &file, &["cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"hello").unwrap();
        assert_eq!(child.wait_with_output().unwrap().stdout, b"hello");
    }
}

#[test]
fn a_trace_that_cannot_be_written_does_not_stop_the_program() {
    for backend in backends() {
        let output =
            pagescope(&["record", "-o", "/no/such/folder/x.pscope", "--backend", backend, "echo", "x"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: cannot create"));
        assert_eq!(output.stdout, b"", "it did not even begin");
        let output = pagescope(&["record", "-o", "/dev/full", "--backend", backend, "echo", "x"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("error: cannot write /dev/full: No space left"), "{said}");
        assert_eq!(output.stdout, b"", "it did not even begin");
        // Full when it has begun.
        let dir = tempfile::tempdir().unwrap();
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -f 16; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_pagescope"), "record"]);
        limited
            .args(["--backend", backend, "-o"])
            .arg(dir.path().join("x.jsonl"))
            .args([program(), "odd-lengths"]);
        let output = limited.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("the trace is not whole") && said.contains("File too large"), "{said}");
        assert_eq!(output.status.code(), Some(1));
        assert!(!output.stdout.is_empty(), "the program went on to its end");
    }
}

#[test]
fn asked_to_end_it_asks_the_program_and_finishes() {
    for backend in backends() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.pscope");
        let mut child = recorder(backend, &file, &["sleep", "100"]).stderr(Stdio::null()).spawn().unwrap();
        let incomplete = dir.path().join("x.pscope.incomplete");
        wait_for("it began", || incomplete.metadata().is_ok_and(|found| found.len() > 1000));
        signal(&child, "-TERM");
        assert_eq!(child.wait().unwrap().code(), Some(128 + 15), "{backend}");
        let trace = read(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(trace.problems, vec![]);
        assert!(matches!(trace.events.last().unwrap().kind, EventKind::End(_)));
    }
}

#[test]
fn killed_it_leaves_what_it_had() {
    for backend in backends() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.pscope");
        let mut child =
            recorder(backend, &file, &[program(), "steady"]).stderr(Stdio::null()).spawn().unwrap();
        let incomplete = dir.path().join("x.pscope.incomplete");
        wait_for("it began", || incomplete.exists());
        let began = Instant::now();
        std::thread::sleep(Duration::from_millis(1500));
        signal(&child, "-KILL");
        let ran = began.elapsed();
        child.wait().unwrap();
        let trace = read(&std::fs::read(incomplete).unwrap()).unwrap();
        let last = Duration::from_nanos(trace.events.last().unwrap().time_ns);
        assert!(
            last + Duration::from_secs(1) > ran,
            "{backend}: killed after {ran:?}, this ends at {last:?}"
        );
        // With a filter the program cannot go on without us; without one it does.
        let pid = trace.events.first().unwrap().pid;
        let lives =
            Path::new(&format!("/proc/{pid}/exe")).read_link().is_ok_and(|exe| exe == Path::new(program()));
        if *backend == "ptrace" {
            wait_for("it ended", || !Path::new(&format!("/proc/{pid}/maps")).exists());
        } else {
            assert!(lives);
        }
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
    }
}

/// Only the way that does not stop the program can lose anything of it.
#[test]
fn what_was_lost_is_told_and_looked_up() {
    if !backends().contains(&"perf") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.pscope");
    let mut child = recorder("perf", &file, &[program(), "late-storm", "60000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut stdout = String::new();
    said.read_line(&mut stdout).unwrap();
    signal(&child, "-STOP");
    // The storm goes by.
    said.read_line(&mut stdout).unwrap();
    signal(&child, "-CONT");
    let incomplete = dir.path().join("x.pscope.incomplete");
    let is_loss = |kind: &EventKind| matches!(kind, EventKind::Lost(lost) if lost.count > 0);
    wait_for("it was looked up", || {
        // To read it costs what the recorder needs.
        std::thread::sleep(Duration::from_secs(1));
        let events = read(&std::fs::read(&incomplete).unwrap()).unwrap().events;
        let lost = events.iter().position(|e| is_loss(&e.kind));
        lost.is_some_and(|lost| events[lost..].iter().any(|e| matches!(e.kind, EventKind::Snapshot(_))))
    });
    let mut output = child.wait_with_output().unwrap();
    output.stdout = stdout.into_bytes();
    let trace = read(&std::fs::read(&file).unwrap()).unwrap();
    // In the end all is known again.
    let recorded = Recorded { output, trace };
    assert_eq!(recorded.pages(&[Private]), vec![7]);
    assert!(pagescope(&["check", file.to_str().unwrap()]).status.success());
}

#[test]
fn a_32_bit_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let narrow = dir.path().join("narrow");
    // exit(3), as small as it can be: header, one segment, and mov $1, %eax; mov $3, %ebx; int $0x80.
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\x01\0\0\0".to_vec();
    for word in
        [0x0804_8054u32, 52, 0, 0, 0x0020_0034, 1, 0, 1, 0, 0x0804_8000, 0x0804_8000, 96, 96, 5, 0x1000]
    {
        file.extend(word.to_le_bytes());
    }
    file.extend(b"\xb8\x01\0\0\0\xbb\x03\0\0\0\xcd\x80");
    std::fs::write(&narrow, file).unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&narrow).status().unwrap().success());
    if Command::new(&narrow).status().is_ok_and(|status| status.code() != Some(3)) {
        eprintln!("this machine does not run 32-bit programs: not tried");
        return;
    }
    for backend in backends() {
        let output =
            recorder(backend, &dir.path().join("x.pscope"), &[narrow.to_str().unwrap()]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("it is a 32-bit program"), "{said}");
        assert!(!dir.path().join("x.pscope.incomplete").exists());
    }
}

#[test]
fn a_quiet_programs_beginning_is_written_within_a_second() {
    for backend in backends() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.pscope");
        let mut child = recorder(backend, &file, &["sleep", "100"]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        let trace = read(&std::fs::read(dir.path().join("x.pscope.incomplete")).unwrap()).unwrap();
        assert!(trace.events.len() > 30, "{backend}: {}", trace.events.len());
        signal(&child, "-TERM");
        child.wait().unwrap();
    }
}

#[test]
fn without_looking_in_between_the_ends_are_looked_at() {
    let recorded = Recorded::with(&["--observe", "off", "--backend", "ptrace"], &[program(), "read-only"]);
    assert_eq!(recorded.is_sound().pages(&[pagescope_shared::page::PageState::ZeroPage]), vec![2048]);
}

/// As where `perf_event_paranoid` forbids it, or a container does.
#[test]
fn without_perf_events_calls_and_states_are_recorded() {
    let rules = [(libc::SYS_perf_event_open, Vec::new())].into();
    let refused = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch).unwrap();
    let filter: BpfProgram = filter.try_into().unwrap();
    // The filter is this thread's, and what it starts inherits it.
    let recorded = std::thread::spawn(move || {
        seccompiler::apply_filter(&filter).unwrap();
        Recorded::with(&[], &[program(), "none-then-write"])
    });
    let recorded = recorded.join().unwrap();
    assert_eq!(recorded.is_sound().pages(&[Private]), vec![2048]);
    assert_eq!(recorded.mappings(), vec![("rw-p".to_owned(), 2048)]);
    assert!(!recorded.trace.header.capabilities.contains(&Capability::Faults));
    let said = String::from_utf8_lossy(&recorded.output.stderr).into_owned();
    assert!(said.contains("no page faults, only what they led to: they are not allowed"), "{said}");
}

#[test]
fn root_without_some_rights_is_enough() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not tried: it takes root to be root without some rights");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut less = Command::new("setpriv");
    less.args(["--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--", env!("CARGO_BIN_EXE_pagescope")]);
    less.args(["record", "--backend", "ptrace", "-o"]).arg(dir.path().join("x.pscope"));
    let output = less.args(["--", "sh", "-c", "exit 3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}
