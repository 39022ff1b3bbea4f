//! A panel as blocks of words and numbers: made by plain code, written by `dom/document`, read by tests.

use crate::app::SidePanel;
use crate::author;
use crate::events;
use crate::msg::Msg;
use crate::palette::Fill;
use pagescope_shared::addr::{Addr, Range};

/// What a click leads to. It stands in the page as an attribute, so that one listener serves all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Go {
    /// To the moment after so many events.
    Moment(usize),
    /// These addresses are selected and shown.
    Range(Range),
    /// Another process is shown; 0 follows the events.
    Process(u32),
    /// A command of the table.
    Command(&'static str),
    /// To the events with this text in them.
    Find(String),
    /// To a marker of the talk that is made.
    Mark(u32),
}

impl Go {
    /// The names of all attributes.
    pub const NAMES: [&'static str; 6] =
        ["data-moment", "data-range", "data-pid", "data-command", "data-find", "data-mark"];

    /// The attribute's name and value.
    pub fn attribute(&self) -> (&'static str, String) {
        match self {
            Self::Moment(position) => ("data-moment", position.to_string()),
            Self::Range(range) => ("data-range", range.to_string()),
            Self::Process(pid) => ("data-pid", pid.to_string()),
            Self::Command(id) => ("data-command", (*id).to_owned()),
            Self::Find(text) => ("data-find", text.clone()),
            Self::Mark(id) => ("data-mark", id.to_string()),
        }
    }

    /// From the attribute.
    pub fn parse(name: &str, value: &str) -> Option<Self> {
        Some(match name {
            "data-moment" => Self::Moment(value.parse().ok()?),
            "data-range" => {
                let (start, end) = value.split_once('-')?;
                Self::Range(Range::new(start.parse().ok()?, end.parse().ok()?).ok()?)
            }
            "data-pid" => Self::Process(value.parse().ok()?),
            "data-mark" => Self::Mark(value.parse().ok()?),
            "data-find" => Self::Find(value.to_owned()),
            "data-command" => Self::Command(crate::commands::by_id(value)?.id),
            _ => return None,
        })
    }

    /// What it does.
    pub fn messages(self) -> Vec<Msg> {
        match self {
            Self::Moment(position) => vec![Msg::Seek(position)],
            Self::Range(range) => vec![Msg::Focus(range.start()), Msg::Select(Some(range))],
            Self::Process(pid) => vec![Msg::Process((pid != 0).then_some(pid))],
            Self::Command(id) => vec![Msg::Run(id)],
            Self::Mark(id) => vec![Msg::Author(author::Msg::Go(id))],
            Self::Find(text) => vec![
                Msg::Side(SidePanel::Events),
                Msg::Events(events::Msg::Clear),
                Msg::Events(events::Msg::Text(text)),
                Msg::Events(events::Msg::Next { back: false }),
            ],
        }
    }
}

/// A piece of a panel.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A title.
    Title(String),
    /// The title of a part.
    Heading(&'static str),
    /// A sentence.
    Note(String),
    /// A sentence that must not be missed.
    Warning(String),
    /// What, and how much.
    Facts(Vec<(&'static str, String)>),
    /// Rows under column titles; a title that begins with `>` stands over numbers.
    Table {
        /// The titles.
        head: &'static [&'static str],
        /// The rows.
        rows: Vec<Line>,
        /// What is left out, in words; empty when nothing is.
        more: String,
    },
    /// Bytes: eight a line.
    Hex(Vec<HexLine>),
    /// Buttons of commands.
    Buttons(&'static [&'static str]),
}

/// A row of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// One text a column.
    pub cells: Vec<String>,
    /// What the first cell leads to.
    pub go: Option<Go>,
    /// The state that the row is about.
    pub fill: Option<Fill>,
}

/// Eight bytes: so many fit beside the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HexLine {
    /// The first one's address: a multiple of eight.
    pub addr: Addr,
    /// The bytes; `None` where none was recorded.
    pub bytes: Vec<Option<u8>>,
}

impl HexLine {
    /// In hexadecimal.
    pub fn hex(&self) -> String {
        let mut text = String::with_capacity(24);
        for (i, byte) in self.bytes.iter().enumerate() {
            text.push_str(if i == 8 {
                "  "
            } else if i > 0 {
                " "
            } else {
                ""
            });
            match byte {
                Some(byte) => text.push_str(&format!("{byte:02x}")),
                None => text.push_str("··"),
            }
        }
        text
    }

    /// As text: a dot for what is no letter, a space for what was not recorded.
    pub fn text(&self) -> String {
        let letter = |byte: &Option<u8>| match byte {
            Some(b @ 0x20..=0x7e) => char::from(*b),
            Some(_) => '.',
            None => ' ',
        };
        self.bytes.iter().map(letter).collect()
    }
}

/// Bytes as lines, whose addresses are multiples of eight; at most `most` lines.
pub fn hex_lines<'a>(runs: impl Iterator<Item = (Addr, &'a [u8])>, most: usize) -> Vec<HexLine> {
    let mut lines: Vec<HexLine> = Vec::new();
    for (start, bytes) in runs {
        for (i, byte) in (0u64..).zip(bytes) {
            let Some(at) = start.0.checked_add(i) else { return lines };
            let line = Addr(at & !7);
            if lines.last().is_none_or(|last| last.addr != line) {
                if lines.len() == most {
                    return lines;
                }
                lines.push(HexLine { addr: line, bytes: vec![None; 8] });
            }
            let place = usize::try_from(at & 7).unwrap_or(0);
            if let Some(slot) = lines.last_mut().and_then(|last| last.bytes.get_mut(place)) {
                *slot = Some(*byte);
            }
        }
    }
    lines
}

/// How many digits of `now` are those of `before`: what differs is bright.
pub fn same_digits(before: &str, now: &str) -> usize {
    if before.len() != now.len() {
        return 0;
    }
    before.bytes().zip(now.bytes()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_click_leads_comes_back_from_its_attribute() {
        let range = Range::from_len(Addr(0x7f00_0000_1000), 8192).unwrap();
        for go in [
            Go::Moment(7),
            Go::Range(range),
            Go::Process(0),
            Go::Process(9),
            Go::Command("play"),
            Go::Find("<b>".into()),
            Go::Mark(3),
        ] {
            let (name, value) = go.attribute();
            assert_eq!(Go::parse(name, &value), Some(go.clone()));
            assert!(Go::NAMES.contains(&name) && !go.messages().is_empty());
        }
        for (name, value) in
            [("data-moment", "-1"), ("data-range", "0x2-0x1"), ("data-pid", "x"), ("href", "1")]
        {
            assert_eq!(Go::parse(name, value), None);
        }
        assert_eq!(Go::parse("data-command", "<script>"), None);
    }

    #[test]
    fn bytes_stand_where_they_are() {
        let lines = hex_lines([(Addr(0x1006), b"Hello".as_slice()), (Addr(0x2000), b"\0")].into_iter(), 8);
        let rows: Vec<_> = lines.iter().map(|l| (l.addr.0, l.text())).collect();
        let expected = [(0x1000, "      He"), (0x1008, "llo     "), (0x2000, ".       ")];
        assert_eq!(rows, expected.map(|(addr, text)| (addr, text.to_owned())));
        assert_eq!(lines[1].hex(), "6c 6c 6f ·· ·· ·· ·· ··");
        assert_eq!(hex_lines([(Addr(u64::MAX), b"ab".as_slice())].into_iter(), 8).len(), 1);
        assert_eq!(hex_lines([(Addr(0), [0u8; 4096].as_slice())].into_iter(), 8).len(), 8);
    }

    #[test]
    fn what_differs_is_bright() {
        for (before, now, same) in
            [("0x7f01", "0x7f02", 5), ("", "0x1", 0), ("0x10", "0x100", 0), ("0x1", "0x1", 3)]
        {
            assert_eq!(same_digits(before, now), same);
        }
    }
}
