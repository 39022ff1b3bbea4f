//! The interchange form: what is written is read again, and damage costs only what is damaged.

// Tests fail by panicking; clippy does not know the wasm ones for tests.
#![allow(clippy::unwrap_used, clippy::panic)]

use pagescope_shared::event::EventKind;
use pagescope_shared::jsonl::{event_line, header_line, read};
use pagescope_shared::trace::{ReadError, Reason};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_browser);

const GOLDEN: &str = include_str!("golden/v1.jsonl");
const DOCUMENT: &str = include_str!("../../docs/trace-format.md");

fn line(number: usize) -> &'static str {
    GOLDEN.split_inclusive('\n').nth(number - 1).unwrap_or_default()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn golden_v1_is_written_again_byte_for_byte() {
    let trace = read(GOLDEN.as_bytes()).unwrap();
    assert_eq!(trace.problems, []);
    assert_eq!(trace.events.len(), GOLDEN.lines().count() - 1);
    let mut again = header_line(&trace.header).unwrap();
    for event in &trace.events {
        again.push_str(&event_line(event).unwrap());
    }
    for (is, was) in again.lines().zip(GOLDEN.lines()) {
        assert_eq!(is, was);
    }
    assert_eq!(again, GOLDEN);
}

#[test]
fn every_kind_is_in_the_golden_trace_and_in_the_document() {
    let trace = read(GOLDEN.as_bytes()).unwrap();
    for kind in EventKind::NAMES {
        assert!(trace.events.iter().any(|e| e.kind.name() == *kind), "{kind} is not in the golden trace");
        assert!(DOCUMENT.contains(&format!("\n| `{kind}` | ")), "{kind} is not in docs/trace-format.md");
    }
}

#[test]
fn the_document_s_example_is_a_trace() {
    let example = DOCUMENT.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let trace = read(example.as_bytes()).unwrap();
    assert_eq!((trace.problems.len(), trace.header.lesson), (0, None));
    assert_eq!(event_line(&trace.events[0]).unwrap(), example.split_inclusive('\n').nth(1).unwrap());
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn unknown_fields_and_kinds_are_kept() {
    let trace = read(GOLDEN.as_bytes()).unwrap();
    assert_eq!(trace.header.extra["weather"], "fine");
    assert_eq!(trace.events[3].extra.fields().unwrap()["color"], "blue");
    assert_eq!(trace.events[7].kind, EventKind::Other(Box::new("earthquake".to_owned())));
    assert_eq!(trace.events[7].extra.fields().unwrap()["where"]["x"], 1);
    let EventKind::Failed(failed) = &trace.events[36].kind else { panic!("36 is {:?}", trace.events[36]) };
    assert_eq!(failed.asked.flags.unknown(), ["MREMAP_SIDEWAYS"]);
    // Inside an object they are not.
    let inside = line(5).replace("\"len\":4096", "\"len\":4096,\"color\":\"red\"");
    let trace = read(format!("{}{inside}", line(1)).as_bytes()).unwrap();
    assert_eq!(event_line(&trace.events[0]).unwrap(), line(5));
}

/// Where `usize` has 32 bits too, page 2^20 stands at 2^32.
#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn the_golden_trace_replays() {
    use pagescope_shared::addr::Addr;
    use pagescope_shared::page::PageState::{Private, Untouched};
    let mut timeline = pagescope_shared::timeline::Timeline::new(&read(GOLDEN.as_bytes()).unwrap());
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
fn the_golden_trace_replays_without_drift() {
    let trace = read(GOLDEN.as_bytes()).unwrap();
    let mut world = pagescope_shared::world::World::new(trace.header.page_size);
    let mut change = pagescope_shared::model::Change::default();
    for event in &trace.events {
        world.apply(event, &mut change);
        assert_eq!(change.drift, [], "at {event:?}");
    }
}

/// Three lines at a time: the header, an event, and the one that is cut.
#[test]
fn cut_at_every_byte() {
    let header = line(1).len() - 1;
    for number in 2..GOLDEN.lines().count() {
        let text = [line(1), line(number), line(number + 1)].concat();
        let whole = read(text.as_bytes()).unwrap();
        let start = if number == 2 { 0 } else { line(1).len() + line(number).len() };
        for cut in start..text.len() {
            let bytes = &text.as_bytes()[..cut];
            match read(bytes) {
                Err(ReadError::Empty | ReadError::NoHeader(_)) => {
                    assert!(cut < header, "header lost at {cut}");
                }
                Err(e) => panic!("cut at {cut}: {e}"),
                Ok(trace) => {
                    assert!(whole.events.starts_with(&trace.events), "cut at {cut}");
                    let lines = bytes.iter().filter(|&&b| b == b'\n').count();
                    assert!(trace.events.len() + 1 >= lines, "cut at {cut} loses whole lines");
                    assert!(
                        trace.problems.iter().all(|p| p.reason == Reason::Torn),
                        "cut at {cut} of {number}: {:?}",
                        trace.problems
                    );
                    assert!(trace.problems.len() <= 1);
                }
            }
        }
    }
}

/// Four lines at a time: the header, the event that is damaged, and its neighbours.
#[test]
fn a_flipped_byte_costs_one_line_at_most() {
    for number in 3..GOLDEN.lines().count() {
        let text = [line(1), line(number - 1), line(number), line(number + 1)].concat();
        let start = line(1).len() + line(number - 1).len();
        for at in start..start + line(number).len() {
            for bit in [0x01, 0x20, 0x80] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= bit;
                let trace = read(&bytes).unwrap();
                // A flipped line break joins two lines; a flipped sequence number may push a neighbour out.
                let lost = 3 - trace.events.len().min(3);
                assert!(
                    lost <= 1
                        || bytes[at] == b'\n' ^ bit
                        || trace.problems.iter().any(|p| { matches!(p.reason, Reason::OutOfOrder { .. }) }),
                    "byte {at} bit {bit:#x} of line {number} loses {lost}"
                );
            }
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
            "line 2: the file ends in the middle of it",
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
