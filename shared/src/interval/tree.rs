//! The B+ tree under [`super::IntervalMap`]. Nodes are shared between clones and copied when one of them writes.

use super::keys::Keys;
use std::rc::Rc;

/// One entry: start, end (exclusive) and value.
pub type Entry<'a, V> = (u64, u64, &'a V);

/// The entries before and after a place.
pub type Around<'a, V> = (Option<Entry<'a, V>>, Option<Entry<'a, V>>);

/// An entry, with those before and after it.
pub type Between<'a, V> = (Option<Entry<'a, V>>, Entry<'a, V>, Option<Entry<'a, V>>);

/// A leaf, and where in it.
pub(super) type InLeaf<'a, V> = (&'a Leaf<V>, usize);

/// Where a range ends and what is there.
#[derive(Clone, Debug)]
pub(super) struct Slot<V> {
    /// The first unit after it.
    pub(super) end: u64,
    pub(super) value: V,
}

/// Ranges by their starts, which stand apart: they are what is searched.
#[derive(Clone, Debug)]
pub(super) struct Leaf<V> {
    pub(super) starts: Keys,
    pub(super) slots: Vec<Slot<V>>,
}

#[derive(Clone, Debug)]
pub(super) struct Inner<V> {
    /// What is below a child starts at its number or after it. The first one's says nothing: whatever is below the
    /// second one's is in the first.
    pub(super) lows: Keys,
    pub(super) children: Vec<Rc<Node<V>>>,
}

#[derive(Clone, Debug)]
pub(super) enum Node<V> {
    Leaf(Leaf<V>),
    Inner(Inner<V>),
}

/// Slots by their starts. Whoever inserts sees to it that they do not overlap.
#[derive(Clone, Debug)]
pub(super) struct Tree<V> {
    pub(super) root: Rc<Node<V>>,
    pub(super) len: usize,
}

/// A place in a leaf: after `index` of its slots.
struct Place<'a, V> {
    leaf: &'a Leaf<V>,
    index: usize,
    /// What stands beside the leaf.
    left: Option<&'a Node<V>>,
    right: Option<&'a Node<V>>,
}

/// The value itself, copied first when somebody else has it too. As `Rc::make_mut`, with the copying out of the way.
#[inline(always)]
pub(crate) fn own<T: Clone>(shared: &mut Rc<T>) -> Option<&mut T> {
    if Rc::strong_count(shared) != 1 {
        part(shared);
    }
    Rc::get_mut(shared)
}

#[cold]
#[inline(never)]
fn part<T: Clone>(shared: &mut Rc<T>) {
    *shared = Rc::new(shared.as_ref().clone());
}

impl<V> Default for Leaf<V> {
    fn default() -> Self {
        Self { starts: Keys::default(), slots: Vec::new() }
    }
}

impl<V> Default for Tree<V> {
    fn default() -> Self {
        Self { root: Rc::new(Node::Leaf(Leaf::default())), len: 0 }
    }
}

impl<V> Leaf<V> {
    #[inline]
    pub(super) fn up_to(&self, at: u64) -> usize {
        self.starts.up_to(at).min(self.slots.len())
    }
    #[inline]
    pub(super) fn entry(&self, index: usize) -> Option<Entry<'_, V>> {
        self.slots.get(index).map(|slot| (self.starts.get(index), slot.end, &slot.value))
    }
    pub(super) fn insert(&mut self, index: usize, start: u64, slot: Slot<V>) {
        if index <= self.slots.len() {
            self.starts.insert(index, start);
            self.slots.insert(index, slot);
        }
    }
    pub(super) fn remove(&mut self, index: usize) -> Option<Slot<V>> {
        (index < self.slots.len()).then(|| {
            self.starts.remove(index, index + 1);
            self.slots.remove(index)
        })
    }
    pub(super) fn set_end(&mut self, index: usize, end: u64) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.end = end;
        }
    }
}

impl<V> Inner<V> {
    /// The child that would hold `at`.
    #[inline]
    pub(super) fn child(&self, at: u64) -> usize {
        self.lows.up_to(at).min(self.children.len()).saturating_sub(1)
    }
    pub(super) fn insert(&mut self, index: usize, low: u64, child: Rc<Node<V>>) {
        if index <= self.children.len() {
            self.lows.insert(index, low);
            self.children.insert(index, child);
        }
    }
    pub(super) fn remove(&mut self, index: usize) -> Option<Rc<Node<V>>> {
        (index < self.children.len()).then(|| {
            self.lows.remove(index, index + 1);
            self.children.remove(index)
        })
    }
}

impl<V> Node<V> {
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.slots.len(),
            Self::Inner(inner) => inner.children.len(),
        }
    }

    fn first(mut self: &Self) -> Option<Entry<'_, V>> {
        loop {
            match self {
                Self::Inner(inner) => self = inner.children.first()?,
                Self::Leaf(leaf) => return leaf.entry(0),
            }
        }
    }

    fn last(mut self: &Self) -> Option<Entry<'_, V>> {
        loop {
            match self {
                Self::Inner(inner) => self = inner.children.last()?,
                Self::Leaf(leaf) => return leaf.entry(leaf.slots.len().checked_sub(1)?),
            }
        }
    }
}

impl<'a, V> Place<'a, V> {
    fn before(&self) -> Option<Entry<'a, V>> {
        match self.index.checked_sub(1) {
            Some(index) => self.leaf.entry(index),
            None => self.left?.last(),
        }
    }
    fn after(&self) -> Option<Entry<'a, V>> {
        self.leaf.entry(self.index).or_else(|| self.right?.first())
    }
}

impl<V> Tree<V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The place after all that start at or before `at`.
    #[inline]
    fn find(&self, at: u64) -> Option<Place<'_, V>> {
        let mut node = self.root.as_ref();
        let (mut left, mut right) = (None, None);
        loop {
            match node {
                Node::Leaf(leaf) => return Some(Place { leaf, index: leaf.up_to(at), left, right }),
                Node::Inner(inner) => {
                    let index = inner.child(at);
                    if let Some(child) = index.checked_sub(1).and_then(|i| inner.children.get(i)) {
                        left = Some(child.as_ref());
                    }
                    if let Some(child) = inner.children.get(index + 1) {
                        right = Some(child.as_ref());
                    }
                    node = inner.children.get(index)?;
                }
            }
        }
    }

    /// The last slot that starts at or before `at`.
    pub(super) fn at_or_before(&self, at: u64) -> Option<Entry<'_, V>> {
        self.find(at)?.before()
    }

    /// The slot that holds `at`, or else the first one that starts after it.
    pub(super) fn at_or_after(&self, at: u64) -> Option<Entry<'_, V>> {
        let place = self.find(at)?;
        place.before().filter(|before| at < before.1).or_else(|| place.after())
    }

    /// The last slot that starts before `at`, and the first one that starts at or after it.
    pub(super) fn around(&self, at: u64) -> Around<'_, V> {
        match at.checked_sub(1).map(|before| self.find(before)) {
            Some(Some(place)) => (place.before(), place.after()),
            _ => (None, self.root.first()),
        }
    }

    /// The slot that holds `at` and those beside it.
    pub(super) fn between(&self, at: u64) -> Option<Between<'_, V>> {
        let place = self.find(at)?;
        let entry = place.before().filter(|entry| at < entry.1)?;
        let left = match place.index {
            0 => self.around(entry.0).0,
            1 => place.left.and_then(Node::last),
            index => place.leaf.entry(index - 2),
        };
        Some((left, entry, place.after()))
    }

    /// The slot that holds `at` or else the first one that starts after it, and where in its leaf the next one is.
    pub(super) fn place_of(&self, at: u64) -> Option<(Option<InLeaf<'_, V>>, Entry<'_, V>)> {
        let place = self.find(at)?;
        match place.before().filter(|before| at < before.1) {
            Some(entry) => Some((Some((place.leaf, place.index)), entry)),
            None => match place.leaf.entry(place.index) {
                Some(entry) => Some((Some((place.leaf, place.index + 1)), entry)),
                None => Some((None, place.right?.first()?)),
            },
        }
    }
}
