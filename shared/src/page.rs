//! The state of one page, and how it is known.

use crate::addr::Frame;
use crate::interval::Cut;
use serde::{Deserialize, Serialize};

/// What the page table holds for a page. The order is that of the legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageState {
    /// No page-table entry: mapped, but nothing stands behind it yet.
    Untouched,
    /// Read before it was written: the one shared page of zeroes.
    ZeroPage,
    /// A frame of its own.
    Private,
    /// A page of the page cache, as the file has it.
    FileClean,
    /// A page of a file or of shared memory that was written and is not yet stored.
    FileDirty,
    /// Present, shared with somebody, and copied when written.
    CopyPending,
    /// Swapped out.
    Swapped,
    /// The source did not record it.
    Unknown,
}

impl PageState {
    /// All states, in the order of the legend.
    pub const ALL: [Self; 8] = [
        Self::Untouched,
        Self::ZeroPage,
        Self::Private,
        Self::FileClean,
        Self::FileDirty,
        Self::CopyPending,
        Self::Swapped,
        Self::Unknown,
    ];

    /// Whether a frame stands behind the page (false for [`PageState::Unknown`]: nobody said so).
    pub fn is_resident(self) -> bool {
        !matches!(self, Self::Untouched | Self::Swapped | Self::Unknown)
    }

    /// What a person calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::ZeroPage => "zero page",
            Self::Private => "private",
            Self::FileClean => "file, clean",
            Self::FileDirty => "file or shared, dirty",
            Self::CopyPending => "copy-on-write pending",
            Self::Swapped => "swapped out",
            Self::Unknown => "not recorded",
        }
    }
}

/// How a state is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provenance {
    /// Read from the kernel: PAGEMAP_SCAN, pagemap, kpagecount.
    Observed,
    /// The model followed the events.
    Inferred,
}

impl Provenance {
    /// What a person calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Inferred => "inferred",
        }
    }
}

/// What is known of a run of pages that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// What the page table holds.
    pub state: PageState,
    /// How that is known.
    pub provenance: Provenance,
    /// Part of a huge page.
    pub huge: bool,
    /// The first page's frame; the following pages of the run have the following frames.
    pub frame: Option<Frame>,
}

impl Page {
    /// A state that the model worked out, with no frame known.
    pub fn inferred(state: PageState) -> Self {
        Self { state, provenance: Provenance::Inferred, huge: false, frame: None }
    }
}

impl Cut for Page {
    fn advanced(&self, by: u64) -> Self {
        Self { frame: self.frame.map(|f| Frame(f.0.wrapping_add(by))), ..*self }
    }
}

/// Consecutive pages that the kernel showed in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// How many pages, at least 1.
    pub pages: std::num::NonZeroU64,
    /// Their state.
    pub state: PageState,
    /// Part of a huge page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub huge: bool,
    /// The first one's frame, where the kernel tells (it needs privilege); the others follow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
}
