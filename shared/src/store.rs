//! The events of a trace, encoded, and decoded block by block where they are looked at.

mod coming;
mod intake;
mod opening;
mod pieces;

pub use opening::{Opened, Opening};

use crate::event::{Event, EventKind, Extra, Lost};
use crate::gz::{Gunzip, is_gzip};
use crate::header::Header;
use crate::jsonl::check;
use crate::pscope::{
    BlockPlace, Density, Ends, KeyframePlace, Scan, Scanner, block_events, decode, ends, frame_at, is_pscope,
    keyframe as world_of,
};
use crate::trace::{Place, Problem, ReadError, Reason, Trace};
use crate::world::World;
use intake::Intake;
use pieces::Pieces;
use std::cell::{Ref, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// What decoded blocks may take, in bytes.
const CACHE_BYTES: usize = 64 << 20;

/// What encoded blocks of a trace that comes by pieces may take, in bytes.
const PIECES_BYTES: usize = 256 << 20;

/// A trace that can be read at any position.
///
/// Memory: the bytes of a `.pscope`, but at most 256 MiB of one that comes by pieces, or about 10 bytes an event of any
/// other trace; beside them decoded blocks of 64 MiB at most.
#[derive(Clone, Debug)]
pub struct Store {
    source: Rc<Source>,
    scan: Rc<Scan>,
    len: usize,
    state: RefCell<State>,
}

/// Where the blocks are.
#[derive(Debug)]
enum Source {
    /// In the file that was opened.
    File(Vec<u8>),
    /// In memory, one by one, not compressed.
    Blocks(Vec<Vec<u8>>),
    /// In a file of which only a part is here.
    Pieces(RefCell<Pieces>),
}

/// How far [`Store::from_ends`] has come.
#[derive(Debug)]
pub enum Begun {
    /// A store without a block yet.
    Store(Box<Store>),
    /// This stretch of the file has to be there, too.
    More(Range<u64>),
    /// The file has no sound index: it has to be opened as a whole.
    NoIndex,
}

#[derive(Clone, Debug, Default)]
struct State {
    problems: Vec<Problem>,
    /// Blocks whose problem is known.
    damaged: BTreeSet<usize>,
    /// Keyframes, by their first byte, that are none.
    no_worlds: BTreeSet<u64>,
    /// Decoded blocks, the one used last first.
    blocks: VecDeque<(usize, Arc<Vec<Event>>)>,
    /// What they take.
    cost: usize,
}

impl Store {
    /// A trace from its bytes, in whichever form they are: the content tells.
    ///
    /// # Errors
    /// When there is no header, or one of a newer version. Anything wrong after that is a [`Problem`].
    pub fn open(bytes: Vec<u8>) -> Result<Self, ReadError> {
        if is_pscope(&bytes) {
            let mut scanner = Scanner::new(&bytes)?;
            scanner.go_on(&bytes, usize::MAX);
            let scan = scanner.finish(&bytes);
            return Ok(Self::of(Source::File(bytes), scan));
        }
        let mut intake = Intake::default();
        if is_gzip(&bytes) {
            let mut from = Gunzip::new(&bytes);
            while intake.take_unpacked(&mut from)? {}
        } else {
            intake.take(&bytes)?;
        }
        intake.finish()
    }

    /// A trace from where its bytes come from. Of one as lines nothing is kept but what the events take encoded.
    ///
    /// # Errors
    /// The outer one when reading fails, the inner one as for [`Self::open`].
    pub fn read(mut from: impl Read) -> io::Result<Result<Self, ReadError>> {
        const CHUNK: u64 = 1 << 18;
        let mut bytes = Vec::new();
        from.by_ref().take(CHUNK).read_to_end(&mut bytes)?;
        if is_pscope(&bytes) || is_gzip(&bytes) {
            from.read_to_end(&mut bytes)?;
            return Ok(Self::open(bytes));
        }
        let mut intake = Intake::default();
        while !bytes.is_empty() {
            if let Err(error) = intake.take(&bytes) {
                return Ok(Err(error));
            }
            bytes.clear();
            from.by_ref().take(CHUNK).read_to_end(&mut bytes)?;
        }
        Ok(intake.finish())
    }

    /// A trace that was read as a whole. Events that no reader would take are left out.
    pub fn from_trace(trace: &Trace) -> Self {
        let mut intake = Intake::default();
        intake.lines.problems.clone_from(&trace.problems);
        let mut previous = None;
        for (event, line) in trace.events.iter().zip(2..) {
            let place = Place::Line(line);
            let problem = match (check(&event.kind, trace.header.page_size), previous) {
                (Err(reason), _) => Some(reason),
                (_, Some(previous)) if event.seq <= previous => {
                    Some(Reason::OutOfOrder { found: event.seq, previous })
                }
                _ => None,
            };
            if let Some(reason) = problem {
                intake.lines.problems.push(Problem { place, reason });
                continue;
            }
            previous = Some(event.seq);
            intake.push(event, place);
        }
        intake.into_store(trace.header.clone())
    }

    /// A `.pscope` of `len` bytes from its first and its last bytes: the rest comes by [`Self::put`], in any order.
    ///
    /// # Errors
    /// When there is no header, or one of a newer version.
    pub fn from_ends(len: u64, first: &[u8], last: &[u8]) -> Result<Begun, ReadError> {
        Self::within(PIECES_BYTES, len, first, last)
    }

    fn within(budget: usize, len: u64, first: &[u8], last: &[u8]) -> Result<Begun, ReadError> {
        Ok(match ends(len, first, last)? {
            Ends::NoIndex => Begun::NoIndex,
            Ends::More(range) => Begun::More(range),
            Ends::Index(scan) => {
                let pieces = Source::Pieces(RefCell::new(Pieces::new(budget)));
                let store = Self::of(pieces, *scan);
                store.put(0, first);
                store.put(len.saturating_sub(to_u64(last.len())), last);
                Begun::Store(Box::new(store))
            }
        })
    }

    fn of(source: Source, mut scan: Scan) -> Self {
        let problems = std::mem::take(&mut scan.problems);
        let len = scan.blocks.last().map_or(0, |last| last.position + u64::from(last.events));
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let state = RefCell::new(State { problems, ..State::default() });
        Self { source: Rc::new(source), scan: Rc::new(scan), len, state }
    }

    /// What recorded it.
    pub fn header(&self) -> &Header {
        &self.scan.header
    }
    /// What could not be read, as far as it was looked at.
    pub fn problems(&self) -> Ref<'_, [Problem]> {
        Ref::map(self.state.borrow(), |state| state.problems.as_slice())
    }
    /// How many events there are.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// How many blocks there are.
    pub fn block_count(&self) -> usize {
        self.scan.blocks.len()
    }
    /// What happened where and when, if the trace says so in short.
    pub fn density(&self) -> &Density {
        &self.scan.density
    }
    /// Whether it is a `.pscope`, or was opened as lines.
    pub fn is_packed(&self) -> bool {
        !matches!(self.source.as_ref(), Source::Blocks(_))
    }
    /// How many bytes the encoded events take, as far as they are here.
    pub fn encoded_bytes(&self) -> usize {
        match self.source.as_ref() {
            Source::File(bytes) => bytes.len(),
            Source::Blocks(blocks) => blocks.iter().map(Vec::len).sum(),
            Source::Pieces(pieces) => pieces.borrow().cost(),
        }
    }

    /// The block that holds an event.
    pub fn block_of(&self, position: usize) -> Option<usize> {
        let position = u64::try_from(position).ok()?;
        let next = self.scan.blocks.partition_point(|b| b.position <= position);
        let index = next.checked_sub(1)?;
        let block = self.scan.blocks.get(index)?;
        (position - block.position < block.events.into()).then_some(index)
    }
    /// The position of a block's first event.
    pub fn block_start(&self, block: usize) -> usize {
        self.scan.blocks.get(block).map_or(self.len, |b| usize::try_from(b.position).unwrap_or(usize::MAX))
    }

    /// A block's events. `None` where there is no such block, or where its bytes have not come yet: then they are
    /// [`Self::wanted`] from now on.
    pub fn block(&self, block: usize) -> Option<Arc<Vec<Event>>> {
        let mut state = self.state.borrow_mut();
        if let Some(at) = state.blocks.iter().position(|(index, _)| *index == block) {
            let found = state.blocks.remove(at)?;
            let events = Arc::clone(&found.1);
            state.blocks.push_front(found);
            return Some(events);
        }
        let place = self.scan.blocks.get(block)?;
        let (mut events, problem) = match self.source.as_ref() {
            Source::File(bytes) => block_events(frame_at(bytes, place.offset), &self.scan, place),
            Source::Pieces(pieces) => block_events(pieces.borrow_mut().get(place.offset)?, &self.scan, place),
            Source::Blocks(blocks) => {
                let size = self.scan.header.page_size;
                let (events, result) =
                    decode(blocks.get(block)?, place.events, place.seq, place.time_ns, size);
                let place = Place::Byte(place.offset);
                (events, result.err().map(|why| Problem { place, reason: why.into() }))
            }
        };
        if let Some(problem) = problem {
            fill_up(&mut events, place);
            if state.damaged.insert(block) {
                state.problems.push(problem);
            }
        }
        let events = Arc::new(events);
        state.cost = state.cost.saturating_add(cost(&events));
        state.blocks.push_front((block, Arc::clone(&events)));
        while state.cost > CACHE_BYTES && state.blocks.len() > 1 {
            let Some((_, old)) = state.blocks.pop_back() else { break };
            state.cost = state.cost.saturating_sub(cost(&old));
        }
        Some(events)
    }

    /// How many events happened before `time_ns`. Where the block is not here that knows, its start.
    pub fn find_time(&self, time_ns: u64) -> usize {
        self.partition(|b| b.time_ns < time_ns, |e| e.time_ns < time_ns)
    }
    /// How many events happened until `time_ns`; `None` where the block has to come first that knows.
    pub fn position_after(&self, time_ns: u64) -> Option<usize> {
        let next = self.scan.blocks.partition_point(|b| b.time_ns <= time_ns);
        let Some(index) = next.checked_sub(1) else { return Some(0) };
        let inside = self.block(index)?.partition_point(|event| event.time_ns <= time_ns);
        Some(self.block_start(index).saturating_add(inside))
    }
    /// How many events have a lower sequence number. Where the block is not here that knows, its start.
    pub fn find_seq(&self, seq: u64) -> usize {
        self.partition(|b| b.seq < seq, |e| e.seq < seq)
    }
    fn partition(&self, block: impl Fn(&BlockPlace) -> bool, event: impl Fn(&Event) -> bool) -> usize {
        let index = self.scan.blocks.partition_point(block).saturating_sub(1);
        let inside = self.block(index).map_or(0, |events| events.partition_point(event));
        self.block_start(index).saturating_add(inside)
    }

    /// Where [`Self::keyframe`] is.
    pub fn keyframe_before(&self, position: usize) -> Option<usize> {
        usize::try_from(self.keyframe_place(position)?.position).ok()
    }

    fn keyframe_place(&self, position: usize) -> Option<&KeyframePlace> {
        let at = u64::try_from(position).ok()?;
        let next = self.scan.keyframes.partition_point(|k| k.position <= at);
        let state = self.state.borrow();
        let mut before = self.scan.keyframes.get(..next)?.iter().rev();
        before.find(|place| !state.no_worlds.contains(&place.offset))
    }

    /// The last world that the trace itself holds at or before `position`, with its position. `None` where there is
    /// none, or where its bytes have not come yet: then they are [`Self::wanted`] from now on.
    pub fn keyframe(&self, position: usize) -> Option<(usize, World)> {
        loop {
            let place = self.keyframe_place(position)?;
            let world = match self.source.as_ref() {
                Source::File(bytes) => world_of(frame_at(bytes, place.offset), &self.scan),
                Source::Pieces(pieces) => world_of(pieces.borrow_mut().get(place.offset)?, &self.scan),
                Source::Blocks(_) => return None,
            };
            if let Some(world) = world {
                return Some((usize::try_from(place.position).ok()?, world));
            }
            self.state.borrow_mut().no_worlds.insert(place.offset);
        }
    }
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// What a decoded block takes, in bytes, about: what events point to is on top.
fn cost(events: &[Event]) -> usize {
    size_of_val(events).saturating_add(1024)
}

/// What could not be read of a block was lost, and positions stay what they are.
fn fill_up(events: &mut Vec<Event>, place: &BlockPlace) {
    let mut last = events
        .last()
        .map_or((place.seq.wrapping_sub(1), place.time_ns, 0, 0), |e| (e.seq, e.time_ns, e.pid, e.tid));
    let all = usize::try_from(place.events).unwrap_or(usize::MAX);
    while events.len() < all {
        last.0 = last.0.wrapping_add(1);
        let (seq, time_ns, pid, tid) = last;
        let lost = Lost { count: 1, reason: "its block in the trace is damaged".to_owned() };
        let kind = EventKind::Lost(Box::new(lost));
        events.push(Event { seq, time_ns, pid, tid, kind, extra: Extra::NONE });
    }
}

#[cfg(test)]
mod tests;
