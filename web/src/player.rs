//! When the film moves on: pauses are made for reading, not copied from the clock.

use pagescope_shared::event::EventKind;

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
