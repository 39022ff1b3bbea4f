//! Where recorder and program run. To stop a thread and to let it go on costs several times as much when it runs on another
//! CPU than the recorder. So a thread that is the only one that stops, for a while, shares its CPU with us. As soon as others
//! stop as well, or it stops no more, they run wherever they would; and when the program asks where it may run it gets the
//! answer that it would get without us.

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Who stops so often, and nobody else in between, is joined.
const ALONE: u32 = 16;
/// When others have stopped so often, whoever was joined is left.
const OTHERS: u32 = 8;

/// Who runs where.
#[derive(Debug)]
pub(super) struct Place {
    /// What recorder and program were given; nothing where they are let alone.
    given: Option<CpuSet>,
    /// Who is on our CPU.
    with: Option<i32>,
    /// Who stopped last, and how often since another one did.
    last: i32,
    times: u32,
    /// How often others stopped since the one on our CPU did.
    others: u32,
    /// It has stopped since somebody looked.
    stops: bool,
}

impl Place {
    /// Puts this thread and `leader` on the CPU on which we are.
    pub(super) fn here(leader: i32) -> Self {
        let mut place = Self { given: sched_getaffinity(None).ok(), ..Self::anywhere() };
        place.join(leader);
        place
    }

    /// Everybody runs where they would without us.
    pub(super) fn anywhere() -> Self {
        Self { given: None, with: None, last: 0, times: 0, others: 0, stops: false }
    }

    /// A thread has stopped.
    pub(super) fn stopped(&mut self, thread: i32) {
        if self.given.is_none() {
            return;
        }
        if self.with == Some(thread) {
            (self.others, self.stops) = (0, true);
            return;
        }
        self.times = if self.last == thread { self.times + 1 } else { 1 };
        self.last = thread;
        self.others += 1;
        if self.with.is_some() && self.others >= OTHERS {
            self.leave();
        }
        if self.with.is_none() && self.times >= ALONE {
            self.join(thread);
        }
    }

    /// Nobody has stopped for a while, perhaps.
    pub(super) fn rests(&mut self) {
        if !std::mem::take(&mut self.stops) {
            self.leave();
        }
    }

    /// A thread was made: it is where its maker was.
    pub(super) fn born(&self, thread: i32) {
        self.set(Some(thread), self.given.as_ref());
    }

    /// A thread has become another program, perhaps under the number of another thread; who is gone now is not among `rest`.
    pub(super) fn became(&mut self, thread: i32, rest: impl Fn(i32) -> bool) {
        match self.with {
            Some(with) if with == thread => self.join(thread),
            Some(with) => {
                self.born(thread);
                if !rest(with) {
                    self.gone(with);
                }
            }
            None => {}
        }
    }

    /// A thread has ended.
    pub(super) fn gone(&mut self, thread: i32) {
        if self.with == Some(thread) {
            self.with = None;
            self.set(None, self.given.as_ref());
        }
    }

    /// Everybody is where they would be without us, before somebody asks. Once the program says itself where it wants to
    /// run, it stays so.
    pub(super) fn asked(&mut self, says: bool) {
        self.leave();
        if says {
            self.given = None;
        }
    }

    fn join(&mut self, thread: i32) {
        let mut one = CpuSet::new();
        one.set(sched_getcpu());
        self.set(None, Some(&one));
        self.set(Some(thread), Some(&one));
        (self.with, self.others, self.stops) = (Some(thread), 0, true);
    }

    fn leave(&mut self) {
        if let Some(thread) = self.with.take() {
            self.set(Some(thread), self.given.as_ref());
            self.set(None, self.given.as_ref());
        }
        self.times = 0;
    }

    /// Lets a thread (or us) run on these CPUs. Where it is refused, it only takes longer.
    fn set(&self, thread: Option<i32>, cpus: Option<&CpuSet>) {
        let Some(cpus) = cpus.filter(|_| self.given.is_some()) else { return };
        let _ = sched_setaffinity(thread.and_then(Pid::from_raw), cpus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_alone_stops_is_joined_and_left_when_others_do() {
        // Of no process, so nobody is moved but this thread.
        let (one, two) = (i32::MAX, i32::MAX - 1);
        let given = sched_getaffinity(None).unwrap();
        let mut place = Place::here(one);
        assert_eq!(place.with, Some(one));
        (0..OTHERS).for_each(|_| place.stopped(two));
        assert_eq!(place.with, None);
        assert_eq!(sched_getaffinity(None).unwrap(), given);
        // In turn: nobody is alone.
        (0..100).for_each(|i| place.stopped(if i % 2 == 0 { one } else { two }));
        assert_eq!(place.with, None);
        (0..ALONE).for_each(|_| place.stopped(two));
        assert_eq!(place.with, Some(two));
        place.rests();
        assert_eq!(place.with, Some(two));
        place.rests();
        assert_eq!((place.with, sched_getaffinity(None).unwrap()), (None, given));
        place.asked(true);
        (0..ALONE).for_each(|_| place.stopped(two));
        assert_eq!(place.with, None);
    }
}
