//! The events of a trace, block by block.

use crate::event::Event;
use crate::header::Header;
use crate::jsonl::{Problem, Trace};
use std::sync::Arc;

/// Events a block.
const BLOCK_EVENTS: usize = 16_384;

/// A trace that can be read at any position.
#[derive(Clone, Debug)]
pub struct Store {
    header: Header,
    problems: Vec<Problem>,
    blocks: Vec<Arc<Vec<Event>>>,
    len: usize,
}

impl Store {
    /// A trace that was read as a whole.
    pub fn from_trace(trace: Trace) -> Self {
        let len = trace.events.len();
        let mut events = trace.events.into_iter();
        let mut blocks = Vec::new();
        loop {
            let block: Vec<Event> = events.by_ref().take(BLOCK_EVENTS).collect();
            if block.is_empty() {
                break;
            }
            blocks.push(Arc::new(block));
        }
        Self { header: trace.header, problems: trace.problems, blocks, len }
    }
    /// What recorded it.
    pub fn header(&self) -> &Header {
        &self.header
    }
    /// What the reader left out.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
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
        self.blocks.len()
    }
    /// The block that holds an event.
    pub fn block_of(&self, position: usize) -> Option<usize> {
        (position < self.len).then_some(position / BLOCK_EVENTS)
    }
    /// The position of a block's first event.
    pub fn block_start(&self, block: usize) -> usize {
        (block * BLOCK_EVENTS).min(self.len)
    }
    /// A block's events.
    pub fn block(&self, block: usize) -> Option<Arc<Vec<Event>>> {
        self.blocks.get(block).cloned()
    }
    /// How many events happened before `time_ns`.
    pub fn find_time(&self, time_ns: u64) -> usize {
        self.partition(|e| e.time_ns < time_ns)
    }
    /// How many events have a lower sequence number.
    pub fn find_seq(&self, seq: u64) -> usize {
        self.partition(|e| e.seq < seq)
    }
    fn partition(&self, below: impl Fn(&Event) -> bool) -> usize {
        let block = self.blocks.partition_point(|b| b.first().is_some_and(&below)).saturating_sub(1);
        let inside = self.blocks.get(block).map_or(0, |b| b.partition_point(&below));
        self.block_start(block) + inside
    }
}
