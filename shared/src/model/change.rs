//! What an event did: enough to show cause and effect.

use crate::addr::{Addr, Range};
use crate::mapping::Mapping;
use crate::page::Page;

/// What one event did to an address space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// What became of mappings, in the order in which it happened.
    pub mappings: Vec<MappingChange>,
    /// Pages whose state, or what is known of it, changed.
    pub pages: Vec<PageChange>,
    /// Bytes that were read or written.
    pub bytes: Option<Range>,
    /// Where the event and the model disagree.
    pub drift: Vec<Drift>,
    /// Pages of other processes that changed with it, and whose they are.
    pub elsewhere: Vec<(u32, PageChange)>,
    /// Copies of shared pages that this process gave up: the world looks who has the last one.
    pub(crate) unshared: Vec<Unshared>,
}

/// What became of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MappingChange {
    /// It came.
    Created(Mapping),
    /// It went, or this part of it did.
    Removed(Mapping),
    /// One became two, at this address or around the part that was taken out of it.
    Split {
        /// The one before.
        before: Range,
        /// Where the second one begins.
        at: Addr,
    },
    /// It lost its beginning or its end.
    Shrunk {
        /// Where it was.
        before: Range,
        /// Where it is.
        after: Range,
    },
    /// It grew.
    Grown {
        /// Where it was.
        before: Range,
        /// Where it is.
        after: Range,
    },
    /// Neighbours became one.
    Merged {
        /// Where the one that stays was.
        before: Range,
        /// Where it is.
        after: Range,
    },
    /// Its pages are at another address now.
    Moved {
        /// Where they were.
        from: Range,
        /// Where they are.
        to: Range,
    },
    /// It may do other things, or was told something.
    Changed(Mapping),
}

/// A run of like pages that changed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageChange {
    /// Which pages.
    pub range: Range,
    /// What they were; `None` when they were not mapped.
    pub before: Option<Page>,
    /// What they are; `None` when they are no longer mapped.
    pub after: Option<Page>,
}

/// Pages of which this process no longer has the common copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unshared {
    pub(crate) share: u32,
    pub(crate) first: u64,
    pub(crate) end: u64,
}

/// An event that cannot be, as far as the model knows: the recording lost something, or the model
/// is wrong. It is shown, never hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Drift {
    /// Pages were touched or seen where the model knows no mapping.
    #[error("{0} was used, but no mapping is known there")]
    Unmapped(Range),
    /// A mapping was said to be where the model already has others, without `MAP_FIXED`.
    #[error("{0} was mapped, but something is known to be there")]
    Occupied(Range),
}

impl Change {
    /// Empties it, to be used again.
    pub fn clear(&mut self) {
        self.mappings.clear();
        self.pages.clear();
        self.bytes = None;
        self.drift.clear();
        self.elsewhere.clear();
        self.unshared.clear();
    }
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.mappings.is_empty() && self.pages.is_empty() && self.bytes.is_none() && self.drift.is_empty()
    }
    /// The mappings that came.
    pub fn created(&self) -> impl Iterator<Item = &Mapping> {
        self.mappings.iter().filter_map(|c| if let MappingChange::Created(m) = c { Some(m) } else { None })
    }
    /// The mappings, or parts of them, that went.
    pub fn removed(&self) -> impl Iterator<Item = &Mapping> {
        self.mappings.iter().filter_map(|c| if let MappingChange::Removed(m) = c { Some(m) } else { None })
    }
}
