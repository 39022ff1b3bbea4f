//! `pagescope lesson run hello`, by the built binary.
#![allow(clippy::unwrap_used, clippy::panic)] // A test ends by panicking, in its helpers too.

mod adverse;

use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::EventKind;
use pagescope_shared::header::Capability;
use pagescope_shared::jsonl;
use pagescope_shared::model::AddressSpace;
use pagescope_shared::page::{PageState, Provenance};
use pagescope_shared::timeline::Timeline;
use pagescope_shared::trace::Trace;
use std::path::Path;
use std::process::{Command, Output};

const PAGE: u64 = 4096;
const HINT: Addr = Addr(PAGE << 20);
const LINES: &str = "System page size: 4096 bytes\nContents of region: Hello, world!\n";

fn pagescope(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pagescope")).args(args).current_dir(dir).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A trace that nothing is wrong with.
fn read(path: &Path) -> Trace {
    let trace = jsonl::read(&std::fs::read(path).unwrap()).unwrap();
    assert!(trace.problems.is_empty(), "{:?}", trace.problems);
    let Some(EventKind::End(end)) = trace.events.last().map(|e| &e.kind) else { panic!("no end") };
    assert_eq!(end.count, u64::try_from(trace.events.len()).unwrap() - 1);
    trace
}

fn kinds(trace: &Trace) -> Vec<&str> {
    trace.events.iter().map(|e| e.kind.name()).collect()
}

#[test]
fn performed_recorded_and_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let output = pagescope(dir.path(), &["lesson", "run", "hello"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), LINES);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only the trace");

    let trace = read(&dir.path().join("hello.jsonl"));
    let expected =
        "start step snapshot step map observed step access observed step access step unmap step snapshot end";
    assert_eq!(kinds(&trace).join(" "), expected);
    let mut expected_times = trace.events.iter().map(|e| e.time_ns).collect::<Vec<_>>();
    expected_times.sort_unstable();
    assert!(trace.events.iter().map(|e| e.time_ns).eq(expected_times), "time goes forward");

    let root = shows_frames();
    assert_eq!(trace.header.capabilities.contains(&Capability::Frames), root);
    let pid = trace.events[0].pid;
    let mut timeline = Timeline::new(&trace);
    let mut seen = Vec::new();
    for position in 1..=timeline.end() {
        timeline.seek(position);
        assert_eq!(timeline.change().drift, vec![], "event {position}");
        let space = timeline.world().space(pid).unwrap();
        let kind = timeline.event().unwrap().kind.name().to_owned();
        if matches!(kind.as_str(), "map" | "observed" | "access" | "unmap" | "snapshot") {
            seen.push((kind.clone(), space.page_at(HINT)));
        }
        match kind.as_str() {
            "snapshot" => assert_plausible(space),
            "access" => {
                let page = Range::from_len(HINT, PAGE).unwrap();
                let bytes: Vec<_> = space.recorded_bytes(page).collect();
                assert_eq!(bytes, vec![(HINT, &b"Hello, world!\0"[..])]);
            }
            "unmap" => {
                let gone: Vec<_> = timeline.change().removed().collect();
                assert_eq!(gone.iter().map(|m| m.range.bytes()).collect::<Vec<_>>(), vec![PAGE]);
            }
            _ => {}
        }
    }
    let states: Vec<_> =
        seen.iter().map(|(k, page)| (k.as_str(), page.map(|p| (p.state, p.provenance)))).collect();
    let (untouched, private) = (PageState::Untouched, PageState::Private);
    let (observed, inferred) = (Provenance::Observed, Provenance::Inferred);
    assert_eq!(
        states,
        vec![
            ("snapshot", None),
            ("map", Some((untouched, inferred))),
            ("observed", Some((untouched, observed))),
            ("access", Some((private, inferred))),
            ("observed", Some((private, observed))),
            ("access", Some((private, observed))),
            ("unmap", None),
            ("snapshot", None),
        ]
    );
    assert_eq!(seen[4].1.unwrap().frame.is_some(), root, "root sees frames");
}

/// To tell frame numbers takes CAP_SYS_ADMIN, which the pagemap of this very process shows too.
fn shows_frames() -> bool {
    use std::os::unix::fs::FileExt;
    let here = 0_u64;
    let page = u64::try_from(std::ptr::from_ref(&here).addr()).unwrap() / PAGE;
    let mut entry = [0; 8];
    std::fs::File::open("/proc/self/pagemap").unwrap().read_exact_at(&mut entry, page * 8).unwrap();
    u64::from_ne_bytes(entry) << 9 != 0
}

/// What every address space is like.
fn assert_plausible(space: &AddressSpace) {
    let mappings: Vec<_> = space.mappings().collect();
    assert!(mappings.windows(2).all(|w| w[0].range.end() <= w[1].range.start()), "disjoint, by address");
    for mapping in &mappings {
        assert!(PageSize::FOUR_KIB.is_aligned(mapping.range.start()) && mapping.range.bytes() % PAGE == 0);
    }
    let program = mappings.iter().filter(|m| m.attributes.backing.to_string().ends_with("/pagescope"));
    assert!(program.count() >= 2, "its code and its data");
    assert!(mappings.iter().any(|m| m.attributes.backing.to_string() == "stack"));
}

#[test]
fn the_c_program_does_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/lessons/hello.c");
    let compiled = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-o", "hello", source])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", stderr(&compiled));
    let output = Command::new(dir.path().join("hello")).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), LINES));

    assert!(pagescope(dir.path(), &["lesson", "run", "hello"]).status.success());
    let trace = read(&dir.path().join("hello.jsonl"));
    let text = &trace.header.lesson.as_ref().unwrap().source.text;
    assert_eq!(*text, std::fs::read_to_string(source).unwrap());
    let lines: Vec<_> = trace
        .events
        .iter()
        .filter_map(|e| match &e.kind {
            EventKind::Step(step) => text.lines().nth(usize::try_from(step.line).unwrap() - 1),
            _ => None,
        })
        .collect();
    let calls = ["sysconf(", " mmap(", "strcpy(", "printf(", "munmap(", "return 0;"];
    assert_eq!(lines.len(), calls.len());
    for (line, call) in lines.iter().zip(calls) {
        assert!(line.contains(call), "{line:?} should hold {call:?}");
    }
}

#[test]
fn the_trace_on_stdout() {
    let dir = tempfile::tempdir().unwrap();
    let output = pagescope(dir.path(), &["lesson", "run", "hello", "-o", "-"]);
    assert!(output.status.success());
    assert_eq!(stderr(&output), LINES);
    assert!(jsonl::read(&output.stdout).unwrap().problems.is_empty());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_written_is_one_error() {
    let dir = tempfile::tempdir().unwrap();
    for path in ["missing/x.jsonl", "/dev/full", "."] {
        let output = pagescope(dir.path(), &["lesson", "run", "hello", "-o", path]);
        assert_eq!(output.status.code(), Some(1), "{path}");
        let errors = stderr(&output);
        assert!(errors.starts_with("error: ") && errors.lines().count() == 1, "{errors}");
        assert!(errors.contains(path), "{errors}");
        assert_eq!(stdout(&output), "", "nothing was performed that could not be recorded");
    }
    assert!(Path::new("/dev/full").metadata().is_ok_and(|m| !m.is_file()), "a device stays a device");
}

#[test]
fn usage() {
    let dir = tempfile::tempdir().unwrap();
    let unknown = pagescope(dir.path(), &["lesson", "run", "helo"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("[possible values: hello, "), "{}", stderr(&unknown));
    let list = pagescope(dir.path(), &["lesson", "list"]);
    assert!(stdout(&list).starts_with("hello             What is mmap?\n"), "{}", stdout(&list));
    assert!(stdout(&pagescope(dir.path(), &["completions", "bash"])).contains("pagescope"));
}
