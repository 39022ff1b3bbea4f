//! A talk made from any trace: markers that a person puts, words, orders and takes away, each of it undone and redone.
//! The order of the list is the order of the talk.

pub mod copy;
pub mod link;
mod mark;
mod words;

pub use mark::{Field, Here, Mark};
pub use words::{Row, Words, words};

use crate::format::clipped;
use copy::Copy;
use link::Linked;
use pagescope_shared::event::{Marker, Step};
use pagescope_shared::timeline::{Bookmark, Timeline};
use std::collections::VecDeque;
use std::rc::Rc;

/// So many markers can be edited; those behind them in a trace stay as they are.
pub const MOST: usize = 1000;
const FULL: &str = "A talk has a thousand markers at most.";
/// So many edits can be undone.
const UNDONE: usize = 200;

/// What a person does to the talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Msg {
    /// A new marker here.
    Add,
    /// This one is edited; or none.
    Open(Option<u32>),
    /// To its moment, and its camera.
    Go(u32),
    /// Words.
    Write(u32, Field, String),
    /// Farther on in the talk, or back.
    Move(u32, isize),
    /// It is no more.
    Delete(u32),
    /// The lesson's steps become markers that tell them, those that are left out.
    TakeSteps,
    /// It looks where one looks now.
    Look(u32),
    /// It looks nowhere in particular.
    LookAway(u32),
    /// It stands at this moment.
    Place(u32),
    /// What was done last is undone.
    Undo,
    /// And done again.
    Redo,
    /// A copy of the trace with it.
    Save,
    /// The copy was handed over.
    Saved,
    /// It does not go on.
    Stop,
}

type List = Vec<Rc<Mark>>;

/// The talk, and what was done to it.
#[derive(Debug, Default)]
pub struct Author {
    list: List,
    /// As the trace has it.
    base: List,
    /// As it was saved or came.
    saved: Option<List>,
    past: VecDeque<List>,
    future: Vec<List>,
    /// What was written last, and whether it may go on as one edit.
    writes: Option<(u32, Field)>,
    /// The marker that is edited.
    pub open: Option<u32>,
    last_id: u32,
    /// The words of the lesson's steps.
    steps: Vec<[String; 3]>,
    /// The trace has been gone through: there are no others.
    whole: bool,
    /// Of an address, on its way.
    linked: Option<Linked>,
    /// The trace's markers that are not in the list of an address are none of the talk.
    only_linked: bool,
    /// A copy of the trace that is made.
    pub copy: Option<Copy>,
    /// Why there is none.
    pub said: Option<&'static str>,
    /// How many were added: the latest one's title is to be written.
    pub added: u32,
    /// Changes with every change of the list.
    pub revision: u64,
    /// The revision that `text` is of.
    settled: u64,
    text: Option<String>,
    too_long: bool,
    /// What of it stood in the page's address: sums of the texts.
    written: VecDeque<u64>,
}

impl Author {
    /// In the order of the talk.
    pub fn marks(&self) -> impl ExactSizeIterator<Item = &Mark> {
        self.list.iter().map(Rc::as_ref)
    }

    /// One of them.
    pub fn mark(&self, id: u32) -> Option<&Mark> {
        self.marks().find(|mark| mark.id == id)
    }

    /// The markers by where they stand in a trace, each with the `order` that it has there, if it needs one.
    pub fn markers(&self) -> Vec<(&Mark, Option<u32>)> {
        let in_time = self.list.is_sorted_by_key(|mark| mark.stands());
        let mut all: Vec<(&Mark, Option<u32>)> = Vec::with_capacity(self.list.len());
        for (mark, order) in self.marks().zip(1..) {
            // Nearly always the last one: a sort would cost the page more than it does.
            let at = all.partition_point(|(other, _)| other.stands() <= mark.stands());
            all.insert(at, (mark, (!in_time).then_some(order)));
        }
        all
    }

    /// Whether the markers tell the lesson's steps, or leave them out.
    pub fn tells_steps(&self) -> bool {
        self.list.iter().any(|mark| mark.marker.step.is_some())
    }

    /// The numbers, from 1, of the steps that none of them tells.
    pub fn steps_left(&self) -> impl Iterator<Item = u32> {
        let is_told = |step: u32| self.list.iter().any(|mark| mark.marker.step == Some(step));
        (1..).take(self.steps.len()).filter(move |step| !is_told(*step))
    }

    /// Whether the talk is another one than the trace's.
    pub fn is_edited(&self) -> bool {
        self.list != self.base
    }

    /// The talk as the page's address has it; none where it is the trace's own, or too long.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Whether it is too long for that.
    pub fn link_is_too_long(&self) -> bool {
        self.too_long
    }

    /// Whether this is a text of this talk, now or before.
    pub fn wrote(&self, text: &str) -> bool {
        self.written.contains(&sum(text))
    }

    /// Makes the text anew where it has changed.
    pub fn settle(&mut self) {
        if std::mem::replace(&mut self.settled, self.revision) == self.revision {
            return;
        }
        let is_base = |mark: &Rc<Mark>| self.base.iter().any(|base| base.id == mark.id && base == mark);
        let encode = || link::encode(&self.list, &self.steps, |mark| !is_base(mark));
        let text = self.is_edited().then(encode);
        self.too_long = text.as_ref().is_some_and(|text| text.len() > link::MOST_LETTERS);
        self.text = text.filter(|_| !self.too_long);
        if let Some(text) = &self.text {
            self.written.push_back(sum(text));
            if self.written.len() > 1000 {
                self.written.pop_front();
            }
        }
    }

    /// Whether something would be lost.
    pub fn is_unsaved(&self) -> bool {
        self.list != *self.saved.as_ref().unwrap_or(&self.base)
    }

    /// It lies somewhere else, too.
    pub fn is_safe(&mut self) {
        self.saved = Some(self.list.clone());
    }

    /// Whether there is something to undo, and to do again.
    pub fn can(&self) -> (bool, bool) {
        (!self.past.is_empty(), !self.future.is_empty())
    }

    /// Takes in the markers of the trace that have been found since, and those of an address.
    pub fn follow(&mut self, timeline: &Timeline) {
        let words = |step: &Step| [&step.title, &step.text, &step.note].map(Clone::clone);
        let steps = timeline.steps().take(MOST).skip(self.steps.len());
        let (before, whole) = (self.steps.len(), timeline.explored() == timeline.end());
        self.steps.extend(steps.map(|(_, step)| words(step)));
        if self.steps.len() > before || (whole && !self.whole) {
            self.link_goes_on();
        }
        self.whole = whole;
        let known = self.base.len();
        for Bookmark { position, time_ns, marker } in timeline.markers().iter().take(MOST).skip(known) {
            self.last_id += 1;
            let mark = Rc::new(Mark {
                id: self.last_id,
                position: *position,
                time_ns: *time_ns,
                own: true,
                pid: None,
                marker: Marker { order: None, ..Marker::clone(marker) },
            });
            let place = marker.place();
            put(&mut self.base, &mark, place);
            if !self.only_linked {
                let lists = self.past.iter_mut().chain(&mut self.future).chain(&mut self.saved);
                lists.chain([&mut self.list]).for_each(|list| put(list, &mark, place));
            }
            self.revision += 1;
        }
    }

    /// Takes a message, `here` being what is shown. Which marker one goes to, if any.
    pub fn update(&mut self, msg: Msg, here: &Here) -> Option<u32> {
        match msg {
            Msg::Add => self.add(here),
            Msg::Open(id) => self.open = id,
            Msg::Go(id) => {
                self.open = Some(id);
                return Some(id);
            }
            Msg::Write(id, field, text) => self.write(id, field, &text),
            Msg::Move(id, by) => {
                let at = self.list.iter().position(|mark| mark.id == id)?;
                let to = at.saturating_add_signed(by).min(self.list.len() - 1);
                if to != at {
                    self.edit(|list| {
                        let mark = list.remove(at);
                        list.insert(to, mark);
                    });
                }
            }
            Msg::Delete(id) => {
                if let Some(at) = self.list.iter().position(|mark| mark.id == id) {
                    self.edit(|list| drop(list.remove(at)));
                    let next = self.list.get(at).or(self.list.last()).map(|mark| mark.id);
                    self.open = self.open.and(next);
                }
            }
            Msg::Look(id) => self.change(id, |mark| look(mark, here)),
            Msg::LookAway(id) => self.change(id, |mark| {
                (mark.marker.addr, mark.marker.row, mark.marker.view) = (None, None, None);
            }),
            Msg::Place(id) => self.change(id, |mark| {
                if mark.position != here.position {
                    (mark.position, mark.time_ns, mark.own) = (here.position, here.time_ns, false);
                    mark.pid = mark.pid.or(here.pid);
                }
            }),
            Msg::Undo => {
                let before = self.past.pop_back();
                self.turn(before, |author, list| author.future.push(list));
            }
            Msg::Redo => {
                let after = self.future.pop();
                self.turn(after, |author, list| author.past.push_back(list));
            }
            Msg::TakeSteps | Msg::Save => {}
            Msg::Saved => {
                // As it was when the copy was begun: what was done since is not in it.
                if let Some(copy) = self.copy.take() {
                    self.saved = Some(copy.list);
                }
            }
            Msg::Stop => self.copy = None,
        }
        None
    }

    fn turn(&mut self, to: Option<List>, keep: fn(&mut Self, List)) {
        let Some(list) = to else { return };
        // What differs is what is looked at.
        let differs = list.iter().find(|mark| !self.list.contains(mark)).map(|mark| mark.id);
        self.open = differs.or(self.open.filter(|id| list.iter().any(|mark| mark.id == *id)));
        let list = std::mem::replace(&mut self.list, list);
        keep(self, list);
        self.writes = None;
        self.revision += 1;
    }

    fn edit(&mut self, change: impl FnOnce(&mut List)) {
        self.past.push_back(self.list.clone());
        if self.past.len() > UNDONE {
            self.past.pop_front();
        }
        self.future.clear();
        self.writes = None;
        self.said = None;
        change(&mut self.list);
        self.revision += 1;
    }

    /// Changes one marker; nothing where that changes nothing.
    fn change(&mut self, id: u32, change: impl FnOnce(&mut Mark)) {
        let Some(at) = self.list.iter().position(|mark| mark.id == id) else { return };
        let Some(old) = self.list.get(at) else { return };
        let mut mark = Mark::clone(old);
        change(&mut mark);
        if mark != **old {
            self.edit(|list| {
                if let Some(place) = list.get_mut(at) {
                    *place = Rc::new(mark);
                }
            });
        }
    }

    fn write(&mut self, id: u32, field: Field, text: &str) {
        let most = Field::ALL.iter().find(|(of, ..)| *of == field).map_or(0, |(.., most)| *most);
        let Some(old) = self.mark(id).map(|mark| field.of(&mark.marker).to_owned()) else { return };
        // What somebody else made longer does not lose its end.
        let text: String = text.chars().take(most.max(old.chars().count())).collect();
        // A word is an edit: what goes on with it is none of its own.
        let new_word = old.ends_with(char::is_whitespace) && text.len() > old.len();
        let goes_on = self.writes == Some((id, field)) && !new_word;
        let depth = self.past.len();
        self.change(id, |mark| {
            let to = match field {
                Field::Title => &mut mark.marker.title,
                Field::Text => &mut mark.marker.text,
                Field::Note => &mut mark.marker.note,
            };
            *to = text;
        });
        if goes_on && self.past.len() > depth {
            self.past.pop_back();
        }
        self.writes = Some((id, field));
    }

    /// Steps become markers, each with its number, at the moments where they end.
    pub fn take_steps(&mut self, ends: &[(u32, Here)]) {
        if self.list.len() + ends.len() > MOST {
            self.said = Some(FULL);
            return;
        }
        let new = ends.iter().filter_map(|(step, here)| {
            let [title, text, note] = self.steps.get(usize::try_from(*step).ok()?.checked_sub(1)?)?.clone();
            self.last_id += 1;
            Some(Mark {
                id: self.last_id,
                position: here.position,
                time_ns: here.time_ns,
                own: false,
                pid: here.pid,
                marker: Marker { title, text, note, step: Some(*step), ..Marker::default() },
            })
        });
        let new: Vec<Mark> = new.collect();
        self.edit(|list| {
            new.into_iter().for_each(|mark| take(list, mark));
            for mark in list.iter_mut().filter(|mark| mark.marker.step.is_none()) {
                Rc::make_mut(mark).marker.step = Some(0);
            }
        });
    }

    fn add(&mut self, here: &Here) {
        if self.list.len() >= MOST {
            self.said = Some(FULL);
            return;
        }
        (self.last_id, self.added) = (self.last_id + 1, self.added + 1);
        let mut mark = Mark {
            id: self.last_id,
            position: here.position,
            time_ns: here.time_ns,
            own: false,
            pid: here.pid,
            marker: Marker {
                title: "Marker".to_owned(),
                step: self.tells_steps().then_some(0),
                ..Marker::default()
            },
        };
        look(&mut mark, here);
        self.open = Some(mark.id);
        self.edit(|list| {
            let before = list.iter().rposition(|other| other.position <= mark.position);
            list.insert(before.map_or(0, |at| at + 1), Rc::new(mark));
        });
    }
}

/// The camera as it is now.
fn look(mark: &mut Mark, here: &Here) {
    let marker = &mut mark.marker;
    (marker.addr, marker.row, marker.view) = (here.addr, here.row, here.view.map(str::to_owned));
    mark.pid = here.pid;
}

/// Puts a marker of the trace where it stands in the talk that the trace has.
fn put(list: &mut List, mark: &Rc<Mark>, place: u32) {
    let mut mark = Rc::clone(mark);
    Rc::make_mut(&mut mark).marker.order = Some(place).filter(|place| *place > 0);
    let key = |mark: &Mark| (mark.marker.place(), mark.position);
    let before = list.iter().rposition(|other| key(other) <= key(&mark));
    list.insert(before.map_or(0, |at| at + 1), mark);
}

/// Puts a step where it is told without its marker: behind what stands before it in time.
fn take(list: &mut List, mut mark: Mark) {
    // Before steps were taken, a marker where one ends has told it.
    let there = list.iter_mut().filter(|other| other.position == mark.position);
    let there = there.filter(|other| other.marker.step.is_none()).min_by_key(|other| other.stands());
    if let Some(there) = there {
        let there = &mut Rc::make_mut(there).marker;
        there.step = mark.marker.step;
        for (own, of_step) in [
            (&mut there.title, &mut mark.marker.title),
            (&mut there.text, &mut mark.marker.text),
            (&mut there.note, &mut mark.marker.note),
        ] {
            if own.is_empty() {
                *own = std::mem::take(of_step);
            }
        }
        return;
    }
    let before = list.iter().enumerate().filter(|(_, other)| other.stands() <= mark.stands());
    let before = before.max_by_key(|(_, other)| other.stands()).map_or(0, |(at, _)| at + 1);
    list.insert(before, Rc::new(mark));
}

/// FNV-1a.
fn sum(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// What a title is called where nothing was written.
pub fn title_of(marker: &Marker) -> String {
    if marker.title.trim().is_empty() { "Without a title".to_owned() } else { clipped(&marker.title, 200) }
}

#[cfg(test)]
mod tests;
