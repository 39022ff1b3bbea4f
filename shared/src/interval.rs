//! An ordered map from disjoint ranges of `u64` to values: the shape of an address space.

use std::collections::BTreeMap;

/// A value that knows what it becomes when its range is cut in front.
pub trait Cut: Clone {
    /// The value of the part that starts `by` units after the old start.
    #[must_use]
    fn advanced(&self, by: u64) -> Self;
}

/// Disjoint half-open ranges, each with a value. Every operation costs `O(log n)` plus the ranges
/// that it touches, never the units inside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalMap<V> {
    by_start: BTreeMap<u64, (u64, V)>,
}

impl<V> Default for IntervalMap<V> {
    fn default() -> Self {
        Self { by_start: BTreeMap::new() }
    }
}

/// One entry: start, end (exclusive) and value.
pub type Entry<'a, V> = (u64, u64, &'a V);

impl<V: Cut> IntervalMap<V> {
    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.by_start.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_start.is_empty()
    }
    /// All entries by address.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Entry<'_, V>> {
        self.by_start.iter().map(|(&start, (end, value))| (start, *end, value))
    }
    /// The entry that holds `at`.
    pub fn get(&self, at: u64) -> Option<Entry<'_, V>> {
        let (&start, (end, value)) = self.by_start.range(..=at).next_back()?;
        (at < *end).then_some((start, *end, value))
    }
    /// The entries that overlap `start..end`, whole.
    pub fn overlapping(&self, start: u64, end: u64) -> impl Iterator<Item = Entry<'_, V>> {
        let first = self.get(start).map_or(start, |(s, _, _)| s);
        // An empty or backward range overlaps nothing; BTreeMap would panic on it.
        let end = if start < end { end } else { first };
        self.by_start.range(first..end).map(|(&s, (e, value))| (s, *e, value))
    }
    /// Takes `start..end` out, cutting the entries at its ends, and returns what was there.
    pub fn remove(&mut self, start: u64, end: u64) -> Vec<(u64, u64, V)> {
        if start >= end {
            return Vec::new();
        }
        let touched: Vec<u64> = self.overlapping(start, end).map(|(s, _, _)| s).collect();
        let mut removed = Vec::with_capacity(touched.len());
        for s in touched {
            let Some((e, value)) = self.by_start.remove(&s) else { continue };
            if s < start {
                self.by_start.insert(s, (start, value.clone()));
            }
            if e > end {
                self.by_start.insert(end, (e, value.advanced(end - s)));
            }
            let from = s.max(start);
            removed.push((from, e.min(end), value.advanced(from - s)));
        }
        removed
    }
    /// Puts `value` at `start..end`, taking out and returning what was there. An empty range does
    /// nothing.
    pub fn insert(&mut self, start: u64, end: u64, value: V) -> Vec<(u64, u64, V)> {
        if start >= end {
            return Vec::new();
        }
        let removed = self.remove(start, end);
        self.by_start.insert(start, (end, value));
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(not(target_arch = "wasm32"))]
    use proptest::prelude::*;

    /// Like a file offset: the value moves with the start.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Offset(u64);
    impl Cut for Offset {
        fn advanced(&self, by: u64) -> Self {
            Self(self.0 + by)
        }
    }

    #[test]
    fn cuts_in_the_middle() {
        let mut map = IntervalMap::default();
        map.insert(10, 20, Offset(100));
        assert_eq!(map.remove(12, 15), vec![(12, 15, Offset(102))]);
        let left: Vec<_> = map.iter().map(|(s, e, v)| (s, e, v.0)).collect();
        assert_eq!(left, vec![(10, 12, 100), (15, 20, 105)]);
        assert!(map.remove(12, 15).is_empty());
        assert_eq!(map.get(12), None);
        assert_eq!(map.overlapping(11, 16).count(), 2);
        assert_eq!(map.overlapping(16, 16).count(), 0);
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest! {
        /// Against an array with one slot a unit.
        #[test]
        fn equals_an_array(ops in prop::collection::vec((any::<bool>(), 0u64..64, 0u64..64, 0u64..1000), 0..40)) {
            let mut map = IntervalMap::default();
            let mut array: [Option<u64>; 64] = [None; 64];
            for (insert, a, b, value) in ops {
                let (start, end) = (a.min(b), a.max(b));
                let removed = if insert { map.insert(start, end, Offset(value)) } else { map.remove(start, end) };
                let mut expected = Vec::new();
                for at in start..end {
                    let slot = &mut array[usize::try_from(at).unwrap()];
                    if let Some(v) = *slot { expected.push((at, v)); }
                    *slot = insert.then_some(value + at - start);
                }
                let units: Vec<_> = removed.iter().flat_map(|(s, e, v)| (*s..*e).map(|at| (at, v.0 + at - *s))).collect();
                prop_assert_eq!(units, expected);
            }
            for at in 0..64u64 {
                let found = map.get(at).map(|(s, _, v)| v.0 + at - s);
                prop_assert_eq!(found, array[usize::try_from(at).unwrap()]);
            }
        }
    }
}
