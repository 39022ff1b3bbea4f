//! The page's own address: `#trace=…&t=1.25s&addr=0x…&view=walk&pid=…&sel=…&side=…`. It names moments by time and places
//! by address, never by position, so that it means the same in any copy of a trace. What it does not understand it leaves
//! aside.

use crate::app::{SidePanel, StageView};
use crate::load::percent_decoded;
use crate::number::decimal;
use pagescope_shared::addr::{Addr, Range};
use std::fmt::Write;

/// See [`Address::is_embedded`].
const EMBEDDED: (&str, &str) = ("embed", "1");

/// What an address says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Address {
    /// The trace's own address.
    pub trace: Option<String>,
    /// What of it is shown.
    pub place: Place,
    /// `play=0`: nothing begins to play by itself.
    pub still: bool,
    /// What is for others, as it was: names and values.
    others: Vec<(String, String)>,
}

/// What of a trace is shown, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// The moment after all events until then, in nanoseconds; the beginning without.
    pub time_ns: Option<u64>,
    /// What is in the middle of the pages.
    pub addr: Option<Addr>,
    /// How close the camera is, as it calls that itself.
    pub zoom: Option<f64>,
    /// What stands in the middle.
    pub view: StageView,
    /// What stands beside it.
    pub side: SidePanel,
    /// The process that the person chose.
    pub pid: Option<u32>,
    /// What is selected.
    pub selection: Option<Range>,
    /// A talk that somebody made, see [`crate::author::link`].
    pub marks: Option<String>,
    /// `talk=1`: a talk is given.
    pub talk: bool,
    /// `ask=1`: questions come before steps.
    pub ask: bool,
}

impl Address {
    /// From the query (`?…`) and the fragment (`#…`) of an address; the fragment goes first.
    pub fn parse(query: &str, fragment: &str) -> Self {
        let mut address = Self::default();
        let (mut seen_in_fragment, query) = (Vec::new(), query.trim_start_matches('?'));
        for (name, value) in pairs(fragment.trim_start_matches('#')) {
            address.set(&name, &value);
            seen_in_fragment.push(name);
        }
        for (name, value) in pairs(query).filter(|(name, _)| ["trace", "play"].contains(&name.as_str())) {
            if !seen_in_fragment.contains(&name) {
                address.set(&name, &value);
            }
        }
        address
    }

    fn set(&mut self, name: &str, value: &str) {
        let place = &mut self.place;
        match name {
            "trace" => self.trace = Some(value.to_owned()).filter(|trace| !trace.is_empty()),
            "t" => place.time_ns = time(value),
            "addr" => place.addr = value.parse().ok(),
            "zoom" => place.zoom = decimal(value),
            "view" => place.view = named(&StageView::ALL, value).unwrap_or_default(),
            "side" => place.side = named(&SidePanel::ALL, value).unwrap_or_default(),
            "pid" => place.pid = value.parse().ok(),
            "sel" => place.selection = range(value),
            "marks" => place.marks = Some(value.to_owned()).filter(|marks| !marks.is_empty()),
            "play" => self.still = value == "0",
            "talk" => place.talk = value == "1",
            "ask" => place.ask = value == "1",
            _ => {
                // A frame in another page has no room for more than a talk has.
                place.talk |= (name, value) == EMBEDDED;
                self.others.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// `embed=1`: the page stands in a frame of another one.
    pub fn is_embedded(&self) -> bool {
        self.others.iter().any(|(name, value)| (name.as_str(), value.as_str()) == EMBEDDED)
    }

    /// The same of another trace and place.
    pub fn with(&self, trace: Option<String>, place: Place) -> Self {
        Self { trace, place, still: self.still, others: self.others.clone() }
    }

    /// The fragment that says all of it, with its `#`; empty when there is nothing to say.
    pub fn fragment(&self) -> String {
        let Place { time_ns, addr, zoom, view, side, pid, selection, marks, talk, ask } = &self.place;
        let (view_name, side_name) = (name_of(&StageView::ALL, *view), name_of(&SidePanel::ALL, *side));
        let known = [
            ("trace", self.trace.clone()),
            ("t", time_ns.map(time_text)),
            ("addr", addr.map(|addr| addr.to_string())),
            ("zoom", zoom.map(|zoom| zoom.to_string())),
            ("view", Some(view_name).filter(|_| *view != StageView::default()).map(str::to_owned)),
            ("side", Some(side_name).filter(|_| *side != SidePanel::default()).map(str::to_owned)),
            ("pid", pid.map(|pid| pid.to_string())),
            ("sel", selection.map(|range| format!("{}-{}", range.start(), range.end()))),
            ("marks", marks.clone()),
            ("talk", talk.then(|| "1".to_owned())),
            ("ask", ask.then(|| "1".to_owned())),
            ("play", self.still.then(|| "0".to_owned())),
        ];
        let known = known.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let others = self.others.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut text = String::new();
        for (name, value) in known.chain(others) {
            text.push(if text.is_empty() { '#' } else { '&' });
            encode(&mut text, name);
            text.push('=');
            encode(&mut text, value);
        }
        text
    }
}

fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let decoded = |part: &str| percent_decoded(&part.replace('+', " "));
    text.split('&').filter(|part| !part.is_empty()).take(64).map(move |part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decoded(name), decoded(value))
    })
}

fn encode(to: &mut String, text: &str) {
    for byte in text.bytes() {
        // What RFC 3986 allows in a fragment, but for what parts it.
        if byte.is_ascii_alphanumeric() || b"-._~/:@!$'()*,;?".contains(&byte) {
            to.push(char::from(byte));
        } else {
            let _ = write!(to, "%{byte:02X}");
        }
    }
}

fn named<T: Copy>(all: &[(&str, T)], name: &str) -> Option<T> {
    all.iter().find(|(known, _)| *known == name).map(|(_, it)| *it)
}

fn name_of<T: Copy + PartialEq>(all: &[(&'static str, T)], it: T) -> &'static str {
    all.iter().find(|(_, known)| *known == it).map_or("", |(name, _)| name)
}

fn range(text: &str) -> Option<Range> {
    let (start, end) = text.split_once('-')?;
    Range::new(start.parse().ok()?, end.parse().ok()?).ok().filter(|range| range.bytes() > 0)
}

/// `1.25s`, `300ms`, `12us`, `5ns`; without a unit nanoseconds.
fn time(text: &str) -> Option<u64> {
    const UNITS: [(&str, u32); 5] = [("ns", 0), ("us", 3), ("µs", 3), ("ms", 6), ("s", 9)];
    let unit = UNITS.iter().find_map(|(unit, digits)| Some((text.strip_suffix(unit)?, *digits)));
    let (number, digits) = unit.unwrap_or((text, 0));
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(10u64.checked_pow(digits)?)?;
    let digits = usize::try_from(digits).ok()?;
    let part: String = part.chars().chain(std::iter::repeat('0')).take(digits).collect();
    whole.checked_add(if part.is_empty() { 0 } else { part.parse().ok()? })
}

/// As short as it can be without losing a nanosecond.
fn time_text(ns: u64) -> String {
    let (unit, digits) = match ns {
        0..1_000_000 => ("us", 3usize),
        1_000_000..1_000_000_000 => ("ms", 6),
        _ => ("s", 9),
    };
    let scale = 10u64.pow(u32::try_from(digits).unwrap_or(0));
    let part = format!("{:0digits$}", ns % scale);
    let part = part.trim_end_matches('0');
    let point = if part.is_empty() { "" } else { "." };
    format!("{}{point}{part}{unit}", ns / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back() {
        let rows = [
            "",
            "#trace=trace/a%2520b.pscope",
            "#trace=https://example.org/x.pscope&t=1.25s&addr=0x7f0000001000&zoom=12.5&view=walk&side=inspect&pid=42\
             &sel=0x1000-0x3000&marks=AQA-_&talk=1&ask=1&play=0&embed=1",
            "#t=12.000001ms&view=time",
        ];
        for text in rows {
            let address = Address::parse("", text);
            assert_eq!(address.fragment(), text);
            assert_eq!(Address::parse("", &address.fragment()), address);
        }
        assert_eq!(Address::parse("", rows[1]).trace.as_deref(), Some("trace/a%20b.pscope"), "decoded once");
    }

    #[test]
    fn the_fragment_goes_before_the_query() {
        let address = Address::parse("?trace=a&renderer=2d&play=0", "#trace=b");
        assert_eq!((address.trace.as_deref(), address.still), (Some("b"), true));
        assert_eq!(address.fragment(), "#trace=b&play=0", "what is the query's stays there");
    }

    #[test]
    fn times() {
        let rows = [
            ("1.25s", Some(1_250_000_000)),
            ("300ms", Some(300_000_000)),
            ("12.5us", Some(12_500)),
            ("7ns", Some(7)),
            ("7", Some(7)),
            ("0.0000000001s", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("99999999999999s", None),
            ("-1s", None),
            ("1e9", None),
            (".5s", None),
            ("NaN", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(time(text), expected, "{text:?}");
        }
        for ns in [0, 1, 999, 1000, 1_000_000, 1_000_001, 999_999_999, 1_250_000_000, u64::MAX] {
            assert_eq!(time(&time_text(ns)), Some(ns), "{}", time_text(ns));
        }
    }

    #[test]
    fn nonsense_is_left_aside() {
        let nonsense = "#t=x&addr=zz&zoom=inf&view=<b>&side=&pid=-1&sel=9-1&sel=5&=&&%zz=%&trace=";
        let address = Address::parse("?", nonsense);
        assert_eq!((address.trace.as_ref(), &address.place), (None, &Place::default()));
        let long = format!("#{}", "a=b&".repeat(100_000));
        assert!(Address::parse("", &long).fragment().len() < 1000);
    }
}
