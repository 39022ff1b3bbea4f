//! What goes between the test and the process that performs the calls: plain words of 64 bits.

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Op {
    /// See [`kind`].
    pub(crate) kind: u64,
    /// 0: the first process; 1: its child; 2: a vfork child of the first, for this call only; 3: a thread of it.
    pub(crate) who: u64,
    /// In the order of the system call.
    pub(crate) args: [u64; 6],
}

/// Words of an operation.
pub(crate) const OP_WORDS: usize = 8;
/// Words of a result: value, errno, signal, its code.
pub(crate) const RESULT_WORDS: usize = 4;
/// Words of a mapping: start, end, flags, offset, device, inode.
pub(crate) const VMA_WORDS: usize = 6;
/// Words of a region of like pages: start, end, categories.
pub(crate) const REGION_WORDS: usize = 3;
/// Pages of the System V segment.
pub(crate) const SHM_PAGES: u64 = 6;
/// Pages of the memfd.
pub(crate) const MEMFD_PAGES: u64 = 32;

/// `PAGE_IS_*`
pub(crate) const FILE: u64 = 1 << 2;
/// `PAGE_IS_*`
pub(crate) const PRESENT: u64 = 1 << 3;
/// `PAGE_IS_*`
pub(crate) const SWAPPED: u64 = 1 << 4;
/// `PAGE_IS_PFNZERO`
pub(crate) const ZERO: u64 = 1 << 5;
/// `PAGE_IS_*`
pub(crate) const HUGE: u64 = 1 << 6;
/// `PAGE_IS_*`
pub(crate) const GUARD: u64 = 1 << 8;

/// What an operation does.
#[allow(missing_docs)]
pub(crate) mod kind {
    pub(crate) const MMAP: u64 = 0;
    pub(crate) const MUNMAP: u64 = 1;
    pub(crate) const MPROTECT: u64 = 2;
    pub(crate) const MREMAP: u64 = 3;
    pub(crate) const BRK: u64 = 4;
    pub(crate) const MADVISE: u64 = 5;
    pub(crate) const MLOCK: u64 = 6;
    pub(crate) const MUNLOCK: u64 = 7;
    pub(crate) const MLOCKALL: u64 = 8;
    pub(crate) const MUNLOCKALL: u64 = 9;
    pub(crate) const MSYNC: u64 = 10;
    pub(crate) const READ: u64 = 11;
    pub(crate) const WRITE: u64 = 12;
    pub(crate) const FORK: u64 = 13;
    pub(crate) const EXIT_CHILD: u64 = 14;
    pub(crate) const LOOK: u64 = 15;
    pub(crate) const SHMAT: u64 = 16;
    pub(crate) const SHMDT: u64 = 17;
}

impl Op {
    pub(crate) fn words(self) -> [u64; OP_WORDS] {
        let [a, b, c, d, e, f] = self.args;
        [self.kind, self.who, a, b, c, d, e, f]
    }
    pub(crate) fn from_words([kind, who, a, b, c, d, e, f]: [u64; OP_WORDS]) -> Self {
        Self { kind, who, args: [a, b, c, d, e, f] }
    }
}
