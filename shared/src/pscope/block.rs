//! The events of one block as bytes, before compression.

use super::numbers::{COLUMNS, Coder, Column, Place, code, difference, restored, shares_shape};
use super::{MAX_SHAPE_BYTES, Malformed};
use crate::addr::PageSize;
use crate::event::{Event, EventKind, Extra};
use crate::jsonl::{check, kind_from, kind_text};
use crate::varint::{Reader, put, put_text};
use std::collections::BTreeMap;
use std::mem::{Discriminant, discriminant};

/// How many shapes of one kind are looked through before there is a new one.
const CANDIDATES: usize = 32;

/// Events that become a block.
#[derive(Default)]
pub(crate) struct BlockWriter {
    shapes: Vec<Shape>,
    texts: Vec<u8>,
    /// Numbers of the shapes of each kind, the one used last first.
    known: Vec<(Discriminant<EventKind>, Vec<usize>)>,
    columns: Columns,
    threads: Vec<((u32, u32), Place)>,
    thread: usize,
    /// The text of all events that share a shape.
    shared_bytes: u64,
    /// How many events there are.
    pub(crate) count: u32,
    /// Of the first and of the last event.
    pub(crate) seq: (u64, u64),
    /// Of the first and of the last event.
    pub(crate) time_ns: (u64, u64),
}

struct Shape {
    kind: EventKind,
    bytes: u64,
}

#[derive(Default)]
struct Columns {
    bytes: [Vec<u8>; COLUMNS],
    ips: BTreeMap<u64, u64>,
    last_ip: u64,
}

impl Columns {
    fn put(&mut self, column: Column, value: u64) {
        put(&mut self.bytes[column as usize], value);
    }
}

impl Coder for Columns {
    const WRITES: bool = true;

    fn plain(&mut self, column: Column, value: u64) -> Result<u64, Malformed> {
        self.put(column, value);
        Ok(value)
    }

    fn ip(&mut self, value: u64) -> Result<u64, Malformed> {
        let next = u64::try_from(self.ips.len()).unwrap_or(u64::MAX) + 1;
        match self.ips.entry(value) {
            std::collections::btree_map::Entry::Occupied(known) => {
                let number = *known.get();
                self.put(Column::Ip, number);
            }
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(next);
                self.put(Column::Ip, 0);
                self.put(Column::Ip, difference(value, self.last_ip));
                self.last_ip = value;
            }
        }
        Ok(value)
    }
}

impl BlockWriter {
    /// How many bytes the block has so far, about.
    pub(crate) fn bytes(&self) -> usize {
        self.texts.len() + self.columns.bytes.iter().map(Vec::len).sum::<usize>()
    }

    /// Whether it must end before it breaks the format's limit.
    pub(crate) fn is_full(&self) -> bool {
        self.shared_bytes > MAX_SHAPE_BYTES / 4 || self.bytes() > 4 << 20
    }

    /// # Errors
    /// An event that cannot be told as JSON. The block is lost then.
    pub(crate) fn push(&mut self, event: &Event) -> Result<(), serde_json::Error> {
        if self.count == 0 {
            self.seq = (event.seq, event.seq.wrapping_sub(1));
            self.time_ns = (event.time_ns, event.time_ns);
        }
        self.put_thread((event.pid, event.tid));
        let mut kind = event.kind.clone();
        // A writer has nothing to complain about.
        let _ = match self.threads.get_mut(self.thread) {
            Some((_, place)) => code(&mut self.columns, &mut kind, place),
            None => Ok(()),
        };
        let shape = self.shape_of(kind, &event.extra)?;
        self.columns.put(Column::Shape, shape);
        self.columns.put(Column::Seq, event.seq.wrapping_sub(self.seq.1).wrapping_sub(1));
        self.columns.put(Column::Time, difference(event.time_ns, self.time_ns.1));
        (self.seq.1, self.time_ns.1) = (event.seq, event.time_ns);
        self.count += 1;
        Ok(())
    }

    fn put_thread(&mut self, who: (u32, u32)) {
        if self.threads.get(self.thread).is_none_or(|(known, _)| *known != who) {
            self.thread = self.threads.iter().position(|(known, _)| *known == who).unwrap_or_else(|| {
                self.threads.push((who, Place::default()));
                self.threads.len()
            });
        }
        if self.thread == self.threads.len() {
            self.columns.put(Column::Thread, 0);
            self.columns.put(Column::Thread, who.0.into());
            self.columns.put(Column::Thread, who.1.into());
            self.thread -= 1;
        } else {
            self.columns.put(Column::Thread, u64::try_from(self.thread).unwrap_or(0) + 1);
        }
    }

    fn shape_of(&mut self, kind: EventKind, extra: &Extra) -> Result<u64, serde_json::Error> {
        let number = |at: usize| u64::try_from(at).unwrap_or(u64::MAX);
        let shared = shares_shape(&kind) && extra.fields().is_none();
        if shared {
            let known = known_of(&mut self.known, &kind);
            let shapes = &self.shapes;
            let found = known.iter().position(|at| shapes.get(*at).is_some_and(|s| s.kind == kind));
            if let Some(found) = found {
                let at = known.get(found).copied().unwrap_or(0);
                known.copy_within(0..found, 1);
                if let Some(first) = known.first_mut() {
                    *first = at;
                }
                self.shared_bytes += self.shapes.get(at).map_or(0, |s| s.bytes);
                return Ok(number(at));
            }
        }
        let text = kind_text(&kind, extra)?;
        put_text(&mut self.texts, &text);
        let (at, bytes) = (self.shapes.len(), number(text.len()));
        if shared {
            self.shared_bytes += bytes;
            let known = known_of(&mut self.known, &kind);
            known.truncate(CANDIDATES - 1);
            known.insert(0, at);
            self.shapes.push(Shape { kind, bytes });
        } else {
            // Nobody looks for it.
            let kind = EventKind::End(crate::event::End { count: 0 });
            self.shapes.push(Shape { kind, bytes });
        }
        Ok(number(at))
    }

    /// The block as bytes; the writer is empty afterwards.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let Self { shapes, texts, columns, .. } = std::mem::take(self);
        let len = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        let mut raw =
            Vec::with_capacity(texts.len() + columns.bytes.iter().map(Vec::len).sum::<usize>() + 64);
        put(&mut raw, len(shapes.len()));
        raw.extend(texts);
        for column in &columns.bytes {
            put(&mut raw, len(column.len()));
            raw.extend(column);
        }
        raw
    }
}

/// The shapes of one kind.
fn known_of<'a>(
    all: &'a mut Vec<(Discriminant<EventKind>, Vec<usize>)>,
    kind: &EventKind,
) -> &'a mut Vec<usize> {
    let which = discriminant(kind);
    let at = all.iter().position(|(known, _)| *known == which).unwrap_or_else(|| {
        all.push((which, Vec::new()));
        all.len() - 1
    });
    &mut all[at].1
}

/// The columns of a block that is read.
struct Numbers<'a> {
    columns: [Reader<'a>; COLUMNS],
    ips: Vec<u64>,
    last_ip: u64,
}

const SHORT: Malformed = Malformed("a column ends too early");

impl Coder for Numbers<'_> {
    const WRITES: bool = false;

    #[inline]
    fn plain(&mut self, column: Column, _: u64) -> Result<u64, Malformed> {
        self.columns[column as usize].number().ok_or(SHORT)
    }

    fn ip(&mut self, _: u64) -> Result<u64, Malformed> {
        if let Some(at) = self.plain(Column::Ip, 0)?.checked_sub(1) {
            let known = usize::try_from(at).ok().and_then(|at| self.ips.get(at));
            return known.copied().ok_or(Malformed("an instruction that stands nowhere"));
        }
        self.last_ip = restored(self.plain(Column::Ip, 0)?, self.last_ip);
        self.ips.push(self.last_ip);
        Ok(self.last_ip)
    }
}

/// A shape that was read. Those that are not shared are taken.
struct Known {
    event: Option<(EventKind, Extra)>,
    bytes: u64,
    shared: bool,
}

/// The events of a block from its bytes, `count` of them, the first one with `seq` and `time_ns`: those that could be
/// read, and why not all.
pub(crate) fn decode(
    raw: &[u8],
    count: u32,
    seq: u64,
    time_ns: u64,
    size: PageSize,
) -> (Vec<Event>, Result<(), Malformed>) {
    let mut events = Vec::new();
    let result = decode_into(&mut events, raw, count, seq, time_ns, size);
    (events, result)
}

fn decode_into(
    events: &mut Vec<Event>,
    raw: &[u8],
    count: u32,
    seq: u64,
    time_ns: u64,
    size: PageSize,
) -> Result<(), Malformed> {
    let mut from = Reader::new(raw);
    let mut shapes = read_shapes(&mut from)?;
    let mut numbers = Numbers { columns: [Reader::new(&[]); COLUMNS], ips: Vec::new(), last_ip: 0 };
    for column in &mut numbers.columns {
        let len = from.count(1).ok_or(SHORT)?;
        *column = Reader::new(from.bytes(len).ok_or(SHORT)?);
    }
    // Each event has at least one byte in this column.
    let room = numbers.columns[Column::Shape as usize].left();
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > room {
        return Err(Malformed("fewer events than it says"));
    }
    events.reserve_exact(count);
    let mut threads: Vec<((u32, u32), Place)> = Vec::new();
    let (mut last_seq, mut last_time) = (seq.wrapping_sub(1), time_ns);
    let mut shared_bytes = 0;
    for _ in 0..count {
        let thread = read_thread(&mut numbers, &mut threads)?;
        let Some((who, place)) = threads.get_mut(thread) else { return Err(Malformed("no such thread")) };
        let shape = usize::try_from(numbers.plain(Column::Shape, 0)?).ok().and_then(|at| shapes.get_mut(at));
        let Some(shape) = shape else { return Err(Malformed("no such shape")) };
        let event = if shape.shared {
            shared_bytes += shape.bytes;
            if shared_bytes > MAX_SHAPE_BYTES {
                return Err(Malformed("its shapes amount to more than is allowed"));
            }
            shape.event.clone()
        } else {
            shape.event.take()
        };
        let Some((mut kind, extra)) = event else {
            return Err(Malformed("a shape for one event used twice"));
        };
        code(&mut numbers, &mut kind, place)?;
        if check(&kind, size).is_err() {
            return Err(Malformed("a range that is impossible"));
        }
        let step = numbers.plain(Column::Seq, 0)?;
        let seq = last_seq.wrapping_add(step).wrapping_add(1);
        if seq <= last_seq && !events.is_empty() {
            return Err(Malformed("sequence numbers that do not count up"));
        }
        last_time = restored(numbers.plain(Column::Time, 0)?, last_time);
        last_seq = seq;
        events.push(Event { seq, time_ns: last_time, pid: who.0, tid: who.1, kind, extra });
    }
    Ok(())
}

fn read_shapes(from: &mut Reader<'_>) -> Result<Vec<Known>, Malformed> {
    // A length, and at least `{"kind":"x"}`.
    let count = from.count(13).ok_or(Malformed("more shapes than there is room for"))?;
    let mut shapes = Vec::with_capacity(count);
    for _ in 0..count {
        let text = from.text().ok_or(Malformed("a shape that is no text"))?;
        let Ok((kind, extra)) = kind_from(text.as_bytes()) else {
            return Err(Malformed("a shape that is no event"));
        };
        let shared = shares_shape(&kind) && extra.fields().is_none();
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        shapes.push(Known { event: Some((kind, extra)), bytes, shared });
    }
    Ok(shapes)
}

fn read_thread(
    numbers: &mut Numbers<'_>,
    threads: &mut Vec<((u32, u32), Place)>,
) -> Result<usize, Malformed> {
    if let Some(at) = numbers.plain(Column::Thread, 0)?.checked_sub(1) {
        return usize::try_from(at).map_err(|_| Malformed("no such thread"));
    }
    let mut id = || {
        u32::try_from(numbers.plain(Column::Thread, 0)?)
            .map_err(|_| Malformed("a process number of more than 32 bits"))
    };
    threads.push(((id()?, id()?), Place::default()));
    Ok(threads.len() - 1)
}
