//! What the kernel's bits say about a page, and what they leave open.

use crate::proc::pagemap::{Entry, FrameFlags};
use crate::sys::Categories;
use pagescope_shared::addr::Frame;
use pagescope_shared::mapping::{Attributes, Backing, Sharing};
use pagescope_shared::page::{PageFlags, PageState};

/// What was read of one page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) entry: Entry,
    /// From PAGEMAP_SCAN; `None` where there is only the pagemap.
    pub(super) categories: Option<Categories>,
}

/// What the kernel says beside the state.
pub(super) fn page_flags(entry: Entry, categories: Option<Categories>) -> PageFlags {
    let has = |category| categories.is_some_and(|c| c.has(category));
    let mut flags = PageFlags::NONE;
    if has(Categories::HUGE) {
        flags = flags.with(PageFlags::HUGE);
    }
    if entry.guard() || has(Categories::GUARD) {
        flags = flags.with(PageFlags::GUARD);
    }
    flags
}

/// The state of a page in a mapping that is `of` this sort. [`PageState::Unknown`] wherever the kernel did not say
/// enough to us. `flags` reads a frame's flags, for which it takes root.
pub(super) fn page_state(
    seen: Seen,
    of: &Attributes,
    flags: impl FnOnce(Frame) -> Option<FrameFlags>,
) -> PageState {
    let Seen { entry, categories } = seen;
    if entry.guard() || categories.is_some_and(|c| c.has(Categories::GUARD)) {
        // Reported as swapped, but nothing was swapped out, and nothing is there.
        return PageState::Untouched;
    }
    if entry.swapped() {
        return PageState::Swapped;
    }
    if !entry.present() {
        return PageState::Untouched;
    }
    if matches!(of.backing, Backing::Kernel(_)) {
        // The vdso and its like: pages of the kernel's own, neither the process's nor of any file.
        return PageState::Unknown;
    }
    let flags = || entry.frame().and_then(flags);
    match (entry.file(), of.sharing) {
        // Still the page cache's: a write would have put an anonymous copy in its place.
        (true, Sharing::Private) => PageState::FileClean,
        (true, Sharing::Shared) => match flags() {
            Some(f) if f.dirty() => PageState::FileDirty,
            // In memory-backed file systems the hardware's dirty bit may be all there is, and nobody shows that one.
            Some(f) if !f.swap_backed() => PageState::FileClean,
            _ => PageState::Unknown,
        },
        // Memory of a device: no page that the kernel keeps books on.
        (false, Sharing::Shared) => PageState::Unknown,
        (false, Sharing::Private) if entry.exclusive() => PageState::Private,
        // Mapped more than once, or the page of zeroes: the scan tells them apart, the pagemap alone does not.
        (false, Sharing::Private) => match (categories, flags) {
            (Some(c), _) if c.has(Categories::PFNZERO) => PageState::ZeroPage,
            (Some(_), _) => PageState::CopyPending,
            (None, flags) => match flags() {
                Some(f) if f.zero() => PageState::ZeroPage,
                Some(_) => PageState::CopyPending,
                None => PageState::Unknown,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagescope_shared::mapping::Protection;

    const PRESENT: u64 = 1 << 63 | 0x1234;
    const FILE: u64 = 1 << 61;
    const EXCLUSIVE: u64 = 1 << 56;

    /// What is known without a scan, with these flags of the frame.
    fn state(entry: u64, sharing: Sharing, backing: &Backing, flags: Option<u64>) -> PageState {
        let plain = Attributes::anonymous(Protection::default(), sharing);
        let of = Attributes { backing: backing.clone(), ..plain };
        let seen = Seen { entry: Entry(entry), categories: None };
        page_state(seen, &of, |_| flags.map(FrameFlags))
    }

    #[test]
    fn nothing_is_claimed_that_was_not_told() {
        use PageState::*;
        use Sharing::{Private as P, Shared as S};
        let anonymous = Backing::Anonymous;
        let vdso = Backing::Kernel(std::sync::Arc::new("vdso".into()));
        let rows = [
            (0, P, &anonymous, None, Untouched),
            (1 << 62, P, &anonymous, None, Swapped),
            (1 << 62 | 1 << 58, P, &anonymous, None, Untouched),
            (PRESENT, P, &vdso, Some(0), Unknown),
            (PRESENT | FILE, P, &anonymous, None, FileClean),
            (PRESENT | FILE, S, &anonymous, Some(1 << 4), FileDirty),
            (PRESENT | FILE, S, &anonymous, Some(0), FileClean),
            (PRESENT | FILE, S, &anonymous, Some(1 << 14), Unknown),
            (PRESENT | FILE, S, &anonymous, None, Unknown),
            (PRESENT, S, &anonymous, Some(0), Unknown),
            (PRESENT | EXCLUSIVE, P, &anonymous, None, Private),
            (PRESENT, P, &anonymous, None, Unknown),
            (PRESENT, P, &anonymous, Some(1 << 24), ZeroPage),
            (PRESENT, P, &anonymous, Some(0), CopyPending),
            // Without privilege the frame reads as 0, and its flags are not asked for.
            (1 << 63, P, &anonymous, Some(0), Unknown),
        ];
        for (entry, sharing, backing, flags, expected) in rows {
            assert_eq!(state(entry, sharing, backing, flags), expected, "{entry:#x} {sharing:?} {flags:?}");
        }
    }
}
