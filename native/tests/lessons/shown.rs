//! What each lesson is there to show.

use super::{Lesson, performed};
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
