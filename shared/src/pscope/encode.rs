//! Writes a `.pscope`, piece by piece.

use super::density::Counter;
use super::footer::{BlockPlace, Footer, KeyframePlace};
use super::frame::{Frame, Kind, Limits, put_frame, start, trailer};
use super::{BlockWriter, MAX_RAW_BYTES};
use crate::event::Event;
use crate::header::Header;
use crate::jsonl::{check, header_line};
use crate::model::Change;
use crate::trace::Reason;
use crate::world::World;
use flate2::{Compress, Compression};

/// What a writer may choose.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How hard to compress: 0 not at all, 9 as far as it goes.
    pub compression: u32,
    /// Whether the model follows, so that keyframes can be written.
    pub keyframes: bool,
    /// Events a block.
    pub block_events: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { compression: 5, keyframes: true, block_events: 8192 }
    }
}

/// A keyframe costs at most this part of what was written since the last one.
const KEYFRAME_PART: u64 = 4;

/// Why an event cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// No reader would take it.
    #[error("no trace may hold this event: {0}")]
    Refused(Reason),
    /// It cannot be told as JSON.
    #[error("this event cannot be written: {0}")]
    Untold(String),
}

/// Turns events into the bytes of a `.pscope`. [`Encoder::take`] the bytes now and then.
pub struct Encoder {
    options: Options,
    header: Header,
    compress: Option<Compress>,
    block: BlockWriter,
    out: Vec<u8>,
    /// Bytes that were taken.
    taken: u64,
    footer: Footer,
    density: Counter,
    position: u64,
    last_seq: Option<u64>,
    world: Option<(World, Change)>,
    /// Bytes of blocks since the last keyframe, and what that one took.
    since_keyframe: u64,
    keyframe_bytes: u64,
}

impl Encoder {
    /// Begins a file.
    ///
    /// # Errors
    /// A header that cannot be told as JSON.
    pub fn new(header: &Header, options: Options) -> Result<Self, serde_json::Error> {
        let block_events = options.block_events.clamp(1, Limits::MAX.block_events);
        let limits = serde_json::to_string(&Limits { block_events, ..Limits::MAX })?;
        let head = format!("{{\"limits\":{limits},\"header\":{}}}", header_line(header)?.trim_end());
        let mut out = start();
        let mut compress = (options.compression > 0)
            .then(|| Compress::new(Compression::new(options.compression.min(9)), false));
        put_frame(&mut out, Frame::of(Kind::Head, 0), head.as_bytes(), compress.as_mut());
        Ok(Self {
            options: Options { block_events, ..options },
            header: header.clone(),
            compress,
            block: BlockWriter::default(),
            out,
            taken: 0,
            footer: Footer::default(),
            density: Counter::new(block_events.into()),
            position: 0,
            last_seq: None,
            world: options.keyframes.then(|| (World::new(header.page_size), Change::default())),
            since_keyframe: 0,
            keyframe_bytes: 0,
        })
    }

    /// The next event.
    ///
    /// # Errors
    /// An event that no reader would take; then nothing was written.
    pub fn push(&mut self, event: &Event) -> Result<(), PushError> {
        self.push_in(event, None)
    }

    /// The next event, of one who follows the events with a model anyway, all of them: `world` is how it is after this one.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub fn push_followed(&mut self, event: &Event, world: &World) -> Result<(), PushError> {
        self.world = None;
        self.push_in(event, Some(world))
    }

    fn push_in(&mut self, event: &Event, followed: Option<&World>) -> Result<(), PushError> {
        check(&event.kind, self.header.page_size).map_err(PushError::Refused)?;
        if let Some(previous) = self.last_seq.filter(|last| event.seq <= *last) {
            return Err(PushError::Refused(Reason::OutOfOrder { found: event.seq, previous }));
        }
        self.block.push(event).map_err(|e| PushError::Untold(e.to_string()))?;
        self.last_seq = Some(event.seq);
        self.position += 1;
        self.density.count(event);
        if let Some((world, change)) = &mut self.world {
            world.apply(event, change);
        }
        if self.block.count >= self.options.block_events || self.block.is_full() {
            self.flush_in(followed);
        }
        Ok(())
    }

    /// Ends the block, so that all events so far are in the bytes.
    pub fn flush(&mut self) {
        self.flush_in(None);
    }

    /// As [`Self::flush`], for who follows: see [`Self::push_followed`].
    pub fn flush_followed(&mut self, world: &World) {
        self.flush_in(Some(world));
    }

    fn flush_in(&mut self, followed: Option<&World>) {
        let (events, seq, time_ns) = (self.block.count, self.block.seq.0, self.block.time_ns.0);
        if events == 0 {
            return;
        }
        let raw = self.block.finish();
        let position = self.position - u64::from(events);
        let offset = self.offset();
        let frame = Frame { count: events, seq, time_ns, ..Frame::of(Kind::Block, position) };
        put_frame(&mut self.out, frame, &raw, self.compress.as_mut());
        let bytes = self.offset() - offset;
        self.footer.blocks.push(BlockPlace { offset, bytes, position, events, seq, time_ns });
        self.since_keyframe += bytes;
        if self.since_keyframe >= self.keyframe_bytes.saturating_mul(KEYFRAME_PART) {
            self.put_keyframe(followed);
        }
    }

    fn put_keyframe(&mut self, followed: Option<&World>) {
        let own = self.world.as_ref().map(|(world, _)| world);
        let Some(world) = followed.or(own).filter(|_| self.options.keyframes) else { return };
        let raw = world.save();
        self.since_keyframe = 0;
        self.keyframe_bytes = u64::try_from(raw.len()).unwrap_or(u64::MAX);
        if raw.len() > usize::try_from(MAX_RAW_BYTES).unwrap_or(usize::MAX) {
            return;
        }
        let offset = self.offset();
        put_frame(&mut self.out, Frame::of(Kind::Keyframe, self.position), &raw, self.compress.as_mut());
        let bytes = self.offset() - offset;
        self.keyframe_bytes = bytes;
        self.footer.keyframes.push(KeyframePlace { offset, bytes, position: self.position });
    }

    /// Where in the file the next byte goes.
    fn offset(&self) -> u64 {
        self.taken + u64::try_from(self.out.len()).unwrap_or(u64::MAX)
    }

    /// The bytes since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        self.taken = self.offset();
        std::mem::take(&mut self.out)
    }

    /// How many events there are so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The last bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.flush();
        let offset = self.offset();
        self.footer.density = self.density.finish();
        let footer = self.footer.save();
        put_frame(&mut self.out, Frame::of(Kind::Footer, self.position), &footer, self.compress.as_mut());
        self.out.extend(trailer(offset));
        self.out
    }
}
