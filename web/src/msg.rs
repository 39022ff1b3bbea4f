//! Everything that can happen to the page: the only way in.

use crate::app::{SidePanel, StageView};
use crate::pages;
use crate::time::scale::Pace;
use pagescope_shared::addr::{Addr, Range};

/// A message to [`crate::app::App::update`].
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// A trace comes.
    Load(crate::load::Msg),
    /// The page's address names a trace, or a place in the one that is shown.
    Address(crate::address::Address),
    /// A trace that is there as a whole: its bytes, or why there are none.
    Loaded {
        /// What to call it.
        name: String,
        /// Its bytes, or one sentence that says what went wrong and what to do.
        bytes: Result<Vec<u8>, String>,
        /// Whether a lesson begins to play by itself.
        autoplay: bool,
    },
    /// Time passes: milliseconds since the last frame.
    Tick(f64),
    /// Play or pause.
    TogglePlay,
    /// To the end of the next step (or the next event, where there are no steps).
    NextStep,
    /// To the end of the step before.
    PreviousStep,
    /// One event on.
    NextEvent,
    /// One event back.
    PreviousEvent,
    /// To the next bookmark.
    NextMarker,
    /// To the bookmark before.
    PreviousMarker,
    /// What passes evenly while the film plays: events, time, or time without its idle parts.
    Pace(Pace),
    /// What is played again and again begins here.
    LoopFrom,
    /// It ends here.
    LoopTo,
    /// Nothing is played again.
    Unloop,
    /// To a position: the number of events before it.
    Seek(usize),
    /// To the moment after all events until then, in nanoseconds.
    SeekTime(u64),
    /// To the end of a step, counted from 0.
    GoToStep(usize),
    /// To the start.
    Home,
    /// To the end.
    End,
    /// How fast to play: 1 is as made.
    Speed(f64),
    /// Work goes on that takes longer than a frame: so many events of it now.
    Work(usize),
    /// Another view in the middle.
    Stage(StageView),
    /// Another panel beside it.
    Side(SidePanel),
    /// Show this process, or the one that the events are about.
    Process(Option<u32>),
    /// The pointer is over this address, wherever that is drawn; or over none.
    Hover(Option<Addr>),
    /// These addresses are selected, in every view; or none.
    Select(Option<Range>),
    /// Of the picture of the whole trace.
    Time(crate::time::Msg),
    /// Of the walk through the page tables.
    Walk(crate::walk::Msg),
    /// Show the mapping at this address.
    Focus(Addr),
    /// Follow the events again.
    Follow,
    /// Show all pages of the process.
    Overview,
    /// Something happens to the picture of pages.
    Pages(pages::Msg),
    /// The person has read the error.
    DismissError,
    /// The system asks for less motion, or no longer.
    ReducedMotion(bool),
    /// Show how long frames take, or no longer.
    Meter,
    /// In the list of events.
    Events(crate::events::Msg),
    /// To the next event of this kind, or back to the one before: it is looked for in slices.
    Pursue(crate::events::Pursuit),
    /// In what stands over the page.
    Overlay(crate::overlay::Msg),
    /// In the comparison of two moments.
    Compare(crate::compare::Msg),
    /// In the talk that a person makes.
    Author(crate::author::Msg),
    /// In a talk.
    Talk(crate::talk::Msg),
    /// What the page that embeds this one asks for.
    Embedded(crate::embed::Act),
    /// About questions before steps.
    Ask(crate::ask::Msg),
    /// A command of the table, by its id.
    Run(&'static str),
    /// Only a frame is wanted: a part looks at the browser itself, such as how far a list is scrolled.
    Frame,
    /// A picture of what is shown.
    Picture,
    /// A video of what is played from here, or no more of it.
    Video,
    /// Put a link to what is shown into the clipboard.
    CopyLink,
    /// Something that only the drawing depends on changed: size, theme.
    Redraw,
}

impl Msg {
    /// Whether it need not be heard when `next` follows at once: the pointer is faster than frames.
    pub fn is_overtaken_by(&self, next: &Self) -> bool {
        use crate::time::Msg as Time;
        matches!(
            (self, next),
            (Self::Seek(_), Self::Seek(_))
                | (Self::Hover(_), Self::Hover(_))
                | (Self::Time(Time::Point(_)), Self::Time(Time::Point(_)))
                | (Self::Time(Time::Seek(_)), Self::Time(Time::Seek(_)))
                | (Self::Time(Time::Drag(_)), Self::Time(Time::Drag(_)))
        )
    }

    /// Whether it is something that a person does, and that the page's address may tell.
    pub fn is_the_persons(&self) -> bool {
        !matches!(
            self,
            Self::Load(_)
                | Self::Address(_)
                | Self::Loaded { .. }
                | Self::Tick(_)
                | Self::Work(_)
                | Self::Hover(_)
                | Self::ReducedMotion(_)
                | Self::Frame
                | Self::Redraw
        )
    }
}
