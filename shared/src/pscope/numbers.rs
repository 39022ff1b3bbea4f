//! The numbers of an event, apart from its shape: one description for writing and for reading.
//!
//! A shape is an event with its numbers taken out. Few shapes occur in a block, so each stands there once, as JSON;
//! an event is then the number of its shape, and its numbers in columns of their own.

use super::Malformed;
use crate::addr::{Addr, Frame, Range};
use crate::event::{Asked, EventKind};
use crate::page::{PageFlags, PageState, Run};
use std::num::NonZeroU64;

/// Where a number stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    Shape,
    Thread,
    Seq,
    Time,
    Start,
    Length,
    Asked,
    Touch,
    Low,
    Ip,
    Other,
    Runs,
}

/// How many columns there are.
pub(super) const COLUMNS: usize = 12;

/// Ranges are told in units of this many bytes, whatever the page size.
const UNIT_BITS: u32 = 12;
const LOW_BITS: u64 = (1 << UNIT_BITS) - 1;

/// What was last seen of a thread: what its next numbers are predicted from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// Where the last range began.
    start: u64,
    /// How long it was.
    length: u64,
    /// The unit that is likely to be touched next.
    touch: u64,
    /// The last fault's offset in its unit.
    low: u64,
    /// The end of the heap.
    brk: u64,
    /// The process or thread that was made last.
    made: u64,
    /// The frame after the last known one.
    frame: u64,
}

/// Writes numbers, or reads them.
pub(super) trait Coder {
    /// Whether it writes: then the event becomes its shape, and otherwise the shape an event.
    const WRITES: bool;

    /// Puts `value` down, or returns what is there.
    fn plain(&mut self, column: Column, value: u64) -> Result<u64, Malformed>;

    /// An instruction's address: few of them occur in a block.
    fn ip(&mut self, value: u64) -> Result<u64, Malformed>;

    /// A number near another.
    fn near(&mut self, column: Column, value: u64, predicted: u64) -> Result<u64, Malformed> {
        Ok(restored(self.plain(column, difference(value, predicted))?, predicted))
    }

    /// A number that is mostly a multiple of the unit, near another.
    fn paged(&mut self, column: Column, value: u64, predicted: u64) -> Result<u64, Malformed> {
        let (unit, base) = (value >> UNIT_BITS, predicted >> UNIT_BITS);
        let low = value & LOW_BITS;
        let code = self.plain(column, difference(unit, base) << 1 | u64::from(low != 0))?;
        let low = if code & 1 == 1 { self.plain(column, low)? & LOW_BITS } else { 0 };
        Ok(restored(code >> 1, base) << UNIT_BITS | low)
    }
}

/// How far `value` is from `predicted`: 0, -1, 1, -2, … become 0, 1, 2, 3, …
pub(super) fn difference(value: u64, predicted: u64) -> u64 {
    let d = value.wrapping_sub(predicted);
    (d << 1) ^ 0u64.wrapping_sub(d >> 63)
}

/// The value that is `difference` from `predicted`.
pub(super) fn restored(difference: u64, predicted: u64) -> u64 {
    predicted.wrapping_add((difference >> 1) ^ 0u64.wrapping_sub(difference & 1))
}

/// Takes the numbers out of an event that is written; puts them into a shape that is read.
pub(super) fn code<C: Coder>(c: &mut C, kind: &mut EventKind, at: &mut Place) -> Result<(), Malformed> {
    match kind {
        EventKind::Fault(fault) => {
            let unit = c.near(Column::Touch, fault.addr.0 >> UNIT_BITS, at.touch)?;
            let low = c.near(Column::Low, fault.addr.0 & LOW_BITS, at.low)? & LOW_BITS;
            (at.touch, at.low) = (unit.wrapping_add(1), low);
            settle::<C>(&mut fault.addr.0, unit << UNIT_BITS | low);
            if let Some(ip) = &mut fault.ip {
                let value = c.ip(ip.0)?;
                settle::<C>(&mut ip.0, value);
            }
        }
        EventKind::Map(map) => {
            let range = code_range(c, &mut map.range, at)?;
            at.touch = range.start().0 >> UNIT_BITS;
            code_asked(c, &mut map.asked, range)?;
            if map.attributes.backing.object().is_some() {
                let offset = c.plain(Column::Other, map.attributes.offset)?;
                settle::<C>(&mut map.attributes.offset, offset);
            }
        }
        EventKind::Unmap(e) => code_call(c, &mut e.asked, &mut e.range, at)?,
        EventKind::Protect(e) => code_call(c, &mut e.asked, &mut e.range, at)?,
        EventKind::Advise(e) => code_call(c, &mut e.asked, &mut e.range, at)?,
        EventKind::Sync(e) => code_call(c, &mut e.asked, &mut e.range, at)?,
        EventKind::Lock(e) => code_lock(c, &mut e.asked, &mut e.range, at)?,
        EventKind::Unlock(e) => code_lock(c, &mut e.asked, &mut e.range, at)?,
        EventKind::Remap(remap) => {
            let new = code_range(c, &mut remap.new, at)?;
            let old = remap.old.as_mut().map(|old| code_range(c, old, at)).transpose()?;
            code_asked(c, &mut remap.asked, old.unwrap_or(new))?;
            code_address(c, &mut remap.to.addr, new)?;
            let len = c.near(Column::Asked, remap.to.len, new.bytes())?;
            settle::<C>(&mut remap.to.len, len);
        }
        EventKind::Break(e) => {
            let old = c.near(Column::Other, e.old.0, at.brk)?;
            let new = c.near(Column::Other, e.new.0, old)?;
            let asked = c.near(Column::Other, e.asked.0, new)?;
            at.brk = new;
            for (field, value) in [(&mut e.old, old), (&mut e.new, new), (&mut e.asked, asked)] {
                settle::<C>(&mut field.0, value);
            }
        }
        EventKind::Failed(failed) => {
            code_asked(c, &mut failed.asked, range_at(at.start))?;
            if let Some(to) = &mut failed.to {
                code_address(c, &mut to.addr, range_at(at.start))?;
                let len = c.plain(Column::Asked, to.len)?;
                settle::<C>(&mut to.len, len);
            }
        }
        EventKind::Signal(signal) => code_address(c, &mut signal.addr, range_at(at.start))?,
        EventKind::Fork(fork) => fork.child = code_made::<C>(c, fork.child, at)?,
        EventKind::Thread(thread) => thread.thread = code_made::<C>(c, thread.thread, at)?,
        EventKind::Observed(observed) => {
            code_range(c, &mut observed.range, at)?;
            code_runs(c, &mut observed.runs, at)?;
        }
        EventKind::End(end) => {
            let count = c.plain(Column::Other, end.count)?;
            settle::<C>(&mut end.count, count);
        }
        EventKind::Start(_)
        | EventKind::Exec(_)
        | EventKind::Exit(_)
        | EventKind::Access(_)
        | EventKind::Snapshot(_)
        | EventKind::Step(_)
        | EventKind::Marker(_)
        | EventKind::Lost(_)
        | EventKind::Other(_) => {}
    }
    Ok(())
}

/// Whether events of this kind share their shapes. The others are whatever size they like, so each has its own.
pub(super) fn shares_shape(kind: &EventKind) -> bool {
    !matches!(
        kind,
        EventKind::Start(_)
            | EventKind::Exec(_)
            | EventKind::Access(_)
            | EventKind::Snapshot(_)
            | EventKind::Step(_)
            | EventKind::Marker(_)
            | EventKind::Lost(_)
            | EventKind::Other(_)
    )
}

/// A shape has 0 where an event has a number.
fn settle<C: Coder>(field: &mut u64, value: u64) {
    *field = if C::WRITES { 0 } else { value };
}

fn code_range<C: Coder>(c: &mut C, range: &mut Range, at: &mut Place) -> Result<Range, Malformed> {
    let start = c.paged(Column::Start, range.start().0, at.start)?;
    let length = c.paged(Column::Length, range.bytes(), at.length)?;
    (at.start, at.length) = (start, length);
    let is = Range::from_len(Addr(start), length).map_err(|_| Malformed("a range that is none"))?;
    *range = if C::WRITES { Range::FIRST_BYTE } else { is };
    Ok(is)
}

fn code_address<C: Coder>(c: &mut C, addr: &mut Addr, near: Range) -> Result<(), Malformed> {
    let start = near.start().0;
    let code = if addr.0 == 0 { 0 } else { 1 + u64::from(addr.0 != start) };
    let value = match c.plain(Column::Asked, code)? {
        0 => 0,
        1 => start,
        _ => c.paged(Column::Asked, addr.0, start)?,
    };
    settle::<C>(&mut addr.0, value);
    Ok(())
}

fn code_asked<C: Coder>(c: &mut C, asked: &mut Asked, near: Range) -> Result<(), Malformed> {
    code_address(c, &mut asked.addr, near)?;
    let len = c.near(Column::Asked, asked.len, near.bytes())?;
    settle::<C>(&mut asked.len, len);
    Ok(())
}

fn code_call<C: Coder>(
    c: &mut C,
    asked: &mut Asked,
    range: &mut Range,
    at: &mut Place,
) -> Result<(), Malformed> {
    let range = code_range(c, range, at)?;
    code_asked(c, asked, range)
}

fn code_lock<C: Coder>(
    c: &mut C,
    asked: &mut Asked,
    range: &mut Option<Range>,
    at: &mut Place,
) -> Result<(), Malformed> {
    let near = range.as_mut().map(|range| code_range(c, range, at)).transpose()?;
    code_asked(c, asked, near.unwrap_or(range_at(at.start)))
}

/// Something to tell addresses by where there is no range.
fn range_at(start: u64) -> Range {
    Range::from_len(Addr(start), 1).unwrap_or(Range::FIRST_BYTE)
}

fn code_made<C: Coder>(c: &mut C, id: u32, at: &mut Place) -> Result<u32, Malformed> {
    at.made = c.near(Column::Other, id.into(), at.made)?;
    let id = u32::try_from(at.made).map_err(|_| Malformed("a process number of more than 32 bits"))?;
    Ok(if C::WRITES { 0 } else { id })
}

/// How many, then for each its pages, its state with flags, and its frame if it has one.
fn code_runs<C: Coder>(c: &mut C, runs: &mut Vec<Run>, at: &mut Place) -> Result<(), Malformed> {
    const COLUMN: Column = Column::Runs;
    let count = c.plain(COLUMN, u64::try_from(runs.len()).unwrap_or(u64::MAX))?;
    let mut given = std::mem::take(runs).into_iter();
    for _ in 0..count {
        let run = given.next().unwrap_or(NO_RUN);
        let state = PageState::ALL.iter().position(|s| *s == run.state).unwrap_or(0);
        let what = u64::try_from(state).unwrap_or(0)
            | u64::from(run.flags.bits()) << 3
            | u64::from(run.frame.is_some()) << 7;
        let what = c.plain(COLUMN, what)?;
        let pages = c.plain(COLUMN, run.pages.get())?;
        let frame = if what >> 7 == 1 {
            let frame = c.near(COLUMN, run.frame.map_or(0, |f| f.0), at.frame)?;
            at.frame = frame.wrapping_add(pages);
            Some(Frame(frame))
        } else {
            None
        };
        if !C::WRITES {
            let state = usize::try_from(what & 7).ok().and_then(|i| PageState::ALL.get(i));
            let flags = u8::try_from(what >> 3 & 15).map(PageFlags::from_bits);
            let (Some(pages), Some(state), Ok(flags), true) =
                (NonZeroU64::new(pages), state, flags, what < 256)
            else {
                return Err(Malformed("a run of pages that is none"));
            };
            runs.push(Run { pages, state: *state, flags, frame });
        }
    }
    Ok(())
}

const NO_RUN: Run =
    Run { pages: NonZeroU64::MIN, state: PageState::Untouched, flags: PageFlags::NONE, frame: None };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_come_back() {
        for (value, near) in [(0, 0), (5, 6), (6, 5), (0, u64::MAX), (u64::MAX, 0), (1 << 63, 1)] {
            assert_eq!(restored(difference(value, near), near), value);
        }
        assert_eq!([difference(4, 5), difference(6, 5), difference(3, 5)], [1, 2, 3]);
    }
}
