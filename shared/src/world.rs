//! All processes at one moment: who was made by whom, who shares memory with whom.

mod companions;
mod save;
mod shared;
mod sum;

pub use companions::{Companion, Sameness};

use crate::addr::{Addr, PageSize};
use crate::event::{Event, EventKind, Exit, Fork, ForkMemory};
use crate::interval::{Cut, IntervalMap, own};
use crate::model::{AddressSpace, Change, Totals};
use crate::page::Page;
use std::rc::Rc;
use sum::Sum;

/// Everything that is known at one moment. A clone costs nothing until one of the two changes.
#[derive(Clone, Debug)]
pub struct World {
    page_size: PageSize,
    /// By process number; the place of the busy one is empty.
    processes: IntervalMap<Option<Rc<Process>>>,
    /// The one that the last event was of: most often the next one is of it too, and need not look for it.
    busy: Option<(u32, Rc<Process>)>,
    /// The families of those that live, by process number: only kin can share private pages.
    live: IntervalMap<u32>,
    forks: u32,
    /// What all address spaces amounted to when the busy one became so.
    sum: Sum,
    /// What those have who have no memory: all of them share it.
    empty: AddressSpace,
}

/// One process at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its program, when the recording saw it start.
    pub exe: Option<Rc<str>>,
    /// Who made it, when the recording saw that.
    pub parent: Option<u32>,
    /// Threads beside the first one that the recording saw begin.
    pub threads: u32,
    /// How it ended, if it has.
    pub ended: Option<Rc<Exit>>,
    /// Whose memory it uses, when it is not its own: vfork(2), `CLONE_VM`.
    pub borrows: Option<u32>,
    /// Its memory; empty while it borrows.
    space: AddressSpace,
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        (self.page_size, self.forks) == (other.page_size, other.forks)
            && self.live == other.live
            && self.processes().eq(other.processes())
    }
}

impl Eq for World {}

impl Cut for Option<Rc<Process>> {
    fn advanced(&self, _: u64) -> Self {
        self.clone()
    }
}

impl Cut for u32 {
    fn advanced(&self, _: u64) -> Self {
        *self
    }
}

impl Process {
    fn new(parent: Option<u32>, space: AddressSpace) -> Self {
        Self { exe: None, parent, threads: 0, ended: None, borrows: None, space }
    }
}

impl World {
    /// Before anything was recorded.
    pub fn new(page_size: PageSize) -> Self {
        let (processes, live) = (IntervalMap::default(), IntervalMap::default());
        let (sum, empty) = (Sum::default(), AddressSpace::new(page_size));
        Self { page_size, processes, busy: None, live, forks: 0, sum, empty }
    }

    /// All processes by number, the ended ones too.
    pub fn processes(&self) -> impl DoubleEndedIterator<Item = (u32, &Process)> {
        self.processes.iter().filter_map(|(pid, _, process)| {
            let pid = u32::try_from(pid).ok()?;
            Some((pid, self.present(pid, process)?))
        })
    }

    /// How many there are.
    pub fn process_count(&self) -> usize {
        self.processes.len()
    }

    /// One process.
    pub fn process(&self, pid: u32) -> Option<&Process> {
        let (_, _, process) = self.processes.get(u64::from(pid))?;
        self.present(pid, process)
    }

    /// What stands in a place of the map, or should.
    fn present<'a>(&'a self, pid: u32, place: &'a Option<Rc<Process>>) -> Option<&'a Process> {
        place.as_ref().or(self.busy.as_ref().filter(|busy| busy.0 == pid).map(|busy| &busy.1)).map(Rc::as_ref)
    }

    /// The memory that a process uses, its own or a borrowed one.
    pub fn space(&self, pid: u32) -> Option<&AddressSpace> {
        self.process(self.lender(pid)).map(|p| &p.space)
    }

    /// What all address spaces amount to. Costs the same however many there are.
    pub fn totals(&self) -> Totals {
        self.sum.with(self.busy.as_ref().map(|(_, process)| process.space.totals()))
    }

    /// Follows one event, and says what it did to the process's memory: into `change`, which is emptied first.
    pub fn apply(&mut self, event: &Event, change: &mut Change) {
        let pid = event.pid;
        // The way of nearly all events: only the process itself is concerned.
        if let EventKind::Fault(_) | EventKind::Map(_) | EventKind::Unmap(_) | EventKind::Protect(_) =
            event.kind
            && let Some(process) = self.known_mut(pid)
            && process.borrows.is_none()
        {
            process.space.apply_to(&event.kind, change);
            if !change.unshared.is_empty() {
                self.settle(pid, change);
            }
            return;
        }
        self.apply_rare(event, change);
    }

    #[inline(never)]
    fn apply_rare(&mut self, event: &Event, change: &mut Change) {
        let pid = event.pid;
        change.clear();
        match &event.kind {
            EventKind::Fork(fork) => return self.fork(pid, *fork, change),
            EventKind::Exec(_) | EventKind::Exit(_) => self.leave_memory(pid),
            _ => {}
        }
        self.note(pid, &event.kind);
        let lender = self.lender(pid);
        // One that only used another's memory ends without touching it.
        if lender != pid && matches!(event.kind, EventKind::Exit(_)) {
            return self.bury(pid);
        }
        if let Some(process) = self.process_mut(lender) {
            process.space.apply_to(&event.kind, change);
        }
        if let EventKind::Advise(_) | EventKind::Failed(_) = &event.kind {
            self.remove(lender, &event.kind, change);
        }
        if !change.unshared.is_empty() {
            self.settle(lender, change);
        }
        match event.kind {
            EventKind::Exit(_) => self.bury(pid),
            // A new program shares nothing with anybody.
            EventKind::Exec(_) => drop(self.live.insert(u64::from(pid), u64::from(pid) + 1, pid)),
            _ => {}
        }
    }

    /// The process, made when nobody has spoken of it yet.
    fn process_mut(&mut self, pid: u32) -> Option<&mut Process> {
        let key = u64::from(pid);
        if self.processes.get(key).is_none() {
            self.add(pid, None, self.empty.clone(), pid);
        }
        self.known_mut(pid)
    }

    #[inline]
    fn known_mut(&mut self, pid: u32) -> Option<&mut Process> {
        if self.busy.as_ref().is_none_or(|busy| busy.0 != pid) {
            self.turn_to(pid);
        }
        self.busy.as_mut().and_then(|busy| own(&mut busy.1))
    }

    #[inline(never)]
    fn turn_to(&mut self, pid: u32) {
        if let Some((old, process)) = self.busy.take() {
            self.sum.put_down(process.space.totals());
            if let Some(place) = self.processes.get_mut(u64::from(old)) {
                *place = Some(process);
            }
        }
        let place = self.processes.get_mut(u64::from(pid));
        self.busy = place.and_then(Option::take).map(|process| (pid, process));
        if let Some((_, process)) = &self.busy {
            self.sum.take_up(process.space.totals());
        }
    }

    fn add(&mut self, pid: u32, parent: Option<u32>, space: AddressSpace, family: u32) {
        let key = u64::from(pid);
        // Whoever had this number is gone: he is taken out of the sum first.
        if self.processes.get(key).is_some() {
            self.turn_to(pid);
            self.busy = None;
        }
        self.sum.put_down(space.totals());
        self.processes.insert(key, key + 1, Some(Rc::new(Process::new(parent, space))));
        self.live.insert(key, key + 1, family);
    }

    /// What an event says of the process itself.
    fn note(&mut self, pid: u32, kind: &EventKind) {
        match kind {
            EventKind::Start(_) | EventKind::Exec(_) | EventKind::Thread(_) | EventKind::Exit(_) => {}
            _ => return,
        }
        let Some(process) = self.process_mut(pid) else { return };
        match kind {
            EventKind::Start(start) => process.exe = Some(start.exe.as_str().into()),
            EventKind::Exec(exec) => {
                process.exe = Some(exec.exe.as_str().into());
                (process.threads, process.borrows) = (0, None);
            }
            EventKind::Thread(_) => process.threads = process.threads.saturating_add(1),
            EventKind::Exit(exit) => process.ended = Some(Rc::new(exit.as_ref().clone())),
            _ => {}
        }
    }

    fn bury(&mut self, pid: u32) {
        let empty = self.empty.clone();
        if let Some(process) = self.known_mut(pid) {
            process.space = empty.with_faults_of(&process.space);
        }
        let key = u64::from(pid);
        self.live.remove_each(key, key + 1, &mut |_, _, _| {});
    }

    /// Whose memory `pid` uses.
    pub fn lender(&self, pid: u32) -> u32 {
        let mut at = pid;
        // A chain of lenders is short; a trace that makes it a circle is not followed round.
        for _ in 0..64 {
            match self.process(at).and_then(|p| p.borrows) {
                Some(lender) => at = lender,
                None => return at,
            }
        }
        pid
    }

    /// Before it execs or exits: what it borrowed it gives back, and what others borrow from it passes on to one of
    /// them.
    fn leave_memory(&mut self, pid: u32) {
        if self.process(pid).is_some_and(|p| p.borrows.is_some()) {
            return;
        }
        let heirs: Vec<u32> = self
            .live
            .iter()
            .filter_map(|(other, ..)| u32::try_from(other).ok())
            .filter(|other| self.process(*other).is_some_and(|p| p.borrows == Some(pid)))
            .collect();
        let Some((&heir, others)) = heirs.split_first() else { return };
        let empty = self.empty.clone();
        let Some(process) = self.process_mut(pid) else { return };
        let space = std::mem::replace(&mut process.space, empty);
        if let Some(process) = self.process_mut(heir) {
            (process.space, process.borrows) = (space, None);
        }
        for &other in others {
            if let Some(process) = self.process_mut(other) {
                process.borrows = Some(heir);
            }
        }
    }

    fn fork(&mut self, pid: u32, fork: Fork, change: &mut Change) {
        let family = self.live.get(u64::from(pid)).map_or(pid, |(_, _, family)| *family);
        let exe = self.process_mut(pid).and_then(|p| p.exe.clone());
        if fork.child == pid {
            return;
        }
        let lender = self.lender(pid);
        let space = match fork.memory {
            ForkMemory::Copied => {
                self.forks = self.forks.wrapping_add(1).max(1);
                let share = self.forks;
                self.process_mut(lender).map(|p| p.space.fork(share, change))
            }
            ForkMemory::Shared => None,
        };
        let space = space.unwrap_or_else(|| self.empty.clone());
        self.add(fork.child, Some(pid), space, family);
        let Some(child) = self.process_mut(fork.child) else { return };
        child.exe = exe;
        if fork.memory == ForkMemory::Shared && lender != fork.child {
            child.borrows = Some(lender);
        }
    }

    /// How many bytes it takes beside what it shares with `other`, about.
    pub(crate) fn bytes_beside(&self, other: &Self) -> usize {
        let of = |pid: u32| {
            let (own, before) = (self.process(pid), other.process(pid));
            let same = own.zip(before).is_some_and(|(a, b)| std::ptr::eq(a, b));
            // A new one shares with its parent what it has from there.
            let parent = own.and_then(|p| self.space(p.parent?));
            let before = before.map(|p| &p.space).or(parent).unwrap_or(&self.empty);
            own.filter(|_| !same)
                .map_or(0, |p| size_of::<Process>().saturating_add(p.space.bytes_beside(before)))
        };
        let mut bytes = self.busy.as_ref().map_or(0, |busy| of(busy.0));
        let nodes = self.processes.apart_from(&other.processes, &mut |pid, place| {
            // The busy one is counted.
            let pid = place.as_ref().and_then(|_| u32::try_from(pid).ok());
            bytes = bytes.saturating_add(pid.map_or(0, of));
        });
        bytes.saturating_add(nodes).saturating_add(self.live.apart_from(&other.live, &mut |_, _| {}))
    }

    /// The page of a process that holds `addr`.
    pub fn page_at(&self, pid: u32, addr: Addr) -> Option<Page> {
        self.space(pid)?.page_at(addr)
    }
}

#[cfg(test)]
mod tests;
