//! An ordered map from disjoint ranges of `u64` to values: the shape of an address space.
//!
//! A B+ tree whose nodes are shared between copies until one of them changes: a clone costs nothing, and a film of an
//! address space holds a thousand moments for little more than one.

mod apart;
mod edit;
mod keys;
mod tree;
mod update;

use edit::Tried;
pub(crate) use tree::own;
pub use tree::{Around, Between, Entry};
use tree::{InLeaf, Slot, Tree};

/// A value that knows what it becomes when its range is cut in front.
pub trait Cut: Clone {
    /// The value of the part that starts `by` units after the old start.
    #[must_use]
    fn advanced(&self, by: u64) -> Self;
}

/// Disjoint half-open ranges, each with a value. Every operation costs `O(log n)` plus the ranges that it touches,
/// never the units inside them.
#[derive(Clone, Debug)]
pub struct IntervalMap<V> {
    tree: Tree<V>,
    covered: u64,
}

impl<V> Default for IntervalMap<V> {
    fn default() -> Self {
        Self { tree: Tree::default(), covered: 0 }
    }
}

impl<V: Cut + PartialEq> PartialEq for IntervalMap<V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<V: Cut + Eq> Eq for IntervalMap<V> {}

impl<V: Cut> IntervalMap<V> {
    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.tree.len()
    }
    /// How many units all ranges have together.
    pub fn covered(&self) -> u64 {
        self.covered
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// All entries by address.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Entry<'_, V>> {
        self.overlapping(0, u64::MAX)
    }
    /// The entry that holds `at`.
    pub fn get(&self, at: u64) -> Option<Entry<'_, V>> {
        self.tree.at_or_before(at).filter(|entry| at < entry.1)
    }
    /// The entry that holds `at`, or else the first one above.
    pub fn at_or_after(&self, at: u64) -> Option<Entry<'_, V>> {
        self.tree.at_or_after(at)
    }
    /// The last entry that starts before `at`, and the first one that starts at or after it.
    pub fn around(&self, at: u64) -> Around<'_, V> {
        self.tree.around(at)
    }
    /// Takes the entry `start..end` out when there is exactly that one.
    pub fn remove_exact(&mut self, start: u64, end: u64) -> Option<V> {
        let value = self.tree.remove_exact(start, end)?;
        self.covered -= end - start;
        Some(value)
    }
    /// The value of the entry that holds `at`, to be changed in place.
    pub fn get_mut(&mut self, at: u64) -> Option<&mut V> {
        self.tree.holding_mut(at).map(|slot| &mut slot.value)
    }
    /// Offers the entries that overlap `start..end`, whole and by address, and lets what comes back take their value's
    /// place. What is not changed stays shared with other copies.
    pub fn update(&mut self, start: u64, end: u64, edit: &mut dyn FnMut(u64, u64, &V) -> Option<V>) {
        if start < end {
            self.tree.update(start, end, edit);
        }
    }
    /// Visits the entries that stand in nodes which `other` does not share, a few more than those that differ, and
    /// returns how many bytes these nodes take.
    pub(crate) fn apart_from(&self, other: &Self, visit: &mut dyn FnMut(u64, &V)) -> usize {
        self.tree.apart_from(&other.tree, visit)
    }
    /// The entry that holds `at`, with the last one before it and the first one after it.
    pub fn between(&self, at: u64) -> Option<Between<'_, V>> {
        self.tree.between(at)
    }
    /// The entries that overlap `start..end`, whole.
    pub fn overlapping(&self, start: u64, end: u64) -> Overlapping<'_, V> {
        Overlapping { tree: &self.tree, start, end, leaf: None }
    }
    /// Puts `value` at `start..end`, where nothing may be. An empty range does nothing.
    pub fn insert_free(&mut self, start: u64, end: u64, value: V) {
        if start < end {
            debug_assert!(self.overlapping(start, end).next().is_none(), "not free");
            self.covered += end - start;
            self.tree.insert(start, Slot { end, value });
        }
    }
    /// Takes `start..end` out, cutting the entries at its ends, and hands over what was there.
    pub fn remove_each(&mut self, start: u64, end: u64, taken: &mut dyn FnMut(u64, u64, V)) {
        if start >= end {
            return;
        }
        let Self { tree, covered } = self;
        let mut taken = |s: u64, e: u64, value: V| {
            *covered -= e - s;
            taken(s, e, value);
        };
        // Most often it is one entry, or none.
        if tree.try_take(start, end, &mut taken) == Tried::Done {
            return;
        }
        while let Some((s, e, _)) = tree.at_or_after(start)
            && s < end
        {
            // What stays in front keeps its place in the tree.
            let (from, value) = if s < start {
                let Some(slot) = tree.holding_mut(s) else { return };
                slot.end = start;
                (start, slot.value.advanced(start - s))
            } else {
                let Some(slot) = tree.remove(s) else { return };
                (s, slot.value)
            };
            if e > end {
                tree.insert(end, Slot { end: e, value: value.advanced(end - from) });
            }
            taken(from, e.min(end), value);
            if e >= end {
                return;
            }
        }
    }
    /// Takes `start..end` out, and returns what was there.
    pub fn remove(&mut self, start: u64, end: u64) -> Vec<(u64, u64, V)> {
        let mut removed = Vec::new();
        self.remove_each(start, end, &mut |s, e, value| removed.push((s, e, value)));
        removed
    }
    /// Puts `value` at `start..end`, taking out and returning what was there. An empty range does nothing.
    pub fn insert(&mut self, start: u64, end: u64, value: V) -> Vec<(u64, u64, V)> {
        let removed = self.remove(start, end);
        self.insert_free(start, end, value);
        removed
    }
    /// Lets the entry that ends at `start` go on to `end`, where nothing may be, if its value cut there equals `value`
    /// and what comes next is not touched. May do nothing where it could.
    #[inline(always)]
    pub fn extend(&mut self, start: u64, end: u64, value: &V) -> bool
    where
        V: PartialEq,
    {
        let extended = self.tree.extend(start, end, |from, old| old.advanced(start - from) == *value);
        self.covered += if extended { end - start } else { 0 };
        extended
    }
    /// Puts `value` at `start..end` if nothing is there, and makes one entry of it and each neighbour that it touches
    /// and equals: the right one's value must be the left one's, cut. Returns whether it was free.
    pub fn join_free(&mut self, start: u64, end: u64, value: &V) -> bool
    where
        V: PartialEq,
    {
        if start >= end {
            return true;
        }
        match self.tree.try_join(start, end, value) {
            Tried::Taken => return false,
            Tried::Done => {}
            Tried::Wider => {
                let (left, right) = self.tree.around(start);
                if left.is_some_and(|left| left.1 > start) || right.is_some_and(|right| right.0 < end) {
                    return false;
                }
                let left = left.filter(|(s, e, left)| *e == start && left.advanced(start - s) == *value);
                let right = right.filter(|r| r.0 == end && value.advanced(end - start) == *r.2);
                let (left, right) = (left.map(|l| l.0), right.map(|r| (r.0, r.1)));
                if let Some((s, _)) = right {
                    self.tree.remove(s);
                }
                let joined_end = right.map_or(end, |right| right.1);
                match left.and_then(|s| self.tree.holding_mut(s)) {
                    Some(slot) => slot.end = joined_end,
                    None => self.tree.insert(start, Slot { end: joined_end, value: value.clone() }),
                }
            }
        }
        self.covered += end - start;
        true
    }
}

/// The entries that overlap a range, from both ends.
#[derive(Clone, Debug)]
pub struct Overlapping<'a, V> {
    tree: &'a Tree<V>,
    start: u64,
    end: u64,
    /// Where the next entry is, as long as it is in the leaf of the one before.
    leaf: Option<InLeaf<'a, V>>,
}

impl<'a, V> Iterator for Overlapping<'a, V> {
    type Item = Entry<'a, V>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.start >= self.end {
            return None;
        }
        let here = self.leaf.and_then(|(leaf, index)| Some((leaf, index, leaf.entry(index)?)));
        let entry = if let Some((leaf, index, entry)) = here {
            self.leaf = Some((leaf, index + 1));
            entry
        } else {
            let place = self.tree.place_of(self.start)?;
            self.leaf = place.0;
            place.1
        };
        if entry.0 >= self.end {
            self.start = self.end;
            return None;
        }
        self.start = entry.1;
        Some(entry)
    }
}

impl<V> DoubleEndedIterator for Overlapping<'_, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let last = self.end.checked_sub(1)?;
        let entry = self.tree.at_or_before(last).filter(|e| e.1 > self.start && self.start < self.end)?;
        self.end = entry.0;
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
