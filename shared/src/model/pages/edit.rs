//! Many runs of pages changed in one way, where they are.

use super::{Change, Entry, Pages, push};
use crate::interval::Cut as _;

impl Pages {
    /// Changes known runs of `first..end`, cut to it, as `edit` says. What comes of a run must depend on nothing but what
    /// it is.
    pub(in crate::model) fn edit(
        &mut self,
        first: u64,
        end: u64,
        edit: &dyn Fn(Entry) -> Option<Entry>,
        change: &mut Change,
    ) {
        let Self { runs, counts, size } = self;
        // Runs that are cut, or that may join their neighbours: one by one, afterwards.
        let mut rest = Vec::new();
        // Where the run before ends, and whether it was changed where it is.
        let mut left = (runs.around(first).0.map_or(0, |run| run.1), false);
        let mut last = None;
        runs.update(first, end, &mut |s, e, entry| {
            let (from, to) = (s.max(first), e.min(end));
            let before = entry.advanced(from - s);
            let after = edit(before).filter(|after| *after != before);
            let whole = (from, to) == (s, e);
            let joins = left.0 == s && (left.1 || after.is_some());
            left = (e, after.is_some() && whole && !joins);
            if !left.1 {
                if let Some(entry) = after.or(joins.then_some(before)) {
                    rest.push((from, to, entry));
                }
                return None;
            }
            let after = after?;
            for (state, up) in [(before.state, false), (after.state, true)] {
                if let Some(count) = counts.get_mut(state as usize) {
                    *count = if up { count.wrapping_add(e - s) } else { count.wrapping_sub(e - s) };
                }
            }
            push(*size, change, s, e, Some(before), Some(after));
            last = Some((s, e, after));
            Some(after)
        });
        // The one after the last one may continue it.
        rest.extend(last.filter(|last| left == (last.1, true) && runs.get(last.1).is_some()));
        for (s, e, entry) in rest {
            self.set(s, e, entry, change);
        }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::addr::PageSize;
    use crate::model::pages::NO_FRAME;
    use crate::page::PageState;
    use proptest::prelude::*;

    fn entry(number: u8) -> Entry {
        let state = [PageState::Private, PageState::CopyPending, PageState::Swapped][usize::from(number % 3)];
        // Frames count up: some runs continue others.
        let frame = if number & 8 == 0 { NO_FRAME } else { 1000 };
        Entry { share: u32::from(number / 3 % 2), frame, ..Entry::inferred(state) }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Changing runs where they are comes to the same as putting each one anew.
        #[test]
        fn edit_equals_set(runs in prop::collection::vec((0u64..300, 1u64..6, 0u8..12), 0..120),
                           first in 0u64..300, len in 1u64..200) {
            let mut pages = Pages::new(PageSize::FOUR_KIB);
            let mut change = Change::default();
            for (first, len, number) in runs {
                let entry = entry(number);
                let entry = if entry.frame == NO_FRAME { entry } else { entry.advanced(first) };
                pages.set(first, first + len, entry, &mut change);
            }
            let share = |entry: Entry| (entry.state != PageState::Swapped && entry.share == 0)
                .then_some(Entry { state: PageState::CopyPending, share: 1, ..entry });
            let (mut plain, mut expected) = (pages.clone(), Change::default());
            for (s, e, entry) in plain.known(first, first + len).collect::<Vec<_>>() {
                if let Some(after) = share(entry) {
                    plain.set(s, e, after, &mut expected);
                }
            }
            change.clear();
            pages.edit(first, first + len, &share, &mut change);
            prop_assert_eq!(&pages, &plain);
            prop_assert_eq!(pages.counts(), plain.counts());
            change.pages.sort_by_key(|page| page.range.start());
            prop_assert_eq!(change.pages, expected.pages);
            prop_assert_eq!(change.unshared.len(), expected.unshared.len());
        }
    }
}
