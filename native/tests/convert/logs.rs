//! Logs of other tools. `fixtures/` has real ones: `setarch -R strace -f -ttt -T -y -e trace=memory,process` of a program
//! with a thread, forks, an exec and signals; and `perf script` of another one's calls, faults and processes.

use super::{convert, errors, fails};
use flate2::Compression;
use flate2::write::GzEncoder;
use pagescope_shared::addr::Addr;
use pagescope_shared::event::{Event, EventKind, FaultAccess, ForkMemory};
use pagescope_shared::header::Capability;
use pagescope_shared::page::PageState;
use pagescope_shared::timeline::Timeline;
use pagescope_shared::trace::{Trace, read};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/convert/fixtures").join(name)
}

/// The log as a trace, and what was said on the way.
fn imported(log: &Path) -> (Trace, String) {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("a.jsonl");
    let done = convert(log, &to, &[]);
    assert!(done.status.success(), "{}", errors(&done));
    (read(&std::fs::read(to).unwrap()).unwrap(), errors(&done))
}

fn kinds(trace: &Trace) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for event in &trace.events {
        *kinds.entry(event.kind.name()).or_default() += 1;
    }
    kinds
}

fn of<'a, T: 'a>(trace: &'a Trace, pick: impl Fn(&'a Event) -> Option<T>) -> Vec<T> {
    trace.events.iter().filter_map(pick).collect()
}

#[test]
fn what_strace_saw() {
    let (trace, said) = imported(&fixture("program.strace"));
    assert_eq!(said, "");
    assert_eq!(trace.header.tool.method, "strace");
    assert_eq!(trace.header.capabilities, [Capability::Calls], "no faults, no page states");
    assert_eq!(trace.header.command, ["./m"]);
    let kinds = kinds(&trace);
    let expected = [
        ("start", 1),
        ("exec", 1),
        ("map", 20),
        ("failed", 1),
        ("protect", 8),
        ("break", 6),
        ("unmap", 5),
        ("advise", 2),
        ("lock", 1),
        ("unlock", 1),
        ("remap", 1),
        ("sync", 1),
        ("thread", 1),
        ("fork", 3),
        ("signal", 2),
        ("exit", 4),
        ("lost", 2),
        ("end", 1),
    ];
    for (kind, count) in expected {
        assert_eq!(kinds.get(kind), Some(&count), "{kind} in {kinds:?}");
    }
    let forks =
        of(&trace, |event| if let EventKind::Fork(fork) = &event.kind { Some(fork.memory) } else { None });
    assert_eq!(forks, [ForkMemory::Copied, ForkMemory::Shared, ForkMemory::Copied], "fork, vfork, fork");
    let ends = of(&trace, |event| {
        if let EventKind::Exit(exit) = &event.kind { Some((exit.code, exit.signal.as_deref())) } else { None }
    });
    assert_eq!(ends, [(None, Some("SIGSEGV")), (Some(0), None), (None, Some("SIGSEGV")), (Some(0), None)]);
    let signals = of(&trace, |event| {
        if let EventKind::Signal(signal) = &event.kind {
            Some((signal.addr.0, signal.code.as_str()))
        } else {
            None
        }
    });
    assert_eq!(signals, [(0x7fff_f7fb_d000, "SEGV_ACCERR"), (0, "SEGV_MAPERR")]);
    // The thread's calls are its process's, and files have names.
    let main = trace.events[0].pid;
    assert!(
        trace.events.iter().any(|event| event.pid == main && event.tid != main && event.kind.name() == "map")
    );
    let files = of(&trace, |event| {
        if let EventKind::Map(map) = &event.kind { Some(map.attributes.backing.to_string()) } else { None }
    });
    assert!(
        files.iter().any(|file| file == "/etc/passwd")
            && files.iter().any(|file| file.ends_with("libc.so.6"))
    );
    // What was asked, and what went: 1,024 bytes, a page.
    let last = of(&trace, |event| {
        if let EventKind::Unmap(unmap) = &event.kind {
            Some((unmap.asked.len, unmap.range.bytes()))
        } else {
            None
        }
    });
    assert_eq!(last.last(), Some(&(1024, 4096)));
    // Nobody saw what is touched: no page is said to be untouched, or to have a frame, but those that were locked.
    let mut timeline = Timeline::new(&trace);
    for position in 1..=timeline.end() {
        timeline.seek(position);
        // A call itself says that its pages are fresh; right behind it stands that nobody looks from then on.
        if !matches!(timeline.event().map(|event| event.kind), Some(EventKind::Observed(_))) {
            continue;
        }
        for (pid, _) in timeline.world().processes() {
            let totals = timeline.world().space(pid).unwrap().totals();
            let unknown = totals.pages[PageState::Unknown as usize];
            assert!(unknown + 1 >= totals.mapped / 4096, "{position}: {totals:?}");
        }
    }
}

/// What backs each mapping of a log of lines that get their times here.
fn backings(lines: &[&str]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("x.log");
    let lines: Vec<_> =
        lines.iter().enumerate().map(|(at, line)| line.replacen(' ', &format!(" 1.{at:03} "), 1)).collect();
    std::fs::write(&log, lines.join("\n")).unwrap();
    of(&imported(&log).0, |event| {
        if let EventKind::Map(map) = &event.kind { Some(map.attributes.backing.to_string()) } else { None }
    })
}

#[test]
fn a_descriptor_is_a_file_only_while_it_is() {
    let map = |tid: u32, fd: &str| {
        format!("{tid} mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, {fd}, 0) = 0x7f0000000000")
    };
    let (three, four, of_child) = (map(7, "3"), map(7, "4"), map(8, "4"));
    let open = r#"7 openat(AT_FDCWD, "/a", O_RDONLY) = 3"#;
    assert_eq!(backings(&[open, &three]), ["[file descriptor 3]"], "no close is told in this log");
    let saw = backings(&[
        open,
        &three,
        "7 dup2(3, 4) = 4",
        "7 fork() = 8",
        "7 close(3) = 0",
        &three,
        "7 socket(AF_UNIX, SOCK_STREAM, 0) = 3",
        &three,
        "7 close(4 <unfinished ...>",
        r#"7 openat(AT_FDCWD, "/b", O_RDONLY) = 4"#,
        "7 <... close resumed>) = 0",
        &four,
        r#"7 memfd_create("m", 0) = 3"#,
        &three,
        "7 close_range(4, ~0U, 0) = 0",
        &four,
        &of_child,
        r#"8 execve("/x", ["x"], 0x7ffe) = 0"#,
        &of_child,
        &map(8, "4</c>"),
    ]);
    let (third, fourth) = ("[file descriptor 3]", "[file descriptor 4]");
    assert_eq!(saw, ["/a", third, third, "/b", "/memfd:m (deleted)", fourth, "/a", fourth, "/c"]);
}

/// What is not known is not told as nothing.
#[test]
fn counters_tell_what_nobody_knows() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("a.json");
    assert!(convert(&fixture("program.strace"), &to, &[]).status.success());
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(&to).unwrap()).unwrap();
    let mut counters = file["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "C");
    assert!(counters.any(|event| event["args"]["not recorded"].as_u64() >= Some(4096)));
}

#[test]
fn what_perf_saw() {
    let (trace, said) = imported(&fixture("program.perf"));
    assert_eq!(said, "");
    assert_eq!(trace.header.tool.method, "perf script");
    assert_eq!(trace.header.capabilities, [Capability::Calls, Capability::Faults]);
    let kinds = kinds(&trace);
    let log = std::fs::read_to_string(fixture("program.perf")).unwrap();
    assert_eq!(kinds["fault"], log.matches("page_fault_user").count());
    assert_eq!((kinds["thread"], kinds["fork"], kinds["failed"], kinds["start"]), (1, 1, 1, 1), "{kinds:?}");
    assert_eq!(kinds.get("observed"), None, "what is touched is known");
    let faults =
        of(&trace, |event| if let EventKind::Fault(fault) = &event.kind { Some(fault) } else { None });
    let written = faults.iter().find(|fault| fault.addr == Addr(0x1_0000_0000)).unwrap();
    assert_eq!(written.access, Some(FaultAccess::Write));
    let mut timeline = Timeline::new(&trace);
    let pid = trace.events[0].pid;
    let fork = trace.events.iter().position(|event| matches!(event.kind, EventKind::Fork(_))).unwrap();
    timeline.seek(fork);
    let state = |addr: u64| timeline.world().page_at(pid, Addr(addr)).map(|page| page.state);
    let states = [0x1_0000_0000, 0x1_0000_1000, 0x1_0000_2000].map(state);
    assert_eq!(states, [PageState::Private, PageState::ZeroPage, PageState::Untouched].map(Some));
    // Without task_newtask, a thread is who says so later; without that, nobody knows.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.perf");
    let log: Vec<_> = log.lines().filter(|line| !line.contains("task_newtask")).collect();
    let log = log.join("\n");
    for (log, threads) in [(log.replace(" 5985 [", " 5983/5985 ["), 1), (log, 0)] {
        std::fs::write(&path, log).unwrap();
        let (trace, _) = imported(&path);
        let lost = of(&trace, |event| match &event.kind {
            EventKind::Lost(lost) if lost.reason.contains("task_newtask") => Some(lost.count),
            _ => None,
        });
        let kinds = self::kinds(&trace);
        let made = [kinds.get("thread").copied().unwrap_or(0), kinds["fork"]];
        assert_eq!((made, &lost[..]), ([threads, 2 - threads], &[2][..]));
    }
    // Nanoseconds from microseconds, from the first line on.
    assert_eq!((trace.events[0].time_ns, trace.events[2].time_ns), (0, 12_000));
}

#[test]
fn gzipped_logs_are_read_like_plain_ones() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["program.strace", "program.perf"] {
        let (plain, _) = imported(&fixture(name));
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(&std::fs::read(fixture(name)).unwrap()).unwrap();
        let bytes = packer.finish().unwrap();
        let packed = dir.path().join(format!("{name}.gz"));
        std::fs::write(&packed, &bytes).unwrap();
        let (trace, said) = imported(&packed);
        assert_eq!(trace, plain, "{name}");
        assert_eq!(said, "");
        // What wrote it was killed.
        std::fs::write(&packed, &bytes[..bytes.len() * 2 / 3]).unwrap();
        let (half, said) = imported(&packed);
        assert!(half.events.len() > plain.events.len() / 3 && half.events.len() < plain.events.len());
        assert!(said.contains("cannot be read to its end"), "{said}");
    }
}

#[test]
fn lines_that_mean_nothing_are_counted_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("x.log");
    let good = std::fs::read_to_string(fixture("program.strace")).unwrap();
    let bad = [
        "7 1.5 mmap(NULL, 4096, PROT_WHAT, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000",
        "7 1.6 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0",
        "7 1.7 <... munmap resumed>) = 0",
        "7 99999999999999999999999.5 munmap(0x1000, 4096) = 0",
        "\u{1b}[31m\u{0}((((((",
        "7 1.8 munmap(0xffffffffffffffff, 18446744073709551615) = 0",
        "7 1.9 brk(NULL <unfinished ...>",
        "7 2.0 mprotect([[[[{{{{\"\\\", 1) = 0",
    ];
    std::fs::write(&log, format!("{good}{}\n", bad.join("\n"))).unwrap();
    let (trace, said) = imported(&log);
    assert!(
        said.contains("8 problems in") && said.contains("line 75") && said.lines().count() == 1,
        "{said}"
    );
    let lost =
        of(&trace, |event| if let EventKind::Lost(lost) = &event.kind { Some(lost.count) } else { None });
    assert_eq!(lost, [1, 1, 8], "two programs that exec mapped, and the lines");
    assert_eq!(kinds(&trace)["map"], 20);
    // Half of it, from anywhere to anywhere, is half of it.
    for (from, to) in [(0, 3000), (1234, 7000), (5000, good.len() - 7)] {
        std::fs::write(&log, good.get(from..to).unwrap()).unwrap();
        let (trace, _) = imported(&log);
        assert!(trace.events.len() > 10);
    }
    std::fs::write(&log, "7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f0000000000\n").unwrap();
    assert!(fails(&convert(&log, &dir.path().join("a.pscope"), &[])).contains("-ttt"));
    let mixed = ["1.0 brk(NULL) = 0x1000", "1.1 fork() = 8", "[pid     8] 1.2 brk(NULL) = 0x1000"];
    std::fs::write(&log, mixed.join("\n")).unwrap();
    assert!(fails(&convert(&log, &dir.path().join("a.pscope"), &[])).contains("-o FILE"));
    // By stdin, too.
    let mut by_stdin = Command::new(env!("CARGO_BIN_EXE_pagescope"));
    by_stdin.args(["convert", "-", "-"]).stdin(std::fs::File::open(fixture("program.perf")).unwrap());
    let done = by_stdin.output().unwrap();
    assert_eq!(read(&done.stdout).unwrap(), imported(&fixture("program.perf")).0);
    std::fs::write(&log, "Dear Sir,\n").unwrap();
    fails(&convert(&log, &dir.path().join("a.pscope"), &[]));
}

/// The same program, seen by strace and by us, at the same addresses.
#[test]
fn strace_and_we_see_the_same_calls() {
    let has = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if !has("strace") || !has("setarch") {
        return eprintln!("not compared: there is no strace or no setarch here");
    }
    let dir = tempfile::tempdir().unwrap();
    let (log, ours) = (dir.path().join("x.strace"), dir.path().join("x.jsonl"));
    let program = ["/bin/sh", "-c", "/bin/true; /bin/true & wait"];
    let run = |begin: &[&str], out: &Path| {
        let mut command = Command::new("setarch");
        command
            .arg("-R")
            .args(begin)
            .arg("-o")
            .arg(out)
            .args((begin[0] != "strace").then_some("--"))
            .args(program);
        let done = command.env_clear().output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    run(&["strace", "-f", "-ttt", "-y"], &log);
    run(&[env!("CARGO_BIN_EXE_pagescope"), "record", "-q", "--backend", "ptrace"], &ours);
    let (theirs, said) = imported(&log);
    assert_eq!(said, "");
    let ours = read(&std::fs::read(ours).unwrap()).unwrap();
    let (theirs, ours) = (calls(&theirs), calls(&ours));
    assert!(theirs.iter().map(Vec::len).sum::<usize>() > 40 && theirs.len() == 3, "{theirs:?}");
    assert_eq!(theirs, ours);
}

/// For each process, in the order in which they come: calls that change mappings.
fn calls(trace: &Trace) -> Vec<Vec<String>> {
    let mut order = Vec::new();
    let mut calls: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for event in &trace.events {
        let told = match &event.kind {
            EventKind::Map(m) => {
                format!("mmap {:?} {} {} {}", m.asked, m.range, m.attributes.protection, m.attributes.backing)
            }
            EventKind::Unmap(u) => format!("munmap {:?} {}", u.asked, u.range),
            EventKind::Protect(p) => format!("mprotect {:?} {} {}", p.asked, p.range, p.protection),
            EventKind::Break(b) => format!("brk {} {} {}", b.asked, b.old, b.new),
            _ => continue,
        };
        if !order.contains(&event.pid) {
            order.push(event.pid);
        }
        calls.entry(event.pid).or_default().push(told);
    }
    order.iter().filter_map(|pid| calls.remove(pid)).collect()
}
