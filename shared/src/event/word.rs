//! Words of the narrator and of the recorder itself.

use crate::addr::Addr;
use serde::{Deserialize, Serialize};

/// A lesson's next step: what follows, up to the next one, belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// A few words.
    pub title: String,
    /// What the audience reads.
    pub text: String,
    /// The line of the lesson's program, from 1.
    pub line: u32,
    /// What the speaker may say.
    pub note: String,
    /// What the audience may be asked before it sees what happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
    /// Manual pages about it, such as `mmap(2)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub man: Vec<String>,
}

/// A question before the answer is seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// Answers to choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Which of them is right, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<u32>,
}

/// Somebody's bookmark.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// A few words.
    pub title: String,
    /// What the audience reads.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What the speaker may say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Where to look, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addr: Option<Addr>,
    /// How close: about so many pages in a row; 1 is one page taken apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// In which view, by a viewer's own name for it: `pages`, `walk`, `time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
    /// Its place in a talk, where that is not its place in time, see [`Marker::place`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u32>,
    /// Which of the lesson's steps it tells, from 1, in its words instead of the step's; 0 for none of them. Where a marker
    /// says so, the markers are the talk: a step that none of them tells is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
}

impl Marker {
    /// What a talk goes by: markers of one place are told as they come in the trace.
    pub fn place(&self) -> u32 {
        self.order.unwrap_or(0)
    }
}

/// Events were lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many, 0 when nobody knows.
    pub count: u64,
    /// Why.
    pub reason: String,
}

/// The recording ended as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// How many events came before this one.
    pub count: u64,
}
