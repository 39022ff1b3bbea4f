//! Where everything is: the last part of a file.

use super::density::Density;
use super::numbers::{difference, restored};
use super::{FRAME_BYTES, Malformed};
use crate::varint::{Reader, put};

/// Where a block is, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockPlace {
    /// The first byte of its frame in the file.
    pub offset: u64,
    /// Bytes of its frame in the file.
    pub bytes: u64,
    /// How many events come before it.
    pub position: u64,
    /// How many events it holds.
    pub events: u32,
    /// The sequence number of its first event.
    pub seq: u64,
    /// The time of its first event, in nanoseconds.
    pub time_ns: u64,
}

/// Where a keyframe is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyframePlace {
    /// The first byte of its frame in the file.
    pub offset: u64,
    /// Bytes of its frame in the file.
    pub bytes: u64,
    /// How many events lead to it.
    pub position: u64,
}

/// The index of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footer {
    /// By position.
    pub blocks: Vec<BlockPlace>,
    /// By position.
    pub keyframes: Vec<KeyframePlace>,
    /// What happened where and when.
    pub density: Density,
}

impl Footer {
    pub(super) fn save(&self) -> Vec<u8> {
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        let mut to = Vec::new();
        put(&mut to, count(self.blocks.len()));
        let mut last = BlockPlace::default();
        for block in &self.blocks {
            for number in [
                block.offset.wrapping_sub(last.offset.wrapping_add(last.bytes)),
                block.bytes,
                block.position.wrapping_sub(last.position.wrapping_add(last.events.into())),
                block.events.into(),
                block.seq.wrapping_sub(last.seq),
                difference(block.time_ns, last.time_ns),
            ] {
                put(&mut to, number);
            }
            last = *block;
        }
        put(&mut to, count(self.keyframes.len()));
        let mut last = KeyframePlace::default();
        for keyframe in &self.keyframes {
            put(&mut to, keyframe.offset.wrapping_sub(last.offset.wrapping_add(last.bytes)));
            put(&mut to, keyframe.bytes);
            put(&mut to, keyframe.position.wrapping_sub(last.position));
            last = *keyframe;
        }
        self.density.save(&mut to);
        to
    }

    /// Of a footer that stands at `offset` of its file.
    pub(super) fn load(raw: &[u8], offset: u64) -> Result<Self, Malformed> {
        Self::read(&mut Reader::new(raw), offset).ok_or(Malformed("an index that is none"))
    }

    fn read(from: &mut Reader<'_>, before: u64) -> Option<Self> {
        let header = u64::try_from(FRAME_BYTES).ok()?;
        // Every frame takes its part of the file: so a short file has few of them.
        let fits = |offset: u64, bytes: u64| {
            bytes >= header && offset.checked_add(bytes).is_some_and(|end| end <= before)
        };
        let mut footer = Self::default();
        let mut last = BlockPlace::default();
        for _ in 0..from.count(6)? {
            let offset = last.offset.checked_add(last.bytes)?.checked_add(from.number()?)?;
            let bytes = from.number()?;
            let position = last.position.checked_add(last.events.into())?.checked_add(from.number()?)?;
            let events = from.small()?;
            let seq = last.seq.checked_add(from.number()?)?;
            let time_ns = restored(from.number()?, last.time_ns);
            if !fits(offset, bytes) {
                return None;
            }
            last = BlockPlace { offset, bytes, position, events, seq, time_ns };
            footer.blocks.push(last);
        }
        let mut last = KeyframePlace::default();
        for _ in 0..from.count(3)? {
            let offset = last.offset.checked_add(last.bytes)?.checked_add(from.number()?)?;
            let bytes = from.number()?;
            let position = last.position.checked_add(from.number()?)?;
            if !fits(offset, bytes) {
                return None;
            }
            last = KeyframePlace { offset, bytes, position };
            footer.keyframes.push(last);
        }
        footer.density = Density::load(from).ok()?;
        from.is_empty().then_some(footer)
    }
}
