//! The B+ tree under [`super::IntervalMap`]. Nodes are shared between clones and copied when one of them writes.

use std::rc::Rc;

/// Slots in a leaf and children of an inner node, at most.
const CAPACITY: usize = 32;

/// One entry: start, end (exclusive) and value.
pub type Entry<'a, V> = (u64, u64, &'a V);

/// The entries before and after a place.
pub type Around<'a, V> = (Option<Entry<'a, V>>, Option<Entry<'a, V>>);

/// One range with its value.
#[derive(Clone, Debug)]
pub struct Slot<V> {
    /// The first unit.
    pub start: u64,
    /// The first one after it.
    pub end: u64,
    /// What is there.
    pub value: V,
}

#[derive(Clone, Debug)]
enum Node<V> {
    Leaf(Vec<Slot<V>>),
    Inner(Vec<Child<V>>),
}

#[derive(Debug)]
struct Child<V> {
    /// The lowest start below it.
    low: u64,
    node: Rc<Node<V>>,
}

// Not derived: that would ask for V: Clone.
impl<V> Clone for Child<V> {
    fn clone(&self) -> Self {
        Self { low: self.low, node: Rc::clone(&self.node) }
    }
}

/// Slots by their starts. Whoever inserts sees to it that they do not overlap.
#[derive(Clone, Debug)]
pub(super) struct Tree<V> {
    root: Rc<Node<V>>,
    len: usize,
}

impl<V> Default for Tree<V> {
    fn default() -> Self {
        Self { root: Rc::new(Node::Leaf(Vec::new())), len: 0 }
    }
}

impl<V> Node<V> {
    fn size(&self) -> usize {
        match self {
            Self::Leaf(slots) => slots.len(),
            Self::Inner(children) => children.len(),
        }
    }

    /// The child that would hold `at`: the last one that starts at or before it, else the first.
    fn child_index(children: &[Child<V>], at: u64) -> usize {
        children.partition_point(|child| child.low <= at).saturating_sub(1)
    }
}

impl<V> Tree<V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The last slot that starts at or before `at`.
    pub(super) fn at_or_before(&self, at: u64) -> Option<Entry<'_, V>> {
        let mut node = &self.root;
        // Where to look when everything in the chosen subtree starts after `at`.
        let mut left: Option<&Rc<Node<V>>> = None;
        loop {
            match node.as_ref() {
                Node::Inner(children) => {
                    let index = Node::child_index(children, at);
                    if let Some(before) = index.checked_sub(1).and_then(|i| children.get(i)) {
                        left = Some(&before.node);
                    }
                    node = &children.get(index)?.node;
                }
                Node::Leaf(slots) => {
                    let next = slots.partition_point(|slot| slot.start <= at);
                    return match next.checked_sub(1).and_then(|i| slots.get(i)) {
                        Some(slot) => Some((slot.start, slot.end, &slot.value)),
                        None => Self::last(left?),
                    };
                }
            }
        }
    }

    fn last(mut node: &Rc<Node<V>>) -> Option<Entry<'_, V>> {
        loop {
            match node.as_ref() {
                Node::Inner(children) => node = &children.last()?.node,
                Node::Leaf(slots) => return slots.last().map(|s| (s.start, s.end, &s.value)),
            }
        }
    }

    /// The last slot that starts before `at`, and the first one that starts at or after it: one way down for both.
    pub(super) fn around(&self, at: u64) -> Around<'_, V> {
        let mut node = &self.root;
        let (mut left, mut right) = (None, None);
        loop {
            match node.as_ref() {
                Node::Inner(children) => {
                    let index = Node::child_index(children, at);
                    if let Some(before) = index.checked_sub(1).and_then(|i| children.get(i)) {
                        left = Some(&before.node);
                    }
                    if let Some(after) = children.get(index + 1) {
                        right = Some(&after.node);
                    }
                    let Some(child) = children.get(index) else { return (None, None) };
                    node = &child.node;
                }
                Node::Leaf(slots) => {
                    let next = slots.partition_point(|slot| slot.start < at);
                    let before = match next.checked_sub(1).and_then(|i| slots.get(i)) {
                        Some(slot) => Some((slot.start, slot.end, &slot.value)),
                        None => left.and_then(Self::last),
                    };
                    let after = match slots.get(next) {
                        Some(slot) => Some((slot.start, slot.end, &slot.value)),
                        None => right.and_then(Self::first),
                    };
                    return (before, after);
                }
            }
        }
    }

    /// The slot that holds `at`, or else the first one that starts after it.
    pub(super) fn at_or_after(&self, at: u64) -> Option<Entry<'_, V>> {
        let mut node = &self.root;
        let mut right: Option<&Rc<Node<V>>> = None;
        loop {
            match node.as_ref() {
                Node::Inner(children) => {
                    let index = Node::child_index(children, at);
                    if let Some(after) = children.get(index + 1) {
                        right = Some(&after.node);
                    }
                    node = &children.get(index)?.node;
                }
                Node::Leaf(slots) => {
                    let next = slots.partition_point(|slot| slot.end <= at);
                    return match slots.get(next) {
                        Some(slot) => Some((slot.start, slot.end, &slot.value)),
                        None => Self::first(right?),
                    };
                }
            }
        }
    }

    fn first(mut node: &Rc<Node<V>>) -> Option<Entry<'_, V>> {
        loop {
            match node.as_ref() {
                Node::Inner(children) => node = &children.first()?.node,
                Node::Leaf(slots) => return slots.first().map(|s| (s.start, s.end, &s.value)),
            }
        }
    }
}

impl<V: Clone> Tree<V> {
    /// The slot that starts at `start`, to be changed in place; its start must stay.
    pub(super) fn slot_mut(&mut self, start: u64) -> Option<&mut Slot<V>> {
        let mut node = Rc::make_mut(&mut self.root);
        loop {
            match node {
                Node::Inner(children) => {
                    let index = Node::child_index(children, start);
                    node = Rc::make_mut(&mut children.get_mut(index)?.node);
                }
                Node::Leaf(slots) => {
                    let index = slots.binary_search_by_key(&start, |slot| slot.start).ok()?;
                    return slots.get_mut(index);
                }
            }
        }
    }

    /// The slot that holds `at`, to be changed in place; its start must stay.
    pub(super) fn holding_mut(&mut self, at: u64) -> Option<&mut Slot<V>> {
        let mut node = Rc::make_mut(&mut self.root);
        loop {
            match node {
                Node::Inner(children) => {
                    let index = Node::child_index(children, at);
                    node = Rc::make_mut(&mut children.get_mut(index)?.node);
                }
                Node::Leaf(slots) => {
                    let next = slots.partition_point(|slot| slot.start <= at);
                    return slots.get_mut(next.checked_sub(1)?).filter(|slot| at < slot.end);
                }
            }
        }
    }

    /// Lets the slot that ends at `start` go on to `end` when `joins` says so and the next one is not there yet. May say
    /// `false` where it could be done: it looks into one leaf only.
    pub(super) fn extend(&mut self, start: u64, end: u64, joins: impl Fn(&Slot<V>) -> bool) -> bool {
        let mut node = Rc::make_mut(&mut self.root);
        let mut last = true;
        loop {
            match node {
                Node::Inner(children) => {
                    let index = Node::child_index(children, start);
                    last &= index + 1 == children.len();
                    let Some(child) = children.get_mut(index) else { return false };
                    node = Rc::make_mut(&mut child.node);
                }
                Node::Leaf(slots) => {
                    let next = slots.partition_point(|slot| slot.start <= start);
                    let free = slots.get(next).map_or(last, |slot| slot.start > end);
                    let Some(slot) = next.checked_sub(1).and_then(|i| slots.get_mut(i)) else { return false };
                    let extends = free && slot.end == start && joins(slot);
                    if extends {
                        slot.end = end;
                    }
                    return extends;
                }
            }
        }
    }

    pub(super) fn insert(&mut self, slot: Slot<V>) {
        self.len += 1;
        if let Some(sibling) = Self::insert_into(&mut self.root, slot) {
            let low = match self.root.as_ref() {
                Node::Leaf(slots) => slots.first().map_or(0, |s| s.start),
                Node::Inner(children) => children.first().map_or(0, |c| c.low),
            };
            let old = Child { low, node: Rc::clone(&self.root) };
            self.root = Rc::new(Node::Inner(vec![old, sibling]));
        }
    }

    /// Returns the upper half when the node was full.
    fn insert_into(node: &mut Rc<Node<V>>, slot: Slot<V>) -> Option<Child<V>> {
        match Rc::make_mut(node) {
            Node::Leaf(slots) => {
                let at = slots.partition_point(|s| s.start < slot.start);
                if slots.len() < CAPACITY {
                    slots.insert(at, slot);
                    return None;
                }
                // Filled in the order of addresses, leaves stay full.
                let middle = if at == slots.len() { at } else { CAPACITY / 2 };
                let mut upper = Vec::with_capacity(CAPACITY);
                upper.extend(slots.drain(middle..));
                match at.checked_sub(middle) {
                    Some(at) => upper.insert(at, slot),
                    None => slots.insert(at, slot),
                }
                let low = upper.first().map_or(0, |s| s.start);
                Some(Child { low, node: Rc::new(Node::Leaf(upper)) })
            }
            Node::Inner(children) => {
                let index = Node::child_index(children, slot.start);
                let child = children.get_mut(index)?;
                child.low = child.low.min(slot.start);
                let sibling = Self::insert_into(&mut child.node, slot)?;
                children.insert(index + 1, sibling);
                if children.len() <= CAPACITY {
                    return None;
                }
                let middle = if index + 2 == children.len() { children.len() - 1 } else { CAPACITY / 2 };
                let upper = children.split_off(middle);
                let low = upper.first().map_or(0, |c| c.low);
                Some(Child { low, node: Rc::new(Node::Inner(upper)) })
            }
        }
    }

    pub(super) fn remove(&mut self, start: u64) -> Option<Slot<V>> {
        let slot = Self::remove_from(&mut self.root, start)?;
        self.len -= 1;
        // A root with one child is one level too many.
        while let Node::Inner(children) = self.root.as_ref() {
            self.root = match children.as_slice() {
                [] => Rc::new(Node::Leaf(Vec::new())),
                [only] => Rc::clone(&only.node),
                _ => break,
            };
        }
        Some(slot)
    }

    /// Takes out the slot `start..end` when there is exactly that one.
    pub(super) fn remove_exact(&mut self, start: u64, end: u64) -> Option<V> {
        if let Node::Leaf(slots) = Rc::make_mut(&mut self.root) {
            let at = slots.binary_search_by_key(&start, |slot| slot.start).ok()?;
            if slots.get(at)?.end != end {
                return None;
            }
            self.len -= 1;
            return Some(slots.remove(at).value);
        }
        self.at_or_before(start).filter(|found| (found.0, found.1) == (start, end))?;
        self.remove(start).map(|slot| slot.value)
    }

    fn remove_from(node: &mut Rc<Node<V>>, start: u64) -> Option<Slot<V>> {
        match Rc::make_mut(node) {
            Node::Leaf(slots) => {
                let at = slots.binary_search_by_key(&start, |slot| slot.start).ok()?;
                Some(slots.remove(at))
            }
            Node::Inner(children) => {
                let index = Node::child_index(children, start);
                let child = children.get_mut(index)?;
                let slot = Self::remove_from(&mut child.node, start)?;
                // Exact, or else a range from the left could reach past it unseen.
                if child.low == start
                    && let Some((low, ..)) = Self::first(&child.node)
                {
                    child.low = low;
                }
                Self::fill_up(children, index);
                Some(slot)
            }
        }
    }

    /// A child that has become small joins a neighbour when both fit into one with room to spare.
    fn fill_up(children: &mut Vec<Child<V>>, index: usize) {
        let size = |i: usize| children.get(i).map(|c| c.node.size());
        let Some(own) = size(index).filter(|&own| own < CAPACITY / 4) else { return };
        if own == 0 {
            // No node below the root is ever empty for longer than this.
            children.remove(index);
            return;
        }
        let fits = |other: Option<usize>| other.is_some_and(|other| own + other <= CAPACITY * 3 / 4);
        let left = if index > 0 && fits(size(index - 1)) {
            index - 1
        } else if fits(size(index + 1)) {
            index
        } else {
            return;
        };
        let right = children.remove(left + 1);
        let right = Rc::try_unwrap(right.node).unwrap_or_else(|shared| shared.as_ref().clone());
        let Some(left) = children.get_mut(left) else { return };
        match (Rc::make_mut(&mut left.node), right) {
            (Node::Leaf(slots), Node::Leaf(more)) => slots.extend(more),
            (Node::Inner(inner), Node::Inner(more)) => inner.extend(more),
            // All leaves are on one level.
            _ => {}
        }
    }
}
