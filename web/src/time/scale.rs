//! What stands along a time axis: the clock, the clock without its idle times, or events one by one.

use crate::number::ten_below;
use pagescope_shared::timeline::Reach;

/// What an axis counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Events: each takes as long as any other.
    Events,
    /// Time as it was.
    #[default]
    Wall,
    /// Time, but where nothing happened for long it is cut short.
    Idle,
}

/// A time that is cut short.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// When it began and ended, in nanoseconds since the axis begins.
    pub ns: (f64, f64),
    /// Where it stands on the axis.
    pub at: (f64, f64),
}

/// A place on an axis, as the trace knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// So many events lie before it.
    Position(usize),
    /// A time, in nanoseconds since the recording began.
    Time(u64),
}

/// The axis: from 0 to its length, in events or in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeScale {
    /// What it counts.
    pub pace: Pace,
    first_ns: u64,
    length: f64,
    cuts: Vec<Cut>,
}

/// The shortest time that counts as idle is this part of the whole, ...
const IDLE_PART: u64 = 50;
/// ... but not below and not above this, in nanoseconds.
const IDLE_NS: (u64, u64) = (1_000_000, 250_000_000);

impl TimeScale {
    /// The axis of a trace of `events` that ends at `last_ns`, as far as its reach is known.
    pub fn new(pace: Pace, reach: &Reach, events: usize, last_ns: u64) -> Self {
        let first_ns = reach.times().0;
        let whole = last_ns.max(reach.times().1).saturating_sub(first_ns);
        let mut scale = Self { pace, first_ns, length: float(whole), cuts: Vec::new() };
        match pace {
            Pace::Events => scale.length = float(u64::try_from(events).unwrap_or(u64::MAX)),
            Pace::Wall => {}
            Pace::Idle => {
                let threshold = Self::idle_threshold(whole);
                let shown = float(threshold / 4);
                let mut cut_off = 0.0;
                for gap in reach.gaps(threshold) {
                    let ns = (
                        float(gap.start_ns.saturating_sub(first_ns)),
                        float(gap.end_ns.saturating_sub(first_ns)),
                    );
                    let start = ns.0 - cut_off;
                    scale.cuts.push(Cut { ns, at: (start, start + shown) });
                    cut_off += ns.1 - ns.0 - shown;
                }
                scale.length -= cut_off;
            }
        }
        // An axis without extent would have no inverse.
        scale.length = scale.length.max(1.0);
        scale
    }

    /// Idle times of at least so many nanoseconds are cut, in a trace of that length.
    pub fn idle_threshold(whole_ns: u64) -> u64 {
        (whole_ns / IDLE_PART).clamp(IDLE_NS.0, IDLE_NS.1)
    }

    /// How long it is.
    pub fn length(&self) -> f64 {
        self.length
    }

    /// When it begins, in nanoseconds since the recording began.
    pub fn first_ns(&self) -> u64 {
        self.first_ns
    }

    /// Where idle times stand that are cut short.
    pub fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// Where the event after `position`, at `time_ns`, stands.
    pub fn at(&self, position: usize, time_ns: u64) -> f64 {
        if self.pace == Pace::Events {
            return float(u64::try_from(position).unwrap_or(u64::MAX)).min(self.length);
        }
        self.at_ns(float(time_ns.saturating_sub(self.first_ns)))
    }

    /// Where a time stands that is given in nanoseconds since the axis begins.
    pub fn at_ns(&self, ns: f64) -> f64 {
        let next = self.cuts.partition_point(|cut| cut.ns.0 < ns);
        let Some(cut) = next.checked_sub(1).and_then(|i| self.cuts.get(i)) else {
            return ns.min(self.length);
        };
        let at = if ns < cut.ns.1 {
            cut.at.0 + (ns - cut.ns.0) / (cut.ns.1 - cut.ns.0) * (cut.at.1 - cut.at.0)
        } else {
            cut.at.1 + (ns - cut.ns.1)
        };
        at.min(self.length)
    }

    /// The time at a place of the axis, in nanoseconds since it begins; nothing when it counts events.
    pub fn ns(&self, at: f64) -> Option<f64> {
        if self.pace == Pace::Events {
            return None;
        }
        let at = at.clamp(0.0, self.length);
        let next = self.cuts.partition_point(|cut| cut.at.0 < at);
        let Some(cut) = next.checked_sub(1).and_then(|i| self.cuts.get(i)) else { return Some(at) };
        Some(if at < cut.at.1 {
            cut.ns.0 + (at - cut.at.0) / (cut.at.1 - cut.at.0) * (cut.ns.1 - cut.ns.0)
        } else {
            cut.ns.1 + (at - cut.at.1)
        })
    }

    /// What stands at a place of the axis.
    pub fn place(&self, at: f64) -> Place {
        match self.ns(at) {
            None => Place::Position(usize::try_from(whole(at)).unwrap_or(usize::MAX)),
            Some(ns) => Place::Time(self.first_ns.saturating_add(whole(ns))),
        }
    }
}

/// Marks along an axis between two places, with what they say: at most about `most` of them, at round numbers.
pub fn ticks(scale: &TimeScale, window: (f64, f64), most: usize) -> Vec<(f64, String)> {
    let span = window.1 - window.0;
    if !(span > 0.0 && span.is_finite()) {
        return Vec::new();
    }
    let wanted = span / float(u64::try_from(most.max(1)).unwrap_or(1));
    let power = ten_below(wanted);
    let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|s| *s >= wanted).unwrap_or(wanted);
    let step = if scale.pace == Pace::Events { step.max(1.0) } else { step };
    let (from, to) = (scale.ns(window.0).unwrap_or(window.0), scale.ns(window.1).unwrap_or(window.1));
    let mut out = Vec::new();
    let mut next = (from / step).ceil();
    // Bounded: what lies in a cut is jumped over.
    for _ in 0..most.saturating_mul(4) {
        let value = next * step;
        if value > to {
            break;
        }
        next += 1.0;
        let at = if scale.pace == Pace::Events { value } else { scale.at_ns(value) };
        if let Some(cut) = scale.cuts.iter().find(|cut| cut.ns.0 < value && value < cut.ns.1) {
            next = next.max((cut.ns.1 / step).ceil());
            continue;
        }
        let text = if scale.pace == Pace::Events {
            crate::format::grouped(whole(value))
        } else {
            duration(value, step)
        };
        out.push((at, text));
    }
    out
}

/// Nanoseconds in the unit that suits them, as exact as `step` asks: `1.25 s`, `340 µs`.
pub fn duration(ns: f64, step: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    if ns == 0.0 {
        return "0".to_owned();
    }
    if ns >= 120e9 {
        let seconds = whole(ns / 1e9);
        return format!("{}:{:02} min", seconds / 60, seconds % 60);
    }
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| ns >= *unit).unwrap_or((1.0, "ns"));
    let digits = (0..3).find(|d| step / unit * 10f64.powi(*d) >= 0.999).unwrap_or(3);
    let digits = usize::try_from(digits).unwrap_or(0);
    format!("{:.digits$} {name}", ns / unit)
}

/// A time to be read, three figures exact.
pub fn time_text(ns: f64) -> String {
    let power = ten_below(ns.max(1.0));
    duration(ns, power / 100.0)
}

/// Times and counts are floats on an axis: exact up to 2^53, which is 104 days.
pub(crate) fn float(n: u64) -> f64 {
    let (high, low) = (u32::try_from(n >> 32).unwrap_or(0), u32::try_from(n & 0xffff_ffff).unwrap_or(0));
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

/// Rounded down; nothing below 0.
pub(crate) fn whole(x: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates"
    )]
    let n = x.max(0.0) as u64;
    n
}
