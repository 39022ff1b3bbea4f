//! What `/proc` tells about a process's memory.

mod maps;
mod observe;
mod pagemap;

pub(crate) use maps::own_mappings;
pub(crate) use observe::{Frames, Observer};
