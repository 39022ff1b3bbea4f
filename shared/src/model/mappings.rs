//! Mappings come, go, split and merge, as mm/vma.c, mm/mmap.c and mm/mprotect.c do it.

use super::change::{Change, Drift, MappingChange};
use super::contents::Contents;
use super::pages::Pages;
use super::vma::Vma;
use super::{AddressSpace, range};
use crate::addr::{Addr, Range};
use crate::event::{Break, Map, Protect};
use crate::interval::Cut as _;
use crate::mapping::{Attributes, Backing, Mapping, Protection, Sharing};
use crate::names::{CallFlags, VmFlags};

/// With which neighbours a mapping may become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    Both,
    /// `brk` only ever extends what is below.
    Left,
}

impl AddressSpace {
    pub(super) fn apply_map(&mut self, map: &Map, change: &mut Change) {
        let asked = &map.asked.flags;
        let (start, end) = (map.range.start().0, map.range.end().0);
        let mut vma = self.new_vma(map);
        let (left, right) = self.vmas.around(start);
        let alone = left.is_none_or(|left| left.1 < start) && right.is_none_or(|right| right.0 > end);
        if left.is_some_and(|left| left.1 > start) || right.is_some_and(|right| right.0 < end) {
            self.clear_way(map.range, asked.has(CallFlags::MAP_FIXED), change);
        }
        // What nobody can hold in memory is not locked.
        if vma.is_special() || vma.has(VmFlags::HUGETLB) {
            vma.attributes.flags = vma.attributes.flags.without(VmFlags::LOCKED | VmFlags::LOCK_ON_FAULT);
        }
        let locked = vma.has(VmFlags::LOCKED);
        change.mappings.push(MappingChange::Created(Mapping { range: map.range, attributes: vma.shown() }));
        if alone {
            self.vmas.insert_free(start, end, vma);
        } else {
            self.place(map.range, vma, Join::Both, change);
        }
        self.pages.announce(map.range, change);
        let populate = asked.has(CallFlags::MAP_POPULATE) && !asked.has(CallFlags::MAP_NONBLOCK);
        if locked || populate {
            self.populate(map.range, change);
        }
    }

    /// What is in the way goes. Unless `fixed` the kernel only takes free room: how it became free nobody recorded.
    pub(super) fn clear_way(&mut self, at: Range, fixed: bool, change: &mut Change) {
        if self.vmas.at_or_after(at.start().0).is_some_and(|(s, ..)| s < at.end().0) {
            if !fixed {
                change.drift.push(Drift::Occupied(at));
            }
            self.unmap(at, change);
        }
    }

    /// `do_mmap`: the flags of a new mapping.
    fn new_vma(&mut self, map: &Map) -> Vma {
        let Attributes { protection, sharing, backing, offset, flags } = map.attributes.clone();
        let asked = &map.asked.flags;
        let mut bits = self.default_flags;
        for (call, flag) in [
            (CallFlags::MAP_LOCKED, VmFlags::LOCKED),
            (CallFlags::MAP_GROWSDOWN, VmFlags::GROWS_DOWN),
            (CallFlags::MAP_NORESERVE, VmFlags::NO_RESERVE),
            (CallFlags::MAP_HUGETLB, VmFlags::HUGETLB),
            // Since Linux 6.7.
            (CallFlags::MAP_STACK, VmFlags::NO_HUGE_PAGE),
            (
                CallFlags::MAP_DROPPABLE,
                VmFlags::NO_RESERVE | VmFlags::WIPE_ON_FORK | VmFlags::DONT_DUMP | VmFlags::DROPPABLE,
            ),
        ] {
            if asked.has(call) {
                bits |= flag;
            }
        }
        let private = sharing == Sharing::Private;
        if private && protection.write && bits & (VmFlags::NO_RESERVE | VmFlags::HUGETLB) == 0 {
            bits |= VmFlags::ACCOUNTED;
        }
        let (mut object, mut offset) = (0, offset);
        if backing.is_anonymous() {
            if private {
                offset = map.range.start().0;
            } else {
                self.next_object += 1;
                (object, offset) = (self.next_object, 0);
            }
        } else if backing.object().is_some_and(|o| o.path.starts_with("/SYSV")) {
            // Each shmat opens the segment anew, and mappings of two opened files do not become one.
            self.next_object += 1;
            object = self.next_object;
        }
        let attributes = Attributes { protection, sharing, backing, offset, flags: flags.with(bits) };
        Vma { attributes, anon: 0, inherited: false, guarded: false, object }
    }

    /// Puts a new mapping where there is none; it becomes one with its neighbours where the kernel makes it so.
    pub(super) fn place(&mut self, at: Range, vma: Vma, join: Join, change: &mut Change) {
        self.place_joining(at, vma, join, false, change);
    }

    /// `vma_merge_new_range`, `vma_merge_existing_range` and `vma_merge_copy`. `exists` when the mapping was here before,
    /// with other flags or at another place.
    pub(super) fn place_joining(
        &mut self,
        at: Range,
        mut vma: Vma,
        join: Join,
        exists: bool,
        change: &mut Change,
    ) {
        let (start, end) = (at.start().0, at.end().0);
        let (left, right) = self.vmas.around(start);
        let left = left.filter(|(s, e, left)| {
            *e == start && left.is_continued_by(&vma, start - s) && vma.anon_may_join(left, exists)
        });
        let right = right.filter(|(s, _, right)| {
            *s == end
                && join == Join::Both
                && vma.is_continued_by(right, end - start)
                && vma.anon_may_join(right, exists)
        });
        let right = match (&left, right) {
            // Each may join the new one, but not each other.
            (Some((.., l)), Some((.., r))) if l.anon != 0 && r.anon != 0 && l.anon != r.anon => None,
            (Some(_), Some((.., r))) if !r.may_vanish() => None,
            (_, right) => right,
        };
        let (mut from, mut to) = (start, end);
        let mut kept: Option<(u64, u64)> = None;
        if let Some((s, e, r)) = right {
            to = e;
            kept = Some((s, e));
            vma.guarded |= r.guarded;
            if vma.anon == 0 {
                (vma.anon, vma.inherited) = (r.anon, r.inherited);
            }
        }
        if let Some((s, e, l)) = left {
            from = s;
            kept = Some((s, e));
            vma.guarded |= l.guarded;
            let anon = if l.anon == 0 { (vma.anon, vma.inherited) } else { (l.anon, l.inherited) };
            vma.attributes = l.attributes.clone();
            (vma.anon, vma.inherited) = anon;
        }
        if let Some((s, e)) = kept {
            self.vmas.remove_each(from, to, &mut |_, _, _| {});
            if let (Some(before), Some(after)) = (range(s, e), range(from, to)) {
                change.mappings.push(MappingChange::Merged { before, after });
            }
        }
        self.vmas.insert_free(from, to, vma);
    }

    /// Gives `part` of a mapping other attributes: `vma_modify`.
    pub(super) fn modify(&mut self, part: Range, edit: &mut dyn FnMut(&mut Vma), change: &mut Change) {
        let (start, end) = (part.start().0, part.end().0);
        let Some((s, e, old)) = self.vmas.get(start) else { return };
        let cut = old.advanced(start - s);
        let mut new = cut.clone();
        edit(&mut new);
        if new == cut {
            return;
        }
        let whole = s == start && e == end;
        let may_vanish = old.may_vanish();
        if let (true, Some(before)) = (!whole, range(s, e)) {
            for at in [start, end] {
                if s < at && at < e {
                    change.mappings.push(MappingChange::Split { before, at: Addr(at) });
                    self.pages.break_huge(at / self.page_size.bytes(), change);
                }
            }
        }
        change.mappings.push(MappingChange::Changed(Mapping { range: part, attributes: new.shown() }));
        self.vmas.remove_each(start, end, &mut |_, _, _| {});
        if whole && !may_vanish {
            self.vmas.insert_free(start, end, new);
        } else {
            // A neighbour that was cut off just now has other flags, or else nothing would have changed.
            self.place_joining(part, new, Join::Both, true, change);
        }
    }

    /// `munmap`: takes `gone` out of whatever is there.
    pub(super) fn unmap(&mut self, gone: Range, change: &mut Change) {
        let (start, end) = (gone.start().0, gone.end().0);
        // Most often a whole mapping goes, and nothing else.
        if let Some(vma) = self.vmas.remove_exact(start, end) {
            let (first, last) = self.pages.numbers(gone);
            self.pages.unmap(first, last, change);
            self.contents.forget(gone);
            change
                .mappings
                .push(MappingChange::Removed(Mapping { range: gone, attributes: vma.into_shown() }));
            return;
        }
        if self.vmas.at_or_after(start).is_none_or(|(s, ..)| s >= end) {
            return;
        }
        for at in [start, end] {
            if self.vmas.get(at).is_some_and(|(s, ..)| s < at) {
                self.pages.break_huge(at / self.page_size.bytes(), change);
            }
        }
        let Self { vmas, pages, contents, .. } = self;
        for (s, e, _) in vmas.overlapping(start, end) {
            let Some(before) = range(s, e) else { continue };
            let left = range(s, start);
            let right = range(end, e);
            change.mappings.extend(match (left, right) {
                (Some(_), Some(_)) => Some(MappingChange::Split { before, at: gone.end() }),
                (Some(after), None) | (None, Some(after)) => Some(MappingChange::Shrunk { before, after }),
                (None, None) => None,
            });
        }
        vmas.remove_each(start, end, &mut |s, e, vma| {
            if let Some(range) = range(s, e) {
                let (first, last) = pages.numbers(range);
                pages.unmap(first, last, change);
                change.mappings.push(MappingChange::Removed(Mapping { range, attributes: vma.shown() }));
            }
        });
        contents.forget(gone);
    }

    /// `exit_mmap`: nothing is left.
    pub(super) fn unmap_all(&mut self, change: &mut Change) {
        let vmas = std::mem::take(&mut self.vmas);
        let pages = std::mem::replace(&mut self.pages, Pages::new(self.page_size));
        for (s, e, vma) in vmas.iter() {
            let Some(range) = range(s, e) else { continue };
            let (first, last) = pages.numbers(range);
            pages.tell_gone(first, last, change);
            change.mappings.push(MappingChange::Removed(Mapping { range, attributes: vma.shown() }));
        }
        self.contents = Contents::default();
    }

    pub(super) fn apply_protect(&mut self, protect: &Protect, change: &mut Change) {
        self.protect(protect.range, protect.protection, &protect.asked.flags, change);
    }

    /// `do_mprotect_pkey`: mapping by mapping, up to the first hole or the first that may not be so.
    pub(super) fn protect(
        &mut self,
        within: Range,
        protection: Protection,
        asked: &CallFlags,
        change: &mut Change,
    ) {
        let mut at = within.start().0;
        // PROT_GROWSDOWN means from the start of the stack on.
        if asked.has(CallFlags::PROT_GROWSDOWN)
            && let Some((s, ..)) = self.vmas.at_or_after(at)
        {
            at = s;
        }
        while at < within.end().0 {
            let Some((s, e, vma)) = self.vmas.get(at) else { return };
            let Some(part) = range(s.max(at), e.min(within.end().0)) else { return };
            at = part.end().0;
            if protection.write && vma.has(VmFlags::NEVER_WRITABLE) {
                return;
            }
            let old = vma.attributes.protection;
            if old == protection {
                continue;
            }
            let charged = VmFlags::ACCOUNTED | VmFlags::HUGETLB | VmFlags::NO_RESERVE;
            let charge = protection.write && !old.write && vma.is_private() && !vma.has(charged);
            let refund = !protection.write && vma.is_anonymous() && vma.anon == 0;
            let populate = protection.write && !old.write && vma.is_private() && vma.has(VmFlags::LOCKED);
            let mut edit = |vma: &mut Vma| {
                vma.attributes.protection = protection;
                let flags = std::mem::take(&mut vma.attributes.flags);
                vma.attributes.flags = match (charge, refund) {
                    (true, _) => flags.with(VmFlags::ACCOUNTED),
                    (_, true) => flags.without(VmFlags::ACCOUNTED),
                    _ => flags,
                };
            };
            self.modify(part, &mut edit, change);
            if populate {
                self.populate(part, change);
            }
        }
    }

    /// `brk`: the heap's end moves in whole pages.
    pub(super) fn apply_break(&mut self, moved: &Break, change: &mut Change) {
        let up = |addr: Addr| self.page_size.round_up(addr.0);
        let (Some(old), Some(new)) = (up(moved.old), up(moved.new)) else { return };
        if let Some(gone) = range(new, old) {
            self.unmap(gone, change);
        }
        let Some(grown) = range(old, new) else { return };
        self.clear_way(grown, false, change);
        let protection = Protection { read: true, write: true, execute: false };
        let mut attributes = Attributes::anonymous(protection, Sharing::Private);
        attributes.backing = Backing::Heap;
        attributes.offset = old;
        attributes.flags = VmFlags::of(VmFlags::ACCOUNTED | self.default_flags);
        let vma = Vma { attributes, anon: 0, inherited: false, guarded: false, object: 0 };
        let before = old.checked_sub(1).and_then(|at| self.vmas.get(at)).and_then(|(s, e, _)| range(s, e));
        let merges = change.mappings.len();
        let created = Mapping { range: grown, attributes: vma.shown() };
        self.place(grown, vma, Join::Left, change);
        // A heap that goes on where it was has grown; nothing else is worth a word.
        let after = self.vmas.get(old).and_then(|(s, e, _)| range(s, e));
        match (before, after) {
            (Some(before), Some(after)) if change.mappings.len() > merges => {
                change.mappings.truncate(merges);
                change.mappings.push(MappingChange::Grown { before, after });
            }
            _ => change.mappings.push(MappingChange::Created(created)),
        }
        self.pages.announce(grown, change);
        if self.default_flags & VmFlags::LOCKED != 0 {
            self.populate(grown, change);
        }
    }
}
