//! A trace that was read, whatever its encoding, and what was wrong with it.

use crate::event::Event;
use crate::header::{Header, VERSION};
use crate::jsonl::MAX_LINE_BYTES;
use crate::{gz, jsonl, pscope};
use std::fmt;

/// A trace that was read: all that could be, and every problem on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// What recorded it.
    pub header: Header,
    /// In the order of the file, `seq` counting up.
    pub events: Vec<Event>,
    /// What was left out, and where.
    pub problems: Vec<Problem>,
}

/// Why a trace cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Nothing in it.
    #[error("the trace is empty")]
    Empty,
    /// The first line is no header.
    #[error("line 1 is not the header of a pagescope trace: {0}")]
    NoHeader(String),
    /// The head of a `.pscope` cannot be read.
    #[error("this is a .pscope whose head cannot be read: {0}")]
    NoHead(String),
    /// Not a single byte could be decompressed.
    #[error("the gzip data cannot be read: {0}")]
    NoGzip(Reason),
    /// Written by a newer program.
    #[error(
        "the trace has format version {found}, and this program reads up to {VERSION}: \
         open it with a newer pagescope"
    )]
    TooNew {
        /// The version in the header.
        found: u32,
    },
}

/// One line or block, or a part of it, that was left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// What is wrong with it.
    pub reason: Reason,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of a `.jsonl`, counted from 1; the header's is 1.
    Line(u64),
    /// The first byte of a block of a `.pscope`, or of what stands where a block should; in gzip data the byte where
    /// reading stopped.
    Byte(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Byte(byte) => write!(f, "byte {byte}"),
        }
    }
}

/// What is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The file ends inside it.
    #[error("the file ends in the middle of it; everything before it was read")]
    Torn,
    /// A `.pscope` without its last part.
    #[error("the recording was not finished: its index is missing; every whole block was read")]
    Unfinished,
    /// Not UTF-8 text.
    #[error("not UTF-8 text")]
    NotText,
    /// Too long.
    #[error("longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// Not JSON, or fields missing or wrong.
    #[error("{0}")]
    NotAnEvent(String),
    /// Does not count up.
    #[error("sequence number {found} follows {previous}: they must count up")]
    OutOfOrder {
        /// This event's.
        found: u64,
        /// That of the event before it.
        previous: u64,
    },
    /// Not in whole pages, or runs past the end of what was observed.
    #[error("{0}")]
    Impossible(&'static str),
    /// Not what its checksum or the format says.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// Blocks are gone that stood before this one.
    #[error("{0} events before this block are missing")]
    Missing(u64),
    /// A decompression bomb, or something that looks like one.
    #[error("refused, for it would grow to more than {limit} bytes")]
    Grows {
        /// What its size allows.
        limit: u64,
    },
}

/// Reads a whole trace from its bytes, in whichever form they are: the content tells.
///
/// Memory: all events decoded, at most 512 times the input or 64 MiB; a [`crate::store::Store`] keeps them encoded.
///
/// # Errors
/// When there is no header, or one of a newer version. Anything wrong after that is a [`Problem`].
pub fn read(bytes: &[u8]) -> Result<Trace, ReadError> {
    if pscope::is_pscope(bytes) {
        return pscope::read(bytes);
    }
    if !gz::is_gzip(bytes) {
        return jsonl::read(bytes);
    }
    let (text, problem) = gz::gunzip(bytes);
    match (text.is_empty(), problem) {
        (true, Some(problem)) => Err(ReadError::NoGzip(problem.reason)),
        (_, problem) => {
            let mut trace = jsonl::read(&text)?;
            trace.problems.extend(problem);
            Ok(trace)
        }
    }
}
