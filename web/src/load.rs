//! A trace on its way: where it comes from, what of it has come, what is wanted next. The browser's side of it only
//! fetches what is asked for here.

use crate::address::Place;
use crate::format::{clipped, count, file_name, size};
use pagescope_shared::store::Opening;
use serde_json::Value;
use std::ops::Range;

/// A recording that comes with the page.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its address.
    pub url: String,
    /// Its title.
    pub title: String,
    /// What it shows, in one sentence.
    pub about: String,
    /// The address of a picture of it, and what that shows; empty without.
    pub picture: (String, String),
}

/// All of them, in the order of the course: `cargo xtask gallery` writes the list.
pub fn recordings() -> Vec<Recording> {
    let index: Value = serde_json::from_str(include_str!("../gallery/index.json")).unwrap_or_default();
    let lessons = index.get("lessons").and_then(Value::as_array);
    let read = |lesson: &Value| {
        let text = |name| lesson.get(name).and_then(Value::as_str).map(str::to_owned);
        let address = |name| Some(format!("gallery/{}", text(name)?));
        let picture = (address("picture")?, text("alt")?);
        Some(Recording { url: address("file")?, title: text("title")?, about: text("line")?, picture })
    };
    lessons.into_iter().flatten().filter_map(read).collect()
}

/// What is shown when nothing is asked for, where the page has no trace in it.
pub const GALLERY: &str = "gallery/hello.jsonl";
/// A larger `.pscope` is read in parts, as it is looked at.
pub const WHOLE_BYTES: u64 = 4 << 20;
/// So much of each end is read at first.
pub const END_BYTES: u64 = 64 << 10;
/// No larger file without an index is read into memory.
pub const MAX_BYTES: u64 = 512 << 20;
/// A file that is this short is opened within the frame in which it came.
pub const AT_ONCE_BYTES: u64 = 128 << 10;
/// Parts are fetched this far ahead of where the trace has been gone through to.
pub const AHEAD_BYTES: u64 = 48 << 20;

/// The number of the file that stands in the page itself.
pub const EMBEDDED: u32 = 0;

/// Where a trace comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// From this address.
    Url(String),
    /// A file that the person chose: the browser's side knows it by this number.
    File {
        /// The number.
        key: u32,
        /// Its name.
        name: String,
        /// Its size.
        bytes: u64,
    },
}

impl From {
    /// What to call the trace.
    pub fn name(&self) -> String {
        match self {
            Self::File { name, .. } => clipped(name, 80),
            Self::Url(url) => {
                let file = file_name(url.split(['?', '#']).next().unwrap_or(url));
                clipped(&percent_decoded(file), 80)
            }
        }
    }

    /// Whether it stands in the page itself.
    pub fn is_embedded(&self) -> bool {
        matches!(self, Self::File { key: EMBEDDED, .. })
    }

    /// Whether its name says that it is no `.pscope`.
    pub fn is_text(&self) -> bool {
        let name = self.name().to_ascii_lowercase();
        [".jsonl", ".json", ".gz"].iter().any(|end| name.ends_with(end))
    }
}

/// What happens while a trace comes. Each belongs to what was asked for by its number; what comes late is left aside.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// This is what is shown when nothing is asked for.
    Home(From),
    /// Somebody wants this trace.
    Open {
        /// Where it is.
        from: From,
        /// Whether a lesson begins to play by itself.
        autoplay: bool,
        /// What of it is shown.
        place: Place,
    },
    /// The first bytes of a large `.pscope` that can be read in parts.
    First {
        /// What it belongs to.
        id: u32,
        /// The length of the file.
        len: u64,
        /// Its first bytes.
        bytes: Vec<u8>,
    },
    /// All of it will come, one piece after another: how long it is, if that is known.
    Whole(u32, Option<u64>),
    /// The next piece.
    Piece(u32, Vec<u8>),
    /// That was the last one.
    End(u32),
    /// A part of a file that is read in parts, and where it begins.
    Part(u32, u64, Vec<u8>),
    /// It did not come: one sentence why.
    Failed(u32, String),
    /// The person does not want to wait.
    Cancel,
    /// The person wants the rest after all.
    GoOn,
}

/// What the browser's side has to fetch for a trace that is not shown yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The first bytes; and everything, where that is better.
    First,
    /// Everything.
    Whole,
    /// A part.
    Part(Range<u64>),
}

/// What is on its way.
#[derive(Debug, Default)]
pub struct Load {
    /// Counts up with what is asked for.
    last: u32,
    /// A trace that is not shown yet.
    pub job: Option<Job>,
    /// The trace that is shown, where it comes by parts.
    pub remote: Option<Remote>,
    /// What is shown when nothing is asked for; else the first lesson.
    pub home: Option<From>,
}

/// A trace that is not shown yet.
#[derive(Debug)]
pub struct Job {
    /// Its number.
    pub id: u32,
    /// Where it comes from.
    pub from: From,
    /// Whether it begins to play by itself.
    pub autoplay: bool,
    /// What of it is shown.
    pub place: Place,
    /// How long the file is, if that is known.
    pub len: Option<u64>,
    /// What of it has come.
    pub state: Came,
    /// What is to be fetched.
    pub wish: Wish,
}

/// What has come of it.
#[derive(Debug)]
pub enum Came {
    /// Both ends of a file that is read in parts.
    Ends {
        /// The first bytes.
        first: Vec<u8>,
        /// The last bytes.
        last: Vec<u8>,
    },
    /// Piece after piece.
    Pieces(Opening),
}

/// A trace that is shown while parts of it come.
#[derive(Debug)]
pub struct Remote {
    /// Its number.
    pub id: u32,
    /// Where it comes from.
    pub from: From,
    /// Whether the person does not want the rest.
    pub stopped: bool,
    /// Whether a part did not come: nothing more is asked for until the person does something.
    pub failed: bool,
}

/// How far it is, for a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// In words.
    pub text: String,
    /// The share that is done, from 0 to 1; none where nobody knows.
    pub share: Option<f64>,
    /// Whether it has been stopped and can go on.
    pub stopped: bool,
}

impl Load {
    /// What is shown when nothing is asked for.
    pub fn home(&self) -> From {
        self.home.clone().unwrap_or_else(|| From::Url(GALLERY.to_owned()))
    }

    /// Begins with a trace; what was on its way is forgotten.
    pub fn begin(&mut self, from: From, autoplay: bool, place: Place) {
        self.last += 1;
        let len = if let From::File { bytes, .. } = &from { Some(*bytes) } else { None };
        let state = Came::Pieces(Opening::default());
        self.job = Some(Job { id: self.last, from, autoplay, place, len, state, wish: Wish::First });
    }

    /// What is fetched for the trace that is not shown yet.
    pub fn wish(&self) -> Option<(u32, &From, &Wish)> {
        self.job.as_ref().map(|job| (job.id, &job.from, &job.wish))
    }

    /// Whether somebody still waits for what belongs to this number.
    pub fn is_current(&self, id: u32) -> bool {
        self.job.as_ref().is_some_and(|job| job.id == id) || self.remote.as_ref().is_some_and(|r| r.id == id)
    }

    /// Whether there is enough to do with what has come already.
    pub fn is_ahead(&self) -> bool {
        const ENOUGH: u64 = 32 << 20;
        match self.job.as_ref().map(|job| &job.state) {
            Some(Came::Pieces(opening)) => opening.waiting() > ENOUGH,
            _ => false,
        }
    }
}

impl Job {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        let name = self.from.name();
        let Came::Pieces(opening) = &self.state else {
            return Progress { text: format!("Opening {name}"), share: None, stopped: false };
        };
        let came = opening.came();
        let done = came.saturating_sub(opening.waiting());
        let bytes = match self.len {
            Some(len) => format!("{} of {}", size(came.min(len)), size(len)),
            None => size(came),
        };
        let events = match opening.events() {
            0 => String::new(),
            events => format!(", {}", count(events, "event", "events")),
        };
        let share = self.len.filter(|len| *len > 0).map(|len| share(came.saturating_add(done), len * 2));
        Progress { text: format!("Opening {name}: {bytes}{events}"), share, stopped: false }
    }
}

impl Remote {
    /// How far it is, when `done` of `all` events have been gone through.
    pub fn progress(&self, done: u64, all: u64) -> Progress {
        let name = self.from.name();
        let verb = if self.stopped { "Stopped in" } else { "Reading" };
        let share = Some(share(done, all));
        let of = if self.failed { " (the connection broke off)" } else { "" };
        let text = format!("{verb} {name}: {} of {}{of}", millions(done), count(all, "event", "events"));
        Progress { text, share, stopped: self.stopped || self.failed }
    }
}

/// Whether a file of this length, with these first bytes, is better read in parts.
pub fn wants_parts(len: u64, first: &[u8]) -> bool {
    len > WHOLE_BYTES && pagescope_shared::pscope::is_pscope(first)
}

fn share(done: u64, all: u64) -> f64 {
    let thousandths = u128::from(done) * 1000 / u128::from(all.max(1));
    f64::from(u32::try_from(thousandths).unwrap_or(1000).min(1000)) / 1000.0
}

/// Rounded, so that it can be read while it runs.
fn millions(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{} thousand", n / 1000),
        _ => format!("{}.{} M", n / 1_000_000, n / 100_000 % 10),
    }
}

/// `%41` becomes `A`; what is no such code stays.
pub fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, more)) = rest.split_first() {
        let code = if first == b'%' { more.first_chunk::<2>() } else { None };
        let code = code.and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_recording_of_the_gallery_is_offered() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("gallery");
        let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
        let there = names.map(|name| format!("gallery/{}", name.to_string_lossy()));
        let there: BTreeSet<_> = there.filter(|name| !name.ends_with(".json")).collect();
        let offered = recordings();
        assert_eq!(offered.first().map(|recording| recording.url.as_str()), Some(GALLERY));
        let named = offered.into_iter().flat_map(|recording| [recording.url, recording.picture.0]);
        assert_eq!(there, named.collect());
    }

    #[test]
    fn names_are_for_people() {
        let rows = [
            ("trace/a%20b%231.pscope", "a b#1.pscope"),
            ("https://example.org/x/y.jsonl.gz?download#top", "y.jsonl.gz"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
        ];
        for (url, name) in rows {
            assert_eq!(From::Url(url.to_owned()).name(), name);
        }
    }
}
