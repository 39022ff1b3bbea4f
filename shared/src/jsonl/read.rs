//! Reads a trace: never fails as a whole once the header is understood, but says what it left out.

use super::{MAX_LINE_BYTES, take_fields};
use crate::addr::PageSize;
use crate::event::{Event, EventKind, Lock, Unlock};
use crate::header::{FORMAT, Header, VERSION};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A trace that was read: all that could be, and every problem on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// What recorded it.
    pub header: Header,
    /// In the order of the file, `seq` counting up.
    pub events: Vec<Event>,
    /// What was left out, by line.
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

/// One line that was left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Problem {
    /// Counted from 1; the header's is 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The file ends inside it.
    #[error("the file ends in the middle of this line; everything before it was read")]
    Torn,
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
        /// This line's.
        found: u64,
        /// The line's before it.
        previous: u64,
    },
    /// Not in whole pages, or runs past the end of what was observed.
    #[error("{0}")]
    Impossible(&'static str),
}

/// Reads a whole trace from its bytes.
///
/// # Errors
/// When there is no header, or one of a newer version. Anything wrong after that is a [`Problem`].
pub fn read(bytes: &[u8]) -> Result<Trace, ReadError> {
    let mut lines = bytes.split_inclusive(|&b| b == b'\n').zip(1u64..);
    let (first, _) = lines.next().ok_or(ReadError::Empty)?;
    let header = read_header(first)?;
    let mut trace = Trace { header, events: Vec::new(), problems: Vec::new() };
    for (raw, line) in lines {
        if raw.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match read_event(raw, &trace.header, trace.events.last().map(|e| e.seq)) {
            Ok(event) => trace.events.push(event),
            Err(reason) => trace.problems.push(Problem { line, reason }),
        }
    }
    Ok(trace)
}

fn read_header(raw: &[u8]) -> Result<Header, ReadError> {
    /// What every version's header has.
    #[derive(Deserialize)]
    struct Probe {
        format: String,
        version: u32,
    }
    let no_header = |e: serde_json::Error| ReadError::NoHeader(e.to_string());
    if raw.iter().all(u8::is_ascii_whitespace) {
        return Err(ReadError::Empty);
    }
    let probe: Probe = serde_json::from_slice(raw).map_err(no_header)?;
    if probe.format != FORMAT {
        let found: String = probe.format.chars().take(40).collect();
        return Err(ReadError::NoHeader(format!("its format is {found:?}, not {FORMAT:?}")));
    }
    if probe.version > VERSION {
        return Err(ReadError::TooNew { found: probe.version });
    }
    let mut fields: Map<String, Value> = serde_json::from_slice(raw).map_err(no_header)?;
    let mut header: Header = take_fields(&mut fields).map_err(no_header)?;
    header.extra = fields;
    Ok(header)
}

/// The fields that every event has.
#[derive(Deserialize)]
struct Envelope {
    seq: u64,
    t: u64,
    pid: u32,
    tid: u32,
    kind: String,
}

fn read_event(raw: &[u8], header: &Header, previous: Option<u64>) -> Result<Event, Reason> {
    if raw.len() > MAX_LINE_BYTES {
        return Err(Reason::TooLong);
    }
    let torn = raw.last() != Some(&b'\n');
    let text = std::str::from_utf8(raw).map_err(|_| if torn { Reason::Torn } else { Reason::NotText })?;
    let mut fields: Map<String, Value> = serde_json::from_str(text)
        .map_err(|e| if torn && e.is_eof() { Reason::Torn } else { Reason::NotAnEvent(without_place(&e)) })?;
    let not_an_event = |e: serde_json::Error| Reason::NotAnEvent(without_place(&e));
    let Envelope { seq, t, pid, tid, kind } = take_fields(&mut fields).map_err(not_an_event)?;
    if let Some(previous) = previous
        && seq <= previous
    {
        return Err(Reason::OutOfOrder { found: seq, previous });
    }
    let kind = EventKind::take(kind, &mut fields).map_err(not_an_event)?;
    check(&kind, header.page_size)?;
    Ok(Event { seq, time_ns: t, pid, tid, kind, extra: fields.into() })
}

/// What no kernel does: parts of pages, overlapping mappings, more states than pages.
fn check(kind: &EventKind, size: PageSize) -> Result<(), Reason> {
    const PARTS: Reason = Reason::Impossible("a range that is not in whole pages");
    let whole = |range: crate::addr::Range| size.is_aligned(range.start()) && size.is_aligned(range.end());
    let observed = |o: &crate::event::Observed| match (whole(o.range), o.fits(size)) {
        (false, _) => Err(PARTS),
        (_, false) => Err(Reason::Impossible("more page states than the observed range has pages")),
        _ => Ok(()),
    };
    let parts = |range: crate::addr::Range| if whole(range) { Ok(()) } else { Err(PARTS) };
    match kind {
        EventKind::Map(map) => parts(map.range),
        EventKind::Unmap(unmap) => parts(unmap.range),
        EventKind::Protect(protect) => parts(protect.range),
        EventKind::Advise(advise) => parts(advise.range),
        EventKind::Sync(sync) => parts(sync.range),
        EventKind::Lock(Lock { range, .. }) | EventKind::Unlock(Unlock { range, .. }) => {
            range.map_or(Ok(()), parts)
        }
        EventKind::Remap(remap) => parts(remap.new).and(remap.old.map_or(Ok(()), parts)),
        EventKind::Observed(o) => observed(o),
        EventKind::Snapshot(snapshot) => {
            if !snapshot.mappings.iter().all(|m| whole(m.range)) {
                return Err(PARTS);
            }
            if snapshot.mappings.windows(2).any(|w| matches!(w, [a, b] if a.range.end() > b.range.start())) {
                return Err(Reason::Impossible("mappings that overlap or are not in the order of addresses"));
            }
            snapshot.observed.iter().try_for_each(observed)
        }
        _ => Ok(()),
    }
}

/// serde's message without its "at line 1 column 7": the line number is ours to say.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let cut = text.rfind(" at line ").unwrap_or(text.len());
    text.chars().take(text[..cut].chars().count().min(200)).collect()
}
