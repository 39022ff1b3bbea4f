//! The player's part of the state: playing, steps, loops, and the picture of the whole trace as a way to move.

use super::App;
use crate::player::{Course, Motion, brisk_pause_before, has_pauses, pause_before};
use crate::talk::stops::Stop;
use crate::time;
use crate::time::scale::Place;
use pagescope_shared::timeline::Timeline;

impl App {
    pub(crate) fn toggle_play(&mut self) {
        let Some(timeline) = &self.timeline else { return };
        if self.motion == Motion::Playing {
            self.motion = Motion::Still;
            return;
        }
        let (position, end) = (timeline.position(), timeline.end());
        match self.repeat {
            Some((from, to)) if !(from..to).contains(&position) => self.jump(from),
            None if position >= end => self.jump(self.first_position()),
            _ => {}
        }
        self.lead();
        self.motion = Motion::Playing;
        self.course = None;
        self.waited = 700.0;
    }

    pub(super) fn next_step(&mut self) {
        if !self.asks_first() {
            self.go_on();
        }
    }

    /// On to the next stop; or by an event, where there are no stops.
    pub(super) fn go_on(&mut self) {
        let Some(timeline) = &self.timeline else { return };
        let begins = self.talk.reached(timeline.position()).is_none();
        let at = match self.motion {
            Motion::Towards(to) => to,
            _ => timeline.position(),
        };
        let (target, next) = (self.next_target(), self.next_stop());
        // To a marker one jumps: what lies before it is not its own.
        let stop = next.and_then(|next| self.talk.stops.get(next));
        let jumps = stop.is_some_and(|stop| stop.from > at + 1 || stop.position <= at);
        // A step that is told after others were left out is played from its begin.
        let begin =
            stop.filter(|stop| stop.is_step && stop.is_marker && (stop.from > at + 1 || stop.position < at));
        let begin = begin.map(|stop| stop.from.saturating_sub(1));
        let plain = stop.is_some_and(|stop| !stop.has_camera());
        if let Motion::Towards(to) = self.motion {
            self.set_position(to);
        }
        self.waited = 0.0;
        match next {
            Some(next) if self.reduced_motion || begins || (jumps && begin.is_none()) => {
                self.go_to_stop(next);
            }
            _ => {
                if let Some(begin) = begin {
                    self.set_position(begin);
                }
                self.lead();
                if plain {
                    self.let_go();
                }
                self.talk.at = next.unwrap_or(self.talk.at);
                if self.reduced_motion || begins || (target < at && begin.is_none()) {
                    self.jump(target);
                } else {
                    self.motion = Motion::Towards(target);
                    self.tick(0.0);
                }
            }
        }
    }

    pub(super) fn previous_step(&mut self) {
        let Some(timeline) = &self.timeline else { return };
        let at = timeline.position();
        if let Some(before) = self.talk.beside(at, true) {
            return self.go_to_stop(before);
        }
        let none = self.talk.stops.is_empty();
        self.lead();
        self.jump(if none { at.saturating_sub(1) } else { self.first_position().min(at) });
    }

    /// To a stop of the talk, at once.
    pub(super) fn go_to_stop(&mut self, index: usize) {
        if let Some(position) = self.talk.stops.get(index).map(|stop| stop.position) {
            self.talk.at = index;
            self.lead();
            let stays = self.position() == position;
            self.jump(position);
            if stays {
                self.arrive();
            }
        }
    }

    /// A lesson and a talk lead the eye, unless all of it is to be seen; in a recording the camera stays where somebody
    /// put it.
    pub(super) fn lead(&mut self) {
        let lesson = self.timeline.as_ref().is_some_and(|timeline| timeline.header().lesson.is_some());
        if (lesson || self.talk.on) && !self.pages.shows_all_for_good() {
            self.pages.follow();
        }
    }

    /// To the nearest marker in time, if there is one; those of one moment are gone to one after the other.
    pub(super) fn go_to_marker(&mut self, back: bool) {
        let here = self.position();
        // Where there is a marker here, its words or those of its neighbours are shown.
        let now = (here, self.talk.told(here).unwrap_or(0));
        let mut markers = self.talk.stops.iter().enumerate().filter(|(_, stop)| stop.is_marker);
        let place = |(i, stop): &(usize, &Stop)| (stop.position, *i);
        let found = if back {
            markers.rfind(|marker| place(marker) < now)
        } else {
            markers.find(|marker| place(marker) > now)
        };
        if let Some((at, _)) = found {
            self.go_to_stop(at);
        }
    }

    /// What is played again and again: one end of it, the other stays where it was if that is possible.
    pub(super) fn set_loop(&mut self, from: Option<usize>, to: Option<usize>) {
        let Some(end) = self.timeline.as_ref().map(Timeline::end) else { return };
        let old = self.repeat.unwrap_or((0, end));
        let (mut a, mut b) = (from.unwrap_or(old.0), to.unwrap_or(old.1).min(end));
        if a >= b {
            (a, b) = if from.is_some() { (a, end) } else { (0, b) };
        }
        self.repeat = (a < b).then_some((a, b));
        self.course = None;
    }

    pub(super) fn time_msg(&mut self, msg: time::Msg) {
        let Some(timeline) = &self.timeline else { return self.time.update(msg) };
        let position = |part: f64| self.time.position(timeline, self.time.place(part));
        match msg {
            time::Msg::Seek(part) => self.jump(position(part)),
            time::Msg::Click(part) => {
                let (to, pointed) = (position(part), self.time.pointed());
                self.jump(to);
                self.selection = pointed.and_then(|(pid, range)| {
                    let space = self.timeline.as_ref()?.world().space(pid)?;
                    space.mappings_in(range).next().map(|mapping| mapping.range)
                });
            }
            time::Msg::Loop => self.set_loop(Some(position(0.0)), Some(position(1.0))),
            time::Msg::Point(_) => {
                self.time.update(msg);
                self.hover = self.time.hover();
            }
            _ => self.time.update(msg),
        }
    }

    pub(super) fn tick(&mut self, ms: f64) {
        let ms = if ms.is_finite() { ms.clamp(0.0, 250.0) } else { 0.0 };
        self.since_change += ms;
        self.video_goes_on(ms);
        if self.pages.is_moving() {
            self.pages.tick(ms);
            // What is in sight is said anew where it stops.
            self.revision += u64::from(!self.pages.is_moving());
        }
        let Some(timeline) = &self.timeline else { return };
        if self.motion == Motion::Playing && !has_pauses(self.pace, timeline) {
            self.flow(ms * self.speed);
        } else {
            self.beat(ms * self.speed);
        }
    }

    /// Event by event, each with its pause.
    fn beat(&mut self, ms: f64) {
        self.waited += ms;
        // Bounded: a frame shows at most this many events of a trace that plays fast.
        for _ in 0..1000 {
            let Some(timeline) = &self.timeline else { return };
            let position = timeline.position();
            let (limit, brisk) = match self.motion {
                Motion::Still => return,
                Motion::Playing => {
                    (self.repeat.map_or(timeline.end(), |(_, to)| to.min(timeline.end())), false)
                }
                Motion::Towards(to) => (to.min(timeline.end()), true),
            };
            let next = timeline.event_at(position).filter(|_| position < limit);
            if next.is_none() && position < limit {
                // Its bytes are on their way.
                self.waited = 0.0;
                return;
            }
            let Some(next) = next else {
                match self.repeat {
                    // A video has it once.
                    Some(_) if self.video.is_some() => self.motion = Motion::Still,
                    // The last event of a loop is seen as long as a step's.
                    Some((from, _)) if !brisk && self.waited >= 1000.0 => {
                        self.waited = 0.0;
                        self.set_position(from);
                    }
                    Some(_) if !brisk => {}
                    _ => self.motion = Motion::Still,
                }
                return;
            };
            let pause = if brisk { brisk_pause_before(&next.kind) } else { pause_before(&next.kind) };
            if self.waited < pause {
                return;
            }
            self.waited -= pause;
            self.set_position(position + 1);
        }
    }

    /// Along the axis, at its even speed.
    fn flow(&mut self, ms: f64) {
        let Some(timeline) = &self.timeline else { return };
        let end = timeline.end();
        let begin = |position: usize| {
            let last = position.checked_sub(1).and_then(|at| timeline.event_at(at));
            let first_ns = || timeline.event_at(0).map_or(0, |e| e.time_ns);
            Course::new(self.pace, timeline, position, last.map_or_else(first_ns, |e| e.time_ns))
        };
        let mut course = self.course.take().unwrap_or_else(|| begin(timeline.position()));
        course.at += ms * course.rate;
        let to = match course.scale.place(course.at) {
            _ if course.at >= course.scale.length() => end,
            Place::Position(position) => position.min(end),
            Place::Time(ns) => timeline.store().find_time(ns.saturating_add(1)),
        };
        let to = to.max(timeline.position());
        match self.repeat {
            Some((_, limit)) if to >= limit && self.video.is_some() => {
                self.set_position(limit);
                self.motion = Motion::Still;
            }
            Some((from, limit)) if to >= limit => {
                course = begin(from);
                self.course = Some(course);
                self.set_position(from);
            }
            _ => {
                self.course = Some(course);
                self.set_position(to);
                if to >= end {
                    self.motion = Motion::Still;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
