//! mremap(2): mm/mremap.c.

use super::change::{Change, Drift, MappingChange};
use super::mappings::Join;
use super::pages::Entry;
use super::{AddressSpace, range};
use crate::addr::{Addr, Range};
use crate::event::{Failed, Remap};
use crate::interval::Cut as _;
use crate::mapping::Mapping;
use crate::names::{CallFlags, VmFlags};

impl AddressSpace {
    pub(super) fn apply_remap(&mut self, remap: &Remap, change: &mut Change) {
        let Some(old) = remap.old else {
            self.map_again(remap.asked.addr, remap.new, change);
            return;
        };
        let flags = &remap.asked.flags;
        // What is too long goes first, whatever else is done.
        let kept = old.bytes().min(remap.new.bytes());
        if let Some(tail) = range(old.start().0 + kept, old.end().0) {
            self.unmap(tail, change);
        }
        let Some(source) = range(old.start().0, old.start().0 + kept) else { return };
        if old.start() == remap.new.start() {
            self.grow_in_place(source, remap.new, change);
        } else {
            self.move_pages(source, remap.new, flags, change);
        }
    }

    /// What a call with `MREMAP_FIXED` did before it failed.
    pub(super) fn failed_remap(&mut self, failed: &Failed, change: &mut Change) {
        let (asked, Some(to)) = (&failed.asked, failed.to) else { return };
        if failed.errno != "EFAULT" || !asked.flags.has(CallFlags::MREMAP_FIXED) {
            return;
        }
        let size = self.page_size;
        let (Some(old_len), Some(new_len)) = (size.round_up(asked.len), size.round_up(to.len)) else {
            return;
        };
        let Ok(target) = Range::from_len(to.addr, new_len) else { return };
        let Some((_, end, first)) = self.vmas.get(asked.addr.0) else { return };
        if old_len == 0 {
            // A second mapping of pages over themselves: what was in the way is gone, and with it what was to be mapped.
            if target.contains(asked.addr) && !first.is_private() {
                self.unmap(target, change);
            }
            return;
        }
        // Of several mappings, those before the first that cannot be moved with others have moved.
        let stop = asked.addr.0.saturating_add(old_len);
        let stuck = self.vmas.overlapping(asked.addr.0, stop).find(|v| !v.2.moves_with_others()).map(|v| v.0);
        if old_len == new_len
            && let Some(stuck) = stuck.filter(|stuck| *stuck >= end)
            && let Some(moved) = range(asked.addr.0, stuck)
            && let Ok(new) = Range::from_len(to.addr, moved.bytes())
        {
            self.move_pages(moved, new, &asked.flags, change);
        }
    }

    /// An old length of 0: the same shared pages a second time.
    fn map_again(&mut self, source: Addr, new: Range, change: &mut Change) {
        self.unmap(new, change);
        let first = source.0 - source.0 % self.page_size.bytes();
        let Some((s, _, vma)) = self.vmas.get(first) else { return };
        let vma = vma.advanced(first - s);
        let locked = vma.has(VmFlags::LOCKED);
        change.mappings.push(MappingChange::Created(Mapping { range: new, attributes: vma.shown() }));
        self.place(new, vma, Join::Both, change);
        self.pages.announce(new, change);
        if locked {
            self.populate(new, change);
        }
    }

    /// `vma_merge_extend`.
    fn grow_in_place(&mut self, old: Range, new: Range, change: &mut Change) {
        let Some(added) = range(old.end().0, new.end().0) else { return };
        let Some((s, e, vma)) = self.vmas.get(old.end().0 - 1) else { return };
        if e != old.end().0 {
            return;
        }
        let vma = vma.advanced(e - s);
        let locked = vma.has(VmFlags::LOCKED);
        self.clear_way(added, false, change);
        let steps = change.mappings.len();
        self.place(added, vma, Join::Both, change);
        change.mappings.truncate(steps);
        let after = self.vmas.get(s).and_then(|(s, e, _)| range(s, e));
        if let (Some(before), Some(after)) = (range(s, e), after) {
            change.mappings.push(MappingChange::Grown { before, after });
        }
        self.pages.announce(added, change);
        if locked {
            self.populate(added, change);
        }
    }

    /// `move_vma`, mapping by mapping where the range holds several (since Linux 6.17); holes stay holes.
    fn move_pages(&mut self, old: Range, new: Range, flags: &CallFlags, change: &mut Change) {
        // The kernel refuses it, so nobody knows what happened.
        if old.intersection(new).is_some() {
            change.drift.push(Drift::Occupied(new));
            return;
        }
        let parts: Vec<(u64, u64)> = self
            .vmas
            .overlapping(old.start().0, old.end().0)
            .map(|(s, e, _)| (s.max(old.start().0), e.min(old.end().0)))
            .collect();
        let shift = new.start().0.wrapping_sub(old.start().0);
        for (s, e) in parts {
            let Some(from) = range(s, e) else { continue };
            // Only the last one may grow.
            let end = if e == old.end().0 { new.end().0 } else { e.wrapping_add(shift) };
            let Some(to) = range(s.wrapping_add(shift), end) else { continue };
            // What is in the way goes, but only where something comes.
            self.clear_way(to, flags.has(CallFlags::MREMAP_FIXED), change);
            self.move_one(from, to, flags.has(CallFlags::MREMAP_DONTUNMAP), change);
        }
    }

    fn move_one(&mut self, from: Range, to: Range, keep_old: bool, change: &mut Change) {
        let start = from.start().0;
        let Some((s, e, vma)) = self.vmas.get(start) else { return };
        let whole = s == start && e == from.end().0;
        let old = range(s, e);
        let mut copy = vma.advanced(start - s);
        // Memory that was never touched belongs to no place yet.
        if copy.is_anonymous() && copy.anon == 0 {
            copy.attributes.offset = to.start().0;
        }
        let locked = copy.has(VmFlags::LOCKED);
        for at in [start, from.end().0] {
            self.pages.break_huge(at / self.page_size.bytes(), change);
        }
        let steps = change.mappings.len();
        self.place_joining(to, copy, Join::Both, true, change);
        change.mappings.truncate(steps);
        self.move_states(from, to, change);
        change.mappings.push(MappingChange::Moved { from, to });
        if keep_old {
            self.leave_empty(old, whole, change);
        } else {
            let steps = change.mappings.len();
            self.unmap(from, change);
            // They did not go: they moved.
            let mut later = change.mappings.split_off(steps);
            later.retain(|c| !matches!(c, MappingChange::Removed(_)));
            change.mappings.append(&mut later);
        }
        if locked && let Some(added) = range(to.start().0 + from.bytes(), to.end().0) {
            self.populate(added, change);
        }
    }

    /// `MREMAP_DONTUNMAP`: the old mapping stays, without pages and not locked.
    fn leave_empty(&mut self, old: Option<Range>, whole: bool, change: &mut Change) {
        let Some(old) = old else { return };
        if let Some(vma) = self.vmas.get_mut(old.start().0) {
            let flags = std::mem::take(&mut vma.attributes.flags);
            vma.attributes.flags = flags.without(VmFlags::LOCKED | VmFlags::LOCK_ON_FAULT);
            if whole {
                (vma.anon, vma.inherited) = (0, false);
            }
            let attributes = vma.shown();
            change.mappings.push(MappingChange::Changed(Mapping { range: old, attributes }));
        }
    }

    /// Page-table entries move with what they say; so do the bytes.
    fn move_states(&mut self, from: Range, to: Range, change: &mut Change) {
        let huge = self.page_size.bytes() * (self.page_size.bytes() / 8);
        let (first, end) = self.pages.numbers(from);
        if !(from.start().0 ^ to.start().0).is_multiple_of(huge) {
            self.pages.break_huge_in(first, end, change);
        }
        let (new_first, _) = self.pages.numbers(to);
        let runs: Vec<_> = self.pages.known(first, end).collect();
        self.pages.announce(to, change);
        for (s, e, entry) in runs {
            let given_up = change.unshared.len();
            self.pages.set(s, e, Entry::UNTOUCHED, change);
            change.unshared.truncate(given_up);
            // Whom a moved page is shared with is no longer followed: it stays "copied when written".
            let entry = Entry { share: 0, ..entry };
            self.pages.set(new_first + (s - first), new_first + (e - first), entry, change);
        }
        self.contents.shift(from, to.start());
    }
}
