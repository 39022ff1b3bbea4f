//! Where recorder and program run. To stop a program and to let it go on costs several times as much when the two run on
//! different CPUs, so a program of one thread shares its CPU with the recorder. As soon as it has two threads or processes
//! they run wherever they would, and whenever it asks where it may run it gets the answer that it would get without us.

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Who runs where.
#[derive(Debug)]
pub(super) struct Place {
    /// What recorder and program were given.
    given: Option<CpuSet>,
    one: CpuSet,
    /// Both are on one CPU now.
    together: bool,
    /// The program has said itself where it wants to run.
    own_choice: bool,
}

impl Place {
    /// Puts this thread and `leader` on the CPU on which we are.
    pub(super) fn here(leader: i32) -> Self {
        let given = sched_getaffinity(None).ok();
        let mut one = CpuSet::new();
        one.set(sched_getcpu());
        let mut place = Self { given, one, together: false, own_choice: false };
        place.keep(std::iter::once(&leader));
        place
    }

    /// Everybody runs where they would without us.
    pub(super) fn anywhere() -> Self {
        Self { given: None, one: CpuSet::new(), together: false, own_choice: true }
    }

    /// The threads are these now.
    pub(super) fn keep<'a>(&mut self, threads: impl ExactSizeIterator<Item = &'a i32>) {
        let together = threads.len() == 1 && !self.own_choice;
        if together != self.together {
            self.set(together, threads);
        }
    }

    /// For a moment the threads are where they would be without us.
    pub(super) fn release<'a>(&mut self, threads: impl ExactSizeIterator<Item = &'a i32>) {
        if self.together {
            self.set(false, threads);
        }
    }

    /// The program has asked where it may run, or said it.
    pub(super) fn asked(&mut self, says: bool) {
        self.own_choice |= says;
    }

    fn set<'a>(&mut self, together: bool, threads: impl Iterator<Item = &'a i32>) {
        let Some(given) = &self.given else { return };
        let set = if together { &self.one } else { given };
        // Where it is refused, it only takes longer.
        let _ = sched_setaffinity(None, set);
        if !self.own_choice {
            for thread in threads {
                if let Some(thread) = Pid::from_raw(*thread) {
                    let _ = sched_setaffinity(Some(thread), set);
                }
            }
        }
        self.together = together;
    }
}
