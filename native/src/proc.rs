//! What `/proc` tells about a process's memory.

mod maps;
mod observe;
mod pagemap;
pub(crate) mod status;

pub(crate) use maps::{backing, mappings_of, mappings_with_flags, own_mappings};
pub(crate) use observe::{Frames, Observer};
