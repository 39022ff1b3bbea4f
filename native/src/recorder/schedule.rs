//! When running programs are looked at.

use anyhow::{Result, bail};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Every {
    /// Only at the beginning and at the end.
    Never,
    /// As often as costs next to nothing.
    Adaptive,
    /// This often, whatever it costs.
    Fixed(Duration),
}

impl Every {
    /// `longest`, or what is needed to look this often, whichever is shorter; one millisecond at least.
    pub(super) fn tick(self, longest: Duration) -> Duration {
        match self {
            Self::Fixed(period) => period.clamp(Duration::from_millis(1), longest),
            Self::Adaptive => AT_FIRST.min(longest),
            Self::Never => longest,
        }
    }
}

impl FromStr for Every {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "off" => Ok(Self::Never),
            "auto" => Ok(Self::Adaptive),
            _ => match duration(text)? {
                Duration::ZERO => bail!("a period of nothing; to look at the ends only: off"),
                period => Ok(Self::Fixed(period)),
            },
        }
    }
}

/// A number with a unit: `250ms`, `1.5s`, `2m`, `1h`. Without a unit: seconds.
///
/// # Errors
/// When it is none, or negative, or beyond all measure.
pub(crate) fn duration(text: &str) -> Result<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(at).unwrap_or((text, ""));
    let seconds = match unit.trim() {
        "" | "s" => 1.0,
        "us" => 1e-6,
        "ms" => 1e-3,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => bail!("{text:?} is no duration such as 250ms, 1.5s or 2m"),
    };
    let found = number.parse().ok().and_then(|n: f64| Duration::try_from_secs_f64(n * seconds).ok());
    match found {
        Some(duration) => Ok(duration),
        None => bail!("{text:?} is no duration such as 250ms, 1.5s or 2m"),
    }
}

/// Looking costs one part of so many of the time, at most.
const SHARE: u32 = 50;
/// The first time after this long; then twice as long each time, as much happens when a program begins;
const AT_FIRST: Duration = Duration::from_millis(25);
/// and once a while as long as this from then on.
const AT_LEAST: Duration = Duration::from_millis(200);
/// After so long the program is served again.
const SLICE: Duration = Duration::from_millis(5);

/// Looking at pages before they go costs one part of so many of the time, but for this long at once.
const SHARE_BEFORE: u32 = 100;
const AT_ONCE: Duration = Duration::from_millis(10);

/// Whose turn it is, and when.
#[derive(Debug)]
pub(super) struct Schedule {
    every: Every,
    begun: Instant,
    due: Instant,
    /// Those whose turn is still to come in this round.
    waiting: Vec<u32>,
    /// When a program that stands in a call may be compared with the model again.
    compare: Instant,
    /// The moment at which all looks so far, at pages before they went, are paid off.
    paid_off: Instant,
}

impl Schedule {
    pub(super) fn new(every: Every) -> Self {
        let now = Instant::now();
        let first = match every {
            Every::Fixed(period) => period.min(AT_LEAST),
            _ => AT_FIRST,
        };
        Self {
            every,
            begun: now,
            due: now + first,
            waiting: Vec::new(),
            compare: now + AT_LEAST,
            paid_off: now,
        }
    }

    /// Whether pages are looked at while the program runs.
    pub(super) fn looks(&self) -> bool {
        self.every != Every::Never
    }

    pub(super) fn is_due(&self) -> bool {
        self.looks() && self.due <= Instant::now()
    }

    /// The processes whose turn it is, one after another until that has taken a while; `look` is to look at one.
    ///
    /// # Errors
    /// Those of `look`.
    pub(super) fn turn(
        &mut self,
        all: impl Iterator<Item = u32>,
        look: &mut dyn FnMut(u32) -> Result<()>,
    ) -> Result<()> {
        let begun = Instant::now();
        if self.waiting.is_empty() {
            self.waiting.extend(all);
        }
        while let Some(pid) = self.waiting.pop() {
            look(pid)?;
            if self.every == Every::Adaptive && begun.elapsed() > SLICE {
                break;
            }
        }
        self.due = match self.every {
            Every::Fixed(period) => begun + period,
            _ => Instant::now() + self.pause().max(begun.elapsed() * SHARE),
        };
        Ok(())
    }

    fn pause(&self) -> Duration {
        self.begun.elapsed().clamp(AT_FIRST, AT_LEAST)
    }

    /// Whether pages are looked at before they go; then [`Self::looked_before`] is to be called.
    pub(super) fn may_look_before(&self) -> bool {
        match self.every {
            Every::Never => false,
            Every::Fixed(_) => true,
            Every::Adaptive => self.paid_off <= Instant::now() + AT_ONCE * SHARE_BEFORE,
        }
    }

    pub(super) fn looked_before(&mut self, since: Instant) {
        let now = Instant::now();
        self.paid_off = self.paid_off.max(now) + (now - since) * SHARE_BEFORE;
    }

    /// Whether a program that stands anyway is to be compared; then `done` is to be called.
    pub(super) fn may_compare(&self) -> bool {
        self.looks() && self.compare <= Instant::now()
    }

    pub(super) fn compared(&mut self, since: Instant) {
        self.compare = Instant::now() + Duration::from_secs(1).max(since.elapsed() * SHARE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_before_pages_go_may_cost() {
        let begun = Instant::now();
        let mut schedule = Schedule::new(Every::Adaptive);
        assert!(schedule.may_look_before());
        schedule.looked_before(begun - AT_ONCE / 2);
        assert!(schedule.may_look_before());
        schedule.looked_before(begun - AT_ONCE);
        assert!(!schedule.may_look_before());
        let mut always = Schedule::new(Every::Fixed(AT_ONCE));
        always.looked_before(begun - 10 * AT_ONCE);
        assert!(always.may_look_before());
        assert!(!Schedule::new(Every::Never).may_look_before());
    }

    #[test]
    fn a_beginning_is_looked_at_more_closely() {
        let mut schedule = Schedule::new(Every::Adaptive);
        let pause = |schedule: &Schedule| schedule.due.saturating_duration_since(Instant::now());
        assert!(pause(&schedule) <= AT_FIRST);
        for (age, least) in [(0, AT_FIRST), (60, Duration::from_millis(60)), (5000, AT_LEAST)] {
            schedule.begun = Instant::now() - Duration::from_millis(age);
            schedule.turn([1].into_iter(), &mut |_| Ok(())).unwrap();
            let pause = pause(&schedule);
            assert!(pause <= AT_LEAST && pause + Duration::from_millis(5) > least, "{age} ms: {pause:?}");
        }
    }

    #[test]
    fn durations() {
        let rows = [
            ("250ms", Some(250_000)),
            ("1.5s", Some(1_500_000)),
            ("2", Some(2_000_000)),
            ("10us", Some(10)),
            ("2m", Some(120_000_000)),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1.2.3s", None),
            ("5 parsecs", None),
            ("1e9h", None),
            ("99999999999999999999999h", None),
        ];
        for (text, micros) in rows {
            assert_eq!(duration(text).ok(), micros.map(Duration::from_micros), "{text:?}");
        }
        assert_eq!("off".parse::<Every>().unwrap(), Every::Never);
        assert_eq!("auto".parse::<Every>().unwrap(), Every::Adaptive);
        assert_eq!("100ms".parse::<Every>().unwrap(), Every::Fixed(Duration::from_millis(100)));
        assert!("0s".parse::<Every>().is_err());
    }
}
