//! The `PROCMAP_QUERY` ioctl: one mapping of a process. See `include/uapi/linux/fs.h`.

use super::to_u64;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// `struct procmap_query`
#[repr(C)]
#[derive(Debug, Default)]
struct ProcmapQuery {
    size: u64,
    query_flags: u64,
    query_addr: u64,
    vma_start: u64,
    vma_end: u64,
    vma_flags: u64,
    vma_page_size: u64,
    vma_offset: u64,
    inode: u64,
    dev_major: u32,
    dev_minor: u32,
    vma_name_size: u32,
    build_id_size: u32,
    vma_name_addr: u64,
    build_id_addr: u64,
}

const PROCMAP_QUERY: Opcode = opcode::read_write::<ProcmapQuery>(b'f', 17);

/// What is mapped at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappedObject {
    /// As `/proc/PID/maps` shows it; empty when there is none.
    pub(crate) name: Vec<u8>,
    pub(crate) dev: (u32, u32),
    pub(crate) inode: u64,
}

/// Asks for the mapping that holds `addr`, of the process whose `/proc/PID/maps` this is.
///
/// # Errors
/// `ENOTTY` before Linux 6.11; `ENOENT` where nothing is mapped.
pub(crate) fn mapping_at(maps: BorrowedFd<'_>, addr: u64) -> Result<MappedObject, Errno> {
    // PATH_MAX and " (deleted)".
    let mut name = [0u8; 4096 + 16];
    let mut query = ProcmapQuery {
        size: to_u64(size_of::<ProcmapQuery>()),
        query_addr: addr,
        vma_name_size: u32::try_from(name.len()).unwrap_or(0),
        vma_name_addr: to_u64(name.as_mut_ptr().expose_provenance()),
        ..ProcmapQuery::default()
    };
    // SAFETY: the opcode is the one that takes a `procmap_query`, whose layout is the header's; the kernel writes at most
    // `vma_name_size` bytes to `vma_name_addr`, a live array of that many. Other files refuse the opcode.
    unsafe { ioctl(maps, Updater::<PROCMAP_QUERY, ProcmapQuery>::new(&mut query)) }?;
    // With its final zero.
    let len = usize::try_from(query.vma_name_size).unwrap_or(0).saturating_sub(1);
    let name = name.get(..len).unwrap_or_default().to_vec();
    Ok(MappedObject { name, dev: (query.dev_major, query.dev_minor), inode: query.inode })
}
