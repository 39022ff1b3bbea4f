//! What a call is called by those who call it.

use pagescope_shared::event::{EventKind, Lock, Unlock};

/// The call that an event is about, and whether it failed.
pub(crate) fn call(kind: &EventKind) -> Option<(&str, bool)> {
    let name = match kind {
        EventKind::Map(map) if map.asked.flags.is_empty() => "shmat",
        EventKind::Map(_) => "mmap",
        EventKind::Unmap(_) => "munmap",
        EventKind::Protect(_) => "mprotect",
        EventKind::Remap(_) => "mremap",
        EventKind::Break(_) => "brk",
        EventKind::Advise(_) => "madvise",
        EventKind::Lock(Lock { range: None, .. }) => "mlockall",
        EventKind::Lock(_) => "mlock",
        EventKind::Unlock(Unlock { range: None, .. }) => "munlockall",
        EventKind::Unlock(_) => "munlock",
        EventKind::Sync(_) => "msync",
        EventKind::Failed(failed) => return Some((&failed.call, true)),
        _ => return None,
    };
    Some((name, false))
}
