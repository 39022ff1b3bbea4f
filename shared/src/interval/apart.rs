//! What one copy does not share with another one.

use super::tree::{Leaf, Node, Tree};
use std::rc::Rc;

impl<V> Tree<V> {
    /// Visits the nodes that `other` does not have, leaves with their entries, and returns how many bytes they take.
    pub(super) fn apart_from(&self, other: &Self, visit: &mut dyn FnMut(u64, &V)) -> usize {
        nodes_apart(&self.root, Some(&other.root), visit)
    }
}

fn nodes_apart<V>(node: &Rc<Node<V>>, other: Option<&Rc<Node<V>>>, visit: &mut dyn FnMut(u64, &V)) -> usize {
    if other.is_some_and(|other| Rc::ptr_eq(node, other)) {
        return 0;
    }
    match node.as_ref() {
        Node::Leaf(leaf) => {
            (0..leaf.slots.len())
                .filter_map(|i| leaf.entry(i))
                .for_each(|(start, _, value)| visit(start, value));
            size_of::<Node<V>>().saturating_add(slots_bytes(leaf))
        }
        Node::Inner(inner) => {
            let theirs = other.and_then(|other| match other.as_ref() {
                Node::Inner(theirs) => Some(theirs),
                Node::Leaf(_) => None,
            });
            let mut bytes =
                size_of::<Node<V>>().saturating_add(inner.children.capacity() * size_of::<Rc<Node<V>>>());
            for (index, child) in inner.children.iter().enumerate() {
                // Where it would be if nothing had changed; the first one's number says nothing.
                let beside = theirs.and_then(|theirs| {
                    let at = if index == 0 { 0 } else { theirs.child(inner.lows.get(index)) };
                    theirs.children.get(at)
                });
                bytes = bytes.saturating_add(nodes_apart(child, beside, visit));
            }
            bytes
        }
    }
}

fn slots_bytes<V>(leaf: &Leaf<V>) -> usize {
    leaf.slots.capacity().saturating_mul(size_of_val(leaf.slots.as_slice()) / leaf.slots.len().max(1))
}
