//! Looks at the pages of the processes that are followed.

use crate::proc::{Frames, Observer};
use pagescope_shared::addr::{Addr, PageSize};
use pagescope_shared::event::Observed;
use pagescope_shared::mapping::Mapping;
use std::collections::HashMap;

/// How many processes' pagemaps are kept open at most.
const MOST: usize = 512;
/// Where the kernel keeps pages of its own, outside of every process.
pub(super) const KERNEL_HALF: Addr = Addr(1 << 63);

/// What this process may see, and the pagemaps that are open.
pub(super) struct Eyes {
    own: Option<Observer>,
    open: HashMap<u32, Observer>,
    frames: Frames,
}

impl Eyes {
    pub(super) fn new(page_size: PageSize, frames: Frames) -> Self {
        Self { own: Observer::of_this_process(page_size).ok(), open: HashMap::new(), frames }
    }

    /// Finds the states of all pages of these mappings, piece by piece by address, and makes of each what is to be told.
    /// Nothing is found of a process whose memory is gone by then.
    pub(super) fn look<T>(
        &mut self,
        pid: u32,
        mappings: &[Mapping],
        told: impl Fn(Observed) -> Vec<T>,
    ) -> Vec<T> {
        let ours = mappings.partition_point(|m| m.range.end() <= KERNEL_HALF);
        let mappings = mappings.get(..ours).unwrap_or_default();
        let frames = self.frames;
        let Some(observer) = self.observer(pid) else { return Vec::new() };
        let mut found = Vec::new();
        let seen = observer.observe_each(mappings, frames, &mut |observed| found.extend(told(observed)));
        if seen.is_ok() && observer.is_there() { found } else { Vec::new() }
    }

    /// Whether what was just read of a process was still its own, as far as can be seen.
    pub(super) fn is_there(&mut self, pid: u32) -> bool {
        self.observer(pid).is_none_or(Observer::is_there)
    }

    fn observer(&mut self, pid: u32) -> Option<&Observer> {
        if !self.open.contains_key(&pid) {
            let observer = self.own.as_ref()?.of(pid).ok()?;
            if self.open.len() >= MOST {
                self.open.clear();
            }
            self.open.insert(pid, observer);
        }
        self.open.get(&pid)
    }

    /// A process has got other memory, or has ended.
    pub(super) fn forget(&mut self, pid: u32) {
        self.open.remove(&pid);
    }
}
