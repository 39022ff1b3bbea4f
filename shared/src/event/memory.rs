//! Page faults, and what was read from the kernel or by a lesson.

use crate::addr::{Addr, PageSize, Range};
use crate::mapping::Mapping;
use crate::page::{PageState, Run};
use serde::{Deserialize, Serialize};

/// Why a page was touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultAccess {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

/// What a fault cost: see getrusage(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// No input or output was needed.
    Minor,
    /// The page came from a disk.
    Major,
}

/// A page fault. What it led to is `led_to` where the source knows, else inferred from the mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The address that was touched.
    pub addr: Addr,
    /// How, where the source knows it (the software page-fault event does not).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<FaultAccess>,
    /// What it cost, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The instruction that touched it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<Addr>,
    /// The page's state afterwards, where the source read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub led_to: Option<PageState>,
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
