//! How a tree changes: in one leaf, on one way down, where that is enough; else by splitting and joining nodes.

use super::Cut;
use super::keys::{CAPACITY, Keys};
use super::tree::{Inner, Leaf, Node, Slot, Tree, own};
use std::rc::Rc;

/// A leaf to be changed in place.
struct Near<'a, V> {
    leaf: &'a mut Leaf<V>,
    /// How many of its slots start at or before the place that was looked for.
    index: usize,
    /// Whether it is the first leaf of all.
    first: bool,
    /// Where the next leaf may begin; the highest number when there is none.
    next: u64,
}

impl<V> Near<'_, V> {
    /// Whether the leaf would still be large enough without `count` slots. The only leaf always is.
    fn may_lose(&self, count: usize) -> bool {
        self.leaf.slots.len() >= count + CAPACITY / 4 || (self.first && self.next == u64::MAX)
    }
    fn has_room(&self) -> bool {
        self.leaf.slots.len() < CAPACITY
    }
    /// Whether what stands before the place is in this leaf, or there is nothing.
    fn knows_left(&self) -> bool {
        self.index > 0 || self.first
    }
    /// Where the slot after the place starts; the highest number when there is none in this leaf.
    fn right_start(&self) -> u64 {
        self.leaf.starts.get(self.index)
    }
}

/// What became of something that was tried in one leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    Done,
    /// Something else is there.
    Taken,
    /// It needs more than one leaf; nothing was done.
    Wider,
}

impl<V: Clone> Tree<V> {
    /// The leaf that holds the slots that start about `at`.
    #[inline(always)]
    fn near(&mut self, at: u64) -> Option<Near<'_, V>> {
        let mut node = own(&mut self.root)?;
        let (mut first, mut next) = (true, u64::MAX);
        loop {
            match node {
                Node::Leaf(leaf) => {
                    let index = leaf.up_to(at);
                    return Some(Near { leaf, index, first, next });
                }
                Node::Inner(inner) => {
                    let index = inner.child(at);
                    first &= index == 0;
                    if index + 1 < inner.children.len() {
                        next = inner.lows.get(index + 1);
                    }
                    node = own(inner.children.get_mut(index)?)?;
                }
            }
        }
    }

    /// The slot that holds `at`, to be changed in place.
    #[inline]
    pub(super) fn holding_mut(&mut self, at: u64) -> Option<&mut Slot<V>> {
        // It may be in the leaf before the one that would hold a slot that starts here.
        let at = match self.root.as_ref() {
            Node::Leaf(_) => at,
            Node::Inner(_) => self.at_or_before(at).filter(|entry| at < entry.1)?.0,
        };
        let mut node = own(&mut self.root)?;
        loop {
            match node {
                Node::Leaf(leaf) => {
                    let index = leaf.up_to(at).checked_sub(1)?;
                    return leaf.slots.get_mut(index).filter(|slot| at < slot.end);
                }
                Node::Inner(inner) => {
                    let index = inner.child(at);
                    node = own(inner.children.get_mut(index)?)?;
                }
            }
        }
    }

    /// Lets the slot that ends at `start` go on to `end` when `joins` says so, given its start, and the next one is not
    /// there yet.
    #[inline(always)]
    pub(super) fn extend(&mut self, start: u64, end: u64, joins: impl Fn(u64, &V) -> bool) -> bool {
        let Some(mut node) = own(&mut self.root) else { return false };
        let mut next = u64::MAX;
        loop {
            match node {
                Node::Leaf(leaf) => {
                    let index = leaf.up_to(start);
                    let free = leaf.starts.get(index).min(next) > end;
                    let Some(index) = index.checked_sub(1).filter(|_| free) else { return false };
                    let from = leaf.starts.get(index);
                    let Some(slot) = leaf.slots.get_mut(index) else { return false };
                    let extends = slot.end == start && joins(from, &slot.value);
                    if extends {
                        slot.end = end;
                    }
                    return extends;
                }
                Node::Inner(inner) => {
                    let index = inner.child(start);
                    if index + 1 < inner.children.len() {
                        next = inner.lows.get(index + 1);
                    }
                    let Some(child) = inner.children.get_mut(index).and_then(own) else { return false };
                    node = child;
                }
            }
        }
    }

    /// Puts `value` at `start..end` if nothing is there, joined with the neighbours that it continues.
    pub(super) fn try_join(&mut self, start: u64, end: u64, value: &V) -> Tried
    where
        V: Cut + PartialEq,
    {
        let Some(near) = self.near(start).filter(Near::knows_left) else { return Tried::Wider };
        let (index, right_start) = (near.index, near.right_start());
        if right_start == u64::MAX && near.next <= end {
            return Tried::Wider;
        }
        let left =
            index.checked_sub(1).and_then(|i| Some((near.leaf.starts.get(i), near.leaf.slots.get(i)?)));
        if right_start < end || left.is_some_and(|left| left.1.end > start) {
            return Tried::Taken;
        }
        let joins_left =
            left.is_some_and(|(s, slot)| slot.end == start && slot.value.advanced(start - s) == *value);
        let right = near.leaf.slots.get(index).filter(|_| right_start == end);
        let right = right.filter(|slot| value.advanced(end - start) == slot.value).map(|slot| slot.end);
        match (joins_left, right) {
            (true, Some(end)) if near.may_lose(1) => {
                near.leaf.remove(index);
                near.leaf.set_end(index - 1, end);
                self.len -= 1;
            }
            (true, None) => near.leaf.set_end(index - 1, end),
            (false, Some(_)) => {
                near.leaf.starts.set(index, start);
                if let Some(slot) = near.leaf.slots.get_mut(index) {
                    slot.value = value.clone();
                }
            }
            (false, None) if near.has_room() => {
                near.leaf.insert(index, start, Slot { end, value: value.clone() });
                self.len += 1;
            }
            _ => return Tried::Wider,
        }
        Tried::Done
    }

    /// Takes out all slots in `start..end` when none of them goes on beyond it.
    pub(super) fn try_take(&mut self, start: u64, end: u64, taken: &mut dyn FnMut(u64, u64, V)) -> Tried {
        let Some(near) = self.near(start).filter(Near::knows_left) else { return Tried::Wider };
        let mut from = near.index;
        if let Some(left) = from.checked_sub(1)
            && near.leaf.slots.get(left).is_some_and(|slot| slot.end > start)
        {
            from = left;
        }
        let mut to = from;
        while near.leaf.starts.get(to) < end {
            to += 1;
        }
        let count = to - from;
        let cut = count > 0
            && (near.leaf.starts.get(from) < start
                || near.leaf.slots.get(to - 1).is_none_or(|last| last.end > end));
        let ends_here = to < near.leaf.slots.len() || near.next >= end;
        if cut || !ends_here || (count > 0 && !near.may_lose(count)) {
            return Tried::Wider;
        }
        for _ in 0..count {
            let start = near.leaf.starts.get(from);
            if let Some(slot) = near.leaf.remove(from) {
                taken(start, slot.end, slot.value);
            }
        }
        self.len -= count;
        Tried::Done
    }

    pub(super) fn insert(&mut self, start: u64, slot: Slot<V>) {
        self.len += 1;
        if let Some(near) = self.near(start)
            && near.has_room()
        {
            near.leaf.insert(near.index, start, slot);
            return;
        }
        if let Some((low, upper)) = insert_into(&mut self.root, start, slot) {
            let mut root = Inner { lows: Keys::default(), children: Vec::with_capacity(CAPACITY) };
            root.insert(0, 0, Rc::clone(&self.root));
            root.insert(1, low, upper);
            self.root = Rc::new(Node::Inner(root));
        }
    }

    pub(super) fn remove(&mut self, start: u64) -> Option<Slot<V>> {
        let near = self.near(start)?;
        let index = near.index.checked_sub(1)?;
        if near.leaf.starts.get(index) != start {
            return None;
        }
        let slot =
            if near.may_lose(1) { near.leaf.remove(index) } else { remove_from(&mut self.root, start) };
        self.len -= usize::from(slot.is_some());
        // A root with one child is one level too many.
        while let Node::Inner(inner) = self.root.as_ref() {
            self.root = match inner.children.as_slice() {
                [] => Rc::new(Node::Leaf(Leaf::default())),
                [only] => Rc::clone(only),
                _ => break,
            };
        }
        slot
    }

    /// Takes out the slot `start..end` when there is exactly that one.
    pub(super) fn remove_exact(&mut self, start: u64, end: u64) -> Option<V> {
        let near = self.near(start)?;
        let index = near.index.checked_sub(1)?;
        if near.leaf.starts.get(index) != start || near.leaf.slots.get(index)?.end != end {
            return None;
        }
        if !near.may_lose(1) {
            return self.remove(start).map(|slot| slot.value);
        }
        let slot = near.leaf.remove(index)?;
        self.len -= 1;
        Some(slot.value)
    }
}

/// Returns the upper half, and where it begins, when the node was full.
fn insert_into<V: Clone>(node: &mut Rc<Node<V>>, start: u64, slot: Slot<V>) -> Option<(u64, Rc<Node<V>>)> {
    match Rc::make_mut(node) {
        Node::Leaf(leaf) => {
            let (at, len) = (leaf.up_to(start), leaf.slots.len());
            if len < CAPACITY {
                leaf.insert(at, start, slot);
                return None;
            }
            // Filled in the order of addresses, leaves stay full.
            let middle = if at == len { len } else { CAPACITY / 2 };
            let mut upper =
                Leaf { starts: leaf.starts.split_off(middle), slots: Vec::with_capacity(CAPACITY) };
            upper.slots.extend(leaf.slots.drain(middle..));
            match at.checked_sub(middle) {
                Some(at) => upper.insert(at, start, slot),
                None => leaf.insert(at, start, slot),
            }
            Some((upper.starts.get(0), Rc::new(Node::Leaf(upper))))
        }
        Node::Inner(inner) => {
            let index = inner.child(start);
            let (low, child) = insert_into(inner.children.get_mut(index)?, start, slot)?;
            let (at, len) = (index + 1, inner.children.len());
            if len < CAPACITY {
                inner.insert(at, low, child);
                return None;
            }
            let middle = if at == len { len } else { CAPACITY / 2 };
            let mut upper =
                Inner { lows: inner.lows.split_off(middle), children: Vec::with_capacity(CAPACITY) };
            upper.children.extend(inner.children.drain(middle..));
            match at.checked_sub(middle) {
                Some(at) => upper.insert(at, low, child),
                None => inner.insert(at, low, child),
            }
            Some((upper.lows.get(0), Rc::new(Node::Inner(upper))))
        }
    }
}

fn remove_from<V: Clone>(node: &mut Rc<Node<V>>, start: u64) -> Option<Slot<V>> {
    match Rc::make_mut(node) {
        Node::Leaf(leaf) => {
            let index = leaf.up_to(start).checked_sub(1).filter(|i| leaf.starts.get(*i) == start)?;
            leaf.remove(index)
        }
        Node::Inner(inner) => {
            let index = inner.child(start);
            let slot = remove_from(inner.children.get_mut(index)?, start)?;
            fill_up(inner, index);
            Some(slot)
        }
    }
}

/// A child that has become small joins a neighbour when both fit into one with room to spare.
fn fill_up<V: Clone>(inner: &mut Inner<V>, index: usize) {
    let size = |i: usize| inner.children.get(i).map(|child| child.size());
    let Some(own) = size(index).filter(|&own| own < CAPACITY / 4) else { return };
    if own == 0 {
        // No node below the root is ever empty for longer than this.
        inner.remove(index);
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
    let low = inner.lows.get(left + 1);
    let Some(right) = inner.remove(left + 1) else { return };
    let right = Rc::try_unwrap(right).unwrap_or_else(|shared| shared.as_ref().clone());
    let Some(left) = inner.children.get_mut(left) else { return };
    match (Rc::make_mut(left), right) {
        (Node::Leaf(leaf), Node::Leaf(more)) => {
            leaf.starts.append(leaf.slots.len(), &more.starts, more.slots.len());
            leaf.slots.extend(more.slots);
        }
        (Node::Inner(inner), Node::Inner(more)) => {
            let len = inner.children.len();
            inner.lows.append(len, &more.lows, more.children.len());
            // What the first of them says is not to be relied on.
            inner.lows.set(len, low);
            inner.children.extend(more.children);
        }
        // All leaves are on one level.
        _ => {}
    }
}
