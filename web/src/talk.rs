//! Giving a talk: the stops of a trace, one after the other.

pub mod stops;

use crate::author::{Author, MOST};
use pagescope_shared::timeline::Timeline;
use stops::{Stop, stops};

/// What a talk needs to know.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    /// The stops of the trace, as far as it has been gone through.
    pub stops: Vec<Stop>,
    /// Changes with every change of them.
    pub revision: u64,
    /// The trace they are of, how many steps and markers it was known to have, and the revision of the markers.
    known: (u64, usize, usize, u64),
}

impl Talk {
    /// Where the last stop in time is.
    pub fn last(&self) -> usize {
        self.stops.last().map_or(0, |stop| stop.position)
    }

    /// Brings the stops in line with what is known of the trace.
    pub fn refresh(&mut self, timeline: &Timeline, trace: u64, author: &Author) {
        let known = (trace, timeline.steps().len(), timeline.markers().len(), author.revision);
        if known != self.known {
            self.known = known;
            let edited = author.markers();
            let edited = edited.iter().map(|(mark, marker)| (mark.position, marker, mark.pid));
            let others = timeline.markers().skip(MOST).map(|(at, marker)| (at, marker, None));
            self.stops = stops(timeline, edited.chain(others));
            self.revision += 1;
        }
    }
}
