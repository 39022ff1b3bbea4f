//! The interchange form: what is written is read again, and damage costs only what is damaged.

// Tests fail by panicking; clippy does not know the wasm ones for tests.
#![allow(clippy::unwrap_used, clippy::panic)]

use pagescope_shared::event::EventKind;
use pagescope_shared::jsonl::{event_line, header_line, read};
use pagescope_shared::trace::{Place, ReadError, Reason};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_browser);

const GOLDEN: &str = include_str!("golden/v1.jsonl");

fn line(number: usize) -> &'static str {
    GOLDEN.split_inclusive('\n').nth(number - 1).unwrap_or_default()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn golden_v1_is_written_again_byte_for_byte() {
    let trace = read(GOLDEN.as_bytes()).unwrap();
    assert_eq!(trace.problems, []);
    assert_eq!(trace.events.len(), 13);
    let mut again = header_line(&trace.header).unwrap();
    for event in &trace.events {
        again.push_str(&event_line(event).unwrap());
    }
    for (is, was) in again.lines().zip(GOLDEN.lines()) {
        assert_eq!(is, was);
    }
    assert_eq!(again, GOLDEN);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn unknown_fields_and_kinds_are_kept() {
    let trace = read(GOLDEN.as_bytes()).unwrap();
    assert_eq!(trace.header.extra["weather"], "fine");
    assert_eq!(trace.events[3].extra.fields().unwrap()["color"], "blue");
    assert_eq!(trace.events[7].kind, EventKind::Other(Box::new("earthquake".to_owned())));
    assert_eq!(trace.events[7].extra.fields().unwrap()["where"]["x"], 1);
}

/// Where `usize` has 32 bits too, page 2^20 stands at 2^32.
#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn the_golden_trace_replays() {
    use pagescope_shared::addr::Addr;
    use pagescope_shared::page::PageState::{Private, Untouched};
    let mut timeline = pagescope_shared::timeline::Timeline::new(&read(GOLDEN.as_bytes()).unwrap()).unwrap();
    for (position, expected) in [(4, Some(Untouched)), (7, Some(Private)), (9, None), (5, Some(Untouched))] {
        timeline.seek(position);
        let space = timeline.world().space(4242).unwrap();
        assert_eq!(space.page_at(Addr(1 << 32)).map(|p| p.state), expected, "at {position}");
        assert_eq!(
            space.mapping_at(Addr(0x5555_5555_7fff)).map(|m| m.permissions()).as_deref(),
            Some("r-xp")
        );
    }
}

#[test]
fn cut_at_every_byte() {
    let whole = read(GOLDEN.as_bytes()).unwrap();
    let header = line(1).len() - 1;
    for cut in 0..GOLDEN.len() {
        let bytes = &GOLDEN.as_bytes()[..cut];
        match read(bytes) {
            Err(ReadError::Empty | ReadError::NoHeader(_)) => assert!(cut < header, "header lost at {cut}"),
            Err(e) => panic!("cut at {cut}: {e}"),
            Ok(trace) => {
                assert!(whole.events.starts_with(&trace.events), "cut at {cut}");
                let lines = bytes.iter().filter(|&&b| b == b'\n').count();
                assert!(trace.events.len() + 1 >= lines, "cut at {cut} loses whole lines");
                assert!(
                    trace.problems.iter().all(|p| p.reason == Reason::Torn),
                    "cut at {cut}: {:?}",
                    trace.problems
                );
                assert!(trace.problems.len() <= 1);
            }
        }
    }
}

#[test]
fn a_flipped_byte_costs_one_line_at_most() {
    let count = read(GOLDEN.as_bytes()).unwrap().events.len();
    let start = line(1).len();
    for at in start..GOLDEN.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut bytes = GOLDEN.as_bytes().to_vec();
            bytes[at] ^= bit;
            let trace = read(&bytes).unwrap();
            // A flipped line break joins two lines; a flipped sequence number may push a neighbour out.
            let lost = count - trace.events.len().min(count);
            assert!(
                lost <= 2 || trace.problems.iter().any(|p| matches!(p.reason, Reason::OutOfOrder { .. })),
                "byte {at} bit {bit:#x} loses {lost}"
            );
        }
    }
}

#[test]
fn problems_say_where_and_why() {
    let rows: [(&str, &str); 9] = [
        ("nonsense\n", "line 2: expected"),
        ("[1,2]\n", "line 2: invalid type"),
        ("{\"seq\":0}\n", "line 2: missing field `t`"),
        ("{\"seq\":-1,\"t\":0,\"pid\":1,\"tid\":1,\"kind\":\"end\",\"count\":0}\n", "line 2: invalid value"),
        (
            "{\"seq\":0,\"t\":0,\"pid\":1,\"tid\":1,\"kind\":\"unmap\",\"asked\":{\"addr\":\"0x0\",\"len\":1},\"range\":[\"0x1000\",\"0x1800\"]}\n",
            "line 2: a range that is not in whole pages",
        ),
        (
            "{\"seq\":0,\"t\":0,\"pid\":1,\"tid\":1,\"kind\":\"unmap\",\"asked\":{\"addr\":\"0x0\",\"len\":1},\"range\":[\"0x2000\",\"0x1000\"]}\n",
            "line 2: the range 0x2000 to 0x1000 is empty or runs backwards",
        ),
        (
            "{\"seq\":0,\"t\":0,\"pid\":1,\"tid\":1,\"kind\":\"observed\",\"range\":[\"0x1000\",\"0x2000\"],\"source\":\"pagemap\",\"runs\":[{\"pages\":2,\"state\":\"private\"}]}\n",
            "line 2: more page states than",
        ),
        (
            "{\"seq\":0,\"t\":0,\"pid\":1,\"tid\":1,\"kind\":\"access\",\"access\":\"read\",\"addr\":\"0x0\",\"bytes\":\"4\"}\n",
            "line 2: bytes are written as pairs",
        ),
        (
            "{\"seq\":0,\"t\":0,\"pid\":1,\"tid\":1,\"kind\":\"end\",\"count\":0",
            "line 2: the file ends in the middle of this line",
        ),
    ];
    for (bad, expected) in rows {
        let trace = read(format!("{}{bad}", line(1)).as_bytes()).unwrap();
        let said: Vec<_> = trace.problems.iter().map(ToString::to_string).collect();
        assert!(said.len() == 1 && said[0].starts_with(expected), "{bad} said {said:?}");
    }
}

#[test]
fn headers_that_are_refused() {
    let newer = line(1).replace("\"version\":1", "\"version\":2");
    let other = line(1).replace("pagescope-trace", "elf");
    for (bytes, expected) in [
        ("", "the trace is empty"),
        ("\n", "the trace is empty"),
        (newer.as_str(), "format version 2"),
        (other.as_str(), "its format is \"elf\""),
        ("\u{7f}ELF", "line 1 is not the header"),
        ("{\"format\":\"pagescope-trace\",\"version\":1}", "missing field"),
    ] {
        let said = read(bytes.as_bytes()).unwrap_err().to_string();
        assert!(said.contains(expected), "{bytes:?} said {said}");
    }
}
