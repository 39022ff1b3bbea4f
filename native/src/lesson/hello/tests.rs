use super::*;
use crate::lesson::perform as perform_lesson;
use crate::sys::{Mapped, page_size};
use crate::trace_file::TraceFile;
use pagescope_shared::event::EventKind;
use pagescope_shared::jsonl::{self, Trace};

/// Performs it inside this process; nothing else in these tests may map the page that it wishes for.
fn record() -> (Trace, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hello.jsonl");
    let mut out = Vec::new();
    perform_lesson(&LESSON, TraceFile::create(&path).unwrap(), &mut out).unwrap();
    (jsonl::read(&std::fs::read(path).unwrap()).unwrap(), String::from_utf8(out).unwrap())
}

#[test]
fn a_hint_that_is_not_honoured() {
    let size = page_size().unwrap();
    let hint = Addr(size.bytes() << 20);
    let taken = Mapped::anonymous(hint, 1, size).unwrap();
    assert_eq!(taken.range().map(Range::start), Some(hint), "the page that the lesson wishes for is free");
    let (trace, out) = record();
    assert!(trace.problems.is_empty(), "{:?}", trace.problems);
    assert_eq!(out, format!("System page size: {} bytes\nContents of region: Hello, world!\n", size.bytes()));
    let map = trace.events.iter().find_map(|e| match &e.kind {
        EventKind::Map(map) => Some(map.clone()),
        _ => None,
    });
    let map = map.unwrap();
    assert!(map.asked.addr == hint && !map.hint_honoured());
    let told = trace.events.iter().any(|e| match &e.kind {
        EventKind::Step(step) => step.text.contains(&format!("but {}", map.range.start())),
        _ => false,
    });
    assert!(told, "the narration says where the page went");
}

#[test]
fn markers_stand_once_in_the_program() {
    for marker in ["sysconf(", " mmap(", "strcpy(", "Contents of region", "munmap(", "return 0"] {
        assert_eq!(LESSON.source.matches(marker).count(), 1, "{marker}");
    }
    let widest = LESSON.source.lines().map(|l| l.chars().count()).max();
    assert!(widest <= Some(64), "{widest:?}: the page shows it in big type");
}

#[test]
fn a_page_that_is_still_there_fails_the_lesson() {
    let mappings = crate::proc::own_mappings().unwrap();
    let page = mappings[0].range;
    assert!(check_gone(&mappings, page).unwrap_err().to_string().contains("still shows"));
    assert!(check_gone(&mappings[1..], page).is_ok());
}

#[test]
fn digits_in_groups() {
    for (number, text) in [(0, "0"), (999, "999"), (4096, "4,096"), (1_048_576, "1,048,576")] {
        assert_eq!(grouped(number), text);
    }
}
