//! The talk that a person makes, as a part of the state: where one looks, where a marker looks, copies, and talks of traces
//! that were shown before.

use super::{App, SidePanel, StageView};
use crate::author::copy::{Copy, refusal};
use crate::author::{Author, Here, Msg};
use crate::load::From;
use crate::number::exp2;
use crate::pages::level::FARTHEST;
use pagescope_shared::addr::Range;
use pagescope_shared::timeline::Timeline;

/// So many talks of other traces are kept while the page is open.
const SHELF: usize = 32;

/// The talk of a trace that is not shown now: where that comes from, how many events it has.
pub(super) type Shelved = (From, usize, Author);

fn is_same(a: &From, b: &From) -> bool {
    match (a, b) {
        // A file that is chosen again has another key.
        (From::File { name: a, bytes: n, .. }, From::File { name: b, bytes: m, .. }) => a == b && n == m,
        _ => a == b,
    }
}

impl App {
    pub(super) fn author_msg(&mut self, msg: Msg) {
        let here = self.here();
        if !matches!(msg, Msg::Undo | Msg::Redo | Msg::Saved) && self.timeline.is_none() {
            return;
        }
        match msg {
            Msg::Add => self.side = SidePanel::Talk,
            Msg::Save => self.save_copy(),
            Msg::TakeSteps => self.take_steps(),
            _ => {}
        }
        if let Some(id) = self.author.update(msg, &here) {
            self.talk_follows();
            let markers = self.author.markers();
            let Some(at) = markers.iter().position(|(mark, _)| mark.id == id) else { return };
            let Some(position) = markers.get(at).map(|(mark, _)| mark.position) else { return };
            // Those of one moment are stops in the same order.
            let before = markers.iter().take(at).filter(|(mark, _)| mark.position == position).count();
            let first = self.talk.stops.partition_point(|stop| stop.position < position);
            self.go_to_stop(first + before);
        }
    }

    /// Where somebody looks now.
    fn here(&self) -> Here {
        let mut here = Here { position: self.position(), pid: self.pid(), ..Here::default() };
        let Some(timeline) = &self.timeline else { return here };
        let first_ns = || timeline.event_at(0).map_or(0, |event| event.time_ns);
        here.time_ns = timeline.event().map_or_else(first_ns, |event| event.time_ns);
        let selected = self.selection.map(Range::start);
        match self.stage {
            StageView::Pages => match self.pages.camera() {
                Some((addr, zoom)) => {
                    here.row = Some(row_of(zoom));
                    here.addr = (zoom < FARTHEST).then_some(addr);
                }
                None => here.addr = selected,
            },
            StageView::Walk => {
                here.view = Some("walk");
                here.addr = crate::walk::address(self);
            }
            StageView::Time => {
                here.view = Some("time");
                here.addr = selected;
            }
        }
        here
    }

    /// The camera goes where the stop at this moment wants it, if there is one.
    pub(super) fn arrive(&mut self) {
        let position = self.position();
        let stop = self.talk.told(position).and_then(|at| self.talk.stops.get(at));
        let Some(stop) = stop.filter(|stop| stop.position == position) else { return };
        if !stop.has_camera() {
            return self.let_go();
        }
        let (addr, row, pid) = (stop.addr, stop.row, stop.pid);
        let (stage, process, led) = (self.stage, self.process, self.talk.led);
        self.stage = StageView::ALL
            .iter()
            .find(|(name, _)| Some(*name) == stop.view.as_deref())
            .map_or(StageView::Pages, |(_, stage)| *stage);
        let timeline = self.timeline.as_ref();
        let is_there = |pid: &u32| timeline.is_some_and(|t| t.world().process(*pid).is_some());
        let of_event = || timeline?.event().map(|event| event.pid);
        if let Some(pid) = pid.or_else(of_event).filter(is_there) {
            self.process = Some(pid);
        }
        self.talk.led = (
            Some(self.stage).filter(|now| *now != stage || led.0 == Some(*now)),
            self.process.filter(|_| self.process != process || led.1 == self.process),
        );
        match self.stage {
            StageView::Pages if addr.is_some() || row.is_some() => {
                let zoom = row.map_or(super::loading::ZOOM, zoom_of);
                self.camera_goal = Some((addr.unwrap_or_default(), zoom));
                self.move_camera();
            }
            StageView::Walk | StageView::Time => {
                let page = addr.and_then(|addr| self.timeline.as_ref()?.header().page_size.page_range(addr));
                self.selection = page.or(self.selection);
                self.walk.addr = addr.or(self.walk.addr);
            }
            StageView::Pages => {}
        }
    }

    /// What the camera of a stop has chosen ends with it, unless the person has chosen otherwise since.
    pub(super) fn let_go(&mut self) {
        let (stage, process) = std::mem::take(&mut self.talk.led);
        if stage == Some(self.stage) {
            self.stage = StageView::Pages;
        }
        self.process = self.process.filter(|_| self.process != process);
    }

    /// The lesson's steps become markers, those of them that are none.
    fn take_steps(&mut self) {
        let Some(timeline) = &self.timeline else { return };
        self.side = SidePanel::Talk;
        let end = |step: u32| {
            let index = usize::try_from(step).ok()?.checked_sub(1)?;
            let (begin, position) = (timeline.steps().nth(index)?.0, timeline.step_end(index));
            let pid = timeline.event_at(begin)?.pid;
            let time_ns = timeline.event_at(position.checked_sub(1)?)?.time_ns;
            Some((step, Here { position, time_ns, pid: Some(pid), ..Here::default() }))
        };
        let ends: Option<Vec<_>> = self.author.steps_left().map(end).collect();
        match ends.filter(|_| timeline.explored() == timeline.end()) {
            Some(ends) => self.author.take_steps(&ends),
            None => {
                self.author.said =
                    Some("Not all of the trace has come yet: its steps can be edited when it has.");
            }
        }
    }

    fn save_copy(&mut self) {
        let Some(timeline) = &self.timeline else { return };
        self.side = SidePanel::Talk;
        let refused = refusal(timeline);
        self.author.said = refused;
        if let Some(why) = refused {
            why.clone_into(&mut self.notice);
            return;
        }
        match Copy::new(&self.author, timeline, &self.name) {
            Ok(copy) => self.author.copy = Some(copy),
            Err(why) => self.error = Some(format!("the copy could not be made: {why}")),
        }
    }

    /// Whether there is something of it to do in slices.
    pub(super) fn has_author_work(&self) -> bool {
        self.author.has_link_work() || self.author.copy.as_ref().is_some_and(|copy| copy.bytes().is_none())
    }

    /// A slice of it: about so many events.
    pub(super) fn author_work(&mut self, amount: usize) {
        let Some(timeline) = &self.timeline else { return };
        self.revision += 1;
        if self.author.has_link_work() {
            match self.author.link_work(timeline) {
                Some(0) | None => {}
                Some(missing) => {
                    let markers =
                        crate::format::count(u64::try_from(missing).unwrap_or(0), "marker", "markers");
                    self.error =
                        Some(format!("{markers} of the address are not in this trace and were left out"));
                }
            }
        } else if let Some(copy) = &mut self.author.copy
            && let Err(why) = copy.go_on(timeline.store(), amount)
        {
            self.author.copy = None;
            self.error = Some(format!("the copy could not be made: {why}"));
        }
    }

    /// The talk of an address; one that cannot be read changes nothing.
    pub(super) fn take_marks(&mut self, marks: Option<&str>) {
        let Some(text) = marks.filter(|text| !self.author.wrote(text)) else { return };
        if let Err(why) = self.author.take_link(text) {
            self.error = Some(format!(
                "the talk in this address cannot be read: {why}; the trace is shown without it"
            ));
        }
    }

    /// The talk of the trace that was shown is kept.
    pub(super) fn shelve(&mut self) {
        let mut author = std::mem::take(&mut self.author);
        author.copy = None;
        let end = self.timeline.as_ref().map(Timeline::end);
        if let (Some(from), Some(end), true) = (&self.source, end, author.is_edited()) {
            self.shelf.push((from.clone(), end, author));
            if self.shelf.len() > SHELF {
                self.shelf.remove(0);
            }
        }
    }

    /// The one that this trace had when it was shown before.
    pub(super) fn unshelve(&mut self) {
        let (Some(from), Some(timeline)) = (&self.source, &self.timeline) else { return };
        let end = timeline.end();
        let at = self.shelf.iter().position(|(of, events, _)| is_same(of, from) && *events == end);
        if let Some((.., author)) = at.map(|at| self.shelf.remove(at)) {
            self.author = author;
            self.author.revision += 1;
        }
    }

    /// Whether a talk would be lost with the page.
    pub fn has_unsaved_talk(&self) -> bool {
        self.author.is_unsaved() || self.shelf.iter().any(|(.., author)| author.is_unsaved())
    }
}

/// About so many pages are in a row at a zoom of the camera.
fn row_of(zoom: f64) -> u64 {
    crate::time::scale::whole(exp2(zoom.min(FARTHEST)).round())
}

fn zoom_of(row: u64) -> f64 {
    if row >= 1 << 36 { FARTHEST } else { crate::time::scale::float(row.max(1)).log2() }
}
