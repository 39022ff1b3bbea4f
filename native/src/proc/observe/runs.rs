//! Pages one after another, told as runs of like ones.

use pagescope_shared::addr::Frame;
use pagescope_shared::page::{PageFlags, PageState, Run};
use std::num::NonZeroU64;

/// Collects runs. Two of them become one when the pages are alike and their frames, if known, follow one another.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<Run>);

impl Runs {
    /// `count` pages more; `frame` is the first one's.
    pub(super) fn push(&mut self, count: u64, state: PageState, flags: PageFlags, frame: Option<Frame>) {
        let Some(pages) = NonZeroU64::new(count) else { return };
        if let Some(last) = self.0.last_mut()
            && (last.state, last.flags) == (state, flags)
            && last.frame.map(|f| f.0.saturating_add(last.pages.get())) == frame.map(|f| f.0)
        {
            last.pages = last.pages.saturating_add(count);
        } else {
            self.0.push(Run { pages, state, flags, frame });
        }
    }

    /// The runs; what is untouched at the end goes without saying.
    pub(super) fn finish(mut self) -> Vec<Run> {
        self.0.pop_if(|last| last.state == PageState::Untouched);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PageState::{Private, Untouched};

    #[test]
    fn like_pages_become_one_run() {
        let mut runs = Runs::default();
        for (count, state, frame) in [
            (1, Private, Some(7)),
            (1, Private, Some(8)),
            (1, Private, Some(10)),
            (0, Untouched, None),
            (1, Private, None),
            (2, Private, None),
            (5, Untouched, None),
            (1, Untouched, None),
        ] {
            runs.push(count, state, PageFlags::NONE, frame.map(Frame));
        }
        let told: Vec<_> = runs.finish().iter().map(|r| (r.pages.get(), r.frame.map(|f| f.0))).collect();
        assert_eq!(told, vec![(2, Some(7)), (1, Some(10)), (3, None)]);
    }
}
