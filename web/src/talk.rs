//! Giving a talk: the stops of a trace, one after the other.

pub mod stops;

use pagescope_shared::timeline::Timeline;
use stops::{Stop, stops};

/// What a talk needs to know.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    /// The stops of the trace, as far as it has been gone through.
    pub stops: Vec<Stop>,
    /// Changes with every change of them.
    pub revision: u64,
    /// The trace they are of, and how many steps and markers it was known to have.
    known: (u64, usize, usize),
}

impl Talk {
    /// Brings the stops in line with what is known of the trace.
    pub fn refresh(&mut self, timeline: Option<&Timeline>, trace: u64) {
        let Some(timeline) = timeline else { return };
        let known = (trace, timeline.steps().len(), timeline.markers().len());
        if known != self.known {
            self.known = known;
            self.stops = stops(timeline, timeline.markers());
            self.revision += 1;
        }
    }
}
