//! The first line of a trace: what recorded it, where, how, and what it could see.

use crate::addr::PageSize;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The name in every header's `format` field.
pub const FORMAT: &str = "pagescope-trace";
/// The version this code writes. A reader refuses newer ones.
pub const VERSION: u32 = 1;

/// The header of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Always [`FORMAT`].
    pub format: String,
    /// The format's version, see [`VERSION`].
    pub version: u32,
    /// Bytes a page.
    pub page_size: PageSize,
    /// The recorded machine's architecture, such as `x86_64`.
    pub arch: String,
    /// The clock behind the events' times, such as `CLOCK_MONOTONIC`.
    pub clock: String,
    /// What wrote the trace.
    pub tool: Tool,
    /// The command line that was recorded.
    #[serde(default)]
    pub command: Vec<String>,
    /// What the source could see, see [`Capability`]: what is missing was not recorded, which is
    /// not the same as "did not happen".
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// The lesson that was performed, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lesson: Option<Lesson>,
    /// Fields that this version does not know, passed through.
    #[serde(skip)]
    pub extra: Map<String, Value>,
}

/// Who wrote a trace, and how it knew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `pagescope`, or another's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `lesson`, `ptrace`, `perf`, …
    pub method: String,
}

/// One thing that a source can see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Capability {
    /// Memory calls with arguments and results.
    Calls,
    /// Page faults, one by one.
    Faults,
    /// Page states read from the kernel.
    PageStates,
    /// Frame numbers, which need privilege.
    Frames,
    /// Bytes that a lesson read and wrote.
    Contents,
    /// Something that this version does not know.
    Other(String),
}

impl From<String> for Capability {
    fn from(name: String) -> Self {
        match name.as_str() {
            "calls" => Self::Calls,
            "faults" => Self::Faults,
            "page-states" => Self::PageStates,
            "frames" => Self::Frames,
            "contents" => Self::Contents,
            _ => Self::Other(name),
        }
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> Self {
        match capability {
            Capability::Calls => "calls".into(),
            Capability::Faults => "faults".into(),
            Capability::PageStates => "page-states".into(),
            Capability::Frames => "frames".into(),
            Capability::Contents => "contents".into(),
            Capability::Other(name) => name,
        }
    }
}

/// A lesson's title and program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson {
    /// Its short name, such as `hello`.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The program that the steps' line numbers are about.
    pub source: Source,
}

/// A program's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its file name, such as `hello.c`.
    pub name: String,
    /// Its whole text.
    pub text: String,
}
