//! The address space of one process, followed event by event.

mod advise;
mod change;
mod contents;
pub mod diff;
mod fault;
mod fork;
mod mappings;
mod observe;
mod pages;
mod remap;
mod save;
mod touch;
mod vma;

pub(crate) use change::Unshared;
pub use change::{Change, Drift, MappingChange, PageChange};
pub(crate) use save::{KnownTexts, Texts};

use crate::addr::{Addr, PageSize, Range};
use crate::event::{EventKind, FaultAccess};
use crate::interval::IntervalMap;
use crate::mapping::Mapping;
use crate::names::VmFlags;
use crate::page::{Page, PageFlags, PageState};
use contents::Contents;
use pages::Pages;
use vma::Vma;

/// Mappings and the states of their pages. Costs memory by mappings and runs of like pages, never by pages: an
/// untouched terabyte is one entry. A clone costs nothing until one of the two changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressSpace {
    page_size: PageSize,
    /// By address in bytes.
    vmas: IntervalMap<Vma>,
    pages: Pages,
    contents: Contents,
    /// `MCL_FUTURE`: what every new mapping gets.
    default_flags: u64,
    next_anon: u32,
    next_object: u32,
    faults: u64,
    recent: Recent,
}

/// The mapping that the last fault fell into, and what a fault of that kind does to a page of which nothing is known:
/// faults come in bunches.
#[derive(Clone, Copy, Debug)]
struct Recent {
    start: u64,
    end: u64,
    access: Option<FaultAccess>,
    state: PageState,
    /// The mapping that got its `anon_vma` because the huge zero page was expected there.
    prepared: Option<u64>,
}

impl Recent {
    const NONE: Self = Self { start: 0, end: 0, access: None, state: PageState::Untouched, prepared: None };
}

/// It says nothing that the mappings do not say.
impl PartialEq for Recent {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Recent {}

/// What an address space amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes mapped.
    pub mapped: u64,
    /// How many mappings.
    pub mappings: u64,
    /// How many pages in each state, in the order of [`PageState::ALL`]; the first, untouched, is what is left.
    pub pages: [u64; PageState::ALL.len()],
    /// Page faults since the recording began.
    pub faults: u64,
}

impl Totals {
    /// Pages with a frame behind them.
    pub fn resident(&self) -> u64 {
        PageState::ALL.iter().zip(self.pages).filter(|(state, _)| state.is_resident()).map(|(_, n)| n).sum()
    }
}

impl AddressSpace {
    /// An empty one.
    pub fn new(page_size: PageSize) -> Self {
        Self {
            page_size,
            vmas: IntervalMap::default(),
            pages: Pages::new(page_size),
            contents: Contents::default(),
            default_flags: 0,
            next_anon: 0,
            next_object: 0,
            faults: 0,
            recent: Recent::NONE,
        }
    }

    /// Bytes a page.
    pub fn page_size(&self) -> PageSize {
        self.page_size
    }

    /// All mappings by address.
    pub fn mappings(&self) -> impl DoubleEndedIterator<Item = Mapping> + '_ {
        self.vmas.iter().filter_map(shown)
    }

    /// The mappings that overlap `within`, whole, by address.
    pub fn mappings_in(&self, within: Range) -> impl DoubleEndedIterator<Item = Mapping> + '_ {
        self.vmas.overlapping(within.start().0, within.end().0).filter_map(shown)
    }

    /// How many mappings there are.
    pub fn mapping_count(&self) -> usize {
        self.vmas.len()
    }

    /// How many runs of like pages are kept.
    pub fn run_count(&self) -> usize {
        self.pages.run_count()
    }

    /// This one, with as many faults as another had.
    pub(crate) fn with_faults_of(self, other: &Self) -> Self {
        Self { faults: other.faults, ..self }
    }

    /// How many bytes it takes beside what it shares with `other`, about.
    pub(crate) fn bytes_beside(&self, other: &Self) -> usize {
        let vmas = self.vmas.apart_from(&other.vmas, &mut |_, _| {});
        vmas.saturating_add(self.pages.bytes_beside(&other.pages))
            .saturating_add(self.contents.bytes_beside(&other.contents))
    }

    /// The mapping that holds `addr`.
    pub fn mapping_at(&self, addr: Addr) -> Option<Mapping> {
        self.vmas.get(addr.0).and_then(shown)
    }

    /// What it all amounts to.
    pub fn totals(&self) -> Totals {
        let mapped = self.vmas.covered();
        let mut pages = *self.pages.counts();
        let known: u64 = pages.iter().skip(1).sum();
        pages[0] = (mapped / self.page_size.bytes()).saturating_sub(known);
        let mappings = u64::try_from(self.vmas.len()).unwrap_or(u64::MAX);
        Totals { mapped, mappings, pages, faults: self.faults }
    }

    /// The page that holds `addr`, with its own frame.
    pub fn page_at(&self, addr: Addr) -> Option<Page> {
        let (_, _, vma) = self.vmas.get(addr.0)?;
        Some(finished(self.pages.get(self.page_size.page_of(addr)).page(), vma))
    }

    /// The runs of like pages in `range`, cut to it and to the mappings: where, and what.
    pub fn runs(&self, within: Range) -> impl Iterator<Item = (Range, Page)> + '_ {
        self.vmas.overlapping(within.start().0, within.end().0).flat_map(move |(s, e, vma)| {
            let part = range(s, e).and_then(|r| r.intersection(within));
            let (first, end) = part.map_or((0, 0), |part| self.pages.numbers(part));
            self.pages
                .all(first, end)
                .filter_map(move |(s, e, entry)| Some((self.pages.range(s, e)?, finished(entry.page(), vma))))
        })
    }

    /// The bytes that were recorded in `range`: runs by address, each with its first address.
    pub fn recorded_bytes(&self, within: Range) -> impl Iterator<Item = (Addr, &[u8])> + '_ {
        self.contents.overlapping(within)
    }

    /// Follows one event of this process, and says what it did: into `change`, which is emptied first.
    #[inline]
    pub fn apply_to(&mut self, kind: &EventKind, change: &mut Change) {
        change.clear();
        match kind {
            EventKind::Fault(fault) => self.apply_fault(fault, change),
            _ => self.apply_other(kind, change),
        }
    }

    #[inline(never)]
    fn apply_other(&mut self, kind: &EventKind, change: &mut Change) {
        let recent = std::mem::replace(&mut self.recent, Recent::NONE);
        match kind {
            EventKind::Map(map) => self.apply_map(map, change),
            EventKind::Unmap(unmap) => self.unmap(unmap.range, change),
            EventKind::Protect(protect) => self.apply_protect(protect, change),
            EventKind::Remap(remap) => self.apply_remap(remap, change),
            EventKind::Break(moved) => self.apply_break(moved, change),
            EventKind::Advise(advise) => self.advise(advise.range, &advise.advice, false, change),
            EventKind::Lock(lock) => self.apply_lock(lock, change),
            EventKind::Unlock(unlock) => self.apply_unlock(unlock.range, change),
            EventKind::Signal(signal) => self.apply_signal(signal, change),
            EventKind::Failed(failed) => self.apply_failed(failed, change),
            EventKind::Snapshot(snapshot) => self.apply_snapshot(snapshot, change),
            EventKind::Access(access) => self.apply_access(access, change),
            EventKind::Observed(observed) => {
                self.unprepare(recent.prepared, observed);
                self.apply_observed(observed, change);
            }
            EventKind::Exec(_) | EventKind::Exit(_) => {
                self.unmap_all(change);
                self.default_flags = 0;
            }
            // What msync stored is known when somebody looks.
            EventKind::Sync(_)
            | EventKind::Fault(_)
            | EventKind::Start(_)
            | EventKind::Fork(_)
            | EventKind::Thread(_)
            | EventKind::Step(_)
            | EventKind::Marker(_)
            | EventKind::Lost(_)
            | EventKind::End(_)
            | EventKind::Other(_) => {}
        }
    }

    /// Follows one event of this process, and returns what it did.
    pub fn apply(&mut self, kind: &EventKind) -> Change {
        let mut change = Change::default();
        self.apply_to(kind, &mut change);
        change
    }
}

fn range(start: u64, end: u64) -> Option<Range> {
    Range::new(Addr(start), Addr(end)).ok()
}

fn shown((start, end, vma): (u64, u64, &Vma)) -> Option<Mapping> {
    Some(Mapping { range: range(start, end)?, attributes: vma.shown() })
}

/// What a page has from its mapping.
fn finished(page: Page, vma: &Vma) -> Page {
    if vma.has(VmFlags::LOCKED) && page.state.is_resident() {
        return Page { flags: page.flags.with(PageFlags::LOCKED), ..page };
    }
    page
}

#[cfg(test)]
mod tests;
