//! The bytes of a file that come by and by, and go when there are too many of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Parts of a file, each whole or on its way. A part is a frame: a block's or a keyframe's.
#[derive(Debug)]
pub(super) struct Pieces {
    parts: BTreeMap<u64, Part>,
    /// Parts that somebody wanted to look at and that were not here, by their first byte.
    pub(super) wanted: BTreeSet<u64>,
    /// Bytes of all parts, and how many there may be.
    cost: usize,
    budget: usize,
    /// Counts up with every use.
    clock: u64,
}

#[derive(Debug)]
struct Part {
    bytes: Vec<u8>,
    /// What of it has not come yet.
    missing: Vec<Range<usize>>,
    used: u64,
}

/// How many wishes are remembered.
const WISHES: usize = 64;

impl Pieces {
    pub(super) fn new(budget: usize) -> Self {
        Self { parts: BTreeMap::new(), wanted: BTreeSet::new(), cost: 0, budget, clock: 0 }
    }

    /// Whether a part is here as a whole.
    pub(super) fn has(&self, offset: u64) -> bool {
        self.parts.get(&offset).is_some_and(|part| part.missing.is_empty())
    }

    /// A part's bytes, if all of them are here. If not, they are wanted.
    pub(super) fn get(&mut self, offset: u64) -> Option<&[u8]> {
        self.clock += 1;
        match self.parts.get_mut(&offset).filter(|part| part.missing.is_empty()) {
            Some(part) => {
                part.used = self.clock;
                Some(&part.bytes)
            }
            None => {
                // Who wants more than that has moved on.
                if self.wanted.len() >= WISHES {
                    self.wanted.clear();
                }
                self.wanted.insert(offset);
                None
            }
        }
    }

    /// Bytes of the file from `at` on have come: what they are of the part at `offset`, `len` bytes long.
    pub(super) fn put(&mut self, offset: u64, len: u64, at: u64, bytes: &[u8]) {
        let Ok(size) = usize::try_from(len) else { return };
        let end = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let (from, to) = (offset.max(at), offset.saturating_add(len).min(end));
        let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let Some(new) = (from < to).then(|| bytes.get(index(from - at)..index(to - at))).flatten() else {
            return;
        };
        let inside = index(from - offset)..index(to - offset);
        self.clock += 1;
        let part = self.parts.entry(offset).or_insert_with(|| {
            self.cost += size;
            let missing = std::iter::once(0..size).collect();
            Part { bytes: vec![0; size], missing, used: 0 }
        });
        part.used = self.clock;
        if part.missing.is_empty() {
            return;
        }
        if let Some(place) = part.bytes.get_mut(inside.clone()) {
            place.copy_from_slice(new);
        }
        let cut =
            |gap: &Range<usize>| [gap.start..gap.end.min(inside.start), gap.start.max(inside.end)..gap.end];
        part.missing = part.missing.iter().flat_map(cut).filter(|gap| !gap.is_empty()).collect();
        if part.missing.is_empty() {
            self.wanted.remove(&offset);
        }
    }

    /// Lets go of what was not used for longest, until there is room.
    pub(super) fn make_room(&mut self) {
        if self.cost <= self.budget {
            return;
        }
        let mut by_use: Vec<_> = self.parts.iter().map(|(offset, part)| (part.used, *offset)).collect();
        by_use.sort_unstable();
        // Some more than needed, so that it need not be done at every piece.
        for (_, offset) in by_use {
            if self.cost <= self.budget / 8 * 7 || self.parts.len() <= 1 {
                break;
            }
            self.cost -= self.parts.remove(&offset).map_or(0, |part| part.bytes.len());
        }
    }

    /// Bytes that are held.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }
}
