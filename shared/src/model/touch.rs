//! What a touch of a page leads to, by mapping, state and kind of access.

use super::vma::Vma;
use crate::event::FaultAccess;
use crate::names::VmFlags;
use crate::page::PageState;

/// How a page is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    Read,
    Write,
    /// The source does not know.
    Somehow,
}

impl Touch {
    pub(super) fn of(access: Option<FaultAccess>) -> Self {
        match access {
            Some(FaultAccess::Write) => Self::Write,
            Some(FaultAccess::Read | FaultAccess::Execute) => Self::Read,
            None => Self::Somehow,
        }
    }
}

/// What decides what a touch leads to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traits {
    pub(super) private: bool,
    pub(super) anonymous: bool,
    pub(super) writable: bool,
    pub(super) special: bool,
    pub(super) has_anon: bool,
    pub(super) may_be_huge: bool,
}

impl Traits {
    pub(super) fn of(vma: &Vma) -> Self {
        let anonymous = vma.is_anonymous();
        Self {
            private: vma.is_private(),
            anonymous,
            writable: vma.attributes.protection.write,
            special: vma.is_special(),
            has_anon: vma.anon != 0,
            // Where huge pages come without being asked for is the machine's setting, which nobody recorded.
            may_be_huge: anonymous && vma.has(VmFlags::HUGE_PAGE),
        }
    }

    /// Whether a touch makes a page of its own in a mapping that has no `anon_vma` yet.
    pub(super) fn needs_anon(self, touch: Touch) -> bool {
        let copies = match touch {
            Touch::Write => self.private,
            Touch::Read => false,
            Touch::Somehow => self.private && self.writable,
        };
        copies && !self.has_anon
    }

    /// The state that a touch leads to, when it leads to another one.
    pub(super) fn after(self, before: PageState, touch: Touch) -> Option<PageState> {
        use PageState::{CopyPending, FileClean, FileDirty, Private, Swapped, Unknown, Untouched, ZeroPage};
        if self.special {
            return (before == Untouched).then_some(Unknown);
        }
        match (touch, before) {
            (Touch::Write, Private) if self.private => None,
            (Touch::Write, FileDirty) if !self.private => None,
            (Touch::Write, _) => Some(if self.private { Private } else { FileDirty }),
            (Touch::Read, Untouched) => Some(if self.anonymous { ZeroPage } else { FileClean }),
            (Touch::Read, Swapped) => Some(if self.private { Private } else { FileClean }),
            (Touch::Read, ZeroPage | Private | FileClean | FileDirty | CopyPending | Unknown) => None,
            // A fault on a page that is there can only have been a write.
            (Touch::Somehow, ZeroPage | CopyPending) => Some(Private),
            (Touch::Somehow, FileClean) if self.private && self.writable => Some(Private),
            (Touch::Somehow, FileClean) if self.writable => Some(FileDirty),
            (Touch::Somehow, Untouched) if !self.writable => {
                Some(if self.anonymous { ZeroPage } else { FileClean })
            }
            (Touch::Somehow, Untouched) => Some(Unknown),
            (Touch::Somehow, Swapped) if self.private => Some(Private),
            (Touch::Somehow, Swapped) => Some(if self.writable { Unknown } else { FileClean }),
            (Touch::Somehow, Private | FileClean | FileDirty | Unknown) => None,
        }
    }
}
