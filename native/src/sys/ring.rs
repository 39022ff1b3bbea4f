//! Rings into which the kernel writes records of perf events, one for each CPU: see perf_event_open(2).

use super::perf_event::{Wanted, attributes, number, open};
use perf_event_open_sys::bindings::{
    PERF_COUNT_SW_DUMMY, PERF_RECORD_LOST, PERF_TYPE_SOFTWARE, perf_event_mmap_page,
};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the rings of all CPUs take, in bytes, at most.
const ALL_RINGS: usize = 32 << 20;
const SMALLEST_RING: usize = 64 << 10;
const PAGE: usize = 4096;

/// The rings of all CPUs.
pub(crate) struct Rings {
    rings: Vec<Ring>,
}

/// One CPU's.
struct Ring {
    /// The event whose ring it is.
    event: OwnedFd,
    cpu: i32,
    /// It is the first thread's first event.
    first_is_ours: bool,
    /// Others that write to the same ring.
    others: Vec<OwnedFd>,
    base: NonNull<u8>,
    /// Bytes of the data, a power of two; the control page stands before it.
    data: usize,
    /// A record, in one piece.
    record: Vec<u8>,
    /// It was found full, and that was told as one loss.
    was_full: bool,
}

/// Instead of a record: the ring has no room for another one. (No record is of this type.)
pub(crate) const FULL: u32 = 0;
/// No record of ours is longer but for those with long paths.
const ONE_MORE: u64 = 256;

impl Rings {
    /// One ring for each CPU, of `largest` bytes at most, for these events of these threads and of all that they make.
    /// `wake_up` bytes are worth waking up for, if that is less than half a ring.
    ///
    /// # Errors
    /// `EACCES` where /proc/sys/kernel/perf_event_paranoid or a policy forbids it; `ENOENT` without such events; `EMFILE`
    /// for more threads than there may be descriptors.
    pub(crate) fn open(tids: &[i32], events: &[Wanted], largest: usize, wake_up: usize) -> io::Result<Self> {
        // SAFETY: it takes a number.
        let cpus = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
        let cpus = usize::try_from(cpus).unwrap_or(1).max(1);
        let most = (ALL_RINGS / cpus).clamp(SMALLEST_RING, largest);
        let size = if most.is_power_of_two() { most } else { most.next_power_of_two() / 2 };
        let mut rings = Vec::new();
        for cpu in 0..cpus {
            match Ring::open(tids, events, i32::try_from(cpu).unwrap_or(0), (size, wake_up)) {
                Ok(ring) => rings.push(ring),
                // This one is switched off.
                Err(e) if e.raw_os_error() == Some(libc::ENODEV) => {}
                Err(e) => return Err(e),
            }
        }
        // Only now, for the first event of a thread may take ten milliseconds: see `begin_early`.
        rings.iter_mut().try_for_each(|ring| ring.listen_to(tids, events))?;
        Ok(Self { rings })
    }

    /// Interrupts the calling thread with SIGIO whenever there is much in a ring, from a thread of its own that ends with the
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

    /// How full the fullest one is, in percent.
    pub(crate) fn fill(&self) -> u64 {
        self.rings.iter().map(Ring::fill).max().unwrap_or(0)
    }

    /// For events that the kernel takes long to take apart (tens of milliseconds for each tracepoint): a process that
    /// nobody waits for holds them until this one has ended, and has them taken apart.
    pub(crate) fn leave_behind(&self) {
        let mut ends = [-1; 2];
        let mut byte = 0u8;
        // SAFETY: there is room for two descriptors and for one byte. The child calls nothing but system calls, and ends
        // by `_exit`, which closes what is left.
        unsafe {
            if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
                return;
            }
            let [wait, here] = ends;
            if libc::fork() == 0 {
                libc::close(here);
                // Whoever reads what we write need not wait for it.
                for fd in 0..3 {
                    libc::close(fd);
                }
                libc::read(wait, (&raw mut byte).cast(), 1);
                libc::_exit(0);
            }
            // `here` stays open as long as this process lives.
            libc::close(wait);
        }
    }

    /// Takes the records that came since the last call, ring by ring: the type of each, and its body.
    pub(crate) fn drain(&mut self, to: &mut dyn FnMut(u32, &[u8])) {
        for ring in &mut self.rings {
            ring.drain(to);
        }
    }
}

impl Ring {
    /// The ring is that of an event of the CPU, which tells nothing, or else that of the first of these events.
    fn open(tids: &[i32], events: &[Wanted], cpu: i32, size: (usize, usize)) -> io::Result<Self> {
        let mut nothing = attributes(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY.into(), false);
        nothing.set_inherit(0);
        match Self::of(-1, cpu, &Wanted { attr: nothing, filter: None }, size) {
            Err(e) if e.raw_os_error() != Some(libc::ENODEV) => {
                let (Some(tid), Some(first)) = (tids.first(), events.first()) else {
                    return Err(io::ErrorKind::InvalidInput.into());
                };
                let mut ring = Self::of(*tid, cpu, first, size)?;
                ring.first_is_ours = true;
                Ok(ring)
            }
            other => other,
        }
    }

    fn of(tid: i32, cpu: i32, wanted: &Wanted, (mut size, wake_up): (usize, usize)) -> io::Result<Self> {
        let (event, base) = loop {
            match Self::begin(tid, cpu, wanted, (size, wake_up)) {
                // perf_event_mlock_kb: less memory for those without privilege.
                Err(e)
                    if matches!(e.raw_os_error(), Some(libc::EPERM | libc::ENOMEM))
                        && size > SMALLEST_RING =>
                {
                    size /= 2;
                }
                other => break other?,
            }
        };
        let (others, record) = (Vec::new(), Vec::new());
        Ok(Self { event, cpu, first_is_ours: false, others, base, data: size, record, was_full: false })
    }

    /// These events of these threads write to this ring.
    fn listen_to(&mut self, tids: &[i32], events: &[Wanted]) -> io::Result<()> {
        let all = tids.iter().flat_map(|tid| events.iter().map(move |event| (*tid, event)));
        for (tid, wanted) in all.skip(usize::from(self.first_is_ours)) {
            let other = match open(tid, self.cpu, wanted) {
                // It has ended meanwhile.
                Err(e) if e.raw_os_error() == Some(libc::ESRCH) => continue,
                other => other?,
            };
            let (fd, ring) = (other.as_raw_fd(), self.event.as_raw_fd());
            // SAFETY: it takes numbers only.
            if unsafe { perf_event_open_sys::ioctls::SET_OUTPUT(fd, ring) } != 0 {
                return Err(io::Error::last_os_error());
            }
            self.others.push(other);
        }
        Ok(())
    }

    fn begin(
        tid: i32,
        cpu: i32,
        wanted: &Wanted,
        (size, wake_up): (usize, usize),
    ) -> io::Result<(OwnedFd, NonNull<u8>)> {
        let mut wanted = wanted.clone();
        wanted.attr.set_watermark(1);
        wanted.attr.__bindgen_anon_2.wakeup_watermark =
            u32::try_from(wake_up.min(size / 2)).unwrap_or(u32::MAX);
        let event = open(tid, cpu, &wanted)?;
        // SAFETY: the mapping is made by the kernel, of the size that is kept.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                PAGE + size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                event.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok((event, NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?))
    }

    /// How far the kernel has written, and how far we have read.
    fn ends(&self) -> (&AtomicU64, &AtomicU64) {
        let control = self.base.as_ptr().cast::<perf_event_mmap_page>();
        // SAFETY: the control page is mapped as long as this ring; the kernel writes `data_head`, we write `data_tail`,
        // both atomically.
        unsafe {
            (
                AtomicU64::from_ptr(&raw mut (*control).data_head),
                AtomicU64::from_ptr(&raw mut (*control).data_tail),
            )
        }
    }

    fn fill(&self) -> u64 {
        let (head, tail) = self.ends();
        let waits = head.load(Ordering::Relaxed).saturating_sub(tail.load(Ordering::Relaxed));
        waits.saturating_mul(100) / super::to_u64(self.data).max(1)
    }

    fn drain(&mut self, to: &mut dyn FnMut(u32, &[u8])) {
        let mut record = std::mem::take(&mut self.record);
        let (head, tail) = self.ends();
        let end = head.load(Ordering::Acquire);
        let mut at = tail.load(Ordering::Relaxed);
        let is_full = end.saturating_sub(at).saturating_add(ONE_MORE) > super::to_u64(self.data);
        let mut was_full = self.was_full;
        while at < end {
            let header = self.word(at);
            let [kind @ .., _, _, _, _] = header.to_le_bytes();
            let (kind, size) = (u32::from_le_bytes(kind), header >> 48);
            // Nothing the kernel writes is shorter, and all of it is in words.
            let size = size.max(8);
            record.clear();
            let words = (at + 8..at + size).step_by(8);
            record.extend(words.flat_map(|at| self.word(at).to_ne_bytes()));
            if kind == PERF_RECORD_LOST && std::mem::take(&mut was_full) {
                // One of them is told already.
                let count = number::<8>(&record, 8).unwrap_or(0).saturating_sub(1);
                if let Some(place) = record.get_mut(8..16) {
                    place.copy_from_slice(&count.to_ne_bytes());
                }
            }
            to(kind, &record);
            at += size;
        }
        // What is lost is told with the next record that has room, which may be a while from now.
        if is_full {
            to(FULL, &[]);
        }
        tail.store(at, Ordering::Release);
        self.was_full = was_full || is_full;
        self.record = record;
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
        // SAFETY: mapped by `begin`, with this size, and nothing points into it.
        unsafe { libc::munmap(self.base.as_ptr().cast(), PAGE + self.data) };
    }
}
