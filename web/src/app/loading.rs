//! Traces come.

use super::App;
use crate::address::{Address, Place};
use crate::format::size;
use crate::load::{
    AHEAD_BYTES, AT_ONCE_BYTES, Came, END_BYTES, From, GALLERY, Job, MAX_BYTES, Msg, Progress, Remote, Wish,
};
use crate::pages;
use crate::player::Motion;
use pagescope_shared::store::{Begun, Opened, Store};
use pagescope_shared::timeline::{Approach, Timeline};
use std::ops::Range;

/// A slice of work in events is about so many bytes of a trace that is opened.
const BYTES_AN_EVENT: usize = 8;
/// How close the camera is at an address that comes without: 32 pages in a row.
pub(super) const ZOOM: f64 = 5.0;
/// So many events are replayed at once; a moment that is farther is reached in slices.
const NEAR: usize = 1_500;

/// A moment that is to be shown as soon as it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// After so many events.
    Position(usize),
    /// After all events until then, in nanoseconds.
    Time(u64),
}

impl App {
    pub(super) fn load_msg(&mut self, msg: Msg) {
        match msg {
            Msg::Home(from) => self.load.home = Some(from),
            Msg::Open { from, autoplay, place } => {
                self.loading = Some(from.name());
                self.load.begin(from, autoplay, place);
            }
            Msg::First { id, len, bytes } => {
                if let Some(job) = self.load.job.as_mut().filter(|job| job.id == id) {
                    job.len = Some(len);
                    job.state = Came::Ends { first: bytes, last: Vec::new() };
                    job.wish = Wish::Part(len.saturating_sub(END_BYTES)..len);
                }
            }
            Msg::Whole(id, len) => {
                if let Some(job) = self.load.job.as_mut().filter(|job| job.id == id) {
                    job.len = len;
                }
            }
            Msg::Piece(id, bytes) => self.piece(id, bytes),
            Msg::End(id) => {
                let job = self.load.job.as_mut().filter(|job| job.id == id);
                if let Some(Came::Pieces(opening)) = job.map(|job| &mut job.state) {
                    opening.end();
                    if opening.came() <= AT_ONCE_BYTES {
                        while self.open_on(usize::MAX) {}
                    }
                }
            }
            Msg::Part(id, offset, bytes) => self.part(id, offset, &bytes),
            Msg::Failed(id, reason) => self.load_failed(id, &reason),
            Msg::Cancel => {
                self.loading = None;
                if self.load.job.take().is_none()
                    && let Some(remote) = &mut self.load.remote
                {
                    remote.stopped = true;
                }
            }
            Msg::GoOn => {
                if let Some(remote) = &mut self.load.remote {
                    (remote.stopped, remote.failed) = (false, false);
                }
            }
        }
    }

    fn piece(&mut self, id: u32, bytes: Vec<u8>) {
        let Some(job) = self.load.job.as_mut().filter(|job| job.id == id) else { return };
        let Came::Pieces(opening) = &mut job.state else { return };
        opening.take(bytes);
        if opening.keeps_all() && opening.came() > MAX_BYTES {
            let most = size(MAX_BYTES);
            self.load_failed(id, &format!("without an index the page reads up to {most}, and it has more"));
        }
    }

    fn part(&mut self, id: u32, offset: u64, bytes: &[u8]) {
        if let Some(job) = self.load.job.as_mut().filter(|job| job.id == id) {
            let Came::Ends { first, last } = &mut job.state else { return };
            *(if offset == 0 { first } else { last }) = bytes.to_vec();
            self.try_ends();
        } else if let (Some(remote), Some(timeline)) = (&self.load.remote, &self.timeline)
            && remote.id == id
        {
            timeline.store().put(offset, bytes);
            self.author.link_goes_on();
            self.approach_goal(NEAR);
        }
    }

    fn try_ends(&mut self) {
        let Some(job) = &mut self.load.job else { return };
        let (Came::Ends { first, last }, Some(len)) = (&job.state, job.len) else { return };
        match Store::from_ends(len, first, last) {
            Ok(Begun::Store(store)) => {
                if let Some(job) = self.load.job.take() {
                    let remote = Remote { id: job.id, from: job.from.clone(), stopped: false, failed: false };
                    self.load.remote = Some(remote);
                    self.show_job(*store, job);
                }
            }
            Ok(Begun::More(range)) if job.wish != Wish::Part(range.clone()) => job.wish = Wish::Part(range),
            Ok(Begun::More(_) | Begun::NoIndex) => {
                job.state = Came::Pieces(pagescope_shared::store::Opening::default());
                job.wish = Wish::Whole;
            }
            Err(why) => {
                let id = job.id;
                self.load_failed(id, &why.to_string());
            }
        }
    }

    fn load_failed(&mut self, id: u32, reason: &str) {
        if let Some(job) = self.load.job.take_if(|job| job.id == id) {
            self.loading = None;
            self.error = Some(format!("{} could not be opened: {reason}", job.from.name()));
        } else if let Some(remote) = self.load.remote.as_mut().filter(|remote| remote.id == id) {
            remote.failed = true;
            let name = remote.from.name();
            self.error = Some(format!("the rest of {name} could not be read: {reason}; what is here stays"));
        }
    }

    /// Goes on opening with what has come, for about `most` bytes. Whether there is more to do.
    fn open_on(&mut self, most: usize) -> bool {
        let Some(job) = &mut self.load.job else { return false };
        let Came::Pieces(opening) = &mut job.state else { return false };
        match opening.go_on(most) {
            Ok(Opened::Store(store)) => {
                if let Some(job) = self.load.job.take() {
                    self.load.remote = None;
                    self.show_job(*store, job);
                }
                false
            }
            Ok(Opened::GoesOn) => true,
            Ok(Opened::Waits) => false,
            Err(why) => {
                let id = job.id;
                self.load_failed(id, &why.to_string());
                false
            }
        }
    }

    fn show_job(&mut self, store: Store, job: Job) {
        let begins = job.place.time_ns.is_none();
        self.show_trace(store, &job.from.name(), job.autoplay && begins && !job.place.talk);
        self.source = Some(job.from);
        self.unshelve();
        // From one trace to the next a talk goes on.
        let (talk, ask) = (job.place.talk || self.talk.on, job.place.ask || self.ask.on);
        self.go_to(&Place { talk, ask, ..job.place });
    }

    /// Shows what an address names.
    pub(super) fn go_to(&mut self, place: &Place) {
        (self.stage, self.side) = (place.view, place.side);
        (self.process, self.selection) = (place.pid, place.selection);
        self.take_marks(place.marks.as_deref());
        self.give_talk(place.talk);
        self.ask.on = place.ask;
        self.pages.follow();
        self.camera_goal = place.addr.map(|addr| (addr, place.zoom.unwrap_or(ZOOM)));
        if let Some(time_ns) = place.time_ns {
            self.motion = Motion::Still;
            self.aim(Goal::Time(time_ns));
        }
        self.move_camera();
    }

    /// The camera goes where an address wants it, once there is something to look at.
    pub(super) fn move_camera(&mut self) {
        let Some((addr, zoom)) = self.camera_goal.filter(|_| self.goal.is_none()) else { return };
        if self.timeline.as_ref().is_some_and(|timeline| timeline.world().processes().next().is_some()) {
            // It begins anew with the trace.
            self.look();
            self.pages(pages::Msg::Go { addr, zoom });
            self.camera_goal = None;
        }
    }

    /// The address was written by somebody else, or it is one of before.
    pub(super) fn address(&mut self, address: Address) {
        let same = match (&address.trace, &self.source) {
            (Some(trace), Some(From::Url(url))) => trace == url,
            (None, Some(From::File { .. })) => true,
            (None, Some(shown)) => *shown == self.load.home(),
            _ => false,
        };
        if same && self.load.job.is_none() && self.timeline.is_some() {
            return self.go_to(&address.place);
        }
        self.give_talk(address.place.talk);
        let from = address.trace.map_or_else(|| self.load.home(), From::Url);
        self.load_msg(Msg::Open { from, autoplay: !address.still, place: address.place });
    }

    /// What the address of what is shown says; `before` is what it said.
    pub fn address_now(&self, before: &Address) -> Address {
        let trace = match &self.source {
            Some(From::Url(url)) => before
                .trace
                .clone()
                .filter(|trace| trace == url)
                .or_else(|| Some(url.clone()).filter(|url| url != GALLERY)),
            _ => None,
        };
        let time_ns = self.timeline.as_ref().and_then(|timeline| Some(timeline.event()?.time_ns));
        let camera = self.pages.camera();
        let place = Place {
            time_ns,
            addr: camera.map(|(addr, _)| addr),
            zoom: camera.map(|(_, zoom)| (zoom * 100.0).round() / 100.0),
            view: self.stage,
            side: self.side,
            pid: self.process,
            selection: self.selection,
            // What cannot be read stays as it is.
            marks: match self.author.text() {
                Some(text) => Some(text.to_owned()),
                None => {
                    let kept = |marks: &String| self.author.waits_for_link() || !self.author.wrote(marks);
                    before.place.marks.clone().filter(kept)
                }
            },
            talk: self.talk.on,
            ask: self.ask.on,
        };
        before.with(trace, place)
    }

    /// Whether a moment that somebody waits for only has to be replayed.
    pub fn approaches(&self) -> bool {
        self.goal_is_near
    }

    /// Whether there is work that goes on while nothing else happens.
    pub fn has_work(&self) -> bool {
        let opening = match self.load.job.as_ref().map(|job| &job.state) {
            Some(Came::Pieces(opening)) => opening.has_work(),
            _ => false,
        };
        let picture = |timeline| self.time.has_work(timeline, self.trace);
        opening
            || self.goal_is_near
            || self.has_author_work()
            || self.seeks()
            || self.can_explore()
            || self.timeline.as_ref().is_some_and(picture)
    }

    /// Whether the trace can be gone through further, and should.
    fn can_explore(&self) -> bool {
        let stopped = self.load.remote.as_ref().is_some_and(|remote| remote.stopped);
        !stopped && self.timeline.as_ref().is_some_and(Timeline::can_explore)
    }

    /// Does a slice of it: about so many events.
    pub(super) fn work(&mut self, amount: usize) {
        self.worked = amount;
        let explores = self.can_explore();
        if matches!(self.load.job.as_ref().map(|job| &job.state), Some(Came::Pieces(o)) if o.has_work()) {
            self.worked = if self.open_on(amount.saturating_mul(BYTES_AN_EVENT)) { amount } else { 0 };
        } else if self.goal_is_near {
            let come = |app: &Self| app.timeline.as_ref().and_then(Timeline::on_the_way).unwrap_or(0);
            let before = come(self);
            self.approach_goal(amount);
            self.worked = come(self).saturating_sub(before);
        } else if self.has_author_work() {
            self.author_work(amount);
        } else if self.seeks() {
            self.seek_on(amount);
        } else if let Some(timeline) = &mut self.timeline {
            let before = timeline.explored();
            if explores {
                timeline.explore(amount);
            }
            let walked = self.time.work(timeline, self.trace, amount);
            self.worked = if explores { timeline.explored() - before } else { walked };
            // What the panels say of a trace need not follow at every frame.
            let told = timeline.explored().saturating_mul(32) / timeline.end().max(1);
            self.revision += u64::from(told != self.told);
            self.told = told;
        }
    }

    /// Goes to a position, at once where it is near. What is shown stays until that moment is reached.
    pub(super) fn set_position(&mut self, to: usize) {
        if let Some(remote) = &mut self.load.remote {
            remote.failed = false;
        }
        self.camera_goal = None;
        self.aim(Goal::Position(to));
    }

    pub(super) fn aim(&mut self, goal: Goal) {
        self.goal = Some(goal);
        self.approach_goal(NEAR);
    }

    fn approach_goal(&mut self, most: usize) {
        let (Some(goal), Some(timeline)) = (self.goal, &mut self.timeline) else { return };
        let position = match goal {
            Goal::Position(position) => Some(position),
            Goal::Time(time_ns) => timeline.store().position_after(time_ns),
        };
        let before = timeline.position();
        let approach = position.map_or(Approach::Waits, |position| timeline.approach(position, most));
        self.goal_is_near = approach == Approach::OnTheWay;
        let arrived = approach == Approach::Arrived;
        if arrived {
            self.goal = None;
        }
        if timeline.position() != before {
            self.came_from = before;
            self.since_change = 0.0;
            self.revision += 1;
            if arrived && matches!(goal, Goal::Position(_)) {
                self.arrive();
            }
        }
        self.move_camera();
    }

    /// The part of the trace that is to be fetched next: about `most` bytes, none of those that are `coming`.
    pub fn next_part(&self, most: u64, coming: &[Range<u64>]) -> Option<(u32, Range<u64>)> {
        let remote = self.load.remote.as_ref().filter(|remote| !remote.failed)?;
        let timeline = self.timeline.as_ref()?;
        let store = timeline.store();
        let ahead = || {
            let block = store.block_of(timeline.explored()).filter(|_| !remote.stopped)?;
            store.ahead(block, AHEAD_BYTES, most, coming)
        };
        store.wanted(most, coming).or_else(ahead).map(|range| (remote.id, range))
    }

    /// How far the trace is that is on its way, or the one that is shown.
    pub fn load_progress(&self) -> Option<Progress> {
        if let Some(job) = &self.load.job {
            return Some(job.progress());
        }
        let (remote, timeline) = (self.load.remote.as_ref()?, self.timeline.as_ref()?);
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let (done, all) = (number(timeline.explored()), number(timeline.end()));
        (done < all).then(|| remote.progress(done, all))
    }
}

#[cfg(test)]
mod tests;
