//! Memory calls that the acting process makes.

use super::Play;
use crate::proc::mappings_of;
use crate::recorder::calls::{Effect, Memory, effect};
use crate::sys::{self, Deed, trace};
use anyhow::{Context, Result, anyhow, bail};
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{Advice, EventKind};
use pagescope_shared::mapping::{Attributes, Backing, Protection};
use pagescope_shared::names::CallFlags;

/// What `mmap` is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Mmap {
    pub(crate) at: Addr,
    pub(crate) len: u64,
    pub(crate) protection: Protection,
    /// Of [`CallFlags`].
    pub(crate) flags: u64,
    /// A descriptor of the acting process.
    pub(crate) fd: Option<u64>,
    pub(crate) offset: u64,
}

/// May be read and written.
pub(crate) const READ_WRITE: Protection = Protection { read: true, write: true, execute: false };
/// May be read.
pub(crate) const READ_ONLY: Protection = Protection { read: true, write: false, execute: false };
/// May not be touched.
pub(crate) const NONE: Protection = Protection { read: false, write: false, execute: false };

/// Private memory without a file, to be read and written.
pub(crate) fn anonymous(at: Addr, len: u64) -> Mmap {
    let flags = CallFlags::MAP_PRIVATE | CallFlags::MAP_ANONYMOUS;
    Mmap { at, len, protection: READ_WRITE, flags, fd: None, offset: 0 }
}

/// The start of a file, to be read and written; `flags` say how it is shared.
pub(crate) fn file(at: Addr, len: u64, fd: u64, flags: u64) -> Mmap {
    Mmap { at, len, protection: READ_WRITE, flags, fd: Some(fd), offset: 0 }
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Mmap(Mmap),
    Munmap(Addr, u64),
    Mprotect(Addr, u64, Protection),
    /// Old place and length, new length, and whether it may move.
    Mremap(Addr, u64, u64, bool),
    Madvise(Addr, u64, Advice),
    /// `MS_SYNC`
    Msync(Addr, u64),
}

impl Call {
    fn name(&self) -> &'static str {
        match self {
            Self::Mmap(_) => "mmap",
            Self::Munmap(..) => "munmap",
            Self::Mprotect(..) => "mprotect",
            Self::Mremap(..) => "mremap",
            Self::Madvise(..) => "madvise",
            Self::Msync(..) => "msync",
        }
    }

    /// The number of the call and its arguments: see syscall(2).
    fn words(&self) -> Result<[u64; 7]> {
        let call = |number: i64, args: [u64; 6]| {
            let [a, b, c, d, e, f] = args;
            [number.cast_unsigned(), a, b, c, d, e, f]
        };
        Ok(match *self {
            Self::Mmap(ref m) => {
                let fd = m.fd.unwrap_or(u64::MAX);
                call(libc::SYS_mmap, [m.at.0, m.len, bits(m.protection), mmap_bits(m.flags), fd, m.offset])
            }
            Self::Munmap(at, len) => call(libc::SYS_munmap, [at.0, len, 0, 0, 0, 0]),
            Self::Mprotect(at, len, to) => call(libc::SYS_mprotect, [at.0, len, bits(to), 0, 0, 0]),
            Self::Mremap(at, old, new, may_move) => {
                call(libc::SYS_mremap, [at.0, old, new, u64::from(may_move), 0, 0])
            }
            Self::Madvise(at, len, ref advice) => {
                let number = match advice {
                    Advice::DontNeed => libc::MADV_DONTNEED,
                    Advice::Free => libc::MADV_FREE,
                    Advice::HugePage => libc::MADV_HUGEPAGE,
                    other => bail!("no lesson gives the advice {other}"),
                };
                call(libc::SYS_madvise, [at.0, len, number.unsigned_abs().into(), 0, 0, 0])
            }
            Self::Msync(at, len) => {
                call(libc::SYS_msync, [at.0, len, libc::MS_SYNC.unsigned_abs().into(), 0, 0, 0])
            }
        })
    }
}

fn bits(protection: Protection) -> u64 {
    u64::from(protection.read) | u64::from(protection.write) << 1 | u64::from(protection.execute) << 2
}

fn mmap_bits(flags: u64) -> u64 {
    let known = [
        (CallFlags::MAP_SHARED, libc::MAP_SHARED),
        (CallFlags::MAP_PRIVATE, libc::MAP_PRIVATE),
        (CallFlags::MAP_ANONYMOUS, libc::MAP_ANONYMOUS),
        (CallFlags::MAP_FIXED, libc::MAP_FIXED),
        (CallFlags::MAP_FIXED_NOREPLACE, libc::MAP_FIXED_NOREPLACE),
        (CallFlags::MAP_NORESERVE, libc::MAP_NORESERVE),
    ];
    let set = known.iter().filter(|(flag, _)| flags & flag != 0);
    set.fold(0, |bits, (_, bit)| bits | u64::from(bit.unsigned_abs()))
}

impl Play<'_> {
    /// Makes a call that the lesson needs; returns what the kernel returned.
    pub(crate) fn call(&mut self, call: &Call) -> Result<u64> {
        let [_, addr, len, ..] = call.words()?;
        self.make(call)?.map_err(|errno| {
            anyhow!(
                "the kernel refused {} of {len} bytes at {}: {} ({}); the machine is short of memory, or a limit (`ulimit \
                 -v`, a container's, a seccomp filter) forbids it",
                call.name(),
                Addr(addr),
                sys::name(errno),
                sys::description(errno)
            )
        })
    }

    /// `mmap` that the lesson needs: where it is, in whole pages.
    pub(crate) fn mmap(&mut self, wanted: Mmap) -> Result<Range> {
        let len = wanted.len;
        let at = self.call(&Call::Mmap(wanted))?;
        self.whole(Addr(at), len)
    }

    /// Makes a call that is to be refused.
    pub(crate) fn refused(&mut self, call: &Call, with: &str) -> Result<()> {
        match self.make(call)? {
            Ok(_) => bail!("{} should have failed with {with}, but the kernel did it", call.name()),
            Err(errno) if sys::name(errno) == with => Ok(()),
            Err(errno) => bail!("{} should have failed with {with}, not {}", call.name(), sys::name(errno)),
        }
    }

    fn make(&mut self, call: &Call) -> Result<Result<u64, rustix::io::Errno>> {
        let words = call.words()?;
        let result = self.troupe.ask(self.who, Deed::Call, &words, &[])?.result;
        let [number, args @ ..] = words;
        let mut memory = Seen { pid: self.pid(), size: self.stage.page_size() };
        let Some(Effect::Event(kind)) = effect(trace::Call { number, args }, result, &mut memory) else {
            bail!("the kernel answers {} with what nobody understands: {result:?}", call.name());
        };
        match &kind {
            EventKind::Map(map) => self.watch(map.range),
            EventKind::Remap(remap) => self.watch(remap.new),
            _ => {}
        }
        self.tell(kind)?;
        if result.is_ok() {
            self.tell_faults(None)?;
        }
        self.verify()?;
        Ok(result.map_err(rustix::io::Errno::from_raw_os_error))
    }

    /// The whole pages of so many bytes.
    fn whole(&self, at: Addr, len: u64) -> Result<Range> {
        let bytes = self.stage.page_size().round_up(len).context("a length that is none")?;
        Range::from_len(at, bytes).context("the kernel named a place that is none")
    }
}

/// What `/proc` says of the acting process, which waits meanwhile.
struct Seen {
    pid: u32,
    size: PageSize,
}

impl Memory for Seen {
    fn page_size(&self) -> PageSize {
        self.size
    }

    /// The heap is told of elsewhere: see [`super::heap`].
    fn replace_break(&mut self, new: u64) -> u64 {
        new
    }

    fn backing(&mut self, addr: u64) -> Option<Backing> {
        self.range(addr).map(|(_, attributes)| attributes.backing)
    }

    fn range(&mut self, addr: u64) -> Option<(Range, Attributes)> {
        let found = mappings_of(self.pid).ok()?.into_iter().find(|m| m.range.contains(Addr(addr)))?;
        Some((found.range, found.attributes))
    }
}
