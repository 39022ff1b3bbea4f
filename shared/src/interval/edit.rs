//! How a tree changes: in one leaf, on one way down, where that is enough; else by splitting and joining nodes.

use super::Cut;
use super::keys::{CAPACITY, Keys};
use super::tree::{Inner, Leaf, Node, Slot, Tree};
use std::rc::Rc;

/// A leaf to be changed in place.
struct Near<'a, V> {
    leaf: &'a mut Leaf<V>,
    /// How many of its slots start at or before the place that was looked for.
    index: usize,
    /// Whether it is the first leaf of all.
    first: bool,
    /// Where the next leaf may begin; past everything when there is none.
    next: Option<u64>,
}

impl<V> Near<'_, V> {
    /// Whether the leaf would still be large enough without `count` slots. The only leaf always is.
    fn may_lose(&self, count: usize) -> bool {
        self.leaf.slots.len() >= count + CAPACITY / 4 || (self.first && self.next.is_none())
    }
    fn has_room(&self) -> bool {
        self.leaf.slots.len() < CAPACITY
    }
    /// Whether what stands before the place is in this leaf, or there is nothing.
    fn knows_left(&self) -> bool {
        self.index > 0 || self.first
    }
    /// Where the slot after the place starts, if that is below `end` or at it. `None` when another leaf would have to
    /// be asked.
    fn right_start(&self, end: u64) -> Option<u64> {
        if self.index < self.leaf.slots.len() {
            return Some(self.leaf.starts.get(self.index));
        }
        self.next.is_none_or(|next| next > end).then_some(u64::MAX)
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
    #[inline]
    fn near(&mut self, at: u64) -> Option<Near<'_, V>> {
        let mut node = Rc::make_mut(&mut self.root);
        let (mut first, mut next) = (true, None);
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
                        next = Some(inner.lows.get(index + 1));
                    }
                    node = Rc::make_mut(inner.children.get_mut(index)?);
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
        let mut node = Rc::make_mut(&mut self.root);
        loop {
            match node {
                Node::Leaf(leaf) => {
                    let index = leaf.up_to(at).checked_sub(1)?;
                    return leaf.slots.get_mut(index).filter(|slot| at < slot.end);
                }
                Node::Inner(inner) => {
                    let index = inner.child(at);
                    node = Rc::make_mut(inner.children.get_mut(index)?);
                }
            }
        }
    }

    /// Lets the slot that ends at `start` go on to `end` when `joins` says so, given its start, and the next one is not
    /// there yet.
    #[inline]
    pub(super) fn extend(&mut self, start: u64, end: u64, joins: impl Fn(u64, &V) -> bool) -> bool {
        let Some(near) = self.near(start) else { return false };
        let free = near.right_start(end).is_some_and(|right| right > end);
        let Some(index) = near.index.checked_sub(1).filter(|_| free) else { return false };
        let from = near.leaf.starts.get(index);
        let Some(slot) = near.leaf.slots.get_mut(index) else { return false };
        let extends = slot.end == start && joins(from, &slot.value);
        if extends {
            slot.end = end;
        }
        extends
    }

    /// Puts `value` at `start..end` if nothing is there, joined with the neighbours that it continues.
    pub(super) fn try_join(&mut self, start: u64, end: u64, value: &V) -> Tried
    where
        V: Cut + PartialEq,
    {
        let Some(near) = self.near(start).filter(Near::knows_left) else { return Tried::Wider };
        let Some(right_start) = near.right_start(end) else { return Tried::Wider };
        let index = near.index;
        let left = index.checked_sub(1).and_then(|i| Some((near.leaf.starts.get(i), near.leaf.slots.get(i)?)));
        if right_start < end || left.is_some_and(|left| left.1.end > start) {
            return Tried::Taken;
        }
        let joins_left = left.is_some_and(|(s, slot)| slot.end == start && slot.value.advanced(start - s) == *value);
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
        let (mut from, len) = (near.index, near.leaf.slots.len());
        if let Some(left) = from.checked_sub(1)
            && let Some(slot) = near.leaf.slots.get(left)
            && slot.end > start
        {
            if near.leaf.starts.get(left) < start {
                return Tried::Wider;
            }
            from = left;
        }
        let mut to = from;
        while to < len && near.leaf.starts.get(to) < end {
            to += 1;
        }
        if to == from {
            return if to < len || near.next.is_none_or(|next| next >= end) { Tried::Done } else { Tried::Wider };
        }
        let beyond = near.leaf.slots.get(to - 1).is_none_or(|slot| slot.end > end);
        if beyond || (to == len && near.next.is_some_and(|next| next < end)) || !near.may_lose(to - from) {
            return Tried::Wider;
        }
        let leaf = near.leaf;
        for at in from..to {
            let start = leaf.starts.get(at);
            if to - from == 1 {
                let slot = leaf.slots.remove(at);
                taken(start, slot.end, slot.value);
            } else if let Some(slot) = leaf.slots.get(at) {
                taken(start, slot.end, slot.value.clone());
            }
        }
        if to - from > 1 {
            leaf.slots.drain(from..to);
        }
        leaf.starts.remove(from, to);
        self.len -= to - from;
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
        let slot = if near.may_lose(1) { near.leaf.remove(index) } else { remove_from(&mut self.root, start) };
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
        if near.may_lose(1) {
            let slot = near.leaf.remove(index)?;
            self.len -= 1;
            return Some(slot.value);
        }
        self.remove(start).map(|slot| slot.value)
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
            let mut upper = Leaf { starts: leaf.starts.split_off(middle), slots: Vec::with_capacity(CAPACITY) };
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
            let mut upper = Inner { lows: inner.lows.split_off(middle), children: Vec::with_capacity(CAPACITY) };
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
