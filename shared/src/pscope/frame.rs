//! What the file is made of: frames, each with a checksum, after a few magic bytes; a trailer at the end.

use super::{FREE_BYTES, MAX_BLOCK_EVENTS, MAX_RATIO, MAX_RAW_BYTES, Malformed};
use crate::crc::{self, Crc};
use crate::gz::deflate;
use flate2::{Compress, Decompress, FlushDecompress, Status};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The first bytes of the file.
pub(super) const MAGIC: [u8; 8] = *b"\x89PSCP\r\n\x1a";
/// The last bytes of the file.
const END_MAGIC: [u8; 8] = *b"PSCP-END";
/// What every frame begins with.
pub(super) const SYNC: [u8; 4] = *b"\xb5PSF";
/// The magic bytes and the version.
pub(super) const START_BYTES: usize = 12;
/// How long a frame's own header is.
pub const FRAME_BYTES: usize = 48;
/// How long the trailer is.
pub const TRAILER_BYTES: usize = 20;

/// Why the last frame of a recording that was cut off is none.
pub(super) const CUT_OFF: Malformed = Malformed("a frame that ends too early");

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Head,
    Block,
    Keyframe,
    Footer,
}

const KINDS: [(Kind, u8); 4] =
    [(Kind::Head, b'H'), (Kind::Block, b'B'), (Kind::Keyframe, b'K'), (Kind::Footer, b'F')];

/// How a frame's payload is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Stored,
    Deflate,
}

/// A frame's own header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) method: Method,
    /// Bytes of the payload in the file, and before compression.
    pub(crate) stored: u32,
    pub(crate) raw: u32,
    /// Events in a block.
    pub(crate) count: u32,
    /// How many events come before what this is about.
    pub(crate) position: u64,
    /// Of a block's first event.
    pub(crate) seq: u64,
    pub(crate) time_ns: u64,
}

/// What no frame of a file exceeds, as its head says. A reader may refuse a file by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of a frame before compression: [`MAX_RAW_BYTES`] at most.
    pub raw_bytes: u32,
    /// Events in a block: [`MAX_BLOCK_EVENTS`] at most.
    pub block_events: u32,
}

impl Limits {
    /// What this version reads, and what it writes at most.
    pub const MAX: Self = Self { raw_bytes: MAX_RAW_BYTES, block_events: MAX_BLOCK_EVENTS };
}

/// Whether `bytes` begin as a `.pscope` does.
pub fn is_pscope(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The version of a `.pscope`, if there is one.
pub(super) fn version(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(MAGIC.len()..)?.first_chunk()?))
}

pub(super) fn start() -> Vec<u8> {
    [&MAGIC[..], &super::VERSION.to_le_bytes()].concat()
}

/// Where the footer is, from the last [`TRAILER_BYTES`] of a file; `None` when the recording was not finished.
pub fn footer_offset(trailer: &[u8]) -> Option<u64> {
    let (offset, rest) = trailer.split_first_chunk::<8>()?;
    let (crc, end) = rest.split_first_chunk::<4>()?;
    let sound = end == END_MAGIC && crc::sum(offset) == u32::from_le_bytes(*crc);
    sound.then(|| u64::from_le_bytes(*offset))
}

pub(super) fn trailer(footer_offset: u64) -> Vec<u8> {
    let offset = footer_offset.to_le_bytes();
    [&offset[..], &crc::sum(&offset).to_le_bytes(), &END_MAGIC].concat()
}

/// Appends a frame to `out`. `frame` says what it is about; sizes and method are found here.
pub(super) fn put_frame(out: &mut Vec<u8>, frame: Frame, raw: &[u8], compress: Option<&mut Compress>) {
    let mut deflated = Vec::new();
    if let Some(compress) = compress {
        deflate(compress, raw, &mut deflated);
    }
    // What would look like a bomb, or does not get smaller, stands as it is.
    let shorter = !deflated.is_empty() && deflated.len() < raw.len() && fits(len32(raw), len32(&deflated));
    let (method, payload) = if shorter { (Method::Deflate, &deflated[..]) } else { (Method::Stored, raw) };
    let frame = Frame { method, stored: len32(payload), raw: len32(raw), ..frame };
    let header = frame.header();
    let mut crc = Crc::new();
    crc.update(&header);
    crc.update(payload);
    out.extend(header);
    out.extend(crc.sum().to_le_bytes());
    out.extend(payload);
}

fn len32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Whether so many bytes may come out of so many.
fn fits(raw: u32, stored: u32) -> bool {
    raw <= FREE_BYTES || raw / MAX_RATIO <= stored
}

impl Frame {
    /// A frame of this kind, not filled yet.
    pub(crate) fn of(kind: Kind, position: u64) -> Self {
        Self { kind, method: Method::Stored, stored: 0, raw: 0, count: 0, position, seq: 0, time_ns: 0 }
    }

    fn header(&self) -> Vec<u8> {
        let kind = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or(0, |(_, byte)| *byte);
        let mut header = Vec::with_capacity(FRAME_BYTES);
        header.extend(SYNC);
        header.extend([kind, u8::from(self.method == Method::Deflate), 0, 0]);
        for number in [self.stored, self.raw, self.count] {
            header.extend(number.to_le_bytes());
        }
        for number in [self.position, self.seq, self.time_ns] {
            header.extend(number.to_le_bytes());
        }
        header
    }

    /// The frame that begins at the first of `bytes`, and its payload as it stands there.
    pub(super) fn parse(bytes: &[u8], limits: Limits) -> Result<(Self, &[u8]), Malformed> {
        let (header, rest) = bytes.split_first_chunk::<FRAME_BYTES>().ok_or(CUT_OFF)?;
        let (told, crc) = header.split_at(FRAME_BYTES - 4);
        let small =
            |at: usize| told.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
        let large =
            |at: usize| told.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b));
        if header.first_chunk() != Some(&SYNC) {
            return Err(Malformed("no frame begins here"));
        }
        let kind = KINDS.iter().find(|(_, byte)| *byte == header[4]).map(|(kind, _)| *kind);
        let method = match header[5] {
            0 => Method::Stored,
            1 => Method::Deflate,
            _ => return Err(Malformed("a frame of no known method")),
        };
        let kind = kind.ok_or(Malformed("a frame of no known kind"))?;
        let frame = Self {
            kind,
            method,
            stored: small(8),
            raw: small(12),
            count: small(16),
            position: large(20),
            seq: large(28),
            time_ns: large(36),
        };
        let stored = usize::try_from(frame.stored).unwrap_or(usize::MAX);
        let payload = rest.get(..stored).ok_or(CUT_OFF)?;
        let mut hasher = Crc::new();
        hasher.update(told);
        hasher.update(payload);
        // A fuzzer would never get past it.
        if hasher.sum().to_le_bytes() != crc && !cfg!(fuzzing) {
            return Err(Malformed("the checksum is another"));
        }
        if frame.raw > limits.raw_bytes || frame.count > limits.block_events {
            return Err(Malformed("more than the limits of the file"));
        }
        if method == Method::Stored && frame.stored != frame.raw || !fits(frame.raw, frame.stored) {
            return Err(Malformed("sizes that do not fit together"));
        }
        Ok((frame, payload))
    }

    /// Bytes of the whole frame in the file.
    pub(super) fn len(&self) -> usize {
        FRAME_BYTES.saturating_add(usize::try_from(self.stored).unwrap_or(usize::MAX))
    }

    /// A payload as it was before compression.
    pub(crate) fn unpack<'a>(&self, payload: &'a [u8]) -> Result<Cow<'a, [u8]>, Malformed> {
        if self.method == Method::Stored {
            return Ok(Cow::Borrowed(payload));
        }
        let len = usize::try_from(self.raw).unwrap_or(usize::MAX);
        let mut raw = Vec::with_capacity(len);
        let mut inflate = Decompress::new(false);
        match inflate.decompress_vec(payload, &mut raw, FlushDecompress::Finish) {
            Ok(Status::StreamEnd) if raw.len() == len => Ok(Cow::Owned(raw)),
            _ => Err(Malformed("it does not decompress to what it says")),
        }
    }
}
