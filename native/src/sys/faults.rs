//! Page faults as the kernel's software event tells them: see perf_event_open(2). One ring of samples for each CPU.

use perf_event_open_sys::bindings::{
    PERF_COUNT_SW_PAGE_FAULTS, PERF_RECORD_LOST, PERF_RECORD_SAMPLE, PERF_SAMPLE_ADDR, PERF_SAMPLE_IP,
    PERF_SAMPLE_TID, PERF_SAMPLE_TIME, PERF_TYPE_SOFTWARE, perf_event_attr, perf_event_mmap_page,
};
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// What the rings of all CPUs take, in bytes, at most.
const ALL_RINGS: usize = 32 << 20;
const LARGEST_RING: usize = 4 << 20;
const SMALLEST_RING: usize = 64 << 10;
const PAGE: usize = 4096;

/// The page faults of a process and all that it makes.
pub(crate) struct FaultRings {
    rings: Vec<Ring>,
}

struct Ring {
    event: OwnedFd,
    /// Those of other threads, which write to the same ring.
    others: Vec<OwnedFd>,
    base: NonNull<u8>,
    /// Bytes of the data, a power of two; the control page stands before it.
    data: usize,
}

impl FaultRings {
    /// The faults of these threads and all that they make, counted from the next `execve` on (`from_exec`), or from now
    /// on. The kernel's own touches of the program's memory are told to the privileged only.
    ///
    /// # Errors
    /// `EACCES` where /proc/sys/kernel/perf_event_paranoid is 3 or a policy forbids it; `ENOENT` without perf events;
    /// `EMFILE` for more threads than there may be descriptors.
    pub(crate) fn open(tids: &[i32], from_exec: bool) -> io::Result<Self> {
        // SAFETY: it takes a number.
        let cpus = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
        let cpus = usize::try_from(cpus).unwrap_or(1).max(1);
        let most = (ALL_RINGS / cpus).clamp(SMALLEST_RING, LARGEST_RING);
        let size = if most.is_power_of_two() { most } else { most.next_power_of_two() / 2 };
        let (first, others) = tids.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut rings = Vec::new();
        for cpu in 0..cpus {
            let cpu = i32::try_from(cpu).unwrap_or(0);
            match Ring::open(*first, cpu, from_exec, size) {
                Ok(mut ring) => {
                    others.iter().try_for_each(|tid| ring.also(*tid, cpu, from_exec))?;
                    rings.push(ring);
                }
                // This one is switched off.
                Err(e) if e.raw_os_error() == Some(libc::ENODEV) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Self { rings })
    }

    /// Interrupts the calling thread with SIGIO whenever a ring is half full, from a thread of its own that ends with the
    /// program. (Signals of the event itself would come with every single sample.)
    pub(crate) fn interrupt_when_full(&self) -> io::Result<()> {
        let fds: io::Result<Vec<OwnedFd>> = self.rings.iter().map(|ring| ring.event.try_clone()).collect();
        let fds = fds?;
        // SAFETY: it takes nothing.
        let (process, thread) = unsafe { (libc::getpid(), libc::gettid()) };
        let watch = move || {
            let waits = |fd: &OwnedFd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            let mut polled: Vec<libc::pollfd> = fds.iter().map(waits).collect();
            // SAFETY: the array is live and says its length.
            while unsafe {
                libc::poll(polled.as_mut_ptr(), libc::nfds_t::try_from(polled.len()).unwrap_or(0), -1)
            } > 0
            {
                if polled.iter().any(|p| p.revents & libc::POLLIN != 0) {
                    // SAFETY: it takes numbers, and the thread is one of this process.
                    unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGIO) };
                }
                // Hung up: the program has ended.
                polled.retain(|p| p.revents & (libc::POLLHUP | libc::POLLERR) == 0);
            }
        };
        std::thread::Builder::new().name("rings".to_owned()).spawn(watch)?;
        Ok(())
    }

    /// Takes what came since the last call; returns how many samples were lost.
    pub(crate) fn drain(&mut self, to: &mut Vec<FaultSample>) -> u64 {
        self.rings.iter_mut().map(|ring| ring.drain(to)).sum()
    }
}

fn attributes(from_exec: bool, kernel_too: bool) -> perf_event_attr {
    let mut attr = perf_event_attr {
        type_: PERF_TYPE_SOFTWARE,
        size: u32::try_from(size_of::<perf_event_attr>()).unwrap_or(0),
        config: PERF_COUNT_SW_PAGE_FAULTS.into(),
        sample_type: u64::from(PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR),
        clockid: libc::CLOCK_MONOTONIC,
        ..perf_event_attr::default()
    };
    attr.__bindgen_anon_1.sample_period = 1;
    attr.set_inherit(1);
    attr.set_use_clockid(1);
    attr.set_exclude_hv(1);
    attr.set_exclude_kernel(u64::from(!kernel_too));
    attr.set_disabled(u64::from(from_exec));
    attr.set_enable_on_exec(u64::from(from_exec));
    attr.set_watermark(1);
    attr
}

impl Ring {
    fn open(pid: i32, cpu: i32, from_exec: bool, size: usize) -> io::Result<Self> {
        let mut size = size;
        let mut kernel_too = true;
        loop {
            match Self::try_open(pid, cpu, attributes(from_exec, kernel_too), size) {
                // perf_event_paranoid 2: its own touches only.
                Err(e) if e.raw_os_error() == Some(libc::EACCES) && kernel_too => kernel_too = false,
                // perf_event_mlock_kb: less memory for those without privilege.
                Err(e)
                    if matches!(e.raw_os_error(), Some(libc::EPERM | libc::ENOMEM))
                        && size > SMALLEST_RING =>
                {
                    size /= 2;
                }
                other => return other,
            }
        }
    }

    /// Another thread's faults go to the same ring.
    fn also(&mut self, tid: i32, cpu: i32, from_exec: bool) -> io::Result<()> {
        let event = match event(tid, cpu, attributes(from_exec, true)) {
            Err(e) if e.raw_os_error() == Some(libc::EACCES) => event(tid, cpu, attributes(from_exec, false)),
            other => other,
        };
        let event = match event {
            // It has ended meanwhile.
            Err(e) if e.raw_os_error() == Some(libc::ESRCH) => return Ok(()),
            other => other?,
        };
        let (fd, ring) = (event.as_raw_fd(), self.event.as_raw_fd());
        // SAFETY: it takes numbers only.
        if unsafe { perf_event_open_sys::ioctls::SET_OUTPUT(fd, ring) } != 0 {
            return Err(io::Error::last_os_error());
        }
        self.others.push(event);
        Ok(())
    }

    fn try_open(pid: i32, cpu: i32, mut attr: perf_event_attr, size: usize) -> io::Result<Self> {
        attr.__bindgen_anon_2.wakeup_watermark = u32::try_from(size / 2).unwrap_or(u32::MAX);
        let event = event(pid, cpu, attr)?;
        // SAFETY: the mapping is made by the kernel, of the size that is kept.
        unsafe {
            let base = libc::mmap(
                std::ptr::null_mut(),
                PAGE + size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                event.as_raw_fd(),
                0,
            );
            if base == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
            Ok(Self { event, others: Vec::new(), base, data: size })
        }
    }

    fn drain(&mut self, to: &mut Vec<FaultSample>) -> u64 {
        let control = self.base.as_ptr().cast::<perf_event_mmap_page>();
        // SAFETY: the control page is mapped as long as this ring; the kernel writes `data_head`, we write `data_tail`,
        // both atomically.
        let (head, tail) = unsafe {
            (
                AtomicU64::from_ptr(&raw mut (*control).data_head),
                AtomicU64::from_ptr(&raw mut (*control).data_tail),
            )
        };
        let end = head.load(Ordering::Acquire);
        let mut at = tail.load(Ordering::Relaxed);
        let mut lost = 0;
        while at < end {
            let header = self.word(at);
            let [kind @ .., _, _, _, _] = header.to_le_bytes();
            let (kind, size) = (u32::from_le_bytes(kind), header >> 48);
            match kind {
                PERF_RECORD_SAMPLE => {
                    let who = self.word(at + 16);
                    to.push(FaultSample {
                        ip: self.word(at + 8),
                        pid: low(who),
                        tid: low(who >> 32),
                        time_ns: self.word(at + 24),
                        addr: self.word(at + 32),
                    });
                }
                PERF_RECORD_LOST => lost += self.word(at + 16),
                _ => {}
            }
            // Nothing the kernel writes is shorter.
            at += size.max(8);
        }
        tail.store(at, Ordering::Release);
        lost
    }

    /// Eight bytes of the data; records begin at multiples of eight, so none wraps within a word.
    fn word(&self, at: u64) -> u64 {
        let offset = usize::try_from(at).unwrap_or(0) & (self.data - 1) & !7;
        // SAFETY: the offset lies in the data, which follows the control page, and is a multiple of eight.
        unsafe { self.base.as_ptr().add(PAGE + offset).cast::<u64>().read_volatile() }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: mapped by `try_open`, with this size, and nothing points into it.
        unsafe { libc::munmap(self.base.as_ptr().cast(), PAGE + self.data) };
    }
}

fn event(tid: i32, cpu: i32, mut attr: perf_event_attr) -> io::Result<OwnedFd> {
    let close_on_exec = u64::from(perf_event_open_sys::bindings::PERF_FLAG_FD_CLOEXEC);
    // SAFETY: the attributes are live and say their size; the descriptor that comes is ours.
    unsafe {
        match perf_event_open_sys::perf_event_open(&raw mut attr, tid, cpu, -1, close_on_exec) {
            fd if fd < 0 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

fn low(word: u64) -> u32 {
    let [a, b, c, d, ..] = word.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
