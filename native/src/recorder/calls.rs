//! System calls, with what they were asked and what they returned, as events.

use crate::sys::name;
use crate::sys::trace::Call;
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{
    Advice, Advise, Asked, Break, EventKind, Failed, Lock, Map, NewPlace, Protect, Remap, Sync, Unlock, Unmap,
};
use pagescope_shared::mapping::{Attributes, Backing, Protection, Sharing};
use pagescope_shared::names::CallFlags;
use std::sync::Arc;

/// A call about memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Mmap,
    Munmap,
    Mprotect,
    PkeyMprotect,
    Mremap,
    Brk,
    Madvise,
    Mlock,
    Mlock2,
    Munlock,
    Mlockall,
    Munlockall,
    Msync,
    Shmat,
    Shmdt,
}

const CALLS: &[(i64, Which, &str)] = &[
    (libc::SYS_mmap, Which::Mmap, "mmap"),
    (libc::SYS_munmap, Which::Munmap, "munmap"),
    (libc::SYS_mprotect, Which::Mprotect, "mprotect"),
    (libc::SYS_pkey_mprotect, Which::PkeyMprotect, "pkey_mprotect"),
    (libc::SYS_mremap, Which::Mremap, "mremap"),
    (libc::SYS_brk, Which::Brk, "brk"),
    (libc::SYS_madvise, Which::Madvise, "madvise"),
    (libc::SYS_mlock, Which::Mlock, "mlock"),
    (libc::SYS_mlock2, Which::Mlock2, "mlock2"),
    (libc::SYS_munlock, Which::Munlock, "munlock"),
    (libc::SYS_mlockall, Which::Mlockall, "mlockall"),
    (libc::SYS_munlockall, Which::Munlockall, "munlockall"),
    (libc::SYS_msync, Which::Msync, "msync"),
    (libc::SYS_shmat, Which::Shmat, "shmat"),
    (libc::SYS_shmdt, Which::Shmdt, "shmdt"),
];

/// The numbers of all calls that are recorded.
pub(super) fn numbers() -> impl Iterator<Item = i64> {
    CALLS.iter().map(|(number, ..)| *number).chain(EXECS).chain(PLACES)
}

/// Seen for the moment at which they begin: what the kernel touches from then on is the new program's.
const EXECS: [i64; 2] = [libc::SYS_execve, libc::SYS_execveat];

/// Where a thread may run: it is to hear what it would hear without us.
const PLACES: [i64; 2] = [libc::SYS_sched_getaffinity, libc::SYS_sched_setaffinity];

/// Whether a call asks or says where a thread may run, and whether it says so.
pub(super) fn is_about_place(call: Call) -> Option<bool> {
    let number = i64::try_from(call.number).ok()?;
    PLACES.contains(&number).then_some(number == libc::SYS_sched_setaffinity)
}

/// Whether a call makes another program of its process.
pub(super) fn is_exec(call: Call) -> bool {
    i64::try_from(call.number).is_ok_and(|number| EXECS.contains(&number))
}

/// Whether a call makes events, or is needed to understand others.
pub(super) fn is_recorded(number: i64) -> bool {
    !PLACES.contains(&number)
}

/// Whether a call is one of those that stop the program.
pub(super) fn is_ours(call: Call) -> bool {
    i64::try_from(call.number).is_ok_and(|number| numbers().any(|known| known == number))
}

/// Whose pages a call, if it succeeds, takes away: there they can be seen for the last time. `brk` is the end of the
/// heap.
pub(super) fn takes_away(call: Call, brk: u64, size: PageSize) -> Option<Range> {
    let number = i64::try_from(call.number).ok()?;
    if is_exec(call) {
        return Range::new(Addr(0), Addr(u64::MAX)).ok();
    }
    let (_, which, _) = CALLS.iter().find(|(known, ..)| *known == number)?;
    let [a, b, c, d, ..] = call.args;
    let (start, len) = match which {
        Which::Munmap => (a, b),
        Which::Mmap if mmap_flags(d).has(CallFlags::MAP_FIXED) => (a, b),
        Which::Mremap if c < b => (a.checked_add(size.round_up(c)?)?, b - c),
        Which::Brk => (size.round_up(a)?, brk.checked_sub(a)?),
        Which::Madvise if matches!(advice(c), Advice::DontNeed | Advice::Remove | Advice::DontNeedLocked) => {
            (a, b)
        }
        _ => return None,
    };
    if start % size.bytes() != 0 {
        return None;
    }
    Range::from_len(Addr(start), size.round_up(len)?).ok()
}

/// The number here of a call about memory, by its name.
pub(crate) fn number(name: &str) -> Option<u64> {
    let found = CALLS.iter().find(|(.., known)| *known == name);
    found.and_then(|(number, ..)| u64::try_from(*number).ok())
}

/// What a call did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    Event(EventKind),
    /// The segment at this address is no longer there: the mappings say what that was.
    Detached(Addr),
}

/// What a call needs to know of its process.
pub(crate) trait Memory {
    /// Bytes a page.
    fn page_size(&self) -> PageSize;
    /// The end of the heap before this call; returns it and notes the new one.
    fn replace_break(&mut self, new: u64) -> u64;
    /// What stands behind the mapping at `addr` now.
    fn backing(&mut self, addr: u64) -> Option<Backing>;
    /// What is mapped at `addr` now, whole.
    fn range(&mut self, addr: u64) -> Option<(Range, Attributes)>;
}

/// What a call did; none when it is not about memory or says nothing.
pub(crate) fn effect(call: Call, result: Result<u64, i32>, memory: &mut dyn Memory) -> Option<Effect> {
    let number = i64::try_from(call.number).ok()?;
    let (_, which, name) = CALLS.iter().find(|(known, ..)| *known == number)?;
    match (which, result) {
        (Which::Shmdt, Ok(_)) => Some(Effect::Detached(Addr(call.args[0]))),
        (_, Ok(value)) => succeeded(*which, call.args, value, memory).map(Effect::Event),
        // Restarted after a signal: it will come again.
        (_, Err(512..=530)) => None,
        (_, Err(code)) => Some(Effect::Event(failed(*which, name, call.args, code))),
    }
}

fn succeeded(which: Which, args: [u64; 6], value: u64, memory: &mut dyn Memory) -> Option<EventKind> {
    let size = memory.page_size();
    let [a, b, c, ..] = args;
    let asked = asked(which, args);
    let whole = |addr: u64, len: u64| Range::from_len(Addr(addr), size.round_up(len)?).ok();
    Some(match which {
        Which::Mmap => {
            let range = whole(value, b)?;
            EventKind::Map(Map { asked, range, attributes: attributes(args, value, memory) })
        }
        Which::Shmat => {
            let (range, attributes) = memory.range(value)?;
            EventKind::Map(Map { asked, range, attributes })
        }
        Which::Munmap => EventKind::Unmap(Unmap { asked, range: whole(a, b)? }),
        Which::Mprotect | Which::PkeyMprotect => {
            EventKind::Protect(Protect { asked, range: whole(a, b)?, protection: protection(c) })
        }
        Which::Mremap => {
            let to = NewPlace { addr: Addr(args[4]), len: c };
            EventKind::Remap(Box::new(Remap { asked, to, old: whole(a, b), new: whole(value, c)? }))
        }
        Which::Brk => {
            let old = memory.replace_break(value);
            EventKind::Break(Break { asked: Addr(a), old: Addr(old), new: Addr(value) })
        }
        Which::Madvise => EventKind::Advise(Advise { asked, range: whole(a, b)?, advice: advice(c) }),
        Which::Mlock | Which::Mlock2 => EventKind::Lock(Lock { asked, range: Some(around(a, b, size)?) }),
        Which::Munlock => EventKind::Unlock(Unlock { asked, range: Some(around(a, b, size)?) }),
        Which::Mlockall => EventKind::Lock(Lock { asked, range: None }),
        Which::Munlockall => EventKind::Unlock(Unlock { asked, range: None }),
        Which::Msync => EventKind::Sync(Sync { asked, range: whole(a, b)? }),
        Which::Shmdt => return None,
    })
}

/// From the page of the first byte to that of the last: what mlock takes.
fn around(addr: u64, len: u64, size: PageSize) -> Option<Range> {
    let start = addr - addr % size.bytes();
    Range::from_len(Addr(start), size.round_up(len.checked_add(addr - start)?)?).ok()
}

fn protection(bits: u64) -> Protection {
    Protection { read: bits & 1 != 0, write: bits & 2 != 0, execute: bits & 4 != 0 }
}

fn asked(which: Which, args: [u64; 6]) -> Asked {
    let [a, b, c, d, ..] = args;
    let flags = match which {
        Which::Mmap => mmap_flags(d),
        Which::Mremap => named(
            d,
            &[(1, CallFlags::MREMAP_MAYMOVE), (2, CallFlags::MREMAP_FIXED), (4, CallFlags::MREMAP_DONTUNMAP)],
        ),
        Which::Mprotect | Which::PkeyMprotect => {
            named(c, &[(0x0100_0000, CallFlags::PROT_GROWSDOWN), (0x0200_0000, CallFlags::PROT_GROWSUP)])
        }
        Which::Mlock2 => named(c, &[(1, CallFlags::MLOCK_ONFAULT)]),
        Which::Msync => {
            named(c, &[(1, CallFlags::MS_ASYNC), (2, CallFlags::MS_INVALIDATE), (4, CallFlags::MS_SYNC)])
        }
        Which::Mlockall => {
            named(a, &[(1, CallFlags::MCL_CURRENT), (2, CallFlags::MCL_FUTURE), (4, CallFlags::MCL_ONFAULT)])
        }
        // SHM_REMAP takes the place of what is there.
        Which::Shmat => named(c, &[(0o40000, CallFlags::MAP_FIXED)]),
        _ => CallFlags::NONE,
    };
    match which {
        Which::Mlockall | Which::Munlockall => Asked { addr: Addr(0), len: 0, flags },
        Which::Shmat => Asked { addr: Addr(b), len: 0, flags },
        _ => Asked { addr: Addr(a), len: b, flags },
    }
}

fn named(bits: u64, names: &[(u64, u64)]) -> CallFlags {
    CallFlags::of(names.iter().filter(|(bit, _)| bits & bit != 0).fold(0, |sum, (_, flag)| sum | flag))
}

fn mmap_flags(bits: u64) -> CallFlags {
    let sort = match bits & 0xf {
        1 => CallFlags::MAP_SHARED,
        2 => CallFlags::MAP_PRIVATE,
        3 => CallFlags::MAP_SHARED_VALIDATE,
        8 => CallFlags::MAP_DROPPABLE,
        _ => 0,
    };
    let flags = named(
        bits,
        &[
            (0x10, CallFlags::MAP_FIXED),
            (0x20, CallFlags::MAP_ANONYMOUS),
            #[cfg(target_arch = "x86_64")]
            (0x40, CallFlags::MAP_32BIT),
            (0x100, CallFlags::MAP_GROWSDOWN),
            (0x800, CallFlags::MAP_DENYWRITE),
            (0x1000, CallFlags::MAP_EXECUTABLE),
            (0x2000, CallFlags::MAP_LOCKED),
            (0x4000, CallFlags::MAP_NORESERVE),
            (0x8000, CallFlags::MAP_POPULATE),
            (0x1_0000, CallFlags::MAP_NONBLOCK),
            (0x2_0000, CallFlags::MAP_STACK),
            (0x4_0000, CallFlags::MAP_HUGETLB),
            (0x8_0000, CallFlags::MAP_SYNC),
            (0x10_0000, CallFlags::MAP_FIXED_NOREPLACE),
            (0x400_0000, CallFlags::MAP_UNINITIALIZED),
        ],
    );
    flags.with(sort)
}

/// In the order of their numbers, from 0 on.
const ADVICE: [Option<Advice>; 26] = [
    Some(Advice::Normal),
    Some(Advice::Random),
    Some(Advice::Sequential),
    Some(Advice::WillNeed),
    Some(Advice::DontNeed),
    None,
    None,
    None,
    Some(Advice::Free),
    Some(Advice::Remove),
    Some(Advice::DontFork),
    Some(Advice::DoFork),
    Some(Advice::Mergeable),
    Some(Advice::Unmergeable),
    Some(Advice::HugePage),
    Some(Advice::NoHugePage),
    Some(Advice::DontDump),
    Some(Advice::DoDump),
    Some(Advice::WipeOnFork),
    Some(Advice::KeepOnFork),
    Some(Advice::Cold),
    Some(Advice::PageOut),
    Some(Advice::PopulateRead),
    Some(Advice::PopulateWrite),
    Some(Advice::DontNeedLocked),
    Some(Advice::Collapse),
];

fn advice(number: u64) -> Advice {
    let low = usize::try_from(number).ok().and_then(|at| ADVICE.get(at)).cloned().flatten();
    low.unwrap_or_else(|| match number {
        100 => Advice::HwPoison,
        102 => Advice::GuardInstall,
        103 => Advice::GuardRemove,
        other => Advice::Other(Arc::new(format!("MADV_{other}"))),
    })
}

/// The number of an advice that has a name.
pub(crate) fn advice_number(of: &Advice) -> Option<u64> {
    (0..=103).find(|number| !matches!(advice(*number), Advice::Other(_)) && advice(*number) == *of)
}

/// What a new mapping is: what was asked, and what the kernel says of a file.
fn attributes(args: [u64; 6], at: u64, memory: &mut dyn Memory) -> Attributes {
    let [_, _, bits, flags, _, offset] = args;
    let flags = mmap_flags(flags);
    let shared = flags.has(CallFlags::MAP_SHARED | CallFlags::MAP_SHARED_VALIDATE);
    let sharing = if shared { Sharing::Shared } else { Sharing::Private };
    let mut attributes = Attributes::anonymous(protection(bits), sharing);
    // Private anonymous memory is what it is; everything else has an object.
    if (!flags.has(CallFlags::MAP_ANONYMOUS) || shared || flags.has(CallFlags::MAP_HUGETLB))
        && let Some(backing) = memory.backing(at)
    {
        attributes.backing = backing;
        attributes.offset = if flags.has(CallFlags::MAP_ANONYMOUS) { 0 } else { offset };
    }
    attributes
}

fn failed(which: Which, call: &str, args: [u64; 6], code: i32) -> EventKind {
    let protection = matches!(which, Which::Mmap | Which::Mprotect | Which::PkeyMprotect);
    let to = NewPlace { addr: Addr(args[4]), len: args[2] };
    let errno = rustix::io::Errno::from_raw_os_error(code);
    EventKind::Failed(Box::new(Failed {
        call: call.to_owned(),
        asked: asked(which, args),
        protection: protection.then(|| self::protection(args[2])),
        advice: (which == Which::Madvise).then(|| advice(args[2])),
        to: (which == Which::Mremap).then_some(to),
        errno: name(errno),
        message: crate::sys::description(errno),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's numbers, as in its asm/unistd_64.h and asm-generic/unistd.h (which is arm64's).
    #[test]
    fn numbers_are_the_kernels() {
        let rows: [(&str, i64, i64); 19] = [
            ("mmap", 9, 222),
            ("munmap", 11, 215),
            ("mprotect", 10, 226),
            ("pkey_mprotect", 329, 288),
            ("mremap", 25, 216),
            ("brk", 12, 214),
            ("madvise", 28, 233),
            ("mlock", 149, 228),
            ("mlock2", 325, 284),
            ("munlock", 150, 229),
            ("mlockall", 151, 230),
            ("munlockall", 152, 231),
            ("msync", 26, 227),
            ("shmat", 30, 196),
            ("shmdt", 67, 197),
            ("execve", 59, 221),
            ("execveat", 322, 281),
            ("sched_getaffinity", 204, 123),
            ("sched_setaffinity", 203, 122),
        ];
        let here = |row: &(&str, i64, i64)| if cfg!(target_arch = "aarch64") { row.2 } else { row.1 };
        let expected: Vec<i64> = rows.iter().map(here).collect();
        assert_eq!(numbers().collect::<Vec<_>>(), expected);
        for (row, (number, _, name)) in rows.iter().zip(CALLS) {
            assert_eq!((row.0, here(row)), (*name, *number));
        }
    }
}
