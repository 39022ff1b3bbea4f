//! A copy of a trace with the markers of a talk, made in slices. All other events stay what they are; only their numbers
//! move on where markers come and go.

use super::{Author, List, MOST};
use pagescope_shared::event::{Event, EventKind, Extra, Marker};
use pagescope_shared::jsonl::{event_line, header_line};
use pagescope_shared::pscope::{Encoder, Options};
use pagescope_shared::store::Store;
use pagescope_shared::timeline::Timeline;

/// A copy on its way.
pub struct Copy {
    /// What the file is called.
    pub name: String,
    /// The talk that is in it.
    pub(super) list: List,
    form: Form,
    /// What becomes of the trace's own markers, by the number of their event; who is not here is left out.
    kept: std::vec::IntoIter<(usize, Marker)>,
    /// The events behind these numbers that are markers of which nothing is known here stay.
    known: usize,
    /// New ones: how many events lie before each, by that number.
    new: Vec<(usize, Event)>,
    /// How many of them are written.
    put: usize,
    position: usize,
    /// Events that came more than went.
    shift: i64,
    last_seq: Option<u64>,
    out: Vec<Vec<u8>>,
    done: bool,
}

enum Form {
    Lines,
    Packed(Option<Box<Encoder>>),
}

impl std::fmt::Debug for Copy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Copy")
            .field("name", &self.name)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// Why there can be no copy now, in a sentence.
pub fn refusal(timeline: &Timeline) -> Option<&'static str> {
    let store = timeline.store();
    if timeline.explored() < timeline.end() {
        return Some("Not all of the trace has come yet: a copy can be made when it has.");
    }
    if (0..store.block_count()).any(|block| !store.has_block(block)) {
        return Some("The trace is larger than what the page keeps of it: a copy cannot be made here.");
    }
    None
}

impl Copy {
    /// Of a trace of this name.
    ///
    /// # Errors
    /// In a few words why there is none.
    pub fn new(author: &Author, timeline: &Timeline, name: &str) -> Result<Self, String> {
        let store = timeline.store();
        let (mut kept, mut new) = (Vec::new(), Vec::new());
        let end = timeline.end();
        let ends = end
            .checked_sub(1)
            .filter(|at| timeline.event_at(*at).is_some_and(|event| matches!(event.kind, EventKind::End(_))));
        for (mark, order) in author.markers() {
            let marker = Marker { order, ..mark.marker.clone() };
            if let Some(event) = mark.position.checked_sub(1).filter(|_| mark.own) {
                kept.push((event, marker));
                continue;
            }
            let pid = mark.pid.unwrap_or(0);
            let kind = EventKind::Marker(Box::new(marker));
            let event = Event { seq: 0, time_ns: mark.time_ns, pid, tid: pid, kind, extra: Extra::NONE };
            // The end stays the last event.
            new.push((mark.position.min(ends.unwrap_or(end)), event));
        }
        let known = timeline.markers().get(MOST).map_or(usize::MAX, |of| of.position - 1);
        let header = store.header();
        let packed = store.is_packed();
        let mut out = Vec::new();
        let form = if packed {
            let keyframes = store.keyframe_before(usize::MAX).is_some();
            let encoder = Encoder::new(header, Options { keyframes, ..Options::default() });
            Form::Packed(Some(Box::new(encoder.map_err(|e| e.to_string())?)))
        } else {
            out.push(header_line(header).map_err(|e| e.to_string())?.into_bytes());
            Form::Lines
        };
        let name = file_name(name, packed);
        Ok(Self {
            name,
            list: author.list.clone(),
            form,
            kept: kept.into_iter(),
            known,
            new,
            put: 0,
            position: 0,
            shift: 0,
            last_seq: None,
            out,
            done: false,
        })
    }

    /// Goes on for about so many events. Whether it is done.
    ///
    /// # Errors
    /// In a few words why it cannot go on.
    pub fn go_on(&mut self, store: &Store, most: usize) -> Result<bool, String> {
        let mut left = most.max(1);
        let mut lines = Vec::new();
        while left > 0 && !self.done {
            let Some(index) = store.block_of(self.position) else {
                self.put_new(usize::MAX, None, &mut lines)?;
                self.finish();
                break;
            };
            let Some(block) = store.block(index) else {
                return Err("a part of the trace is no longer here".to_owned());
            };
            let from = self.position.saturating_sub(store.block_start(index));
            let events = block.get(from..).unwrap_or_default();
            if events.is_empty() {
                return Err("a part of the trace cannot be read".to_owned());
            }
            for event in events.iter().take(left) {
                left -= 1;
                self.put_new(self.position, Some(event), &mut lines)?;
                self.put_old(event, &mut lines)?;
                self.position += 1;
            }
        }
        if !lines.is_empty() {
            self.out.push(lines);
        }
        if let Form::Packed(Some(encoder)) = &mut self.form {
            let bytes = encoder.take();
            if !bytes.is_empty() {
                self.out.push(bytes);
            }
        }
        Ok(self.done)
    }

    /// Markers that stand before `next`, the event of this number.
    fn put_new(&mut self, position: usize, next: Option<&Event>, lines: &mut Vec<u8>) -> Result<(), String> {
        while let Some((_, event)) = self.new.get(self.put).filter(|(at, _)| *at <= position) {
            let seq = match (next, self.last_seq) {
                (Some(next), _) => self.moved(next.seq)?,
                (None, last) => last.map_or(Some(0), |last| last.checked_add(1)).ok_or(NO_ROOM)?,
            };
            let event = Event { seq, ..event.clone() };
            self.push(&event, lines)?;
            (self.put, self.shift) = (self.put + 1, self.shift + 1);
        }
        Ok(())
    }

    fn put_old(&mut self, event: &Event, lines: &mut Vec<u8>) -> Result<(), String> {
        let mut event = event.clone();
        match &mut event.kind {
            EventKind::Marker(marker) if self.position < self.known => {
                let next = self.kept.as_slice().first();
                let kept = next.is_some_and(|(at, _)| *at == self.position);
                let Some((_, kept)) = kept.then(|| self.kept.next()).flatten() else {
                    self.shift -= 1;
                    return Ok(());
                };
                **marker = kept;
            }
            EventKind::End(end) => end.count = end.count.saturating_add_signed(self.shift),
            _ => {}
        }
        event.seq = self.moved(event.seq)?;
        self.push(&event, lines)
    }

    fn moved(&self, seq: u64) -> Result<u64, String> {
        Ok(seq.checked_add_signed(self.shift).ok_or(NO_ROOM)?)
    }

    fn push(&mut self, event: &Event, lines: &mut Vec<u8>) -> Result<(), String> {
        self.last_seq = Some(event.seq);
        match &mut self.form {
            Form::Packed(encoder) => {
                let encoder = encoder.as_mut().ok_or("it is done already")?;
                encoder.push(event).map_err(|e| e.to_string())
            }
            Form::Lines => {
                lines.extend_from_slice(event_line(event).map_err(|e| e.to_string())?.as_bytes());
                Ok(())
            }
        }
    }

    fn finish(&mut self) {
        self.done = true;
        if let Form::Packed(encoder) = &mut self.form
            && let Some(encoder) = encoder.take()
        {
            self.out.push(encoder.finish());
        }
    }

    /// The file's bytes, in pieces, once it is done.
    pub fn bytes(&self) -> Option<&[Vec<u8>]> {
        self.done.then_some(self.out.as_slice())
    }

    /// How many events are in it so far.
    pub fn position(&self) -> usize {
        self.position
    }
}

/// Sequence numbers are 64 bits.
const NO_ROOM: &str = "the trace's sequence numbers have no room for another event";

/// `NAME-talk.pscope`, or `NAME-talk.jsonl`.
fn file_name(name: &str, packed: bool) -> String {
    let (mut stem, end) = (name, if packed { "pscope" } else { "jsonl" });
    for known in [".gz", ".jsonl", ".json", ".pscope"] {
        stem = stem.strip_suffix(known).unwrap_or(stem);
    }
    let talk = if stem.ends_with("-talk") { "" } else { "-talk" };
    let stem = if stem.is_empty() { "trace" } else { stem };
    format!("{stem}{talk}.{end}")
}
