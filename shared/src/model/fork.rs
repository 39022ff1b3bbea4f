//! fork(2): kernel/fork.c `dup_mmap`, mm/memory.c `copy_page_range`.

use super::pages::Entry;
use super::{AddressSpace, Change, Unshared, range};
use crate::names::VmFlags;
use crate::page::{PageFlags, PageState, Provenance};

impl AddressSpace {
    /// The child's copy. Private pages of both are copied when one of them writes; `share` is the number of this fork.
    /// Costs time by mappings and runs, as it does in the kernel.
    pub(crate) fn fork(&mut self, share: u32, change: &mut Change) -> Self {
        change.clear();
        let mut child = self.clone();
        child.default_flags = 0;
        child.faults = 0;
        // Of these the child has no pages; all others it has as its parent has them then.
        let mut forgotten = Vec::new();
        let all: Vec<_> = self.vmas.iter().map(|(s, e, vma)| (s, e, vma.clone())).collect();
        for (start, end, vma) in all {
            let Some(whole) = range(start, end) else { continue };
            let (first, last) = self.pages.numbers(whole);
            if vma.has(VmFlags::DONT_FORK) {
                child.vmas.remove_each(start, end, &mut |_, _, _| {});
                forgotten.push((first, last));
                child.contents.forget(whole);
                continue;
            }
            let wiped = vma.has(VmFlags::WIPE_ON_FORK);
            let anon = if wiped || vma.anon == 0 { 0 } else { child.new_anon() };
            if let Some(copy) = child.vmas.get_mut(start) {
                (copy.anon, copy.inherited) = (anon, anon != 0);
                let flags = std::mem::take(&mut copy.attributes.flags);
                copy.attributes.flags = flags.without(VmFlags::LOCKED | VmFlags::LOCK_ON_FAULT);
            }
            if wiped {
                child.contents.forget(whole);
            }
            // Where there is nothing but pages of a file, the child faults them in by itself: vma_needs_copy.
            if anon == 0 && !vma.is_special() && (wiped || !vma.guarded) {
                forgotten.push((first, last));
                continue;
            }
            self.share_pages((first, last), share, change);
        }
        child.pages = self.pages.clone();
        for (first, last) in forgotten {
            child.pages.take(first, last, &mut |_, _, _| {});
        }
        child
    }

    fn share_pages(&mut self, (first, end): (u64, u64), share: u32, change: &mut Change) {
        let runs: Vec<_> = self.pages.known(first, end).collect();
        for (s, e, entry) in runs {
            let shared = match entry.state {
                PageState::Private => Entry { state: PageState::CopyPending, share, ..entry },
                // Shared before: the child is one more who has it.
                PageState::CopyPending if entry.share != 0 => entry,
                PageState::CopyPending => Entry { share, ..entry },
                _ => continue,
            };
            let shared = Entry { provenance: Provenance::Inferred, ..shared };
            if shared != entry {
                self.pages.replace(s, e, shared, change);
            }
        }
    }

    /// Who of those that share `gone` with somebody who left is here: the runs, cut to it.
    pub(crate) fn sharing(&self, gone: &Unshared) -> Vec<(u64, u64)> {
        let runs = self.pages.known(gone.first, gone.end);
        runs.filter(|r| r.2.share == gone.share).map(|(s, e, _)| (s, e)).collect()
    }

    /// The last one who has a page need not copy it.
    pub(crate) fn own_alone(&mut self, (first, end): (u64, u64), change: &mut Change) {
        let runs: Vec<_> = self.pages.known(first, end).collect();
        for (s, e, entry) in runs {
            let own =
                Entry { state: PageState::Private, share: 0, provenance: Provenance::Inferred, ..entry };
            self.pages.replace(s, e, own, change);
        }
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
