//! When the film moves on. A lesson's pauses are made for reading, not copied from the clock; what is long flows.

use crate::number::ten_below;
use crate::time::scale::{Pace, TimeScale, duration, float};
use pagescope_shared::event::EventKind;
use pagescope_shared::timeline::Timeline;

/// Milliseconds to wait before `next` is shown, at speed 1.
pub fn pause_before(next: &EventKind) -> f64 {
    match next {
        // What the step before has done is looked at first.
        EventKind::Step(_) => 1500.0,
        EventKind::Map(_) | EventKind::Unmap(_) | EventKind::Access(_) | EventKind::Failed(_) => 350.0,
        EventKind::Observed(_) | EventKind::Snapshot(_) => 800.0,
        _ => 150.0,
    }
}

/// The same while going to the end of one step: brisk, the speaker waits.
pub fn brisk_pause_before(next: &EventKind) -> f64 {
    match next {
        EventKind::Observed(_) => 450.0,
        _ => 0.0,
    }
}

/// Where the film is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// Nowhere.
    Still,
    /// On to the end.
    Playing,
    /// Briskly to a position, then still.
    Towards(usize),
}

/// The speeds that the control offers.
pub const SPEEDS: [f64; 10] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];

/// The one of them that is `by` further than the last one up to `speed`.
pub fn speed_beside(speed: f64, by: isize) -> f64 {
    let nearest = SPEEDS.iter().rposition(|s| *s <= speed).unwrap_or(0);
    let at = nearest.saturating_add_signed(by).min(SPEEDS.len() - 1);
    SPEEDS.get(at).copied().unwrap_or(1.0)
}

/// A trace without steps that has at most so many events is shown one event after another, with pauses.
const FEW: usize = 120;
/// A longer one takes so long by its events, in seconds, ...
const WHOLE_SECONDS: f64 = 60.0;
/// ... unless that would be slower than so many events a second.
const LEAST_RATE: f64 = 8.0;
/// By the clock a trace takes at least so long, in seconds: a shorter one is slowed down.
const LEAST_SECONDS: f64 = 2.0;

/// Whether each event has its own pause.
pub fn has_pauses(pace: Pace, timeline: &Timeline) -> bool {
    pace == Pace::Events && (timeline.header().lesson.is_some() || timeline.end() <= FEW)
}

/// The way through a trace that flows: along an axis at an even speed.
#[derive(Clone, Debug)]
pub struct Course {
    /// The axis.
    pub scale: TimeScale,
    /// Where on it.
    pub at: f64,
    /// How much of it in a millisecond, at speed 1.
    pub rate: f64,
}

impl Course {
    /// At the moment after `position` events, the last one at `time_ns`.
    pub fn new(pace: Pace, timeline: &Timeline, position: usize, time_ns: u64) -> Self {
        let density = timeline.store().density();
        let last_ns = density.columns().last().map_or(time_ns, |c| c.time_ns.1.max(time_ns));
        let scale = TimeScale::new(pace, timeline.reach(), timeline.end(), last_ns);
        let rate = match pace {
            Pace::Events => events_a_second(timeline.end()) / 1e3,
            Pace::Wall | Pace::Idle => 1e6 / slow_down(scale.length()),
        };
        Self { at: scale.at(position, time_ns), scale, rate }
    }
}

fn events_a_second(events: usize) -> f64 {
    (float(u64::try_from(events).unwrap_or(u64::MAX)) / WHOLE_SECONDS).max(LEAST_RATE)
}

/// How many times slower than it was a trace of so many nanoseconds plays at speed 1: a power of ten.
fn slow_down(length_ns: f64) -> f64 {
    let seconds = length_ns.max(1.0) / 1e9;
    let times = LEAST_SECONDS / seconds;
    if times <= 1.0 {
        return 1.0;
    }
    let below = ten_below(times);
    if below < times { below * 10.0 } else { below }
}

/// What speed 1 means, in a sentence.
pub fn pace_text(pace: Pace, timeline: &Timeline) -> String {
    if has_pauses(pace, timeline) {
        return "Event time: each event has its pause".to_owned();
    }
    let (first, last) = timeline.reach().times();
    match pace {
        Pace::Events => {
            let rate = crate::time::scale::whole(events_a_second(timeline.end()).round());
            format!("Event time: at 1× {} events a second", crate::format::grouped(rate))
        }
        Pace::Wall | Pace::Idle => {
            let scale = TimeScale::new(pace, timeline.reach(), timeline.end(), 0);
            let slow = slow_down(scale.length());
            let name = if pace == Pace::Wall { "Wall time" } else { "Wall time without idle" };
            let speed = if slow > 1.0 {
                format!(
                    "at 1× {} times slower than it was",
                    crate::format::grouped(crate::time::scale::whole(slow))
                )
            } else {
                "at 1× as fast as it was".to_owned()
            };
            let threshold = TimeScale::idle_threshold(last.saturating_sub(first));
            let idle = float(threshold);
            let cut = if pace == Pace::Idle {
                format!(
                    "; what is idle for {} or more is cut to a quarter of that",
                    duration(idle, idle / 10.0)
                )
            } else {
                String::new()
            };
            format!("{name}: {speed}{cut}")
        }
    }
}
