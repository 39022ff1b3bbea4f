//! Against the running kernel.

use super::*;
use crate::proc::own_mappings;
use crate::sys::{Mapped, page_size};
use pagescope_shared::page::Run;

fn observer() -> Observer {
    Observer::of_this_process(page_size().unwrap()).unwrap()
}

fn mapping_of(mapped: &Mapped) -> Mapping {
    let range = mapped.range().unwrap();
    let around = own_mappings().unwrap().into_iter().find(|m| m.range.contains(range.start())).unwrap();
    Mapping { range, ..around }
}

fn states(runs: &[Run]) -> Vec<(u64, PageState)> {
    runs.iter().map(|r| (r.pages.get(), r.state)).collect()
}

/// The same pages by PAGEMAP_SCAN, if this kernel has it, and by the pagemap alone.
fn both_ways(mapping: &Mapping) -> (Observed, Vec<Run>) {
    let observer = observer();
    let mut runs = Runs::default();
    observer.by_entries(mapping.range, None, mapping, Frames::LeftOut, &mut runs).unwrap();
    (observer.observe(mapping, Frames::LeftOut).unwrap(), runs.finish())
}

#[test]
fn untouched_read_and_written() {
    let size = page_size().unwrap();
    let mut mapped = Mapped::anonymous(Addr(0), 3 * size.bytes(), size).unwrap();
    let mapping = mapping_of(&mapped);
    let (seen, alone) = both_ways(&mapping);
    assert_eq!((states(&seen.runs), states(&alone)), (vec![], vec![]));

    mapped.read(1);
    let (seen, alone) = both_ways(&mapping);
    if seen.source == "pagemap-scan" {
        assert_eq!(states(&seen.runs), vec![(1, PageState::ZeroPage)]);
    }
    let expected = if observer().frame_flags.is_some() { PageState::ZeroPage } else { PageState::Unknown };
    assert_eq!(states(&alone), vec![(1, expected)]);

    let two_pages = vec![1; usize::try_from(size.bytes()).unwrap() + 1];
    mapped.write(&two_pages);
    let (seen, alone) = both_ways(&mapping);
    assert_eq!(states(&seen.runs), vec![(2, PageState::Private)]);
    assert_eq!(states(&alone), vec![(2, PageState::Private)]);
}

#[test]
fn huge_mappings_cost_nothing() {
    let size = page_size().unwrap();
    // Not every machine's overcommit policy allows it.
    let Ok(mut mapped) = Mapped::anonymous(Addr(0), 1 << 32, size) else { return };
    mapped.write(b"x");
    let seen = observer().observe(&mapping_of(&mapped), Frames::Wanted).unwrap();
    assert!(seen.fits(size));
    assert_eq!(seen.runs.first().map(|r| r.frame.is_some()), Some(observer().shows_frames()));
}

#[test]
fn constants_are_the_page_caches() {
    let here = Addr(crate::sys::to_u64("in the program's file".as_ptr().addr()));
    let constants = own_mappings().unwrap().into_iter().find(|m| m.range.contains(here)).unwrap();
    let (seen, alone) = both_ways(&constants);
    assert!(seen.runs.iter().any(|r| r.state == PageState::FileClean), "{seen:?}");
    assert!(seen.runs.iter().all(|r| matches!(r.state, PageState::FileClean | PageState::Untouched)));
    assert_eq!(states(&seen.runs), states(&alone));
}

#[test]
fn all_mappings_at_once_are_the_same_as_one_by_one() {
    let size = page_size().unwrap();
    let mut mapped = Mapped::anonymous(Addr(0), 8 * size.bytes(), size).unwrap();
    mapped.write(b"x");
    let Ok(_large) = Mapped::anonymous(Addr(0), 3 << 30, size) else { return };
    let below = Addr(1 << 47);
    let mappings: Vec<_> = own_mappings().unwrap().into_iter().filter(|m| m.range.end() <= below).collect();
    let mut all = Vec::new();
    observer().observe_each(&mappings, Frames::LeftOut, &mut |o| all.push(o)).unwrap();
    // Those that the test itself does not change meanwhile.
    let alone = mapping_of(&mapped);
    let together: Vec<_> = all.iter().filter(|o| o.range.intersection(alone.range).is_some()).collect();
    let page = together.iter().flat_map(|o| &o.runs).any(|run| run.state == PageState::Private);
    assert!(page && observer().observe(&alone, Frames::LeftOut).unwrap().runs.len() == 1);
    let covered = |of: &mut dyn Iterator<Item = Range>| of.map(Range::bytes).sum::<u64>();
    let (a, b) = (covered(&mut all.iter().map(|o| o.range)), covered(&mut mappings.iter().map(|m| m.range)));
    assert_eq!(a, b);
    assert!(all.len() > mappings.len(), "the large one comes in pieces");
    assert!(all.iter().all(|o| o.fits(size)));
}
