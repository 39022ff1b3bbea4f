//! How far a trace reaches: which processes and addresses it is about, when nothing happened, what somebody marked.

use super::MARKERS;
use crate::addr::{Addr, PageSize, Range};
use crate::event::{Event, EventKind};
use crate::format::{clipped, file_name};
use crate::mapping::Backing;
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many stretches of addresses are told apart in one process.
const STRETCHES: usize = 96;
/// So many processes are told apart; what is left is one more, with the number 0.
const PROCESSES: usize = 2048;
/// So many of the longest gaps are known at most.
const GAPS: usize = 2048;
/// So many names of mappings are known of one process.
const NAMES: usize = 64;

/// Stretches of addresses by address, disjoint: the closest become one when there are too many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretches {
    /// Where each begins and ends, and how often it was added to.
    all: Vec<(u64, u64, u64)>,
    recent: usize,
}

impl Stretches {
    /// By address, each with how often something was added to it.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Range, u64)> + '_ {
        let range = |start, end| Range::new(Addr(start), Addr(end)).ok();
        self.all.iter().filter_map(move |(start, end, times)| Some((range(*start, *end)?, *times)))
    }

    /// Adds a range, which may be there already.
    pub fn add(&mut self, range: Range) {
        let (start, end) = (range.start().0, range.end().0);
        if let Some((_, _, times)) =
            self.all.get_mut(self.recent).filter(|(s, e, _)| *s <= start && end <= *e)
        {
            *times += 1;
            return;
        }
        let first = self.all.partition_point(|(_, e, _)| *e < start);
        let after = self.all.partition_point(|(s, ..)| *s <= end).max(first);
        let joined = self.all.get(first..after).unwrap_or_default().iter();
        let merged =
            joined.fold((start, end, 1), |all, one| (all.0.min(one.0), all.1.max(one.1), all.2 + one.2));
        self.all.splice(first..after, [merged]);
        self.recent = first;
        if self.all.len() > STRETCHES {
            self.join_closest();
        }
    }

    fn join_closest(&mut self) {
        let gaps = self.all.windows(2).map(|pair| match pair {
            [(_, end, _), (start, ..)] => start.saturating_sub(*end),
            _ => u64::MAX,
        });
        let Some((at, _)) = gaps.enumerate().min_by_key(|(_, gap)| *gap) else { return };
        let (Some(low), Some(high)) = (self.all.get(at).copied(), self.all.get(at + 1).copied()) else {
            return;
        };
        self.all.splice(at..=at + 1, [(low.0, high.1, low.2 + high.2)]);
        self.recent = at;
    }
}

/// What a trace says of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessReach {
    /// Its number; 0 for all those that are not told apart.
    pub pid: u32,
    /// The program that it ran last, without its folder.
    pub program: Option<Arc<str>>,
    /// The position before its first event, and after its last.
    pub positions: (usize, usize),
    /// The times of its first and of its last event, in nanoseconds.
    pub times: (u64, u64),
    /// How many events are its own.
    pub events: u64,
    /// Where something was mapped at some time.
    pub mapped: Stretches,
    /// Where pages were touched or seen.
    pub touched: Stretches,
    /// Names of mappings, each with the addresses from its first to its last.
    pub names: BTreeMap<Arc<str>, Range>,
}

impl ProcessReach {
    fn name(&mut self, mapping: Range, backing: &Backing) {
        let name = match backing {
            Backing::Anonymous => return,
            Backing::File(object) | Backing::Shm(object) => file_name(&object.path),
            Backing::Heap => "heap",
            Backing::Stack => "stack",
            Backing::Kernel(name) => name,
        };
        if let Some(range) = self.names.get_mut(name) {
            if let Ok(both) = Range::new(range.start().min(mapping.start()), range.end().max(mapping.end())) {
                *range = both;
            }
        } else if self.names.len() < NAMES {
            self.names.insert(clipped(name, 60).into(), mapping);
        }
    }
}

/// A time in which nothing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The time of the event before it, in nanoseconds.
    pub start_ns: u64,
    /// The time of the event after it.
    pub end_ns: u64,
}

/// A step of a lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// The position after its event.
    pub position: usize,
    /// When, in nanoseconds.
    pub time_ns: u64,
    /// What it is called.
    pub title: Arc<str>,
}

/// All of it, as far as the trace has been gone through.
#[derive(Clone, Debug)]
pub struct Reach {
    page_size: PageSize,
    processes: Vec<ProcessReach>,
    index: BTreeMap<u32, usize>,
    recent: usize,
    gaps: Vec<Gap>,
    /// Gaps that are shorter are not kept.
    least_gap: u64,
    steps: Vec<Marked>,
    first_ns: Option<u64>,
    last_ns: u64,
}

impl Reach {
    pub(super) fn new(page_size: PageSize) -> Self {
        Self {
            page_size,
            processes: Vec::new(),
            index: BTreeMap::new(),
            recent: 0,
            gaps: Vec::new(),
            least_gap: 1,
            steps: Vec::new(),
            first_ns: None,
            last_ns: 0,
        }
    }

    /// In the order in which they came.
    pub fn processes(&self) -> &[ProcessReach] {
        &self.processes
    }
    /// The gaps of at least `least` nanoseconds, by time. Of a trace with very many of them only the longest are known.
    pub fn gaps(&self, least: u64) -> Vec<Gap> {
        self.gaps.iter().filter(|g| g.end_ns - g.start_ns >= least).copied().collect()
    }
    /// Steps of a lesson, by position.
    pub fn steps(&self) -> &[Marked] {
        &self.steps
    }
    /// The times of the first and the last event, in nanoseconds.
    pub fn times(&self) -> (u64, u64) {
        (self.first_ns.unwrap_or(0), self.last_ns)
    }

    /// The event after `position`.
    pub(super) fn follow(&mut self, position: usize, event: &Event) {
        self.time(event.time_ns);
        let at = self.place(position, event.time_ns, event.pid);
        let Some(process) = self.processes.get_mut(at) else { return };
        (process.positions.1, process.times.1) = (position + 1, event.time_ns);
        process.events += 1;
        match &event.kind {
            EventKind::Fault(fault) => touch(&mut process.touched, self.page_size, fault.addr),
            EventKind::Access(access) => touch(&mut process.touched, self.page_size, access.addr),
            EventKind::Map(map) => {
                process.mapped.add(map.range);
                process.name(map.range, &map.attributes.backing);
            }
            EventKind::Remap(remap) => process.mapped.add(remap.new),
            EventKind::Break(moved) => {
                if let Ok(range) = Range::new(moved.old.min(moved.new), moved.old.max(moved.new)) {
                    process.mapped.add(range);
                    process.name(range, &Backing::Heap);
                }
            }
            EventKind::Observed(seen) if !seen.runs.is_empty() => process.touched.add(seen.range),
            EventKind::Snapshot(snapshot) => {
                for mapping in &snapshot.mappings {
                    process.mapped.add(mapping.range);
                    process.name(mapping.range, &mapping.attributes.backing);
                }
            }
            EventKind::Start(start) => process.program = Some(program(&start.exe)),
            EventKind::Exec(exec) => process.program = Some(program(&exec.exe)),
            EventKind::Fork(fork) => {
                let (program, mapped) = (process.program.clone(), process.mapped.clone());
                let child = self.place(position, event.time_ns, fork.child);
                if let Some(child) = self.processes.get_mut(child).filter(|c| c.events == 0) {
                    (child.program, child.mapped) = (program, mapped);
                }
            }
            EventKind::Step(step) if self.steps.len() < MARKERS => self.steps.push(Marked {
                position: position + 1,
                time_ns: event.time_ns,
                title: clipped(&step.title, 120).into(),
            }),
            _ => {}
        }
    }

    fn time(&mut self, time_ns: u64) {
        if self.first_ns.is_none() {
            (self.first_ns, self.last_ns) = (Some(time_ns), time_ns);
        }
        let gap = Gap { start_ns: self.last_ns, end_ns: time_ns };
        if time_ns.saturating_sub(self.last_ns) >= self.least_gap {
            self.gaps.push(gap);
            while self.gaps.len() > GAPS {
                self.least_gap = self.least_gap.saturating_mul(2);
                let least = self.least_gap;
                self.gaps.retain(|gap| gap.end_ns - gap.start_ns >= least);
            }
        }
        self.last_ns = self.last_ns.max(time_ns);
    }

    /// Where the process stands, which is made when nobody has spoken of it yet.
    fn place(&mut self, position: usize, time_ns: u64, pid: u32) -> usize {
        if self.processes.get(self.recent).is_some_and(|p| p.pid == pid) {
            return self.recent;
        }
        let pid = if self.index.len() < PROCESSES || self.index.contains_key(&pid) { pid } else { 0 };
        let next = self.processes.len();
        let at = *self.index.entry(pid).or_insert(next);
        if at == next {
            self.processes.push(ProcessReach {
                pid,
                program: None,
                positions: (position, position),
                times: (time_ns, time_ns),
                events: 0,
                mapped: Stretches::default(),
                touched: Stretches::default(),
                names: BTreeMap::new(),
            });
        }
        self.recent = at;
        at
    }
}

fn touch(touched: &mut Stretches, size: PageSize, addr: Addr) {
    let start = size.address_of(size.page_of(addr)).unwrap_or(addr);
    if let Ok(page) = Range::from_len(start, size.bytes()) {
        touched.add(page);
    }
}

fn program(path: &str) -> Arc<str> {
    clipped(file_name(path), 60).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Extra, Fault};

    fn range(start: u64, end: u64) -> Range {
        Range::new(Addr(start), Addr(end)).unwrap()
    }

    #[test]
    fn stretches_join_what_touches_and_what_is_close() {
        let mut stretches = Stretches::default();
        for (start, end) in [(10, 20), (40, 50), (20, 30), (5, 12), (29, 41), (100, 110)] {
            stretches.add(range(start, end));
        }
        assert_eq!(stretches.iter().collect::<Vec<_>>(), [(range(5, 50), 5), (range(100, 110), 1)]);
        for i in 0..1000u64 {
            stretches.add(range(1000 + i * 20, 1010 + i * 20));
        }
        assert_eq!(stretches.all.len(), STRETCHES);
        assert_eq!(stretches.iter().map(|(_, times)| times).sum::<u64>(), 1006);
        assert!(stretches.all.windows(2).all(|w| w[0].1 < w[1].0));
        for i in 0..1000u64 {
            assert!(
                stretches.iter().any(|(s, _)| s.intersection(range(1000 + i * 20, 1010 + i * 20)).is_some())
            );
        }
    }

    #[test]
    fn processes_and_gaps_are_bounded_and_the_longest_stay() {
        let mut reach = Reach::new(PageSize::FOUR_KIB);
        let mut time_ns = 5;
        for i in 0..20_000u32 {
            time_ns += if i % 1000 == 999 { 1_000_000 } else { u64::from(i % 7) };
            let fault = Fault { addr: Addr(4096), access: None, severity: None, ip: None, led_to: None };
            let kind = EventKind::Fault(fault);
            let event = Event { seq: i.into(), time_ns, pid: 1 + i % 5000, tid: 1, kind, extra: Extra::NONE };
            reach.follow(usize::try_from(i).unwrap(), &event);
        }
        assert_eq!(reach.processes().len(), PROCESSES + 1);
        assert_eq!(reach.processes().iter().map(|p| p.events).sum::<u64>(), 20_000);
        assert_eq!(reach.gaps(1_000_000).len(), 20);
        assert!(reach.gaps.len() <= GAPS);
        assert_eq!(reach.times(), (5, time_ns));
    }
}
