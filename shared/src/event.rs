//! The events of a trace: each is one fact from the kernel, or one word of the narrator.

mod call;
mod memory;
mod process;
mod word;

pub use call::{
    Advice, Advise, Asked, Break, Failed, Lock, Map, NewPlace, Protect, Remap, Sync, Unlock, Unmap,
};
pub use memory::{Access, AccessType, Fault, FaultAccess, Observed, Severity, Snapshot};
pub use process::{Exec, Exit, Fork, ForkMemory, Signal, Start, Thread};
pub use word::{End, Lost, Marker, Question, Step};

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
    pub extra: Extra,
}

/// Fields that this version does not know. Nearly always none, and then it costs one word.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra(Option<Box<JsonMap<String, Value>>>);

impl Extra {
    /// No such fields.
    pub const NONE: Self = Self(None);

    /// The fields, if there are any.
    pub fn fields(&self) -> Option<&JsonMap<String, Value>> {
        self.0.as_deref()
    }
}

impl From<JsonMap<String, Value>> for Extra {
    fn from(fields: JsonMap<String, Value>) -> Self {
        Self((!fields.is_empty()).then(|| Box::new(fields)))
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:literal $variant:ident($fields:ty)),+ $(,)?) => {
        /// What happened. The names in a trace are those of [`EventKind::name`]. Kinds that are rare and large are
        /// boxed, so that an event is small.
        #[derive(Clone, Debug, PartialEq)]
        pub enum EventKind {
            $($(#[$doc])* $variant($fields),)+
            /// A kind that this version does not know. Its fields are in [`Event::extra`].
            Other(Box<String>),
        }

        impl EventKind {
            /// All names, in the order of the documentation.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

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
                    _ => Ok(Self::Other(Box::new(name))),
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
    "start" Start(Box<Start>),
    /// `execve` succeeded.
    "exec" Exec(Box<Exec>),
    /// A process made another one.
    "fork" Fork(Fork),
    /// A process made a thread.
    "thread" Thread(Thread),
    /// A process ended.
    "exit" Exit(Box<Exit>),
    /// `mmap` succeeded.
    "map" Map(Map),
    /// `munmap` succeeded.
    "unmap" Unmap(Unmap),
    /// `mprotect` succeeded.
    "protect" Protect(Protect),
    /// `mremap` succeeded.
    "remap" Remap(Box<Remap>),
    /// `brk` was called.
    "break" Break(Break),
    /// `madvise` succeeded.
    "advise" Advise(Advise),
    /// `mlock` succeeded.
    "lock" Lock(Lock),
    /// `munlock` succeeded.
    "unlock" Unlock(Unlock),
    /// `msync` succeeded.
    "sync" Sync(Sync),
    /// A call failed.
    "failed" Failed(Box<Failed>),
    /// A page fault.
    "fault" Fault(Fault),
    /// A signal about memory.
    "signal" Signal(Box<Signal>),
    /// A lesson's own read or write.
    "access" Access(Box<Access>),
    /// Page states read from the kernel.
    "observed" Observed(Box<Observed>),
    /// All mappings of a process at this moment; replaces what was known.
    "snapshot" Snapshot(Box<Snapshot>),
    /// A lesson's next step.
    "step" Step(Box<Step>),
    /// Somebody's bookmark.
    "marker" Marker(Box<Marker>),
    /// Events were lost.
    "lost" Lost(Box<Lost>),
    /// The recording ended as it should.
    "end" End(End),
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    #[test]
    fn events_are_small() {
        assert!(size_of::<super::Event>() <= 136, "{}", size_of::<super::Event>());
    }
}
