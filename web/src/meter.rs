//! How long frames take, and how much work fits beside them.

use std::fmt;

/// Frames that are averaged.
const KEPT: usize = 60;
/// What a frame may take with its slice of work, in milliseconds: less than the 16 that it has.
const FRAME_MS: f64 = 14.0;
/// What a slice of work takes at least and at most.
const SLICE_MS: (f64, f64) = (4.0, 12.0);

/// The last frames: what actions, panels and pictures took, in milliseconds.
#[derive(Debug, Default)]
pub struct Meter {
    frames: std::collections::VecDeque<[f64; 3]>,
    slice: Option<f64>,
}

impl Meter {
    /// A frame has taken so long for its actions, panels and pictures.
    pub fn frame(&mut self, parts: [f64; 3]) {
        if self.frames.len() >= KEPT {
            self.frames.pop_front();
        }
        self.frames.push_back(parts);
    }

    /// What the last frames took without their work, on average.
    fn beside(&self) -> f64 {
        let last = self.frames.iter().rev().take(8);
        let count: u32 = last.len().try_into().unwrap_or(1);
        last.flatten().sum::<f64>() / f64::from(count.max(1))
    }

    /// How many events fit into a slice of work, by how long the last ones took.
    pub fn slice(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
        let events = self.slice.unwrap_or(2000.0).clamp(200.0, 4_000_000.0) as usize;
        events
    }

    /// The last slice took so long, in milliseconds, for so many events: fewer than it was given when it came to an end.
    pub fn worked(&mut self, ms: f64, events: usize) {
        let last = self.slice.unwrap_or(2000.0).clamp(200.0, 4_000_000.0);
        // A slice that was not used up says nothing of how long a whole one takes. Clocks of browsers are coarse: it
        // never grows more than twofold.
        let most = if events.saturating_mul(2) < self.slice() { 1.0 } else { 2.0 };
        let room = (FRAME_MS - self.beside()).clamp(SLICE_MS.0, SLICE_MS.1);
        self.slice = Some((last * room / ms.max(0.1)).clamp(last * 0.25, last * most));
    }
}

/// The mean and the longest of the last frames.
impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames: u32 = self.frames.len().try_into().unwrap_or(u32::MAX);
        for (i, name) in ["actions", "panels ", "picture"].iter().enumerate() {
            let times = self.frames.iter().filter_map(|frame| frame.get(i));
            let mean = times.clone().sum::<f64>() / f64::from(frames.max(1));
            let most = times.fold(0.0, |a: f64, b| a.max(*b));
            writeln!(f, "{name} {mean:5.1} ms, at most {most:5.1}")?;
        }
        write!(f, "of the last {frames} frames")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_and_shrink_with_what_they_take() {
        let mut meter = Meter::default();
        let first = meter.slice();
        meter.worked(1.0, first);
        assert_eq!(meter.slice(), first * 2);
        meter.worked(80.0, first);
        assert_eq!(meter.slice(), first / 2);
        for _ in 0..100 {
            meter.worked(0.0, usize::MAX);
        }
        assert_eq!(meter.slice(), 4_000_000);
        let mut meter = Meter::default();
        meter.worked(0.0, 7);
        assert_eq!(meter.slice(), first, "what ended at once does not make it grow");
    }

    #[test]
    fn it_says_mean_and_most() {
        let mut meter = Meter::default();
        (0..100).for_each(|i| meter.frame([f64::from(i), 1.0, 2.0]));
        assert!(meter.to_string().starts_with("actions  69.5 ms, at most  99.0"), "{meter}");
    }
}
