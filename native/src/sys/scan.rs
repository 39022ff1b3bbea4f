//! The `PAGEMAP_SCAN` ioctl: see ioctl_pagemap_scan(2) and `include/uapi/linux/fs.h`.

use super::to_u64;
use pagescope_shared::addr::{Addr, Range};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// What is true of all pages of a region: `PAGE_IS_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Categories(u64);

impl Categories {
    /// `PAGE_IS_FILE`: of a file or of shared memory, not anonymous.
    pub(crate) const FILE: Self = Self(1 << 2);
    /// `PAGE_IS_PRESENT`
    pub(crate) const PRESENT: Self = Self(1 << 3);
    /// `PAGE_IS_SWAPPED`: the entry is there, but holds no frame.
    pub(crate) const SWAPPED: Self = Self(1 << 4);
    /// `PAGE_IS_PFNZERO`: the shared page of zeroes.
    pub(crate) const PFNZERO: Self = Self(1 << 5);
    /// `PAGE_IS_HUGE`: mapped by one entry of a higher table.
    pub(crate) const HUGE: Self = Self(1 << 6);
    /// `PAGE_IS_GUARD` (Linux 6.15): a guard marker, which is reported as swapped too.
    pub(crate) const GUARD: Self = Self(1 << 8);

    const SINCE_6_7: u64 = Self::FILE.0 | Self::PRESENT.0 | Self::SWAPPED.0 | Self::PFNZERO.0 | Self::HUGE.0;

    /// Whether all of `these` are set.
    pub(crate) fn has(self, these: Self) -> bool {
        self.0 & these.0 == these.0
    }
}

/// `struct page_region`: neighbouring pages with the same categories.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct pm_scan_arg`
#[repr(C)]
#[derive(Debug, Default)]
struct PmScanArg {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

const PAGEMAP_SCAN: Opcode = opcode::read_write::<PmScanArg>(b'f', 16);

/// Pages of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) range: Range,
    pub(crate) categories: Categories,
}

/// The regions of `range` that have a page-table entry, by address. What lies between them has none.
///
/// # Errors
/// `ENOTTY` before Linux 6.7; `EPERM` and others by the machine's policy.
pub(crate) fn pagemap_scan(pagemap: BorrowedFd<'_>, range: Range) -> Result<Vec<Region>, Errno> {
    match scan(pagemap, range, Categories::SINCE_6_7 | Categories::GUARD.0) {
        // A kernel that does not know a category refuses the whole call.
        Err(Errno::INVAL) => scan(pagemap, range, Categories::SINCE_6_7),
        other => other,
    }
}

fn scan(pagemap: BorrowedFd<'_>, range: Range, return_mask: u64) -> Result<Vec<Region>, Errno> {
    let mut found = Vec::new();
    let mut buffer = [PageRegion { start: 0, end: 0, categories: 0 }; 256];
    let mut start = range.start().0;
    while start < range.end().0 {
        let mut arg = PmScanArg {
            size: to_u64(size_of::<PmScanArg>()),
            start,
            end: range.end().0,
            vec: to_u64(buffer.as_mut_ptr().expose_provenance()),
            vec_len: to_u64(buffer.len()),
            category_anyof_mask: Categories::PRESENT.0 | Categories::SWAPPED.0,
            return_mask,
            ..PmScanArg::default()
        };
        // SAFETY: the opcode is the one that takes a `pm_scan_arg`, whose layout is the header's. The kernel writes
        // at most `vec_len` regions to `vec`, which is a live array of that many, and on the descriptor of any other
        // file it refuses the opcode.
        let count = unsafe { ioctl(pagemap, Scan(Updater::<PAGEMAP_SCAN, PmScanArg>::new(&mut arg))) }?;
        for region in buffer.iter().take(count) {
            if let Ok(range) = Range::new(Addr(region.start), Addr(region.end)) {
                found.push(Region { range, categories: Categories(region.categories) });
            }
        }
        // No progress would be for ever.
        if arg.walk_end <= start {
            return Err(Errno::IO);
        }
        start = arg.walk_end;
    }
    Ok(found)
}

/// An [`Updater`] that also gives what the ioctl returned: the number of regions.
struct Scan<'a>(Updater<'a, PAGEMAP_SCAN, PmScanArg>);

// SAFETY: all but the output is the `Updater`'s, and the output is a plain number, never negative on success.
unsafe impl rustix::ioctl::Ioctl for Scan<'_> {
    type Output = usize;
    const IS_MUTATING: bool = true;
    fn opcode(&self) -> Opcode {
        self.0.opcode()
    }
    fn as_ptr(&mut self) -> *mut rustix::ffi::c_void {
        self.0.as_ptr()
    }
    unsafe fn output_from_ptr(
        output: rustix::ioctl::IoctlOutput,
        _: *mut rustix::ffi::c_void,
    ) -> rustix::io::Result<usize> {
        usize::try_from(output).map_err(|_| Errno::INVAL)
    }
}
