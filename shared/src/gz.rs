//! gzip (RFC 1952): `.jsonl.gz`.

use crate::crc::Crc;
use crate::trace::{Place, Problem, Reason};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// What a gzip file may grow to: [`FREE_BYTES`] and this many times its own size. A trace as text compresses 10 to
/// 40 times.
pub const MAX_RATIO: u64 = 200;
/// What any gzip file may grow to.
pub const FREE_BYTES: u64 = 1 << 20;
/// What no gzip file may grow to.
pub const MAX_BYTES: u64 = 16 << 30;

const CHUNK_BYTES: usize = 64 << 10;
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// Whether `bytes` begin as gzip data do.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Decompresses piece by piece, all members one after another.
pub struct Gunzip<B> {
    bytes: B,
    at: usize,
    part: Part,
    inflate: Decompress,
    crc: Crc,
    /// Bytes of this member so far, modulo 2^32.
    amount: u32,
    /// Bytes that were used up and are not kept any more.
    dropped: u64,
    produced: u64,
    chunk: Vec<u8>,
}

/// What comes next.
enum Part {
    Header,
    Body,
    Checksum,
    Nothing,
}

impl<B: AsRef<[u8]>> Gunzip<B> {
    /// Begins at the first byte of `bytes`.
    pub fn new(bytes: B) -> Self {
        Self {
            bytes,
            at: 0,
            part: Part::Header,
            inflate: Decompress::new(false),
            crc: Crc::new(),
            amount: 0,
            dropped: 0,
            produced: 0,
            chunk: Vec::with_capacity(CHUNK_BYTES),
        }
    }

    /// The next piece, 64 KiB at most; `None` at the end.
    ///
    /// # Errors
    /// A problem is the last thing that comes: a torn tail, damage, or growth beyond the limit.
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>, Problem> {
        self.chunk.clear();
        while self.chunk.is_empty() && !matches!(self.part, Part::Nothing) {
            if let Err(reason) = self.advance() {
                self.part = Part::Nothing;
                let byte = self.dropped.saturating_add(to_u64(self.at));
                return Err(Problem { place: Place::Byte(byte), reason });
            }
        }
        Ok((!self.chunk.is_empty()).then_some(&self.chunk))
    }

    /// What has come may grow to so much.
    fn limit(&self) -> u64 {
        let came = self.dropped.saturating_add(to_u64(self.bytes.as_ref().len()));
        came.saturating_mul(MAX_RATIO).saturating_add(FREE_BYTES).min(MAX_BYTES)
    }

    fn advance(&mut self) -> Result<(), Reason> {
        let rest = self.bytes.as_ref().get(self.at..).unwrap_or_default();
        self.part = match self.part {
            // Zeroes may fill the last block of a tape.
            Part::Header if self.dropped + to_u64(self.at) > 0 && rest.iter().all(|&b| b == 0) => {
                Part::Nothing
            }
            Part::Header => {
                self.at += header_len(rest)?;
                self.inflate.reset(false);
                self.crc = Crc::new();
                self.amount = 0;
                Part::Body
            }
            Part::Body => self.inflate()?,
            Part::Checksum => {
                let [a, b, c, d, amount @ ..] = *rest.first_chunk::<8>().ok_or(Reason::Torn)?;
                if (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes(amount))
                    != (self.crc.sum(), self.amount)
                {
                    return Err(Reason::Damaged("the checksum of the text is another"));
                }
                self.at += 8;
                Part::Header
            }
            Part::Nothing => Part::Nothing,
        };
        Ok(())
    }

    fn inflate(&mut self) -> Result<Part, Reason> {
        let limit = self.limit();
        let rest = self.bytes.as_ref().get(self.at..).unwrap_or_default();
        let before = self.inflate.total_in();
        let status = self.inflate.decompress_vec(rest, &mut self.chunk, FlushDecompress::None);
        let used = self.inflate.total_in() - before;
        self.at += usize::try_from(used).unwrap_or(rest.len());
        self.crc.update(&self.chunk);
        self.amount = self.amount.wrapping_add(low32(self.chunk.len()));
        self.produced += to_u64(self.chunk.len());
        if self.produced > limit {
            return Err(Reason::Grows { limit });
        }
        match status {
            Err(_) => Err(Reason::Damaged("not what gzip writes")),
            Ok(Status::StreamEnd) => Ok(Part::Checksum),
            Ok(_) if used == 0 && self.chunk.is_empty() => Err(Reason::Torn),
            Ok(_) => Ok(Part::Body),
        }
    }
}

impl Gunzip<Vec<u8>> {
    /// More of the same file. What was used up of it before is let go.
    pub fn append(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at.min(self.bytes.len()));
        self.dropped = self.dropped.saturating_add(to_u64(self.at));
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// How many bytes wait to be unpacked.
    pub fn waiting(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }
}

/// Decompresses all of `bytes`: what could be read, and why it is not all.
pub fn gunzip(bytes: &[u8]) -> (Vec<u8>, Option<Problem>) {
    let (mut text, mut from) = (Vec::new(), Gunzip::new(bytes));
    loop {
        match from.next_chunk() {
            Ok(Some(chunk)) => text.extend_from_slice(chunk),
            Ok(None) => return (text, None),
            Err(problem) => return (text, Some(problem)),
        }
    }
}

/// Compresses `bytes` as one member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    // No name, no time, unknown system.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    deflate(&mut Compress::new(Compression::new(6), false), bytes, &mut out);
    let mut crc = Crc::new();
    crc.update(bytes);
    out.extend(crc.sum().to_le_bytes());
    out.extend(low32(bytes.len()).to_le_bytes());
    out
}

/// Appends the raw deflate stream of `bytes` to `out`.
pub(crate) fn deflate(compress: &mut Compress, bytes: &[u8], out: &mut Vec<u8>) {
    compress.reset();
    let mut rest = bytes;
    loop {
        out.reserve(rest.len() / 4 + 1024);
        let before = compress.total_in();
        let status = compress.compress_vec(rest, out, FlushCompress::Finish);
        let used = usize::try_from(compress.total_in() - before).unwrap_or(rest.len());
        rest = rest.get(used..).unwrap_or_default();
        // It has no way to fail: there is always room.
        if !matches!(status, Ok(Status::Ok | Status::BufError)) {
            return;
        }
    }
}

/// How long a member's header is.
fn header_len(bytes: &[u8]) -> Result<usize, Reason> {
    const NAMED: [u8; 2] = [8, 16];
    const CRC: u8 = 2;
    const EXTRA: u8 = 4;
    let [a, b, method, flags, ..] = *bytes.first_chunk::<10>().ok_or(Reason::Torn)?;
    if [a, b, method] != MAGIC {
        return Err(Reason::Damaged("what follows is not gzip data"));
    }
    let mut at = 10;
    let rest = |at: usize| bytes.get(at..).ok_or(Reason::Torn);
    if flags & EXTRA != 0 {
        let [low, high] = *rest(at)?.first_chunk().ok_or(Reason::Torn)?;
        at += 2 + usize::from(u16::from_le_bytes([low, high]));
    }
    for flag in NAMED {
        if flags & flag != 0 {
            at += 1 + rest(at)?.iter().position(|&b| b == 0).ok_or(Reason::Torn)?;
        }
    }
    at += if flags & CRC != 0 { 2 } else { 0 };
    rest(at).map(|_| at)
}

fn low32(len: usize) -> u32 {
    let [a, b, c, d, ..] = to_u64(len).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
