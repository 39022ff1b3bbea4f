//! `/proc/PID/pagemap` and `/proc/kpageflags`: see Documentation/admin-guide/mm/pagemap.rst.

use crate::sys::Categories;
use pagescope_shared::addr::{Addr, Frame, PageSize, Range};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// One page's 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry(pub(crate) u64);

impl Entry {
    /// What the entry of a page with these categories says, as far as they say it.
    pub(crate) fn of(categories: Categories) -> Self {
        let bits = [
            (Categories::PRESENT, 63),
            (Categories::SWAPPED, 62),
            (Categories::FILE, 61),
            (Categories::GUARD, 58),
        ];
        Self(bits.iter().filter(|(c, _)| categories.has(*c)).fold(0, |sum, (_, bit)| sum | 1 << bit))
    }
    fn bit(self, bit: u32) -> bool {
        self.0 >> bit & 1 == 1
    }
    /// A frame stands behind it.
    pub(crate) fn present(self) -> bool {
        self.bit(63)
    }
    /// Swapped out, or another entry without a frame.
    pub(crate) fn swapped(self) -> bool {
        self.bit(62)
    }
    /// Of a file or of shared memory.
    pub(crate) fn file(self) -> bool {
        self.bit(61)
    }
    /// A guard marker (Linux 6.15), which is reported as swapped too.
    pub(crate) fn guard(self) -> bool {
        self.bit(58)
    }
    /// No other page-table entry maps the frame. Never set for the page of zeroes.
    pub(crate) fn exclusive(self) -> bool {
        self.bit(56)
    }
    /// The frame; `None` without CAP_SYS_ADMIN, to which alone the kernel shows it.
    pub(crate) fn frame(self) -> Option<Frame> {
        let number = self.0 & ((1 << 55) - 1);
        (self.present() && number != 0).then_some(Frame(number))
    }
}

/// Reads the entries of `range`, by page. Fewer come where the pagemap ends before the range does.
pub(crate) fn read_entries(pagemap: &File, range: Range, size: PageSize) -> io::Result<Vec<Entry>> {
    let pages = size.pages_in(range);
    let wanted = usize::try_from(pages.saturating_mul(8)).map_err(io::Error::other)?;
    let mut bytes = vec![0; wanted];
    let mut filled = 0;
    let first = size.page_of(range.start()).saturating_mul(8);
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match pagemap.read_at(rest, first.saturating_add(crate::sys::to_u64(filled))) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(filled);
    Ok(bytes.as_chunks().0.iter().map(|&entry| Entry(u64::from_ne_bytes(entry))).collect())
}

/// Whether the kernel shows frame numbers to us: asked of a page that is there for sure.
pub(crate) fn shows_frames(pagemap: &File, size: PageSize) -> bool {
    let on_the_stack = Addr(crate::sys::to_u64(std::ptr::from_ref(&size).addr()));
    let entry = Range::from_len(on_the_stack, 1).ok().and_then(|r| read_entries(pagemap, r, size).ok());
    entry.and_then(|e| e.first()?.frame()).is_some()
}

/// A frame's flags: `KPF_*` of `include/uapi/linux/kernel-page-flags.h`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameFlags(pub(crate) u64);

impl FrameFlags {
    /// Reads those of `frame`. `None` where the kernel does not say.
    pub(crate) fn read(kpageflags: &File, frame: Frame) -> Option<Self> {
        let mut bytes = [0; 8];
        kpageflags.read_exact_at(&mut bytes, frame.0.checked_mul(8)?).ok()?;
        Some(Self(u64::from_ne_bytes(bytes)))
    }
    /// `KPF_DIRTY`: not yet stored.
    pub(crate) fn dirty(self) -> bool {
        self.0 >> 4 & 1 == 1
    }
    /// `KPF_SWAPBACKED`: anonymous or of a file system in memory.
    pub(crate) fn swap_backed(self) -> bool {
        self.0 >> 14 & 1 == 1
    }
    /// `KPF_ZERO_PAGE`
    pub(crate) fn zero(self) -> bool {
        self.0 >> 24 & 1 == 1
    }
}
