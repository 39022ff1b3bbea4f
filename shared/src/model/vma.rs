//! What the kernel keeps of a mapping, and when it makes one of two: mm/vma.c, mm/rmap.c.

use crate::interval::Cut;
use crate::mapping::{Attributes, Backing, Sharing};
use crate::names::VmFlags;

/// A mapping with what `/proc/PID/maps` does not show but merging depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vma {
    /// The offset is kept for anonymous memory too: there it is the address at which it was mapped (`vm_pgoff`).
    pub(super) attributes: Attributes,
    /// The kernel's `anon_vma`: which anonymous pages belong together; 0 before the first one.
    pub(super) anon: u32,
    /// That `anon_vma` was inherited by fork: its chain is not singular.
    pub(super) inherited: bool,
    /// There was a guard page in it once (`VM_MAYBE_GUARD`): fork copies its page table whatever it is.
    pub(super) guarded: bool,
    /// Which unnamed object of shared memory it is; 0 when the backing says it.
    pub(super) object: u32,
}

impl Cut for Vma {
    fn advanced(&self, by: u64) -> Self {
        let mut cut = self.clone();
        cut.attributes.offset = cut.attributes.offset.wrapping_add(by);
        cut
    }
}

impl Vma {
    pub(super) fn is_private(&self) -> bool {
        self.attributes.sharing == Sharing::Private
    }
    /// `vma_is_anonymous`: private, and no file.
    pub(super) fn is_anonymous(&self) -> bool {
        self.is_private() && self.attributes.backing.is_anonymous()
    }
    pub(super) fn has(&self, flags: u64) -> bool {
        self.attributes.flags.has(flags)
    }
    /// Pages that the kernel keeps no books on.
    pub(super) fn is_special(&self) -> bool {
        matches!(self.attributes.backing, Backing::Kernel(_)) || self.has(VmFlags::SPECIAL)
    }
    /// `vma_is_accessible`.
    pub(super) fn is_accessible(&self) -> bool {
        let p = self.attributes.protection;
        p.read || p.write || p.execute
    }
    /// Whether it may vanish in a merge: not when somebody waits for it to be closed (System V, hugetlbfs).
    pub(super) fn may_vanish(&self) -> bool {
        let counted = self.attributes.backing.object().is_some_and(|o| o.path.starts_with("/SYSV"));
        !counted && !self.has(VmFlags::HUGETLB) && !self.is_special()
    }

    /// `vma_multi_allowed`: whether one `mremap` may move it together with others.
    pub(super) fn moves_with_others(&self) -> bool {
        let system_v = self.attributes.backing.object().is_some_and(|o| o.path.starts_with("/SYSV"));
        !system_v && !self.is_special()
    }

    /// `is_mergeable_vma` and the offsets: whether `right`, which begins `bytes` after this one did, continues it.
    pub(super) fn is_continued_by(&self, right: &Self, bytes: u64) -> bool {
        let (a, b) = (&self.attributes, &right.attributes);
        a.protection == b.protection
            && a.sharing == b.sharing
            && a.flags == b.flags
            && self.object == right.object
            && a.offset.wrapping_add(bytes) == b.offset
            && self.has_backing_of(right)
            && !self.is_special()
    }

    /// The heap and stacks are anonymous memory with another name.
    fn has_backing_of(&self, other: &Self) -> bool {
        let (a, b) = (&self.attributes.backing, &other.attributes.backing);
        a == b || (a.is_anonymous() && b.is_anonymous() && self.is_private())
    }

    /// `is_mergeable_anon_vma`: whether this one may join the neighbour `target`. `exists` when it is already in the
    /// address space.
    pub(super) fn anon_may_join(&self, target: &Self, exists: bool) -> bool {
        match (target.anon, self.anon) {
            (0, 0) => true,
            (0, _) => !(exists && self.inherited),
            (_, 0) => !target.inherited,
            (a, b) => a == b,
        }
    }

    /// `anon_vma_compatible`: whether a new `anon_vma` here may be that of the touching neighbour.
    fn may_lend_anon(left: &Self, right: &Self, bytes: u64) -> bool {
        let (a, b) = (&left.attributes, &right.attributes);
        a.sharing == b.sharing
            && a.flags == b.flags
            && left.object == right.object
            && a.offset.wrapping_add(bytes) == b.offset
            && left.has_backing_of(right)
    }

    /// `reusable_anon_vma`: the neighbour's `anon_vma`, if this one may have it. `bytes` lie between the starts of
    /// `left` and `right`, of which `lender` is one.
    pub(super) fn lent_anon(lender: &Self, left: &Self, right: &Self, bytes: u64) -> Option<u32> {
        (lender.anon != 0 && !lender.inherited && Self::may_lend_anon(left, right, bytes))
            .then_some(lender.anon)
    }

    /// As the rest of the program sees it: without the offset that only the kernel knows.
    pub(super) fn shown(&self) -> Attributes {
        Self::without_address(self.attributes.clone())
    }

    pub(super) fn into_shown(self) -> Attributes {
        Self::without_address(self.attributes)
    }

    fn without_address(mut attributes: Attributes) -> Attributes {
        if attributes.backing.object().is_none() {
            attributes.offset = 0;
        }
        attributes
    }
}
