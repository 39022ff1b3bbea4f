//! Finds what is in a file, whole or not.

use super::density::Density;
use super::footer::{BlockPlace, Footer, KeyframePlace};
use super::frame::{
    CUT_OFF, FRAME_BYTES, Frame, Kind, Limits, START_BYTES, SYNC, TRAILER_BYTES, footer_offset, version,
};
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
    let mut scanner = Scanner::new(bytes)?;
    scanner.go_on(bytes, usize::MAX);
    Ok(scanner.finish(bytes))
}

/// Looks at the frames of a file in slices.
#[derive(Debug)]
pub(crate) struct Scanner {
    scan: Scan,
    /// Where the next frame begins, and where frames end.
    at: usize,
    end: usize,
    /// How far the search for the next frame has come, and what was wrong where it began.
    lost: Option<(usize, Malformed)>,
    has_trailer: bool,
    position: u64,
    written: u64,
    finished: bool,
}

impl Scanner {
    /// Begins with the head.
    ///
    /// # Errors
    /// A head that cannot be read, or one of a newer version.
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, ReadError> {
        let (header, limits, at) = head(bytes)?;
        let trailer = bytes.len().checked_sub(TRAILER_BYTES).filter(|end| *end >= at);
        let has_trailer = trailer.is_some_and(|from| bytes.get(from..).and_then(footer_offset).is_some());
        let end = trailer.filter(|_| has_trailer).unwrap_or(bytes.len());
        let scan = Scan::of(header, limits);
        Ok(Self { scan, at, end, lost: None, has_trailer, position: 0, written: 0, finished: false })
    }

    /// How far it has come, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.lost.map_or(self.at, |(at, _)| at)
    }

    /// Goes on for about `most` bytes of the same file; true at its end.
    pub(crate) fn go_on(&mut self, bytes: &[u8], most: usize) -> bool {
        let until = self.at().saturating_add(most);
        while let Some(rest) = bytes.get(self.at..self.end).filter(|rest| !rest.is_empty()) {
            if self.at() >= until {
                return false;
            }
            self.step(rest, until);
        }
        true
    }

    fn step(&mut self, rest: &[u8], until: usize) {
        if let Some((from, why)) = self.lost {
            return self.search(rest, from, why, until);
        }
        let (frame, payload) = match Frame::parse(rest, self.scan.limits) {
            Ok(found) => found,
            Err(why) => return self.search(rest, self.at, why, until),
        };
        let counted = (self.at, &mut self.position, &mut self.written);
        match take(&mut self.scan, frame, payload, counted) {
            Ok(kind) => self.finished |= kind == Kind::Footer,
            Err(why) => self.problem(why.into()),
        }
        self.at += frame.len();
    }

    /// Looks for the next place where a frame may begin.
    fn search(&mut self, rest: &[u8], from: usize, why: Malformed, until: usize) {
        let most = until.saturating_sub(from).max(1 << 16).saturating_add(SYNC.len());
        let window = rest.get(from - self.at..).unwrap_or_default();
        let window = window.get(..most.min(window.len())).unwrap_or_default();
        let found = window.windows(SYNC.len()).skip(1).position(|window| window == SYNC);
        let next = match found {
            Some(at) => from + at + 1,
            None if from + window.len() >= self.end => self.end,
            None => {
                self.lost = Some((from + window.len() - SYNC.len(), why));
                return;
            }
        };
        let torn = !self.has_trailer && why == CUT_OFF && next >= self.end;
        self.problem(if torn { Reason::Torn } else { why.into() });
        (self.at, self.lost) = (next, None);
    }

    fn problem(&mut self, reason: Reason) {
        self.scan.problems.push(Problem { place: Place::Byte(to_u64(self.at)), reason });
    }

    /// What was found.
    pub(crate) fn finish(mut self, bytes: &[u8]) -> Scan {
        if !self.finished || !self.has_trailer {
            let place = Place::Byte(to_u64(bytes.len()));
            self.scan.problems.push(Problem { place, reason: Reason::Unfinished });
        }
        self.scan
    }
}

/// What the two ends of a file say of it.
#[derive(Debug)]
pub(crate) enum Ends {
    /// Where everything is; nothing else was looked at.
    Index(Box<Scan>),
    /// This stretch of the file is needed, too.
    More(std::ops::Range<u64>),
    /// The file has no sound index: all of it has to be looked at.
    NoIndex,
}

/// Where everything is in a file of `len` bytes, from its first and its last bytes.
///
/// # Errors
/// A head that cannot be read, or one of a newer version.
pub(crate) fn ends(len: u64, first: &[u8], last: &[u8]) -> Result<Ends, ReadError> {
    if let Some(bytes) = head_bytes(first)
        && bytes > to_u64(first.len())
        && bytes <= len
    {
        return Ok(Ends::More(0..bytes));
    }
    let (header, limits, begin) = head(first)?;
    let mut scan = Scan::of(header, limits);
    let footer = last.len().checked_sub(TRAILER_BYTES).and_then(|from| footer_offset(last.get(from..)?));
    let Some(offset) = footer.filter(|offset| *offset >= to_u64(begin)) else { return Ok(Ends::NoIndex) };
    let frame_end = len.saturating_sub(to_u64(TRAILER_BYTES));
    if offset >= frame_end || frame_end - offset > u64::from(limits.raw_bytes) + to_u64(FRAME_BYTES) {
        return Ok(Ends::NoIndex);
    }
    let Some(from) = offset.checked_sub(len.saturating_sub(to_u64(last.len()))) else {
        return Ok(Ends::More(offset..len));
    };
    let bytes = usize::try_from(from).ok().and_then(|from| last.get(from..)).unwrap_or_default();
    let Ok((footer, position)) = footer_of(bytes, limits, offset) else { return Ok(Ends::NoIndex) };
    let Footer { blocks, keyframes, density } = footer;
    if !follows(&blocks, to_u64(begin), position, limits) {
        return Ok(Ends::NoIndex);
    }
    let longest = u64::from(limits.raw_bytes) + to_u64(FRAME_BYTES);
    let keyframes = keyframes.into_iter().filter(|k| k.position <= position && k.bytes <= longest).collect();
    (scan.blocks, scan.keyframes, scan.density) = (blocks, keyframes, density);
    Ok(Ends::Index(Box::new(scan)))
}

/// A footer, and how many events it says there are.
fn footer_of(bytes: &[u8], limits: Limits, offset: u64) -> Result<(Footer, u64), Malformed> {
    let (frame, payload) = Frame::parse(bytes, limits)?;
    if frame.kind != Kind::Footer {
        return Err(Malformed("an index that is none"));
    }
    Ok((Footer::load(&frame.unpack(payload)?, offset)?, frame.position))
}

/// Whether blocks hold all `events` events, one after another.
fn follows(blocks: &[BlockPlace], begin: u64, events: u64, limits: Limits) -> bool {
    let longest = u64::from(limits.raw_bytes) + to_u64(FRAME_BYTES);
    let mut next = BlockPlace { offset: begin, ..BlockPlace::default() };
    for block in blocks {
        let sound = block.position == next.position
            && block.offset >= next.offset
            && block.seq >= next.seq
            && block.bytes <= longest
            && (1..=limits.block_events).contains(&block.events);
        if !sound {
            return false;
        }
        next.position += u64::from(block.events);
        next.offset = block.offset.saturating_add(block.bytes);
        next.seq = block.seq.saturating_add(block.events.into());
    }
    next.position == events
}

/// How many bytes the head takes, if that can be told.
fn head_bytes(first: &[u8]) -> Option<u64> {
    let stored = first.get(START_BYTES + 8..)?.first_chunk()?;
    Some(to_u64(START_BYTES + FRAME_BYTES) + u64::from(u32::from_le_bytes(*stored)))
}

impl Scan {
    fn of(header: Header, limits: Limits) -> Self {
        let (blocks, keyframes, problems) = (Vec::new(), Vec::new(), Vec::new());
        Self { header, limits, blocks, keyframes, density: Density::default(), problems }
    }
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
            let footer = Footer::load(&frame.unpack(payload)?, offset)?;
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

fn head(bytes: &[u8]) -> Result<(Header, Limits, usize), ReadError> {
    #[derive(Deserialize)]
    struct Head {
        limits: Limits,
        header: Map<String, Value>,
    }
    let version = version(bytes).ok_or(ReadError::Empty)?;
    if version == 0 {
        return Err(ReadError::NoHead("its version is 0".to_owned()));
    }
    if version > VERSION {
        return Err(ReadError::TooNew { found: version });
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

/// The frame at `offset` of a whole file.
pub(crate) fn frame_at(bytes: &[u8], offset: u64) -> &[u8] {
    usize::try_from(offset).ok().and_then(|from| bytes.get(from..)).unwrap_or_default()
}

/// A block's events from its frame, and what is wrong with it. What cannot be read is lost, and told by events.
pub(crate) fn block_events(frame: &[u8], scan: &Scan, place: &BlockPlace) -> (Vec<Event>, Option<Problem>) {
    let raw = Frame::parse(frame, scan.limits).and_then(|(frame, payload)| {
        let told = (frame.kind, frame.count, frame.seq, frame.time_ns);
        if told != (Kind::Block, place.events, place.seq, place.time_ns) {
            return Err(Malformed("not the block that the index names"));
        }
        frame.unpack(payload)
    });
    let (events, result) = match raw {
        Ok(raw) => decode(&raw, place.events, place.seq, place.time_ns, scan.header.page_size),
        Err(why) => (Vec::new(), Err(why)),
    };
    let problem = result.err().map(|why| Problem { place: Place::Byte(place.offset), reason: why.into() });
    (events, problem)
}

/// The world that a keyframe's frame holds; `None` when it is damaged, for then another way leads there.
pub(crate) fn keyframe(frame: &[u8], scan: &Scan) -> Option<World> {
    let (frame, payload) = Frame::parse(frame, scan.limits).ok()?;
    let raw = frame.unpack(payload).ok().filter(|_| frame.kind == Kind::Keyframe)?;
    World::load(scan.header.page_size, &raw)
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
        let (more, problem) = block_events(frame_at(bytes, place.offset), &scan, place);
        events.extend(more);
        scan.problems.extend(problem);
    }
    scan.problems.sort_by_key(|problem| problem.place);
    Ok(Trace { header: scan.header, events, problems: scan.problems })
}
