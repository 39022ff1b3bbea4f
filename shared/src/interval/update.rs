//! Many values changed in one way through a tree, their ranges as they are.

use super::tree::{Node, Tree, own};
use std::rc::Rc;

impl<V: Clone> Tree<V> {
    /// Offers the slots that overlap `start..end` in their order, and lets what comes back take their value's place.
    pub(super) fn update(&mut self, start: u64, end: u64, edit: &mut dyn FnMut(u64, u64, &V) -> Option<V>) {
        // The first one may be in the leaf before the one that would hold a slot that starts here.
        let from = self.at_or_before(start).filter(|entry| start < entry.1).map_or(start, |entry| entry.0);
        update_in(&mut self.root, from, end, edit);
    }
}

/// Leaves in which nothing changes stay shared.
fn update_in<V: Clone>(
    node: &mut Rc<Node<V>>,
    start: u64,
    end: u64,
    edit: &mut dyn FnMut(u64, u64, &V) -> Option<V>,
) {
    let mut index = match node.as_ref() {
        Node::Leaf(leaf) => leaf.starts.below(start).min(leaf.slots.len()),
        Node::Inner(inner) => inner.child(start),
    };
    loop {
        if let Node::Leaf(leaf) = node.as_ref() {
            let Some((s, e, value)) = leaf.entry(index).filter(|entry| entry.0 < end) else { return };
            if let Some(value) = edit(s, e, value)
                && let Some(Node::Leaf(leaf)) = own(node)
                && let Some(slot) = leaf.slots.get_mut(index)
            {
                slot.value = value;
            }
        } else if let Some(Node::Inner(inner)) = own(node) {
            let Some(child) = inner.children.get_mut(index) else { return };
            update_in(child, start, end, edit);
            if inner.lows.get(index + 1) >= end {
                return;
            }
        }
        index += 1;
    }
}
