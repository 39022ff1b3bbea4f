//! What was read of pages, without what the model says already.

use pagescope_shared::addr::{Frame, PageSize, Range};
use pagescope_shared::event::Observed;
use pagescope_shared::model::AddressSpace;
use pagescope_shared::page::{Page, PageFlags, PageState, Run};
use std::num::NonZeroU64;

/// Where the kernel says otherwise than the model, piece by piece by address. Of pages that are not mapped nothing is
/// said. `doubtful` are those that somebody may be just about to fill: that they are empty is no news.
pub(super) fn news(
    space: &AddressSpace,
    observed: &Observed,
    size: PageSize,
    doubtful: &dyn Fn(Range) -> bool,
) -> Vec<Observed> {
    let mut found: Vec<Observed> = Vec::new();
    let mut at = observed.range.start();
    let rest =
        Run { pages: NonZeroU64::MAX, state: PageState::Untouched, flags: PageFlags::NONE, frame: None };
    for run in observed.runs.iter().chain(std::iter::once(&rest)) {
        let room = observed.range.end().0.saturating_sub(at.0);
        let bytes = run.pages.get().saturating_mul(size.bytes()).min(room);
        let Ok(range) = Range::from_len(at, bytes) else { break };
        let empties = run.state == PageState::Untouched && run.flags == PageFlags::NONE;
        for (part, known) in space.runs(range) {
            let from = Range::new(range.start(), part.start()).map_or(0, |before| size.pages_in(before));
            if says_the_same(known, run, from) || (empties && doubtful(part)) {
                continue;
            }
            let Some(pages) = NonZeroU64::new(size.pages_in(part)) else { continue };
            let run = Run { pages, frame: frame(run, from), ..*run };
            match found.last_mut() {
                Some(last) if last.range.end() == part.start() => {
                    last.range = Range::new(last.range.start(), part.end()).unwrap_or(last.range);
                    last.runs.push(run);
                }
                _ => found.push(Observed { range: part, source: observed.source.clone(), runs: vec![run] }),
            }
        }
        at = range.end();
    }
    found
}

/// Whether the kernel confirms what the model says of pages, the first of which is the run's page number `from`.
fn says_the_same(known: Page, run: &Run, from: u64) -> bool {
    let state = match (known.state, run.state) {
        // The page table does not tell whether a page of a file was stored.
        (PageState::FileDirty, PageState::FileClean) => true,
        // It is there, and no more is known: the model's word is the better one.
        (known, PageState::Unknown) => !matches!(known, PageState::Untouched | PageState::Swapped),
        (known, seen) => known == seen,
    };
    let flags = [PageFlags::HUGE, PageFlags::GUARD];
    let frame = frame(run, from);
    state
        && flags.iter().all(|one| known.flags.has(*one) == run.flags.has(*one))
        && (frame.is_none() || known.frame == frame)
}

/// Where a run's page number `from` is, if that was told.
fn frame(run: &Run, from: u64) -> Option<Frame> {
    run.frame.map(|first| Frame(first.0.saturating_add(from)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagescope_shared::addr::Addr;
    use pagescope_shared::event::{EventKind, Fault, FaultAccess, Snapshot};
    use pagescope_shared::mapping::{Attributes, Mapping, Protection, Sharing};

    fn pages(from: u64, to: u64) -> Range {
        Range::new(Addr(from << 12), Addr(to << 12)).unwrap()
    }

    fn run(pages: u64, state: PageState) -> Run {
        Run { pages: NonZeroU64::new(pages).unwrap(), state, flags: PageFlags::NONE, frame: None }
    }

    #[test]
    fn only_what_differs_is_told_and_only_of_mapped_pages() {
        let size = PageSize::FOUR_KIB;
        let mut space = AddressSpace::new(size);
        let protection = Protection { read: true, write: true, execute: false };
        let attributes = Attributes::anonymous(protection, Sharing::Private);
        let snapshot = |from, to| Mapping { range: pages(from, to), attributes: attributes.clone() };
        let mappings = vec![snapshot(10, 20), snapshot(30, 40)];
        let seen = |range, runs| Observed { range, source: "pagemap-scan".into(), runs };
        let observed = vec![seen(pages(10, 20), vec![]), seen(pages(30, 40), vec![])];
        space.apply(&EventKind::Snapshot(Box::new(Snapshot { mappings, observed })));
        for page in 12..14 {
            let fault = Fault {
                addr: Addr(page << 12),
                access: Some(FaultAccess::Write),
                severity: None,
                ip: None,
                led_to: None,
            };
            space.apply(&EventKind::Fault(fault));
        }
        let never = |_| false;
        // Pages 10 to 40: as the model says, but that 14 and 15 are there too, and 38 is.
        let runs = vec![
            run(2, PageState::Untouched),
            run(4, PageState::Private),
            run(22, PageState::Untouched),
            run(1, PageState::ZeroPage),
        ];
        let told = news(&space, &seen(pages(10, 40), runs), size, &never);
        let expected = vec![
            seen(pages(14, 16), vec![run(2, PageState::Private)]),
            seen(pages(38, 39), vec![run(1, PageState::ZeroPage)]),
        ];
        assert_eq!(told, expected);
        // Nothing there: news for the two that were touched, unless somebody is at it.
        let empty = seen(pages(5, 40), vec![]);
        let told = news(&space, &empty, size, &never);
        assert_eq!(told, vec![seen(pages(12, 14), vec![run(2, PageState::Untouched)])]);
        assert_eq!(news(&space, &empty, size, &|range| range == pages(12, 14)), vec![]);
    }
}
