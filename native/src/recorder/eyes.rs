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

    /// Tells the states of all pages of these mappings, piece by piece by address.
    pub(super) fn look(&mut self, pid: u32, mappings: &[Mapping], to: &mut dyn FnMut(Observed)) {
        let ours = mappings.partition_point(|m| m.range.end() <= KERNEL_HALF);
        let mappings = mappings.get(..ours).unwrap_or_default();
        if !self.open.contains_key(&pid)
            && let Some(Ok(observer)) = self.own.as_ref().map(|own| own.of(pid))
        {
            if self.open.len() >= MOST {
                self.open.clear();
            }
            self.open.insert(pid, observer);
        }
        if let Some(observer) = self.open.get(&pid) {
            // A process that ends meanwhile has nothing to see.
            let _ = observer.observe_each(mappings, self.frames, to);
        }
    }

    /// A process has got other memory, or has ended.
    pub(super) fn forget(&mut self, pid: u32) {
        self.open.remove(&pid);
    }
}
