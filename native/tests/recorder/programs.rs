//! What the program does to its memory, and what other programs do.

use crate::recorded::{Recorded, backends, pagescope, program};
use pagescope_shared::event::{Advice, EventKind, Exit};
use pagescope_shared::page::PageState::{
    CopyPending, FileClean, FileDirty, Private, Swapped, Unknown, ZeroPage,
};

fn each(args: &[&str], check: impl Fn(&Recorded)) {
    for backend in backends() {
        let recorded = Recorded::of(backend, &[&[program()], args].concat());
        assert!(recorded.output.status.success(), "{backend}: {:?}", recorded.output);
        assert_eq!(recorded.trace.header.tool.method, *backend);
        check(recorded.is_sound());
    }
}

#[test]
fn a_heap_that_nobody_touched_is_untouched() {
    each(&["sbrk"], |r| assert!(r.pages(&[]).is_empty()));
}

#[test]
fn forbidden_then_allowed_and_written() {
    each(&["none-then-write"], |r| {
        assert_eq!(r.pages(&[Private]), vec![2048]);
        assert_eq!(r.mappings(), vec![("rw-p".to_owned(), 2048)]);
    });
}

#[test]
fn what_is_mapped_over_itself_is_new() {
    each(&["fixed"], |r| {
        // 2 touched anew, 6 not, 8 as before, 16 that may only be read, 32 as before.
        assert_eq!(r.pages(&[Private]), vec![2 + 8 + 32]);
        let shapes = [("rw-p", 16), ("r--p", 16), ("rw-p", 32)];
        assert_eq!(r.mappings(), shapes.map(|(p, n)| (p.to_owned(), n)));
    });
}

#[test]
fn a_call_that_fails_changes_nothing() {
    each(&["failing-unmap"], |r| {
        assert_eq!(r.pages(&[Private]), vec![64]);
        let failed = |kind: &EventKind| matches!(kind, EventKind::Failed(f) if f.call == "munmap" && f.errno == "EINVAL");
        assert_eq!(r.trace.events.iter().filter(|e| failed(&e.kind)).count(), 1);
    });
}

#[test]
fn what_is_only_read_is_the_page_of_zeroes() {
    each(&["read-only"], |r| assert_eq!(r.pages(&[ZeroPage]), vec![2048]));
}

#[test]
fn swapped_out_and_back() {
    if std::fs::read_to_string("/proc/swaps").unwrap_or_default().lines().count() < 2 {
        eprintln!("not tried: there is no swap here (a device of /sys/block/zram0 would do)");
        return;
    }
    for backend in backends() {
        let options = ["--backend", backend, "--observe", "20ms"];
        let r = Recorded::with(&options, &[program(), "swap"]);
        // The kernel's own counts, of 64 pages: after they were to go, and after the first 32 were written again.
        let counts: Vec<u64> = r.stdout().lines().skip(1).map(|line| line.parse().unwrap()).collect();
        let mut gone = false;
        let world = r.is_sound().world_before(|_, kind| {
            gone |= matches!(kind, EventKind::Advise(advise) if advise.advice == Advice::PageOut);
            gone && matches!(kind, EventKind::Fault(fault) if r.told().contains(fault.addr))
        });
        let all = world.space(r.pid()).unwrap().runs(r.told());
        let out: u64 =
            all.filter(|(_, page)| page.state == Swapped).map(|(range, _)| range.bytes() / 4096).sum();
        assert_eq!(
            (out, r.pages(&[Swapped, Private])),
            (counts[0], vec![counts[1], 64 - counts[1]]),
            "{backend}"
        );
    }
}

#[test]
fn what_is_not_followed_is_told_and_mended() {
    for backend in backends() {
        let r = Recorded::of(backend, &[program(), "policy"]);
        if r.output.status.code() == Some(77) {
            eprintln!("not tried: mbind is not allowed here");
            return;
        }
        let said = String::from_utf8_lossy(&r.output.stderr).into_owned();
        assert!(said.contains("1 times model and kernel differed"), "{said}");
        assert_eq!(r.mappings().iter().map(|(_, pages)| *pages).collect::<Vec<_>>(), vec![16, 16, 32]);
        assert_eq!(r.pages(&[Private]), vec![64]);
    }
}

#[test]
fn lengths_are_rounded() {
    each(&["odd-lengths"], |r| {
        assert_eq!(r.pages(&[Private]), vec![3]);
        assert_eq!(r.mappings(), vec![("rw-p".to_owned(), 1), ("rw-p".to_owned(), 2)]);
    });
}

#[test]
fn every_fault_is_told_once_whichever_thread_it_is_of() {
    each(&["threads"], |r| {
        assert_eq!(r.pages(&[Private]), vec![1024]);
        let told = r.faults_there();
        assert_eq!(told, 1024);
        // The kernel's own count, of the whole program from its very beginning: the recording begins when it runs.
        let counted: usize = r.stdout().lines().nth(1).unwrap().parse().unwrap();
        let all = r.trace.events.iter().filter(|e| matches!(e.kind, EventKind::Fault(_))).count();
        assert!(all <= counted + 60 && counted <= all + 120, "{all} told, {counted} counted");
        let threads = r.trace.events.iter().filter(|e| matches!(e.kind, EventKind::Thread(_))).count();
        assert_eq!(threads, 4);
    });
}

#[test]
fn who_copies_has_its_own_and_the_other_keeps_the_rest() {
    each(&["copy"], |r| {
        let leader = r.pid();
        let world = r.world_before(|pid, kind| pid != leader && matches!(kind, EventKind::Exit(_)));
        let child = world.processes().map(|(pid, _)| pid).find(|pid| *pid != leader).unwrap();
        let states = |pid: u32| -> Vec<_> {
            let space = world.space(pid).unwrap();
            space.runs(r.told()).map(|(range, page)| (range.bytes() / 4096, page.state)).collect()
        };
        assert_eq!(states(child), vec![(3, Private), (5, CopyPending)]);
        assert_eq!(r.pages(&[Private]), vec![8]);
    });
}

#[test]
fn a_segment_is_detached_piece_by_piece() {
    each(&["shm"], |r| {
        assert_eq!(r.mappings(), vec![("rw-s".to_owned(), 16)]);
        r.pages(&[FileClean, FileDirty, Unknown]);
    });
}

#[test]
fn forks_while_threads_map() {
    each(&["fork-while-mapping", "10"], |r| {
        let exits = |kind: &EventKind| matches!(kind, EventKind::Exit(e) if **e == Exit { code: Some(7), signal: None });
        assert_eq!(r.trace.events.iter().filter(|e| exits(&e.kind)).count(), 10);
    });
}

/// The thread that maps all the time is killed on its way back from a call, more often than not.
#[test]
fn ends_while_a_thread_maps() {
    for _ in 0..4 {
        each(&["until-told"], |_| {});
    }
}

#[test]
fn a_thread_that_is_not_the_first_becomes_another_program() {
    each(&["exec-from-thread"], |r| {
        assert_eq!(r.stdout(), "became\n");
        let execs = |kind: &EventKind| matches!(kind, EventKind::Exec(e) if e.argv == ["echo", "became"]);
        assert_eq!(r.trace.events.iter().filter(|e| execs(&e.kind)).count(), 1);
    });
}

#[test]
fn how_it_ends_is_passed_on() {
    for backend in backends() {
        let three = Recorded::of(backend, &[program(), "exit", "3"]);
        assert_eq!(three.is_sound().output.status.code(), Some(3));
        let killed = Recorded::of(backend, &[program(), "segv"]);
        assert_eq!(killed.is_sound().output.status.code(), Some(128 + 11), "{:?}", killed.output);
        let guard = killed.told().start().0 + 4096 + 8;
        let signal = killed.trace.events.iter().find_map(|e| match &e.kind {
            EventKind::Signal(signal) => Some(signal),
            _ => None,
        });
        let signal = signal.unwrap();
        assert_eq!(
            (signal.addr.0, signal.signal.as_str(), signal.code.as_str()),
            (guard, "SIGSEGV", "SEGV_ACCERR")
        );
        let exit =
            |kind: &EventKind| matches!(kind, EventKind::Exit(e) if e.signal.as_deref() == Some("SIGSEGV"));
        assert!(killed.trace.events.iter().any(|e| exit(&e.kind)));
    }
}

#[test]
fn everyday_programs_are_as_without_us() {
    let dir = tempfile::tempdir().unwrap();
    let object = dir.path().join("x.o");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorder/program.c");
    let commands: [&[&str]; 5] = [
        &["/bin/true"],
        &["ls", "-R", "/usr/share/doc"],
        &["sh", "-c", "ls /usr/bin | sort | head -n 3; for i in 1 2 3; do echo $i; done; exit 5"],
        &["cc", "-O1", "-pthread", "-c", "-o", object.to_str().unwrap(), source],
        &["git", "-C", concat!(env!("CARGO_MANIFEST_DIR"), "/.."), "log", "--stat", "-n", "5"],
    ];
    for command in commands {
        let alone = std::process::Command::new(command[0]).args(&command[1..]).output().unwrap();
        for backend in backends() {
            let recorded = Recorded::with(&["--backend", backend, "-q"], command);
            assert_eq!(recorded.is_sound().output, alone, "{backend} {command:?}");
        }
    }
}

#[test]
fn frames_are_told_to_root() {
    if !rustix::process::geteuid().is_root() {
        let refused = pagescope(&["record", "--frames", "true"]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("to root only"), "{refused:?}");
        eprintln!("frames are not looked at: it takes root");
        return;
    }
    let recorded = Recorded::with(&["--frames"], &[program(), "failing-unmap"]);
    let world = recorded.last_world();
    let space = world.space(recorded.pid()).unwrap();
    assert!(space.runs(recorded.told()).all(|(_, page)| page.frame.is_some()));
}

/// Heavy; run by `cargo test --release --test recorder -- --ignored`.
#[test]
#[ignore = "takes a while"]
fn large_programs() {
    for (args, events) in [
        (["many-threads", "200"], 2000),
        (["many-forks", "2000"], 4000),
        (["many-mappings", "60000"], 30_000),
    ] {
        each(&args, |r| assert!(r.trace.events.len() > events, "{args:?}: {}", r.trace.events.len()));
    }
}
