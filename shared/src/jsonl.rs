//! The interchange form: a header object, then one event a line. See `docs/trace-format.md`.

mod fields;
pub(crate) mod hex_bytes;
mod read;
mod write;

pub(crate) use fields::take_fields;
pub use read::read;
pub(crate) use read::{Line, Lines, check, kind_from, parse_header};
pub(crate) use write::kind_text;
pub use write::{event_line, header_line};

/// No line may be longer, in bytes: a snapshot of 100,000 mappings fits.
pub const MAX_LINE_BYTES: usize = 64 << 20;
