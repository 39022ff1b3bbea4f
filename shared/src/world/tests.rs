use super::*;
use crate::addr::Range;
use crate::event::{Access, AccessType, Advise, Asked, Exec, Extra, Map, Unmap};
use crate::mapping::{Attributes, Backing, Object, Protection, Sharing};
use crate::names::CallFlags;
use crate::page::PageState::{self, CopyPending, FileDirty, Private, Untouched};
use std::sync::Arc;

const PAGE: u64 = 4096;

struct Film {
    world: World,
    change: Change,
    seq: u64,
}

impl Film {
    fn new() -> Self {
        Self { world: World::new(PageSize::FOUR_KIB), change: Change::default(), seq: 0 }
    }
    fn happens(&mut self, pid: u32, kind: EventKind) -> &mut Self {
        let event = Event { seq: self.seq, time_ns: self.seq, pid, tid: pid, kind, extra: Extra::NONE };
        self.seq += 1;
        self.world.apply(&event, &mut self.change);
        assert!(self.change.drift.is_empty(), "{:?}", self.change);
        self
    }
    fn fork(&mut self, pid: u32, child: u32, memory: ForkMemory) -> &mut Self {
        self.happens(pid, EventKind::Fork(Fork { child, memory }))
    }
    fn map(&mut self, pid: u32, first: u64, attributes: Attributes) -> &mut Self {
        let range = pages(first, 4);
        self.happens(pid, EventKind::Map(Map { asked: asked(range), range, attributes }))
    }
    fn write(&mut self, pid: u32, page: u64) -> &mut Self {
        let access = Access { access: AccessType::Write, addr: Addr(page * PAGE), bytes: vec![1] };
        self.happens(pid, EventKind::Access(Box::new(access)))
    }
    fn exit(&mut self, pid: u32) -> &mut Self {
        self.happens(pid, EventKind::Exit(Box::new(Exit { code: Some(0), signal: None })))
    }
    fn states(&self, pid: u32, first: u64) -> Vec<PageState> {
        (first..first + 4)
            .map(|page| self.world.page_at(pid, Addr(page * PAGE)).map_or(PageState::Unknown, |p| p.state))
            .collect()
    }
}

fn pages(first: u64, count: u64) -> Range {
    Range::from_len(Addr(first * PAGE), count * PAGE).unwrap()
}

fn asked(range: Range) -> Asked {
    Asked { addr: range.start(), len: range.bytes(), flags: CallFlags::NONE }
}

fn anonymous() -> Attributes {
    Attributes::anonymous(Protection { read: true, write: true, execute: false }, Sharing::Private)
}

fn memfd() -> Attributes {
    let object = Object { path: "/memfd:x (deleted)".into(), dev: "00:01".into(), inode: 5 };
    Attributes { backing: Backing::Shm(Arc::new(object)), sharing: Sharing::Shared, ..anonymous() }
}

#[test]
fn both_wait_for_the_copy_until_one_writes() {
    let mut film = Film::new();
    film.map(1, 16, anonymous()).write(1, 16).write(1, 17).fork(1, 2, ForkMemory::Copied);
    assert_eq!(film.states(1, 16), [CopyPending, CopyPending, Untouched, Untouched]);
    assert_eq!(film.states(2, 16), film.states(1, 16));
    film.write(2, 16);
    assert_eq!(film.states(2, 16)[0], Private);
    assert_eq!(film.states(1, 16)[0], Private, "the last one who has it need not copy it");
    assert_eq!(film.change.elsewhere.len(), 1);
    film.exit(2);
    assert_eq!(film.states(1, 16), [Private, Private, Untouched, Untouched]);
    assert!(film.world.process(2).unwrap().ended.is_some());
}

#[test]
fn of_three_two_still_share() {
    let mut film = Film::new();
    film.map(1, 16, anonymous()).write(1, 16).fork(1, 2, ForkMemory::Copied).fork(2, 3, ForkMemory::Copied);
    film.write(1, 16);
    assert_eq!((film.states(2, 16)[0], film.states(3, 16)[0]), (CopyPending, CopyPending));
    film.happens(2, EventKind::Unmap(Unmap { asked: asked(pages(16, 1)), range: pages(16, 1) }));
    assert_eq!(film.states(3, 16)[0], Private);
    film.happens(3, EventKind::Exec(Box::new(Exec { exe: "/bin/true".into(), argv: vec![] })));
    assert_eq!(film.world.space(3).unwrap().mapping_count(), 0);
    assert_eq!(film.world.process(3).unwrap().exe.as_deref(), Some("/bin/true"));
}

#[test]
fn a_file_is_faulted_in_by_each() {
    let mut film = Film::new();
    film.map(1, 16, memfd()).write(1, 16).fork(1, 2, ForkMemory::Copied);
    assert_eq!(film.states(1, 16)[0], FileDirty);
    assert_eq!(film.states(2, 16)[0], Untouched, "page tables of shared memory are not copied");
    film.write(2, 16);
    assert_eq!(film.states(2, 16)[0], FileDirty);
    let remove =
        Advise { asked: asked(pages(16, 4)), range: pages(16, 4), advice: crate::event::Advice::Remove };
    film.happens(1, EventKind::Advise(remove));
    assert_eq!((film.states(1, 16)[0], film.states(2, 16)[0]), (Untouched, Untouched));
}

#[test]
fn vfork_borrows_the_memory() {
    let mut film = Film::new();
    film.map(1, 16, anonymous()).fork(1, 2, ForkMemory::Shared).write(2, 16);
    assert_eq!(film.states(1, 16)[0], Private);
    assert_eq!(film.states(2, 16)[0], Private);
    film.exit(2);
    assert_eq!(film.states(1, 16)[0], Private, "what it borrowed stays");
    film.fork(1, 3, ForkMemory::Shared).exit(1);
    assert_eq!(film.states(3, 16)[0], Private, "the memory lives as long as somebody uses it");
    film.happens(3, EventKind::Exec(Box::new(Exec { exe: "x".into(), argv: vec![] })));
    assert_eq!(film.world.totals().mapped, 0);
}

#[test]
fn a_clone_is_a_moment_of_its_own() {
    let mut film = Film::new();
    film.map(1, 16, anonymous()).write(1, 16);
    let then = film.world.clone();
    film.write(1, 17).map(7, 32, anonymous());
    assert_eq!(then.page_at(1, Addr(17 * PAGE)).unwrap().state, Untouched);
    assert!(then.process(7).is_none());
    assert_ne!(then, film.world);
}

#[test]
fn totals_count_what_is_there() {
    let mut film = Film::new();
    film.map(1, 16, anonymous()).write(1, 16).write(1, 17).map(1, 64, memfd()).write(1, 64);
    let totals = film.world.totals();
    assert_eq!((totals.mapped, totals.mappings, totals.resident()), (8 * PAGE, 2, 3));
    assert_eq!(totals.pages[Untouched as usize], 5);
}

#[test]
fn a_world_comes_back_from_its_bytes() {
    let mut film = Film::new();
    film.map(1, 16, anonymous()).write(1, 16).map(1, 64, memfd()).fork(1, 2, ForkMemory::Copied).write(2, 17);
    film.fork(1, 3, ForkMemory::Shared).fork(2, 4, ForkMemory::Copied).exit(2);
    let bytes = film.world.save();
    let again = World::load(PageSize::FOUR_KIB, &bytes).unwrap();
    // Recorded bytes are kept in other pieces, so what is shown is compared.
    assert_eq!(again.save(), bytes);
    for pid in [1, 2, 3, 4] {
        assert_eq!(film.states(pid, 16), (Film { world: again.clone(), ..Film::new() }).states(pid, 16));
        assert_eq!(again.process(pid).unwrap().ended, film.world.process(pid).unwrap().ended);
    }
    assert_eq!(again.totals(), film.world.totals());
    for cut in 0..bytes.len() {
        assert!(World::load(PageSize::FOUR_KIB, &bytes[..cut]).is_none(), "cut at {cut}");
    }
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bad = bytes.clone();
            bad[at] ^= flip;
            let _ = World::load(PageSize::FOUR_KIB, &bad);
        }
    }
}

fn companions(film: &Film, pid: u32, page: u64) -> Vec<(u32, u64, Sameness)> {
    let found = film.world.companions(pid, Addr(page * PAGE), 8);
    found.into_iter().map(|c| (c.pid, c.addr.0 / PAGE, c.how)).collect()
}

#[test]
fn after_a_fork_both_stand_on_one_frame_until_one_writes() {
    let mut film = Film::new();
    film.map(1, 16, anonymous()).write(1, 16).write(1, 17);
    assert_eq!(companions(&film, 1, 16), []);
    film.fork(1, 2, ForkMemory::Copied);
    assert_eq!(companions(&film, 1, 16), [(2, 16, Sameness::Fork)]);
    assert_eq!(companions(&film, 2, 17), [(1, 17, Sameness::Fork)]);
    assert_eq!(companions(&film, 2, 18), [], "nobody touched it");
    film.write(2, 16);
    assert_eq!(companions(&film, 1, 16), [], "copied");
    assert_eq!(companions(&film, 1, 17), [(2, 17, Sameness::Fork)]);
    film.exit(2);
    assert_eq!(companions(&film, 1, 17), []);
}

#[test]
fn two_mappings_of_one_object_stand_on_the_same_frames() {
    let object = Object { path: "/memfd:x".into(), dev: "00:01".into(), inode: 7 };
    let shared = Attributes {
        sharing: Sharing::Shared,
        backing: Backing::Shm(Arc::new(object)),
        ..Attributes::anonymous(Protection { read: true, write: true, execute: false }, Sharing::Shared)
    };
    let mut film = Film::new();
    film.map(1, 16, shared.clone()).map(1, 64, shared.clone()).map(2, 128, shared);
    film.write(1, 17).write(2, 129);
    assert_eq!(companions(&film, 1, 17), [(2, 129, Sameness::Object)], "the other mapping was not touched");
    film.write(1, 65);
    assert_eq!(companions(&film, 1, 17), [(1, 65, Sameness::Object), (2, 129, Sameness::Object)]);
}

/// The running sum is that of all processes, whatever happens to them.
#[test]
fn totals_are_the_sum_of_all() {
    let mut seed = 11u64;
    let mut next = |n: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % n
    };
    let mut film = Film::new();
    for i in 0..2000 {
        let (pid, page) = (1 + u32::try_from(next(5)).unwrap(), 16 + next(40));
        match next(7) {
            0..=2 if film.world.page_at(pid, Addr(page * PAGE)).is_some() => film.write(pid, page),
            0..=2 if (0..4).all(|i| film.world.page_at(pid, Addr((page + i) * PAGE)).is_none()) => {
                film.map(pid, page, anonymous())
            }
            3 => film.fork(pid, 1 + u32::try_from(next(5)).unwrap(), ForkMemory::Copied),
            4 => film.fork(pid, 1 + u32::try_from(next(5)).unwrap(), ForkMemory::Shared),
            5 => film.exit(pid),
            6 => film.happens(pid, EventKind::Exec(Box::new(Exec { exe: "x".into(), argv: vec![] }))),
            _ => &mut film,
        };
        let mut all = Totals::default();
        for (_, process) in film.world.processes() {
            let one = process.space.totals();
            (all.mapped, all.mappings, all.faults) =
                (all.mapped + one.mapped, all.mappings + one.mappings, all.faults + one.faults);
            all.pages.iter_mut().zip(one.pages).for_each(|(a, b)| *a += b);
        }
        assert_eq!(film.world.totals(), all, "after {i}");
        if i % 100 == 0 {
            assert_eq!(World::load(PageSize::FOUR_KIB, &film.world.save()).unwrap().totals(), all);
        }
    }
}
