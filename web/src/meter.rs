//! How long frames take, and how much work fits beside them.

use std::fmt;

/// Frames that are averaged.
const KEPT: usize = 60;
/// What a frame may take with its work, in milliseconds: less than the 16 that it has.
const FRAME_MS: f64 = 13.0;
/// What work gets of a frame at least and at most.
const WORK_MS: (f64, f64) = (2.0, 12.0);
/// What a slice of it should take: events differ, and many short slices keep to a time better than one long one.
const SLICE_MS: f64 = 1.5;
/// No more slices in a frame: some clocks stand still for a tenth of a second.
const SLICES: u32 = 12;
/// The longest slice that is reckoned with: one that took longer was held up by something else.
const LONGEST_MS: f64 = 4.0;

/// The last frames: what actions, panels and pictures took, in milliseconds.
#[derive(Debug, Default)]
pub struct Meter {
    frames: std::collections::VecDeque<[f64; 3]>,
    slice: Option<f64>,
    /// What the longest of the last slices took: some have to unpack what they look at.
    longest: f64,
}

impl Meter {
    /// A frame has taken so long for its actions, panels and pictures.
    pub fn frame(&mut self, parts: [f64; 3]) {
        if self.frames.len() >= KEPT {
            self.frames.pop_front();
        }
        self.frames.push_back(parts);
    }

    /// Does slices of work for as long as there is room in a frame that has taken `spent` milliseconds. `slice` does one of
    /// about so many events, and says how many they were and whether there is more.
    pub fn work(&mut self, spent: f64, clock: fn() -> f64, mut slice: impl FnMut(usize) -> (usize, bool)) {
        let begun = clock();
        let room = (FRAME_MS - spent).clamp(WORK_MS.0, WORK_MS.1);
        let mut now = begun;
        for _ in 0..SLICES {
            let (events, more) = slice(self.slice());
            let then = std::mem::replace(&mut now, clock());
            self.worked(now - then, events);
            // The next one may take as long as any.
            self.longest = (now - then).max(self.longest * 0.9).min(LONGEST_MS);
            if !more || now - begun + self.longest > room {
                break;
            }
        }
    }

    /// How many events fit into a slice of work, by how long the last ones took.
    fn slice(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
        let events = self.slice.unwrap_or(2000.0).clamp(200.0, 4_000_000.0) as usize;
        events
    }

    /// The last slice took so long, in milliseconds, for so many events: fewer than it was given when it came to an end.
    fn worked(&mut self, ms: f64, events: usize) {
        let last = self.slice.unwrap_or(2000.0).clamp(200.0, 4_000_000.0);
        // A slice that was not used up says nothing of how long a whole one takes. Clocks of browsers are coarse: it
        // never grows more than twofold.
        let most = if events.saturating_mul(2) < self.slice() { 1.0 } else { 2.0 };
        self.slice = Some((last * SLICE_MS / ms.max(0.1)).clamp(last * 0.25, last * most));
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
        meter.worked(0.1, first);
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
    fn slices_fill_the_frame_and_no_more() {
        // Milliseconds pass as the slices say.
        thread_local!(static NOW: std::cell::Cell<f64> = const { std::cell::Cell::new(0.0) });
        let check = |spent, each: f64, expect| {
            let (mut meter, mut slices) = (Meter::default(), 0);
            meter.work(
                spent,
                || NOW.get(),
                |events| {
                    slices += 1;
                    NOW.set(NOW.get() + each);
                    (events, true)
                },
            );
            assert_eq!(slices, expect, "{spent} {each}");
        };
        check(1.0, 2.0, 6);
        check(5.0, 2.0, 4);
        check(5.0, 1.0, 8);
        check(50.0, 2.0, 1);
        check(0.0, 30.0, 1);
        check(0.0, 0.0, 12);
        let mut meter = Meter::default();
        let mut took = [4.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0].into_iter();
        meter.work(
            3.0,
            || NOW.get(),
            |events| {
                NOW.set(NOW.get() + took.next().unwrap());
                (events, true)
            },
        );
        assert_eq!(took.len(), 3, "there is room for another long one");
        let mut slices = 0;
        Meter::default().work(
            0.0,
            || 0.0,
            |_| {
                slices += 1;
                (0, false)
            },
        );
        assert_eq!(slices, 1);
    }

    #[test]
    fn it_says_mean_and_most() {
        let mut meter = Meter::default();
        (0..100).for_each(|i| meter.frame([f64::from(i), 1.0, 2.0]));
        assert!(meter.to_string().starts_with("actions  69.5 ms, at most  99.0"), "{meter}");
    }
}
