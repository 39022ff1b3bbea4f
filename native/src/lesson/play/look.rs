//! The kernel's word: mappings and pages of the processes that perform, beside the model's.

use super::Play;
use crate::lesson::troupe::Who;
use crate::proc::{Frames, mappings_of};
use anyhow::{Context, Result, bail};
use pagescope_shared::addr::{Addr, Frame, Range};
use pagescope_shared::event::{EventKind, Observed};
use pagescope_shared::mapping::{Backing, Mapping};
use pagescope_shared::model::AddressSpace;
use pagescope_shared::page::{Page, PageFlags, PageState, Provenance, Run};
use std::num::NonZeroU64;

/// Where the kernel keeps pages of its own.
const KERNEL_HALF: Addr = Addr(1 << 63);

impl Play<'_> {
    /// The states of all pages, for the beginning.
    pub(super) fn look_at_all(&self, mappings: &[Mapping]) -> Result<Vec<Observed>> {
        let Some(observer) = self.actors.first().and_then(|actor| actor.observer.as_ref()) else {
            return Ok(Vec::new());
        };
        let ours = mappings.iter().filter(|m| m.range.end() <= KERNEL_HALF);
        ours.map(|mapping| observer.observe(mapping, Frames::LeftOut)).collect()
    }

    /// Compares the model with the kernel, and tells what the kernel says of the pages that are watched.
    pub(super) fn verify(&mut self) -> Result<()> {
        // The one whose turn it is comes last: the page shows the process of the last event.
        let mut order: Vec<usize> = (0..self.actors.len()).collect();
        order.sort_by_key(|index| self.actors.get(*index).is_some_and(|actor| actor.who == self.who));
        for index in order {
            let pid = self.actors[index].pid;
            self.compare_mappings(index)?;
            for observed in self.observe(index)? {
                let news = self.compare_pages(index, &observed)?;
                if news {
                    self.tell_of(pid, EventKind::Observed(Box::new(observed)), None)?;
                }
            }
        }
        Ok(())
    }

    fn compare_mappings(&self, index: usize) -> Result<()> {
        let actor = &self.actors[index];
        let line = |m: &Mapping| format!("{} {} {}", m.range, m.permissions(), m.attributes.backing);
        let space = self.world.space(actor.pid);
        let model: Vec<Mapping> = space.into_iter().flat_map(AddressSpace::mappings).collect();
        let kernel = mappings_of(actor.pid)?;
        let same = |(a, b): (&Mapping, &Mapping)| {
            let (x, y) = (&a.attributes, &b.attributes);
            a.range == b.range
                && (x.protection, x.sharing, &x.backing, x.offset)
                    == (y.protection, y.sharing, &y.backing, y.offset)
        };
        if model.len() == kernel.len() && model.iter().zip(&kernel).all(same) {
            return Ok(());
        }
        let lacks = |these: &[Mapping], those: &[Mapping]| -> String {
            let only = these.iter().filter(|one| !those.iter().any(|other| same((one, other))));
            let lines: Vec<String> = only.map(line).collect();
            if lines.is_empty() { "nothing".to_owned() } else { lines.join(", ") }
        };
        bail!(
            "the mappings of {} are not what was expected: expected {}, but /proc/{}/maps shows {}",
            actor.who.name(),
            lacks(&model, &kernel),
            actor.pid,
            lacks(&kernel, &model)
        )
    }

    fn observe(&self, index: usize) -> Result<Vec<Observed>> {
        let actor = &self.actors[index];
        let (Some(observer), Some(space)) = (&actor.observer, self.world.space(actor.pid)) else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        for &range in &self.watched {
            for mapping in space.mappings_in(range) {
                let Some(range) = mapping.range.intersection(range) else { continue };
                all.push(observer.observe(&Mapping { range, ..mapping }, Frames::Wanted)?);
            }
        }
        Ok(all)
    }

    /// Whether the kernel says more than the model; that it says otherwise, where it is not free to, is an error.
    fn compare_pages(&self, index: usize, observed: &Observed) -> Result<bool> {
        let actor = &self.actors[index];
        let Some(space) = self.world.space(actor.pid) else { return Ok(false) };
        let size = self.stage.page_size();
        let rest =
            Run { pages: NonZeroU64::MAX, state: PageState::Untouched, flags: PageFlags::NONE, frame: None };
        let (mut at, mut news) = (observed.range.start(), false);
        for run in observed.runs.iter().chain(std::iter::once(&rest)) {
            let room = observed.range.end().0.saturating_sub(at.0);
            let Ok(range) = Range::from_len(at, run.pages.get().saturating_mul(size.bytes()).min(room))
            else {
                break;
            };
            for (part, model) in space.runs(range) {
                let skipped =
                    Range::new(range.start(), part.start()).map_or(0, |before| size.pages_in(before));
                let frame = run.frame.map(|first| Frame(first.0.saturating_add(skipped)));
                let file =
                    space.mapping_at(part.start()).is_some_and(|m| !m.attributes.backing.is_anonymous());
                if !self.may_be(model, run, file) {
                    bail!(
                        "page {} of {} should be {}, but the kernel shows {}",
                        part.start(),
                        actor.who.name(),
                        model.state.label(),
                        run.state.label()
                    );
                }
                news |= model.provenance != Provenance::Observed
                    || (model.state, model.flags.without(PageFlags::LOCKED)) != (run.state, run.flags)
                    || (frame.is_some() && model.frame != frame);
            }
            at = range.end();
        }
        Ok(news)
    }

    /// Whether the kernel is free to do what the model did not expect: see docs/model.md.
    fn may_be(&self, model: Page, kernel: &Run, file: bool) -> bool {
        use PageState::{FileClean, FileDirty, Private, Unknown, Untouched, ZeroPage};
        match (model.state, kernel.state) {
            (a, b) if a == b => true,
            (Unknown, _) | (_, Unknown) => true,
            (FileClean, FileDirty) | (FileDirty, FileClean) => true,
            // Pages that the cache has come along with the one that was touched.
            (Untouched, FileClean | FileDirty) => file,
            // What the C library does to its heap is told by faults only.
            (Untouched | ZeroPage, Private) => self.faults.is_none(),
            _ => false,
        }
    }

    /// What is known of the page at `addr`.
    pub(crate) fn page_of(&self, who: Who, addr: Addr) -> Option<Page> {
        self.world.page_at(self.pid_of(who), addr)
    }

    /// That the page at `addr` is in this state, in the process whose turn it is.
    pub(crate) fn expect(&self, addr: Addr, state: PageState) -> Result<()> {
        self.expect_of(self.who, addr, state)
    }

    /// That the page of one of the processes is in this state.
    pub(crate) fn expect_of(&self, who: Who, addr: Addr, state: PageState) -> Result<()> {
        let seen = self.page_of(who, addr).map(|page| page.state);
        // Only root is told whether a shared page was stored.
        let open =
            [PageState::FileClean, PageState::FileDirty].contains(&state) && seen == Some(PageState::Unknown);
        if seen == Some(state) || open {
            return Ok(());
        }
        let seen = seen.map_or("not mapped", PageState::label);
        bail!("page {addr} of {} should be {}, but is {seen}", who.name(), state.label())
    }

    /// How many pages of the acting process in `range` are in this state.
    pub(crate) fn count(&self, range: Range, state: PageState) -> u64 {
        let Some(space) = self.world.space(self.pid()) else { return 0 };
        let size = self.stage.page_size();
        space.runs(range).filter(|(_, page)| page.state == state).map(|(part, _)| size.pages_in(part)).sum()
    }

    /// That so many pages of `range` are in this state.
    pub(crate) fn expect_count(&self, range: Range, state: PageState, count: u64) -> Result<()> {
        let seen = self.count(range, state);
        if seen == count {
            return Ok(());
        }
        bail!("{count} pages of {range} should be {}, but {seen} are", state.label())
    }

    /// Where the heap of the acting process is.
    pub(crate) fn heap(&self) -> Result<Range> {
        self.place_of(&Backing::Heap)
    }

    /// Where its stack is.
    pub(crate) fn stack(&self) -> Result<Range> {
        self.place_of(&Backing::Stack)
    }

    fn place_of(&self, what: &Backing) -> Result<Range> {
        let space = self.world.space(self.pid());
        let found = space.and_then(|space| space.mappings().find(|m| m.attributes.backing == *what));
        found.map(|m| m.range).with_context(|| format!("the process has no {what}"))
    }

    /// Whether the page at `addr` is part of a huge one.
    pub(crate) fn is_huge(&self, addr: Addr) -> bool {
        self.page_of(self.who, addr).is_some_and(|page| page.flags.has(PageFlags::HUGE))
    }

    /// The acting process's mapping at `addr`.
    pub(crate) fn mapping_at(&self, addr: Addr) -> Option<Mapping> {
        self.world.space(self.pid())?.mapping_at(addr)
    }

    /// That `range` is so many mappings.
    pub(crate) fn expect_mappings(&self, range: Range, count: usize) -> Result<()> {
        let space = self.world.space(self.pid());
        let seen: Vec<Mapping> = space.into_iter().flat_map(|space| space.mappings_in(range)).collect();
        if seen.len() == count {
            return Ok(());
        }
        bail!("{range} should be {count} mappings, but is {}", seen.len())
    }

    /// That both pages have one frame, or that they have not: where frames are shown.
    pub(crate) fn expect_frames(&self, one: (Who, Addr), other: (Who, Addr), same: bool) -> Result<()> {
        let frame = |(who, addr)| self.page_of(who, addr).and_then(|page| page.frame);
        let (Some(a), Some(b)) = (frame(one), frame(other)) else { return Ok(()) };
        if (a == b) == same {
            return Ok(());
        }
        let should = if same { "the same frame" } else { "frames of their own" };
        bail!("pages {} and {} should have {should}, but have {:#x} and {:#x}", one.1, other.1, a.0, b.0)
    }
}
