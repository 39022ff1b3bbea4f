//! The recording form, `.pscope`: compressed, checksummed blocks of events, and an index at the end. See
//! `docs/trace-format.md`.
//!
//! Writing: an [`Encoder`]. Reading all: [`read`]. Reading at any place: a [`crate::store::Store`].

mod block;
mod density;
mod encode;
mod footer;
mod frame;
mod numbers;
mod read;

pub use density::{Cell, Column, Counts, Density};
pub use encode::{Encoder, Options, PushError};
pub use footer::{BlockPlace, Footer, KeyframePlace};
pub use frame::{FRAME_BYTES, Limits, TRAILER_BYTES, footer_offset, is_pscope};
pub use read::read;

pub(crate) use block::{BlockWriter, decode};
pub(crate) use read::{Ends, Scan, Scanner, block_events, ends, frame_at, keyframe};

/// The version of the container that this code writes. A reader refuses newer ones.
pub const VERSION: u32 = 1;

/// No frame may be longer, in bytes before compression, whatever its file says: a snapshot of 100,000 mappings fits.
pub const MAX_RAW_BYTES: u32 = 72 << 20;
/// No block may hold more events, whatever its file says.
pub const MAX_BLOCK_EVENTS: u32 = 1 << 16;
/// What events that share a shape may amount to in a block, as text, in bytes.
pub const MAX_SHAPE_BYTES: u64 = 64 << 20;
/// A frame may be this long before compression, however well it was compressed.
pub const FREE_BYTES: u32 = 1 << 20;
/// A longer frame is at most this many times as long as what stands in the file.
pub const MAX_RATIO: u32 = 256;

/// Data that no writer makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

impl From<Malformed> for crate::trace::Reason {
    fn from(Malformed(why): Malformed) -> Self {
        Self::Damaged(why)
    }
}
