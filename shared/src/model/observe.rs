//! What was read from the kernel takes the place of what was inferred.

use super::change::{Change, Drift, MappingChange};
use super::pages::Entry;
use super::vma::Vma;
use super::{AddressSpace, range};
use crate::event::{Observed, Snapshot};
use crate::interval::Cut as _;
use crate::mapping::Mapping;
use crate::page::{PageFlags, PageState, Run};

impl AddressSpace {
    /// A snapshot replaces what was known; mappings that are the same keep what is known of their pages.
    pub(super) fn apply_snapshot(&mut self, snapshot: &Snapshot, change: &mut Change) {
        let before = std::mem::replace(self, Self::new(self.page_size));
        self.next_anon = before.next_anon;
        self.next_object = before.next_object;
        self.faults = before.faults;
        self.default_flags = before.default_flags;
        for mapping in &snapshot.mappings {
            self.take_over(mapping, &before, change);
        }
        let gone = before
            .mappings()
            .filter(|m| self.mapping_at(m.range.start()).is_none_or(|now| !now.looks_like(m)));
        change.mappings.extend(gone.map(MappingChange::Removed));
        for observed in &snapshot.observed {
            self.apply_observed(observed, change);
        }
    }

    fn take_over(&mut self, mapping: &Mapping, before: &Self, change: &mut Change) {
        let (start, end) = (mapping.range.start().0, mapping.range.end().0);
        if self.vmas.overlapping(start, end).next().is_some() {
            change.drift.push(Drift::Occupied(mapping.range));
            return;
        }
        // What is known of it beyond what a snapshot tells stays.
        let old =
            before.vmas.get(start).filter(|old| super::shown(*old).is_some_and(|m| m.looks_like(mapping)));
        if let Some((.., vma)) = old {
            self.vmas.insert_free(start, end, vma.clone());
            let (first, last) = self.pages.numbers(mapping.range);
            for (s, e, entry) in before.pages.known(first, last) {
                self.pages.put(s, e, entry);
            }
            for (addr, bytes) in before.recorded_bytes(mapping.range) {
                self.contents.record(addr, bytes);
            }
            return;
        }
        let mut attributes = mapping.attributes.clone();
        let mut object = 0;
        if attributes.backing.object().is_none() {
            attributes.offset = start;
            if attributes.sharing == crate::mapping::Sharing::Shared {
                self.next_object += 1;
                object = self.next_object;
            }
        }
        // What the kernel had done with it before, nobody saw: it is taken for touched, so that it joins no other.
        let anon = self.new_anon();
        self.vmas.insert_free(start, end, Vma { attributes, anon, inherited: false, guarded: false, object });
        let (first, last) = self.pages.numbers(mapping.range);
        self.pages.put(first, last, Entry::inferred(PageState::Unknown));
        change.mappings.push(MappingChange::Created(mapping.clone()));
    }

    /// A read was to bring the huge zero page, and brought a small one: then the kernel did not get to where it prepares
    /// for a page of its own. The block has a page table already.
    pub(super) fn unprepare(&mut self, prepared: Option<u64>, observed: &Observed) {
        let small = |run: &Run| run.state == PageState::ZeroPage && !run.flags.has(PageFlags::HUGE);
        let Some((start, end, _)) = prepared.and_then(|start| self.vmas.get(start)) else { return };
        let inside = start <= observed.range.start().0 && observed.range.end().0 <= end;
        if !inside || !observed.runs.iter().any(small) {
            // Other observations may follow that tell.
            self.recent.prepared = prepared;
        } else if let Some(vma) = self.vmas.get_mut(start) {
            vma.anon = 0;
        }
    }

    pub(super) fn apply_observed(&mut self, observed: &Observed, change: &mut Change) {
        let (mut at, end) = self.pages.numbers(observed.range);
        for run in &observed.runs {
            let run_end = at.saturating_add(run.pages.get()).min(end);
            self.observe(at, run_end, Entry::observed(run.state, run.flags, run.frame), change);
            at = run_end;
        }
        self.observe(at, end, Entry::observed(PageState::Untouched, PageFlags::NONE, None), change);
    }

    /// States stand only where the model has a mapping; elsewhere they are drift.
    fn observe(&mut self, first: u64, end: u64, entry: Entry, change: &mut Change) {
        let Some(seen) = self.pages.range(first, end) else { return };
        let mapped: Vec<_> = self
            .vmas
            .overlapping(seen.start().0, seen.end().0)
            .filter_map(|(s, e, _)| range(s, e)?.intersection(seen))
            .collect();
        let covered: u64 = mapped.iter().map(|r| r.bytes()).sum();
        if covered < seen.bytes() && entry.state.is_resident() {
            change.drift.push(Drift::Unmapped(seen));
        }
        for part in mapped {
            let given_up = change.unshared.len();
            let (s, e) = self.pages.numbers(part);
            // Whether a page that the kernel says is shared is so by a fork that was followed, stays known.
            let known: Vec<_> = self.pages.known(s, e).filter(|r| r.2.share != 0).collect();
            self.pages.set(s, e, entry.advanced(s - first), change);
            if entry.state == PageState::Private {
                self.give_private_anon(part.start().0);
            }
            if entry.state == PageState::CopyPending {
                for (from, to, old) in known {
                    let kept = Entry { share: old.share, ..entry.advanced(from - first) };
                    self.pages.set(from, to, kept, change);
                }
                change.unshared.truncate(given_up);
            }
        }
    }
}
