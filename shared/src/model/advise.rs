//! madvise(2) and mlock(2): mm/madvise.c, mm/mlock.c; and what failed calls leave behind.

use super::change::Change;
use super::pages::Entry;
use super::touch::Touch;
use super::vma::Vma;
use super::{AddressSpace, range};
use crate::addr::{Addr, Range};
use crate::event::{Advice, Asked, EventKind, Failed, Lock};
use crate::names::{CallFlags, VmFlags};
use crate::page::{PageFlags, PageState};

/// What advice does to a mapping's flags: bits to set, bits to clear.
fn flag_change(advice: &Advice) -> Option<(u64, u64)> {
    use VmFlags as F;
    Some(match advice {
        Advice::Normal => (0, F::SEQUENTIAL | F::RANDOM),
        Advice::Sequential => (F::SEQUENTIAL, F::RANDOM),
        Advice::Random => (F::RANDOM, F::SEQUENTIAL),
        Advice::DontFork => (F::DONT_FORK, 0),
        Advice::DoFork => (0, F::DONT_FORK),
        Advice::WipeOnFork => (F::WIPE_ON_FORK, 0),
        Advice::KeepOnFork => (0, F::WIPE_ON_FORK),
        Advice::DontDump => (F::DONT_DUMP, 0),
        Advice::DoDump => (0, F::DONT_DUMP),
        Advice::HugePage => (F::HUGE_PAGE, F::NO_HUGE_PAGE),
        Advice::NoHugePage => (F::NO_HUGE_PAGE, F::HUGE_PAGE),
        Advice::Mergeable => (F::MERGEABLE, 0),
        Advice::Unmergeable => (0, F::MERGEABLE),
        _ => return None,
    })
}

/// Whether the kernel takes this advice for this mapping (`EINVAL` otherwise).
fn is_valid(advice: &Advice, vma: &Vma) -> bool {
    let locked = vma.has(VmFlags::LOCKED);
    match advice {
        Advice::DontNeed | Advice::Cold | Advice::PageOut => !locked && !vma.is_special(),
        Advice::Free => !locked && vma.is_anonymous(),
        Advice::GuardInstall => !locked && !vma.is_special() && !vma.has(VmFlags::HUGETLB),
        Advice::GuardRemove | Advice::DontNeedLocked => !vma.is_special(),
        Advice::Remove => {
            let object = vma.attributes.backing.object().is_some() || vma.object != 0;
            !locked && !vma.is_private() && object && !vma.has(VmFlags::NEVER_WRITABLE)
        }
        Advice::WipeOnFork => vma.is_anonymous(),
        Advice::DoDump => !vma.is_special() && !vma.has(VmFlags::DROPPABLE),
        Advice::KeepOnFork => !vma.has(VmFlags::DROPPABLE),
        Advice::PopulateRead => vma.attributes.protection.read,
        Advice::PopulateWrite => vma.attributes.protection.write,
        _ => true,
    }
}

impl AddressSpace {
    /// Mapping by mapping, on past holes, up to the first that does not take it. When the call `failed`, nobody knows
    /// how far into a file it got.
    pub(super) fn advise(&mut self, within: Range, advice: &Advice, failed: bool, change: &mut Change) {
        let mut at = within.start().0;
        let mut uncertain = false;
        while let Some((s, e, vma)) = self.vmas.at_or_after(at)
            && s < within.end().0
        {
            let populates = matches!(advice, Advice::PopulateRead | Advice::PopulateWrite);
            if !is_valid(advice, vma) || (populates && s > at) {
                return;
            }
            let Some(part) = range(s.max(at), e.min(within.end().0)) else { return };
            at = part.end().0;
            if let Some((set, clear)) = flag_change(advice) {
                // Pages that are shared anyway, or not the program's, are never merged by content.
                if matches!(advice, Advice::Mergeable) && (!vma.is_private() || vma.is_special()) {
                    continue;
                }
                let mut edit = |vma: &mut Vma| {
                    let flags = std::mem::take(&mut vma.attributes.flags);
                    vma.attributes.flags = flags.without(clear).with(set);
                };
                self.modify(part, &mut edit, change);
            } else if populates {
                let touch = if *advice == Advice::PopulateWrite { Touch::Write } else { Touch::Read };
                let may_end = failed && !vma.is_anonymous();
                if !self.populate_in((s, e), part, touch, uncertain, change) {
                    return;
                }
                uncertain |= may_end;
            } else {
                self.advise_pages(part, advice, change);
            }
        }
    }

    fn advise_pages(&mut self, part: Range, advice: &Advice, change: &mut Change) {
        let (first, end) = self.pages.numbers(part);
        match advice {
            Advice::DontNeed | Advice::DontNeedLocked => self.drop_pages(first, end, |_| true, change),
            Advice::GuardInstall => {
                if self.vmas.get(part.start().0).is_some_and(|v| v.2.is_anonymous()) {
                    self.give_anon(part.start().0);
                }
                if let Some(vma) = self.vmas.get_mut(part.start().0) {
                    vma.guarded = true;
                }
                self.break_huge_at((first, end), change);
                let guard = Entry::UNTOUCHED.with_flags(PageFlags::GUARD);
                self.pages.set(first, end, guard, change);
                self.contents.forget(part);
            }
            Advice::GuardRemove => {
                let guards: Vec<_> =
                    self.pages.known(first, end).filter(|r| r.2.flags.has(PageFlags::GUARD)).collect();
                for (s, e, _) in guards {
                    self.pages.set(s, e, Entry::UNTOUCHED, change);
                }
            }
            // A swapped page that may be dropped is dropped; those in memory stay until memory is short.
            Advice::Free => {
                self.split_at((first, end), change);
                let swapped: Vec<_> =
                    self.pages.known(first, end).filter(|r| r.2.state == PageState::Swapped).collect();
                swapped.into_iter().for_each(|(s, e, _)| self.drop_pages(s, e, |_| true, change));
            }
            Advice::Cold | Advice::PageOut => self.split_at((first, end), change),
            _ => {}
        }
    }

    fn break_huge_at(&mut self, (first, end): (u64, u64), change: &mut Change) {
        self.pages.break_huge(first, change);
        self.pages.break_huge(end, change);
    }

    /// Advice on reclaim splits the huge pages that it cuts, but not the one of zeroes, nor one that others have too.
    fn split_at(&mut self, (first, end): (u64, u64), change: &mut Change) {
        let huge = self.page_size.bytes() / 8;
        for edge in [first, end] {
            let block = edge - edge % huge;
            if self.pages.known(block, block + huge).all(|r| r.2.state == PageState::Private) {
                self.pages.break_huge(edge, change);
            }
        }
    }

    /// Takes page-table entries away; guards stay.
    fn drop_pages(&mut self, first: u64, end: u64, which: impl Fn(PageState) -> bool, change: &mut Change) {
        self.break_huge_at((first, end), change);
        let runs: Vec<_> = self
            .pages
            .known(first, end)
            .filter(|r| !r.2.flags.has(PageFlags::GUARD) && which(r.2.state))
            .collect();
        for (s, e, _) in runs {
            self.pages.set(s, e, Entry::UNTOUCHED, change);
            // What a private page held is lost; what a file holds stays.
            if let Some(gone) = self.pages.range(s, e)
                && self.vmas.get(gone.start().0).is_some_and(|v| v.2.is_private())
            {
                self.contents.forget(gone);
            }
        }
    }

    /// `MADV_REMOVE` punched a hole into an object: its pages leave every mapping of it, copies of them stay.
    pub(crate) fn drop_object(&mut self, object: &ObjectPart, change: &mut Change) {
        let size = self.page_size.bytes();
        let hit: Vec<(u64, u64)> = self
            .vmas
            .iter()
            .filter(|(_, _, vma)| object.is_of(vma))
            .filter_map(|(s, e, vma)| {
                let offset = vma.attributes.offset;
                let from = object.start.max(offset);
                let to = object.end.min(offset.saturating_add(e - s));
                (from < to).then(|| ((s + (from - offset)) / size, (s + (to - offset)).div_ceil(size)))
            })
            .collect();
        for (first, end) in hit {
            let of_object =
                |state| matches!(state, PageState::FileClean | PageState::FileDirty | PageState::Unknown);
            self.drop_pages(first, end, of_object, change);
            if let Some(gone) = self.pages.range(first, end) {
                self.contents.forget(gone);
            }
        }
    }

    /// The parts of objects from which this event takes the pages: `MADV_REMOVE`, also one that failed on its way.
    pub(crate) fn removed_by(&self, kind: &EventKind) -> Vec<ObjectPart> {
        let within = match kind {
            EventKind::Advise(advise) if advise.advice == Advice::Remove => Some(advise.range),
            EventKind::Failed(failed) if failed.advice == Some(Advice::Remove) => self.whole_pages(failed),
            _ => None,
        };
        let Some(within) = within else { return Vec::new() };
        let parts = self
            .vmas
            .overlapping(within.start().0, within.end().0)
            .take_while(|(.., vma)| is_valid(&Advice::Remove, vma));
        parts
            .map(|(s, e, vma)| {
                let offset = vma.attributes.offset;
                let start = offset + (s.max(within.start().0) - s);
                ObjectPart { like: vma.clone(), start, end: offset + (e.min(within.end().0) - s) }
            })
            .collect()
    }

    /// `mlock`, `mlockall`.
    pub(super) fn apply_lock(&mut self, lock: &Lock, change: &mut Change) {
        let asked = &lock.asked.flags;
        let on_fault = asked.has(CallFlags::MLOCK_ONFAULT | CallFlags::MCL_ONFAULT);
        let bits = VmFlags::LOCKED | if on_fault { VmFlags::LOCK_ON_FAULT } else { 0 };
        if let Some(within) = lock.range {
            if self.lock(within, bits, change) {
                self.populate(within, change);
            }
            return;
        }
        self.default_flags = if asked.has(CallFlags::MCL_FUTURE) { bits } else { 0 };
        if asked.has(CallFlags::MCL_CURRENT) {
            self.lock_all(bits, change);
            if let Some(all) = range(0, u64::MAX) {
                self.populate(all, change);
            }
        }
    }

    pub(super) fn apply_unlock(&mut self, within: Option<Range>, change: &mut Change) {
        match within {
            Some(within) => {
                self.lock(within, 0, change);
            }
            None => {
                self.default_flags = 0;
                self.lock_all(0, change);
            }
        }
    }

    fn lock_all(&mut self, bits: u64, change: &mut Change) {
        let all: Vec<_> = self.vmas.iter().filter_map(|(s, e, _)| range(s, e)).collect();
        for part in all {
            self.lock(part, bits, change);
        }
    }

    /// Up to the first hole; `false` when there is one.
    fn lock(&mut self, within: Range, bits: u64, change: &mut Change) -> bool {
        let mut at = within.start().0;
        while at < within.end().0 {
            let Some((s, e, vma)) = self.vmas.get(at) else { return false };
            let Some(part) = range(s.max(at), e.min(within.end().0)) else { return false };
            at = part.end().0;
            if vma.is_special() || vma.has(VmFlags::HUGETLB | VmFlags::DROPPABLE) {
                continue;
            }
            let mut edit = |vma: &mut Vma| {
                let flags = std::mem::take(&mut vma.attributes.flags);
                vma.attributes.flags = flags.without(VmFlags::LOCKED | VmFlags::LOCK_ON_FAULT).with(bits);
            };
            self.modify(part, &mut edit, change);
        }
        true
    }

    /// What a call did before it failed.
    pub(super) fn apply_failed(&mut self, failed: &Failed, change: &mut Change) {
        if failed.call == "mremap" {
            return self.failed_remap(failed, change);
        }
        let Some(within) = self.whole_pages(failed) else { return };
        match (failed.call.as_str(), failed.errno.as_str()) {
            ("mprotect" | "pkey_mprotect", "ENOMEM" | "EACCES") => {
                if let Some(protection) = failed.protection {
                    self.protect(within, protection, &failed.asked.flags, change);
                }
            }
            ("madvise", "ENOMEM" | "EINVAL" | "EFAULT" | "EACCES") => {
                if let Some(advice) = &failed.advice {
                    self.advise(within, advice, true, change);
                }
            }
            ("munlock", "ENOMEM") => {
                self.lock(within, 0, change);
            }
            ("mlock" | "mlock2", "ENOMEM") => self.failed_lock(within, &failed.asked, change),
            _ => {}
        }
    }

    /// `ENOMEM` of `mlock` has three reasons: a hole (what is before it is locked), pages that cannot be touched (all
    /// is locked, and populated up to there), or the limit (nothing was done).
    fn failed_lock(&mut self, within: Range, asked: &Asked, change: &mut Change) {
        let on_fault = asked.flags.has(CallFlags::MLOCK_ONFAULT);
        let bits = VmFlags::LOCKED | if on_fault { VmFlags::LOCK_ON_FAULT } else { 0 };
        let mapped: u64 = self
            .vmas
            .overlapping(within.start().0, within.end().0)
            .map(|(s, e, _)| e.min(within.end().0) - s.max(within.start().0))
            .sum();
        if mapped < within.bytes() {
            self.lock(within, bits, change);
            return;
        }
        let stops = |(s, e, vma): (u64, u64, &Vma)| {
            let part = range(s.max(within.start().0), e.min(within.end().0));
            let (first, end) = part.map_or((0, 0), |part| self.pages.numbers(part));
            !vma.is_accessible()
                || !vma.is_anonymous()
                || self.pages.known(first, end).any(|r| r.2.flags.has(PageFlags::GUARD))
        };
        if self.vmas.overlapping(within.start().0, within.end().0).any(stops) {
            self.lock(within, bits, change);
            if !on_fault {
                self.populate_until_failure(within, change);
            }
        }
    }

    /// Up to what cannot be touched; behind a file, which may have ended, nobody knows.
    fn populate_until_failure(&mut self, within: Range, change: &mut Change) {
        let mut at = within.start().0;
        let mut uncertain = false;
        while at < within.end().0
            && let Some((s, e, vma)) = self.vmas.get(at)
        {
            if !vma.is_accessible() {
                return;
            }
            let of_file = !vma.is_anonymous();
            let write = vma.is_private() && vma.attributes.protection.write;
            let touch = if write { Touch::Write } else { Touch::Read };
            let Some(part) = range(at, e.min(within.end().0)) else { return };
            at = part.end().0;
            if !self.populate_in((s, e), part, touch, uncertain, change) {
                return;
            }
            uncertain |= of_file;
        }
    }

    /// The pages that a failed call was about, whole. mlock alone takes an address in the middle of a page; the others
    /// refuse it and have done nothing.
    fn whole_pages(&self, failed: &Failed) -> Option<Range> {
        let (size, asked) = (self.page_size, &failed.asked);
        if !size.is_aligned(asked.addr) && !failed.call.contains("lock") {
            return None;
        }
        let start = asked.addr.0 - asked.addr.0 % size.bytes();
        let len = size.round_up(asked.len.checked_add(asked.addr.0 - start)?)?;
        Range::from_len(Addr(start), len).ok()
    }
}

/// A part of a file or of an object of shared memory.
#[derive(Clone, Debug)]
pub(crate) struct ObjectPart {
    like: Vma,
    start: u64,
    end: u64,
}

impl ObjectPart {
    fn is_of(&self, vma: &Vma) -> bool {
        match (self.like.attributes.backing.object(), vma.attributes.backing.object()) {
            // One file may have several names.
            (Some(a), Some(b)) if a.inode != 0 => (&a.dev, a.inode) == (&b.dev, b.inode),
            (Some(a), Some(b)) => a == b,
            (None, None) => self.like.object != 0 && self.like.object == vma.object,
            _ => false,
        }
    }
}
