//! A talk in the page's address: `marks=`, base64url (RFC 4648) of a short form of its own.
//!
//! A version (1), how many markers; of each: flags, the time since the marker before and the events since it (zigzag), and
//! what the flags say follows. Numbers are LEB128, texts have their length before them. Words that are a step's own are not
//! repeated.

use super::{Author, Field, MOST, Mark};
use pagescope_shared::addr::Addr;
use pagescope_shared::event::{EventKind, Marker};
use pagescope_shared::timeline::Timeline;
use pagescope_shared::varint::{Reader, put, put_text};
use std::rc::Rc;

/// No longer text is written or read, in letters: what browsers, mail and chats pass on.
pub const MOST_LETTERS: usize = 8192;
const VERSION: u64 = 1;
/// So many markers are looked for in a slice of work: each may be in another block.
const SLICE: usize = 16;

/// It is a marker of the trace.
const OWN: u64 = 1;
/// Its words and its camera follow; without, they are as the trace has them.
const WRITTEN: u64 = 2;
const PID: u64 = 4;
const ADDR: u64 = 8;
const ROW: u64 = 16;
const VIEW: u64 = 32;
/// The number of a step, and which of its words are kept: a bit each.
const STEP: u64 = 64;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The markers of an address, while they are looked for in the trace.
#[derive(Debug, Default)]
pub(super) struct Linked {
    marks: Vec<Read>,
    found: Vec<Rc<Mark>>,
    at: usize,
    missing: usize,
    /// The bytes have to come first that one of them is in.
    waits: bool,
}

/// A marker as it was read: whether its words and its camera were there, and which words are its step's.
#[derive(Debug)]
struct Read {
    mark: Mark,
    written: bool,
    kept: u64,
}

fn zigzag(from: u64, to: u64) -> u64 {
    let by = to.wrapping_sub(from).cast_signed();
    (by.wrapping_shl(1) ^ (by >> 63)).cast_unsigned()
}

fn unzigzag(from: u64, by: u64) -> u64 {
    from.wrapping_add((by >> 1) ^ (by & 1).wrapping_neg())
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// The words of a step, if it is one.
fn of_step<'a>(steps: &'a [[String; 3]], marker: &Marker) -> Option<&'a [String; 3]> {
    steps.get(usize::try_from(marker.step?).ok()?.checked_sub(1)?)
}

/// A list as text; `changed` says of a marker of the trace whether it is another than there.
pub(super) fn encode(
    list: &[Rc<Mark>],
    steps: &[[String; 3]],
    changed: impl Fn(&Rc<Mark>) -> bool,
) -> String {
    let mut bytes = Vec::new();
    put(&mut bytes, VERSION);
    put(&mut bytes, number(list.len()));
    let (mut time_ns, mut position) = (0, 0);
    for mark in list {
        let marker = &mark.marker;
        let written = !mark.own || changed(mark);
        let mut flags = if mark.own { OWN } else { 0 };
        if written {
            flags |= WRITTEN;
            for (flag, there) in [
                (PID, mark.pid.is_some()),
                (ADDR, marker.addr.is_some()),
                (ROW, marker.row.is_some()),
                (VIEW, marker.view.is_some()),
                (STEP, marker.step.is_some()),
            ] {
                flags |= if there { flag } else { 0 };
            }
        }
        put(&mut bytes, flags);
        put(&mut bytes, zigzag(time_ns, mark.time_ns));
        put(&mut bytes, zigzag(position, number(mark.position)));
        (time_ns, position) = (mark.time_ns, number(mark.position));
        if written {
            let of_step = of_step(steps, marker);
            let is_kept =
                |i: usize, text: &str| of_step.and_then(|words| words.get(i)).is_some_and(|w| w == text);
            let texts = || Field::ALL.iter().map(|(field, ..)| field.of(marker)).enumerate();
            if let Some(step) = marker.step {
                put(&mut bytes, step.into());
                let kept = texts().fold(0, |bits, (i, text)| bits | u64::from(is_kept(i, text)) << i);
                put(&mut bytes, kept);
            }
            texts().filter(|(i, text)| !is_kept(*i, text)).for_each(|(_, text)| put_text(&mut bytes, text));
            let numbers = [mark.pid.map(u64::from), marker.addr.map(|addr| addr.0), marker.row];
            numbers.into_iter().flatten().for_each(|n| put(&mut bytes, n));
            marker.view.iter().for_each(|view| put_text(&mut bytes, view));
        }
    }
    to_letters(&bytes)
}

fn decode(text: &str) -> Result<Vec<Read>, &'static str> {
    if text.len() > MOST_LETTERS {
        return Err("it is longer than 8,192 letters");
    }
    let bytes = from_letters(text).ok_or("it has signs that do not belong there")?;
    let mut reader = Reader::new(&bytes);
    match reader.number() {
        Some(VERSION) => {}
        Some(2..) => return Err("a newer pagescope wrote it"),
        _ => return Err("it is damaged"),
    }
    let marks = read(&mut reader).filter(|_| reader.is_empty());
    marks.ok_or("it is damaged or cut short")
}

fn read(reader: &mut Reader<'_>) -> Option<Vec<Read>> {
    let count = reader.count(3).filter(|count| *count <= MOST)?;
    let (mut time_ns, mut position) = (0, 0);
    let mut marks = Vec::with_capacity(count);
    for _ in 0..count {
        let flags = reader.number().filter(|flags| *flags < STEP * 2)?;
        time_ns = unzigzag(time_ns, reader.number()?);
        position = unzigzag(position, reader.number()?);
        let (own, written) = (flags & OWN > 0, flags & WRITTEN > 0);
        if !own && !written {
            return None;
        }
        let mut mark = Mark {
            id: 0,
            position: usize::try_from(position).ok()?,
            time_ns,
            own,
            pid: None,
            marker: Marker::default(),
        };
        let mut kept = 0;
        if written {
            let marker = &mut mark.marker;
            if flags & STEP > 0 {
                marker.step = Some(u32::try_from(reader.number()?).ok()?);
                kept = reader.number().filter(|kept| *kept < 8)?;
            }
            let texts = [&mut marker.title, &mut marker.text, &mut marker.note].into_iter().enumerate();
            for ((_, _, most), (i, to)) in Field::ALL.iter().zip(texts) {
                if kept >> i & 1 == 0 {
                    *to = reader.text()?.chars().take(*most).collect();
                }
            }
            let mut next = |flag: u64| if flags & flag > 0 { reader.number().map(Some) } else { Some(None) };
            mark.pid = next(PID)?.map(u32::try_from).transpose().ok()?;
            marker.addr = next(ADDR)?.map(Addr);
            marker.row = next(ROW)?;
            if flags & VIEW > 0 {
                marker.view = Some(reader.text()?.chars().take(20).collect());
            }
        }
        marks.push(Read { mark, written, kept });
    }
    Some(marks)
}

fn to_letters(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 3);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0usize, |bits, byte| bits << 8 | usize::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for i in 0..=three.len() {
            let letter = LETTERS.get(bits >> (18 - 6 * i) & 63).copied().unwrap_or_default();
            text.push(char::from(letter));
        }
    }
    text
}

fn from_letters(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let mut bits = 0usize;
        for letter in four {
            bits = bits << 6 | LETTERS.iter().position(|l| l == letter)?;
        }
        let [_, a, b, c] = u32::try_from(bits << (6 * (4 - four.len()))).ok()?.to_be_bytes();
        bytes.extend([a, b, c].iter().take(four.len() * 3 / 4));
    }
    Some(bytes)
}

impl Author {
    /// Takes the talk of an address, and looks for its moments from then on.
    ///
    /// # Errors
    /// In a few words why it cannot be read; nothing has changed then.
    pub fn take_link(&mut self, text: &str) -> Result<(), &'static str> {
        let marks = decode(text)?;
        self.linked = Some(Linked { marks, ..Linked::default() });
        self.written.push_back(super::sum(text));
        self.only_linked = true;
        Ok(())
    }

    /// Whether markers of an address are looked for, and can be.
    pub fn has_link_work(&self) -> bool {
        self.linked.as_ref().is_some_and(|linked| !linked.waits)
    }

    /// Whether it is not known yet what the talk of an address is.
    pub fn waits_for_link(&self) -> bool {
        self.linked.is_some()
    }

    /// More of the trace has come.
    pub fn link_goes_on(&mut self) {
        if let Some(linked) = &mut self.linked {
            linked.waits = false;
        }
    }

    /// Looks for some of them. How many are not in this trace, once all were looked for.
    pub fn link_work(&mut self, timeline: &Timeline) -> Option<usize> {
        let linked = self.linked.as_mut()?;
        for _ in 0..SLICE {
            let Some(Read { mark, written, kept }) = linked.marks.get(linked.at) else { break };
            let words = of_step(&self.steps, &mark.marker);
            if *kept > 0 && words.is_none() && !self.whole {
                linked.waits = true;
                return None;
            }
            let found = find(timeline, mark, *written);
            let Some(found) = found.map(|found| found.filter(|_| *kept == 0 || words.is_some())) else {
                linked.waits = true;
                return None;
            };
            linked.at += 1;
            match found {
                Some(mut mark) => {
                    let marker = &mut mark.marker;
                    let texts =
                        [&mut marker.title, &mut marker.text, &mut marker.note].into_iter().enumerate();
                    for ((i, text), word) in texts.zip(words.into_iter().flatten()) {
                        if kept >> i & 1 == 1 {
                            text.clone_from(word);
                        }
                    }
                    let same = |base: &&Rc<Mark>| base.own && mark.own && base.position == mark.position;
                    match self.base.iter().find(same) {
                        Some(base) if !written => mark = base.as_ref().clone(),
                        Some(base) => mark.id = base.id,
                        None => {
                            self.last_id += 1;
                            mark.id = self.last_id;
                        }
                    }
                    linked.found.push(Rc::new(mark));
                }
                None => linked.missing += 1,
            }
        }
        if linked.at < linked.marks.len() {
            return None;
        }
        let (linked, untouched) = (self.linked.take()?, self.past.is_empty());
        self.edit(|list| *list = linked.found);
        if untouched {
            self.past.clear();
        }
        self.is_safe();
        Some(linked.missing)
    }
}

/// Where it stands in this trace; the inner `None` where it is not there, the outer one where bytes have to come first.
fn find(timeline: &Timeline, mark: &Mark, written: bool) -> Option<Option<Mark>> {
    let before = |position: usize| position.checked_sub(1).map(|at| timeline.event_at(at));
    let in_trace = mark.position <= timeline.end();
    // The same trace has it where it was; another copy of it at the same time.
    let same = match before(mark.position).filter(|_| in_trace) {
        None => in_trace,
        Some(event) => event?.time_ns == mark.time_ns,
    };
    let position =
        if same { mark.position } else { timeline.store().position_after(mark.time_ns)?.min(timeline.end()) };
    let mut mark = Mark { position, ..mark.clone() };
    if mark.own {
        let event = before(position);
        match event {
            Some(None) => return None,
            Some(Some(event)) => match event.kind {
                EventKind::Marker(marker) if !written => mark.marker = *marker,
                EventKind::Marker(_) => {}
                _ if written => mark.own = false,
                _ => return Some(None),
            },
            None if written => mark.own = false,
            None => return Some(None),
        }
    }
    Some(Some(mark))
}
