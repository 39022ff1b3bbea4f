//! What the panels say, in words: made anew from the state whenever it changes, compared with what
//! stands on the page, and only the difference is written.

mod event;
mod map;
mod stage;
mod story;

pub use event::{EventView, Fact, event_line, exit_text};
pub use map::{Region, Row, Share, rows};
pub(crate) use stage::aim;
pub use stage::{PageStage, Stage};

use crate::app::App;
use crate::format::{clipped, count, file_name};
use crate::player::Motion;
use crate::talk::stops::{self, Stop};
use crate::time::scale::{Pace, float, time_text};
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{EventKind, Question};
use pagescope_shared::timeline::Timeline;
use pagescope_shared::world::Process;

/// Everything that the panels show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The trace's title.
    pub title: String,
    /// Process and program.
    pub process: String,
    /// Which process is shown, where there are several.
    pub who: String,
    /// What the recording could not see, in words; empty when it saw all of it.
    pub caveat: String,
    /// The name of a trace that is on its way.
    pub loading: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// Where in the film.
    pub player: Player,
    /// The stop that this moment belongs to, from 0.
    pub stop: Option<usize>,
    /// Whether its words are those of the panels: somebody says something here.
    pub told: bool,
    /// Which one it is; or whose event, where nobody says something.
    pub teller: String,
    /// The title of the stop, or of the event.
    pub step_title: String,
    /// Its narration.
    pub narration: String,
    /// The question that can be asked before it, with its answer.
    pub question: String,
    /// Manual pages about it.
    pub man: Vec<String>,
    /// The lesson's program.
    pub source: Option<SourceView>,
    /// The line that runs, from 1.
    pub line: u32,
    /// The event just before this moment.
    pub event: EventView,
    /// The middle of the page.
    pub stage: Stage,
    /// The states of pages that the legend of a talk explains, a bit each as in [`PageState::ALL`].
    pub states: u32,
}

/// The lesson's program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceView {
    /// Its file name.
    pub name: String,
    /// Its lines.
    pub lines: Vec<String>,
}

/// Where in the film.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Player {
    /// How many events lie before this moment.
    pub position: usize,
    /// How many there are.
    pub end: usize,
    /// Whether it plays.
    pub playing: bool,
    /// In words.
    pub label: String,
    /// How fast: 1 is as made.
    pub speed: f64,
    /// What passes evenly.
    pub pace: Pace,
    /// What that means for this trace.
    pub pace_title: String,
    /// What is played again and again.
    pub repeat: Option<(usize, usize)>,
    /// Whether there are bookmarks.
    pub markers: bool,
}

impl View {
    /// What the speaker reads: which stop, its title, text and note, the question, title and text of the next stop.
    pub fn spoken_to_speaker(&self, app: &App) -> [String; 7] {
        let stops = &app.talk.stops;
        let position = app.position();
        let now = app.talk.told(position).and_then(|at| stops.get(at));
        let next = app.talk.beside(position, false).and_then(|at| stops.get(at));
        let count = match self.stop {
            Some(at) => format!("{}{} / {}", self.who, stops::number(stops, at) + 1, stops.len()),
            None => app.name.clone(),
        };
        let count = if app.talk.black { format!("{count} · black") } else { count };
        let of =
            |stop: Option<&Stop>, field: fn(&Stop) -> &String| stop.map(field).cloned().unwrap_or_default();
        [
            count,
            self.step_title.clone(),
            self.narration.clone(),
            of(now, |stop| &stop.note),
            asked(app, next),
            of(next, |stop| &stop.title),
            of(next, |stop| &stop.text),
        ]
    }

    /// What a listener is told: the step where there are steps, else the event.
    pub fn spoken(&self, app: &App) -> String {
        if !app.notice.is_empty() {
            return app.notice.clone();
        }
        if let Some(open) = &app.ask.open {
            return format!("{} {}", open.made.text, open.made.choices.join("; "));
        }
        if self.told {
            return format!("{}: {}. {}", self.teller, self.step_title, self.narration);
        }
        if self.player.position == 0 {
            return String::new();
        }
        if !self.step_title.is_empty() {
            return format!("{}. {} {}", self.player.label, self.step_title, self.narration);
        }
        let facts = self.event.facts.iter().take(3).map(|fact| format!("{}: {}", fact.label, fact.text));
        let facts = facts.collect::<Vec<_>>().join("; ");
        format!("{}. {}. {facts}", self.player.label, self.event.headline)
    }
}

/// The question that waits, or the written one of the next stop: with its answer.
fn asked(app: &App, next: Option<&Stop>) -> String {
    let waits = app.ask.open.as_ref().map(|open| {
        let made = &open.made;
        let page = || made.page.map(|page| page.start().to_string());
        (made.text.as_str(), made.answer.and_then(|i| made.choices.get(i)).cloned().or_else(page))
    });
    match waits {
        Some((text, answer)) => format!("{text}\n→ {}", answer.unwrap_or_default()),
        None => next.and_then(|stop| stop.question.as_ref()).map(in_words).unwrap_or_default(),
    }
}

/// A written question, and its answer.
fn in_words(question: &Question) -> String {
    let answer = question.answer.and_then(|i| question.choices.get(usize::try_from(i).ok()?));
    let answer = answer.map(|answer| format!("\n→ {answer}"));
    format!("{}{}", question.text, answer.unwrap_or_default())
}

/// No panel shows more of a name than this, in characters.
const MAX_NAME: usize = 200;
/// No source panel shows more lines than this.
const MAX_LINES: usize = 2000;

/// The view of a state.
pub fn view(app: &App) -> View {
    let mut view = View { loading: app.loading.clone(), error: app.error.clone(), ..View::default() };
    let Some(timeline) = &app.timeline else { return view };
    let header = timeline.header();
    view.player = Player {
        position: timeline.position(),
        end: timeline.end(),
        playing: app.motion == Motion::Playing,
        label: position_text(timeline),
        speed: app.speed,
        pace: app.pace,
        pace_title: crate::player::pace_text(app.pace, timeline),
        repeat: app.repeat,
        markers: app.author.marks().len() > 0,
    };
    view.title = match &header.lesson {
        Some(lesson) => clipped(&lesson.title, MAX_NAME),
        None => clipped(&app.name, MAX_NAME),
    };
    let stops = &app.talk.stops;
    view.stop = app.talk.reached(timeline.position());
    let told = app.talk.told(timeline.position());
    if let Some((i, stop)) = told.and_then(|i| Some((i, stops.get(i)?))) {
        let kind = if stops.iter().any(|stop| !stop.is_marker) { "Step" } else { "Marker" };
        view.told = true;
        view.teller = format!("{kind} {} of {}", stops::number(stops, i) + 1, stops.len());
        (view.step_title, view.narration) = (stop.title.clone(), stop.text.clone());
        (view.line, view.man) = (stop.line, stop.man.clone());
        view.question = stop.question.as_ref().map(in_words).unwrap_or_default();
    } else if let Some(event) = timeline.event() {
        let (title, text) = story::story(&event.kind, Some(timeline.change()), header.page_size);
        let exe = timeline.world().process(event.pid).and_then(|p| p.exe.as_deref().map(file_name));
        let exe = exe.map(|exe| format!(" · {}", clipped(exe, 60))).unwrap_or_default();
        let thread = if event.tid == event.pid { String::new() } else { format!(" · thread {}", event.tid) };
        // What the recorder itself says is nobody's.
        let process = if event.pid == 0 { String::new() } else { format!(" · process {}", event.pid) };
        view.teller = format!("{}{exe}{process}{thread}", view.player.label);
        (view.step_title, view.narration) = (title.to_owned(), text);
    }
    view.source = header.lesson.as_ref().map(|lesson| SourceView {
        name: clipped(&lesson.source.name, MAX_NAME),
        lines: lesson.source.text.lines().take(MAX_LINES).map(|l| clipped(l, MAX_NAME)).collect(),
    });
    view.caveat = caveat(timeline);
    view.event = event::event_view(timeline);
    let Some((pid, process)) = shown_process(app, timeline) else { return view };
    let Some(space) = timeline.world().space(pid) else { return view };
    view.process = match &process.exe {
        Some(exe) => format!("{} · process {pid}", clipped(file_name(exe), 60)),
        None => format!("process {pid}"),
    };
    if timeline.world().process_count() > 1 {
        let kind = if process.parent.is_some() { "child process" } else { "process" };
        view.who = format!("{kind} {pid} · ");
    }
    view.stage = stage::stage(app, timeline, space);
    if let Some(exit) = process.ended.as_deref().filter(|_| space.totals().mappings == 0) {
        let how = match (exit.code, &exit.signal) {
            (_, Some(signal)) => format!("by {}", clipped(signal, 20)),
            (Some(code), None) => format!("with exit code {code}"),
            (None, None) => "".to_owned(),
        };
        view.stage.heading = "Nothing is mapped any more".to_owned();
        view.stage.detail = format!("The process has ended {how}").trim_end().to_owned();
    }
    view.states = if app.talk.on { stage::states(app, space) } else { u32::MAX };
    view
}

/// `event 12 of 3,825 · 1.25 ms`.
fn position_text(timeline: &Timeline) -> String {
    let number = |n: usize| crate::format::grouped(u64::try_from(n).unwrap_or(u64::MAX));
    let (position, end) = (number(timeline.position()), number(timeline.end()));
    let first_ns = timeline.reach().times().0;
    let since = |event: pagescope_shared::event::Event| float(event.time_ns.saturating_sub(first_ns));
    let time = timeline.event().map(|event| format!(" · {}", time_text(since(event))));
    format!("event {position} of {end}{}", time.unwrap_or_default())
}

/// The process that was chosen, that of the event that is shown, or the first one.
pub fn shown_process<'a>(app: &App, timeline: &'a Timeline) -> Option<(u32, &'a Process)> {
    let world = timeline.world();
    let chosen = app.process.filter(|pid| world.process(*pid).is_some());
    // What the recorder says of itself is of no process.
    let of_event = || timeline.before(50).map(|(_, event)| event.pid).find(|pid| *pid != 0);
    let pid = chosen.or_else(of_event);
    let found = pid.and_then(|pid| Some((pid, world.process(pid)?)));
    found.or_else(|| world.processes().next())
}

/// What the latest memory event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its pages.
    pub range: Range,
    /// The first byte that was meant.
    pub addr: Addr,
}

/// The pages that the latest memory event of the trace is about.
pub fn subject(timeline: &Timeline) -> Option<Subject> {
    let size = timeline.header().page_size;
    // A long trace without memory events is not searched to its start on every frame.
    let found = timeline.before(10_000).find_map(|(_, event)| subject_of(&event.kind, size));
    found.map(|(addr, range)| Subject { range, addr })
}

/// The first byte that an event is about, and its pages.
pub(crate) fn subject_of(kind: &EventKind, size: PageSize) -> Option<(Addr, Range)> {
    let (addr, range) = match kind {
        EventKind::Map(map) => (None, map.range),
        EventKind::Unmap(unmap) => (None, unmap.range),
        EventKind::Protect(protect) => (None, protect.range),
        EventKind::Remap(remap) => (None, remap.new),
        EventKind::Advise(advise) => (None, advise.range),
        EventKind::Observed(o) => (None, o.range),
        EventKind::Fault(fault) => (Some(fault.addr), size.page_range(fault.addr)?),
        EventKind::Access(access) => (Some(access.addr), size.page_range(access.addr)?),
        _ => return None,
    };
    Some((addr.unwrap_or(range.start()), range))
}

/// What the picture cannot know, in one sentence.
fn caveat(timeline: &Timeline) -> String {
    use pagescope_shared::header::Capability;
    let lost = timeline.lost();
    let mut parts = Vec::new();
    // Frame numbers are missed where one would stand: it says so itself.
    if !timeline.header().capabilities.contains(&Capability::PageStates) {
        parts.push("Page states were not recorded: they are inferred.".to_owned());
    }
    if lost > 0 {
        parts.push(format!("{} lost.", count(lost, "event was", "events were")));
    }
    if timeline.explored() == timeline.end() && !timeline.ends_well() {
        parts.push("The recording stopped before its end.".to_owned());
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests;
