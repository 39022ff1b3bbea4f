//! The C program beside each lesson: compiled, run under our own recorder, and its calls about memory are the lesson's.

use super::{COURSE, WISH, pagescope, performed, text};
use pagescope_shared::addr::Addr;
use pagescope_shared::event::{Event, EventKind};
use pagescope_shared::jsonl;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Where the program itself begins and ends: calls that fail, and change nothing.
const MARKERS: &str = "#include <stdlib.h>\n#include <sys/mman.h>\n\
    __attribute__((constructor)) static void begin(void) { free(malloc(1)); munmap((void *)1, 1); }\n\
    __attribute__((destructor)) static void end(void) { munmap((void *)3, 1); }\n";

/// A call as both of them make it. Where the kernel chose the place, it may be another.
fn call(kind: &EventKind) -> Option<String> {
    let place = |addr: Addr| {
        let near = addr.0 < WISH.0 << 12;
        if near { addr.to_string() } else { "elsewhere".to_owned() }
    };
    let asked = |a: &pagescope_shared::event::Asked| {
        format!("{} {} {:?}", place(a.addr), a.len, a.flags.names().collect::<Vec<_>>())
    };
    Some(match kind {
        EventKind::Map(e) => format!("mmap {} {}", asked(&e.asked), e.attributes.protection),
        EventKind::Unmap(e) => format!("munmap {}", asked(&e.asked)),
        EventKind::Protect(e) => format!("mprotect {} {}", asked(&e.asked), e.protection),
        EventKind::Remap(e) => format!("mremap {} {}", asked(&e.asked), e.to.len),
        EventKind::Advise(e) => format!("madvise {} {}", asked(&e.asked), e.advice),
        EventKind::Sync(e) => format!("msync {}", asked(&e.asked)),
        EventKind::Break(e) => format!("brk {:?}", e.new.cmp(&e.old)),
        EventKind::Failed(e) => format!("{} {} {}", e.call, asked(&e.asked), e.errno),
        EventKind::Signal(e) => format!("{} {} {}", e.signal, e.code, place(e.addr)),
        EventKind::Fork(_) => "fork".to_owned(),
        _ => return None,
    })
}

/// The calls of each process, the first one's first.
fn calls(events: &[Event]) -> Vec<Vec<String>> {
    let mut pids: Vec<u32> = Vec::new();
    let mut all: Vec<Vec<String>> = Vec::new();
    for event in events {
        let Some(call) = call(&event.kind) else { continue };
        let at = pids.iter().position(|pid| *pid == event.pid).unwrap_or_else(|| {
            pids.push(event.pid);
            all.push(Vec::new());
            pids.len() - 1
        });
        all[at].push(call);
    }
    all
}

/// What the recorder saw between the markers.
fn recorded(dir: &Path, name: &str) -> (Vec<Event>, String) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("lessons/{name}.c"));
    let source_text = fs::read_to_string(&source).unwrap();
    let widest = source_text.lines().map(|line| line.chars().count()).max();
    let lines = source_text.lines().count();
    assert!(widest <= Some(48) && (30..=80).contains(&lines), "{name}.c: {widest:?} wide, {lines} lines");
    fs::write(dir.join("markers.c"), MARKERS).unwrap();
    let mut compile = Command::new("cc");
    compile.args(["-Wall", "-Wextra", "-Werror", "-o", name]).arg(&source).arg("markers.c").current_dir(dir);
    let compiled = compile.output().unwrap();
    assert!(compiled.status.success(), "{}", text(&compiled.stderr));
    let program = format!("./{name}");
    let args = ["record", "--backend", "ptrace", "--observe", "off", "-q", "-o", "c.jsonl", "--", &program];
    let output = pagescope(dir, &args);
    assert!(output.status.success(), "{name}.c: {:?} {}", output.status, text(&output.stderr));
    let trace = jsonl::read(&fs::read(dir.join("c.jsonl")).unwrap()).unwrap();
    assert!(trace.problems.is_empty(), "{name}.c: {:?}", trace.problems);
    let marker = |at| {
        let is = |e: &Event| matches!(&e.kind, EventKind::Failed(failed) if failed.asked.addr == Addr(at));
        trace.events.iter().position(is).unwrap_or_else(|| panic!("{name}.c has no marker {at}"))
    };
    let between = trace.events[marker(1) + 1..marker(3)].to_vec();
    (between, text(&output.stdout).to_owned())
}

#[test]
fn do_the_same_as_the_lessons() {
    for name in COURSE {
        let Some(lesson) = performed(name) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let (events, printed) = recorded(dir.path(), name);
        assert_eq!(calls(&events), calls(&lesson.trace.events), "{name}: the program, and the lesson");
        assert_eq!(printed, lesson.printed, "{name}: the program, and the lesson");
    }
}
