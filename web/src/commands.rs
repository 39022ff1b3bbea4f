//! Everything that a person can ask for by name: one table for keys, buttons, the command palette and the help.

use crate::app::{App, SidePanel, StageView};
use crate::author::Msg as Author;
use crate::load;
use crate::msg::Msg;
use crate::overlay::{self, Kind};
use crate::pages::Msg as Pages;
use crate::player::speed_beside;
use crate::time;
use crate::time::scale::Pace;
use crate::{ask, compare, events, inspect, talk};

/// Something that a person can ask for.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// What `data-command` in `index.html` calls it.
    pub id: &'static str,
    /// What a person calls it.
    pub name: &'static str,
    /// Under which heading it stands in the help.
    pub group: Group,
    /// The keys that do it, see [`key_name`]; the first one is shown.
    pub keys: &'static [&'static str],
    /// Where those keys mean it.
    pub context: Context,
    /// What it does.
    pub act: Act,
}

/// The headings of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Through the trace.
    Play,
    /// What stands in the middle, and where its camera is.
    View,
    /// What stands beside it.
    Panel,
    /// Finding.
    Find,
    /// In front of an audience.
    Talk,
    /// The page itself.
    Page,
}

impl Group {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 6] = [Self::Play, Self::View, Self::Panel, Self::Find, Self::Talk, Self::Page];

    /// The heading.
    pub fn name(self) -> &'static str {
        match self {
            Self::Play => "Through the trace",
            Self::View => "View",
            Self::Panel => "Panels",
            Self::Find => "Find",
            Self::Talk => "In a talk",
            Self::Page => "This page",
        }
    }
}

/// Where a key means a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Everywhere.
    Everywhere,
    /// While this view stands in the middle.
    Stage(StageView),
    /// While this panel stands beside it.
    Side(SidePanel),
    /// In a talk, where it goes before all others.
    Talk,
}

impl Context {
    /// Whether it holds while `stage` and `side` are shown, and no talk is given.
    pub fn holds(self, stage: StageView, side: SidePanel) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Stage(of) => of == stage,
            Self::Side(of) => of == side,
            Self::Talk => false,
        }
    }
}

/// What a command does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// It becomes a message; none where there is nothing to do.
    Send(fn(&App) -> Option<Msg>),
    /// It becomes a message to the picture of the whole trace.
    Time(fn(&App) -> Option<time::Msg>),
    /// It becomes a message to the talk that is made.
    Author(fn(&App, Option<u32>) -> Option<Author>),
    /// Only the browser can do it.
    Browser(BrowserAct),
}

/// What only the browser can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrowserAct {
    /// Light to dark and back.
    Theme,
    /// The choice of traces.
    Open,
    /// The whole screen, or a window again.
    FullScreen,
    /// The window that only the speaker sees.
    Speaker,
}

/// The command of this name.
pub fn by_id(id: &str) -> Option<&'static Command> {
    ALL.iter().find(|command| command.id == id)
}

/// The command that a key means while `stage` and `side` are shown, in a talk or not.
pub fn by_key(key: &str, stage: StageView, side: SidePanel, talk: bool) -> Option<&'static Command> {
    let means = |command: &&Command| command.keys.contains(&key);
    let first = ALL.iter().filter(|command| talk && command.context == Context::Talk).find(means);
    first.or_else(|| ALL.iter().filter(|command| command.context.holds(stage, side)).find(means))
}

/// What the table calls a key: the browser's name of it, letters small, after `Ctrl+` (or Command) and `Shift+`. Of
/// signs such as `?` the shift key is a part.
pub fn key_name(key: &str, ctrl: bool, shift: bool) -> String {
    let sign = key.chars().count() == 1 && !key.chars().all(|c| c.is_ascii_alphabetic());
    let key = if key.chars().count() == 1 { key.to_ascii_lowercase() } else { key.to_owned() };
    let ctrl = if ctrl { "Ctrl+" } else { "" };
    let shift = if shift && !sign { "Shift+" } else { "" };
    format!("{ctrl}{shift}{key}")
}

/// What a person calls a key.
pub fn key_label(key: &str) -> String {
    let (before, last) = match key.rfind('+').filter(|at| *at > 0 && at + 1 < key.len()) {
        Some(at) => key.split_at(at + 1),
        None => ("", key),
    };
    let last = match last {
        "ArrowRight" => "→",
        "ArrowLeft" => "←",
        "ArrowUp" => "↑",
        "ArrowDown" => "↓",
        "PageDown" => "Page Down",
        "PageUp" => "Page Up",
        "Escape" => "Esc",
        " " => "Space",
        "Enter" => "Enter",
        other => {
            return format!("{before}{}", other.to_ascii_uppercase())
                .replace("HOME", "Home")
                .replace("END", "End");
        }
    };
    format!("{before}{last}")
}

impl Command {
    /// Its keys as a person reads them, `→, Page Down`; empty without one.
    pub fn keys_text(&self) -> String {
        self.keys.iter().map(|key| key_label(key)).collect::<Vec<_>>().join(", ")
    }

    /// Whether it does something now.
    pub fn is_possible(&self, app: &App) -> bool {
        matches!(self.act, Act::Browser(_)) || self.message(app).is_some()
    }

    /// The message that it becomes now.
    pub fn message(&self, app: &App) -> Option<Msg> {
        match self.act {
            Act::Send(message) => message(app),
            Act::Time(message) => message(app).map(Msg::Time),
            Act::Author(message) => {
                app.timeline.as_ref().and_then(|_| message(app, app.author.open)).map(Msg::Author)
            }
            Act::Browser(_) => None,
        }
    }
}

const fn command(
    id: &'static str,
    name: &'static str,
    group: Group,
    keys: &'static [&'static str],
    message: fn(&App) -> Option<Msg>,
) -> Command {
    Command { id, name, group, keys, context: Context::Everywhere, act: Act::Send(message) }
}

const fn browser(
    id: &'static str,
    name: &'static str,
    group: Group,
    keys: &'static [&'static str],
    act: BrowserAct,
) -> Command {
    Command { id, name, group, keys, context: Context::Everywhere, act: Act::Browser(act) }
}

/// One of the picture of the whole trace: its keys hold while it stands in the middle.
const fn time(
    id: &'static str,
    name: &'static str,
    keys: &'static [&'static str],
    message: fn(&App) -> Option<time::Msg>,
) -> Command {
    Command { id, name, group: View, keys, context: Context::Stage(StageView::Time), act: Act::Time(message) }
}

/// Around the moment that is shown, if it is in the picture.
fn zoom(app: &App, factor: f64) -> Option<time::Msg> {
    let here = app.time.part(app.time.here(app.timeline.as_ref()?));
    Some(time::Msg::Zoom { at: if (0.0..=1.0).contains(&here) { here } else { 0.5 }, factor })
}

/// A command of the picture of pages.
const fn pages(
    id: &'static str,
    name: &'static str,
    keys: &'static [&'static str],
    message: fn(&App) -> Option<Msg>,
) -> Command {
    let context = Context::Stage(StageView::Pages);
    Command { id, name, group: View, keys, context, act: Act::Send(message) }
}

/// One of the talk that a person makes: of the state and the marker that is edited.
const fn author(
    id: &'static str,
    name: &'static str,
    keys: &'static [&'static str],
    message: fn(&App, Option<u32>) -> Option<Author>,
) -> Command {
    Command { id, name, group: Panel, keys, context: Context::Everywhere, act: Act::Author(message) }
}

/// One of a talk.
const fn talk(
    id: &'static str,
    name: &'static str,
    keys: &'static [&'static str],
    message: fn(&App) -> Option<Msg>,
) -> Command {
    Command { id, name, group: Talk, keys, context: Context::Talk, act: Act::Send(message) }
}

/// What is only possible while a talk is given.
fn speak(app: &App, msg: talk::Msg) -> Option<Msg> {
    app.talk.on.then_some(Msg::Talk(msg))
}

use Group::{Find, Page, Panel, Play, Talk, View};

fn open(kind: Kind) -> Option<Msg> {
    Some(Msg::Overlay(overlay::Msg::Open(kind)))
}

#[expect(clippy::unnecessary_wraps, reason = "what a command wants")]
fn compare(msg: compare::Msg) -> Option<Msg> {
    Some(Msg::Compare(msg))
}

/// All commands, in the order of the help.
pub static ALL: &[Command] = &[
    command("next", "Next step", Play, &["ArrowRight", "PageDown", " ", "n"], |_| Some(Msg::NextStep)),
    command("previous", "Step back", Play, &["ArrowLeft", "PageUp", "p"], |_| Some(Msg::PreviousStep)),
    command("next-event", "Next event", Play, &["."], |_| Some(Msg::NextEvent)),
    command("previous-event", "Event before", Play, &[","], |_| Some(Msg::PreviousEvent)),
    command("play", "Play or pause", Play, &["k"], |_| Some(Msg::TogglePlay)),
    command("next-marker", "Next marker", Play, &["m"], |_| Some(Msg::NextMarker)),
    command("previous-marker", "Marker before", Play, &["Shift+m"], |_| Some(Msg::PreviousMarker)),
    command("faster", "Faster", Play, &[">"], |app| Some(Msg::Speed(speed_beside(app.speed, 1)))),
    command("slower", "Slower", Play, &["<"], |app| Some(Msg::Speed(speed_beside(app.speed, -1)))),
    command("pace", "Event time, wall time, wall time without idle", Play, &["w"], |app| {
        Some(Msg::Pace(match app.pace {
            Pace::Events => Pace::Wall,
            Pace::Wall => Pace::Idle,
            Pace::Idle => Pace::Events,
        }))
    }),
    command("loop-from", "Loop from here", Play, &["["], |_| Some(Msg::LoopFrom)),
    command("loop-to", "Loop up to here", Play, &["]"], |_| Some(Msg::LoopTo)),
    command("unloop", "No loop", Play, &["\\"], |_| Some(Msg::Unloop)),
    command("home", "To the start", Play, &["Home"], |_| Some(Msg::Home)),
    command("end", "To the end", Play, &["End"], |_| Some(Msg::End)),
    command("stage-pages", "Pages", View, &["1"], |_| Some(Msg::Stage(StageView::Pages))),
    command("stage-walk", "Walk: one address through the page tables", View, &["2"], |_| {
        Some(Msg::Stage(StageView::Walk))
    }),
    command("stage-time", "Time: the whole trace", View, &["3"], |_| Some(Msg::Stage(StageView::Time))),
    command("overview", "All pages of the process", View, &["o"], |app| {
        Some(if app.pages.shows_all_for_good() { Msg::Follow } else { Msg::Overview })
    }),
    command("follow", "Select nothing, then follow the events", View, &["Escape"], |app| {
        Some(if app.selection.is_some() { Msg::Select(None) } else { Msg::Follow })
    }),
    time("time-whole", "All of the trace", &["0"], |_| Some(time::Msg::Whole)),
    time("time-in", "Closer to this moment", &["+", "="], |app| zoom(app, 0.5)),
    time("time-out", "Further away", &["-"], |app| zoom(app, 2.0)),
    time("time-earlier", "Earlier part", &["Shift+ArrowLeft"], |_| Some(time::Msg::Pan(-0.25))),
    time("time-later", "Later part", &["Shift+ArrowRight"], |_| Some(time::Msg::Pan(0.25))),
    time("time-loop", "Loop what is shown", &["l"], |_| Some(time::Msg::Loop)),
    time("time-wall", "Axis: time as it was", &[], |_| Some(time::Msg::Pace(Pace::Wall))),
    time("time-idle", "Axis: idle time cut short", &["i"], |app| {
        Some(time::Msg::Pace(if app.time.pace == Pace::Idle { Pace::Wall } else { Pace::Idle }))
    }),
    time("time-events", "Axis: event by event", &["e"], |app| {
        Some(time::Msg::Pace(if app.time.pace == Pace::Events { Pace::Wall } else { Pace::Events }))
    }),
    pages("zoom-in", "Closer", &["+", "="], |_| Some(Msg::Pages(Pages::Zoom { at: None, by: 1.0 }))),
    pages("zoom-out", "Farther", &["-"], |_| Some(Msg::Pages(Pages::Zoom { at: None, by: -1.0 }))),
    pages("zoom-fit", "Everything in sight", &["0"], |_| Some(Msg::Pages(Pages::Fit))),
    pages("full-scale", "Holes as large as they are", &["h"], |_| Some(Msg::Pages(Pages::FullScale))),
    pages("pan-up", "Up", &["ArrowUp"], |_| Some(Msg::Pages(Pages::Pan { dy: 120.0, glide: true }))),
    pages("pan-down", "Down", &["ArrowDown"], |_| Some(Msg::Pages(Pages::Pan { dy: -120.0, glide: true }))),
    pages("pan-far-up", "Far up", &["Shift+ArrowUp"], |_| {
        Some(Msg::Pages(Pages::Pan { dy: 400.0, glide: true }))
    }),
    pages("pan-far-down", "Far down", &["Shift+ArrowDown"], |_| {
        Some(Msg::Pages(Pages::Pan { dy: -400.0, glide: true }))
    }),
    pages("page-after", "Page after this one", &["Shift+ArrowRight"], |app| {
        app.pages.one_page().map(|_| Msg::Pages(Pages::Turn(1)))
    }),
    pages("page-before", "Page before this one", &["Shift+ArrowLeft"], |app| {
        app.pages.one_page().map(|_| Msg::Pages(Pages::Turn(-1)))
    }),
    command("side-now", "Now: what happens", Panel, &["4"], |_| Some(Msg::Side(SidePanel::Now))),
    command("side-events", "Events: all of them", Panel, &["5"], |_| Some(Msg::Side(SidePanel::Events))),
    command("side-inspect", "Inspect: what is selected", Panel, &["6"], |_| {
        Some(Msg::Side(SidePanel::Inspect))
    }),
    command("side-compare", "Compare: two moments", Panel, &["7"], |_| Some(Msg::Side(SidePanel::Compare))),
    command("side-trace", "Trace: what was recorded", Panel, &["8"], |_| Some(Msg::Side(SidePanel::Trace))),
    command("side-talk", "Talk: markers with your words", Panel, &["9"], |_| {
        Some(Msg::Side(SidePanel::Talk))
    }),
    author("add-marker", "Marker here", &["Ctrl+m"], |_, _| Some(Author::Add)),
    author("take-steps", "Edit the lesson's steps as markers", &[], |app, _| {
        app.author.steps_left().next().map(|_| Author::TakeSteps)
    }),
    author("undo", "Undo", &["Ctrl+z"], |app, _| app.author.can().0.then_some(Author::Undo)),
    author("redo", "Redo", &["Ctrl+Shift+z", "Ctrl+y"], |app, _| app.author.can().1.then_some(Author::Redo)),
    author("marker-earlier", "Marker earlier in the talk", &[], |_, open| Some(Author::Move(open?, -1))),
    author("marker-later", "Marker later in the talk", &[], |_, open| Some(Author::Move(open?, 1))),
    author("marker-look", "Marker looks where I look", &[], |_, open| Some(Author::Look(open?))),
    author("marker-away", "Marker looks where the events are", &[], |_, open| Some(Author::LookAway(open?))),
    author("marker-place", "Marker stands at this moment", &[], |_, open| Some(Author::Place(open?))),
    author("marker-delete", "Delete the marker", &[], |_, open| Some(Author::Delete(open?))),
    author("save-copy", "Save a copy of the trace with the talk", &["Ctrl+s"], |app, _| {
        app.author.copy.is_none().then_some(Author::Save)
    }),
    command("compare-a", "A is here", Panel, &["a"], |_| compare(compare::Msg::SetA)),
    command("compare-b", "B is here", Panel, &["b"], |_| compare(compare::Msg::SetB)),
    command("compare-reset", "A where the step begins, B moves along", Panel, &[], |_| {
        compare(compare::Msg::Reset)
    }),
    command("finder", "Commands, places, names…", Find, &["Ctrl+k"], |_| open(Kind::Finder)),
    command("processes", "Processes", Find, &["Shift+p"], |_| open(Kind::Processes)),
    command("find", "Find among the events", Find, &["/"], |_| Some(Msg::Events(events::Msg::Find))),
    command("next-match", "Next event of the list", Find, &["g", "F3"], |_| {
        Some(Msg::Events(events::Msg::Next { back: false }))
    }),
    command("previous-match", "Event of the list before", Find, &["Shift+g", "Shift+F3"], |_| {
        Some(Msg::Events(events::Msg::Next { back: true }))
    }),
    command("next-here", "Next event here (what is inspected)", Find, &["j"], |app| {
        inspect::pursuit(app, false).map(Msg::Pursue)
    }),
    command("previous-here", "Event before, here", Find, &["Shift+j"], |app| {
        inspect::pursuit(app, true).map(Msg::Pursue)
    }),
    command("talk", "Talk mode", Talk, &["Shift+t"], |_| Some(Msg::Talk(talk::Msg::Toggle))),
    browser("full", "Full screen", Talk, &["f"], BrowserAct::FullScreen),
    browser("speaker", "Speaker window: notes, what comes next, clock", Talk, &["s"], BrowserAct::Speaker),
    command("ask", "Ask first, then show", Talk, &["q"], |_| Some(Msg::Ask(ask::Msg::Toggle))),
    talk("talk-black", "Black screen, and light again", &["b", "."], |app| speak(app, talk::Msg::Black)),
    talk("talk-code", "The program beside the picture", &["c"], |app| speak(app, talk::Msg::Code)),
    talk("talk-spot", "Spotlight at the pointer", &["l"], |app| speak(app, talk::Msg::Spot)),
    talk("talk-view", "Pages, walk, time", &["v"], |app| {
        let all = StageView::ALL;
        let here = all.iter().position(|(_, stage)| *stage == app.stage).unwrap_or(0);
        app.talk.on.then_some(Msg::Stage(all.get((here + 1) % all.len())?.1))
    }),
    talk("talk-go", "A number, then Enter: to that step", &["Enter"], |app| speak(app, talk::Msg::Go)),
    talk("talk-leave", "End the talk", &["Escape"], |app| speak(app, talk::Msg::Back)),
    command("help", "Keys and commands", Page, &["?"], |_| open(Kind::Help)),
    command("dismiss", "Close the message", Page, &[], |app| app.error.as_ref().map(|_| Msg::DismissError)),
    browser("open", "Open a trace", Page, &["Ctrl+o"], BrowserAct::Open),
    command("stop-loading", "Stop loading, or go on with it", Page, &[], |app| {
        let stopped = app.load_progress()?.stopped;
        Some(Msg::Load(if stopped { load::Msg::GoOn } else { load::Msg::Cancel }))
    }),
    command("picture", "Save a picture of what is shown", Page, &["c"], |app| {
        app.timeline.as_ref().map(|_| Msg::Picture)
    }),
    command("video", "Save a video from here on, or stop it", Page, &["Shift+c"], |app| {
        app.timeline.as_ref().map(|_| Msg::Video)
    }),
    command("link", "Copy a link to this moment", Page, &["y"], |app| {
        app.timeline.as_ref().map(|_| Msg::CopyLink)
    }),
    browser("theme", "Light or dark", Page, &["t"], BrowserAct::Theme),
    command("meter", "How long frames take", Page, &["~"], |_| Some(Msg::Meter)),
];

#[cfg(test)]
mod tests;
