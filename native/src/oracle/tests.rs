//! The comparison can fail: what is the kernel's to decide passes, and one step beside it does not.

use super::compare::{Moment, compare};
use super::events::Context;
use super::freedoms::{Call, Freedoms, History, Seen};
use super::state::{Answer, Vma};
use super::wire::{FILE, GUARD, HUGE, Op, PRESENT, SWAPPED, ZERO, kind};
use crate::sys::ARENA;
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{Asked, EventKind, Fault, FaultAccess, Map, Remap};
use pagescope_shared::mapping::{Attributes, Backing, Mapping, Object, Protection, Sharing};
use pagescope_shared::model::{AddressSpace, Change, PageChange};
use pagescope_shared::names::CallFlags;
use pagescope_shared::page::{Page, PageFlags, PageState};
use std::sync::Arc;

const PAGE: u64 = 4096;
const CONTEXT: Context = Context { heap: 0x1000_0000, breaks: [0x1000_0000; 2] };

fn at(page: u64) -> u64 {
    ARENA + page * PAGE
}

fn pages(first: u64, end: u64) -> Range {
    Range::new(Addr(at(first)), Addr(at(end))).unwrap()
}

fn attributes() -> Attributes {
    let protection = Protection { read: true, write: true, execute: false };
    Attributes::anonymous(protection, Sharing::Private)
}

/// What the kernel says of an arena of 8 pages: mappings as first page, end, protection; pages as categories and
/// "mapped once".
fn answer(vmas: &[(u64, u64, u64)], states: &[(u64, bool)]) -> Answer {
    let mut words = vec![0, 0, 0, 0, vmas.len() as u64, states.len() as u64];
    words.extend(vmas.iter().flat_map(|v| [at(v.0), at(v.1), v.2, 0, 0, 0]));
    words.extend((0..).zip(states).flat_map(|(i, s)| [at(i), at(i + 1), s.0]));
    words.extend((0..8).map(|i| u64::from(states.get(i).is_some_and(|s| s.1)) << 56));
    Answer::read(&words, 8).unwrap()
}

#[test]
fn what_differs_is_reported() {
    let mut space = AddressSpace::new(PageSize::FOUR_KIB);
    let asked = Asked { addr: Addr(at(0)), len: 4 * PAGE, flags: CallFlags::NONE };
    space.apply(&EventKind::Map(Map { asked, range: pages(0, 4), attributes: attributes() }));
    let access = Some(FaultAccess::Write);
    space.apply(&EventKind::Fault(Fault {
        addr: Addr(at(0)),
        access,
        severity: None,
        ip: None,
        led_to: None,
    }));
    let whole = [(0, 4, 3)];
    let written = (PRESENT, true);
    for (vmas, states, same) in [
        (&whole[..], &[written][..], true),
        (&whole, &[], false),
        (&whole, &[(PRESENT, false)], false),
        (&whole, &[(PRESENT | ZERO, true)], false),
        (&whole, &[(PRESENT | FILE, true)], false),
        (&whole, &[(PRESENT | HUGE, true)], false),
        (&whole, &[(PRESENT | GUARD, true)], false),
        (&whole, &[(SWAPPED, true)], false),
        (&whole, &[written, written], false),
        (&whole, &[written, (GUARD, false)], false),
        (&whole, &[written, (0, false), (0, false), (0, false), written], false),
        (&[(0, 4, 1)], &[written], false),
        (&[(0, 4, 11)], &[written], false),
        (&[(0, 3, 3)], &[written], false),
        (&[(0, 2, 3), (2, 4, 3)], &[written], false),
        (&[(0, 4, 3), (5, 6, 3)], &[written], false),
        (&[], &[], false),
    ] {
        let answer = answer(vmas, states);
        let call =
            Call::of(Op { kind: kind::WRITE, who: 0, args: [at(0), 0, 0, 0, 0, 0] }, &answer, &CONTEXT);
        let history = History::default();
        let windows = [(at(0), at(8)), (CONTEXT.heap, CONTEXT.heap + PAGE)];
        let moment = Moment { answer: &answer, call: &call, history: &history, windows };
        let result = compare(0, Some(&space), moment, &mut Freedoms::new());
        assert_eq!(result.is_ok(), same, "{vmas:?} {states:?}: {result:?}");
    }
}

type Line<'a> = (&'a [(u64, [u64; 3])], u64, u64, (PageState, PageFlags), u64, &'a str, &'a str);

/// Calls, and a page of the mapping of pages 0 to 2048 after the last of them.
struct Row<'a> {
    calls: &'a [(u64, [u64; 3])],
    /// 0: private anonymous, 1: private of shared memory, 2: shared memory, 3: a shared file.
    what: u64,
    page: u64,
    model: (PageState, PageFlags),
    kernel: u64,
    who: usize,
}

fn freedom(row: &Row<'_>, change: &[(EventKind, PageChange)]) -> Option<&'static str> {
    let inode = if row.what == 0 { 0 } else { 7 };
    let flags = if row.what < 2 { 3 } else { 11 };
    let mut answer = answer(&[(0, 2048, flags)], &[]);
    answer.states[0].vmas[0].inode = inode;
    answer.states[0].vmas[0].dev = inode;
    let vma: Vma = answer.states[0].vmas[0];
    let object = Arc::new(Object { path: "/x".into(), dev: "00:07".into(), inode });
    let backing = [
        Backing::Anonymous,
        Backing::Shm(object.clone()),
        Backing::Shm(object.clone()),
        Backing::File(object),
    ];
    let backing = backing[usize::try_from(row.what).unwrap()].clone();
    let mapping = Mapping { range: pages(0, 2048), attributes: Attributes { backing, ..attributes() } };
    let mut history = History::default();
    let mut call = None;
    for &(kind, [first, end, number]) in row.calls {
        let op = Op { kind, who: 0, args: [at(first), (end - first) * PAGE, number, 0, 0, 0] };
        history.begins(op);
        call = Some(Call::of(op, &answer, &CONTEXT));
    }
    for (kind, page) in change {
        let mut change = Change::default();
        change.pages.push(*page);
        history.follow(1, kind, &change);
    }
    let model = Page { flags: row.model.1, ..Page::inferred(row.model.0) };
    let exclusive = Some(true);
    let seen = Seen { addr: at(row.page), model, mapping: &mapping, vma, kernel: row.kernel, exclusive };
    call.unwrap().covers(&history, row.who, &seen)
}

#[test]
fn a_freedom_ends_where_its_reason_ends() {
    use PageState::{CopyPending, FileClean, FileDirty, Private, Unknown, Untouched, ZeroPage};
    let (none, huge, guard) = (PageFlags::NONE, PageFlags::HUGE, PageFlags::GUARD);
    let (huge, guard) = (none.with(huge), none.with(guard));
    let advice = |number| (kind::MADVISE, [600, 610, number]);
    let (read, write) = ((kind::READ, [600, 600, 0]), (kind::WRITE, [600, 600, 0]));
    let file = FILE | PRESENT;
    // The calls, what is mapped; page, state of the model, kernel; what covers it in the process that made the call,
    // and what in the other one.
    let rows: &[Line] = &[
        // 16 pages around: from 592 to 607.
        (&[read], 2, 592, (Untouched, none), file, "fault-around", ""),
        (&[read], 2, 591, (Untouched, none), file, "", ""),
        (&[read], 2, 607, (Untouched, none), file, "fault-around", ""),
        (&[read], 2, 608, (Untouched, none), file, "", ""),
        (&[read], 2, 601, (Untouched, none), PRESENT, "", ""),
        (&[read], 2, 601, (Untouched, guard), file, "", ""),
        (&[read], 2, 601, (FileClean, none), 0, "", ""),
        (&[read], 0, 601, (Untouched, none), file, "", ""),
        (&[write], 2, 601, (Untouched, none), file, "", ""),
        // A whole folio of a file, in the same block.
        (&[write], 3, 601, (Untouched, none), file, "fault-around", ""),
        (&[write], 3, 511, (Untouched, none), file, "", ""),
        (&[(kind::MLOCK, [600, 610, 0])], 1, 612, (Untouched, none), file, "", ""),
        (&[(kind::MLOCK, [600, 610, 0])], 2, 612, (Untouched, none), file, "fault-around", ""),
        (&[(kind::MPROTECT, [600, 610, 0])], 2, 612, (Untouched, none), file, "", ""),
        (&[(kind::MUNMAP, [600, 610, 0])], 2, 601, (Untouched, none), file, "", ""),
        // Populating a file.
        (&[advice(22)], 2, 605, (Unknown, none), 0, "not inferred", ""),
        (&[advice(22)], 2, 605, (Unknown, none), file, "not inferred", ""),
        (&[advice(22)], 2, 605, (Unknown, none), PRESENT, "", ""),
        (&[advice(22)], 2, 605, (Unknown, none), file | HUGE, "", ""),
        (&[advice(23)], 1, 605, (Unknown, none), PRESENT, "not inferred", ""),
        (&[advice(23)], 1, 605, (Unknown, none), PRESENT | ZERO, "", ""),
        (&[advice(23)], 0, 605, (Unknown, none), file, "", ""),
        (&[advice(22)], 2, 610, (Unknown, none), 0, "", ""),
        (&[advice(4)], 2, 605, (Unknown, none), 0, "", ""),
        // MADV_REMOVE: the same folio of the same file, gone.
        (&[advice(9)], 3, 513, (FileDirty, none), 0, "MADV_REMOVE", "MADV_REMOVE"),
        (&[advice(9)], 3, 511, (FileDirty, none), 0, "", ""),
        (&[advice(9)], 3, 1024, (FileDirty, none), 0, "", ""),
        (&[advice(9)], 3, 513, (FileDirty, none), PRESENT, "", ""),
        (&[advice(9)], 3, 513, (Private, none), 0, "", ""),
        (&[advice(9)], 2, 513, (FileDirty, none), 0, "", ""),
        (&[advice(25), advice(9)], 2, 513, (FileDirty, none), 0, "MADV_REMOVE", "MADV_REMOVE"),
        // MADV_COLD, MADV_PAGEOUT.
        (&[advice(20)], 0, 605, (Private, none), 0, "", ""),
        (&[advice(20)], 0, 605, (Private, none), PRESENT | ZERO, "", ""),
        (&[advice(14), advice(20)], 0, 520, (Private, none), PRESENT | ZERO, "a large folio", ""),
        (&[advice(14), advice(20)], 0, 511, (Private, none), PRESENT | ZERO, "", ""),
        (&[advice(14), advice(20)], 0, 520, (CopyPending, none), PRESENT | ZERO, "", ""),
        (&[advice(14), advice(20)], 0, 605, (Private, huge), PRESENT, "", ""),
        (&[advice(14), advice(21)], 0, 605, (Private, huge), PRESENT, "MADV_PAGEOUT", ""),
        (&[advice(21)], 2, 605, (FileClean, none), 0, "MADV_PAGEOUT", ""),
        (&[advice(21)], 2, 610, (FileClean, none), 0, "", ""),
        (&[advice(20)], 2, 605, (FileClean, none), 0, "", ""),
        (&[advice(20)], 3, 605, (FileClean, none), 0, "MADV_COLD", ""),
        (&[advice(20)], 3, 511, (FileClean, none), 0, "", ""),
        (&[advice(21)], 0, 605, (Private, none), SWAPPED, "MADV_PAGEOUT", ""),
        (&[advice(21)], 0, 605, (Private, none), 0, "", ""),
        (&[advice(8), advice(21)], 0, 605, (Private, none), 0, "MADV_PAGEOUT", ""),
        (&[advice(8), advice(21)], 0, 605, (CopyPending, none), 0, "", ""),
        // MADV_COLLAPSE: whole blocks.
        (&[(kind::MADVISE, [512, 1024, 25])], 0, 700, (Untouched, none), PRESENT | HUGE, "MADV_COLLAPSE", ""),
        (&[(kind::MADVISE, [513, 1024, 25])], 0, 700, (Untouched, none), PRESENT | HUGE, "", ""),
        (&[(kind::MADVISE, [512, 1024, 25])], 0, 700, (ZeroPage, none), PRESENT, "", ""),
        (&[(kind::MADVISE, [512, 1024, 25])], 2, 700, (Untouched, none), file | HUGE, "MADV_COLLAPSE", ""),
        (&[(kind::MADVISE, [512, 1024, 25])], 2, 700, (Private, none), file | HUGE, "", ""),
        (&[(kind::MADVISE, [512, 1024, 25])], 2, 700, (FileDirty, none), 0, "MADV_COLLAPSE", "MADV_COLLAPSE"),
        (&[(kind::MADVISE, [512, 1024, 25])], 2, 1024, (FileDirty, none), 0, "", ""),
        (&[advice(25), read], 2, 1000, (Untouched, none), file | HUGE, "MADV_COLLAPSE", ""),
        (&[advice(25), read], 2, 1024, (Untouched, none), file | HUGE, "", ""),
        (&[advice(25), read], 0, 1000, (Untouched, none), PRESENT | HUGE, "", ""),
        (&[read], 2, 1000, (Untouched, none), file | HUGE, "", ""),
        // Nobody moved it.
        (&[write], 0, 600, (CopyPending, none), PRESENT, "", ""),
        // It was no huge page before either.
        (&[write], 0, 600, (Private, huge), PRESENT, "", ""),
    ];
    for &(calls, what, page, model, kernel, ours, theirs) in rows {
        for (who, expected) in [ours, theirs].into_iter().enumerate() {
            let found = freedom(&Row { calls, what, page, model, kernel, who }, &[]).unwrap_or_default();
            let fits = if expected.is_empty() { found.is_empty() } else { found.starts_with(expected) };
            assert!(
                fits,
                "{calls:?} {what} {page} {model:?} {kernel:#x} of {who}: {found:?}, not {expected:?}"
            );
        }
    }
}

#[test]
fn no_huge_page_is_a_page_or_nothing() {
    let huge = PageFlags::NONE.with(PageFlags::HUGE);
    let event =
        EventKind::Fault(Fault { addr: Addr(at(600)), access: None, severity: None, ip: None, led_to: None });
    let filled = |before| PageChange {
        range: pages(512, 1024),
        before: Some(Page {
            flags: if before == PageState::Untouched { PageFlags::NONE } else { huge },
            ..Page::inferred(before)
        }),
        after: Some(Page { flags: huge, ..Page::inferred(PageState::Private) }),
    };
    for (before, page, kernel, covered) in [
        (PageState::Untouched, 600, PRESENT, true),
        (PageState::Untouched, 600, 0, false),
        (PageState::Untouched, 601, 0, true),
        (PageState::Untouched, 601, PRESENT, false),
        (PageState::ZeroPage, 601, PRESENT | ZERO, true),
        (PageState::ZeroPage, 601, PRESENT, false),
    ] {
        let calls = &[(kind::WRITE, [600, 600, 0])];
        for who in [0, 1] {
            let row = Row { calls, what: 0, page, model: (PageState::Private, huge), kernel, who };
            let found = freedom(&row, &[(event.clone(), filled(before))]);
            assert_eq!(found.is_some(), covered && who == 0, "{before:?} {page} {kernel:#x}: {found:?}");
        }
    }
}

#[test]
fn only_what_was_moved_is_not_followed() {
    let waits = Some(Page::inferred(PageState::CopyPending));
    let untouched = Some(Page::inferred(PageState::Untouched));
    let asked = Asked { addr: Addr(at(10)), len: PAGE, flags: CallFlags::NONE };
    let to = pagescope_shared::event::NewPlace { addr: Addr(at(20)), len: PAGE };
    let (old, new) = (pages(10, 11), pages(20, 21));
    let remap = EventKind::Remap(Box::new(Remap { asked, to, old: Some(old), new }));
    let moved = [
        (remap.clone(), PageChange { range: old, before: waits, after: untouched }),
        (remap, PageChange { range: new, before: untouched, after: waits }),
    ];
    // The new place of the one, the old place of the other.
    for (page, who, kernel, covered) in [
        (20, 0, PRESENT, true),
        (10, 1, PRESENT, true),
        (20, 1, PRESENT, false),
        (10, 0, PRESENT, false),
        (21, 0, PRESENT, false),
        (20, 0, PRESENT | HUGE, false),
        (20, 0, PRESENT | FILE, false),
        (20, 0, 0, false),
    ] {
        let calls = &[(kind::EXIT_CHILD, [0, 0, 0])];
        let row = Row { calls, what: 0, page, model: (PageState::CopyPending, PageFlags::NONE), kernel, who };
        let found = freedom(&row, &moved);
        assert_eq!(found.is_some(), covered, "{page} of {who}, {kernel:#x}: {found:?}");
    }
}

/// A call that populates them may have failed before it got there.
#[test]
fn stray_pages_of_which_nothing_is_known_stay_astray() {
    let page = |state| Some(Page::inferred(state));
    let asked = Asked { addr: Addr(at(10)), len: PAGE, flags: CallFlags::NONE };
    let to = pagescope_shared::event::NewPlace { addr: Addr(at(20)), len: PAGE };
    let (old, new) = (pages(10, 11), pages(20, 21));
    let remap = EventKind::Remap(Box::new(Remap { asked, to, old: Some(old), new }));
    let touch = EventKind::Fault(Fault {
        addr: Addr(at(20)),
        access: Some(FaultAccess::Write),
        severity: None,
        ip: None,
        led_to: None,
    });
    let waits = page(PageState::CopyPending);
    for (between, covered) in [(PageState::Unknown, true), (PageState::Private, false)] {
        let changes = [
            (remap.clone(), PageChange { range: new, before: page(PageState::Untouched), after: waits }),
            (touch.clone(), PageChange { range: new, before: waits, after: page(between) }),
            (touch.clone(), PageChange { range: new, before: page(between), after: waits }),
        ];
        let calls = &[(kind::EXIT_CHILD, [0, 0, 0])];
        let model = (PageState::CopyPending, PageFlags::NONE);
        let row = Row { calls, what: 0, page: 20, model, kernel: PRESENT, who: 0 };
        assert_eq!(freedom(&row, &changes).is_some(), covered, "{between:?}");
    }
}

/// A call that writes all pages that were astray is still the one that the freedom is about.
#[test]
fn a_huge_page_stays_one_when_the_stray_pages_in_it_are_written() {
    let waits = Some(Page::inferred(PageState::CopyPending));
    let own = Some(Page::inferred(PageState::Private));
    let asked = Asked { addr: Addr(at(600)), len: PAGE, flags: CallFlags::NONE };
    let to = pagescope_shared::event::NewPlace { addr: Addr(at(2000)), len: PAGE };
    let (old, new) = (pages(600, 601), pages(2000, 2001));
    let remap = EventKind::Remap(Box::new(Remap { asked, to, old: Some(old), new }));
    let write = |page: u64| {
        let addr = Addr(at(page));
        EventKind::Fault(Fault {
            addr,
            access: Some(FaultAccess::Write),
            severity: None,
            ip: None,
            led_to: None,
        })
    };
    let object = answer(&[(0, 2048, 3)], &[]);
    for (page, covered) in [(512, true), (1023, true), (1024, false)] {
        let op = Op { kind: kind::WRITE, who: 0, args: [at(page), 0, 0, 0, 0, 0] };
        let mut history = History::default();
        let mut change = Change::default();
        change.pages.push(PageChange {
            range: old,
            before: waits,
            after: Some(Page::inferred(PageState::Untouched)),
        });
        history.follow(2, &remap, &change);
        change.pages[0] =
            PageChange { range: new, before: Some(Page::inferred(PageState::Untouched)), after: waits };
        history.follow(2, &remap, &change);
        history.begins(op);
        change.pages[0] = PageChange { range: old, before: waits, after: own };
        history.follow(1, &write(600), &change);
        let mapping = Mapping { range: pages(0, 2048), attributes: attributes() };
        let model = Page::inferred(PageState::Private);
        let vma = object.states[0].vmas[0];
        let seen = Seen {
            addr: at(page),
            model,
            mapping: &mapping,
            vma,
            kernel: PRESENT | HUGE,
            exclusive: Some(true),
        };
        let found = Call::of(op, &object, &CONTEXT).covers(&history, 0, &seen);
        assert_eq!(found.is_some(), covered, "{page}: {found:?}");
        // One call later it is over.
        history.begins(op);
        assert_eq!(Call::of(op, &object, &CONTEXT).covers(&history, 0, &seen), None, "{page}");
    }
}
