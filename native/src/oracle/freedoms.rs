//! Where the kernel may do otherwise than the model, and how far: docs/model.md, "Where the kernel is free".

use super::compare::same;
use super::events::{Context, PIDS, touched_addr};
use super::state::{Answer, Vma};
use super::wire::{FILE, HUGE, Op, PRESENT, SHM_PAGES, SWAPPED, ZERO, kind};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{EventKind, ForkMemory};
use pagescope_shared::mapping::{Backing, Mapping};
use pagescope_shared::model::{Change, PageChange};
use pagescope_shared::page::{Page, PageFlags, PageState};
use std::collections::{BTreeMap, BTreeSet};

const PAGE: u64 = 4096;
/// What a read fault of a file may bring along: `fault_around_bytes`.
const FAULT_AROUND: u64 = 16 * PAGE;
/// What one huge page fills, and no folio of a file is larger.
const BLOCK: u64 = 512 * PAGE;

const FREE: u64 = 8;
const REMOVE: u64 = 9;
const HUGE_PAGE: u64 = 14;
const COLD: u64 = 20;
const PAGE_OUT: u64 = 21;
const POPULATE_READ: u64 = 22;
const POPULATE_WRITE: u64 = 23;
const COLLAPSE: u64 = 25;

/// How often each freedom was taken.
pub(crate) type Freedoms = BTreeMap<&'static str, u64>;

/// What happened in this sequence, as far as it lets the kernel do other things later on.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// Files and shared memory may have huge folios.
    collapsed: bool,
    /// Anonymous memory may have huge folios, mapped page by page or not.
    large: bool,
    /// Parts of them may be anywhere.
    moved: bool,
    /// Pages may be dropped when memory is short.
    freed: bool,
    /// Pages of either process that the model takes for waiting for their copy, and no longer knows with whom.
    astray: [BTreeSet<u64>; 2],
    /// The same before this call: it may have written them.
    strayed: [BTreeSet<u64>; 2],
    /// What this call made part of a huge page.
    filled: Vec<PageChange>,
}

impl History {
    /// A call is about to be followed.
    pub(crate) fn begins(&mut self, op: Op) {
        self.filled.clear();
        self.strayed.clone_from(&self.astray);
        let advice = (op.kind == kind::MADVISE).then_some(op.args[2]);
        self.collapsed |= advice == Some(COLLAPSE);
        self.large |= matches!(advice, Some(HUGE_PAGE | COLLAPSE));
        self.freed |= advice == Some(FREE);
        self.moved |= op.kind == kind::MREMAP;
    }

    /// An event was applied.
    pub(crate) fn follow(&mut self, pid: u32, kind: &EventKind, change: &Change) {
        let who = usize::from(pid == PIDS[1]);
        let waits = |page: Option<Page>| page.is_some_and(|p| p.state == PageState::CopyPending);
        // One that failed may have moved some of it.
        let moves = match kind {
            EventKind::Remap(_) => true,
            EventKind::Failed(failed) => failed.call == "mremap",
            EventKind::Fork(fork) if fork.memory == ForkMemory::Copied => {
                self.astray = Default::default();
                false
            }
            _ => false,
        };
        for page in &change.pages {
            let is_huge = |page: Option<Page>| page.is_some_and(|p| p.flags.has(PageFlags::HUGE));
            if is_huge(page.after) && !matches!(kind, EventKind::Observed(_)) {
                self.filled.push(*page);
            }
            match (waits(page.before), waits(page.after)) {
                // Its old place: who has it there too.
                (true, false) if moves && page.after.is_some() => {
                    self.stray(1 - who, page.range);
                    self.astray[who].retain(|at| !page.range.contains(Addr(*at)));
                }
                (false, true) if moves => self.stray(who, page.range),
                (_, true) => {}
                // Nobody knows whether it was written: when it is seen, it may still wait.
                _ if page.after.is_some_and(|p| p.state == PageState::Unknown) => {}
                (_, false) => self.astray[who].retain(|at| !page.range.contains(Addr(*at))),
            }
        }
        for (pid, page) in change.elsewhere.iter().filter(|(_, page)| !waits(page.after)) {
            self.astray[usize::from(*pid == PIDS[1])].retain(|at| !page.range.contains(Addr(*at)));
        }
    }

    /// Whether any page in the block of this one is astray, or was before this call.
    fn strays(&self, who: usize, addr: u64) -> bool {
        let start = addr - addr % BLOCK;
        let block = start..start + BLOCK;
        [&self.astray[who], &self.strayed[who]]
            .iter()
            .any(|pages| pages.range(block.clone()).next().is_some())
    }

    fn stray(&mut self, who: usize, range: Range) {
        self.astray[who].extend((range.start().0..range.end().0).step_by(4096));
    }
}

/// A part of a file or of an object of shared memory, in bytes of it.
#[derive(Clone, Copy, Debug)]
struct Part {
    dev: u64,
    inode: u64,
    start: u64,
    end: u64,
}

/// A call, and what it was about.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    op: Op,
    /// Who made it.
    pub(crate) who: usize,
    /// What it touched, populated or gave advice on; empty for all other calls, and for those that did not get there.
    range: (u64, u64),
    /// The objects that are mapped there.
    parts: Vec<Part>,
}

/// A page that differs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) addr: u64,
    pub(crate) model: Page,
    pub(crate) mapping: &'a Mapping,
    pub(crate) vma: Vma,
    pub(crate) kernel: u64,
    pub(crate) exclusive: Option<bool>,
}

impl Call {
    pub(crate) fn of(op: Op, answer: &Answer, context: &Context) -> Self {
        let who = usize::from(op.who == 1 && answer.states.len() > 1);
        let [a, b, c, ..] = op.args;
        let pages = |from: u64, to: u64| (from - from % PAGE, to.next_multiple_of(PAGE));
        let did = answer.errno == 0;
        let range = match op.kind {
            kind::READ | kind::WRITE if answer.signal != 11 => {
                let addr = touched_addr(op, context);
                pages(addr, addr + 1)
            }
            kind::MMAP if did => pages(answer.value, answer.value.saturating_add(b)),
            kind::SHMAT if did => pages(answer.value, answer.value.saturating_add(SHM_PAGES * PAGE)),
            // Only what it grew by.
            kind::MREMAP if did => {
                pages(answer.value + b.next_multiple_of(PAGE), answer.value.saturating_add(c))
            }
            kind::MLOCKALL => (0, u64::MAX),
            kind::MLOCK | kind::MPROTECT | kind::MADVISE => pages(a, a.saturating_add(b)),
            _ => (0, 0),
        };
        let vmas = answer.states.get(who).map_or(&[][..], |state| &state.vmas);
        let inside = |v: &&Vma| !v.is_anonymous() && v.start < range.1 && range.0 < v.end;
        let part = |v: &Vma| {
            let at = |addr: u64| v.offset + (addr - v.start);
            let (start, end) = (at(range.0.max(v.start)), at(range.1.min(v.end)));
            Part { dev: v.dev, inode: v.inode, start, end }
        };
        let parts = vmas.iter().filter(inside).map(part).collect();
        Self { op, who, range, parts }
    }

    fn advises(&self, advice: &[u64]) -> bool {
        self.op.kind == kind::MADVISE && advice.contains(&self.op.args[2])
    }

    fn populates(&self) -> bool {
        use kind::{MLOCK, MLOCKALL, MMAP, MPROTECT, MREMAP, READ, SHMAT, WRITE};
        matches!(self.op.kind, READ | WRITE | MMAP | SHMAT | MREMAP | MPROTECT | MLOCK | MLOCKALL)
            || self.advises(&[POPULATE_READ, POPULATE_WRITE])
    }

    fn has(&self, addr: u64) -> bool {
        self.range.0 <= addr && addr < self.range.1
    }

    /// Whether the call was about something in the same block of addresses.
    fn in_block(&self, addr: u64) -> bool {
        let start = addr - addr % BLOCK;
        self.range.0 < start + BLOCK && start < self.range.1
    }

    /// Whether the call was about something in the same block of the same object: no folio is larger.
    fn in_folio(&self, seen: &Seen<'_>) -> bool {
        let at = seen.vma.offset + (seen.addr - seen.vma.start);
        self.parts.iter().any(|part| {
            (part.dev, part.inode) == (seen.vma.dev, seen.vma.inode)
                && part.start - part.start % BLOCK <= at
                && at < part.end.next_multiple_of(BLOCK)
        })
    }

    /// The name of the freedom by which the kernel may show this page otherwise than the model.
    pub(crate) fn covers(&self, history: &History, who: usize, seen: &Seen<'_>) -> Option<&'static str> {
        let of_object = matches!(seen.model.state, PageState::FileClean | PageState::FileDirty);
        let large_file = history.collapsed || matches!(seen.mapping.attributes.backing, Backing::File(_));
        if of_object && seen.kernel == 0 && self.in_folio(seen) {
            if self.advises(&[REMOVE]) && large_file {
                return Some("MADV_REMOVE: a large folio goes as a whole");
            }
            if self.advises(&[COLLAPSE]) {
                return Some("MADV_COLLAPSE: other mappings of the file lose their entries");
            }
        }
        if seen.model.state == PageState::CopyPending
            && seen.exclusive == Some(true)
            && seen.kernel == PRESENT | (if seen.model.flags.has(PageFlags::HUGE) { HUGE } else { 0 })
            && history.astray[who].contains(&seen.addr)
        {
            return Some("not followed: who shares a page that was moved");
        }
        // All others are the acting process's own.
        if who != self.who {
            return None;
        }
        // Whether a huge page is split depends on whether others have some of it.
        let own = matches!(seen.model.state, PageState::CopyPending | PageState::Private);
        let kept = self.populates() && seen.kernel == PRESENT | HUGE;
        let split = self.advises(&[FREE, COLD, PAGE_OUT]) && seen.kernel & !ZERO == PRESENT;
        if own && (kept || split) && self.in_block(seen.addr) && history.strays(who, seen.addr) {
            return Some("not followed: who shares a page that was moved");
        }
        self.covers_populated(history, seen)
            .or_else(|| self.covers_advised(history, seen, of_object, large_file))
    }

    fn covers_populated(&self, history: &History, seen: &Seen<'_>) -> Option<&'static str> {
        if !self.populates() {
            return None;
        }
        let anonymous = seen.vma.is_anonymous();
        let shared = seen.vma.flags & 8 != 0;
        let kernel = seen.kernel;
        if seen.model.state == PageState::Unknown && self.has(seen.addr) {
            let of_file = FILE | PRESENT | if history.collapsed { HUGE } else { 0 };
            let may_be = match (anonymous, shared) {
                (true, _) => kernel & !(PRESENT | ZERO | HUGE) == 0,
                (false, true) => kernel == 0 || kernel & !HUGE == FILE | PRESENT && kernel & !of_file == 0,
                (false, false) => kernel & !of_file == 0,
            };
            return may_be.then_some("not inferred: pages of a file after populating");
        }
        if anonymous {
            let filled = history.filled.iter().rev().find(|f| f.range.contains(Addr(seen.addr)))?;
            let instead = if self.has(seen.addr) { filled.after } else { filled.before }?;
            let instead = Page { flags: instead.flags.without(PageFlags::HUGE), ..instead };
            let taken = self.in_block(seen.addr) && same(instead, kernel, seen.exclusive).0;
            return taken
                .then_some("no huge page: the block has a page table already, or there is none to be had");
        }
        if seen.model.flags.has(PageFlags::GUARD) {
            return None;
        }
        let there = matches!(seen.model.state, PageState::FileClean | PageState::FileDirty);
        let untouched = seen.model.state == PageState::Untouched;
        if history.collapsed
            && self.in_block(seen.addr)
            && (untouched || there)
            && kernel == FILE | PRESENT | HUGE
        {
            return Some("MADV_COLLAPSE: a huge folio may be mapped as one later on");
        }
        let large_file = history.collapsed || matches!(seen.mapping.attributes.backing, Backing::File(_));
        let near = self.faults_around(large_file, seen.addr, &seen.vma);
        (untouched && near && kernel == FILE | PRESENT).then_some("fault-around")
    }

    /// Whether faults of this call in `vma` may bring along the page at `addr`: `do_fault_around` 16 pages from an
    /// aligned one on or from the mapping's start, `finish_fault` a whole folio.
    fn faults_around(&self, large_file: bool, addr: u64, vma: &Vma) -> bool {
        let (first, end) = (self.range.0.max(vma.start), self.range.1.min(vma.end));
        if first >= end || vma.flags & 7 == 0 {
            return false;
        }
        let last = end - PAGE;
        if large_file && first - first % BLOCK <= addr && addr < end.next_multiple_of(BLOCK) {
            return true;
        }
        // Private writable memory is written, and a fault for writing brings nothing along.
        let reads = match self.op.kind {
            kind::READ => true,
            kind::MADVISE => self.op.args[2] == POPULATE_READ,
            kind::MMAP | kind::MREMAP | kind::MLOCK | kind::MLOCKALL => vma.flags & 10 != 2,
            _ => false,
        };
        let low = first - first % FAULT_AROUND;
        let high = ((last - last % FAULT_AROUND).max(vma.start) + FAULT_AROUND)
            .min((last + PAGE).next_multiple_of(BLOCK));
        reads && low <= addr && addr < high
    }

    fn covers_advised(
        &self,
        history: &History,
        seen: &Seen<'_>,
        of_object: bool,
        large_file: bool,
    ) -> Option<&'static str> {
        let anonymous = seen.vma.is_anonymous();
        let (has, kernel) = (self.has(seen.addr), seen.kernel);
        let private = seen.model.state == PageState::Private;
        if self.advises(&[COLLAPSE]) {
            let start = seen.addr - seen.addr % BLOCK;
            let whole = self.has(start) && self.has(start + BLOCK - PAGE);
            let made = if anonymous { PRESENT | HUGE } else { FILE | PRESENT | HUGE };
            let fits = anonymous || of_object || seen.model.state == PageState::Untouched;
            let guard = seen.model.flags.has(PageFlags::GUARD);
            return (whole && kernel == made && fits && !guard)
                .then_some("MADV_COLLAPSE: makes huge pages where it can");
        }
        if of_object && kernel == 0 && self.advises(&[COLD, PAGE_OUT]) {
            if has && self.advises(&[PAGE_OUT]) {
                return Some("MADV_PAGEOUT: pages of files go");
            }
            if large_file && self.in_folio(seen) {
                return Some("MADV_COLD, MADV_PAGEOUT: a large folio that is split leaves the page tables");
            }
        }
        if private && has && self.advises(&[PAGE_OUT]) {
            if kernel == SWAPPED {
                return Some("MADV_PAGEOUT: swapped out");
            }
            if kernel == 0 && anonymous && history.freed {
                return Some("MADV_PAGEOUT: pages that MADV_FREE gave up go");
            }
        }
        if private && anonymous && history.large && self.advises(&[FREE, COLD, PAGE_OUT]) {
            let near = self.in_block(seen.addr);
            if has && kernel == PRESENT && self.advises(&[PAGE_OUT]) && seen.model.flags.has(PageFlags::HUGE)
            {
                return Some("MADV_PAGEOUT: huge pages are split when they cannot be swapped out");
            }
            if (near || history.moved) && kernel == PRESENT | ZERO {
                return Some("a large folio is split: pages of zeroes become the zero page");
            }
        }
        None
    }
}
