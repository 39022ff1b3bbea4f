//! The address space of one process, followed event by event.

mod change;
mod contents;

pub use change::{Change, Drift, PageChange};
use contents::Contents;

use crate::addr::{Addr, PageSize, Range};
use crate::event::{Access, AccessType, EventKind, Map, Observed, Snapshot};
use crate::interval::IntervalMap;
use crate::mapping::{Attributes, Backing, Mapping, Sharing};
use crate::page::{Page, PageState, Provenance};

/// Mappings and the states of their pages. Costs memory by mappings and runs of like pages, never
/// by pages: an untouched terabyte is one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressSpace {
    page_size: PageSize,
    /// By address in bytes.
    mappings: IntervalMap<Attributes>,
    /// By page number; covers exactly the pages of `mappings`.
    pages: IntervalMap<Page>,
    contents: Contents,
}

impl AddressSpace {
    /// An empty one.
    pub fn new(page_size: PageSize) -> Self {
        Self {
            page_size,
            mappings: IntervalMap::default(),
            pages: IntervalMap::default(),
            contents: Contents::default(),
        }
    }

    /// Bytes a page.
    pub fn page_size(&self) -> PageSize {
        self.page_size
    }

    /// All mappings by address.
    pub fn mappings(&self) -> impl DoubleEndedIterator<Item = Mapping> + '_ {
        self.mappings.iter().filter_map(|(start, end, attributes)| {
            Some(Mapping { range: range(start, end)?, attributes: attributes.clone() })
        })
    }

    /// How many mappings there are.
    pub fn mapping_count(&self) -> usize {
        self.mappings.len()
    }

    /// The mapping that holds `addr`.
    pub fn mapping_at(&self, addr: Addr) -> Option<Mapping> {
        let (start, end, attributes) = self.mappings.get(addr.0)?;
        Some(Mapping { range: range(start, end)?, attributes: attributes.clone() })
    }

    /// The page that holds `addr`, with its own frame.
    pub fn page_at(&self, addr: Addr) -> Option<Page> {
        use crate::interval::Cut as _;
        let number = self.page_size.page_of(addr);
        let (start, _, page) = self.pages.get(number)?;
        Some(page.advanced(number - start))
    }

    /// The runs of like pages in `range`, cut to it: where, and what.
    pub fn runs(&self, within: Range) -> impl Iterator<Item = (Range, Page)> + '_ {
        use crate::interval::Cut as _;
        let (first, end) = self.page_numbers(within);
        self.pages.overlapping(first, end).filter_map(move |(s, e, page)| {
            let from = s.max(first);
            Some((self.page_range(from, e.min(end))?, page.advanced(from - s)))
        })
    }

    /// The bytes that were recorded in `range`: runs by address, each with its first address.
    pub fn recorded_bytes(&self, within: Range) -> impl Iterator<Item = (Addr, &[u8])> + '_ {
        self.contents.overlapping(within)
    }

    /// Follows one event of this process, and says what it did.
    pub fn apply(&mut self, kind: &EventKind) -> Change {
        let mut change = Change::default();
        match kind {
            EventKind::Snapshot(snapshot) => self.apply_snapshot(snapshot, &mut change),
            EventKind::Map(map) => self.apply_map(map, &mut change),
            EventKind::Unmap(unmap) => self.take_out(unmap.range, &mut change),
            EventKind::Access(access) => self.apply_access(access, &mut change),
            EventKind::Observed(observed) => self.apply_observed(observed, &mut change),
            EventKind::Exit(_) => {
                if let Some(all) = range(0, u64::MAX) {
                    self.take_out(all, &mut change);
                }
            }
            _ => {}
        }
        change
    }

    fn page_numbers(&self, range: Range) -> (u64, u64) {
        let first = self.page_size.page_of(range.start());
        (first, first.saturating_add(self.page_size.pages_in(range)))
    }

    fn page_range(&self, first: u64, end: u64) -> Option<Range> {
        let size = self.page_size.bytes();
        range(first.checked_mul(size)?, end.saturating_mul(size))
    }

    /// A whole new truth. Pages that it does not speak of are unknown, unless the model followed
    /// the same mapping up to here. Only what differs stands in the change.
    fn apply_snapshot(&mut self, snapshot: &Snapshot, change: &mut Change) {
        let before = std::mem::replace(self, Self::new(self.page_size));
        for mapping in &snapshot.mappings {
            self.put(mapping, Page::inferred(PageState::Unknown));
            let old = before.mapping_at(mapping.range.start());
            if old.as_ref() != Some(mapping) {
                change.created.push(mapping.clone());
                continue;
            }
            for (range, page) in before.runs(mapping.range) {
                let (first, end) = self.page_numbers(range);
                self.pages.insert(first, end, page);
            }
            for (addr, bytes) in before.recorded_bytes(mapping.range) {
                self.contents.record(addr, bytes);
            }
        }
        change
            .removed
            .extend(before.mappings().filter(|m| self.mapping_at(m.range.start()).as_ref() != Some(m)));
        for observed in &snapshot.observed {
            self.apply_observed(observed, change);
        }
    }

    fn apply_map(&mut self, map: &Map, change: &mut Change) {
        // MAP_FIXED maps over what is there.
        self.take_out(map.range, change);
        let mapping = Mapping { range: map.range, attributes: map.attributes.clone() };
        let page = Page::inferred(PageState::Untouched);
        self.put(&mapping, page);
        change.created.push(mapping);
        change.pages.push(PageChange { range: map.range, before: None, after: Some(page) });
    }

    fn put(&mut self, mapping: &Mapping, page: Page) {
        let (first, end) = self.page_numbers(mapping.range);
        self.mappings.insert(mapping.range.start().0, mapping.range.end().0, mapping.attributes.clone());
        self.pages.insert(first, end, page);
    }

    fn take_out(&mut self, gone: Range, change: &mut Change) {
        let (first, end) = self.page_numbers(gone);
        for (s, e, page) in self.pages.remove(first, end) {
            if let Some(range) = self.page_range(s, e) {
                change.pages.push(PageChange { range, before: Some(page), after: None });
            }
        }
        for (s, e, attributes) in self.mappings.remove(gone.start().0, gone.end().0) {
            change.removed.extend(range(s, e).map(|range| Mapping { range, attributes }));
        }
        self.contents.forget(gone);
    }

    /// What the kernel does for a program that touches memory: see Documentation/mm, page faults.
    fn apply_access(&mut self, access: &Access, change: &mut Change) {
        let len = u64::try_from(access.bytes.len()).unwrap_or(u64::MAX);
        let Ok(touched) = Range::from_len(access.addr, len) else { return };
        let mapped: u64 =
            self.runs(touched).filter_map(|(r, _)| r.intersection(touched)).map(Range::bytes).sum();
        if mapped != touched.bytes() {
            change.drift.push(Drift::Unmapped(touched));
            return;
        }
        self.contents.record(access.addr, &access.bytes);
        change.bytes = Some(touched);
        let runs: Vec<_> = self.runs(touched).collect();
        for (range, before) in runs {
            let Some(mapping) = self.mapping_at(range.start()) else { continue };
            if let Some(state) = after_access(before.state, access.access, &mapping.attributes) {
                self.set_pages(range, Page::inferred(state), change);
            }
        }
    }

    fn apply_observed(&mut self, observed: &Observed, change: &mut Change) {
        let (mut at, end) = self.page_numbers(observed.range);
        for run in &observed.runs {
            let run_end = at.saturating_add(run.pages.get()).min(end);
            let page =
                Page { state: run.state, provenance: Provenance::Observed, flags: run.flags, frame: run.frame };
            self.observe(at, run_end, page, change);
            at = run_end;
        }
        let rest = Page { provenance: Provenance::Observed, ..Page::inferred(PageState::Untouched) };
        self.observe(at, end, rest, change);
    }

    /// States stand only where the model has a mapping; elsewhere they are drift.
    fn observe(&mut self, first: u64, end: u64, page: Page, change: &mut Change) {
        use crate::interval::Cut as _;
        let mapped: Vec<(u64, u64)> =
            self.pages.overlapping(first, end).map(|(s, e, _)| (s.max(first), e.min(end))).collect();
        let covered: u64 = mapped.iter().map(|(s, e)| e - s).sum();
        if covered < end.saturating_sub(first) && page.state.is_resident() {
            change.drift.extend(self.page_range(first, end).map(Drift::Unmapped));
        }
        for (s, e) in mapped {
            if let Some(range) = self.page_range(s, e) {
                self.set_pages(range, page.advanced(s - first), change);
            }
        }
    }

    fn set_pages(&mut self, range: Range, page: Page, change: &mut Change) {
        use crate::interval::Cut as _;
        let (first, end) = self.page_numbers(range);
        for (s, e, before) in self.pages.insert(first, end, page) {
            let after = page.advanced(s - first);
            if before != after
                && let Some(range) = self.page_range(s, e)
            {
                change.pages.push(PageChange { range, before: Some(before), after: Some(after) });
            }
        }
    }
}

fn range(start: u64, end: u64) -> Option<Range> {
    Range::new(Addr(start), Addr(end)).ok()
}

/// The state that an access leads to, when it leads to another one.
fn after_access(before: PageState, access: AccessType, of: &Attributes) -> Option<PageState> {
    use PageState::{CopyPending, FileClean, FileDirty, Private, Swapped, Unknown, Untouched, ZeroPage};
    let anonymous = !matches!(of.backing, Backing::File(_));
    match (access, before, of.sharing) {
        (AccessType::Write, Private, Sharing::Private) | (AccessType::Write, FileDirty, Sharing::Shared) => {
            None
        }
        (AccessType::Write, _, Sharing::Private) => Some(Private),
        (AccessType::Write, _, Sharing::Shared) => Some(FileDirty),
        (AccessType::Read, Untouched, Sharing::Private) if anonymous => Some(ZeroPage),
        (AccessType::Read, Untouched, _) => Some(FileClean),
        (AccessType::Read, Swapped, _) => Some(Private),
        (AccessType::Read, ZeroPage | Private | FileClean | FileDirty | CopyPending | Unknown, _) => None,
    }
}

#[cfg(test)]
mod tests;
