//! Made-up recordings for benches: each a state to begin with, and events that lead back to a like state, so that they
//! can be applied again and again.

use crate::addr::{Addr, PageSize, Range};
use crate::event::{
    Advice, Advise, Asked, End, Event, EventKind, Exec, Exit, Extra, Fault, FaultAccess, Fork, ForkMemory,
    Map, Observed, Protect, Unmap,
};
use crate::header::{Capability, FORMAT, Header, Tool, VERSION};
use crate::mapping::{Attributes, Protection, Sharing};
use crate::names::CallFlags;
use crate::page::{PageFlags, PageState, Run};
use std::num::NonZeroU64;

const PAGE: u64 = 4096;
/// Where the mappings of the beginning stand: 4 pages each, a gap of 12 pages after each.
const BASE: u64 = 0x10_0000_0000;
const STRIDE: u64 = 16 * PAGE;
const MAPPED: u64 = 4;
/// Where the mapping of many runs stands.
const SCATTERED: u64 = 0x40_0000_0000;
/// The first process.
const PID: u32 = 100;

const READ: Protection = Protection { read: true, write: false, execute: false };
const READ_WRITE: Protection = Protection { read: true, write: true, execute: false };
const NOTHING: Protection = Protection { read: false, write: false, execute: false };

/// One of them.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What it is called in tables.
    pub name: &'static str,
    /// How many mappings there are at the beginning, and how many pages of each are written.
    background: (u64, u64),
    /// How many runs of like pages there are at the beginning, in one more mapping.
    runs: u64,
    /// What happens again and again.
    pub events: Vec<Event>,
}

impl Workload {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let with = |name, background, runs, events| Self { name, background, runs, events };
        vec![
            with("storm", (30, 0), 0, rounds(30, 4000)),
            with("fork-server", (200, 3), 0, fork_server(200, 400)),
            with("many-1k", (1_000, 1), 0, rounds(1_000, 20_000)),
            with("many-10k", (10_000, 1), 0, rounds(10_000, 20_000)),
            with("many-100k", (100_000, 1), 0, rounds(100_000, 20_000)),
            with("many-1m", (1_000_000, 1), 0, rounds(1_000_000, 20_000)),
            with("pages-1k", (1, 1), 1_000, scattered(1_000, 50_000)),
            with("pages-10k", (1, 1), 10_000, scattered(10_000, 50_000)),
            with("pages-100k", (1, 1), 100_000, scattered(100_000, 50_000)),
            with("pages-1m", (1, 1), 1_000_000, scattered(1_000_000, 50_000)),
            with("terabyte", (3, 1), 0, terabyte(200)),
        ]
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|workload| workload.name == name)
    }

    /// The events that lead to the beginning, one by one: there may be millions.
    pub fn begin(&self, mut each: impl FnMut(&Event)) {
        let mut writer = Writer::default();
        let (mappings, written) = self.background;
        for i in 0..mappings {
            let start = BASE + i * STRIDE;
            writer.map(PID, start, MAPPED, READ_WRITE);
            writer.write(PID, start, written);
            writer.events.drain(..).for_each(|event| each(&event));
        }
        writer.map(PID, SCATTERED, self.runs * 2, READ_WRITE);
        for i in 0..self.runs {
            writer.write(PID, SCATTERED + i * 2 * PAGE, 1);
            writer.events.drain(..).for_each(|event| each(&event));
        }
    }
}

/// The header of a made-up recording.
pub fn header() -> Header {
    let text = |text: &str| text.to_owned();
    Header {
        format: text(FORMAT),
        version: VERSION,
        page_size: PageSize::FOUR_KIB,
        arch: text("x86_64"),
        clock: text("CLOCK_MONOTONIC"),
        tool: Tool { name: text("workloads"), version: text("1"), method: text("made up") },
        command: Vec::new(),
        capabilities: vec![Capability::PageStates, Capability::Faults],
        lesson: None,
        extra: serde_json::Map::new(),
    }
}

/// A server's day, `count` events: a thousand mappings, rounds of map, write and unmap among them, now and then a child
/// that comes and goes (each fork costs by mappings). Times vary as a kernel's do.
pub fn server(count: u64, mut each: impl FnMut(Event)) {
    let background = Workload { name: "server", background: (1_000, 1), runs: 0, events: Vec::new() };
    let rounds = [rounds(1_000, 20_000), fork_server(200, 2), rounds(30, 4_000)];
    let mut random = Random(4);
    let (mut seq, mut time_ns) = (0, 0);
    let mut put = |event: &Event| {
        if seq < count {
            time_ns += 300 + random.below(700);
            each(Event { seq, time_ns, ..event.clone() });
            seq += 1;
        }
        seq < count
    };
    background.begin(|event| {
        put(event);
    });
    while rounds.iter().flatten().all(&mut put) {}
}

/// One mapping of `pages` pages, as it was seen in `ranges` pieces of unlike states.
pub fn patchwork(pages: u64, ranges: u64) -> Vec<Event> {
    const STATES: [PageState; 4] =
        [PageState::Private, PageState::Untouched, PageState::ZeroPage, PageState::CopyPending];
    let (mut writer, mut random) = (Writer::default(), Random(5));
    writer.map(PID, BASE, pages, READ_WRITE);
    let each = (pages / ranges.max(1)).max(1);
    let (mut runs, mut at) = (Vec::new(), 0);
    while at < pages {
        let last = (at + each + each / 2).min(pages) == pages;
        let len = if last { pages - at } else { (each / 2 + random.below(each)).clamp(1, pages - at) };
        let state = STATES[runs.len() % STATES.len()];
        if let Some(pages) = NonZeroU64::new(len) {
            runs.push(Run { pages, state, flags: PageFlags::default(), frame: None });
        }
        at += len;
    }
    let source = "made up".to_owned();
    writer
        .range(PID, BASE, pages, |range, _| EventKind::Observed(Box::new(Observed { range, source, runs })));
    writer.push(PID, EventKind::End(End { count: 2 }));
    writer.events
}

/// Map 4 pages in the gap after one of `mappings`, write all of them, unmap.
fn rounds(mappings: u64, count: u32) -> Vec<Event> {
    let (mut writer, mut random) = (Writer::default(), Random(1));
    for _ in 0..count {
        let start = BASE + random.below(mappings) * STRIDE + 8 * PAGE;
        writer.map(PID, start, 4, READ_WRITE);
        writer.write(PID, start, 4);
        writer.unmap(PID, start, 4);
    }
    writer.events
}

/// In one mapping of which every other page is written: a page between two is written and given back.
fn scattered(runs: u64, count: u32) -> Vec<Event> {
    let (mut writer, mut random) = (Writer::default(), Random(4));
    for _ in 0..count {
        let page = SCATTERED + (random.below(runs) * 2 + 1) * PAGE;
        writer.write(PID, page, 1);
        writer.range(PID, page, 1, |range, asked| {
            EventKind::Advise(Advise { asked, range, advice: Advice::DontNeed })
        });
    }
    writer.events
}

/// A parent that forks, and goes on writing; a child writes some pages and ends, or execs, maps anew and ends.
fn fork_server(mappings: u64, count: u32) -> Vec<Event> {
    let (mut writer, mut random) = (Writer::default(), Random(2));
    for i in 0..count {
        let child = PID + 1 + i % 50;
        writer.push(PID, EventKind::Fork(Fork { child, memory: ForkMemory::Copied }));
        for pid in [PID, child] {
            for _ in 0..8 {
                writer.write(pid, BASE + random.below(mappings) * STRIDE + random.below(3) * PAGE, 1);
            }
        }
        if i % 4 == 0 {
            let exec = Exec { exe: "/bin/true".to_owned(), argv: Vec::new() };
            writer.push(child, EventKind::Exec(Box::new(exec)));
            for at in 0..12 {
                writer.map(child, BASE + at * STRIDE, MAPPED, if at % 3 == 0 { READ } else { READ_WRITE });
                writer.write(child, BASE + at * STRIDE, u64::from(at % 3 != 0) * 2);
            }
        }
        writer.push(child, EventKind::Exit(Box::new(Exit { code: Some(0), signal: None })));
    }
    writer.events
}

/// A reserved terabyte: pieces of it are made writable, some pages of each are written, all of it goes.
fn terabyte(count: u32) -> Vec<Event> {
    const PAGES: u64 = (1 << 40) / PAGE;
    const START: u64 = 0x20_0000_0000;
    let (mut writer, mut random) = (Writer::default(), Random(3));
    for _ in 0..count {
        writer.map(PID, START, PAGES, NOTHING);
        for _ in 0..16 {
            let piece = START + random.below(1 << 12) * (1 << 28);
            writer.protect(PID, piece, 1 << 14, READ_WRITE);
            writer.write(PID, piece, 4);
        }
        writer.unmap(PID, START, PAGES);
    }
    writer.events
}

#[derive(Default)]
struct Writer {
    events: Vec<Event>,
    seq: u64,
}

impl Writer {
    fn push(&mut self, pid: u32, kind: EventKind) {
        let (seq, time_ns) = (self.seq, self.seq * 700);
        self.events.push(Event { seq, time_ns, pid, tid: pid, kind, extra: Extra::NONE });
        self.seq += 1;
    }
    /// Nothing for a range of no pages.
    fn range(&mut self, pid: u32, start: u64, pages: u64, kind: impl FnOnce(Range, Asked) -> EventKind) {
        if let Ok(range) = Range::from_len(Addr(start), pages * PAGE) {
            let asked = Asked { addr: range.start(), len: range.bytes(), flags: CallFlags::NONE };
            self.push(pid, kind(range, asked));
        }
    }
    fn map(&mut self, pid: u32, start: u64, pages: u64, protection: Protection) {
        let attributes = Attributes::anonymous(protection, Sharing::Private);
        let flags = CallFlags::of(CallFlags::MAP_PRIVATE | CallFlags::MAP_ANONYMOUS);
        self.range(pid, start, pages, |range, asked| {
            EventKind::Map(Map { asked: Asked { flags, ..asked }, range, attributes })
        });
    }
    fn protect(&mut self, pid: u32, start: u64, pages: u64, protection: Protection) {
        self.range(pid, start, pages, |range, asked| {
            EventKind::Protect(Protect { asked, range, protection })
        });
    }
    fn unmap(&mut self, pid: u32, start: u64, pages: u64) {
        self.range(pid, start, pages, |range, asked| EventKind::Unmap(Unmap { asked, range }));
    }
    /// Page by page.
    fn write(&mut self, pid: u32, start: u64, pages: u64) {
        for page in 0..pages {
            let (addr, access) = (Addr(start + page * PAGE), Some(FaultAccess::Write));
            let fault = Fault { addr, access, severity: None, ip: Some(Addr(0x40_1000)), led_to: None };
            self.push(pid, EventKind::Fault(fault));
        }
    }
}

/// The same numbers every time: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Change;
    use crate::world::World;

    #[test]
    fn they_are_possible_and_can_go_on_for_ever() {
        let small = |workload: &Workload| workload.background.0.max(workload.runs) <= 10_000;
        for workload in Workload::all().into_iter().filter(small) {
            let (mut world, mut change) = (World::new(PageSize::FOUR_KIB), Change::default());
            workload.begin(|event| world.apply(event, &mut change));
            let mut sizes = Vec::new();
            for _ in 0..3 {
                for event in &workload.events {
                    world.apply(event, &mut change);
                    assert!(change.drift.is_empty(), "{} {event:?} {change:?}", workload.name);
                }
                sizes.push((world.totals().mapped, world.totals().mappings));
            }
            assert_eq!(sizes[0], sizes[2], "{}", workload.name);
        }
    }

    #[test]
    fn long_and_wide_ones_are_sound() {
        let (mut world, mut change) = (World::new(PageSize::FOUR_KIB), Change::default());
        let mut count = 0;
        server(400_000, |event| {
            world.apply(&event, &mut change);
            assert!(change.drift.is_empty() && event.seq == count, "{event:?} {change:?}");
            count += 1;
        });
        assert_eq!(count, 400_000);
        let mut world = World::new(PageSize::FOUR_KIB);
        let events = patchwork(1 << 22, 1000);
        events.iter().for_each(|event| world.apply(event, &mut change));
        assert!(matches!(&events[1].kind, EventKind::Observed(o) if (900..1100).contains(&o.runs.len())));
        assert_eq!(world.totals().pages.iter().sum::<u64>(), 1 << 22);
    }
}
