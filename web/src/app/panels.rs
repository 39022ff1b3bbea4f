//! What the panels ask of the trace, and what stands over the page.

use super::{App, SidePanel};
use crate::events::Pursuit;
use crate::msg::Msg;
use crate::overlay::Overlay;
use crate::view::shown_process;
use crate::{about, compare, events, inspect, overlay};
use pagescope_shared::timeline::Timeline;

impl App {
    /// Whether something is looked for in the trace.
    pub(super) fn seeks(&self) -> bool {
        let Some(timeline) = &self.timeline else { return false };
        self.pursuit.is_some()
            || self.events.has_work(timeline.end())
            || self.inspect.has_work()
            || self.compare.tally.has_work()
            || (self.side == SidePanel::Trace && self.tally.has_work())
    }

    /// Looks through about so many events: what somebody waits for comes first.
    pub(super) fn seek_on(&mut self, amount: usize) {
        let Some(timeline) = &mut self.timeline else { return };
        self.worked = if let Some(mut pursuit) = self.pursuit.take() {
            let from = pursuit.at;
            match pursuit.work(timeline, amount) {
                Ok(moment) => {
                    self.jump(moment);
                    from.abs_diff(moment)
                }
                Err(true) => {
                    self.notice = "There is no other one in this direction.".to_owned();
                    0
                }
                Err(false) => {
                    let looked = from.abs_diff(pursuit.at);
                    self.pursuit = Some(pursuit);
                    looked
                }
            }
        } else if self.inspect.has_work() {
            self.inspect.work(timeline, amount)
        } else if self.events.has_work(timeline.end()) {
            self.events.work(timeline, amount)
        } else if self.compare.tally.has_work() {
            self.compare.tally.work(timeline, amount)
        } else {
            self.tally.work(timeline, amount)
        };
        self.revision += 1;
    }

    /// What the panels ask of the trace follows what is shown.
    pub(super) fn ask(&mut self) {
        let shown =
            self.timeline.as_ref().and_then(|timeline| shown_process(self, timeline)).map(|(pid, _)| pid);
        self.events.ask(shown);
        self.inspect.ask(inspect::question(self));
        compare::refresh(self);
        about::refresh(self);
    }

    /// The talk follows the trace, the stops follow the talk.
    pub(super) fn talk_follows(&mut self) {
        let Some(timeline) = &self.timeline else { return };
        self.author.follow(timeline);
        self.author.settle();
        self.talk.refresh(timeline, self.trace, &self.author);
    }

    /// Another trace: what was asked of the old one is forgotten.
    pub(super) fn forget_questions(&mut self) {
        (self.pursuit, self.overlay) = (None, None);
        (self.ask.open, self.ask.told) = (None, None);
        self.notice.clear();
        self.events.forget();
        (self.inspect, self.compare, self.tally) = Default::default();
    }

    pub(super) fn events_message(&mut self, msg: events::Msg) {
        match msg {
            events::Msg::Next { back } => {
                let query = self.events.query().cloned().unwrap_or_default();
                self.happens(Msg::Pursue(Pursuit::new(query, self.position(), back)));
            }
            events::Msg::Step(by) => {
                let end = self.timeline.as_ref().map_or(0, Timeline::end);
                if let Some(moment) = self.events.step(self.position(), by, end) {
                    self.jump(moment);
                }
            }
            other => {
                if other == events::Msg::Find {
                    self.side = SidePanel::Events;
                }
                self.events.update(other, self.selection);
            }
        }
    }

    pub(super) fn overlay_message(&mut self, msg: overlay::Msg) {
        match msg {
            overlay::Msg::Open(kind) => self.overlay = Some(Overlay::open(kind, self)),
            overlay::Msg::Close => self.overlay = None,
            overlay::Msg::Text(text) => {
                self.overlay = self.overlay.as_ref().map(|open| open.typed(&text, self));
            }
            overlay::Msg::Move(by) => {
                if let Some(open) = &mut self.overlay {
                    open.step(by);
                }
            }
        }
    }
}
