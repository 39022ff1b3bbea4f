//! A page that embeds this one in a frame may move it, and is told where it is: what is said, without the browser.
//!
//! docs/embedding.md says how to use it.

use crate::app::App;
use crate::msg::Msg;
use crate::number::whole;
use crate::player::Motion;
use crate::talk::stops;

/// What the embedding page asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// Do something; it is answered by the state that follows from it.
    Do(Act),
    /// Say where it is.
    State,
}

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    /// To the next step.
    Next,
    /// A step back.
    Previous,
    /// To a step, from 1.
    Step(usize),
    /// After so many events.
    Event(usize),
    /// To the moment after all events until then, in nanoseconds.
    Time(u64),
    /// Play on.
    Play,
    /// Stop playing.
    Pause,
}

impl Ask {
    /// From the name of what is asked, and the numbers that came with it.
    ///
    /// # Errors
    /// One sentence that says what was not understood.
    pub fn parse(name: &str, number: impl Fn(&str) -> Option<f64>) -> Result<Self, &'static str> {
        let whole = |name: &str| number(name).filter(|n| !n.is_nan()).map(whole);
        let index = |name: &str| whole(name).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        Ok(Self::Do(match name {
            "next" => Act::Next,
            "previous" => Act::Previous,
            "play" => Act::Play,
            "pause" => Act::Pause,
            "state" => return Ok(Self::State),
            "goto" => match (index("step"), index("position"), whole("time")) {
                (Some(step), ..) => Act::Step(step),
                (_, Some(position), _) => Act::Event(position),
                (.., Some(time_ns)) => Act::Time(time_ns),
                _ => return Err("goto wants a step, a position or a time"),
            },
            _ => return Err("the page does next, previous, goto, play, pause and state"),
        }))
    }
}

impl Act {
    /// The message that it becomes; none where it is done already.
    pub fn message(self, app: &App) -> Option<Msg> {
        let plays = app.motion == Motion::Playing;
        Some(match self {
            Self::Next => Msg::NextStep,
            Self::Previous => Msg::PreviousStep,
            Self::Step(step) => Msg::GoToStep(stops::at_place(&app.talk.stops, step.saturating_sub(1))),
            Self::Event(position) => Msg::Seek(position),
            Self::Time(time_ns) => Msg::SeekTime(time_ns),
            Self::Play if !plays => Msg::TogglePlay,
            Self::Pause if plays => Msg::TogglePlay,
            Self::Play | Self::Pause => return None,
        })
    }
}

/// Where the page is, as the embedding one is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The step that is shown, from 1; 0 where there is none.
    pub step: usize,
    /// How many there are.
    pub steps: usize,
    /// What it is called.
    pub title: String,
    /// So many events lie before what is shown.
    pub position: usize,
    /// So many there are in all.
    pub events: usize,
    /// The time of the last of them, in nanoseconds.
    pub time_ns: u64,
    /// Whether it plays, or is on its way to a step.
    pub moving: bool,
    /// Nothing comes before: a step back belongs to the deck.
    pub first: bool,
    /// Nothing comes after: the next step belongs to the deck.
    pub last: bool,
}

/// Where the page is; none while it has no trace.
pub fn state(app: &App) -> Option<State> {
    let timeline = app.timeline.as_ref()?;
    let all = &app.talk.stops;
    let (position, events) = (timeline.position(), timeline.end());
    let here = app.talk.reached(position);
    // A talk may go back in time: its ends are those of its order.
    let ends = |back| app.talk.beside(position, back).is_none();
    let (first, last) =
        if all.is_empty() { (position <= 1, position >= events) } else { (ends(true), ends(false)) };
    Some(State {
        step: here.map_or(0, |i| stops::number(all, i) + 1),
        steps: all.len(),
        title: here.and_then(|i| all.get(i)).map(|stop| stop.title.clone()).unwrap_or_default(),
        position,
        events,
        time_ns: timeline.event().map_or(0, |event| event.time_ns),
        moving: app.motion != Motion::Still,
        first,
        last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = include_str!("../gallery/hello.jsonl");

    #[test]
    fn what_is_asked_is_understood_or_refused() {
        let check = |name: &str, numbers: &[(&str, f64)], expect: Result<Ask, &str>| {
            let number = |name: &str| numbers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
            assert_eq!(Ask::parse(name, number), expect, "{name} {numbers:?}");
        };
        let does = |act| Ok(Ask::Do(act));
        check("next", &[], does(Act::Next));
        check("state", &[], Ok(Ask::State));
        check("goto", &[("step", 3.0)], does(Act::Step(3)));
        check("goto", &[("position", 7.9)], does(Act::Event(7)));
        check("goto", &[("time", 1.5e6)], does(Act::Time(1_500_000)));
        check("goto", &[("step", -4.0)], does(Act::Step(0)));
        check("goto", &[("time", f64::INFINITY)], does(Act::Time(9_000_000_000_000_000)));
        let nothing = Err("goto wants a step, a position or a time");
        check("goto", &[("step", f64::NAN)], nothing);
        check("goto", &[], nothing);
        let unknown = Err("the page does next, previous, goto, play, pause and state");
        check("<img src=x>", &[], unknown);
        check("", &[], unknown);
    }

    #[test]
    fn it_goes_where_it_is_asked_to_and_says_where_it_is() {
        let mut app = App::default();
        app.update(Msg::ReducedMotion(true));
        assert_eq!(state(&app), None, "without a trace it is nowhere");
        app.update(Msg::Loaded { name: "t".into(), bytes: Ok(HELLO.into()), autoplay: false });
        let mut check = |act: Act, expect: (usize, bool, bool)| {
            act.message(&app).into_iter().for_each(|msg| app.update(msg));
            let now = state(&app).unwrap();
            assert_eq!((now.step, now.first, now.last), expect, "{act:?} {now:?}");
            assert_eq!(now.steps, 6);
        };
        check(Act::Step(1), (1, true, false));
        check(Act::Next, (2, false, false));
        check(Act::Previous, (1, true, false));
        check(Act::Step(6), (6, false, true));
        check(Act::Step(99), (6, false, true));
        check(Act::Event(0), (0, true, false));
        check(Act::Time(u64::MAX), (6, false, true));
        check(Act::Pause, (6, false, true));
    }

    #[test]
    fn a_talk_that_goes_back_in_time_has_the_ends_of_its_order() {
        const HEADER: &str = r#"{"format":"pagescope-trace","version":1,"page_size":4096,"arch":"x86_64","clock":"CLOCK_MONOTONIC","tool":{"name":"t","version":"1","method":"t"}}"#;
        let marker = |seq: u32, title: &str, order: u32| {
            format!(
                r#"{{"seq":{seq},"t":{seq},"pid":1,"tid":1,"kind":"marker","title":"{title}","order":{order}}}"#
            )
        };
        let lines = [HEADER.to_owned(), marker(0, "A", 2), marker(1, "B", 3), marker(2, "C", 1)];
        let mut app = App::default();
        app.update(Msg::ReducedMotion(true));
        app.update(Msg::Loaded {
            name: "t".into(),
            bytes: Ok(lines.join("\n").into_bytes()),
            autoplay: false,
        });
        let mut check = |act: Act, expect: (&str, usize, bool, bool)| {
            act.message(&app).into_iter().for_each(|msg| app.update(msg));
            let now = state(&app).unwrap();
            assert_eq!((now.title.as_str(), now.step, now.first, now.last), expect, "{act:?}");
        };
        check(Act::Step(1), ("C", 1, true, false));
        check(Act::Next, ("A", 2, false, false));
        check(Act::Next, ("B", 3, false, true));
        check(Act::Step(2), ("A", 2, false, false));
    }
}
