//! Both encodings hold the same: lossless into one another, whatever the trace.

// proptest and its cases are for one machine.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod generate;

use pagescope_shared::event::{Event, EventKind};
use pagescope_shared::gz;
use pagescope_shared::jsonl::{event_line, header_line};
use pagescope_shared::pscope::{Encoder, Options};
use pagescope_shared::store::Store;
use pagescope_shared::timeline::Timeline;
use pagescope_shared::trace::{Trace, read};
use pagescope_shared::world::World;
use proptest::prelude::*;
use std::collections::BTreeSet;

const GOLDEN: &str = include_str!("golden/v1.jsonl");

fn golden() -> Trace {
    read(GOLDEN.as_bytes()).unwrap()
}

fn jsonl(trace: &Trace) -> Vec<u8> {
    let mut text = header_line(&trace.header).unwrap();
    trace.events.iter().for_each(|event| text.push_str(&event_line(event).unwrap()));
    text.into_bytes()
}

fn pscope(trace: &Trace, options: Options) -> Vec<u8> {
    let mut encoder = Encoder::new(&trace.header, options).unwrap();
    let mut bytes = Vec::new();
    for event in &trace.events {
        encoder.push(event).unwrap();
        bytes.extend(encoder.take());
    }
    bytes.extend(encoder.finish());
    bytes
}

fn all(store: &Store) -> Vec<Event> {
    (0..store.block_count()).flat_map(|block| store.block(block).unwrap().as_ref().clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any trace, as each of the forms, read whole and block by block.
    #[test]
    fn every_form_holds_the_same(
        trace in generate::trace(golden().header, 60),
        block_events in 1..40u32,
        compression in 0..3u32,
    ) {
        let options = Options { compression, keyframes: compression != 1, block_events };
        let text = jsonl(&trace);
        for bytes in [text.clone(), gz::gzip(&text), pscope(&trace, options)] {
            let again = read(&bytes).unwrap();
            prop_assert_eq!(&again, &trace);
            let store = Store::open(bytes).unwrap();
            prop_assert_eq!(store.problems().len(), 0);
            prop_assert_eq!((store.header(), &all(&store)), (&trace.header, &trace.events));
            prop_assert_eq!(store.len(), trace.events.len());
            for position in 0..store.len() {
                let block = store.block_of(position).unwrap();
                let at = position - store.block_start(block);
                prop_assert_eq!(&store.block(block).unwrap()[at], &trace.events[position]);
                prop_assert_eq!(store.find_seq(trace.events[position].seq), position);
            }
        }
    }

    /// A moment that the trace's own keyframes lead to is the one that replaying leads to.
    #[test]
    fn keyframes_hold_the_world_that_replaying_makes(trace in generate::trace(golden().header, 120)) {
        let options = Options { block_events: 7, ..Options::default() };
        let bytes = pscope(&trace, options);
        let store = Store::open(bytes).unwrap();
        prop_assert!(trace.events.len() < 30 || store.keyframe_before(usize::MAX).is_some());
        let mut whole = Timeline::new(&trace);
        for to in [trace.events.len(), trace.events.len() / 2] {
            let mut jump = Timeline::open(store.clone());
            jump.seek(to);
            whole.seek(to);
            prop_assert_eq!(jump.position(), whole.position());
            let (a, b) = (jump.world().save(), whole.world().save());
            prop_assert!(a == b, "at {}", to);
            let loaded = World::load(trace.header.page_size, &a).unwrap();
            prop_assert!(loaded.save() == a);
        }
    }
}

/// So that the tests above are about the whole vocabulary.
#[test]
fn the_generator_makes_every_kind() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let tree = generate::trace(golden().header, 2000).new_tree(&mut runner).unwrap();
    let mut made = tree.current();
    while made.events.len() < 1000 {
        made = generate::trace(golden().header, 2000).new_tree(&mut runner).unwrap().current();
    }
    let kinds: BTreeSet<&str> = made.events.iter().map(|e| e.kind.name()).collect();
    let missing: Vec<_> = EventKind::NAMES.iter().filter(|name| !kinds.contains(*name)).collect();
    assert_eq!(missing, Vec::<&&str>::new());
}
