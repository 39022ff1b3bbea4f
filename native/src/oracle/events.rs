//! The events that a recorder would write for the calls.

use super::state::{Answer, State};
use super::wire::{Op, kind};
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{
    Advice, Advise, Asked, Break, EventKind, Exit, Failed, Fault, FaultAccess, Fork, ForkMemory, Lock, Map,
    NewPlace, Protect, Remap, Signal, Sync, Unlock, Unmap,
};
use pagescope_shared::mapping::{Attributes, Backing, Mapping, Object, Protection, Sharing};
use pagescope_shared::model::AddressSpace;
use pagescope_shared::names::{CallFlags, VmFlags};
use std::sync::Arc;

/// The process that starts, and its child, in traces.
pub(crate) const PIDS: [u32; 2] = [1, 2];
/// A child that has its parent's memory.
pub(crate) const BORROWER: u32 = 3;

const PAGE: PageSize = PageSize::FOUR_KIB;

/// What is known beside the answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    /// The heap's end when nothing was done.
    pub(crate) heap: u64,
    /// The heap's end of each process now.
    pub(crate) breaks: [u64; 2],
}

/// What happened, as a recorder tells it: with the process that did it.
pub(crate) fn event(op: Op, answer: &Answer, context: &mut Context) -> Option<(u32, EventKind)> {
    let has_child = answer.states.len() > 1;
    let who = usize::from(op.who == 1 && has_child);
    let state = answer.states.get(who)?;
    let event = match op.kind {
        kind::FORK if answer.errno == 0 => {
            context.breaks[1] = context.breaks[0];
            return Some((PIDS[0], EventKind::Fork(Fork { child: PIDS[1], memory: ForkMemory::Copied })));
        }
        kind::EXIT_CHILD => {
            return Some((PIDS[1], EventKind::Exit(Box::new(Exit { code: Some(0), signal: None }))));
        }
        kind::FORK | kind::LOOK => return None,
        kind::BRK => {
            let old = std::mem::replace(&mut context.breaks[who], answer.value);
            let asked = Addr(context.heap.wrapping_add(op.args[0]));
            EventKind::Break(Break { asked, old: Addr(old), new: Addr(answer.value) })
        }
        kind::READ | kind::WRITE => touched(op, answer, context),
        kind::SHMAT if answer.errno == 0 => attached(op, answer, state)?,
        kind::SHMAT | kind::SHMDT => return None,
        _ if answer.errno != 0 => failed(op, answer.errno),
        _ => call(op, answer, state)?,
    };
    Some((PIDS[who], event))
}

/// Where a touch goes: numbers below the arena are counted from the heap's end on.
pub(crate) fn touched_addr(op: Op, context: &Context) -> u64 {
    if op.args[0] < crate::sys::ARENA { context.heap + op.args[0] } else { op.args[0] }
}

fn touched(op: Op, answer: &Answer, context: &Context) -> EventKind {
    let addr = Addr(touched_addr(op, context));
    let access = Some(if op.kind == kind::WRITE { FaultAccess::Write } else { FaultAccess::Read });
    if answer.value == 0 {
        return EventKind::Fault(Fault { addr, access, severity: None, ip: None, led_to: None });
    }
    let signal = if answer.signal == 7 { "SIGBUS" } else { "SIGSEGV" };
    let code = match (signal, answer.code) {
        ("SIGSEGV", 1) => "SEGV_MAPERR",
        ("SIGSEGV", 2) => "SEGV_ACCERR",
        ("SIGBUS", 2) => "BUS_ADRERR",
        _ => "",
    };
    EventKind::Signal(Box::new(Signal { signal: signal.to_owned(), addr, access, code: code.to_owned() }))
}

fn rounded(addr: u64, len: u64) -> Option<Range> {
    Range::from_len(Addr(addr), PAGE.round_up(len)?).ok()
}

/// From the page of the first byte to that of the last: what mlock takes.
fn around(addr: u64, len: u64) -> Option<Range> {
    let start = addr - addr % PAGE.bytes();
    rounded(start, len + (addr - start))
}

fn protection(bits: u64) -> Protection {
    Protection { read: bits & 1 != 0, write: bits & 2 != 0, execute: bits & 4 != 0 }
}

fn asked(op: Op) -> Asked {
    let [a, b, c, d, ..] = op.args;
    let flags = match op.kind {
        kind::MMAP => mmap_flags(d),
        kind::MREMAP => named(
            d,
            &[(1, CallFlags::MREMAP_MAYMOVE), (2, CallFlags::MREMAP_FIXED), (4, CallFlags::MREMAP_DONTUNMAP)],
        ),
        kind::MPROTECT => named(c, &[(0x0100_0000, CallFlags::PROT_GROWSDOWN)]),
        kind::MLOCK => named(c, &[(1, CallFlags::MLOCK_ONFAULT)]),
        kind::MSYNC => {
            named(c, &[(1, CallFlags::MS_ASYNC), (2, CallFlags::MS_INVALIDATE), (4, CallFlags::MS_SYNC)])
        }
        kind::MLOCKALL => {
            named(a, &[(1, CallFlags::MCL_CURRENT), (2, CallFlags::MCL_FUTURE), (4, CallFlags::MCL_ONFAULT)])
        }
        _ => CallFlags::NONE,
    };
    if matches!(op.kind, kind::MLOCKALL | kind::MUNLOCKALL) {
        return Asked { addr: Addr(0), len: 0, flags };
    }
    Asked { addr: Addr(a), len: b, flags }
}

fn named(bits: u64, names: &[(u64, u64)]) -> CallFlags {
    CallFlags::of(names.iter().filter(|(bit, _)| bits & bit != 0).fold(0, |sum, (_, flag)| sum | flag))
}

fn mmap_flags(bits: u64) -> CallFlags {
    named(
        bits,
        &[
            (0x01, CallFlags::MAP_SHARED),
            (0x02, CallFlags::MAP_PRIVATE),
            (0x10, CallFlags::MAP_FIXED),
            (0x20, CallFlags::MAP_ANONYMOUS),
            (0x100, CallFlags::MAP_GROWSDOWN),
            (0x2000, CallFlags::MAP_LOCKED),
            (0x4000, CallFlags::MAP_NORESERVE),
            (0x8000, CallFlags::MAP_POPULATE),
            (0x1_0000, CallFlags::MAP_NONBLOCK),
            (0x2_0000, CallFlags::MAP_STACK),
            (0x10_0000, CallFlags::MAP_FIXED_NOREPLACE),
        ],
    )
}

fn advice(number: u64) -> Advice {
    match number {
        0 => Advice::Normal,
        1 => Advice::Random,
        2 => Advice::Sequential,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        8 => Advice::Free,
        9 => Advice::Remove,
        10 => Advice::DontFork,
        11 => Advice::DoFork,
        12 => Advice::Mergeable,
        13 => Advice::Unmergeable,
        14 => Advice::HugePage,
        15 => Advice::NoHugePage,
        16 => Advice::DontDump,
        17 => Advice::DoDump,
        18 => Advice::WipeOnFork,
        19 => Advice::KeepOnFork,
        20 => Advice::Cold,
        21 => Advice::PageOut,
        22 => Advice::PopulateRead,
        23 => Advice::PopulateWrite,
        24 => Advice::DontNeedLocked,
        25 => Advice::Collapse,
        102 => Advice::GuardInstall,
        103 => Advice::GuardRemove,
        other => Advice::Other(Arc::new(format!("MADV_{other}"))),
    }
}

fn call(op: Op, answer: &Answer, state: &State) -> Option<EventKind> {
    let [a, b, c, ..] = op.args;
    let asked = asked(op);
    Some(match op.kind {
        kind::MMAP => {
            let range = rounded(answer.value, b)?;
            EventKind::Map(Map { asked, range, attributes: attributes(op, answer.value, state) })
        }
        kind::MUNMAP => EventKind::Unmap(Unmap { asked, range: rounded(a, b)? }),
        kind::MPROTECT => {
            EventKind::Protect(Protect { asked, range: rounded(a, b)?, protection: protection(c) })
        }
        kind::MREMAP => {
            let to = NewPlace { addr: Addr(op.args[4]), len: c };
            EventKind::Remap(Box::new(Remap {
                asked,
                to,
                old: rounded(a, b),
                new: rounded(answer.value, c)?,
            }))
        }
        kind::MADVISE => EventKind::Advise(Advise { asked, range: rounded(a, b)?, advice: advice(c) }),
        kind::MLOCK => EventKind::Lock(Lock { asked, range: Some(around(a, b)?) }),
        kind::MUNLOCK => EventKind::Unlock(Unlock { asked, range: Some(around(a, b)?) }),
        kind::MLOCKALL => EventKind::Lock(Lock { asked, range: None }),
        kind::MUNLOCKALL => EventKind::Unlock(Unlock { asked, range: None }),
        kind::MSYNC => EventKind::Sync(Sync { asked, range: rounded(a, b)? }),
        _ => return None,
    })
}

fn attached(op: Op, answer: &Answer, state: &State) -> Option<EventKind> {
    let vma = state.vma_at(answer.value)?;
    let dev = format!("{:02x}:{:02x}", vma.dev >> 32, vma.dev & 0xffff_ffff);
    let object = Object { path: "/SYSV00000000 (deleted)".to_owned(), dev, inode: vma.inode };
    let mut attributes =
        Attributes::anonymous(protection(if op.args[1] & 0o10000 != 0 { 1 } else { 3 }), Sharing::Shared);
    attributes.backing = Backing::Shm(Arc::new(object));
    if op.args[1] & 0o10000 != 0 {
        attributes.flags = VmFlags::of(VmFlags::NEVER_WRITABLE);
    }
    let range = rounded(answer.value, super::wire::SHM_PAGES * PAGE.bytes())?;
    // SHM_REMAP takes the place of what is there.
    let flags = CallFlags::of(if op.args[1] & 0o40000 != 0 { CallFlags::MAP_FIXED } else { 0 });
    Some(EventKind::Map(Map { asked: Asked { addr: Addr(op.args[0]), len: 0, flags }, range, attributes }))
}

/// What `shmdt` took: every piece of the segment that was attached there.
pub(crate) fn detached(op: Op, answer: &Answer, space: &AddressSpace) -> Vec<EventKind> {
    if op.kind != kind::SHMDT || answer.errno != 0 {
        return Vec::new();
    }
    let at = Addr(op.args[0]);
    let Some(window) = rounded(at.0, super::wire::SHM_PAGES * PAGE.bytes()) else { return Vec::new() };
    let of_segment = |m: &Mapping| {
        let sysv = m.attributes.backing.object().is_some_and(|o| o.path.starts_with("/SYSV"));
        sysv && m.range.start().0.wrapping_sub(m.attributes.offset) == at.0
            && window.contains(m.range.start())
    };
    let pieces = space.mappings_in(window).filter(of_segment);
    let asked = |range: Range| Asked { addr: range.start(), len: range.bytes(), flags: CallFlags::NONE };
    pieces.map(|m| EventKind::Unmap(Unmap { asked: asked(m.range), range: m.range })).collect()
}

/// What a new mapping is; of its object the maps tell device and number.
fn attributes(op: Op, at: u64, state: &State) -> Attributes {
    let [_, _, bits, flags, fd, offset] = op.args;
    let sharing = if flags & 1 != 0 { Sharing::Shared } else { Sharing::Private };
    let mut attributes = Attributes::anonymous(protection(bits), sharing);
    let path = match (fd, sharing) {
        (1, _) => "/memfd:oracle (deleted)",
        // Opened a second time: another file to the kernel, which never merges the two.
        (2, _) => "/memfd:oracle (deleted, read-only)",
        (3, _) => "/tmp/oracle",
        (_, Sharing::Shared) => "/dev/zero (deleted)",
        _ => return attributes,
    };
    if fd == 2 && sharing == Sharing::Shared {
        attributes.flags = VmFlags::of(VmFlags::NEVER_WRITABLE);
    }
    let Some(vma) = state.vma_at(at) else { return attributes };
    let dev = format!("{:02x}:{:02x}", vma.dev >> 32, vma.dev & 0xffff_ffff);
    let object = Arc::new(Object { path: path.to_owned(), dev, inode: vma.inode });
    attributes.backing = if fd == 3 { Backing::File(object) } else { Backing::Shm(object) };
    attributes.offset = offset;
    attributes
}

fn failed(op: Op, errno: u64) -> EventKind {
    let (call, mut protected, mut advised, mut to) = match op.kind {
        kind::MMAP => ("mmap", Some(protection(op.args[2])), None, None),
        kind::MUNMAP => ("munmap", None, None, None),
        kind::MPROTECT => ("mprotect", Some(protection(op.args[2])), None, None),
        kind::MREMAP => ("mremap", None, None, Some(NewPlace { addr: Addr(op.args[4]), len: op.args[2] })),
        kind::MADVISE => ("madvise", None, Some(advice(op.args[2])), None),
        kind::MLOCK => ("mlock2", None, None, None),
        kind::MUNLOCK => ("munlock", None, None, None),
        kind::MLOCKALL => ("mlockall", None, None, None),
        kind::MUNLOCKALL => ("munlockall", None, None, None),
        _ => ("msync", None, None, None),
    };
    let code = i32::try_from(errno).unwrap_or(0);
    let errno = crate::sys::name(rustix::io::Errno::from_raw_os_error(code));
    EventKind::Failed(Box::new(Failed {
        call: call.to_owned(),
        asked: asked(op),
        protection: protected.take(),
        advice: advised.take(),
        to: to.take(),
        errno,
        message: String::new(),
    }))
}
