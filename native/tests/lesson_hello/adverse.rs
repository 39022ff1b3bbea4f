//! The lesson on a kernel that refuses, lies or knows less: made so for real, by a seccomp filter, a preloaded library
//! or another user.

use super::{HINT, LINES, PAGE, kinds, pagescope, read, shows_frames, stderr, stdout};
use pagescope_shared::event::{EventKind, Failed, Observed};
use pagescope_shared::header::Capability;
use pagescope_shared::jsonl;
use pagescope_shared::page::PageState;
use pagescope_shared::trace::Trace;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

/// `_IOWR('f', 16, struct pm_scan_arg)`
const PAGEMAP_SCAN: u64 = 0xc060_6610;

/// Runs the lesson where the kernel answers `call` with `errno` whenever its argument number `arg` is `value`, and
/// does nothing. The filter is this thread's, and what it starts inherits it.
fn run_filtered(dir: &Path, call: i64, (arg, value): (u8, u64), errno: i32) -> Output {
    let condition = SeccompCondition::new(arg, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value).unwrap();
    let rules = [(call, vec![SeccompRule::new(vec![condition]).unwrap()])].into();
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, answer, arch).unwrap().try_into().unwrap();
    let dir = dir.to_owned();
    let thread = std::thread::spawn(move || {
        seccompiler::apply_filter(&filter).unwrap();
        pagescope(&dir, &["lesson", "run", "hello"])
    });
    thread.join().unwrap()
}

/// One line, starting with `error: `.
fn assert_one_error(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(output);
    assert!(errors.starts_with("error: ") && errors.lines().count() == 1, "{errors}");
    errors
}

#[test]
fn refused_calls_are_recorded() {
    for (call, number, arg, errno, name) in [
        ("mmap", libc::SYS_mmap, (0, HINT.0), libc::ENOMEM, "ENOMEM"),
        ("munmap", libc::SYS_munmap, (1, 1024), libc::EPERM, "EPERM"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let output = run_filtered(dir.path(), number, arg, errno);
        let errors = assert_one_error(&output);
        assert!(errors.contains(call) && errors.contains(name), "{errors}");
        let trace = read(&dir.path().join("hello.jsonl"));
        assert!(kinds(&trace).join(" ").ends_with("step failed end"));
        let failed: Vec<&Failed> = trace
            .events
            .iter()
            .filter_map(
                |e| if let EventKind::Failed(failed) = &e.kind { Some(failed.as_ref()) } else { None },
            )
            .collect();
        let [failed] = failed[..] else { panic!("{failed:?}") };
        assert_eq!((failed.call.as_str(), failed.errno.as_str(), failed.asked.addr), (call, name, HINT));
    }
}

#[test]
fn a_munmap_that_does_nothing_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let output = run_filtered(dir.path(), libc::SYS_munmap, (1, 1024), 0);
    let errors = assert_one_error(&output);
    assert!(errors.contains("still shows all of 0x100000000-0x100001000"), "{errors}");
    let trace = read(&dir.path().join("hello.jsonl"));
    assert!(!kinds(&trace).contains(&"unmap"), "what did not happen is not recorded");
}

fn observed(trace: &Trace) -> Vec<&Observed> {
    let mut all = Vec::new();
    for event in &trace.events {
        if let EventKind::Observed(observed) = &event.kind {
            all.push(observed.as_ref());
        }
    }
    all
}

#[test]
fn without_pagemap_scan_the_pagemap_tells() {
    let dir = tempfile::tempdir().unwrap();
    let output = run_filtered(dir.path(), libc::SYS_ioctl, (1, PAGEMAP_SCAN), libc::ENOTTY);
    assert!(output.status.success(), "{}", stderr(&output));
    let trace = read(&dir.path().join("hello.jsonl"));
    let observed = observed(&trace);
    assert!(observed.iter().all(|o| o.source == "pagemap"));
    let states: Vec<_> = observed.iter().map(|o| o.runs.first().map(|r| r.state)).collect();
    assert_eq!(states, vec![None, Some(PageState::Private)]);
}

#[test]
fn without_privilege_there_are_no_frames() {
    if !shows_frames() {
        return; // The other tests saw this.
    }
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("pagescope");
    fs::copy(env!("CARGO_BIN_EXE_pagescope"), &program).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = 65534;
    let output =
        Command::new(program).args(["lesson", "run", "hello", "-o", "-"]).uid(nobody).gid(nobody).output();
    let output = output.unwrap();
    assert_eq!(stderr(&output), LINES);
    let trace = jsonl::read(&output.stdout).unwrap();
    assert!(!trace.header.capabilities.contains(&Capability::Frames));
    let last = observed(&trace)[1].runs[0];
    assert_eq!((last.state, last.frame), (PageState::Private, None));
}

#[test]
fn a_hint_that_is_not_honoured() {
    let dir = tempfile::tempdir().unwrap();
    // Takes the page before the lesson can.
    let squatter = format!(
        "#include <sys/mman.h>\n__attribute__((constructor)) static void take(void) {{ mmap((void *){HINT}, {PAGE}, \
         PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); }}\n"
    );
    fs::write(dir.path().join("squatter.c"), squatter).unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", "squatter.so", "squatter.c"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", stderr(&compiled));

    let output = Command::new(env!("CARGO_BIN_EXE_pagescope"))
        .args(["lesson", "run", "hello"])
        .current_dir(dir.path())
        .env("LD_PRELOAD", dir.path().join("squatter.so"))
        .output()
        .unwrap();
    assert_eq!((stdout(&output), output.status.code()), (LINES, Some(0)), "{}", stderr(&output));
    let trace = read(&dir.path().join("hello.jsonl"));
    let map =
        trace.events.iter().find_map(|e| if let EventKind::Map(map) = &e.kind { Some(map) } else { None });
    let map = map.unwrap();
    assert!(map.asked.addr == HINT && !map.hint_honoured());
    let told = format!("The kernel did not give us {HINT}, but {}", map.range.start());
    assert!(trace.events.iter().any(|e| matches!(&e.kind, EventKind::Step(s) if s.text.contains(&told))));
}
