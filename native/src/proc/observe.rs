//! Page states, read from the kernel: PAGEMAP_SCAN where it is there, and the pagemap.

mod runs;
mod state;

use super::pagemap::{FrameFlags, read_entries, shows_frames};
use crate::sys::{Categories, Region, pagemap_scan};
use anyhow::{Context, Result};
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::Observed;
use pagescope_shared::mapping::Mapping;
use pagescope_shared::page::{PageFlags, PageState};
use runs::Runs;
use state::{Seen, page_flags, page_state};
use std::fs::File;
use std::os::fd::AsFd;

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
    frame_flags: Option<File>,
    page_size: PageSize,
    shows_frames: bool,
}

/// How much of the pagemap is held at once, in bytes of the address space: 32,768 entries.
const CHUNK: u64 = 1 << 27;

impl Observer {
    /// Looks at the calling process.
    ///
    /// # Errors
    /// When there is no pagemap: a kernel without CONFIG_PROC_PAGE_MONITOR, or a sandbox.
    pub(crate) fn of_this_process(page_size: PageSize) -> Result<Self> {
        Self::open("/proc/self/pagemap", page_size)
    }

    /// Looks at another process.
    ///
    /// # Errors
    /// When it is gone, or another user's, or there is no pagemap.
    pub(crate) fn of(pid: u32, page_size: PageSize) -> Result<Self> {
        Self::open(&format!("/proc/{pid}/pagemap"), page_size)
    }

    fn open(path: &str, page_size: PageSize) -> Result<Self> {
        let pagemap = File::open(path).with_context(|| format!("cannot open {path}"))?;
        let shows_frames = shows_frames(&pagemap, page_size);
        Ok(Self { pagemap, frame_flags: File::open("/proc/kpageflags").ok(), page_size, shows_frames })
    }

    /// Whether the kernel gives frame numbers.
    pub(crate) fn shows_frames(&self) -> bool {
        self.shows_frames
    }

    /// The states of all pages of `mapping`.
    ///
    /// # Errors
    /// When neither PAGEMAP_SCAN nor the pagemap can be read.
    pub(crate) fn observe(&self, mapping: &Mapping, frames: Frames) -> Result<Observed> {
        let mut runs = Runs::default();
        // Any refusal, ENOTTY before Linux 6.7 or a policy's EPERM, leads to the pagemap, which has its own say.
        let source = match pagemap_scan(self.pagemap.as_fd(), mapping.range) {
            Ok(regions) => {
                self.by_regions(&regions, mapping, frames, &mut runs)?;
                "pagemap-scan"
            }
            Err(_) => {
                self.by_entries(mapping.range, None, mapping, frames, &mut runs)?;
                "pagemap"
            }
        };
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
            if let Ok(gap) = Range::new(at, region.range.start()) {
                runs.push(self.page_size.pages_in(gap), PageState::Untouched, PageFlags::NONE, None);
            }
            self.by_entries(region.range, Some(region.categories), mapping, frames, runs)?;
            at = region.range.end();
        }
        Ok(())
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

#[cfg(test)]
mod tests;
