//! The recording form, damaged in every way.

// The rows are many; they are for one machine.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use pagescope_shared::event::Event;
use pagescope_shared::header::Header;
use pagescope_shared::model::Change;
use pagescope_shared::pscope::{Encoder, FRAME_BYTES, Options, TRAILER_BYTES, footer_offset};
use pagescope_shared::store::Store;
use pagescope_shared::trace::{Place, Reason, Trace, read};
use pagescope_shared::world::World;

const TEXT: &str = include_str!("golden/v1.jsonl");
const GOLDEN: &[u8] = include_bytes!("golden/v1.pscope");
/// Events a block, in the golden file.
const BLOCK: usize = 6;

fn golden() -> Trace {
    read(TEXT.as_bytes()).unwrap()
}

fn encoded(header: &Header, events: &[Event], options: Options) -> Vec<u8> {
    let mut encoder = Encoder::new(header, options).unwrap();
    events.iter().for_each(|event| encoder.push(event).unwrap());
    let mut bytes = encoder.take();
    bytes.extend(encoder.finish());
    bytes
}

fn all(store: &Store) -> Vec<Event> {
    (0..store.block_count()).flat_map(|block| store.block(block).unwrap().as_ref().clone()).collect()
}

/// Writes the golden file anew where the environment says so: for a new version of the format.
#[test]
fn golden_v1_holds_what_its_text_holds() {
    let options = Options { block_events: 6, ..Options::default() };
    if std::env::var_os("PAGESCOPE_BLESS").is_some() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let bytes = encoded(&golden().header, &golden().events, options);
        std::fs::write(root.join("tests/golden/v1.pscope"), &bytes).unwrap();
        // A fuzzer gets further with what is not compressed.
        let plain = encoded(&golden().header, &golden().events, Options { compression: 0, ..options });
        std::fs::write(root.join("../fuzz/corpus/pscope/plain.pscope"), plain).unwrap();
    }
    assert_eq!(read(GOLDEN).unwrap(), golden());
    let store = Store::open(GOLDEN.to_vec()).unwrap();
    assert_eq!(all(&store), golden().events);
    assert_eq!(store.density().columns().iter().map(|c| c.events).sum::<u64>(), 46);
    assert!(store.keyframe_before(usize::MAX).is_some());
    // What is written today is the same, whatever the compressor makes of it.
    let plain = Options { compression: 0, ..options };
    assert_eq!(read(&encoded(&golden().header, &golden().events, plain)).unwrap(), golden());
}

#[test]
fn who_follows_the_events_anyway_writes_the_same() {
    let Trace { header, events, .. } = golden();
    let options = Options { block_events: 6, ..Options::default() };
    let mut encoder = Encoder::new(&header, options).unwrap();
    let mut world = World::new(header.page_size);
    let mut bytes = Vec::new();
    for event in &events {
        world.apply(event, &mut Change::default());
        encoder.push_followed(event, &world).unwrap();
        bytes.extend(encoder.take());
    }
    encoder.flush_followed(&world);
    bytes.extend(encoder.take());
    bytes.extend(encoder.finish());
    assert!(bytes == encoded(&header, &events, options));
}

#[test]
fn cut_at_every_byte_it_keeps_every_whole_block() {
    let head = read_head_len();
    let events = golden().events;
    let mut most = 0;
    for cut in 0..GOLDEN.len() {
        let Ok(trace) = read(&GOLDEN[..cut]) else {
            assert!(cut < head, "refused at {cut}");
            continue;
        };
        assert!(cut >= head && events.starts_with(&trace.events), "cut at {cut}");
        assert!(
            trace.events.len() >= most && trace.events.len().is_multiple_of(BLOCK)
                || trace.events.len() == 46
        );
        most = trace.events.len();
        assert!(trace.problems.iter().any(|p| p.reason == Reason::Unfinished) || most == 46, "cut at {cut}");
        assert!(
            !trace.problems.is_empty() || cut > GOLDEN.len() - TRAILER_BYTES,
            "cut at {cut} tells nothing"
        );
        for problem in &trace.problems {
            let Place::Byte(at) = problem.place else { panic!("{problem}") };
            assert!(usize::try_from(at).unwrap() <= cut, "{problem}");
        }
        let store = Store::open(GOLDEN[..cut].to_vec()).unwrap();
        assert_eq!(all(&store), trace.events);
    }
    assert_eq!(most, 46);
}

/// Where the first block begins.
fn read_head_len() -> usize {
    let stored = u32::from_le_bytes(*GOLDEN[12 + 8..].first_chunk().unwrap());
    12 + FRAME_BYTES + usize::try_from(stored).unwrap()
}

#[test]
fn a_flipped_byte_costs_one_block_at_most_and_is_told() {
    let head = read_head_len();
    let events = golden().events;
    let mut bytes = GOLDEN.to_vec();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80] {
            bytes[at] ^= flip;
            match read(&bytes) {
                Err(_) => assert!(at < head, "refused for byte {at}"),
                Ok(trace) => {
                    assert!(at >= head, "byte {at} is of no use");
                    let lost = events.len() - trace.events.len();
                    assert!(lost <= BLOCK, "byte {at} costs {lost} events");
                    assert!(trace.events.iter().all(|e| events.contains(e)), "byte {at} invents events");
                    assert!(!trace.problems.is_empty(), "byte {at} is not missed");
                    let missing = trace.problems.iter().any(|p| matches!(p.reason, Reason::Missing(6 | 4)));
                    assert_eq!(missing, lost > 0, "byte {at}: {:?}", trace.problems);
                }
            }
            bytes[at] ^= flip;
        }
    }
}

#[test]
fn what_stands_between_frames_is_skipped() {
    let head = read_head_len();
    let mut bytes = GOLDEN[..head].to_vec();
    bytes.extend(b"\xb5PSF and then something else");
    bytes.extend(&GOLDEN[head..]);
    let trace = read(&bytes).unwrap();
    assert_eq!(trace.events, golden().events);
    let places: Vec<_> = trace.problems.iter().map(|p| p.place).collect();
    assert_eq!(places, [Place::Byte(u64::try_from(head).unwrap())]);
}

#[test]
fn the_trailer_says_where_the_footer_is() {
    let trailer = &GOLDEN[GOLDEN.len() - TRAILER_BYTES..];
    let offset = usize::try_from(footer_offset(trailer).unwrap()).unwrap();
    assert_eq!((&GOLDEN[offset..offset + 4], GOLDEN[offset + 4]), (&b"\xb5PSF"[..], b'F'));
    assert_eq!(footer_offset(&trailer[1..]), None);
}

#[test]
fn a_newer_version_is_refused() {
    let mut bytes = GOLDEN.to_vec();
    bytes[8] = 9;
    let text = read(&bytes).unwrap_err().to_string();
    assert!(text.contains("version 9") && text.contains("newer pagescope"), "{text}");
}
