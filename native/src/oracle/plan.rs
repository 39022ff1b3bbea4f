//! Random sequences of calls that often hit one another.

use super::wire::{Op, kind};
use crate::sys::ARENA;
use proptest::prelude::*;

/// What one process and its child are put through.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Bytes of the arena: small, or big enough for huge pages.
    pub(crate) arena_bytes: u64,
    pub(crate) ops: Vec<Op>,
}

const PAGE: u64 = 4096;
const SMALL: u64 = 64 * PAGE;
/// Room for a huge page beside one that was moved to where it can be none.
const BIG: u64 = 6 << 20;

const PROTECTIONS: [u64; 6] = [3, 3, 3, 1, 0, 5];

/// Plans of up to `calls` calls; `huge` ones only where huge pages have room.
pub(crate) fn plans(calls: usize, huge: bool) -> impl Strategy<Value = Plan> {
    let small = u32::from(!huge);
    let of = move |arena: u64, ops: BoxedStrategy<Op>| {
        prop::collection::vec(ops, 1..=calls).prop_map(move |ops| Plan { arena_bytes: arena, ops })
    };
    // Where there is room for huge pages there often are some.
    let big = (any::<bool>(), prop::sample::select(&[(0x32u64, 0u64), (0x32, 0), (0x31, 0), (0x11, 1)][..]));
    let big = (of(BIG, ops(BIG, true)), big).prop_map(|(mut plan, (whole, (flags, fd)))| {
        if whole {
            let all = op(kind::MMAP, [ARENA, BIG, 3, flags, fd, 0]);
            let huge = op(kind::MADVISE, [ARENA, BIG, 14, 0, 0, 0]);
            plan.ops.splice(0..0, [all, huge]);
        }
        plan
    });
    prop_oneof![
        12 * small => of(SMALL, ops(SMALL, false)),
        5 * small => of(SMALL, ops(SMALL, true)),
        1 => big,
    ]
}

fn op(kind: u64, args: [u64; 6]) -> Op {
    Op { kind, who: 0, args }
}

/// An address in the arena: the start of a page, nearly always.
fn addr(arena: u64) -> BoxedStrategy<u64> {
    let page = if arena == BIG {
        // Near the boundaries of huge pages.
        prop_oneof![
            2 => (0u64..3).prop_map(|i| i * 512),
            3 => (0u64..12).prop_map(|i| i * 128),
            2 => 0..arena / PAGE
        ]
        .boxed()
    } else {
        // Crowded, so that calls meet.
        prop_oneof![3 => 0u64..16, 1 => 0..arena / PAGE].boxed()
    };
    (page, prop_oneof![30 => Just(0u64), 1 => 1..PAGE])
        .prop_map(move |(page, inside)| ARENA + page.min(arena / PAGE - 1) * PAGE + inside)
        .boxed()
}

fn len(arena: u64) -> BoxedStrategy<u64> {
    let pages = if arena == BIG {
        prop_oneof![2 => (1u64..5).prop_map(|i| i * 256), 1 => (1u64..3).prop_map(|i| i * 512), 1 => 1u64..1024]
            .boxed()
    } else {
        prop_oneof![6 => 1u64..6, 2 => 1u64..24].boxed()
    };
    // Rounded, odd, nothing.
    (pages, prop_oneof![12 => Just(0u64), 2 => 1u64..PAGE], prop_oneof![40 => Just(false), 1 => Just(true)])
        .prop_map(|(pages, odd, none)| if none { 0 } else { pages * PAGE - odd })
        .boxed()
}

/// A range that does not leave the arena.
fn place(arena: u64) -> BoxedStrategy<(u64, u64)> {
    (addr(arena), len(arena)).prop_map(move |(addr, len)| (addr, len.min(ARENA + arena - addr))).boxed()
}

fn mmap(arena: u64) -> BoxedStrategy<Op> {
    const FIXED: u64 = 0x10;
    const NOREPLACE: u64 = 0x10_0000;
    let placing = prop_oneof![10 => Just(FIXED), 2 => Just(NOREPLACE), 1 => Just(0u64)];
    let extra = prop_oneof![
        20 => Just(0u64),
        2 => Just(0x8000u64),   // POPULATE
        1 => Just(0x2000u64),   // LOCKED
        1 => Just(0x4000u64),   // NORESERVE
        1 => Just(0x100u64),    // GROWSDOWN
        1 => Just(0x2_0000u64), // STACK
        1 => Just(0x1_8000u64), // POPULATE | NONBLOCK
    ];
    let what = prop_oneof![
        12 => Just((0x22u64, 0u64)),  // private anonymous
        2 => Just((0x21u64, 0u64)),   // shared anonymous
        2 => Just((0x01u64, 1u64)),   // shared memfd
        3 => Just((0x02u64, 1u64)),   // private memfd
        1 => Just((0x01u64, 2u64)),   // shared, opened read-only
        1 => Just((0x02u64, 2u64)),   // private, opened read-only
        1 => Just((0x02u64, 3u64)),   // private regular file
        1 => Just((0x01u64, 3u64)),   // shared regular file
    ];
    let offset = prop_oneof![2 => Just(0u64), 4 => (0u64..8).prop_map(|p| p * PAGE), 1 => Just(123u64)];
    (place(arena), prop::sample::select(&PROTECTIONS[..]), placing, extra, what, offset)
        .prop_map(|((addr, len), protection, placing, extra, (flags, fd), offset)| {
            let offset = if fd == 0 { 0 } else { offset };
            op(kind::MMAP, [addr, len, protection, flags | placing | extra, fd, offset])
        })
        .boxed()
}

fn mremap(arena: u64) -> BoxedStrategy<Op> {
    let flags = prop_oneof![
        3 => Just(0u64), 3 => Just(1u64), 6 => Just(3u64), 2 => Just(5u64), 3 => Just(7u64), 1 => Just(2u64)
    ];
    let old = prop_oneof![12 => Just(true), 1 => Just(false)];
    (place(arena), old, len(arena), any::<bool>(), flags, addr(arena))
        .prop_map(move |((addr, old_len), old, new_len, same, flags, to)| {
            let old_len = if old { old_len } else { 0 };
            let new_len = if same || flags & 4 != 0 { old_len } else { new_len };
            // What moves to a fixed place stays in the arena.
            let room = if flags & 2 != 0 { ARENA + arena - to } else { ARENA + arena - addr };
            op(kind::MREMAP, [addr, old_len.min(room), new_len.min(room), flags, to, 0])
        })
        .boxed()
}

fn madvise(arena: u64) -> BoxedStrategy<Op> {
    let advice = prop_oneof![
        8 => Just(4u64),  // DONTNEED
        2 => Just(8u64),  // FREE
        2 => Just(9u64),  // REMOVE
        2 => Just(10u64), // DONTFORK
        1 => Just(11u64), // DOFORK
        2 => Just(18u64), // WIPEONFORK
        1 => Just(19u64), // KEEPONFORK
        3 => Just(22u64), // POPULATE_READ
        3 => Just(23u64), // POPULATE_WRITE
        4 => Just(102u64), // GUARD_INSTALL
        2 => Just(103u64), // GUARD_REMOVE
        3 => prop::sample::select(&[0u64, 1, 2, 3, 12, 13, 14, 15, 16, 17, 20, 21, 24, 77][..]),
    ];
    let advice = if arena == BIG {
        let splits = prop::sample::select(&[8u64, 9, 20, 21][..]);
        prop_oneof![4 => advice, 4 => Just(14u64), 2 => Just(25u64), 1 => splits].boxed()
    } else {
        advice.boxed()
    };
    (place(arena), advice)
        .prop_map(|((addr, len), advice)| op(kind::MADVISE, [addr, len, advice, 0, 0, 0]))
        .boxed()
}

fn ops(arena: u64, forks: bool) -> BoxedStrategy<Op> {
    let ranged =
        |kind: u64| place(arena).prop_map(move |(addr, len)| op(kind, [addr, len, 0, 0, 0, 0])).boxed();
    let touch = |kind: u64| {
        let heap = (0u64..40).prop_map(|p| p * PAGE);
        // The heap's addresses are known to the performer only: it adds them to numbers below the arena.
        (addr(arena), heap, prop_oneof![12 => Just(false), 1 => Just(true)])
            .prop_map(move |(addr, heap, on_heap)| {
                op(kind, [if on_heap { heap } else { addr }, 0, 0, 0, 0, 0])
            })
            .boxed()
    };
    let mprotect = (
        place(arena),
        prop::sample::select(&PROTECTIONS[..]),
        prop_oneof![20 => Just(0u64), 1 => Just(0x0100_0000)],
    )
        .prop_map(|((addr, len), p, down)| op(kind::MPROTECT, [addr, len, p | down, 0, 0, 0]))
        .boxed();
    let mlock = (place(arena), any::<bool>())
        .prop_map(|((addr, len), on_fault)| op(kind::MLOCK, [addr, len, u64::from(on_fault), 0, 0, 0]))
        .boxed();
    let brk = prop_oneof![3 => (0u64..40).prop_map(|p| p * PAGE), 1 => 0u64..40 * PAGE]
        .prop_map(|by| op(kind::BRK, [by, 0, 0, 0, 0, 0]))
        .boxed();
    let all = prop::sample::select(&[1u64, 2, 3, 5][..])
        .prop_map(|f| op(kind::MLOCKALL, [f, 0, 0, 0, 0, 0]))
        .boxed();
    let msync = (place(arena), prop::sample::select(&[1u64, 4, 2, 5][..]))
        .prop_map(|((addr, len), f)| op(kind::MSYNC, [addr, len, f, 0, 0, 0]))
        .boxed();
    let children = if forks {
        prop_oneof![2 => Just(op(kind::FORK, [0; 6])), 1 => Just(op(kind::EXIT_CHILD, [0; 6]))].boxed()
    } else {
        touch(kind::WRITE)
    };
    let shmat = (addr(arena), prop::sample::select(&[0o40000u64, 0o40000, 0o50000, 0, 0o20000][..]))
        .prop_map(move |(addr, flags)| {
            let last = ARENA + arena - super::wire::SHM_PAGES * PAGE;
            op(kind::SHMAT, [addr.min(last), flags, 0, 0, 0, 0])
        })
        .boxed();
    let choice = prop_oneof![
        120 => mmap(arena),
        60 => ranged(kind::MUNMAP),
        70 => mprotect,
        60 => mremap(arena),
        70 => madvise(arena),
        20 => mlock,
        10 => ranged(kind::MUNLOCK),
        14 => brk,
        1 => all,
        2 => Just(op(kind::MUNLOCKALL, [0; 6])),
        6 => msync,
        60 => touch(kind::READ),
        120 => touch(kind::WRITE),
        12 => children,
        3 => shmat,
        2 => addr(arena).prop_map(|addr| op(kind::SHMDT, [addr, 0, 0, 0, 0, 0])),
    ];
    let who = if forks {
        prop_oneof![20 => Just(0u64), 12 => Just(1u64), 1 => Just(2u64), 1 => Just(3u64)].boxed()
    } else {
        Just(0u64).boxed()
    };
    (choice, who).prop_map(|(op, who)| Op { who, ..op }).boxed()
}
