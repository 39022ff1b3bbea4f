//! Giving a talk: the stops of a trace, one after the other, on a screen without controls.

pub mod scope;
pub mod stops;

use crate::app::StageView;
use crate::author::{Author, MOST};
use pagescope_shared::model::AddressSpace;
use pagescope_shared::timeline::Timeline;
use scope::Scope;
use stops::{Stop, stops};

/// What a speaker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Msg {
    /// The talk begins, or ends.
    Toggle,
    /// One thing less: the number that was typed, the light, the talk.
    Back,
    /// The program beside the picture, or not.
    Code,
    /// Nothing to be seen, or everything again.
    Black,
    /// It is light again.
    Light,
    /// All is dim but for what the pointer is at, or not.
    Spot,
    /// A digit of a stop's number.
    Digit(u8),
    /// To the stop whose number was typed.
    Go,
    /// A command that came from the speaker window.
    Asked(&'static str),
    /// The browser has not let the speaker window open.
    Blocked,
}

/// What a talk needs to know.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    /// Whether one is given.
    pub on: bool,
    /// The program stands beside the picture.
    pub code: bool,
    /// Nothing is to be seen.
    pub black: bool,
    /// All is dim but for what the pointer is at.
    pub spot: bool,
    /// The number of a stop, as far as it was typed; 0 without.
    pub typed: usize,
    /// The stops of the trace, as far as it has been gone through.
    pub stops: Vec<Stop>,
    /// The stop that was gone to last: it tells those of one moment apart.
    pub at: usize,
    /// The view and the process that stops have chosen, where that is not what the person had.
    pub led: (Option<StageView>, Option<u32>),
    /// Changes with every change of them.
    pub revision: u64,
    /// What a stop and its neighbour are about, with the revision and the stop.
    scopes: [Option<(u64, usize, Scope)>; 2],
    /// The trace they are of, how many steps and markers it was known to have, and the revision of the markers.
    known: (u64, usize, usize, u64),
}

impl Talk {
    /// Where the last stop in time is.
    pub fn last(&self) -> usize {
        self.stops.last().map_or(0, |stop| stop.position)
    }

    /// The stop whose words are shown at a position.
    pub fn told(&self, position: usize) -> Option<usize> {
        stops::told(&self.stops, position, self.at)
    }

    /// The stop that a position belongs to.
    pub fn reached(&self, position: usize) -> Option<usize> {
        stops::reached(&self.stops, position, self.at)
    }

    /// The stop after a position, or before it.
    pub fn beside(&self, position: usize, back: bool) -> Option<usize> {
        stops::beside(&self.stops, position, self.at, back)
    }

    /// Brings the stops in line with what is known of the trace.
    pub fn refresh(&mut self, timeline: &Timeline, trace: u64, author: &Author) {
        let known = (trace, timeline.steps().len(), timeline.markers().len(), author.revision);
        if known != self.known {
            self.known = known;
            let edited = author.markers();
            let edited = edited
                .iter()
                .map(|(mark, order)| (mark.position, &mark.marker, mark.pid, order.unwrap_or(0)));
            let others = timeline.markers().iter().skip(MOST);
            let others = others.map(|of| (of.position, of.marker.as_ref(), None, of.marker.place()));
            self.stops = stops(timeline, edited.chain(others));
            self.revision += 1;
        }
    }
    /// Where to look, while a talk is given; `ahead` is the position to which a question leads.
    pub fn scope(
        &mut self,
        timeline: &Timeline,
        ahead: Option<usize>,
        space: &AddressSpace,
    ) -> Option<&Scope> {
        if !self.on {
            return None;
        }
        let ahead = ahead.and_then(|to| self.stops.iter().position(|stop| stop.position == to));
        if let Some(ahead) = ahead
            && self.scope_of(timeline, ahead).is_some_and(|scope| scope.is_mapped(space))
        {
            return self.scope_of(timeline, ahead);
        }
        let reached = self.reached(timeline.position())?;
        self.scope_of(timeline, reached)
    }

    fn scope_of(&mut self, timeline: &Timeline, stop: usize) -> Option<&Scope> {
        let known = self.scopes.get_mut(stop % 2)?;
        if known.as_ref().is_none_or(|(revision, of, _)| (*revision, *of) != (self.revision, stop)) {
            *known = Some((self.revision, stop, Scope::of(timeline, &self.stops, stop)));
        }
        known.as_ref().map(|(.., scope)| scope)
    }
}
