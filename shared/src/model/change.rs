//! What an event did: enough to show cause and effect.

use crate::addr::Range;
use crate::mapping::Mapping;
use crate::page::Page;

/// What one event did to an address space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Mappings that came.
    pub created: Vec<Mapping>,
    /// Mappings, or parts of them, that went.
    pub removed: Vec<Mapping>,
    /// Pages whose state, or what is known of it, changed.
    pub pages: Vec<PageChange>,
    /// Bytes that were read or written.
    pub bytes: Option<Range>,
    /// Where the event and the model disagree.
    pub drift: Vec<Drift>,
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

/// An event that cannot be, as far as the model knows: the recording lost something, or the model
/// is wrong. It is shown, never hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Drift {
    /// Pages were touched or seen where the model knows no mapping.
    #[error("{0} was used, but no mapping is known there")]
    Unmapped(Range),
}
