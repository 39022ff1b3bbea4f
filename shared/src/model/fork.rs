//! fork(2): kernel/fork.c `dup_mmap`, mm/memory.c `copy_page_range`.

use super::fault::next_anon as new_anon;
use super::pages::Entry;
use super::{AddressSpace, Change, Unshared, range};
use crate::names::VmFlags;
use crate::page::{PageFlags, PageState, Provenance};

/// Stretches of pages in the order of their numbers; what lies between two that follow one another is of no mapping.
#[derive(Default)]
struct Stretches {
    all: Vec<(u64, u64)>,
    open: bool,
}

impl Stretches {
    fn add(&mut self, (first, end): (u64, u64)) {
        match self.all.last_mut().filter(|_| self.open) {
            Some(last) => last.1 = end,
            None => self.all.push((first, end)),
        }
        self.open = true;
    }
    /// Something that does not belong to them comes next.
    fn ends(&mut self) {
        self.open = false;
    }
}

impl AddressSpace {
    /// The child's copy. Private pages of both are copied when one of them writes; `share` is the number of this fork.
    /// Costs time by mappings and runs, as it does in the kernel.
    pub(crate) fn fork(&mut self, share: u32, change: &mut Change) -> Self {
        change.clear();
        let mut child = self.clone();
        child.default_flags = 0;
        child.faults = 0;
        // Of the pages between, stretches that are shared, and stretches that the child does not have.
        let (mut shared, mut forgotten) = (Stretches::default(), Stretches::default());
        let (pages, mut next_anon) = (&self.pages, child.next_anon);
        let mut left_out = Vec::new();
        child.vmas.update(0, u64::MAX, &mut |start, end, vma| {
            let whole = range(start, end)?;
            if vma.has(VmFlags::DONT_FORK) {
                forgotten.add(pages.numbers(whole));
                shared.ends();
                left_out.push(whole);
                return None;
            }
            let wiped = vma.has(VmFlags::WIPE_ON_FORK);
            let anon = if wiped || vma.anon == 0 { 0 } else { new_anon(&mut next_anon) };
            // Where there is nothing but pages of a file, the child faults them in by itself: vma_needs_copy.
            if anon == 0 && !vma.is_special() && (wiped || !vma.guarded) {
                forgotten.add(pages.numbers(whole));
                shared.ends();
            } else {
                shared.add(pages.numbers(whole));
                forgotten.ends();
            }
            if wiped {
                child.contents.forget(whole);
            }
            if (anon, anon != 0) == (vma.anon, vma.inherited) && !vma.has(VmFlags::LOCKED) {
                return None;
            }
            let mut copy = vma.clone();
            (copy.anon, copy.inherited) = (anon, anon != 0);
            let flags = std::mem::take(&mut copy.attributes.flags);
            copy.attributes.flags = flags.without(VmFlags::LOCKED | VmFlags::LOCK_ON_FAULT);
            Some(copy)
        });
        child.next_anon = next_anon;
        for gone in left_out {
            child.vmas.remove_each(gone.start().0, gone.end().0, &mut |_, _, _| {});
            child.contents.forget(gone);
        }
        for (first, end) in shared.all {
            self.share_pages((first, end), share, change);
        }
        child.pages = self.pages.clone();
        for (first, end) in forgotten.all {
            child.pages.take(first, end, &mut |_, _, _| {});
        }
        child
    }

    fn share_pages(&mut self, (first, end): (u64, u64), share: u32, change: &mut Change) {
        let share = |entry: Entry| {
            let share = match entry.state {
                // Shared before: the child is one more who has it.
                PageState::CopyPending if entry.share != 0 => entry.share,
                PageState::CopyPending | PageState::Private => share,
                _ => return None,
            };
            Some(Entry { state: PageState::CopyPending, share, provenance: Provenance::Inferred, ..entry })
        };
        self.pages.edit(first, end, &share, change);
    }

    /// Who of those that share `gone` with somebody who left is here: the runs, cut to it.
    pub(crate) fn sharing(&self, gone: &Unshared) -> impl Iterator<Item = (u64, u64)> + '_ {
        let share = gone.share;
        self.pages.known(gone.first, gone.end).filter(move |r| r.2.share == share).map(|(s, e, _)| (s, e))
    }

    /// The last one who has a page need not copy it.
    pub(crate) fn own_alone(&mut self, (first, end): (u64, u64), share: u32, change: &mut Change) {
        let own = |entry: Entry| {
            let own =
                Entry { state: PageState::Private, share: 0, provenance: Provenance::Inferred, ..entry };
            (entry.share == share).then_some(own)
        };
        self.pages.edit(first, end, &own, change);
    }

    /// The fork that made the page at `addr` one to be copied; 0 when there is none.
    pub(crate) fn share_of(&self, addr: crate::addr::Addr) -> u32 {
        let entry = self.pages.get(self.page_size.page_of(addr));
        if entry.state == PageState::CopyPending { entry.share } else { 0 }
    }

    /// Whether a page is a guard: touching it is an error.
    pub fn is_guard(&self, addr: crate::addr::Addr) -> bool {
        self.pages.get(self.page_size.page_of(addr)).flags.has(PageFlags::GUARD)
    }
}
