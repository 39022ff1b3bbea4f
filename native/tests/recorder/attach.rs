//! Coming to a program that runs, and leaving it; looking at one moment.

use crate::recorded::{backends, pagescope, program, told};
use pagescope_shared::event::EventKind;
use pagescope_shared::page::PageState;
use pagescope_shared::trace::{Trace, read};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

struct Running {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    first: String,
}

impl Running {
    fn start() -> Self {
        let mut child = Command::new(program())
            .arg("until-told")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        Self { child, out, first: first.trim_end().to_owned() }
    }

    /// It goes on as if nothing had been: it hears that its input ends, and says so.
    fn goes_on_unharmed(mut self) {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "done\n");
        assert!(self.child.wait().unwrap().success());
    }
}

fn states(trace: &Trace, pid: u32, line: &str) -> Vec<(u64, PageState)> {
    let mut world = pagescope_shared::world::World::new(trace.header.page_size);
    let mut change = pagescope_shared::model::Change::default();
    for event in &trace.events {
        world.apply(event, &mut change);
        assert_eq!(change.drift, vec![], "{event:?}");
        assert!(!matches!(event.kind, EventKind::Lost(_)), "{event:?}");
    }
    let space = world.space(pid).unwrap();
    space.runs(told(line)).map(|(range, page)| (range.bytes() / 4096, page.state)).collect()
}

#[test]
fn a_process_is_followed_for_a_while_and_left_running() {
    for backend in backends() {
        let running = Running::start();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.pscope");
        let pid = running.child.id().to_string();
        let args =
            ["record", "--backend", backend, "--pid", &pid, "-d", "300ms", "-o", file.to_str().unwrap()];
        let output = pagescope(&args);
        assert!(output.status.success(), "{output:?}");
        let trace = read(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(trace.problems, vec![]);
        let found = states(&trace, running.child.id(), &running.first);
        assert_eq!(found, vec![(5, PageState::Private), (11, PageState::Untouched)]);
        let maps = trace.events.iter().filter(|e| matches!(e.kind, EventKind::Map(_))).count();
        assert!(maps > 10, "{backend}: {maps}");
        running.goes_on_unharmed();
    }
}

#[test]
fn one_moment() {
    let running = Running::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.jsonl");
    // A thread maps all the time: it may take several tries, and may be too fast for a slow machine.
    let taken = (0..20).any(|_| {
        let pid = running.child.id().to_string();
        pagescope(&["snapshot", &pid, "-o", file.to_str().unwrap()]).status.success()
    });
    assert!(taken);
    let trace = read(&std::fs::read(&file).unwrap()).unwrap();
    let found = states(&trace, running.child.id(), &running.first);
    assert_eq!(found.iter().filter(|run| run.1 == PageState::Private).map(|run| run.0).sum::<u64>(), 5);
    running.goes_on_unharmed();
}

#[test]
fn nobody_is_there() {
    for args in [["record", "--pid", "4194305"], ["snapshot", "4194305", "-q"]] {
        let output = pagescope(&args);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("there is no process 4194305"), "{said}");
    }
}
