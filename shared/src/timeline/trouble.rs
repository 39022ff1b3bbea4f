//! Where a recording lost something, and where events and model disagree.

use crate::event::Event;
use crate::event::EventKind;
use crate::format::clipped;
use crate::model::Drift;

/// So many places are listed; all are counted.
const LISTED: usize = 1000;

/// What is wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The recording lost events: how many (0 when nobody knows), and why.
    Lost(u64, String),
    /// An event that cannot be, as far as the model knows.
    Drift(Drift),
}

/// All of it, as far as the trace has been gone through.
#[derive(Clone, Debug, Default)]
pub struct Troubles {
    listed: Vec<(usize, Trouble)>,
    lost: u64,
    drift: u64,
}

impl Troubles {
    /// The first ones: each with the position after its event.
    pub fn listed(&self) -> &[(usize, Trouble)] {
        &self.listed
    }
    /// How many events were lost; at least one for each time that nobody knows how many.
    pub fn lost(&self) -> u64 {
        self.lost
    }
    /// How many times events and model disagree.
    pub fn drift(&self) -> u64 {
        self.drift
    }

    /// The event that leads to `position`, and where the model disagrees with it.
    pub(super) fn follow(&mut self, position: usize, event: &Event, drift: &[Drift]) {
        if let EventKind::Lost(lost) = &event.kind {
            self.lost = self.lost.saturating_add(lost.count.max(1));
            self.note(position, || Trouble::Lost(lost.count, clipped(&lost.reason, 200)));
        }
        for one in drift {
            self.drift = self.drift.saturating_add(1);
            self.note(position, || Trouble::Drift(*one));
        }
    }

    fn note(&mut self, position: usize, trouble: impl FnOnce() -> Trouble) {
        if self.listed.len() < LISTED {
            self.listed.push((position, trouble()));
        }
    }
}
