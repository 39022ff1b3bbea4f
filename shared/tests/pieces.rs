//! A trace that comes by pieces is the same as one that was there from the start.

// proptest and its cases are for one machine.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod generate;

use pagescope_shared::event::{Event, EventKind};
use pagescope_shared::gz;
use pagescope_shared::jsonl::{event_line, header_line};
use pagescope_shared::pscope::{Encoder, Options};
use pagescope_shared::store::{Begun, Opened, Opening, Store};
use pagescope_shared::timeline::{Approach, Timeline};
use pagescope_shared::trace::{Trace, read};
use proptest::prelude::*;
use std::ops::Range;

const GOLDEN: &[u8] = include_bytes!("golden/v1.pscope");

fn pscope(trace: &Trace) -> Vec<u8> {
    let options = Options { block_events: 7, ..Options::default() };
    let mut encoder = Encoder::new(&trace.header, options).unwrap();
    trace.events.iter().for_each(|event| encoder.push(event).unwrap());
    encoder.finish()
}

fn len(bytes: &[u8]) -> u64 {
    bytes.len().try_into().unwrap()
}

fn of(bytes: &[u8], range: &Range<u64>) -> Vec<u8> {
    bytes[range.start.try_into().unwrap()..range.end.try_into().unwrap()].to_vec()
}

/// From as few bytes as will do.
fn begun(bytes: &[u8], mut first: usize, mut last: usize) -> Option<Store> {
    for _ in 0..4 {
        let (front, back) = (&bytes[..first], &bytes[bytes.len() - last..]);
        match Store::from_ends(len(bytes), front, back).unwrap() {
            Begun::Store(store) => return Some(*store),
            Begun::NoIndex => return None,
            Begun::More(range) if range.start == 0 => first = range.end.try_into().unwrap(),
            Begun::More(range) => last = (len(bytes) - range.start).try_into().unwrap(),
        }
    }
    panic!("it never has enough");
}

fn events(store: &Store) -> Vec<Option<Vec<Event>>> {
    (0..store.block_count()).map(|block| Some(store.block(block)?.as_ref().clone())).collect()
}

/// Brings what is wanted, until the moment is reached.
fn fetch(timeline: &mut Timeline, bytes: &[u8], to: usize, most: usize) {
    for _ in 0..10_000 {
        match timeline.approach(to, most) {
            Approach::Arrived => return,
            Approach::OnTheWay => {}
            Approach::Waits => {
                let range = timeline.store().wanted(100, &[]).unwrap();
                timeline.store().put(range.start, &of(bytes, &range));
            }
        }
    }
    panic!("never there");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_any_pieces_is_the_whole(
        trace in generate::trace(read(GOLDEN).unwrap().header, 120),
        mut pieces in prop::collection::vec((0.0..1.0f64, 1..400usize), 0..40),
        seeks in prop::collection::vec((0.0..1.0f64, 1..20usize), 1..6),
    ) {
        let bytes = pscope(&trace);
        let store = begun(&bytes, 40, 20).unwrap();
        let whole = Store::open(bytes.clone()).unwrap();
        prop_assert_eq!((store.len(), store.header(), store.density()), (whole.len(), whole.header(), whole.density()));
        let all = events(&whole);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = |part: f64, of: usize| (part * of as f64) as usize;
        // Nothing is made up where nothing has come.
        pieces.push((0.0, bytes.len()));
        for (start, size) in pieces {
            for (some, all) in events(&store).iter().zip(&all) {
                prop_assert!(some.is_none() || some == all);
            }
            let start = at(start, bytes.len());
            let end = bytes.len().min(start + size);
            store.put(start.try_into().unwrap(), &bytes[start..end]);
        }
        prop_assert_eq!((events(&store), store.problems().len()), (all, 0));

        let mut jump = Timeline::open(begun(&bytes, 40, 20).unwrap());
        let mut walk = Timeline::new(&trace);
        for (to, most) in seeks {
            let to = at(to, whole.len() + 1);
            fetch(&mut jump, &bytes, to, most);
            walk.seek(to);
            prop_assert_eq!((jump.position(), jump.change()), (walk.position(), walk.change()));
            prop_assert!(jump.world().save() == walk.world().save(), "at {}", to);
        }
        while jump.explored() < jump.end() {
            if !jump.can_explore() {
                let block = jump.store().block_of(jump.explored()).unwrap();
                let range = jump.store().ahead(block, 1000, 100, &[]).unwrap();
                jump.store().put(range.start, &of(&bytes, &range));
            }
            jump.explore(5);
        }
        prop_assert_eq!(jump.steps().count(), walk.steps().count());
    }

    #[test]
    fn any_form_in_slices_is_the_whole(
        trace in generate::trace(read(GOLDEN).unwrap().header, 60),
        piece in 1..3000usize,
        slice in 1..3000usize,
        cut in prop::option::of(0.3..1.0f64),
        form in 0..3,
    ) {
        let mut text = header_line(&trace.header).unwrap();
        trace.events.iter().for_each(|event| text.push_str(&event_line(event).unwrap()));
        let mut bytes = match form {
            0 => text.into_bytes(),
            1 => gz::gzip(text.as_bytes()),
            _ => pscope(&trace),
        };
        if let Some(cut) = cut {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            bytes.truncate((cut * bytes.len() as f64) as usize);
        }
        let whole = Store::open(bytes.clone());
        let mut opening = Opening::default();
        let mut pieces = bytes.chunks(piece);
        let opened = loop {
            match opening.go_on(slice) {
                Err(why) => break Err(why),
                Ok(Opened::Store(store)) => break Ok(*store),
                Ok(Opened::GoesOn) => {}
                Ok(Opened::Waits) => match pieces.next() {
                    Some(piece) => opening.take(piece.to_vec()),
                    None => opening.end(),
                },
            }
        };
        let of = |store: &Store| (events(store), store.problems().to_vec());
        prop_assert_eq!(opened.as_ref().map(of), whole.as_ref().map(of));
    }
}

#[test]
fn a_file_without_a_sound_index_says_so() {
    let trace = read(GOLDEN).unwrap();
    let bytes = pscope(&trace);
    assert!(begun(&bytes[..bytes.len() - 1], 40, 20).is_none(), "cut off");
    let trailer = bytes.len() - 20;
    let footer = u64::from_le_bytes(*bytes[trailer..].first_chunk().unwrap());
    let mut damaged = bytes.clone();
    damaged[usize::try_from(footer).unwrap() + 60] ^= 1;
    assert!(begun(&damaged, 40, 20).is_none(), "a damaged index");
    assert!(Store::from_ends(9, b"{\"format\"", b"{\"format\"").is_err(), "no .pscope");
}

#[test]
fn damage_is_told_from_what_has_not_come() {
    let bytes = pscope(&read(GOLDEN).unwrap());
    let store = begun(&bytes, 40, 20).unwrap();
    assert_eq!((store.block(1), store.problems().len()), (None, 0));
    let range = store.wanted(1, &[]).unwrap();
    assert_eq!(store.wanted(1, std::slice::from_ref(&range)), None, "it is coming");
    let mut piece = of(&bytes, &range);
    piece[60] ^= 1;
    store.put(range.start, &piece);
    let events = store.block(1).unwrap();
    assert!(events.iter().all(|e| matches!(e.kind, EventKind::Lost(_))));
    assert_eq!((store.problems().len(), store.wanted(1, &[])), (1, None));
}
