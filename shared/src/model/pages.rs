//! What is known of pages. Pages of which nothing is known are not here: they are untouched.

mod edit;

use super::change::{Change, PageChange, Unshared};
use crate::addr::{Addr, Frame, PageSize, Range};
use crate::interval::{Cut, IntervalMap};
use crate::page::{Page, PageFlags, PageState, Provenance};

/// One run of like pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) state: PageState,
    pub(super) provenance: Provenance,
    pub(super) flags: PageFlags,
    /// Whom a page waiting for its copy is shared with: the fork that made it so; 0 when nobody keeps track.
    pub(super) share: u32,
    /// The first page's, or [`NO_FRAME`]; the others follow.
    pub(super) frame: u64,
}

/// No frame is known.
const NO_FRAME: u64 = u64::MAX;

impl Entry {
    pub(super) const UNTOUCHED: Self = Self::inferred(PageState::Untouched);

    pub(super) const fn inferred(state: PageState) -> Self {
        Self { state, provenance: Provenance::Inferred, flags: PageFlags::NONE, share: 0, frame: NO_FRAME }
    }
    pub(super) fn observed(state: PageState, flags: PageFlags, frame: Option<Frame>) -> Self {
        let frame = frame.map_or(NO_FRAME, |f| f.0);
        Self { state, provenance: Provenance::Observed, flags, share: 0, frame }
    }
    pub(super) fn with_flags(self, flags: PageFlags) -> Self {
        Self { flags, ..self }
    }
    pub(super) fn page(self) -> Page {
        let frame = (self.frame != NO_FRAME).then_some(Frame(self.frame));
        Page { state: self.state, provenance: self.provenance, flags: self.flags, frame }
    }
}

impl Cut for Entry {
    fn advanced(&self, by: u64) -> Self {
        let frame = if self.frame == NO_FRAME { NO_FRAME } else { self.frame.wrapping_add(by) };
        Self { frame, ..*self }
    }
}

/// Page states by page number, and how many pages there are in each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pages {
    runs: IntervalMap<Entry>,
    counts: [u64; PageState::ALL.len()],
    size: PageSize,
}

impl Pages {
    pub(super) fn new(size: PageSize) -> Self {
        Self { runs: IntervalMap::default(), counts: [0; PageState::ALL.len()], size }
    }

    /// How many pages are in each state, in the order of [`PageState::ALL`]. Untouched ones are not all counted.
    pub(super) fn counts(&self) -> &[u64; PageState::ALL.len()] {
        &self.counts
    }

    pub(super) fn run_count(&self) -> usize {
        self.runs.len()
    }

    pub(super) fn bytes_beside(&self, other: &Self) -> usize {
        self.runs.apart_from(&other.runs, &mut |_, _| {})
    }

    pub(super) fn numbers(&self, range: Range) -> (u64, u64) {
        let first = self.size.page_of(range.start());
        (first, first.saturating_add(self.size.pages_in(range)))
    }

    pub(super) fn range(&self, first: u64, end: u64) -> Option<Range> {
        Range::new(self.size.address_of(first)?, self.size.address_of(end).unwrap_or(Addr(u64::MAX))).ok()
    }

    pub(super) fn get(&self, page: u64) -> Entry {
        self.runs.get(page).map_or(Entry::UNTOUCHED, |(start, _, entry)| entry.advanced(page - start))
    }

    /// The known runs in `first..end`, cut to it.
    pub(super) fn known(&self, first: u64, end: u64) -> impl Iterator<Item = (u64, u64, Entry)> + '_ {
        self.runs.overlapping(first, end).map(move |(s, e, entry)| {
            let from = s.max(first);
            (from, e.min(end), entry.advanced(from - s))
        })
    }

    /// All pages of `first..end` as runs, the untouched ones between the known ones too.
    pub(super) fn all(&self, first: u64, end: u64) -> impl Iterator<Item = (u64, u64, Entry)> + '_ {
        let mut at = first;
        let mut waiting: Option<(u64, u64, Entry)> = None;
        let mut known = self.known(first, end);
        std::iter::from_fn(move || {
            if let Some(run) = waiting.take() {
                at = run.1;
                return Some(run);
            }
            match known.next() {
                Some(run) if run.0 > at => {
                    let gap = (at, run.0, Entry::UNTOUCHED);
                    waiting = Some(run);
                    Some(gap)
                }
                Some(run) => {
                    at = run.1;
                    Some(run)
                }
                None if at < end => {
                    let gap = (at, end, Entry::UNTOUCHED);
                    at = end;
                    Some(gap)
                }
                None => None,
            }
        })
    }

    #[inline]
    fn count(&mut self, state: PageState, pages: u64, up: bool) {
        if let Some(count) = self.counts.get_mut(state as usize) {
            *count = if up { count.wrapping_add(pages) } else { count.wrapping_sub(pages) };
        }
    }

    /// Takes what is known of `first..end` out, without a word.
    pub(super) fn take(&mut self, first: u64, end: u64, taken: &mut dyn FnMut(u64, u64, Entry)) {
        let Self { runs, counts, .. } = self;
        runs.remove_each(first, end, &mut |s, e, entry| {
            if let Some(count) = counts.get_mut(entry.state as usize) {
                *count = count.wrapping_sub(e - s);
            }
            taken(s, e, entry);
        });
    }

    /// Lets the run that ends at `first` go on to `end`, if it is like `entry` and nothing is known there. May do
    /// nothing where it could.
    #[inline(always)]
    pub(super) fn extend(&mut self, first: u64, end: u64, entry: Entry, change: &mut Change) -> bool {
        let extended = self.runs.extend(first, end, &entry);
        if extended {
            self.count(entry.state, end - first, true);
            push(self.size, change, first, end, Some(Entry::UNTOUCHED), Some(entry));
        }
        extended
    }

    /// Puts a run where nothing is known.
    pub(super) fn put(&mut self, first: u64, end: u64, entry: Entry) {
        if entry != Entry::UNTOUCHED {
            self.put_free(first, end, entry);
        }
    }

    /// Puts a run if nothing is known there. Returns whether that was so.
    pub(super) fn put_free(&mut self, first: u64, end: u64, entry: Entry) -> bool {
        let free = first < end && self.runs.join_free(first, end, &entry);
        if free {
            self.count(entry.state, end - first, true);
        }
        free
    }

    /// Tells that pages of which nothing was known are so now.
    pub(super) fn tell(&self, first: u64, end: u64, entry: Entry, change: &mut Change) {
        push(self.size, change, first, end, Some(Entry::UNTOUCHED), Some(entry));
    }

    /// Makes `first..end` be in the state of `entry`, and says what changed.
    pub(super) fn set(&mut self, first: u64, end: u64, entry: Entry, change: &mut Change) {
        let mut at = first;
        let size = self.size;
        let mut report = |s: u64, e: u64, before: Entry| {
            let after = entry.advanced(s - first);
            if before != after && s < e {
                push(size, change, s, e, Some(before), Some(after));
            }
        };
        self.take(first, end, &mut |s, e, before| {
            report(at, s, Entry::UNTOUCHED);
            report(s, e, before);
            at = e;
        });
        report(at, end, Entry::UNTOUCHED);
        self.put(first, end, entry);
    }

    /// Forgets `first..end` because it is no longer mapped, and says what was there.
    pub(super) fn unmap(&mut self, first: u64, end: u64, change: &mut Change) {
        let mut at = first;
        let size = self.size;
        self.take(first, end, &mut |s, e, before| {
            push(size, change, at, s, Some(Entry::UNTOUCHED), None);
            push(size, change, s, e, Some(before), None);
            at = e;
        });
        push(size, change, at, end, Some(Entry::UNTOUCHED), None);
    }

    /// Tells what there was in `first..end`, which is no longer mapped: all is about to be forgotten.
    pub(super) fn tell_gone(&self, first: u64, end: u64, change: &mut Change) {
        for (s, e, before) in self.all(first, end) {
            push(self.size, change, s, e, Some(before), None);
        }
    }

    /// Tells that `first..end` is mapped now, and untouched.
    pub(super) fn announce(&self, range: Range, change: &mut Change) {
        let (first, end) = self.numbers(range);
        push(self.size, change, first, end, None, Some(Entry::UNTOUCHED));
    }

    /// A huge page of which a part is treated differently is one no longer: its pages get entries of their own.
    pub(super) fn break_huge(&mut self, page: u64, change: &mut Change) {
        let huge = self.size.bytes() / 8;
        if page.is_multiple_of(huge) || !self.get(page).flags.has(PageFlags::HUGE) {
            return;
        }
        let first = page - page % huge;
        self.break_huge_in(first, first + huge, change);
    }

    /// A write to a page that is the process's alone breaks the huge page that it is in, if others have a part of it:
    /// `do_huge_pmd_wp_page`.
    pub(super) fn break_huge_shared(&mut self, first: u64, end: u64, change: &mut Change) {
        let huge = self.size.bytes() / 8;
        let within = (first - first % huge, end.next_multiple_of(huge));
        let shared = self.known(within.0, within.1);
        let shared: Vec<_> = shared.filter(|r| r.2.state == PageState::CopyPending).collect();
        for (s, e, _) in shared {
            self.break_huge_in(s - s % huge, e.next_multiple_of(huge), change);
        }
    }

    /// All huge pages in `first..end` are so no longer.
    pub(super) fn break_huge_in(&mut self, first: u64, end: u64, change: &mut Change) {
        let runs: Vec<_> = self.known(first, end).filter(|r| r.2.flags.has(PageFlags::HUGE)).collect();
        for (s, e, entry) in runs {
            // Those of a file are faulted in again instead: __split_huge_pmd_locked.
            let of_file = matches!(entry.state, PageState::FileClean | PageState::FileDirty);
            let single = entry.with_flags(entry.flags.without(PageFlags::HUGE));
            self.set(s, e, if of_file { Entry::UNTOUCHED } else { single }, change);
        }
    }
}

#[inline(always)]
fn push(
    size: PageSize,
    change: &mut Change,
    first: u64,
    end: u64,
    before: Option<Entry>,
    after: Option<Entry>,
) {
    if first >= end {
        return;
    }
    let (Some(start), end_addr) = (size.address_of(first), size.address_of(end)) else { return };
    let Ok(range) = Range::new(start, end_addr.unwrap_or(Addr(u64::MAX))) else { return };
    if let Some(before) = before
        && before.share != 0
        && after.is_none_or(|after| after.share != before.share)
    {
        change.unshared.push(Unshared { share: before.share, first, end });
    }
    change.pages.push(PageChange { range, before: before.map(Entry::page), after: after.map(Entry::page) });
}
