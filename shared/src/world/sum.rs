//! What all address spaces amount to, without going through them: the busy one is taken out of the sum while it changes.

use crate::model::Totals;
use crate::page::PageState;

/// A sum that no trace makes overflow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    mapped: u128,
    mappings: u128,
    pages: [u128; PageState::ALL.len()],
    faults: u128,
}

impl Sum {
    /// A space joins the others.
    pub(super) fn put_down(&mut self, space: Totals) {
        self.change(space, u128::wrapping_add);
    }

    /// A space leaves them.
    pub(super) fn take_up(&mut self, space: Totals) {
        self.change(space, u128::wrapping_sub);
    }

    fn change(&mut self, space: Totals, by: fn(u128, u128) -> u128) {
        let Totals { mapped, mappings, pages, faults } = space;
        self.mapped = by(self.mapped, mapped.into());
        self.mappings = by(self.mappings, mappings.into());
        self.faults = by(self.faults, faults.into());
        for (sum, pages) in self.pages.iter_mut().zip(pages) {
            *sum = by(*sum, pages.into());
        }
    }

    /// All of it, with the space that was taken up.
    pub(super) fn with(mut self, taken: Option<Totals>) -> Totals {
        taken.into_iter().for_each(|space| self.put_down(space));
        let small = |n: u128| u64::try_from(n).unwrap_or(u64::MAX);
        Totals {
            mapped: small(self.mapped),
            mappings: small(self.mappings),
            pages: self.pages.map(small),
            faults: small(self.faults),
        }
    }
}
