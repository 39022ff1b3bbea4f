//! An anonymous mapping that its owner may write, read and give back.

use super::to_u64;
use pagescope_shared::addr::{Addr, PageSize, Range};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use std::ptr;

/// Memory from `mmap`, private and anonymous, readable and writable. Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Mapped {
    start: *mut u8,
    /// Bytes, in whole pages: all of them are ours.
    len: usize,
}

impl Mapped {
    /// `mmap(hint, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)`: see mmap(2). Without
    /// `MAP_FIXED` the kernel may choose another address than `hint`, in bytes.
    ///
    /// # Errors
    /// The kernel's, or `EOVERFLOW` when a number does not fit into this machine's addresses.
    pub(crate) fn anonymous(hint: Addr, len: u64, page_size: PageSize) -> Result<Self, Errno> {
        let fits = |bytes: u64| usize::try_from(bytes).map_err(|_| Errno::OVERFLOW);
        let whole = fits(page_size.round_up(len).ok_or(Errno::OVERFLOW)?)?;
        let hint = ptr::without_provenance_mut(fits(hint.0)?);
        // SAFETY: without MAP_FIXED the kernel takes only addresses where nothing is mapped, so no other memory
        // is affected.
        let start = unsafe {
            rustix::mm::mmap_anonymous(
                hint,
                fits(len)?,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }?;
        Ok(Self { start: start.cast(), len: whole })
    }

    /// Where it is, in whole pages. `None` only at the very end of the address space, where Linux maps nothing.
    pub(crate) fn range(&self) -> Option<Range> {
        Range::from_len(Addr(to_u64(self.start.addr())), to_u64(self.len)).ok()
    }

    /// Writes `bytes` from the start on, as many as it has room for; returns how many those were.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.len);
        for (offset, byte) in bytes.iter().take(count).enumerate() {
            // SAFETY: `offset < len`, all of which is mapped writable and reached through `self` alone. Volatile,
            // so that the store is made: the page fault is what we are after.
            unsafe { self.start.add(offset).write_volatile(*byte) };
        }
        count
    }

    /// Reads the first `count` bytes, or as many as there are.
    pub(crate) fn read(&self, count: usize) -> Vec<u8> {
        let byte = |offset| {
            // SAFETY: `offset < len`, all of which is mapped readable, and anonymous memory starts as zeroes, so it
            // is initialised. Volatile, so that memory is read rather than what the compiler remembers.
            unsafe { self.start.add(offset).read_volatile() }
        };
        (0..count.min(self.len)).map(byte).collect()
    }

    /// `munmap(start, len)` with the caller's own length, not rounded here: see munmap(2).
    ///
    /// # Errors
    /// The kernel's. `EINVAL` without asking it when `len` reaches past the mapping: what lies there is not ours.
    pub(crate) fn unmap(self, len: u64) -> Result<(), Errno> {
        let len = usize::try_from(len).ok().filter(|&len| len <= self.len).ok_or(Errno::INVAL)?;
        // SAFETY: the range lies in this mapping, and nothing reaches its memory any more: `self` is consumed.
        unsafe { rustix::mm::munmap(self.start.cast(), len) }?;
        // What the kernel did not take stays mapped. Dropping would unmap by the whole length, and by then another
        // thread may have a mapping in the freed part.
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the whole range is ours and `self` ends here. An error means that it stays mapped: nothing
        // unsound, and nobody is left who could do better.
        let _ = unsafe { rustix::mm::munmap(self.start.cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_its_own() {
        let size = PageSize::try_from(to_u64(rustix::param::page_size())).unwrap();
        let mut mapped = Mapped::anonymous(Addr(0), 100, size).unwrap();
        assert_eq!(mapped.range().map(Range::bytes), Some(size.bytes()));
        let more = vec![7; usize::try_from(size.bytes()).unwrap() + 1];
        assert_eq!(mapped.write(&more), more.len() - 1);
        assert_eq!(mapped.read(usize::MAX), more[1..]);
        assert_eq!(mapped.unmap(size.bytes() + 1), Err(Errno::INVAL));
        assert_eq!(Mapped::anonymous(Addr(0), 0, size).err(), Some(Errno::INVAL));
        assert_eq!(Mapped::anonymous(Addr(0), u64::MAX, size).err(), Some(Errno::OVERFLOW));
    }
}
