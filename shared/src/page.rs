//! The state of one page, and how it is known.

use crate::addr::Frame;
use crate::interval::Cut;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;

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
    /// What else is known of it.
    pub flags: PageFlags,
    /// The first page's frame; the following pages of the run have the following frames.
    pub frame: Option<Frame>,
}

impl Page {
    /// A state that the model worked out, with no frame known.
    pub fn inferred(state: PageState) -> Self {
        Self { state, provenance: Provenance::Inferred, flags: PageFlags::NONE, frame: None }
    }
}

impl Cut for Page {
    fn advanced(&self, by: u64) -> Self {
        Self { frame: self.frame.map(|f| Frame(f.0.wrapping_add(by))), ..*self }
    }
}

/// What is known of a page beside its state.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PageFlags(u8);

impl PageFlags {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// Part of a huge page, mapped by one entry.
    pub const HUGE: Self = Self(1);
    /// Touching it is an error: `MADV_GUARD_INSTALL`.
    pub const GUARD: Self = Self(2);
    /// Held in memory: mlock(2).
    pub const LOCKED: Self = Self(4);
    /// Written since the soft-dirty bits were cleared.
    pub const SOFT_DIRTY: Self = Self(8);

    /// Whether all of `flags` are set.
    pub fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
    /// With `flags` set.
    #[must_use]
    pub fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }
    /// With `flags` cleared.
    #[must_use]
    pub fn without(self, flags: Self) -> Self {
        Self(self.0 & !flags.0)
    }
    /// As a number below 16.
    pub fn bits(self) -> u8 {
        self.0
    }
    /// From a number; bits without a meaning are dropped.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & 15)
    }
    /// What a person calls those that are set.
    pub fn labels(self) -> impl Iterator<Item = &'static str> {
        [
            (Self::HUGE, "huge"),
            (Self::GUARD, "guard"),
            (Self::LOCKED, "locked"),
            (Self::SOFT_DIRTY, "soft-dirty"),
        ]
        .into_iter()
        .filter(move |(flag, _)| self.has(*flag))
        .map(|(_, label)| label)
    }
}

impl std::fmt::Debug for PageFlags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.labels()).finish()
    }
}

/// Consecutive pages that the kernel showed in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RunFields", into = "RunFields")]
pub struct Run {
    /// How many pages, at least 1.
    pub pages: NonZeroU64,
    /// Their state.
    pub state: PageState,
    /// What else the kernel said of them.
    pub flags: PageFlags,
    /// The first one's frame, where the kernel tells (it needs privilege); the others follow it.
    pub frame: Option<Frame>,
}

/// A run as a trace writes it.
#[derive(Serialize, Deserialize)]
struct RunFields {
    pages: NonZeroU64,
    state: PageState,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    huge: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    guard: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    locked: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    soft_dirty: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frame: Option<Frame>,
}

impl From<RunFields> for Run {
    fn from(fields: RunFields) -> Self {
        let RunFields { pages, state, huge, guard, locked, soft_dirty, frame } = fields;
        let bits = u8::from(huge) | u8::from(guard) << 1 | u8::from(locked) << 2 | u8::from(soft_dirty) << 3;
        Self { pages, state, flags: PageFlags::from_bits(bits), frame }
    }
}

impl From<Run> for RunFields {
    fn from(Run { pages, state, flags, frame }: Run) -> Self {
        Self {
            pages,
            state,
            huge: flags.has(PageFlags::HUGE),
            guard: flags.has(PageFlags::GUARD),
            locked: flags.has(PageFlags::LOCKED),
            soft_dirty: flags.has(PageFlags::SOFT_DIRTY),
            frame,
        }
    }
}
