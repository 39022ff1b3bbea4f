//! The state of the page, and the one function that changes it.

use crate::ask::{Ask, Guess};
use crate::commands;
use crate::compare::Compare;
use crate::events::{Events, Pursuit};
use crate::inspect::History;
use crate::msg::Msg;
use crate::overlay::Overlay;
use crate::pages::{self, Pages, Shown};
use crate::player::{Course, Motion};
use crate::talk::Talk;
use crate::talk::stops::at_place;
use crate::tally::Tally;
use crate::time;
use crate::time::scale::Pace;
use crate::view::{aim, shown_process};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{Event, EventKind};
use pagescope_shared::store::Store;
use pagescope_shared::timeline::Timeline;

/// What stands in the middle of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StageView {
    /// Pages as cells, or one page taken apart.
    #[default]
    Pages,
    /// One address through the page tables.
    Walk,
    /// The whole trace: address over time.
    Time,
}

impl StageView {
    /// All of them, with the names that the page has for them.
    pub const ALL: [(&str, Self); 3] = [("pages", Self::Pages), ("walk", Self::Walk), ("time", Self::Time)];
}

/// What stands beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SidePanel {
    /// Narration, the latest event, the program.
    #[default]
    Now,
    /// The list of events.
    Events,
    /// What is selected.
    Inspect,
    /// Two moments side by side.
    Compare,
    /// The trace as a whole: processes, what was recorded, what is wrong with it.
    Trace,
    /// The talk that a person makes of it.
    Talk,
}

impl SidePanel {
    /// All of them, with the names that the page has for them.
    pub const ALL: [(&str, Self); 6] = [
        ("now", Self::Now),
        ("events", Self::Events),
        ("inspect", Self::Inspect),
        ("compare", Self::Compare),
        ("trace", Self::Trace),
        ("talk", Self::Talk),
    ];
}

/// The state of the page.
#[derive(Debug)]
pub struct App {
    /// The trace that is shown, once there is one.
    pub timeline: Option<Timeline>,
    /// Its name.
    pub name: String,
    /// The name of a trace that is on its way.
    pub loading: Option<String>,
    /// What went wrong, until it has been read.
    pub error: Option<String>,
    /// What stands in the middle.
    pub stage: StageView,
    /// What stands beside it.
    pub side: SidePanel,
    /// The process that the person chose; else the one that the events are about.
    pub process: Option<u32>,
    /// What is under the pointer, in whichever view.
    pub hover: Option<Addr>,
    /// What is selected, in all views.
    pub selection: Option<Range>,
    /// What the walk remembers.
    pub walk: crate::walk::State,
    /// The picture of pages, and where its camera is.
    pub pages: Pages,
    /// The list of events, and what is looked for in it.
    pub events: Events,
    /// A search for the next event of a kind, while it goes on.
    pub pursuit: Option<Pursuit>,
    /// How many events the last slice of work has looked at: fewer than it was given where some are costly, or are not
    /// here.
    pub worked: usize,
    /// Something to say that changes nothing.
    pub notice: String,
    /// What stands over the page.
    pub overlay: Option<Overlay>,
    /// The latest events of what is inspected.
    pub inspect: History,
    /// Two moments side by side.
    pub compare: Compare,
    /// The events of the whole trace by kind.
    pub tally: Tally,
    /// Where the film is going.
    pub motion: Motion,
    /// How fast: 1 is as made.
    pub speed: f64,
    /// What passes evenly while it plays.
    pub pace: Pace,
    /// What is played again and again: from the first position to the second.
    pub repeat: Option<(usize, usize)>,
    /// The picture of the whole trace.
    pub time: time::Time,
    /// The stops of the trace, and a talk about them.
    pub talk: Talk,
    /// Questions before steps.
    pub ask: Ask,
    /// The markers that a person makes, or edits.
    pub author: crate::author::Author,
    /// Talks of other traces.
    shelf: Vec<authoring::Shelved>,
    /// No motion that nobody asked for.
    pub reduced_motion: bool,
    /// The position before this one, from which the picture changes.
    pub came_from: usize,
    /// Milliseconds since the position changed.
    pub since_change: f64,
    /// Whether it is shown how long frames take.
    pub meter: bool,
    /// Changes whenever what is shown may change, but for the progress of a transition.
    pub revision: u64,
    /// Changes whenever another trace is shown.
    pub trace: u64,
    /// What is on its way.
    pub load: crate::load::Load,
    /// Where the trace that is shown comes from.
    pub source: Option<crate::load::From>,
    /// A moment that is to be shown as soon as it is reached.
    pub goal: Option<Goal>,
    /// Whether the person has done anything yet.
    pub touched: bool,
    /// How many times the person has asked for a picture.
    pub pictures: u32,
    /// A video that is being made.
    pub video: Option<crate::capture::Video>,
    /// How many times the person has asked for a link to what is shown.
    pub links: u32,
    /// Where the camera of the pages is to go then, and how close.
    camera_goal: Option<(Addr, f64)>,
    /// Whether it only has to be replayed.
    goal_is_near: bool,
    /// What the panels were told last of how far the trace has been gone through.
    told: usize,
    waited: f64,
    course: Option<Course>,
}

/// So many events are gone through before anything of a trace is shown.
const AT_ONCE: usize = 1_500;

/// No more mappings than this fade away together.
const MOST_FADING: usize = 1000;

/// Milliseconds that a change of the picture takes.
pub const TRANSITION_MS: f64 = 400.0;

impl Default for App {
    fn default() -> Self {
        Self {
            timeline: None,
            name: String::new(),
            loading: None,
            error: None,
            stage: StageView::default(),
            side: SidePanel::default(),
            process: None,
            hover: None,
            selection: None,
            walk: crate::walk::State::default(),
            pages: Pages::default(),
            events: Events::default(),
            pursuit: None,
            worked: 0,
            notice: String::new(),
            overlay: None,
            inspect: History::default(),
            compare: Compare::default(),
            tally: Tally::default(),
            motion: Motion::Still,
            speed: 1.0,
            pace: Pace::Events,
            repeat: None,
            time: time::Time::default(),
            talk: Talk::default(),
            ask: Ask::default(),
            author: crate::author::Author::default(),
            shelf: Vec::new(),
            reduced_motion: false,
            came_from: 0,
            since_change: f64::INFINITY,
            meter: false,
            revision: 0,
            trace: 0,
            load: crate::load::Load::default(),
            source: None,
            goal: None,
            touched: false,
            pictures: 0,
            video: None,
            links: 0,
            camera_goal: None,
            goal_is_near: false,
            told: 0,
            waited: 0.0,
            course: None,
        }
    }
}

impl App {
    /// Changes the state by one message.
    pub fn update(&mut self, msg: Msg) {
        let before = self.revision;
        if !matches!(msg, Msg::Tick(_) | Msg::Frame | Msg::Work(_)) {
            self.revision += 1;
        }
        self.touched |= msg.is_the_persons();
        self.happens(msg);
        if self.revision != before {
            self.ask.settle(self.timeline.as_ref().map_or(0, Timeline::position));
            self.talk_follows();
            self.ask();
        }
    }

    fn happens(&mut self, msg: Msg) {
        match msg {
            Msg::Load(msg) => self.load_msg(msg),
            Msg::Address(address) => self.address(address),
            Msg::Loaded { name, bytes, autoplay } => {
                (self.load.job, self.load.remote) = (None, None);
                self.load(&name, bytes, autoplay);
            }
            Msg::Tick(ms) => self.tick(ms),
            Msg::TogglePlay => self.toggle_play(),
            Msg::NextStep => self.next_step(),
            Msg::PreviousStep => self.previous_step(),
            Msg::NextEvent => self.jump(self.position().saturating_add(1)),
            Msg::PreviousEvent => self.jump(self.position().saturating_sub(1)),
            Msg::Seek(to) => self.jump(to),
            Msg::SeekTime(time_ns) => {
                (self.motion, self.pursuit) = (Motion::Still, None);
                self.aim(Goal::Time(time_ns));
            }
            Msg::GoToStep(index) => self.go_to_stop(index),
            Msg::Home if self.talk.on && !self.talk.stops.is_empty() => {
                self.go_to_stop(at_place(&self.talk.stops, 0));
            }
            Msg::End if self.talk.on && !self.talk.stops.is_empty() => {
                self.go_to_stop(at_place(&self.talk.stops, usize::MAX));
            }
            Msg::Home => self.jump(self.first_position()),
            Msg::End => self.jump(usize::MAX),
            Msg::Speed(speed) => self.speed = if speed.is_finite() { speed.clamp(0.1, 100.0) } else { 1.0 },
            Msg::NextMarker => self.go_to_marker(false),
            Msg::PreviousMarker => self.go_to_marker(true),
            Msg::Pace(pace) => (self.pace, self.course) = (pace, None),
            Msg::LoopFrom => self.set_loop(Some(self.position()), None),
            Msg::LoopTo => self.set_loop(None, Some(self.position())),
            Msg::Unloop => self.repeat = None,
            Msg::Time(msg) => self.time_msg(msg),
            Msg::Work(amount) => self.work(amount),
            Msg::Stage(stage) => self.stage = stage,
            Msg::Side(side) => self.side = side,
            Msg::Process(pid) => self.process = pid,
            Msg::Hover(addr) => self.hover = addr,
            Msg::Select(range) => self.selection = range,
            Msg::Walk(msg) => {
                let size = self.timeline.as_ref().map(|t| t.header().page_size);
                self.selection = self.walk.update(msg, size).or(self.selection);
            }
            Msg::Focus(addr) => self.focus(addr),
            Msg::Follow => {
                self.pages.follow();
                if self.stage == StageView::Time {
                    self.time.update(time::Msg::Whole);
                }
            }
            Msg::Overview => self.pages(pages::Msg::Fit),
            Msg::Pages(msg) => self.pages(msg),
            Msg::DismissError => self.error = None,
            Msg::ReducedMotion(on) => self.reduced_motion = on,
            Msg::Meter => self.meter = !self.meter,
            Msg::CopyLink => {
                self.links += 1;
                let complete = matches!(self.source, Some(crate::load::From::Url(_)));
                if complete && !self.author.link_is_too_long() {
                    self.author.is_safe();
                }
            }
            Msg::Picture => self.pictures += 1,
            Msg::Video => self.toggle_video(),
            Msg::Author(msg) => self.author_msg(msg),
            Msg::Events(msg) => self.events_message(msg),
            Msg::Pursue(pursuit) => {
                self.notice.clear();
                self.pursuit = Some(pursuit);
            }
            Msg::Overlay(msg) => self.overlay_message(msg),
            Msg::Compare(msg) => self.compare.update(msg, self.position()),
            Msg::Talk(msg) => self.talk_msg(msg),
            Msg::Embedded(act) => act.message(self).into_iter().for_each(|msg| self.update(msg)),
            Msg::Ask(msg) => self.ask_msg(msg),
            Msg::Run(id) => {
                if let Some(msg) = commands::by_id(id).and_then(|command| command.message(self)) {
                    self.update(msg);
                }
            }
            Msg::Frame | Msg::Redraw => {}
        }
        self.look();
    }

    /// The number of the process that is shown.
    fn pid(&self) -> Option<u32> {
        shown_process(self, self.timeline.as_ref()?).map(|(pid, _)| pid)
    }

    fn pages(&mut self, msg: pages::Msg) {
        let pid = self.pid();
        let space = self.timeline.as_ref().zip(pid).and_then(|(timeline, pid)| timeline.world().space(pid));
        let outcome = self.pages.update(msg, space, self.reduced_motion);
        self.hover = outcome.hover.unwrap_or(self.hover);
        if let (Some(Some(range)), Some(open)) = (outcome.select, &self.ask.open)
            && open.made.asks_for(pid, range)
        {
            return self.guess(Guess::Pages(range));
        }
        self.selection = outcome.select.unwrap_or(self.selection);
    }

    /// Shows the mapping at an address.
    fn focus(&mut self, addr: Addr) {
        let Some((timeline, pid)) = self.timeline.as_ref().zip(self.pid()) else { return };
        let Some(mapping) = timeline.world().space(pid).and_then(|space| space.mapping_at(addr)) else {
            return;
        };
        self.pages.show(mapping.range, self.reduced_motion);
    }

    /// The camera of the pages looks at what there is now.
    fn look(&mut self) {
        let Some((timeline, pid)) = self.timeline.as_ref().zip(self.pid()) else { return };
        let Some(space) = timeline.world().space(pid) else { return };
        let position = timeline.position();
        let world = timeline.world();
        // What is unmapped fades away in its place.
        let fades = self.progress() < 1.0
            && self.came_from < position
            && timeline.event().is_some_and(|event| world.lender(event.pid) == world.lender(pid));
        let removed = timeline.change().removed().map(|mapping| mapping.range).filter(|_| fades);
        let mut gone: Vec<Range> = removed.take(MOST_FADING).collect();
        let ahead = self.ask.open.as_ref().map(|open| open.to);
        let scope = self.talk.scope(timeline, ahead, space);
        if let Some(scope) = scope {
            // In a talk it stays to be seen as long as it is spoken of.
            let gone_now = scope.gone.iter().filter(|range| space.mapping_at(range.start()).is_none());
            gone.extend(gone_now.filter(|range| !gone.contains(range)).collect::<Vec<_>>());
        }
        let kept = timeline.change().mappings.is_empty();
        let together = scope.and_then(|scope| scope.together(space.page_size()));
        let shown = Shown { trace: self.trace, position, pid, fading: !gone.is_empty(), kept, together };
        let aims = scope.map(|scope| (scope.aim.unwrap_or(pages::Aim::All), false));
        let aim = || aims.unwrap_or_else(|| aim(timeline, space));
        self.pages.prepare(shown, space, &gone, aim, self.reduced_motion);
    }

    /// How many events lie before what is shown.
    pub fn position(&self) -> usize {
        self.timeline.as_ref().map_or(0, Timeline::position)
    }

    /// Whether frames must go on: something moves.
    pub fn is_moving(&self) -> bool {
        self.motion != Motion::Still || self.video.is_some() || self.is_changing()
    }

    /// Whether the picture changes by itself from frame to frame: what an event does, or the camera.
    pub fn is_changing(&self) -> bool {
        self.progress() < 1.0 || self.pages.is_moving()
    }

    /// How far the change to this position has come, from 0 to 1, eased.
    pub fn progress(&self) -> f64 {
        if self.reduced_motion {
            return 1.0;
        }
        let t = (self.since_change / TRANSITION_MS).clamp(0.0, 1.0);
        1.0 - (1.0 - t).powi(3)
    }

    /// Before it nothing is worth a look: the first step's end, or the first event.
    fn first_position(&self) -> usize {
        let Some(timeline) = &self.timeline else { return 0 };
        if timeline.steps().len() > 0 {
            return timeline.step_end(0);
        }
        // The first event that shows something: most recordings begin with the list of mappings.
        let shows = |event: &Event| matches!(event.kind, EventKind::Snapshot(_) | EventKind::Map(_));
        let first = (0..20).find(|at| timeline.event_at(*at).is_some_and(|event| shows(&event)));
        timeline.end().min(first.unwrap_or(0) + 1)
    }

    fn load(&mut self, name: &str, bytes: Result<Vec<u8>, String>, autoplay: bool) {
        self.loading = None;
        let read = bytes.and_then(|bytes| Store::open(bytes).map_err(|e| format!("{name}: {e}")));
        match read {
            // What was shown stays: a bad file costs nothing.
            Err(reason) => self.error = Some(reason),
            Ok(store) => self.show_trace(store, name, autoplay),
        }
    }

    /// Shows a trace from its beginning.
    pub fn show_trace(&mut self, store: Store, name: &str, autoplay: bool) {
        let mut timeline = Timeline::open(store);
        // What is long is gone through while it is shown already.
        timeline.explore(AT_ONCE);
        let plays = autoplay && timeline.header().lesson.is_some() && !self.reduced_motion && !self.talk.on;
        let problems = timeline.problems();
        self.error = problems.first().map(|first| {
            let more = problems.len() - 1;
            let rest = if more == 0 { String::new() } else { format!(" ({more} more like it)") };
            format!("{name} is damaged; everything else in it is shown. {first}{rest}")
        });
        drop(problems);
        // With the trace that it is of.
        self.shelve();
        self.timeline = Some(timeline);
        self.loading = None;
        self.trace += 1;
        (self.process, self.hover, self.selection) = (None, None, None);
        (self.repeat, self.course) = (None, None);
        self.talk.led = (None, None);
        self.forget_questions();
        (self.source, self.goal, self.goal_is_near) = (None, None, false);
        self.name = name.to_owned();
        self.jump(self.first_position());
        self.since_change = f64::INFINITY;
        // The first wait is short: somebody has just opened the page.
        self.waited = 700.0;
        self.motion = if plays { Motion::Playing } else { Motion::Still };
    }

    /// A jump is the person's own: it ends playing.
    fn jump(&mut self, to: usize) {
        self.motion = Motion::Still;
        self.waited = 0.0;
        self.pursuit = None;
        self.set_position(to);
    }
}

mod asking;
mod authoring;
mod loading;
mod panels;
mod playing;
mod talking;
pub use loading::Goal;
#[cfg(test)]
mod tests;
