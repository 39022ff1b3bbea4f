//! What the kernel answered.

use super::wire::{self, Op};
use crate::sys::ARENA;

/// What a call returned, and the state of both processes after it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) value: u64,
    pub(crate) errno: u64,
    pub(crate) signal: u64,
    pub(crate) code: u64,
    /// The first process, and its child while there is one.
    pub(crate) states: Vec<State>,
}

/// One process's part of the arena and of the heap.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) vmas: Vec<Vma>,
    regions: Vec<[u64; 3]>,
    pagemap: Vec<u64>,
}

/// One mapping as the kernel tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vma {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// 1 readable, 2 writable, 4 executable, 8 shared.
    pub(crate) flags: u64,
    pub(crate) offset: u64,
    pub(crate) dev: u64,
    pub(crate) inode: u64,
}

impl Vma {
    pub(crate) fn is_anonymous(&self) -> bool {
        (self.dev, self.inode) == (0, 0)
    }
}

impl Answer {
    /// From the words of the performer; `None` when they make no sense.
    pub(crate) fn read(words: &[u64], arena_pages: usize) -> Option<Self> {
        let (&[value, errno, signal, code], mut rest) = words.split_first_chunk::<4>()?;
        let mut answer = Self { value, errno, signal, code, states: Vec::new() };
        while !rest.is_empty() {
            let (&[vmas, regions], after) = rest.split_first_chunk::<2>()?;
            let (vma_words, after) = after.split_at_checked(usize::try_from(vmas).ok()? * wire::VMA_WORDS)?;
            let (region_words, after) =
                after.split_at_checked(usize::try_from(regions).ok()? * wire::REGION_WORDS)?;
            let (pagemap, after) = after.split_at_checked(arena_pages)?;
            let vmas = vma_words.as_chunks::<{ wire::VMA_WORDS }>().0.iter();
            answer.states.push(State {
                vmas: vmas
                    .map(|&[start, end, flags, offset, dev, inode]| Vma {
                        start,
                        end,
                        flags,
                        offset,
                        dev,
                        inode,
                    })
                    .collect(),
                regions: region_words.as_chunks().0.to_vec(),
                pagemap: pagemap.to_vec(),
            });
            rest = after;
        }
        Some(answer)
    }
}

impl State {
    /// What `PAGEMAP_SCAN` says of the page at `addr`.
    pub(crate) fn categories(&self, addr: u64) -> u64 {
        let next = self.regions.partition_point(|r| r[1] <= addr);
        self.regions.get(next).filter(|r| r[0] <= addr).map_or(0, |r| r[2])
    }

    /// Whether the page's frame is mapped once only. `None` outside the arena, and inside of a huge page: since Linux
    /// 6.15 `pagemap_pmd_range` says of all its pages what is true of the first.
    pub(crate) fn exclusive(&self, addr: u64) -> Option<bool> {
        let inside = !addr.is_multiple_of(512 * 4096) && self.categories(addr) & wire::HUGE != 0;
        let page = usize::try_from(addr.checked_sub(ARENA)? / 4096).ok().filter(|_| !inside)?;
        self.pagemap.get(page).map(|entry| entry >> 56 & 1 == 1)
    }

    pub(crate) fn vma_at(&self, addr: u64) -> Option<&Vma> {
        self.vmas.iter().find(|v| v.start <= addr && addr < v.end)
    }
}

/// A call as strace writes it.
pub(crate) fn strace(op: Op, answer: Option<&Answer>) -> String {
    const NAMES: [&str; 18] = [
        "mmap",
        "munmap",
        "mprotect",
        "mremap",
        "brk+",
        "madvise",
        "mlock2",
        "munlock",
        "mlockall",
        "munlockall",
        "msync",
        "read",
        "write",
        "fork",
        "exit-child",
        "look",
        "shmat",
        "shmdt",
    ];
    let name = usize::try_from(op.kind).ok().and_then(|k| NAMES.get(k)).unwrap_or(&"?");
    let args: Vec<String> = op.args.iter().map(|a| format!("{a:#x}")).collect();
    let who = ["", "[child] ", "[vfork] ", "[thread] "][usize::try_from(op.who.min(3)).unwrap_or(0)];
    let result = answer.map_or(String::new(), |a| match (a.errno, a.signal) {
        (0, 0) => format!(" = {:#x}", a.value),
        (0, signal) => format!(" = signal {signal} code {}", a.code),
        (errno, _) => format!(" = errno {errno}"),
    });
    format!("{who}{name}({}){result}", args.join(", "))
}
