//! A process whose thread stands at the end of a call: what `/proc` says of its memory.

use super::Process;
use crate::proc::{backing, mappings_of};
use crate::recorder::calls::Memory;
use crate::sys::mapping_at;
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::mapping::{Attributes, Backing};
use std::fs::File;
use std::os::fd::AsFd as _;

/// Answers what a call's event needs to know.
pub(super) struct Stopped<'a> {
    pub(super) pid: u32,
    pub(super) size: PageSize,
    pub(super) process: &'a mut Process,
}

impl Memory for Stopped<'_> {
    fn page_size(&self) -> PageSize {
        self.size
    }

    fn replace_break(&mut self, new: u64) -> u64 {
        let old = std::mem::replace(&mut self.process.brk, new);
        if old == 0 { new } else { old }
    }

    fn backing(&mut self, addr: u64) -> Option<Backing> {
        if self.process.maps.is_none() {
            self.process.maps = File::open(format!("/proc/{}/maps", self.pid)).ok();
        }
        let maps = self.process.maps.as_ref()?;
        match mapping_at(maps.as_fd(), addr) {
            Ok(found) => {
                let dev = format!("{:02x}:{:02x}", found.dev.0, found.dev.1);
                Some(backing(&found.name, dev, found.inode))
            }
            // Before Linux 6.11: all of them.
            Err(_) => self.range(addr).map(|(_, attributes)| attributes.backing),
        }
    }

    fn range(&mut self, addr: u64) -> Option<(Range, Attributes)> {
        let all = mappings_of(self.pid).ok()?;
        let found = all.into_iter().find(|m| m.range.contains(Addr(addr)))?;
        Some((found.range, found.attributes))
    }
}
