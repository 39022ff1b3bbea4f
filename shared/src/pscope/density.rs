//! What happened where and when, counted coarsely: a picture of a whole trace that is never large.

use super::Malformed;
use crate::addr::Addr;
use crate::event::{Event, EventKind};
use crate::varint::{Reader, put};

/// How many columns there are at most. A viewer that wants fewer adds neighbours up.
const MAX_COLUMNS: usize = 1024;
/// How many cells a column has at most.
const MAX_CELLS: usize = 32;
/// The finest cells are this large: 2^21 bytes.
const FINEST: u8 = 21;
/// The coarsest: 2^47 bytes, half of an address space of four levels.
const COARSEST: u8 = 47;

/// How many events there were, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Mappings made.
    pub maps: u64,
    /// Mappings taken away.
    pub unmaps: u64,
    /// Page faults.
    pub faults: u64,
    /// Whatever else is about an address.
    pub others: u64,
}

/// What happened in one stretch of the trace in one stretch of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The process; 0 for several.
    pub pid: u32,
    /// The first address.
    pub start: Addr,
    /// What happened.
    pub counts: Counts,
}

/// One stretch of the trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// How many events it has.
    pub events: u64,
    /// The time of its first and of its last event, in nanoseconds.
    pub time_ns: (u64, u64),
    /// Its cells are 2 to the power of this many bytes large.
    pub cell_bits: u8,
    /// The cells in which something happened, by process and address.
    pub cells: Vec<Cell>,
}

/// The picture. Columns follow one another; all but the last have the same number of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Density {
    columns: Vec<Column>,
}

impl Density {
    /// From the first event to the last.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(super) fn save(&self, to: &mut Vec<u8>) {
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        put(to, count(self.columns.len()));
        for column in &self.columns {
            for number in [column.events, column.time_ns.0, column.time_ns.1, column.cell_bits.into()] {
                put(to, number);
            }
            put(to, count(column.cells.len()));
            for Cell { pid, start, counts } in &column.cells {
                let Counts { maps, unmaps, faults, others } = *counts;
                for number in [u64::from(*pid), start.0 >> column.cell_bits, maps, unmaps, faults, others] {
                    put(to, number);
                }
            }
        }
    }

    pub(super) fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::read(from).ok_or(Malformed("a density that is none"))
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut columns = Vec::new();
        for _ in 0..from.count(5).filter(|n| *n <= MAX_COLUMNS)? {
            let events = from.number()?;
            let time_ns = (from.number()?, from.number()?);
            let cell_bits =
                u8::try_from(from.number()?).ok().filter(|bits| (FINEST..=COARSEST).contains(bits))?;
            let mut cells = Vec::new();
            for _ in 0..from.count(6).filter(|n| *n <= MAX_CELLS)? {
                let (pid, at) = (from.small()?, from.number()?);
                let start = Addr(at.checked_shl(cell_bits.into()).filter(|start| start >> cell_bits == at)?);
                let counts = Counts {
                    maps: from.number()?,
                    unmaps: from.number()?,
                    faults: from.number()?,
                    others: from.number()?,
                };
                cells.push(Cell { pid, start, counts });
            }
            columns.push(Column { events, time_ns, cell_bits, cells });
        }
        Some(Self { columns })
    }
}

/// Counts as a trace is written.
#[derive(Debug)]
pub(super) struct Counter {
    density: Density,
    now: Open,
    /// Events a column.
    width: u64,
}

type Cells = Vec<((u32, u64), Counts)>;

/// The column that is counted in.
#[derive(Debug)]
struct Open {
    events: u64,
    time_ns: (u64, u64),
    bits: u8,
    /// By process and place; few enough for a list.
    cells: Cells,
    /// The cell that was counted in last.
    last: ((u32, u64), Counts),
}

impl Default for Open {
    fn default() -> Self {
        let last = ((0, u64::MAX), Counts::default());
        Self { events: 0, time_ns: (0, 0), bits: FINEST, cells: Cells::new(), last }
    }
}

impl Counter {
    /// For columns of `width` events at first.
    pub(super) fn new(width: u64) -> Self {
        Self { density: Density::default(), now: Open::default(), width: width.max(1) }
    }

    pub(super) fn count(&mut self, event: &Event) {
        self.now.count(event);
        if self.now.events < self.width {
            return;
        }
        self.density.columns.push(std::mem::take(&mut self.now).close());
        if self.density.columns.len() >= MAX_COLUMNS {
            let joined = self.density.columns.chunks(2).map(join).collect();
            self.density.columns = joined;
            self.width *= 2;
        }
    }

    pub(super) fn finish(mut self) -> Density {
        if self.now.events > 0 {
            self.density.columns.push(self.now.close());
        }
        self.density
    }
}

impl Open {
    fn count(&mut self, event: &Event) {
        if self.events == 0 {
            self.time_ns.0 = event.time_ns;
        }
        self.time_ns.1 = event.time_ns;
        self.events += 1;
        let Some((addr, counter)) = about(&event.kind) else { return };
        let key = (event.pid, addr.0 >> self.bits);
        if self.last.0 != key {
            self.put_down();
            // Where it is now may be coarser than before.
            self.last = ((event.pid, addr.0 >> self.bits), Counts::default());
        }
        *counter(&mut self.last.1) += 1;
    }

    fn put_down(&mut self) {
        let (key, counts) = self.last;
        if counts == Counts::default() {
            return;
        }
        self.last.1 = Counts::default();
        add(&mut self.cells, key, counts);
        self.coarsen();
    }

    /// Larger cells until there are few enough; then processes are no longer told apart.
    fn coarsen(&mut self) {
        while self.cells.len() > MAX_CELLS {
            let many = self.bits >= COARSEST;
            if !many {
                self.bits += 1;
            }
            let mut cells = Cells::with_capacity(self.cells.len());
            for ((pid, at), counts) in &self.cells {
                let key = if many { (0, *at) } else { (*pid, at >> 1) };
                add(&mut cells, key, *counts);
            }
            if many {
                // Nobody has so many halves of an address space: what is left over is dropped from the picture.
                cells.truncate(MAX_CELLS);
            }
            self.cells = cells;
        }
    }

    fn close(mut self) -> Column {
        self.put_down();
        let bits = self.bits;
        let cells = self.cells.into_iter();
        let cells = cells.map(|((pid, at), counts)| Cell { pid, start: Addr(at << bits), counts }).collect();
        Column { events: self.events, time_ns: self.time_ns, cell_bits: bits, cells }
    }
}

fn add(cells: &mut Cells, key: (u32, u64), more: Counts) {
    let at = cells.partition_point(|(other, _)| *other < key);
    if cells.get(at).is_none_or(|(other, _)| *other != key) {
        cells.insert(at, (key, Counts::default()));
    }
    let Some((_, to)) = cells.get_mut(at) else { return };
    to.maps += more.maps;
    to.unmaps += more.unmaps;
    to.faults += more.faults;
    to.others += more.others;
}

/// Two neighbours as one column.
fn join(pair: &[Column]) -> Column {
    let bits = pair.iter().map(|c| c.cell_bits).max().unwrap_or(FINEST);
    let mut open = Open { bits, ..Open::default() };
    for column in pair {
        if open.events == 0 {
            open.time_ns.0 = column.time_ns.0;
        }
        open.events += column.events;
        open.time_ns.1 = column.time_ns.1;
        for cell in &column.cells {
            add(&mut open.cells, (cell.pid, cell.start.0 >> open.bits), cell.counts);
        }
    }
    open.coarsen();
    open.close()
}

type Counted = fn(&mut Counts) -> &mut u64;

/// The address that an event is about, and what it counts as.
fn about(kind: &EventKind) -> Option<(Addr, Counted)> {
    let other: Counted = |c| &mut c.others;
    match kind {
        EventKind::Fault(e) => Some((e.addr, |c| &mut c.faults)),
        EventKind::Map(e) => Some((e.range.start(), |c| &mut c.maps)),
        EventKind::Unmap(e) => Some((e.range.start(), |c| &mut c.unmaps)),
        EventKind::Protect(e) => Some((e.range.start(), other)),
        EventKind::Remap(e) => Some((e.new.start(), other)),
        EventKind::Break(e) => Some((e.new, other)),
        EventKind::Advise(e) => Some((e.range.start(), other)),
        EventKind::Signal(e) => Some((e.addr, other)),
        EventKind::Access(e) => Some((e.addr, other)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Extra, Fault};

    fn fault(pid: u32, addr: u64, time_ns: u64) -> Event {
        let fault = Fault { addr: Addr(addr), access: None, severity: None, ip: None, led_to: None };
        Event { seq: time_ns, time_ns, pid, tid: pid, kind: EventKind::Fault(fault), extra: Extra::NONE }
    }

    #[test]
    fn counts_are_kept_however_coarse_the_picture_becomes() {
        let mut counter = Counter::new(4);
        for i in 0..100_000u64 {
            let pid = u32::try_from(i % 7).unwrap_or(0) + 1;
            counter.count(&fault(pid, i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 17, i));
        }
        let density = counter.finish();
        assert!(density.columns().len() <= MAX_COLUMNS && density.columns().len() > MAX_COLUMNS / 2 - 1);
        assert!(density.columns().iter().all(|c| c.cells.len() <= MAX_CELLS));
        let faults: u64 = density.columns().iter().flat_map(|c| &c.cells).map(|c| c.counts.faults).sum();
        assert_eq!(faults, 100_000);
        assert_eq!(density.columns().iter().map(|c| c.events).sum::<u64>(), 100_000);
        let mut bytes = Vec::new();
        density.save(&mut bytes);
        assert_eq!(Density::load(&mut Reader::new(&bytes)), Ok(density));
    }

    #[test]
    fn one_place_stays_one_fine_cell() {
        let mut counter = Counter::new(1000);
        (0..5).for_each(|i| counter.count(&fault(3, 0x7000_0000 + i * 4096, i)));
        let density = counter.finish();
        let counts = Counts { faults: 5, ..Counts::default() };
        let column = Column {
            events: 5,
            time_ns: (0, 4),
            cell_bits: FINEST,
            cells: vec![Cell { pid: 3, start: Addr(0x7000_0000), counts }],
        };
        assert_eq!(density.columns(), [column]);
    }
}
