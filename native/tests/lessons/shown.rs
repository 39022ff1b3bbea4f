//! What each lesson is there to show.

use super::{Lesson, PAGE, WISH, performed};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::EventKind;
use pagescope_shared::page::PageFlags;
use pagescope_shared::page::PageState::{self, *};

fn all(state: PageState, count: usize) -> Vec<Option<PageState>> {
    vec![Some(state); count]
}

fn lesson(name: &str) -> Lesson {
    performed(name).unwrap_or_else(|| panic!("{name} can be performed everywhere"))
}

#[test]
fn demand_paging() {
    let mut lesson = lesson("demand-paging");
    let moment = lesson.after("Ask for 64 pages");
    assert_eq!((moment.mappings(64), moment.states(0, 0..64)), (vec!["64 rw-p".into()], all(Untouched, 64)));
    let moment = lesson.after("The first touch");
    assert_eq!((moment.state(0), moment.states(0, 1..64)), (Some(Private), all(Untouched, 63)));
    moment.faults(1);
    lesson.after("The second touch").faults(0);
    let moment = lesson.after("Sixteen in a row");
    moment.faults(16);
    let there = moment.states(0, 0..64).iter().filter(|state| **state == Some(Private)).count();
    assert_eq!((there, moment.state(40), moment.state(24)), (18, Some(Private), Some(Untouched)));
    assert!(lesson.after("Give it all back").mappings(64).is_empty());
}

#[test]
fn zero_page() {
    let mut lesson = lesson("zero-page");
    let moment = lesson.after("Read the other seven");
    assert_eq!(moment.states(0, 0..8), all(ZeroPage, 8));
    (1..8).for_each(|n| moment.same_frame((0, 0), (0, n), true));
    moment.faults(7);
    let moment = lesson.after("Write to one of them");
    assert_eq!((moment.state(3), moment.state(4)), (Some(Private), Some(ZeroPage)));
    moment.same_frame((0, 3), (0, 4), false);
    lesson.after("The neighbour is still zero").faults(0);
}

#[test]
fn file_private() {
    let mut lesson = lesson("file-private");
    let moment = lesson.after("Read it");
    assert_eq!(moment.states(0, 0..2), all(FileClean, 2));
    let before = moment.frame(0, 0);
    let moment = lesson.after("Write to it");
    assert_eq!(moment.states(0, 0..2), [Some(Private), Some(FileClean)]);
    let after = moment.frame(0, 0);
    assert!(before.is_none() || before != after);
    assert_eq!(lesson.after("Somebody changes the file").state(1), Some(FileClean));
    assert_eq!(lesson.printed, "Dear Ann\nDear Ann, Dear Enn\nYours, Cy\n");
}

#[test]
fn cow_fork() {
    let mut lesson = lesson("cow-fork");
    let moment = lesson.after("A, B, C, D");
    let originals: Vec<_> = (0..4).map(|n| moment.frame(0, n)).collect();
    let moment = lesson.after("fork");
    for who in [0, 1] {
        assert_eq!(moment.states(who, 0..4), all(CopyPending, 4));
        assert_eq!((0..4).map(|n| moment.frame(who, n)).collect::<Vec<_>>(), originals);
    }
    lesson.after("The child reads").faults(0);
    let moment = lesson.after("The child writes");
    moment.faults(1);
    moment.same_frame((0, 1), (1, 1), false);
    assert_eq!(moment.frame(0, 1), originals[1], "the parent keeps the old one");
    assert_eq!(lesson.after("Nobody left to share with").frame(0, 1), originals[1]);
    let moment = lesson.after("The parent writes first");
    moment.same_frame((0, 2), (1, 2), false);
    assert_eq!(moment.frame(1, 2), originals[2], "the child keeps the old one");
    let moment = lesson.after("Two copies in all");
    assert_eq!(moment.states(0, 0..4), all(Private, 4));
    assert_eq!([moment.frame(0, 0), moment.frame(0, 3)], [originals[0], originals[3]]);
}

#[test]
fn split_merge() {
    let mut lesson = lesson("split-merge");
    let rows: &[(&str, &[&str])] = &[
        ("One mapping of five pages", &["5 rw-p"]),
        ("A hole in the middle", &["2 rw-p", "2 rw-p"]),
        ("Fill the hole", &["5 rw-p"]),
        ("Different rights", &["1 rw-p", "1 r--p", "3 rw-p"]),
        ("The same rights", &["5 rw-p"]),
        ("All of it", &[]),
    ];
    for (step, expected) in rows {
        assert_eq!(lesson.after(step).mappings(5), *expected, "{step}");
    }
    assert_eq!(lesson.after("Fill the hole").state(2), Some(Untouched));
}

/// Where only root is told whether a page was stored, it is not known.
fn is_file(state: Option<PageState>, expected: PageState) -> bool {
    state == Some(expected) || state == Some(Unknown)
}

#[test]
fn file_shared() {
    let mut lesson = lesson("file-shared");
    let moment = lesson.after("Read it");
    assert!(is_file(moment.state(0), FileClean), "{:?}", moment.state(0));
    let frame = moment.frame(0, 0);
    let moment = lesson.after("Write to it");
    moment.faults(1);
    assert!(is_file(moment.state(0), FileDirty) && moment.frame(0, 0) == frame, "{:?}", moment.state(0));
    let moment = lesson.after("Store it");
    assert_eq!(moment.kinds(), ["sync"]);
    assert!(is_file(moment.state(0), FileClean), "{:?}", moment.state(0));
    assert_eq!(lesson.printed, "Dear Ann\nDear Enn\nDear Enn\n");
}

#[test]
fn page_cache() {
    let mut lesson = lesson("page-cache");
    let moment = lesson.after("Read both");
    moment.same_frame((0, 0), (0, 2), true);
    let frame = moment.frame(0, 0);
    lesson.after("A private one beside them").same_frame((0, 0), (0, 4), true);
    let moment = lesson.after("Write to the private one");
    moment.same_frame((0, 0), (0, 4), false);
    moment.same_frame((0, 0), (0, 2), true);
    assert!(lesson.after("All of them go").mappings(5).is_empty());
    assert_eq!(lesson.after("And it is still there").frame(0, 0), frame);
}

#[test]
fn shared_memory() {
    let mut lesson = lesson("shared-memory");
    let moment = lesson.after("fork");
    assert_eq!(
        [moment.page_of(1, 0), moment.page_of(1, 2)].map(|p| p.unwrap().state),
        [Untouched, CopyPending]
    );
    let moment = lesson.after("The child writes to mine");
    moment.same_frame((0, 0), (1, 0), true);
    moment.same_frame((0, 2), (1, 2), false);
    lesson.after("And back").same_frame((0, 0), (1, 0), true);
    assert_eq!(lesson.after("The child ends").state(2), Some(Private));
}

#[test]
fn protect() {
    let mut lesson = lesson("protect");
    let moment = lesson.after("Take a right away");
    assert_eq!(
        (moment.mappings(3), moment.state(1)),
        (["rw", "r-", "rw"].map(|p| format!("1 {p}-p")).into(), Some(Private))
    );
    assert_eq!(lesson.after("Writing is not").kinds(), ["signal"]);
    let signal = lesson.trace.events.iter().find_map(|e| {
        if let EventKind::Signal(signal) = &e.kind { Some((signal.addr, signal.code.clone())) } else { None }
    });
    assert_eq!(signal, Some((Addr(WISH.0 + PAGE + 1), "SEGV_ACCERR".into())));
    assert_eq!(lesson.after("The handler lets it through").mappings(3), ["3 rw-p"]);
    assert!(lesson.after("Tried again").kinds().contains(&"access"));
}

#[test]
fn fixed() {
    let mut lesson = lesson("fixed");
    let moment = lesson.after("A wish for a taken place");
    assert_eq!((moment.mappings(4), moment.states(0, 0..4)), (vec!["4 rw-p".into()], all(Private, 4)));
    let expected = [Private, Untouched, Untouched, Private].map(Some);
    assert_eq!(lesson.after("MAP_FIXED insists").states(0, 0..4), expected);
    let moment = lesson.after("MAP_FIXED_NOREPLACE asks");
    assert_eq!((moment.kinds(), moment.state(0)), (vec!["failed"], Some(Private)));
}

#[test]
fn remap() {
    let mut lesson = lesson("remap");
    let moment = lesson.after("Grow in place");
    assert_eq!(moment.states(0, 0..4), [Private, Private, Untouched, Untouched].map(Some));
    let frames = [moment.frame(0, 0), moment.frame(0, 1)];
    let moment = lesson.after("No room");
    assert_eq!(
        (moment.kinds(), moment.mappings(5)),
        (vec!["failed"], vec!["4 rw-p".into(), "1 ---p".into()])
    );
    let moment = lesson.after("Move");
    assert_eq!(moment.mappings(5), ["1 ---p"]);
    let moved = moment
        .lesson
        .trace
        .events
        .iter()
        .rev()
        .find_map(|e| if let EventKind::Remap(remap) = &e.kind { Some(remap.new.start()) } else { None });
    let at = |n| {
        let page = moment.lesson.timeline.world().page_at(moment.pids[0], Addr(moved.unwrap().0 + n * PAGE));
        page.unwrap().frame.map(|frame| frame.0)
    };
    assert_eq!([at(0), at(1)], frames);
}

#[test]
fn dontneed() {
    let mut lesson = lesson("dontneed");
    let moment = lesson.after("MADV_DONTNEED");
    assert_eq!((moment.mappings(8), moment.states(0, 0..4)), (vec!["8 rw-p".into()], all(Untouched, 4)));
    assert_eq!(moment.states(0, 4..8), all(Private, 4));
    assert_eq!(lesson.after("What is there now").state(0), Some(ZeroPage));
    assert_eq!(lesson.after("MADV_FREE").mappings(8), ["8 rw-p"]);
    assert_eq!(lesson.after("Changed my mind").state(4), Some(Private));
}

#[test]
fn lazy_terabyte() {
    let Some(mut lesson) = performed("lazy-terabyte") else { return };
    let pages = 1 << 28;
    let moment = lesson.after("Three bytes of it");
    assert_eq!(moment.mappings(pages), [format!("{pages} rw-p")]);
    assert_eq!([0, pages / 2, pages - 1].map(|n| moment.state(n)), [Some(Private); 3]);
    assert_eq!([1, pages / 2 + 1, pages - 2].map(|n| moment.state(n)), [Some(Untouched); 3]);
    moment.faults(3);
    assert_eq!(lesson.after("Without the flag").kinds(), ["failed"]);
    assert!(lesson.after("Give it back").mappings(pages).is_empty());
}

#[test]
fn malloc() {
    let Some(mut lesson) = performed("malloc") else { return };
    let calls = |moment: &super::Moment<'_>| {
        let kinds = moment.kinds().into_iter().map(str::to_owned);
        kinds.filter(|kind| !["fault", "access"].contains(&kind.as_str())).collect::<Vec<_>>()
    };
    for (step, expected) in [
        ("100 bytes", &[][..]),
        ("Until it is full", &["break"]),
        ("1 MiB", &["map"]),
        ("Still not memory", &[]),
        ("free, large", &["unmap"]),
        ("free, small", &[]),
        ("1 MiB once more", &["break"]),
    ] {
        assert_eq!(calls(&lesson.after(step)), expected, "{step}");
    }
}

#[test]
fn stack() {
    let mut lesson = lesson("stack");
    let mut size = |step| {
        let moment = lesson.after(step);
        let space = moment.lesson.timeline.world().space(moment.pids[0]).unwrap();
        let found = space.mappings().find(|m| m.attributes.backing.to_string() == "stack").unwrap();
        (found.range.bytes(), moment.kinds().last().map(|kind| (*kind).to_owned()))
    };
    let (first, deep, back) =
        (size("Eight calls deep").0, size("60 calls deep").0, size("It never shrinks").0);
    assert!(deep > first && deep >= 60 * PAGE && back == deep, "{first} {deep} {back}");
    let (last, kind) = size("Too deep");
    assert!(last > deep && last <= 1 << 19, "{last}");
    assert_eq!(kind.as_deref(), Some("signal"));
}

#[test]
fn huge_pages() {
    let Some(mut lesson) = performed("huge-pages") else { return };
    let huge = |moment: &super::Moment<'_>, n| moment.page_of(0, n).unwrap().flags.has(PageFlags::HUGE);
    let moment = lesson.after("One byte");
    moment.faults(1);
    assert_eq!(moment.states(0, 0..513), [all(Private, 512), all(Untouched, 1)].concat());
    assert!(huge(&moment, 0) && huge(&moment, 511));
    lesson.after("300 pages further").faults(0);
    let moment = lesson.after("A hole in it");
    assert!(!huge(&moment, 0) && huge(&moment, 512));
    assert_eq!(
        (moment.mappings(1024), moment.state(100)),
        (vec!["100 rw-p".into(), "923 rw-p".into()], None)
    );
}

#[test]
fn errors() {
    let mut lesson = lesson("errors");
    let mut seen = Vec::new();
    for event in &lesson.trace.events {
        if let EventKind::Failed(failed) = &event.kind {
            seen.push(format!("{} {}", failed.call, failed.errno));
        }
    }
    let expected =
        ["mmap EINVAL", "munmap EINVAL", "mmap ENOMEM", "mprotect ENOMEM", "mmap EBADF", "mmap EACCES"];
    assert_eq!(seen, expected);
    assert_eq!(lesson.after("128 TiB").mappings(2), ["2 rw-p"]);
    assert_eq!(lesson.after("One page too many").mappings(2), ["2 r--p"]);
}

#[test]
fn use_after_munmap() {
    let mut lesson = lesson("use-after-munmap");
    assert!(lesson.after("The page goes").mappings(1).is_empty());
    assert_eq!(lesson.after("Use after munmap").kinds(), ["signal"]);
    let moment = lesson.after("Read through the old pointer");
    let range = Range::from_len(WISH, PAGE).unwrap();
    let space = moment.lesson.timeline.world().space(moment.pids[0]).unwrap();
    let bytes: Vec<u8> = space.recorded_bytes(range).flat_map(|(_, bytes)| bytes.to_vec()).collect();
    assert!(bytes.starts_with(b"your diary\0") && moment.kinds() == ["access"], "{bytes:?}");
    moment.faults(0);
}
