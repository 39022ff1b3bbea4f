//! All lessons, performed by the built binary; what each shows is read from its trace.
#![allow(clippy::unwrap_used, clippy::panic)] // A test ends by panicking, in its helpers too.

mod programs;
mod shown;

use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{EventKind, Step};
use pagescope_shared::header::Capability;
use pagescope_shared::jsonl;
use pagescope_shared::page::{Page, PageState};
use pagescope_shared::timeline::Timeline;
use pagescope_shared::trace::Trace;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

const PAGE: u64 = 4096;
/// Where lessons would like their memory to be.
const WISH: Addr = Addr(PAGE << 20);

/// The course, in its order.
const COURSE: &[&str] = &[
    "hello",
    "demand-paging",
    "zero-page",
    "file-private",
    "file-shared",
    "page-cache",
    "cow-fork",
    "shared-memory",
    "protect",
    "split-merge",
    "fixed",
    "remap",
    "dontneed",
    "lazy-terabyte",
    "malloc",
    "stack",
    "huge-pages",
    "errors",
    "use-after-munmap",
];

fn pagescope(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pagescope")).args(args).current_dir(dir).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A lesson as it was performed just now; `None` where this machine cannot, and says so.
fn performed(name: &str) -> Option<Lesson> {
    let dir = tempfile::tempdir().unwrap();
    let output = pagescope(dir.path(), &["lesson", "run", name]);
    let errors = text(&output.stderr);
    if errors.contains("cannot be performed here: ") {
        assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
        return None;
    }
    assert!(output.status.success(), "{name}: {errors}");
    let trace = jsonl::read(&std::fs::read(dir.path().join(format!("{name}.jsonl"))).unwrap()).unwrap();
    Some(Lesson::new(trace, text(&output.stdout)))
}

/// A lesson that is over.
struct Lesson {
    timeline: Timeline,
    trace: Trace,
    /// What it printed.
    printed: String,
}

impl Lesson {
    fn new(trace: Trace, printed: &str) -> Self {
        Self { timeline: Timeline::new(&trace), trace, printed: printed.to_owned() }
    }

    fn has(&self, capability: &Capability) -> bool {
        self.trace.header.capabilities.contains(capability)
    }

    fn steps(&self) -> Vec<&Step> {
        let mut steps = Vec::new();
        for event in &self.trace.events {
            if let EventKind::Step(step) = &event.kind {
                steps.push(step.as_ref());
            }
        }
        steps
    }

    /// Goes to the end of the step of this title.
    fn after(&mut self, title: &str) -> Moment<'_> {
        let steps: Vec<(usize, &str)> =
            self.timeline.steps().map(|(at, step)| (at, step.title.as_str())).collect();
        let index =
            steps.iter().position(|(_, other)| *other == title).unwrap_or_else(|| panic!("no {title:?}"));
        let begin = steps[index].0;
        // The last event of all ends the recording.
        let end = steps.get(index + 1).map_or(self.timeline.end() - 1, |(at, _)| *at);
        self.timeline.seek(end);
        let pids = self.timeline.world().processes().map(|(pid, _)| pid).collect();
        Moment { lesson: self, events: begin..end, pids }
    }
}

/// The end of a step.
struct Moment<'a> {
    lesson: &'a Lesson,
    events: std::ops::Range<usize>,
    /// The first process, and its child.
    pids: Vec<u32>,
}

impl Moment<'_> {
    /// The page number `n` from the wish on, of the process number `who`.
    fn page_of(&self, who: usize, n: u64) -> Option<Page> {
        self.lesson.timeline.world().page_at(self.pids[who], Addr(WISH.0 + n * PAGE))
    }

    fn state(&self, n: u64) -> Option<PageState> {
        self.page_of(0, n).map(|page| page.state)
    }

    fn states(&self, who: usize, pages: std::ops::Range<u64>) -> Vec<Option<PageState>> {
        pages.map(|n| self.page_of(who, n).map(|page| page.state)).collect()
    }

    /// The frame of a page, where the kernel shows frames; what is compared is the same otherwise.
    fn frame(&self, who: usize, n: u64) -> Option<u64> {
        let page = self.page_of(who, n).unwrap_or_else(|| panic!("page {n} is not mapped"));
        assert_eq!(page.frame.is_some(), self.lesson.has(&Capability::Frames), "page {n}: {page:?}");
        page.frame.map(|frame| frame.0)
    }

    /// Whether two pages have one frame; as expected, where frames are not shown.
    fn same_frame(&self, one: (usize, u64), other: (usize, u64), expected: bool) {
        let (a, b) = (self.frame(one.0, one.1), self.frame(other.0, other.1));
        assert!(a.is_none() || (a == b) == expected, "{one:?} {a:x?}, {other:?} {b:x?}");
    }

    /// How many mappings there are from the wish on, in so many pages.
    fn mappings(&self, pages: u64) -> Vec<String> {
        let range = Range::from_len(WISH, pages * PAGE).unwrap();
        let space = self.lesson.timeline.world().space(self.pids[0]).unwrap();
        space.mappings_in(range).map(|m| format!("{} {}", m.range.bytes() / PAGE, m.permissions())).collect()
    }

    /// The kinds of events in the step, without the step itself and what was observed.
    fn kinds(&self) -> Vec<&str> {
        let events = &self.lesson.trace.events[self.events.clone()];
        let told = events.iter().map(|event| event.kind.name());
        told.filter(|name| !["step", "observed"].contains(name)).collect()
    }

    /// How many page faults the step made, where they are recorded.
    fn faults(&self, expected: usize) {
        let seen = self.kinds().iter().filter(|kind| **kind == "fault").count();
        assert!(!self.lesson.has(&Capability::Faults) || seen == expected, "{:?}", self.kinds());
    }
}

#[test]
fn every_lesson_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let listed = pagescope(dir.path(), &["lesson", "list"]);
    let names: Vec<&str> = text(&listed.stdout).lines().filter(|l| !l.starts_with(' ')).collect();
    let names: Vec<&str> = names.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, COURSE);
    for name in COURSE {
        let Some(mut lesson) = performed(name) else {
            assert!(text(&listed.stdout).contains("Not on this machine"), "{name}");
            continue;
        };
        assert!(lesson.trace.problems.is_empty(), "{name}: {:?}", lesson.trace.problems);
        let events = &lesson.trace.events;
        assert!(events.windows(2).all(|w| w[0].time_ns <= w[1].time_ns), "{name}: time goes forward");
        let EventKind::End(end) = &events.last().unwrap().kind else { panic!("{name} has no end") };
        assert_eq!(end.count, u64::try_from(events.len()).unwrap() - 1);

        let header = lesson.trace.header.lesson.clone().unwrap();
        assert_eq!((header.name.as_str(), header.source.name), (*name, format!("{name}.c")));
        let lines = header.source.text.lines().count();
        let steps = lesson.steps();
        assert!((5..=15).contains(&steps.len()), "{name} has {} steps", steps.len());
        for step in &steps {
            let words = [&step.title, &step.text, &step.note];
            assert!(words.iter().all(|words| !words.is_empty() && !words.contains("  ")), "{name}: {step:?}");
            assert!((1..=lines).contains(&usize::try_from(step.line).unwrap()), "{name}: {step:?}");
            if let Some(question) = &step.question {
                let answer = usize::try_from(question.answer.unwrap()).unwrap();
                assert!(
                    answer < question.choices.len() && question.text.ends_with('?'),
                    "{name}: {question:?}"
                );
            }
            let is_page = |page: &String| page.ends_with(')') && page.contains('(') && !page.contains(' ');
            assert!(step.man.iter().all(is_page), "{name}: {:?}", step.man);
        }
        assert!(steps.iter().any(|step| step.question.is_some()), "{name} asks nothing");
        assert!(steps.iter().any(|step| !step.man.is_empty()), "{name} names no manual page");
        for position in 1..=lesson.timeline.end() {
            lesson.timeline.seek(position);
            assert_eq!(lesson.timeline.change().drift, vec![], "{name}, event {position}");
        }
    }
    let left: Vec<_> = std::fs::read_dir(std::env::temp_dir()).unwrap().collect();
    let letter = |entry: &std::io::Result<std::fs::DirEntry>| {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap_or_default();
        name.starts_with("letter-") && !Path::new("/proc").join(&name[7..name.len() - 4]).exists()
    };
    assert!(!left.iter().any(letter), "a lesson has left its file");
}

#[test]
fn a_refused_call_fails_the_lesson() {
    let dir = tempfile::tempdir().unwrap();
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, WISH.0).unwrap();
    let rules = [(libc::SYS_mmap, vec![SeccompRule::new(vec![condition]).unwrap()])].into();
    let answer = SeccompAction::Errno(libc::ENOMEM.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, answer, arch).unwrap().try_into().unwrap();
    let path = dir.path().to_owned();
    let thread = std::thread::spawn(move || {
        seccompiler::apply_filter(&filter).unwrap();
        pagescope(&path, &["lesson", "run", "cow-fork"])
    });
    let output = thread.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.starts_with("error: at the step \"Four pages\": the kernel refused mmap"), "{errors}");
    assert!(errors.contains("ENOMEM") && errors.lines().count() == 1, "{errors}");
    let trace = jsonl::read(&std::fs::read(dir.path().join("cow-fork.jsonl")).unwrap()).unwrap();
    let kinds: Vec<&str> = trace.events.iter().map(|event| event.kind.name()).collect();
    assert!(trace.problems.is_empty() && kinds.ends_with(&["step", "failed", "end"]), "{kinds:?}");
}

/// Without root there are no frames, and all the same the lesson holds.
#[test]
fn without_privilege() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("pagescope");
    std::fs::copy(env!("CARGO_BIN_EXE_pagescope"), &program).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = 65534;
    for name in ["cow-fork", "file-private"] {
        let mut command = Command::new(&program);
        command.args(["lesson", "run", name, "-o", "-"]);
        if rustix::process::geteuid().is_root() {
            command.uid(nobody).gid(nobody);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let trace = jsonl::read(&output.stdout).unwrap();
        assert!(!trace.header.capabilities.contains(&Capability::Frames));
        assert!(trace.header.capabilities.contains(&Capability::PageStates));
    }
}
