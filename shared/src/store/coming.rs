//! What has come of a trace that comes by pieces, and what should come next.

use super::{Source, Store};
use std::ops::Range;

impl Store {
    /// Bytes of the file from `offset` on have come.
    pub fn put(&self, offset: u64, bytes: &[u8]) {
        let Source::Pieces(pieces) = self.source.as_ref() else { return };
        let mut pieces = pieces.borrow_mut();
        let end = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let (blocks, keyframes) = (&self.scan.blocks, &self.scan.keyframes);
        let first = blocks.partition_point(|b| b.offset.saturating_add(b.bytes) <= offset);
        for place in blocks.iter().skip(first).take_while(|b| b.offset < end) {
            pieces.put(place.offset, place.bytes, offset, bytes);
        }
        let first = keyframes.partition_point(|k| k.offset.saturating_add(k.bytes) <= offset);
        for place in keyframes.iter().skip(first).take_while(|k| k.offset < end) {
            pieces.put(place.offset, place.bytes, offset, bytes);
        }
        pieces.make_room();
    }

    /// Whether a block can be looked at now.
    pub fn has_block(&self, block: usize) -> bool {
        let Some(place) = self.scan.blocks.get(block) else { return false };
        match self.source.as_ref() {
            Source::Pieces(pieces) => {
                self.state.borrow().blocks.iter().any(|(kept, _)| *kept == block)
                    || pieces.borrow().has(place.offset)
            }
            _ => true,
        }
    }

    /// The bytes that somebody wanted to look at and that are not here, and what follows them: about `most`, none of
    /// those that are `coming` already.
    pub fn wanted(&self, most: u64, coming: &[Range<u64>]) -> Option<Range<u64>> {
        let Source::Pieces(pieces) = self.source.as_ref() else { return None };
        let pieces = pieces.borrow();
        let on_its_way = |offset: &u64| coming.iter().any(|range| range.contains(offset));
        let offset = *pieces.wanted.iter().find(|offset| !on_its_way(offset))?;
        let keyframe = self.scan.keyframes.binary_search_by_key(&offset, |k| k.offset);
        if let Some(place) = keyframe.ok().and_then(|at| self.scan.keyframes.get(at)) {
            let end = place.offset.saturating_add(place.bytes);
            // The block behind it is what it is wanted for.
            let next = self.scan.blocks.partition_point(|b| b.offset < end);
            return Some(offset..self.missing(next, most, coming).map_or(end, |blocks| blocks.end.max(end)));
        }
        let block = self.scan.blocks.binary_search_by_key(&offset, |b| b.offset).ok()?;
        self.missing(block, most, coming)
    }

    /// The first bytes from a block on that are not here, not farther ahead than `window` bytes: about `most`, none of
    /// those that are `coming` already.
    pub fn ahead(&self, block: usize, window: u64, most: u64, coming: &[Range<u64>]) -> Option<Range<u64>> {
        let Source::Pieces(pieces) = self.source.as_ref() else { return None };
        let blocks = self.scan.blocks.get(block..)?;
        let until = blocks.first()?.offset.saturating_add(window);
        let here = pieces.borrow();
        let next = blocks
            .iter()
            .take_while(|b| b.offset < until)
            .position(|b| !here.has(b.offset) && !coming.iter().any(|range| range.contains(&b.offset)))?;
        drop(here);
        self.missing(block + next, most, coming)
    }

    /// From a block that is not here to the end of the last one in a row that is not.
    fn missing(&self, block: usize, most: u64, coming: &[Range<u64>]) -> Option<Range<u64>> {
        let Source::Pieces(pieces) = self.source.as_ref() else { return None };
        let pieces = pieces.borrow();
        let blocks = self.scan.blocks.get(block..)?;
        let start = blocks.first()?.offset;
        let gone = |offset: u64| !pieces.has(offset) && !coming.iter().any(|range| range.contains(&offset));
        let row =
            blocks.iter().take_while(|b| gone(b.offset) && (b.offset == start || b.offset - start < most));
        let end = row.last().map(|b| b.offset.saturating_add(b.bytes))?;
        Some(start..end)
    }
}
