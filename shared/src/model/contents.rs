//! The bytes that were recorded: known only where a lesson read or wrote them.

use crate::addr::{Addr, Range};
use crate::interval::{Cut, IntervalMap};
use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    bytes: IntervalMap<Piece>,
}

/// The bytes from the start of a range on; there may be more of them than the range has room for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    all: Arc<[u8]>,
    from: usize,
}

impl Cut for Piece {
    fn advanced(&self, by: u64) -> Self {
        let by = usize::try_from(by).unwrap_or(usize::MAX);
        Self { all: Arc::clone(&self.all), from: self.from.saturating_add(by) }
    }
}

impl Contents {
    pub(super) fn record(&mut self, addr: Addr, bytes: &[u8]) {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if let Ok(range) = Range::from_len(addr, len) {
            self.bytes.insert(addr.0, range.end().0, Piece { all: bytes.into(), from: 0 });
        }
    }

    /// Bytes are counted where the other one has not the very same.
    pub(super) fn bytes_beside(&self, other: &Self) -> usize {
        let mut bytes = 0usize;
        let nodes = self.bytes.apart_from(&other.bytes, &mut |start, piece| {
            let same =
                other.bytes.get(start).is_some_and(|(.., theirs)| Arc::ptr_eq(&piece.all, &theirs.all));
            bytes = bytes.saturating_add(if same { 0 } else { piece.all.len() });
        });
        nodes.saturating_add(bytes)
    }

    pub(super) fn forget(&mut self, gone: Range) {
        if self.bytes.is_empty() {
            return;
        }
        self.bytes.remove_each(gone.start().0, gone.end().0, &mut |_, _, _| {});
    }

    /// What is known of `from` is known of `to` instead.
    pub(super) fn shift(&mut self, from: Range, to: Addr) {
        if self.bytes.is_empty() {
            return;
        }
        let end = from.bytes().saturating_add(to.0);
        self.bytes.remove_each(to.0, end, &mut |_, _, _| {});
        for (s, e, piece) in self.bytes.remove(from.start().0, from.end().0) {
            let by = s - from.start().0;
            self.bytes.insert_free(to.0.saturating_add(by), to.0.saturating_add(by + (e - s)), piece);
        }
    }

    /// All pieces by address.
    pub(super) fn all(&self) -> impl Iterator<Item = (Addr, &[u8])> + '_ {
        self.bytes.iter().filter_map(|(s, e, piece)| {
            let len = usize::try_from(e - s).ok()?;
            Some((Addr(s), piece.all.get(piece.from..piece.from.checked_add(len)?)?))
        })
    }

    pub(super) fn overlapping(&self, within: Range) -> impl Iterator<Item = (Addr, &[u8])> + '_ {
        self.bytes.overlapping(within.start().0, within.end().0).filter_map(move |(s, e, piece)| {
            let (from, to) = (s.max(within.start().0), e.min(within.end().0));
            let skip = usize::try_from(from - s).ok()?.checked_add(piece.from)?;
            let len = usize::try_from(to - from).ok()?;
            Some((Addr(from), piece.all.get(skip..skip.checked_add(len)?)?))
        })
    }
}
