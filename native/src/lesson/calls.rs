//! Memory calls that are performed, checked against `/proc/self/maps` where a success could mean several things, and
//! recorded whether they succeed or fail.

use super::stage::Stage;
use crate::proc::own_mappings;
use crate::sys::{self, Mapped};
use anyhow::{Context, Result, anyhow, bail};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{Access, AccessType, Asked, EventKind, Failed, Map, Unmap};
use pagescope_shared::mapping::{Attributes, Mapping, Protection, Sharing};
use pagescope_shared::names::CallFlags;

impl Stage<'_> {
    /// `mmap` of `len` bytes of private anonymous memory, near `hint` if the kernel likes.
    pub(super) fn mmap_anonymous(&mut self, hint: Addr, len: u64) -> Result<(Mapped, Mapping)> {
        let flags = CallFlags::of(CallFlags::MAP_PRIVATE | CallFlags::MAP_ANONYMOUS);
        let asked = Asked { addr: hint, len, flags };
        let mapped = match Mapped::anonymous(hint, len, self.page_size()) {
            Ok(mapped) => mapped,
            Err(errno) => {
                let advice = "the machine is short of memory, or a limit (`ulimit -v`, a container's, a seccomp \
                              filter) forbids it: run the lesson where there is room";
                return Err(self.failed("mmap", asked, errno, advice)?);
            }
        };
        let range = mapped.range().context("mmap gave memory at the very end of the address space")?;
        let protection = Protection { read: true, write: true, execute: false };
        let attributes = Attributes::anonymous(protection, Sharing::Private);
        self.emit(EventKind::Map(Map { asked, range, attributes: attributes.clone() }))?;
        Ok((mapped, Mapping { range, attributes }))
    }

    /// Writes `bytes` to the start of the mapping.
    pub(super) fn write(&mut self, mapped: &mut Mapped, at: Addr, bytes: &[u8]) -> Result<()> {
        let count = mapped.write(bytes);
        let bytes = bytes.iter().take(count).copied().collect();
        let access = Access { access: AccessType::Write, addr: at, bytes };
        self.emit(EventKind::Access(Box::new(access)))
    }

    /// Reads the first `count` bytes of the mapping.
    pub(super) fn read(&mut self, mapped: &Mapped, at: Addr, count: usize) -> Result<Vec<u8>> {
        let bytes = mapped.read(count);
        let access = Access { access: AccessType::Read, addr: at, bytes: bytes.clone() };
        self.emit(EventKind::Access(Box::new(access)))?;
        Ok(bytes)
    }

    /// `munmap` of `len` bytes from the start of `mapping`. What went is not computed but read from
    /// `/proc/self/maps`.
    pub(super) fn munmap(&mut self, mapped: Mapped, mapping: &Mapping, len: u64) -> Result<Range> {
        let asked = Asked { addr: mapping.range.start(), len, flags: CallFlags::NONE };
        let before = own_mappings()?;
        if let Err(errno) = mapped.unmap(len) {
            let advice =
                "nothing was unmapped: a seccomp filter or another security policy may forbid the call";
            return Err(self.failed("munmap", asked, errno, advice)?);
        }
        let after = own_mappings()?;
        let Some(range) = difference(&before, &after, mapping.range) else {
            bail!(
                "munmap of {len} bytes at {} reported success, but /proc/self/maps still shows all of {}",
                asked.addr,
                mapping.range
            );
        };
        self.emit(EventKind::Unmap(Unmap { asked, range }))?;
        Ok(range)
    }

    /// Records a failed call; returns the error to end the lesson with.
    fn failed(
        &mut self,
        call: &str,
        asked: Asked,
        errno: rustix::io::Errno,
        advice: &str,
    ) -> Result<anyhow::Error> {
        let (name, message) = (sys::name(errno), sys::description(errno));
        let error = anyhow!(
            "the kernel refused {call} of {} bytes at {}: {name} ({message}); {advice}",
            asked.len,
            asked.addr
        );
        let failed = Failed {
            call: call.to_owned(),
            asked,
            protection: None,
            advice: None,
            to: None,
            errno: name,
            message,
        };
        self.emit(EventKind::Failed(Box::new(failed)))?;
        Ok(error)
    }
}

/// What of `within` was mapped before and is not after: from the first such address to the last, which is all of it,
/// since what a call takes hangs together.
fn difference(before: &[Mapping], after: &[Mapping], within: Range) -> Option<Range> {
    let covered = |mappings: &[Mapping]| -> Vec<Range> {
        mappings.iter().filter_map(|m| m.range.intersection(within)).collect()
    };
    let mut gone = covered(before);
    for kept in covered(after) {
        gone = gone.into_iter().flat_map(|range| without(range, kept)).collect();
    }
    Range::new(gone.first()?.start(), gone.last()?.end()).ok()
}

/// The parts of `range` before and after `hole`.
pub(super) fn without(range: Range, hole: Range) -> impl Iterator<Item = Range> {
    let before = Range::new(range.start(), range.end().min(hole.start()));
    let after = Range::new(range.start().max(hole.end()), range.end());
    [before, after].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, end: u64) -> Range {
        Range::new(Addr(start), Addr(end)).unwrap()
    }

    #[test]
    fn what_went() {
        let mapping = |(start, end)| {
            let attributes = Attributes::anonymous(Protection::default(), Sharing::Private);
            Mapping { range: range(start, end), attributes }
        };
        let before: Vec<_> = [(1, 3), (5, 20), (30, 40)].map(mapping).into();
        for (after, expected) in [
            (vec![(1, 3), (5, 20), (30, 40)], None),
            (vec![(1, 3), (30, 40)], Some((10, 15))),
            (vec![(5, 12)], Some((12, 15))),
            (vec![(5, 11), (13, 20)], Some((11, 13))),
        ] {
            let after: Vec<_> = after.into_iter().map(mapping).collect();
            let expected = expected.map(|(start, end)| range(start, end));
            assert_eq!(difference(&before, &after, range(10, 15)), expected);
        }
    }
}
