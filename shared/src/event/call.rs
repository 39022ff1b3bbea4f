//! Memory calls: what was asked, and what the kernel did.

use crate::addr::{Addr, Range};
use crate::mapping::{Attributes, Backing, MappingFields, Protection, Sharing};
use crate::names::{CallFlags, VmFlags};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// What a call asked for, in the caller's own numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The address: for `mmap` a hint, `0x0` for none.
    pub addr: Addr,
    /// The length in bytes, as it was passed: not rounded.
    pub len: u64,
    /// Flags by their names, such as `MAP_PRIVATE`.
    #[serde(default, skip_serializing_if = "CallFlags::is_empty")]
    pub flags: CallFlags,
}

/// `mmap` or `shmat` succeeded: see mmap(2), shmat(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "MapFields", into = "MapFields")]
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
    backing: crate::mapping::BackingFields,
    #[serde(default, skip_serializing_if = "VmFlags::is_empty")]
    flags: VmFlags,
}

impl TryFrom<MapFields> for Map {
    type Error = String;
    fn try_from(fields: MapFields) -> Result<Self, String> {
        let MapFields { asked, range, protection, sharing, backing, flags } = fields;
        let mapping = MappingFields { range, protection, sharing, backing, flags };
        let attributes = crate::mapping::Mapping::try_from(mapping)?.attributes;
        Ok(Self { asked, range, attributes })
    }
}

impl From<Map> for MapFields {
    fn from(Map { asked, range, attributes }: Map) -> Self {
        let fields = MappingFields::from(crate::mapping::Mapping { range, attributes });
        let MappingFields { range, protection, sharing, backing, flags } = fields;
        Self { asked, range, protection, sharing, backing, flags }
    }
}

impl Map {
    /// Whether the kernel put the mapping where the hint said.
    pub fn hint_honoured(&self) -> bool {
        self.asked.addr == self.range.start()
    }
    /// Whether it is memory that has no file behind it.
    pub fn is_anonymous(&self) -> bool {
        matches!(self.attributes.backing, Backing::Anonymous)
    }
}

/// `munmap` or `shmdt` succeeded: see munmap(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmap {
    /// What the caller asked for.
    pub asked: Asked,
    /// What the kernel did: whole pages, mapped or not.
    pub range: Range,
}

/// `mprotect` or `pkey_mprotect` succeeded: see mprotect(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protect {
    /// What the caller asked for.
    pub asked: Asked,
    /// The whole pages that it is about.
    pub range: Range,
    /// What may be done with them now.
    pub protection: Protection,
}

/// The second half of what `mremap` was asked: where to, how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPlace {
    /// The address with `MREMAP_FIXED`, `0x0` otherwise.
    pub addr: Addr,
    /// The new length in bytes, as it was passed.
    pub len: u64,
}

/// `mremap` succeeded: see mremap(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remap {
    /// What the caller asked for: the old place.
    pub asked: Asked,
    /// What the caller asked for: the new place.
    pub to: NewPlace,
    /// The old place in whole pages; none when the old length was 0 (a second mapping of shared pages).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Range>,
    /// Where it is now, in whole pages.
    pub new: Range,
}

/// `brk` moved the end of the heap, or was refused (then `new` is `old`): see brk(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// The end that was asked for; `0x0` only asks where it is.
    pub asked: Addr,
    /// The end before, in bytes.
    pub old: Addr,
    /// The end after, in bytes.
    pub new: Addr,
}

macro_rules! advices {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// What `madvise` was told. In a trace its name, `MADV_DONTNEED`.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum Advice {
            $($(#[$doc])* $variant,)+
            /// One that this version does not know.
            Other(Arc<String>),
        }

        impl Advice {
            /// Those that have a name here.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),+];

            /// Its name, such as `MADV_DONTNEED`.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other(name) => name,
                }
            }
        }

        impl From<String> for Advice {
            fn from(name: String) -> Self {
                match name.as_str() {
                    $($name => Self::$variant,)+
                    _ => Self::Other(Arc::new(name)),
                }
            }
        }
    };
}

advices! {
    /// No special treatment.
    Normal = "MADV_NORMAL",
    /// Expect random order.
    Random = "MADV_RANDOM",
    /// Expect sequential order.
    Sequential = "MADV_SEQUENTIAL",
    /// Expect access soon.
    WillNeed = "MADV_WILLNEED",
    /// Drop the pages now.
    DontNeed = "MADV_DONTNEED",
    /// Drop even locked pages.
    DontNeedLocked = "MADV_DONTNEED_LOCKED",
    /// The kernel may drop the pages when it needs memory.
    Free = "MADV_FREE",
    /// Drop the pages and what stands behind them.
    Remove = "MADV_REMOVE",
    /// A child does not get this range.
    DontFork = "MADV_DONTFORK",
    /// Undoes `MADV_DONTFORK`.
    DoFork = "MADV_DOFORK",
    /// A child gets zeroes.
    WipeOnFork = "MADV_WIPEONFORK",
    /// Undoes `MADV_WIPEONFORK`.
    KeepOnFork = "MADV_KEEPONFORK",
    /// Pages of the same content may be shared (KSM).
    Mergeable = "MADV_MERGEABLE",
    /// Undoes `MADV_MERGEABLE`.
    Unmergeable = "MADV_UNMERGEABLE",
    /// Huge pages are wanted.
    HugePage = "MADV_HUGEPAGE",
    /// Huge pages are not wanted.
    NoHugePage = "MADV_NOHUGEPAGE",
    /// Make huge pages now.
    Collapse = "MADV_COLLAPSE",
    /// Not in core dumps.
    DontDump = "MADV_DONTDUMP",
    /// Undoes `MADV_DONTDUMP`.
    DoDump = "MADV_DODUMP",
    /// Not used for a while.
    Cold = "MADV_COLD",
    /// Swap out now.
    PageOut = "MADV_PAGEOUT",
    /// Fault the pages in for reading.
    PopulateRead = "MADV_POPULATE_READ",
    /// Fault the pages in for writing.
    PopulateWrite = "MADV_POPULATE_WRITE",
    /// Touching these pages is an error from now on.
    GuardInstall = "MADV_GUARD_INSTALL",
    /// Undoes `MADV_GUARD_INSTALL`.
    GuardRemove = "MADV_GUARD_REMOVE",
    /// Poison a page (testing).
    HwPoison = "MADV_HWPOISON",
}

impl From<Advice> for String {
    fn from(advice: Advice) -> Self {
        advice.name().to_owned()
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `madvise` succeeded: see madvise(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advise {
    /// What the caller asked for.
    pub asked: Asked,
    /// The whole pages that it is about.
    pub range: Range,
    /// What the kernel was told.
    pub advice: Advice,
}

/// `mlock`, `mlock2` or `mlockall` succeeded: see mlock(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// What the caller asked for; `mlockall` has flags only.
    pub asked: Asked,
    /// The whole pages that it is about; none for all (`mlockall`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
}

/// `munlock` or `munlockall` succeeded: see mlock(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlock {
    /// What the caller asked for.
    pub asked: Asked,
    /// The whole pages that it is about; none for all (`munlockall`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
}

/// `msync` succeeded: see msync(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// What the caller asked for.
    pub asked: Asked,
    /// The whole pages that it is about.
    pub range: Range,
}

/// A call that failed. Some have changed a part of what they were asked to before they failed: `mprotect` stops at
/// the first hole, and so does `mlock`; `madvise` goes on past it; the model follows those rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The call, such as `mmap`.
    pub call: String,
    /// What it asked for.
    pub asked: Asked,
    /// The protection that was asked for (`mmap`, `mprotect`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<Protection>,
    /// The advice (`madvise`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
    /// The new place that was asked for (`mremap`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<NewPlace>,
    /// The error's name, such as `ENOMEM`.
    pub errno: String,
    /// What the C library says about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}
