//! Pages come: faults, accesses, populating. mm/memory.c, mm/huge_memory.c, mm/gup.c.

use super::change::{Change, Drift, MappingChange};
use super::pages::Entry;
use super::touch::{Touch, Traits};
use super::vma::Vma;
use super::{AddressSpace, Recent, range};
use crate::addr::{Addr, Range};
use crate::event::{Access, AccessType, Fault, FaultAccess, Signal};
use crate::mapping::Backing;
use crate::names::VmFlags;
use crate::page::{PageFlags, PageState};

/// Where a downward-growing mapping keeps its distance from the one below, in pages: `stack_guard_gap`.
const STACK_GUARD_PAGES: u64 = 256;

impl AddressSpace {
    #[inline]
    pub(super) fn apply_fault(&mut self, fault: &Fault, change: &mut Change) {
        self.faults += 1;
        let page = self.page_size.page_of(fault.addr);
        // The way of nearly all faults: the page after the one that was touched before.
        let Recent { start, end, access, state, .. } = self.recent;
        let usual =
            start <= fault.addr.0 && fault.addr.0 < end && fault.access == access && fault.led_to.is_none();
        if !usual || !self.pages.extend(page, page + 1, Entry::inferred(state), change) {
            self.apply_other_fault(fault, page, change);
        }
    }

    #[inline(never)]
    fn apply_other_fault(&mut self, fault: &Fault, page: u64, change: &mut Change) {
        let touch = Touch::of(fault.access);
        self.recent = Recent::NONE;
        if fault.led_to.is_none() && self.touch_new(fault, page, touch, change) {
            return;
        }
        if !self.touch(page, page + 1, touch, change) {
            if let Some(touched) = self.pages.range(page, page + 1) {
                change.drift.push(Drift::Unmapped(touched));
            }
            return;
        }
        if let Some(state) = fault.led_to {
            // What the model had inferred is known now; with whom the page is shared stays known.
            let inferred = self.pages.get(page);
            let seen = Entry::observed(state, PageFlags::NONE, None);
            let same = Entry { provenance: seen.provenance, ..inferred };
            self.pages.set(page, page + 1, if inferred.state == state { same } else { seen }, change);
        }
        if let Some((start, end, vma)) = self.vmas.get(fault.addr.0)
            && let traits = Traits::of(vma)
            && (traits.has_anon || !traits.private)
            && !traits.may_be_huge
            && let Some(state) = traits.after(PageState::Untouched, touch)
        {
            self.recent = Recent { start, end, access: fault.access, state, prepared: None };
        }
    }

    /// A mapping that grows down has grown before the kernel finds that the access is not allowed.
    pub(super) fn apply_signal(&mut self, signal: &Signal, change: &mut Change) {
        let addr = signal.addr.0 - signal.addr.0 % self.page_size.bytes();
        if signal.code == "SEGV_ACCERR" && self.vmas.get(addr).is_none() {
            self.grow_stack(addr, change);
        }
        // Past the end of a file: the kernel had prepared for the write before it found no page. It had split the huge
        // page, and got what a copy needs.
        if signal.access == Some(FaultAccess::Write) && signal.signal == "SIGBUS" {
            let (page, huge) = (self.page_size.page_of(Addr(addr)), self.page_size.bytes() / 8);
            self.pages.break_huge_in(page - page % huge, page - page % huge + huge, change);
            if self.vmas.get(addr).is_some_and(|v| v.2.is_private()) {
                self.give_anon(addr);
            }
        }
    }

    pub(super) fn apply_access(&mut self, access: &Access, change: &mut Change) {
        let len = u64::try_from(access.bytes.len()).unwrap_or(u64::MAX);
        let Ok(touched) = Range::from_len(access.addr, len) else { return };
        let (first, end) = self.pages.numbers(touched);
        let touch = if access.access == AccessType::Write { Touch::Write } else { Touch::Read };
        if !self.touch(first, end, touch, change) {
            change.drift.push(Drift::Unmapped(touched));
            return;
        }
        self.contents.record(access.addr, &access.bytes);
        change.bytes = Some(touched);
    }

    /// The first touch of a page in a mapping where nothing special happens. `false` when it is not like that, and then
    /// nothing was done.
    fn touch_new(&mut self, fault: &Fault, page: u64, touch: Touch, change: &mut Change) -> bool {
        let Some((left, found @ (start, end, vma), next)) = self.vmas.between(fault.addr.0) else {
            return false;
        };
        let mut traits = Traits::of(vma);
        let Some(state) = traits.after(PageState::Untouched, touch).filter(|_| !traits.may_be_huge) else {
            return false;
        };
        if !self.pages.put_free(page, page + 1, Entry::inferred(state)) {
            return false;
        }
        if traits.needs_anon(touch) {
            let anon = lent_anon(left, found, next).unwrap_or_else(|| next_anon(&mut self.next_anon));
            if let Some(vma) = self.vmas.get_mut(start) {
                (vma.anon, vma.inherited) = (anon, false);
            }
            traits.has_anon = true;
        }
        self.pages.tell(page, page + 1, Entry::inferred(state), change);
        if traits.has_anon || !traits.private {
            self.recent = Recent { start, end, access: fault.access, state, prepared: None };
        }
        true
    }

    /// Touches pages one by one. `false` when one of them is not mapped: nothing is touched then.
    fn touch(&mut self, first: u64, end: u64, touch: Touch, change: &mut Change) -> bool {
        let size = self.page_size.bytes();
        let mut page = first;
        while page < end {
            let Some(Addr(addr)) = self.page_size.address_of(page) else { return false };
            if self.vmas.get(addr).is_none() && !self.grow_stack(addr, change) {
                return false;
            }
            let Some((_, e, _)) = self.vmas.get(addr) else { return false };
            page = e.div_ceil(size).max(page + 1);
        }
        let mut page = first;
        while page < end {
            let addr = page * size;
            let Some((s, e, vma)) = self.vmas.get(addr) else { return false };
            let part = (page, end.min(e / size).max(page + 1));
            let vma_range = (s, e);
            let traits = Traits::of(vma);
            self.touch_in(vma_range, traits, part, touch, change);
            page = part.1;
        }
        true
    }

    /// Touches pages of one mapping.
    fn touch_in(
        &mut self,
        vma: (u64, u64),
        traits: Traits,
        (first, end): (u64, u64),
        touch: Touch,
        change: &mut Change,
    ) {
        let runs: Vec<_> = self.pages.all(first, end).collect();
        for (s, e, before) in runs {
            if before.flags.has(PageFlags::GUARD) {
                continue;
            }
            self.prepare_anon(s * self.page_size.bytes(), traits, touch);
            if traits.may_be_huge && before.state == PageState::Untouched && touch != Touch::Somehow {
                self.touch_huge(vma, (s, e), touch, change);
                continue;
            }
            let Some(state) = traits.after(before.state, touch) else {
                if touch == Touch::Write && before.flags.has(PageFlags::HUGE) {
                    self.pages.break_huge_shared(s, e, change);
                }
                continue;
            };
            if before.flags.has(PageFlags::HUGE) && before.state == PageState::ZeroPage {
                // do_huge_zero_wp_pmd: the copy of the huge page of zeroes is a huge page too.
                let huge = self.page_size.bytes() / 8;
                let entry = Entry::inferred(state).with_flags(PageFlags::HUGE);
                self.pages.set(s - s % huge, e.next_multiple_of(huge), entry, change);
                continue;
            }
            if before.flags.has(PageFlags::HUGE) {
                // A copy is made page by page, and the others get entries of their own.
                let huge = self.page_size.bytes() / 8;
                let (from, to) = (s - s % huge, e.next_multiple_of(huge));
                self.pages.break_huge_in(from, to, change);
            }
            self.pages.set(s, e, Entry::inferred(state), change);
        }
    }

    /// Where huge pages are wanted, the first touch of an empty block fills the whole block.
    fn touch_huge(&mut self, vma: (u64, u64), run: (u64, u64), touch: Touch, change: &mut Change) {
        let size = self.page_size.bytes();
        let huge = size / 8;
        let state = if touch == Touch::Write { PageState::Private } else { PageState::ZeroPage };
        // The whole blocks that the touch and the mapping have in common.
        let first = (run.0 - run.0 % huge).max((vma.0 / size).next_multiple_of(huge));
        let last = run.1.next_multiple_of(huge).min(vma.1 / size / huge * huge);
        let mut blank = Vec::new();
        let mut at = first;
        // Seen to be untouched is as good as never touched; a guard is not.
        let known = self.pages.known(first, last.max(first));
        for (s, e, _) in known.filter(|r| r.2.state != PageState::Untouched || r.2.flags != PageFlags::NONE) {
            blank.push((at, s));
            at = e;
        }
        blank.push((at, last));
        for (s, e) in blank {
            let (s, e) = (s.next_multiple_of(huge), e / huge * huge);
            if s < e {
                // Before the kernel looks whether it takes the huge zero page, it prepares for a page of its own.
                if self.give_anon(vma.0) && touch == Touch::Read {
                    self.recent.prepared = Some(vma.0);
                }
                self.pages.set(s, e, Entry::inferred(state).with_flags(PageFlags::HUGE), change);
            }
        }
        let rest = self.pages.all(run.0, run.1).filter(|r| r.2.state == PageState::Untouched);
        for (s, e, _) in rest.collect::<Vec<_>>() {
            self.pages.set(s, e, Entry::inferred(state), change);
        }
    }

    /// `anon_vma_prepare`: the first page of its own gives a mapping its `anon_vma`, a neighbour's if that will do.
    fn prepare_anon(&mut self, addr: u64, traits: Traits, touch: Touch) {
        if traits.needs_anon(touch) {
            self.give_anon(addr);
        }
    }

    /// See [`Self::prepare_anon`]; also for guard pages. Returns whether it had none before.
    pub(super) fn give_anon(&mut self, addr: u64) -> bool {
        let Some((left, found, next)) = self.vmas.between(addr) else { return false };
        if found.2.anon != 0 {
            return false;
        }
        let anon = lent_anon(left, found, next).unwrap_or_else(|| self.new_anon());
        if let Some(vma) = self.vmas.get_mut(addr) {
            (vma.anon, vma.inherited) = (anon, false);
        }
        true
    }

    /// A page of its own was seen, however it came.
    pub(super) fn give_private_anon(&mut self, addr: u64) {
        if self.vmas.get(addr).is_some_and(|v| v.2.is_private()) {
            self.give_anon(addr);
        }
    }

    pub(super) fn new_anon(&mut self) -> u32 {
        next_anon(&mut self.next_anon)
    }

    /// `expand_downwards`: a touch below a mapping that grows.
    fn grow_stack(&mut self, addr: u64, change: &mut Change) -> bool {
        let Some((start, end, vma)) = self.vmas.at_or_after(addr) else { return false };
        if !vma.has(VmFlags::GROWS_DOWN) && vma.attributes.backing != Backing::Stack {
            return false;
        }
        let gap = STACK_GUARD_PAGES * self.page_size.bytes();
        let below = addr.checked_sub(1).and_then(|at| self.vmas.overlapping(0, at + 1).next_back());
        let too_near = below.is_some_and(|(_, e, below)| {
            !below.has(VmFlags::GROWS_DOWN) && below.is_accessible() && addr - e < gap
        });
        let by = start - addr;
        if too_near || vma.attributes.offset < by {
            return false;
        }
        let (Some(before), Some(after), Some(added)) =
            (range(start, end), range(addr, end), range(addr, start))
        else {
            return false;
        };
        // Prepared for its pages before it grows: a neighbour that it will touch has nothing to lend.
        self.give_anon(start);
        let Some((_, _, vma)) = self.vmas.get(start) else { return false };
        let mut grown = vma.clone();
        grown.attributes.offset -= by;
        self.vmas.remove_each(start, end, &mut |_, _, _| {});
        self.vmas.insert_free(addr, end, grown);
        change.mappings.push(MappingChange::Grown { before, after });
        self.pages.announce(added, change);
        true
    }

    /// `mm_populate`, errors ignored: all that can be touched is touched, for writing where that makes a copy.
    pub(super) fn populate(&mut self, within: Range, change: &mut Change) {
        let mut at = within.start().0;
        while at < within.end().0
            && let Some((s, e, vma)) = self.vmas.at_or_after(at)
            && s < within.end().0
        {
            let (from, to) = (s.max(at), e.min(within.end().0));
            let skip = vma.is_special()
                || !vma.is_accessible()
                || (vma.has(VmFlags::LOCKED) && vma.has(VmFlags::LOCK_ON_FAULT));
            let write = vma.is_private() && vma.attributes.protection.write;
            let touch = if write { Touch::Write } else { Touch::Read };
            if let Some(part) = range(from, to).filter(|_| !skip) {
                self.populate_in((s, e), part, touch, false, change);
            }
            at = to;
        }
    }

    /// Populates a part of one mapping, up to a guard page if there is one. Returns whether it got to the end.
    ///
    /// Pages of a file are unknown afterwards: where the file ends, nobody recorded. So are all others, where it is
    /// `uncertain` whether it got that far.
    pub(super) fn populate_in(
        &mut self,
        vma: (u64, u64),
        part: Range,
        touch: Touch,
        uncertain: bool,
        change: &mut Change,
    ) -> bool {
        let (first, mut end) = self.pages.numbers(part);
        let from = part.start().0;
        let guard = self.pages.known(first, end).find(|r| r.2.flags.has(PageFlags::GUARD)).map(|r| r.0);
        end = guard.unwrap_or(end);
        let Some((_, _, found)) = self.vmas.get(from) else { return false };
        let traits = Traits::of(found);
        if traits.anonymous && !uncertain {
            self.touch_in(vma, traits, (first, end), touch, change);
        } else {
            // What nobody knows to have been reached belongs together with others when its pages are seen.
            if touch == Touch::Write && traits.private && first < end && !uncertain {
                self.give_anon(from);
            }
            let runs: Vec<_> = self.pages.all(first, end).collect();
            for (s, e, before) in runs {
                if traits.after(before.state, touch).is_some() {
                    // As long as nobody knows that it was copied, those who share it are not alone.
                    let share = if uncertain { before.share } else { 0 };
                    let entry = Entry { share, ..Entry::inferred(PageState::Unknown) };
                    self.pages.set(s, e, entry, change);
                }
            }
        }
        guard.is_none()
    }
}

pub(super) fn next_anon(last: &mut u32) -> u32 {
    *last = last.wrapping_add(1).max(1);
    *last
}

/// The `anon_vma` that a mapping gets from a neighbour, the next one first.
fn lent_anon(
    left: Option<(u64, u64, &Vma)>,
    (start, end, vma): (u64, u64, &Vma),
    next: Option<(u64, u64, &Vma)>,
) -> Option<u32> {
    let next = next.filter(|next| next.0 == end);
    let next = next.and_then(|(_, _, next)| Vma::lent_anon(next, vma, next, end - start));
    next.or_else(|| {
        let (s, _, left) = left.filter(|left| left.1 == start)?;
        Vma::lent_anon(left, left, vma, start - s)
    })
}
