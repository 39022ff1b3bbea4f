//! A marker of the talk, and where somebody looks.

use pagescope_shared::addr::Addr;
use pagescope_shared::event::Marker;

/// A marker, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Another number is another marker.
    pub id: u32,
    /// Its moment: so many events of the trace as it was opened lie before it.
    pub position: usize,
    /// The time of that moment, in nanoseconds.
    pub time_ns: u64,
    /// Whether it is the event before that moment; else it is not in the trace.
    pub own: bool,
    /// Whose memory is looked at, where that is not the event's process.
    pub pid: Option<u32>,
    /// Its words, and where the camera looks. Its `order` is the list's.
    pub marker: Marker,
}

impl Mark {
    /// Where it stands in a copy of the trace: those of the trace come before those that are put behind the same event.
    pub(super) fn stands(&self) -> (usize, bool) {
        (self.position, !self.own)
    }
}

/// What can be written of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A few words.
    Title,
    /// What the audience reads.
    Text,
    /// What the speaker may say.
    Note,
}

impl Field {
    /// All of them, with what the page calls them and how long they may be, in characters.
    pub const ALL: [(Self, &'static str, usize); 3] =
        [(Self::Title, "title", 200), (Self::Text, "text", 2000), (Self::Note, "note", 2000)];

    /// Its text.
    pub fn of(self, marker: &Marker) -> &str {
        match self {
            Self::Title => &marker.title,
            Self::Text => &marker.text,
            Self::Note => &marker.note,
        }
    }
}

/// Where somebody looks: a moment, and what is in sight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Here {
    /// So many events lie before it.
    pub position: usize,
    /// Its time, in nanoseconds.
    pub time_ns: u64,
    /// Whose memory.
    pub pid: Option<u32>,
    /// Where in it.
    pub addr: Option<Addr>,
    /// How close: about so many pages in a row.
    pub row: Option<u64>,
    /// In which view, where it is not that of the pages.
    pub view: Option<&'static str>,
}
