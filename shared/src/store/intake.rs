//! Lines that become blocks.

use super::{Source, Store};
use crate::event::Event;
use crate::gz::Gunzip;
use crate::header::Header;
use crate::jsonl::{Line, Lines, MAX_LINE_BYTES};
use crate::pscope::{BlockPlace, BlockWriter, Density, Limits, Scan};
use crate::trace::{Place, Problem, ReadError, Reason};

/// Events a block.
const BLOCK_EVENTS: u32 = 8192;

/// Takes a trace as lines, in whatever pieces it comes.
#[derive(Default)]
pub(super) struct Intake {
    pub(super) lines: Lines,
    header: Option<Header>,
    writer: BlockWriter,
    blocks: Vec<Vec<u8>>,
    places: Vec<BlockPlace>,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
}

impl Intake {
    pub(super) fn take(&mut self, mut text: &[u8]) -> Result<(), ReadError> {
        while !text.is_empty() {
            let Some(end) = text.iter().position(|&b| b == b'\n') else {
                // A line that is too long is kept as far as it takes to say so.
                let room = (MAX_LINE_BYTES + 1).saturating_sub(self.rest.len());
                self.rest.extend(text.iter().take(room));
                break;
            };
            let (line, more) = text.split_at(end + 1);
            text = more;
            if self.rest.is_empty() {
                self.line(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                let room = (MAX_LINE_BYTES + 1).saturating_sub(whole.len());
                whole.extend(line.iter().take(room));
                self.line(&whole)?;
            }
        }
        Ok(())
    }

    /// The next piece of what `from` unpacks; false at its end.
    pub(super) fn take_unpacked<B: AsRef<[u8]>>(&mut self, from: &mut Gunzip<B>) -> Result<bool, ReadError> {
        match from.next_chunk() {
            Ok(Some(chunk)) => self.take(chunk).map(|()| true),
            Ok(None) => Ok(false),
            Err(problem) if self.is_empty() => Err(ReadError::NoGzip(problem.reason)),
            Err(problem) => {
                self.lines.problems.push(problem);
                Ok(false)
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.header.is_none() && self.rest.is_empty()
    }

    /// How many events there are so far.
    pub(super) fn events(&self) -> u64 {
        let last = self.places.last().copied().unwrap_or_default();
        last.position + u64::from(last.events) + u64::from(self.writer.count)
    }

    fn line(&mut self, raw: &[u8]) -> Result<(), ReadError> {
        match self.lines.read(raw)? {
            Some(Line::Header(header)) => self.header = Some(*header),
            Some(Line::Event(event)) => self.push(&event, self.lines.place()),
            None => {}
        }
        Ok(())
    }

    pub(super) fn push(&mut self, event: &Event, place: Place) {
        if let Err(why) = self.writer.push(event) {
            let reason = Reason::NotAnEvent(why.to_string());
            self.lines.problems.push(Problem { place, reason });
        }
        if self.writer.count >= BLOCK_EVENTS || self.writer.is_full() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let (events, seq, time_ns) = (self.writer.count, self.writer.seq.0, self.writer.time_ns.0);
        if events == 0 {
            return;
        }
        let raw = self.writer.finish();
        let bytes = u64::try_from(raw.len()).unwrap_or(u64::MAX);
        let last = self.places.last().copied().unwrap_or_default();
        let (offset, position) = (last.offset + last.bytes, last.position + u64::from(last.events));
        self.places.push(BlockPlace { offset, bytes, position, events, seq, time_ns });
        self.blocks.push(raw);
    }

    pub(super) fn finish(mut self) -> Result<Store, ReadError> {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            self.line(&rest)?;
        }
        let header = self.header.take().ok_or(ReadError::Empty)?;
        Ok(self.into_store(header))
    }

    pub(super) fn into_store(mut self, header: Header) -> Store {
        self.flush();
        let (blocks, problems) = (self.places, self.lines.problems);
        let scan = Scan {
            header,
            limits: Limits::MAX,
            blocks,
            keyframes: Vec::new(),
            density: Density::default(),
            problems,
        };
        Store::of(Source::Blocks(self.blocks), scan)
    }
}
