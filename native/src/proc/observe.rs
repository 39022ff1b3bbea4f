//! Page states, read from the kernel: PAGEMAP_SCAN where it is there, and the pagemap.

mod runs;
mod state;

use super::pagemap::{Entry, FrameFlags, read_entries, shows_frames};
use crate::sys::{Categories, Region, pagemap_scan};
use anyhow::{Context, Result};
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::Observed;
use pagescope_shared::mapping::{Mapping, Sharing};
use pagescope_shared::page::{PageFlags, PageState};
use runs::Runs;
use state::{Seen, page_flags, page_state};
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

/// Whether frame numbers are wanted. Without them far fewer runs describe a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frames {
    /// Where the kernel gives them.
    Wanted,
    /// States only.
    LeftOut,
}

/// Looks at the pages of this process.
#[derive(Debug)]
pub(crate) struct Observer {
    pagemap: File,
    /// For root alone.
    frame_flags: Option<Arc<File>>,
    page_size: PageSize,
    shows_frames: bool,
}

/// How much of the pagemap is held at once, in bytes of the address space: 32,768 entries.
const CHUNK: u64 = 1 << 27;

/// How much of the address space is scanned at once, in bytes: 262,144 pages, so no more regions than that.
const WINDOW: u64 = 1 << 30;
/// A mapping of which there are more is looked at in larger pieces.
const MOST_PIECES: u64 = 1024;

impl Observer {
    /// Looks at the calling process.
    ///
    /// # Errors
    /// When there is no pagemap: a kernel without CONFIG_PROC_PAGE_MONITOR, or a sandbox.
    pub(crate) fn of_this_process(page_size: PageSize) -> Result<Self> {
        let pagemap = open("/proc/self/pagemap")?;
        let shows_frames = shows_frames(&pagemap, page_size);
        let frame_flags = File::open("/proc/kpageflags").ok().map(Arc::new);
        Ok(Self { pagemap, frame_flags, page_size, shows_frames })
    }

    /// Looks at another process, in the same way.
    ///
    /// # Errors
    /// When it is gone, or another user's.
    pub(crate) fn of(&self, pid: u32) -> Result<Self> {
        let pagemap = open(&format!("/proc/{pid}/pagemap"))?;
        let frame_flags = self.frame_flags.clone();
        Ok(Self { pagemap, frame_flags, page_size: self.page_size, shows_frames: self.shows_frames })
    }

    /// Whether the kernel gives frame numbers.
    pub(crate) fn shows_frames(&self) -> bool {
        self.shows_frames
    }

    /// Whether the memory that is looked at is still there: where its process has ended or become another program,
    /// nothing that was read since can be told from memory that is empty or unknown.
    pub(crate) fn is_there(&self) -> bool {
        let first = Range::from_len(Addr(0), self.page_size.bytes());
        let entry = first.ok().and_then(|first| read_entries(&self.pagemap, first, self.page_size).ok());
        entry.is_some_and(|entry| !entry.is_empty())
    }

    /// The states of all pages of `mapping`.
    ///
    /// # Errors
    /// When neither PAGEMAP_SCAN nor the pagemap can be read.
    pub(crate) fn observe(&self, mapping: &Mapping, frames: Frames) -> Result<Observed> {
        // Any refusal, ENOTTY before Linux 6.7 or a policy's EPERM, leads to the pagemap, which has its own say.
        let scanned = pagemap_scan(self.pagemap.as_fd(), mapping.range).ok();
        self.told(mapping, scanned.as_deref(), frames)
    }

    /// The states of all pages of `mappings`, which stand by address, mapping by mapping and very large ones in pieces.
    /// The kernel is asked once for many of them.
    ///
    /// # Errors
    /// As for [`Self::observe`].
    pub(crate) fn observe_each(
        &self,
        mappings: &[Mapping],
        frames: Frames,
        to: &mut dyn FnMut(Observed),
    ) -> Result<()> {
        let pieces: Vec<Mapping> = mappings.iter().flat_map(pieces).collect();
        let mut rest = pieces.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0u64;
            let fits = |piece: &&Mapping| {
                bytes = bytes.saturating_add(piece.range.bytes());
                bytes <= WINDOW
            };
            let (batch, later) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            rest = later;
            let (Some(first), Some(last)) = (batch.first(), batch.last()) else { continue };
            let whole = Range::new(first.range.start(), last.range.end())?;
            let scanned = pagemap_scan(self.pagemap.as_fd(), whole).ok();
            let mut regions = scanned.as_deref();
            for mapping in batch {
                // Regions that end before it are of those before it, or between them.
                regions = regions.map(|all| {
                    let gone = all.iter().take_while(|r| r.range.end() <= mapping.range.start()).count();
                    all.get(gone..).unwrap_or_default()
                });
                to(self.told(mapping, regions, frames)?);
            }
        }
        Ok(())
    }

    /// `regions` are those of the scan, if there was one, from this mapping on.
    fn told(&self, mapping: &Mapping, regions: Option<&[Region]>, frames: Frames) -> Result<Observed> {
        let mut runs = Runs::default();
        match regions {
            Some(regions) => self.by_regions(regions, mapping, frames, &mut runs)?,
            None => self.by_entries(mapping.range, None, mapping, frames, &mut runs)?,
        }
        let source = if regions.is_some() { "pagemap-scan" } else { "pagemap" };
        Ok(Observed { range: mapping.range, source: source.to_owned(), runs: runs.finish() })
    }

    /// Only pages that are there cost reading; a terabyte of untouched ones is one run.
    fn by_regions(
        &self,
        regions: &[Region],
        mapping: &Mapping,
        frames: Frames,
        runs: &mut Runs,
    ) -> Result<()> {
        let mut at = mapping.range.start();
        for region in regions {
            // One region may lie in several mappings.
            let Some(range) = region.range.intersection(mapping.range) else { break };
            if let Ok(gap) = Range::new(at, range.start()) {
                runs.push(self.page_size.pages_in(gap), PageState::Untouched, PageFlags::NONE, None);
            }
            if self.needs_entries(region.categories, mapping, frames) {
                self.by_entries(range, Some(region.categories), mapping, frames, runs)?;
            } else {
                let entry = Entry::of(region.categories);
                let seen = Seen { entry, categories: Some(region.categories) };
                let state = page_state(seen, &mapping.attributes, |_| None);
                let flags = page_flags(entry, Some(region.categories));
                runs.push(self.page_size.pages_in(range), state, flags, None);
            }
            at = range.end();
        }
        Ok(())
    }

    /// Whether a scan does not say all: who else has an anonymous page, whether a shared one is stored, where it is.
    fn needs_entries(&self, categories: Categories, mapping: &Mapping, frames: Frames) -> bool {
        let has = |category| categories.has(category);
        let private = mapping.attributes.sharing == Sharing::Private;
        has(Categories::PRESENT)
            && ((frames == Frames::Wanted && self.shows_frames)
                || (private && !has(Categories::FILE) && !has(Categories::PFNZERO))
                || (!private && self.frame_flags.is_some()))
    }

    fn by_entries(
        &self,
        range: Range,
        categories: Option<Categories>,
        mapping: &Mapping,
        frames: Frames,
        runs: &mut Runs,
    ) -> Result<()> {
        let mut start = range.start();
        while let Ok(rest) = Range::new(start, range.end()) {
            let chunk = Range::from_len(start, rest.bytes().min(CHUNK))?;
            let entries =
                read_entries(&self.pagemap, chunk, self.page_size).context("cannot read the pagemap")?;
            for &entry in &entries {
                let seen = Seen { entry, categories };
                let state = page_state(seen, &mapping.attributes, |frame| {
                    self.frame_flags.as_ref().and_then(|file| FrameFlags::read(file, frame))
                });
                let flags = page_flags(entry, categories);
                let frame = (frames == Frames::Wanted).then(|| entry.frame()).flatten();
                runs.push(1, state, flags, frame);
            }
            let missing = self.page_size.pages_in(chunk).saturating_sub(crate::sys::to_u64(entries.len()));
            runs.push(missing, PageState::Unknown, PageFlags::NONE, None);
            start = Addr(chunk.end().0);
        }
        Ok(())
    }
}

fn open(path: &str) -> Result<File> {
    File::open(path).with_context(|| format!("cannot open {path}"))
}

/// A mapping cut so that what is told of each part fits into memory, whatever it looks like.
fn pieces(mapping: &Mapping) -> impl Iterator<Item = Mapping> + '_ {
    let (start, end) = (mapping.range.start().0, mapping.range.end().0);
    let first = start - start % WINDOW;
    let windows = (end - first).div_ceil(WINDOW);
    // Untouched memory is reserved by the terabyte: a few large pieces, then.
    let each = windows.div_ceil(MOST_PIECES).max(1);
    (0..windows.div_ceil(each)).filter_map(move |i| {
        let from = first.saturating_add(i * each * WINDOW);
        let to = from.saturating_add(each * WINDOW);
        let range = Range::new(Addr(from.max(start)), Addr(to.min(end))).ok()?;
        Some(Mapping { range, attributes: mapping.attributes.clone() })
    })
}

#[cfg(test)]
mod tests;
