//! System calls, page faults and mapped files as the kernel's tracepoints tell them, without stopping anybody.

use super::perf_event::{Wanted, attributes, lost, number};
use super::ring::{FULL, Rings};
use super::trace::Call;
use super::tracefs::{Tracefs, Tracepoint};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::FaultAccess;
use perf_event_open_sys::bindings::{
    PERF_COUNT_SW_DUMMY, PERF_RECORD_LOST, PERF_RECORD_MMAP2, PERF_RECORD_SAMPLE, PERF_SAMPLE_RAW,
    PERF_TYPE_SOFTWARE, PERF_TYPE_TRACEPOINT,
};
use std::ffi::CString;
use std::io;

/// What a thread did, and when: `CLOCK_MONOTONIC`, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) time_ns: u64,
    pub(crate) pid: u32,
    pub(crate) tid: u32,
    pub(crate) what: What,
}

/// What it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A call began.
    Begins(Call),
    /// A call returned this.
    Ends(Result<u64, i32>),
    /// It touched what was not there, by the instruction at `ip`.
    Fault { addr: u64, ip: u64, access: FaultAccess },
    /// The call that it is in has mapped a file, or changed such a mapping.
    Mapped(Box<FileMapping>),
    /// So many records before this one could not be kept. (No thread did it.)
    Lost(u64),
}

/// A mapping of a file or of shared memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileMapping {
    pub(crate) range: Range,
    pub(crate) dev: (u64, u64),
    pub(crate) inode: u64,
    /// `PROT_*`
    pub(crate) protection: u64,
    pub(crate) name: Vec<u8>,
}

const LARGEST_RING: usize = 8 << 20;
/// What is left when the program ends is soon read.
const WAKE_UP: usize = 512 << 10;
/// Where the kernel's own addresses begin.
const KERNEL: u64 = 1 << 63;

/// The tracepoints of a process and all that it makes.
pub(crate) struct CallRings {
    rings: Rings,
    begins: (u16, usize, usize),
    ends: (u16, usize, usize),
    faults: [u16; 2],
    fault: (usize, usize, usize),
}

impl CallRings {
    /// The calls with these numbers, and all page faults, of these threads and of all that they make, from the next
    /// `execve` on (`from_exec`) or from now on.
    ///
    /// # Errors
    /// For those who may not read the tracepoints' descriptions or records; where a kernel does not have them.
    pub(crate) fn open(tids: &[i32], calls: &[i64], from_exec: bool) -> io::Result<Self> {
        let tracefs = Tracefs::open()?;
        let point = |name| tracefs.tracepoint(name);
        let (enter, exit) = (point("raw_syscalls/sys_enter")?, point("raw_syscalls/sys_exit")?);
        let (user, kernel) = (point("exceptions/page_fault_user")?, point("exceptions/page_fault_kernel")?);
        let ours = CString::new(one_of(calls))?;
        let wanted = |point: &Tracepoint, filter: Option<&CString>| {
            let mut attr = attributes(PERF_TYPE_TRACEPOINT, point.id.into(), from_exec);
            attr.sample_type |= u64::from(PERF_SAMPLE_RAW);
            Wanted { attr, filter: filter.cloned() }
        };
        // Which files were mapped is told beside the samples.
        let mut files = attributes(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY.into(), from_exec);
        files.set_mmap(1);
        files.set_mmap2(1);
        files.set_mmap_data(1);
        let of_programs = CString::new(format!("address < {KERNEL}"))?;
        let events = [
            Wanted { attr: files, filter: None },
            wanted(&enter, Some(&ours)),
            wanted(&exit, Some(&ours)),
            wanted(&user, None),
            wanted(&kernel, Some(&of_programs)),
        ];
        let fault = (user.offset("address")?, user.offset("ip")?, user.offset("error_code")?);
        Ok(Self {
            rings: Rings::open(tids, &events, LARGEST_RING, WAKE_UP)?,
            begins: (enter.id, enter.offset("id")?, enter.offset("args")?),
            ends: (exit.id, exit.offset("id")?, exit.offset("ret")?),
            faults: [user.id, kernel.id],
            fault,
        })
    }

    /// See [`Rings::interrupt_when_full`].
    pub(crate) fn interrupt_when_full(&self) -> io::Result<()> {
        self.rings.interrupt_when_full()
    }

    /// See [`Rings::fill`].
    pub(crate) fn fill(&self) -> u64 {
        self.rings.fill()
    }

    /// Takes what came since the last call, not in order.
    pub(crate) fn drain(&mut self, to: &mut Vec<Record>) {
        let Self { rings, begins, ends, faults, fault } = self;
        rings.drain(&mut |kind, record| match kind {
            PERF_RECORD_SAMPLE => to.extend(sample(record, *begins, *ends, *faults, *fault)),
            PERF_RECORD_MMAP2 => to.extend(mapped(record)),
            PERF_RECORD_LOST => to.extend(lost(record).map(nobody)),
            FULL => to.extend(to.last().map(|last| (last.time_ns, 1)).map(nobody)),
            _ => {}
        });
    }
}

impl Drop for CallRings {
    fn drop(&mut self) {
        self.rings.leave_behind();
    }
}

/// A filter that `id` passes when it is one of these numbers. It is asked at every call that the program makes: so it
/// halves what is left again and again.
fn one_of(numbers: &[i64]) -> String {
    fn halved(ranges: &[(i64, i64)]) -> String {
        let (left, right) = ranges.split_at(ranges.len() / 2);
        match (left, right) {
            ([], [(one, same)]) if one == same => format!("id == {one}"),
            ([], [(first, last)]) => format!("(id >= {first} && id <= {last})"),
            (_, [(middle, _), ..]) => {
                format!("((id < {middle} && {}) || (id >= {middle} && {}))", halved(left), halved(right))
            }
            (_, []) => "id == -1".to_owned(),
        }
    }
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    halved(&ranges)
}

fn nobody((time_ns, count): (u64, u64)) -> Record {
    Record { time_ns, pid: 0, tid: 0, what: What::Lost(count) }
}

fn narrow(record: &[u8], at: usize) -> Option<u32> {
    number::<4>(record, at).and_then(|n| u32::try_from(n).ok())
}

/// Process, thread, time, size of what follows, and the tracepoint's own record, which begins with its number.
fn sample(
    record: &[u8],
    begins: (u16, usize, usize),
    ends: (u16, usize, usize),
    faults: [u16; 2],
    fault: (usize, usize, usize),
) -> Option<Record> {
    let raw = record.get(20..)?;
    let id = u16::try_from(number::<2>(raw, 0)?).ok()?;
    let word = |at| number::<8>(raw, at);
    let what = if id == begins.0 {
        let arg = |i: usize| word(begins.2 + 8 * i);
        let args = [arg(0)?, arg(1)?, arg(2)?, arg(3)?, arg(4)?, arg(5)?];
        What::Begins(Call { number: word(begins.1)?, args })
    } else if id == ends.0 {
        let value = word(ends.2)?;
        // Errors are the last page of all numbers.
        let error = value.wrapping_neg();
        What::Ends(if (1..4096).contains(&error) { Err(i32::try_from(error).ok()?) } else { Ok(value) })
    } else if faults.contains(&id) {
        let bits = word(fault.2)?;
        let access = match (bits & 1 << 4, bits & 1 << 1) {
            (0, 0) => FaultAccess::Read,
            (0, _) => FaultAccess::Write,
            _ => FaultAccess::Execute,
        };
        What::Fault { addr: word(fault.0)?, ip: word(fault.1)?, access }
    } else {
        return None;
    };
    Some(Record { pid: narrow(record, 0)?, tid: narrow(record, 4)?, time_ns: number::<8>(record, 8)?, what })
}

/// `PERF_RECORD_MMAP2`, with process, thread and time at its end. Anonymous memory needs no telling.
fn mapped(record: &[u8]) -> Option<Record> {
    let inode = number::<8>(record, 40)?;
    if inode == 0 {
        return None;
    }
    let end = record.len().checked_sub(16)?;
    let name = record.get(64..end)?.split(|&b| b == 0).next()?.to_vec();
    let mapping = FileMapping {
        range: Range::from_len(Addr(number::<8>(record, 8)?), number::<8>(record, 16)?).ok()?,
        dev: (number::<4>(record, 32)?, number::<4>(record, 36)?),
        inode,
        protection: number::<4>(record, 56)?,
        name,
    };
    let what = What::Mapped(Box::new(mapping));
    Some(Record {
        pid: narrow(record, 0)?,
        tid: narrow(record, 4)?,
        time_ns: number::<8>(record, end + 8)?,
        what,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_halves_what_is_left() {
        assert_eq!(one_of(&[7]), "id == 7");
        assert_eq!(
            one_of(&[11, 59, 10, 9]),
            "((id < 59 && (id >= 9 && id <= 11)) || (id >= 59 && id == 59))"
        );
    }
}
