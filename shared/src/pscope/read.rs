//! Finds what is in a file, whole or not.

use super::density::Density;
use super::footer::{BlockPlace, Footer, KeyframePlace};
use super::frame::{CUT_OFF, Frame, Kind, Limits, START_BYTES, SYNC, TRAILER_BYTES, footer_offset, version};
use super::{Malformed, VERSION, decode};
use crate::event::Event;
use crate::header::Header;
use crate::jsonl::parse_header;
use crate::trace::{Place, Problem, ReadError, Reason, Trace};
use crate::world::World;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Events in memory take at most this many times what the file takes, or [`FREE_EVENT_BYTES`].
const MAX_GROWTH: u64 = 512;
const FREE_EVENT_BYTES: u64 = 64 << 20;

/// Where everything is, and what is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) header: Header,
    pub(crate) limits: Limits,
    pub(crate) blocks: Vec<BlockPlace>,
    pub(crate) keyframes: Vec<KeyframePlace>,
    pub(crate) density: Density,
    pub(crate) problems: Vec<Problem>,
}

/// Looks at every frame of a file; positions are those of what is there.
///
/// # Errors
/// A head that cannot be read, or one of a newer version.
pub(crate) fn scan(bytes: &[u8]) -> Result<Scan, ReadError> {
    let version = version(bytes).ok_or(ReadError::Empty)?;
    if version == 0 {
        return Err(ReadError::NoHead("its version is 0".to_owned()));
    }
    if version > VERSION {
        return Err(ReadError::TooNew { found: version });
    }
    let (header, limits, mut at) = head(bytes)?;
    let mut scan = Scan {
        header,
        limits,
        blocks: Vec::new(),
        keyframes: Vec::new(),
        density: Density::default(),
        problems: Vec::new(),
    };
    let trailer = bytes.len().checked_sub(TRAILER_BYTES).filter(|end| *end >= at);
    let footer = trailer.and_then(|from| footer_offset(bytes.get(from..)?));
    let end = if footer.is_some() { trailer.unwrap_or(bytes.len()) } else { bytes.len() };
    let (mut position, mut written, mut finished) = (0, 0, false);
    while let Some(rest) = bytes.get(at..end).filter(|rest| !rest.is_empty()) {
        let place = Place::Byte(to_u64(at));
        let frame = match Frame::parse(rest, limits) {
            Ok((frame, payload)) => {
                match take(&mut scan, frame, payload, (at, &mut position, &mut written)) {
                    Ok(kind) => {
                        finished |= kind == Kind::Footer;
                        Ok(frame.len())
                    }
                    Err(why) => Err((why, frame.len())),
                }
            }
            Err(why) => Err((why, next_sync(rest))),
        };
        at += match frame {
            Ok(len) => len,
            Err((why, len)) => {
                let torn = footer.is_none() && why == CUT_OFF && len >= rest.len();
                let reason = if torn { Reason::Torn } else { why.into() };
                scan.problems.push(Problem { place, reason });
                len
            }
        };
    }
    if !finished || footer.is_none() {
        scan.problems.push(Problem { place: Place::Byte(to_u64(bytes.len())), reason: Reason::Unfinished });
    }
    Ok(scan)
}

/// Notes what a frame holds.
fn take(
    scan: &mut Scan,
    frame: Frame,
    payload: &[u8],
    (at, position, written): (usize, &mut u64, &mut u64),
) -> Result<Kind, Malformed> {
    let (offset, bytes) = (to_u64(at), to_u64(frame.len()));
    match frame.kind {
        Kind::Block => {
            if frame.position < *written || frame.count == 0 {
                return Err(Malformed("a block that does not follow the one before it"));
            }
            if frame.position > *written {
                let missing = Reason::Missing(frame.position - *written);
                scan.problems.push(Problem { place: Place::Byte(offset), reason: missing });
            }
            let Frame { count, seq, time_ns, .. } = frame;
            if scan.blocks.last().is_some_and(|last| seq < last.seq.saturating_add(last.events.into())) {
                return Err(Malformed("sequence numbers that do not count up"));
            }
            let place = BlockPlace { offset, bytes, position: *position, events: count, seq, time_ns };
            scan.blocks.push(place);
            *position += u64::from(count);
            *written = frame.position.saturating_add(count.into());
        }
        // Where events are missing, it stands at the position of what is there.
        Kind::Keyframe if frame.position == *written => {
            scan.keyframes.push(KeyframePlace { offset, bytes, position: *position });
        }
        Kind::Keyframe => return Err(Malformed("a keyframe of another place")),
        Kind::Footer => {
            let footer = Footer::load(&frame.unpack(payload)?)?;
            if frame.position > *written {
                let missing = Reason::Missing(frame.position - *written);
                scan.problems.push(Problem { place: Place::Byte(offset), reason: missing });
            }
            scan.density = footer.density;
        }
        Kind::Head => return Err(Malformed("a second head")),
    }
    Ok(frame.kind)
}

/// How far it is to the next place where a frame may begin.
fn next_sync(bytes: &[u8]) -> usize {
    let found = bytes.windows(SYNC.len()).skip(1).position(|window| window == SYNC);
    found.map_or(bytes.len(), |at| at + 1)
}

fn head(bytes: &[u8]) -> Result<(Header, Limits, usize), ReadError> {
    #[derive(Deserialize)]
    struct Head {
        limits: Limits,
        header: Map<String, Value>,
    }
    let no_head = |Malformed(why): Malformed| ReadError::NoHead(why.to_owned());
    let rest = bytes.get(START_BYTES..).filter(|rest| !rest.is_empty()).ok_or(ReadError::Empty)?;
    let (frame, payload) = Frame::parse(rest, Limits::MAX).map_err(no_head)?;
    if frame.kind != Kind::Head {
        return Err(no_head(Malformed("the first frame is another")));
    }
    let raw = frame.unpack(payload).map_err(no_head)?;
    let head: Head = serde_json::from_slice(&raw).map_err(|e| ReadError::NoHead(e.to_string()))?;
    let (is, max) = (head.limits, Limits::MAX);
    if is.raw_bytes > max.raw_bytes || is.block_events > max.block_events {
        return Err(no_head(Malformed("it needs more memory for a block than this program gives")));
    }
    Ok((parse_header(head.header)?, is, START_BYTES + frame.len()))
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A block's events from its frame, and what is wrong with it. What cannot be read is lost, and told by events.
pub(crate) fn block_events(bytes: &[u8], scan: &Scan, place: &BlockPlace) -> (Vec<Event>, Option<Problem>) {
    let from = usize::try_from(place.offset).unwrap_or(usize::MAX);
    let parsed =
        bytes.get(from..).ok_or(Malformed("no whole frame")).and_then(|b| Frame::parse(b, scan.limits));
    let raw = parsed.and_then(|(frame, payload)| frame.unpack(payload));
    let (events, result) = match raw {
        Ok(raw) => decode(&raw, place.events, place.seq, place.time_ns, scan.header.page_size),
        Err(why) => (Vec::new(), Err(why)),
    };
    let problem = result.err().map(|why| Problem { place: Place::Byte(place.offset), reason: why.into() });
    (events, problem)
}

/// The world that a keyframe holds; `None` when it is damaged, for then another way leads there.
pub(crate) fn keyframe(bytes: &[u8], scan: &Scan, place: &KeyframePlace) -> Option<World> {
    let from = usize::try_from(place.offset).ok()?;
    let (frame, payload) = Frame::parse(bytes.get(from..)?, scan.limits).ok()?;
    World::load(scan.header.page_size, &frame.unpack(payload).ok()?)
}

/// Reads a whole trace from its bytes.
///
/// # Errors
/// A head that cannot be read, or one of a newer version. Anything wrong after that is a [`Problem`].
pub fn read(bytes: &[u8]) -> Result<Trace, ReadError> {
    let mut scan = scan(bytes)?;
    let limit = to_u64(bytes.len()).saturating_mul(MAX_GROWTH).max(FREE_EVENT_BYTES);
    let room = limit / to_u64(size_of::<Event>());
    let mut events = Vec::new();
    for place in &scan.blocks {
        if to_u64(events.len()) + u64::from(place.events) > room {
            let reason = Reason::Grows { limit };
            scan.problems.push(Problem { place: Place::Byte(place.offset), reason });
            break;
        }
        let (more, problem) = block_events(bytes, &scan, place);
        events.extend(more);
        scan.problems.extend(problem);
    }
    scan.problems.sort_by_key(|problem| problem.place);
    Ok(Trace { header: scan.header, events, problems: scan.problems })
}
