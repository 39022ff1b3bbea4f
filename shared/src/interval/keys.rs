//! The sorted numbers of one node.

/// How many a node holds, at most.
pub(super) const CAPACITY: usize = 32;

/// Sorted; the places that are not used hold the highest number, which no range starts at.
#[derive(Clone, Debug)]
pub(super) struct Keys([u64; CAPACITY]);

impl Default for Keys {
    fn default() -> Self {
        Self([u64::MAX; CAPACITY])
    }
}

impl Keys {
    /// How many are at or below `at`, which is not the highest number.
    #[inline]
    pub(super) fn up_to(&self, at: u64) -> usize {
        // A search in three steps of comparisons that do not wait for one another.
        let below = |index: usize| usize::from(self.0[index % CAPACITY] <= at);
        let from = 8 * (below(7) + below(15) + below(23));
        let from = from + 2 * (below(from + 1) + below(from + 3) + below(from + 5));
        from + below(from) + below(from + 1)
    }

    /// How many are below `at`.
    pub(super) fn below(&self, at: u64) -> usize {
        at.checked_sub(1).map_or(0, |before| self.up_to(before))
    }

    pub(super) fn get(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or(u64::MAX)
    }

    pub(super) fn set(&mut self, index: usize, key: u64) {
        if let Some(old) = self.0.get_mut(index) {
            *old = key;
        }
    }

    /// The last place must be free.
    pub(super) fn insert(&mut self, index: usize, key: u64) {
        if index < CAPACITY {
            self.0.copy_within(index..CAPACITY - 1, index + 1);
            self.set(index, key);
        }
    }

    /// Takes out those from `from` on, before `to`.
    pub(super) fn remove(&mut self, from: usize, to: usize) {
        if from <= to && to <= CAPACITY {
            self.0.copy_within(to.., from);
            self.0[CAPACITY - (to - from)..].fill(u64::MAX);
        }
    }

    /// Takes out those from `index` on.
    pub(super) fn split_off(&mut self, index: usize) -> Self {
        let mut upper = self.clone();
        upper.remove(0, index);
        self.remove(index, CAPACITY);
        upper
    }

    /// Adds the first `count` of `more` after the first `len` of these.
    pub(super) fn append(&mut self, len: usize, more: &Self, count: usize) {
        for (to, from) in self.0.iter_mut().skip(len).zip(more.0.iter().take(count)) {
            *to = *from;
        }
    }
}
