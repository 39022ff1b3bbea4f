//! Page faults as the kernel's software event tells them: see perf_event_open(2).

use super::perf_event::{Wanted, attributes, lost, number};
use super::ring::{FULL, Rings};
use perf_event_open_sys::bindings::{
    PERF_COUNT_SW_PAGE_FAULTS, PERF_RECORD_LOST, PERF_RECORD_SAMPLE, PERF_SAMPLE_ADDR, PERF_SAMPLE_IP,
    PERF_TYPE_SOFTWARE,
};
use std::io;

/// One page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FaultSample {
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub(crate) time_ns: u64,
    pub(crate) pid: u32,
    pub(crate) tid: u32,
    /// What was touched, and by which instruction.
    pub(crate) addr: u64,
    pub(crate) ip: u64,
}

const LARGEST_RING: usize = 4 << 20;

/// The page faults of a process and all that it makes.
pub(crate) struct FaultRings(Rings);

impl FaultRings {
    /// The faults of these threads and all that they make, counted from the next `execve` on (`from_exec`), or from now
    /// on. The kernel's own touches of the program's memory are told to the privileged only.
    ///
    /// # Errors
    /// As for [`Rings::open`].
    pub(crate) fn open(tids: &[i32], from_exec: bool) -> io::Result<Self> {
        let wanted = |kernel_too: bool| {
            let mut attr = attributes(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS.into(), from_exec);
            attr.sample_type |= u64::from(PERF_SAMPLE_IP | PERF_SAMPLE_ADDR);
            attr.set_exclude_kernel(u64::from(!kernel_too));
            [Wanted { attr, filter: None }]
        };
        match Rings::open(tids, &wanted(true), LARGEST_RING, LARGEST_RING) {
            // perf_event_paranoid 2: its own touches only.
            Err(e) if e.raw_os_error() == Some(libc::EACCES) => {
                Rings::open(tids, &wanted(false), LARGEST_RING, LARGEST_RING).map(Self)
            }
            other => other.map(Self),
        }
    }

    /// See [`Rings::interrupt_when_full`].
    pub(crate) fn interrupt_when_full(&self) -> io::Result<()> {
        self.0.interrupt_when_full()
    }

    /// See [`Rings::fill`].
    pub(crate) fn fill(&self) -> u64 {
        self.0.fill()
    }

    /// Takes what came since the last call: samples, and when how many of them were lost.
    pub(crate) fn drain(&mut self, to: &mut Vec<FaultSample>, losses: &mut Vec<(u64, u64)>) {
        self.0.drain(&mut |kind, record| match kind {
            PERF_RECORD_SAMPLE => to.extend(sample(record)),
            PERF_RECORD_LOST => losses.extend(lost(record)),
            FULL => losses.extend(to.last().map(|last| (last.time_ns, 1))),
            _ => {}
        });
    }
}

/// The address of the instruction, the thread, the time, and the address.
fn sample(record: &[u8]) -> Option<FaultSample> {
    let id = |at| number::<4>(record, at).and_then(|id| u32::try_from(id).ok());
    Some(FaultSample {
        ip: number::<8>(record, 0)?,
        pid: id(8)?,
        tid: id(12)?,
        time_ns: number::<8>(record, 16)?,
        addr: number::<8>(record, 24)?,
    })
}
