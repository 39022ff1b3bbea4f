use super::*;
use crate::addr::Frame;
use crate::event::{
    Access, AccessType, Advice, Advise, Asked, Fault, FaultAccess, Map, Observed, Signal, Snapshot, Unmap,
};
use crate::mapping::{Attributes, Backing, Object, Protection, Sharing};
use crate::names::{CallFlags, VmFlags};
use crate::page::{Provenance, Run};
use std::num::NonZeroU64;
use std::sync::Arc;

const PAGE: u64 = 4096;

fn pages(first: u64, count: u64) -> Range {
    Range::from_len(Addr(first * PAGE), count * PAGE).unwrap()
}

fn anonymous() -> Attributes {
    let protection = Protection { read: true, write: true, execute: false };
    let plain = Attributes::anonymous(protection, Sharing::Private);
    Attributes { flags: VmFlags::of(VmFlags::ACCOUNTED), ..plain }
}

fn file(offset: u64) -> Attributes {
    let object = Object { path: "/lib/x".into(), dev: "fe:00".into(), inode: 7 };
    Attributes { backing: Backing::File(Arc::new(object)), offset, ..anonymous() }
}

fn map(range: Range, attributes: Attributes) -> EventKind {
    let asked = Asked { addr: range.start(), len: range.bytes(), flags: CallFlags::NONE };
    EventKind::Map(Map { asked, range, attributes })
}

fn unmap(range: Range) -> EventKind {
    EventKind::Unmap(Unmap { asked: Asked { addr: range.start(), len: 1, flags: CallFlags::NONE }, range })
}

fn access(access: AccessType, addr: u64, bytes: &[u8]) -> EventKind {
    EventKind::Access(Box::new(Access { access, addr: Addr(addr), bytes: bytes.to_vec() }))
}

fn run(pages: u64, state: PageState, frame: Option<u64>) -> Run {
    Run { pages: NonZeroU64::new(pages).unwrap(), state, flags: PageFlags::NONE, frame: frame.map(Frame) }
}

fn observed(range: Range, runs: Vec<Run>) -> EventKind {
    EventKind::Observed(Box::new(Observed { range, source: "test".into(), runs }))
}

fn space(events: &[EventKind]) -> AddressSpace {
    let mut space = AddressSpace::new(PageSize::FOUR_KIB);
    for event in events {
        space.apply(event);
    }
    space
}

#[test]
fn unmap_in_the_middle_splits_and_moves_the_file_offset() {
    let mut space = space(&[map(pages(10, 10), file(0x3000))]);
    let change = space.apply(&unmap(pages(13, 2)));
    let ranges: Vec<_> = space.mappings().map(|m| (m.range, m.attributes)).collect();
    assert_eq!(ranges, vec![(pages(10, 3), file(0x3000)), (pages(15, 5), file(0x8000))]);
    let split = MappingChange::Split { before: pages(10, 10), at: Addr(15 * PAGE) };
    let removed = MappingChange::Removed(Mapping { range: pages(13, 2), attributes: file(0x6000) });
    assert_eq!(change.mappings, vec![split, removed]);
    assert_eq!(space.page_at(Addr(14 * PAGE)), None);
    assert_eq!(space.page_at(Addr(15 * PAGE)), Some(Page::inferred(PageState::Untouched)));
}

#[test]
fn unmap_of_a_hole_changes_nothing() {
    let mut space = space(&[map(pages(10, 1), anonymous())]);
    assert_eq!(space.apply(&unmap(pages(20, 4))), Change::default());
}

#[test]
fn map_over_a_mapping_takes_its_place() {
    let mut space = space(&[map(pages(10, 4), anonymous()), access(AccessType::Write, 11 * PAGE, b"x")]);
    let change = space.apply(&map(pages(11, 2), file(0)));
    assert_eq!(space.mapping_count(), 3);
    assert_eq!(change.removed().count(), 1);
    assert_eq!(space.page_at(Addr(11 * PAGE)), Some(Page::inferred(PageState::Untouched)));
    assert_eq!(space.recorded_bytes(pages(10, 4)).count(), 0, "the bytes went with their page");
}

#[test]
fn accesses_lead_to_states() {
    use AccessType::{Read, Write};
    let shared = Attributes { sharing: Sharing::Shared, ..file(0) };
    for (attributes, accesses, expected) in [
        (anonymous(), vec![Read], PageState::ZeroPage),
        (anonymous(), vec![Read, Write], PageState::Private),
        (anonymous(), vec![Write, Read], PageState::Private),
        (file(0), vec![Read], PageState::FileClean),
        (file(0), vec![Read, Write], PageState::Private),
        (shared.clone(), vec![Read], PageState::FileClean),
        (shared, vec![Write], PageState::FileDirty),
    ] {
        let mut space = space(&[map(pages(5, 2), attributes)]);
        for a in &accesses {
            space.apply(&access(*a, 5 * PAGE + 9, b"ab"));
        }
        assert_eq!(space.page_at(Addr(5 * PAGE)), Some(Page::inferred(expected)), "{accesses:?}");
        assert_eq!(space.page_at(Addr(6 * PAGE)).map(|p| p.state), Some(PageState::Untouched));
    }
}

#[test]
fn observation_beats_inference_and_frames_count_up() {
    let mut space = space(&[map(pages(5, 8), anonymous())]);
    let change = space.apply(&observed(
        pages(5, 6),
        vec![run(1, PageState::Untouched, None), run(3, PageState::Private, Some(100))],
    ));
    let at = |page: u64| space.page_at(Addr(page * PAGE)).unwrap();
    assert_eq!(
        (at(7).state, at(7).frame, at(7).provenance),
        (PageState::Private, Some(Frame(101)), Provenance::Observed)
    );
    assert_eq!((at(9).state, at(9).provenance), (PageState::Untouched, Provenance::Observed));
    assert_eq!((at(11).state, at(11).provenance), (PageState::Untouched, Provenance::Inferred));
    assert_eq!(change.pages.len(), 3, "{change:?}");
    assert!(change.drift.is_empty());
}

#[test]
fn what_a_fault_led_to_is_observed() {
    let touched = |access, led_to| {
        let fault = Fault { addr: Addr(5 * PAGE), access, severity: None, ip: None, led_to };
        let mut space = space(&[map(pages(5, 2), anonymous())]);
        let change = space.apply(&EventKind::Fault(fault));
        let after = change.pages.last().and_then(|p| p.after);
        assert_eq!(after, space.page_at(Addr(5 * PAGE)), "{access:?} {led_to:?}");
        assert_eq!(space.page_at(Addr(6 * PAGE)), Some(Page::inferred(PageState::Untouched)));
        after.map(|p| (p.state, p.provenance))
    };
    let (write, read) = (Some(FaultAccess::Write), Some(FaultAccess::Read));
    for (access, led_to, expected) in [
        (write, None, (PageState::Private, Provenance::Inferred)),
        (write, Some(PageState::Private), (PageState::Private, Provenance::Observed)),
        (read, Some(PageState::ZeroPage), (PageState::ZeroPage, Provenance::Observed)),
        (read, Some(PageState::Private), (PageState::Private, Provenance::Observed)),
        (None, Some(PageState::ZeroPage), (PageState::ZeroPage, Provenance::Observed)),
    ] {
        assert_eq!(touched(access, led_to), Some(expected), "{access:?} {led_to:?}");
    }
}

#[test]
fn swapped_pages_come_back_as_their_mapping_has_them() {
    let shared = Attributes { sharing: Sharing::Shared, ..file(0) };
    for (attributes, expected) in
        [(anonymous(), PageState::Private), (file(0), PageState::Private), (shared, PageState::FileClean)]
    {
        let swapped = observed(pages(5, 1), vec![run(1, PageState::Swapped, None)]);
        let read = access(AccessType::Read, 5 * PAGE, b"a");
        let space = space(&[map(pages(5, 1), attributes), swapped, read]);
        assert_eq!(space.page_at(Addr(5 * PAGE)), Some(Page::inferred(expected)));
    }
}

#[test]
fn huge_pages_break_where_the_kernel_splits_them() {
    use PageState::{CopyPending, Private, Untouched, ZeroPage};
    let advise = |range: Range, advice| {
        let asked = Asked { addr: range.start(), len: range.bytes(), flags: CallFlags::NONE };
        EventKind::Advise(Advise { asked, range, advice })
    };
    let touch = |kind| access(kind, 512 * PAGE, b"x");
    let huge = PageFlags::NONE.with(PageFlags::HUGE);
    let seen = |state, flags| Run { flags, ..run(512, state, None) };
    let (read, write) = (touch(AccessType::Read), touch(AccessType::Write));
    for (before, event, expected) in [
        (write.clone(), advise(pages(512, 9), Advice::Free), (Private, false)),
        (write.clone(), advise(pages(512, 9), Advice::Cold), (Private, false)),
        (write.clone(), advise(pages(512, 512), Advice::Cold), (Private, true)),
        (read.clone(), advise(pages(512, 9), Advice::Free), (ZeroPage, true)),
        // Somebody else has a part of it.
        (
            observed(pages(512, 512), vec![seen(CopyPending, huge)]),
            advise(pages(512, 9), Advice::Free),
            (CopyPending, true),
        ),
        // Seen to be untouched, the block is as empty as ever.
        (observed(pages(512, 512), vec![seen(Untouched, PageFlags::NONE)]), write, (Private, true)),
    ] {
        let mapped = [map(pages(512, 1024), anonymous()), advise(pages(512, 1024), Advice::HugePage)];
        let space = space(&[&mapped[..], &[before, event.clone()]].concat());
        let page = space.page_at(Addr(520 * PAGE)).unwrap();
        assert_eq!((page.state, page.flags.has(PageFlags::HUGE)), expected, "{event:?}");
    }
    // A write past the end of a file.
    let whole = vec![Run { flags: huge, ..run(512, PageState::FileClean, None) }];
    let (signal, addr, code) = ("SIGBUS".to_owned(), Addr(600 * PAGE), "BUS_ADRERR".to_owned());
    let refused = Signal { signal, addr, access: Some(FaultAccess::Write), code };
    let refused = EventKind::Signal(Box::new(refused));
    let of_file = space(&[map(pages(512, 512), file(0)), observed(pages(512, 512), whole), refused]);
    assert_eq!(of_file.page_at(Addr(520 * PAGE)), Some(Page::inferred(Untouched)));
    // A write to a page that is one's own, in a huge page of which others have a part.
    let mapped = [
        map(pages(512, 1024), anonymous()),
        advise(pages(512, 1024), Advice::HugePage),
        touch(AccessType::Write),
    ];
    let parts = vec![
        Run { flags: huge, ..run(4, Private, None) },
        Run { flags: huge, ..run(508, CopyPending, None) },
    ];
    let shared = [observed(pages(512, 512), parts), touch(AccessType::Write)];
    let space = space(&[&mapped[..], &shared].concat());
    let page = |page: u64| space.page_at(Addr(page * PAGE)).map(|p| (p.state, p.flags));
    assert_eq!(page(513), Some((Private, PageFlags::NONE)));
    assert_eq!(page(600), Some((CopyPending, PageFlags::NONE)));
}

#[test]
fn what_cannot_be_is_drift() {
    let mut space = space(&[map(pages(5, 1), anonymous())]);
    let touch = space.apply(&access(AccessType::Write, 6 * PAGE - 1, b"ab"));
    assert_eq!(touch.drift.len(), 1, "half of it is not mapped");
    assert_eq!(space.page_at(Addr(5 * PAGE)), Some(Page::inferred(PageState::Untouched)));
    let seen = space.apply(&observed(pages(4, 4), vec![run(4, PageState::Private, None)]));
    assert_eq!(seen.drift.len(), 1);
}

#[test]
fn snapshot_keeps_what_it_confirms() {
    let mut space = space(&[map(pages(5, 1), anonymous()), access(AccessType::Write, 5 * PAGE, b"hi")]);
    let kept = Mapping { range: pages(5, 1), attributes: anonymous() };
    let new = Mapping { range: pages(9, 2), attributes: file(0) };
    let change = space.apply(&EventKind::Snapshot(Box::new(Snapshot {
        mappings: vec![kept, new.clone()],
        observed: Vec::new(),
    })));
    assert_eq!(change.mappings, vec![MappingChange::Created(new)]);
    assert_eq!(space.page_at(Addr(5 * PAGE)).map(|p| p.state), Some(PageState::Private));
    assert_eq!(space.page_at(Addr(9 * PAGE)).map(|p| p.state), Some(PageState::Unknown));
    let gone =
        space.apply(&EventKind::Snapshot(Box::new(Snapshot { mappings: vec![], observed: Vec::new() })));
    assert_eq!(gone.removed().count(), 2);
    assert_eq!(space.mapping_count(), 0);
}

#[test]
fn a_terabyte_is_one_entry() {
    let mut space = space(&[map(pages(1 << 20, 1 << 28), anonymous())]);
    space.apply(&access(AccessType::Write, (1 << 32) + 12345, b"x"));
    assert_eq!(space.run_count(), 1);
    space.apply(&unmap(pages(1 << 20, 1 << 28)));
    assert_eq!((space.run_count(), space.mapping_count()), (0, 0));
}
