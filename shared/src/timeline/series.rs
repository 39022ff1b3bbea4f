//! What memory amounted to through the trace, down-sampled.

use super::Moment;
use crate::model::Totals;

/// How many samples a series has, at most.
const SAMPLES: usize = 2048;

/// How many times memory is looked at for one sample, so that peaks are seen.
const LOOKS: usize = 8;

/// With more processes than this, memory is looked at once for a sample.
const FEW_PROCESSES: usize = 64;

/// A stretch of the trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// The position after its last event.
    pub position: usize,
    /// The time of its last event, in nanoseconds.
    pub time_ns: u64,
    /// What memory amounted to after its last event: all processes together.
    pub totals: Totals,
    /// The most bytes that were mapped at the moments that were looked at.
    pub most_mapped: u64,
    /// The most pages that were resident at those moments.
    pub most_resident: u64,
}

/// Samples by position, evenly spaced.
#[derive(Clone, Debug)]
pub struct Series {
    samples: Vec<Sample>,
    distance: usize,
    look: usize,
    end: usize,
    now: Sample,
}

impl Series {
    /// For a trace of `events`.
    pub(super) fn new(events: usize) -> Self {
        let distance = events.div_ceil(SAMPLES).max(1);
        let look = (distance / LOOKS).max(1);
        Self { samples: Vec::new(), distance, look, end: events, now: Sample::default() }
    }

    /// The samples.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    pub(super) fn follow(&mut self, moment: &Moment, time_ns: u64) {
        let at = moment.position;
        let ends = at.is_multiple_of(self.distance) || at == self.end;
        // Looking costs by processes: where there are many, only the ends of samples are looked at.
        let looks = at.is_multiple_of(self.look) && moment.world.process_count() <= FEW_PROCESSES;
        if !ends && !looks {
            return;
        }
        let totals = moment.world.totals();
        self.now.most_mapped = self.now.most_mapped.max(totals.mapped);
        self.now.most_resident = self.now.most_resident.max(totals.resident());
        if ends {
            self.samples.push(Sample { position: at, time_ns, totals, ..self.now });
            self.now = Sample::default();
        }
    }
}
