//! The reader of the interchange form: never a panic, and what it reads it writes and reads again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pagescope_shared::jsonl::{event_line, header_line, read};

fuzz_target!(|bytes: &[u8]| {
    let Ok(trace) = read(bytes) else { return };
    let mut again = header_line(&trace.header).expect("a header that was read");
    for event in &trace.events {
        again.push_str(&event_line(event).expect("an event that was read"));
    }
    let twice = read(again.as_bytes()).expect("what was written");
    assert_eq!(twice.problems, []);
    assert_eq!((twice.header, twice.events), (trace.header, trace.events));
});
