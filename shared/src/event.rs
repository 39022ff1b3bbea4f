//! The events of a trace: each is one fact from the kernel, or one word of the narrator.

use crate::addr::{Addr, PageSize, Range};
use crate::mapping::{Attributes, Backing, Mapping, Protection, Sharing};
use crate::page::Run;
use serde::{Deserialize, Serialize};
use serde_json::{Map as JsonMap, Value};

/// One event. On its line the envelope, the kind's name and the kind's own fields stand side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Counts up through the trace.
    pub seq: u64,
    /// Nanoseconds since the recording began, on the header's clock.
    pub time_ns: u64,
    /// The process (thread group).
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// What happened.
    pub kind: EventKind,
    /// Fields that this version does not know, passed through.
    pub extra: JsonMap<String, Value>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:literal $variant:ident),+ $(,)?) => {
        /// What happened. The names in a trace are those of [`EventKind::name`].
        #[derive(Clone, Debug, PartialEq)]
        pub enum EventKind {
            $($(#[$doc])* $variant($variant),)+
            /// A kind that this version does not know. Its fields are in [`Event::extra`].
            Other(String),
        }

        impl EventKind {
            /// The kind's name in a trace.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $name,)+
                    Self::Other(name) => name,
                }
            }

            /// Takes the fields of kind `name` out of `fields` and leaves the rest.
            pub(crate) fn take(
                name: String,
                fields: &mut JsonMap<String, Value>,
            ) -> Result<Self, serde_json::Error> {
                match name.as_str() {
                    $($name => crate::jsonl::take_fields(fields).map(Self::$variant),)+
                    _ => Ok(Self::Other(name)),
                }
            }

            /// The kind's own fields as a JSON object.
            pub(crate) fn fields_json(&self) -> Result<String, serde_json::Error> {
                match self {
                    $(Self::$variant(fields) => serde_json::to_string(fields),)+
                    Self::Other(_) => Ok("{}".to_owned()),
                }
            }
        }
    };
}

kinds! {
    /// A process enters the recording.
    "start" Start,
    /// All mappings of a process at this moment; replaces what was known.
    "snapshot" Snapshot,
    /// `mmap` succeeded.
    "map" Map,
    /// `munmap` succeeded.
    "unmap" Unmap,
    /// A call failed.
    "failed" Failed,
    /// A lesson's own read or write.
    "access" Access,
    /// Page states read from the kernel.
    "observed" Observed,
    /// A lesson's next step.
    "step" Step,
    /// Events were lost.
    "lost" Lost,
    /// A process ended.
    "exit" Exit,
    /// The recording ended as it should.
    "end" End,
}

/// A process enters the recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The program's path.
    pub exe: String,
    /// Its arguments, its own name first.
    pub argv: Vec<String>,
}

/// All mappings of a process at one moment, by `/proc/PID/maps`, and what the pagemap said of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// By address, disjoint.
    pub mappings: Vec<Mapping>,
    /// Page states; pages that stand in none of them are unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed: Vec<Observed>,
}

/// What a call asked for, in the caller's own numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The address: for `mmap` a hint, `0x0` for none.
    pub addr: Addr,
    /// The length in bytes, as it was passed: not rounded.
    pub len: u64,
    /// Flags by their names, such as `MAP_PRIVATE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

/// `mmap` succeeded: see mmap(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "MapFields", into = "MapFields")]
pub struct Map {
    /// What the caller asked for.
    pub asked: Asked,
    /// What the kernel gave: where, in whole pages.
    pub range: Range,
    /// What it is.
    pub attributes: Attributes,
}

/// A map event as a trace writes it: its attributes stand beside its range.
#[derive(Serialize, Deserialize)]
struct MapFields {
    asked: Asked,
    range: Range,
    protection: Protection,
    sharing: Sharing,
    backing: Backing,
}

impl From<MapFields> for Map {
    fn from(MapFields { asked, range, protection, sharing, backing }: MapFields) -> Self {
        Self { asked, range, attributes: Attributes { protection, sharing, backing } }
    }
}

impl From<Map> for MapFields {
    fn from(Map { asked, range, attributes: Attributes { protection, sharing, backing } }: Map) -> Self {
        Self { asked, range, protection, sharing, backing }
    }
}

impl Map {
    /// Whether the kernel put the mapping where the hint said.
    pub fn hint_honoured(&self) -> bool {
        self.asked.addr == self.range.start()
    }
}

/// `munmap` succeeded: see munmap(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmap {
    /// What the caller asked for.
    pub asked: Asked,
    /// What the kernel did: whole pages.
    pub range: Range,
}

/// A call that failed and changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The call, such as `mmap`.
    pub call: String,
    /// What it asked for.
    pub asked: Asked,
    /// The error's name, such as `ENOMEM`.
    pub errno: String,
    /// What the C library says about it.
    pub message: String,
}

/// Read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessType {
    /// The program read the bytes.
    Read,
    /// The program wrote the bytes.
    Write,
}

/// A lesson's own read or write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Read or write.
    pub access: AccessType,
    /// The first byte's address.
    pub addr: Addr,
    /// The bytes: in a trace two hexadecimal digits each.
    #[serde(with = "crate::jsonl::hex_bytes")]
    pub bytes: Vec<u8>,
}

/// Page states read from the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// What was looked at, in whole pages. Pages past the last run were untouched.
    pub range: Range,
    /// `pagemap-scan` or `pagemap`.
    pub source: String,
    /// States from the start of the range on.
    pub runs: Vec<Run>,
}

impl Observed {
    /// Whether the runs fit into the range.
    pub fn fits(&self, size: PageSize) -> bool {
        let mut room = size.pages_in(self.range);
        self.runs.iter().all(|run| {
            let fits = run.pages.get() <= room;
            room = room.saturating_sub(run.pages.get());
            fits
        })
    }
}

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
}

/// Events were lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many, 0 when nobody knows.
    pub count: u64,
    /// Why.
    pub reason: String,
}

/// A process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Its exit code, when it was not killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The signal that killed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
}

/// The recording ended as it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// How many events came before this one.
    pub count: u64,
}
