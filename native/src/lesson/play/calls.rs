//! Memory calls that the acting process makes.

use super::Play;
use crate::proc::mappings_of;
use crate::sys::{self, Deed};
use anyhow::{Context, Result, anyhow, bail};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{
    Advice, Advise, Asked, EventKind, Failed, Map, NewPlace, Protect, Remap, Sync, Unmap,
};
use pagescope_shared::mapping::{Attributes, Protection, Sharing};
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

    fn asked(&self) -> Asked {
        let (addr, len, flags) = match *self {
            Self::Mmap(ref m) => (m.at, m.len, m.flags),
            Self::Munmap(at, len) | Self::Mprotect(at, len, _) | Self::Madvise(at, len, _) => (at, len, 0),
            Self::Mremap(at, len, _, may_move) => {
                (at, len, if may_move { CallFlags::MREMAP_MAYMOVE } else { 0 })
            }
            Self::Msync(at, len) => (at, len, CallFlags::MS_SYNC),
        };
        Asked { addr, len, flags: CallFlags::of(flags) }
    }

    fn failed(&self, errno: rustix::io::Errno) -> Failed {
        let (mut protection, mut advice, mut to) = (None, None, None);
        match self {
            Self::Mmap(m) => protection = Some(m.protection),
            Self::Mprotect(_, _, wanted) => protection = Some(*wanted),
            Self::Madvise(_, _, given) => advice = Some(given.clone()),
            Self::Mremap(_, _, len, _) => to = Some(NewPlace { addr: Addr(0), len: *len }),
            Self::Munmap(..) | Self::Msync(..) => {}
        }
        let (errno, message) = (sys::name(errno), sys::description(errno));
        Failed { call: self.name().to_owned(), asked: self.asked(), protection, advice, to, errno, message }
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
        match self.make(call)? {
            Ok(value) => Ok(value),
            Err(errno) => Err(anyhow!(
                "the kernel refused {} of {} bytes at {}: {} ({}); the machine is short of memory, or a limit (`ulimit \
                 -v`, a container's, a seccomp filter) forbids it",
                call.name(),
                call.asked().len,
                call.asked().addr,
                sys::name(errno),
                sys::description(errno)
            )),
        }
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
        let value = match result {
            Ok(value) => value,
            Err(code) => {
                let errno = rustix::io::Errno::from_raw_os_error(code);
                self.tell(EventKind::Failed(Box::new(call.failed(errno))))?;
                self.verify()?;
                return Ok(Err(errno));
            }
        };
        let kind = self.event_of(call, value)?;
        match &kind {
            EventKind::Map(map) => self.watch(map.range),
            EventKind::Remap(remap) => self.watch(remap.new),
            _ => {}
        }
        self.tell(kind)?;
        self.tell_faults(None)?;
        self.verify()?;
        Ok(Ok(value))
    }

    fn event_of(&self, call: &Call, value: u64) -> Result<EventKind> {
        let asked = call.asked();
        Ok(match *call {
            Call::Mmap(ref m) => {
                let range = self.whole(Addr(value), m.len)?;
                EventKind::Map(Map { asked, range, attributes: self.attributes(m, range)? })
            }
            Call::Munmap(at, len) => EventKind::Unmap(Unmap { asked, range: self.whole(at, len)? }),
            Call::Mprotect(at, len, protection) => {
                EventKind::Protect(Protect { asked, range: self.whole(at, len)?, protection })
            }
            Call::Mremap(at, old, new, _) => {
                let to = NewPlace { addr: Addr(0), len: new };
                let (old, new) = (Some(self.whole(at, old)?), self.whole(Addr(value), new)?);
                EventKind::Remap(Box::new(Remap { asked, to, old, new }))
            }
            Call::Madvise(at, len, ref advice) => {
                let advice = advice.clone();
                EventKind::Advise(Advise { asked, range: self.whole(at, len)?, advice })
            }
            Call::Msync(at, len) => EventKind::Sync(Sync { asked, range: self.whole(at, len)? }),
        })
    }

    /// What a new mapping is: what was asked, and what the kernel says of its object.
    fn attributes(&self, asked: &Mmap, range: Range) -> Result<Attributes> {
        let shared = asked.flags & CallFlags::MAP_SHARED != 0;
        let sharing = if shared { Sharing::Shared } else { Sharing::Private };
        let mut attributes = Attributes::anonymous(asked.protection, sharing);
        if asked.fd.is_some() || shared {
            let mappings = mappings_of(self.pid())?;
            let found = mappings.into_iter().find(|m| m.range.contains(range.start()));
            let found = found.with_context(|| format!("nothing is mapped at {}", range.start()))?;
            attributes.backing = found.attributes.backing;
            attributes.offset = asked.offset;
        }
        Ok(attributes)
    }

    /// The whole pages of so many bytes.
    fn whole(&self, at: Addr, len: u64) -> Result<Range> {
        let bytes = self.stage.page_size().round_up(len).context("a length that is none")?;
        Range::from_len(at, bytes).context("the kernel named a place that is none")
    }
}
