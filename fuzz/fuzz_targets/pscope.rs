//! The reader of the recording form: never a panic, whole and block by block the same, and what it reads it writes and
//! reads again. Checksums are taken for right here.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pagescope_shared::pscope::{Encoder, Options, read};
use pagescope_shared::store::Store;

fuzz_target!(|bytes: &[u8]| {
    let Ok(trace) = read(bytes) else { return };
    if pagescope_shared::pscope::is_pscope(bytes) {
        let store = Store::open(bytes.to_vec()).expect("what was read whole");
        let mut events = Vec::new();
        for block in 0..store.block_count() {
            let found = store.block(block).expect("a block of the index");
            assert_eq!(store.block_start(block) + found.len(), store.block_start(block + 1));
            events.extend(found.iter().cloned());
        }
        assert_eq!(events.len(), store.len());
        if trace.problems.is_empty() {
            assert_eq!(events, trace.events);
        }
        for at in [0, store.len() / 2, store.len()] {
            let _ = store.keyframe(at);
            let _ = store.find_seq(u64::try_from(at).unwrap_or(0));
        }
    }
    let mut encoder = Encoder::new(&trace.header, Options::default()).expect("a header that was read");
    let mut kept = Vec::new();
    for event in &trace.events {
        // Across blocks that contradict one another sequence numbers need not count up.
        if encoder.push(event).is_ok() {
            kept.push(event.clone());
        }
    }
    let again = read(&encoder.finish()).expect("what was written");
    assert_eq!(again.problems, []);
    assert_eq!((again.header, again.events), (trace.header, kept));
});
