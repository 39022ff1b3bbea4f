//! Perf events of threads, and what their records have in common: see perf_event_open(2).

use perf_event_open_sys::bindings::{
    PERF_COUNT_SW_DUMMY, PERF_FLAG_FD_CLOEXEC, PERF_TYPE_SOFTWARE, perf_event_attr,
};
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// An event of which a thread's records are wanted.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) attr: perf_event_attr,
    /// What the kernel is to leave out: see Documentation/trace/events.rst.
    pub(crate) filter: Option<std::ffi::CString>,
}

/// The first event of a thread, for a second, makes the kernel wait until all CPUs have heard of it (`account_event` in
/// kernel/events/core.c): from now on it waits for that, while we do other things.
pub(crate) fn begin_early() {
    let wait = || {
        let mut attr = attributes(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY.into(), false);
        attr.set_inherit(0);
        attr.set_exclude_kernel(1);
        // Where it is not allowed, nothing is.
        drop(open(0, -1, &Wanted { attr, filter: None }));
    };
    drop(std::thread::Builder::new().name("early".to_owned()).spawn(wait));
}

/// A thread's event on one CPU, or on all (-1).
pub(super) fn open(tid: i32, cpu: i32, wanted: &Wanted) -> io::Result<OwnedFd> {
    let mut attr = wanted.attr;
    let flags = u64::from(PERF_FLAG_FD_CLOEXEC);
    // SAFETY: the attributes are live and say their size; the descriptor that comes is ours.
    let event = unsafe {
        match perf_event_open_sys::perf_event_open(&raw mut attr, tid, cpu, -1, flags) {
            fd if fd < 0 => return Err(io::Error::last_os_error()),
            fd => OwnedFd::from_raw_fd(fd),
        }
    };
    if let Some(filter) = &wanted.filter {
        // SAFETY: a text that ends with a zero byte, which the kernel reads.
        let set =
            unsafe { perf_event_open_sys::ioctls::SET_FILTER(event.as_raw_fd(), filter.as_ptr().cast_mut()) };
        if set != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(event)
}

/// What all of our events have in common: every record with its thread and time, from the next `execve` on (`from_exec`) or
/// from now on, of the thread and of all that it makes.
pub(crate) fn attributes(kind: u32, config: u64, from_exec: bool) -> perf_event_attr {
    use perf_event_open_sys::bindings::{PERF_SAMPLE_TID, PERF_SAMPLE_TIME};
    let mut attr = perf_event_attr {
        type_: kind,
        size: u32::try_from(size_of::<perf_event_attr>()).unwrap_or(0),
        config,
        sample_type: u64::from(PERF_SAMPLE_TID | PERF_SAMPLE_TIME),
        clockid: libc::CLOCK_MONOTONIC,
        ..perf_event_attr::default()
    };
    attr.__bindgen_anon_1.sample_period = 1;
    attr.set_inherit(1);
    // Records of losses say when, too.
    attr.set_sample_id_all(1);
    attr.set_use_clockid(1);
    attr.set_exclude_hv(1);
    attr.set_disabled(u64::from(from_exec));
    attr.set_enable_on_exec(u64::from(from_exec));
    attr
}

/// When records were lost before this one, and how many more than was told: the body of a `PERF_RECORD_LOST`.
pub(crate) fn lost(record: &[u8]) -> Option<(u64, u64)> {
    Some((number::<8>(record, 24)?, number::<8>(record, 8)?)).filter(|(_, count)| *count > 0)
}

/// A number of a record.
pub(crate) fn number<const N: usize>(record: &[u8], at: usize) -> Option<u64> {
    let bytes: [u8; N] = record.get(at..at.checked_add(N)?)?.try_into().ok()?;
    let mut wide = [0; 8];
    wide.get_mut(..N)?.copy_from_slice(&bytes);
    Some(u64::from_le_bytes(wide))
}
