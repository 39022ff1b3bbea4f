//! Reads a trace: never fails as a whole once the header is understood, but says what it left out.

use super::{MAX_LINE_BYTES, take_fields};
use crate::addr::PageSize;
use crate::event::{Event, EventKind, Extra, Lock, Unlock};
use crate::header::{FORMAT, Header, VERSION};
use crate::trace::{Place, Problem, ReadError, Reason, Trace};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Reads a whole trace from its bytes.
///
/// # Errors
/// When there is no header, or one of a newer version. Anything wrong after that is a [`Problem`].
pub fn read(bytes: &[u8]) -> Result<Trace, ReadError> {
    let mut lines = Lines::default();
    let (mut header, mut events) = (None, Vec::new());
    for raw in bytes.split_inclusive(|&b| b == b'\n') {
        match lines.read(raw)? {
            Some(Line::Header(found)) => header = Some(*found),
            Some(Line::Event(event)) => events.push(event),
            None => {}
        }
    }
    Ok(Trace { header: header.ok_or(ReadError::Empty)?, events, problems: lines.problems })
}

/// Reads line after line.
#[derive(Default)]
pub(crate) struct Lines {
    line: u64,
    page_size: Option<PageSize>,
    previous: Option<u64>,
    /// What was left out so far.
    pub(crate) problems: Vec<Problem>,
}

/// What a line holds.
pub(crate) enum Line {
    Header(Box<Header>),
    Event(Event),
}

impl Lines {
    /// Where the line is that was read last.
    pub(crate) fn place(&self) -> Place {
        Place::Line(self.line)
    }

    /// The next line, with its line break unless it is the last one.
    pub(crate) fn read(&mut self, raw: &[u8]) -> Result<Option<Line>, ReadError> {
        self.line += 1;
        let Some(page_size) = self.page_size else {
            let header = read_header(raw)?;
            self.page_size = Some(header.page_size);
            return Ok(Some(Line::Header(Box::new(header))));
        };
        if raw.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        match read_event(raw, page_size, self.previous) {
            Ok(event) => {
                self.previous = Some(event.seq);
                Ok(Some(Line::Event(event)))
            }
            Err(reason) => {
                self.problems.push(Problem { place: self.place(), reason });
                Ok(None)
            }
        }
    }
}

fn read_header(raw: &[u8]) -> Result<Header, ReadError> {
    if raw.iter().all(u8::is_ascii_whitespace) {
        return Err(ReadError::Empty);
    }
    let fields: Map<String, Value> =
        serde_json::from_slice(raw).map_err(|e| ReadError::NoHeader(e.to_string()))?;
    parse_header(fields)
}

/// A header from its fields.
pub(crate) fn parse_header(mut fields: Map<String, Value>) -> Result<Header, ReadError> {
    let missing = |name: &str| ReadError::NoHeader(format!("missing field `{name}`"));
    // What every version's header has.
    let format = fields.get("format").ok_or_else(|| missing("format"))?.as_str().unwrap_or_default();
    if format != FORMAT {
        let found: String = format.chars().take(40).collect();
        return Err(ReadError::NoHeader(format!("its format is {found:?}, not {FORMAT:?}")));
    }
    let version = fields.get("version").and_then(Value::as_u64).ok_or_else(|| missing("version"))?;
    if version > u64::from(VERSION) {
        return Err(ReadError::TooNew { found: u32::try_from(version).unwrap_or(u32::MAX) });
    }
    let mut header: Header = take_fields(&mut fields).map_err(|e| ReadError::NoHeader(e.to_string()))?;
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

fn read_event(raw: &[u8], page_size: PageSize, previous: Option<u64>) -> Result<Event, Reason> {
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
    check(&kind, page_size)?;
    Ok(Event { seq, time_ns: t, pid, tid, kind, extra: fields.into() })
}

/// What no kernel does: parts of pages, overlapping mappings, more states than pages.
pub(crate) fn check(kind: &EventKind, size: PageSize) -> Result<(), Reason> {
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

/// A kind and the fields that it does not know, from the text of [`super::kind_text`].
pub(crate) fn kind_from(text: &[u8]) -> Result<(EventKind, Extra), Reason> {
    let not_an_event = |e: serde_json::Error| Reason::NotAnEvent(without_place(&e));
    let mut fields: Map<String, Value> = serde_json::from_slice(text).map_err(not_an_event)?;
    let Some(Value::String(name)) = fields.remove("kind") else {
        return Err(Reason::NotAnEvent("missing field `kind`".to_owned()));
    };
    let kind = EventKind::take(name, &mut fields).map_err(not_an_event)?;
    Ok((kind, fields.into()))
}

/// serde's message without its "at line 1 column 7": the line number is ours to say.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let cut = text.rfind(" at line ").unwrap_or(text.len());
    text.chars().take(text[..cut].chars().count().min(200)).collect()
}
