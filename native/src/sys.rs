//! The kernel's own interfaces: the only place with `unsafe` code.
#![allow(unsafe_code)]

mod actor;
mod errno;
mod faults;
mod mapped;
mod mapping_at;
mod perf_event;
#[cfg(feature = "oracle")]
mod perform;
mod ring;
mod scan;
pub(crate) mod signals;
mod spawn;
mod touch;
pub(crate) mod trace;
mod tracefs;
mod tracepoints;

pub(crate) use actor::{ANSWER_BYTES, Answer, Deed, REQUEST_BYTES, Request, act};
pub(crate) use errno::{description, name};
pub(crate) use faults::{FaultRings, FaultSample};
pub(crate) use mapped::Mapped;
pub(crate) use mapping_at::mapping_at;
pub(crate) use perf_event::begin_early;
#[cfg(feature = "oracle")]
pub(crate) use perform::{ARENA, Files, HEAP_WINDOW, Performer, memfd};
pub(crate) use scan::{Categories, Region, pagemap_scan};
pub(crate) use spawn::{Instruction, spawn_suspended};
pub(crate) use touch::Hit;
pub(crate) use tracepoints::{CallRings, FileMapping, Record, What};

use pagescope_shared::addr::{AddrError, PageSize};

/// The size of a page, from the kernel.
///
/// # Errors
/// When the kernel names a size that no page has.
pub(crate) fn page_size() -> Result<PageSize, AddrError> {
    PageSize::try_from(to_u64(rustix::param::page_size()))
}

/// Lossless: no address of Linux is wider than 64 bits.
pub(crate) fn to_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
