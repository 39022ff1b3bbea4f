use super::*;
use crate::addr::Addr;
use crate::jsonl::read;
use crate::page::PageState;

const GOLDEN: &str = include_str!("../../tests/golden/v1.jsonl");
const PAGE: Addr = Addr(1 << 32);

fn state(timeline: &Timeline) -> Option<PageState> {
    timeline.world().space(4242)?.page_at(PAGE).map(|p| p.state)
}

#[test]
fn the_lesson_forwards_and_backwards() {
    let mut timeline = Timeline::new(&read(GOLDEN.as_bytes()).unwrap());
    let expected = [
        (3, None),
        (4, Some(PageState::Untouched)),
        (6, Some(PageState::Private)),
        (9, None),
        (7, Some(PageState::Private)),
        (5, Some(PageState::Untouched)),
        (0, None),
    ];
    for (position, state_there) in expected {
        timeline.seek(position);
        assert_eq!((timeline.position(), state(&timeline)), (position, state_there));
    }
    timeline.seek(usize::MAX);
    assert_eq!(timeline.position(), timeline.end());
    assert!(timeline.world().process(4242).unwrap().ended.is_some());
    assert_eq!(timeline.step_index(), Some(2));
}

/// Seeking equals replaying, for every pair of positions, changes included.
#[test]
fn seeking_equals_replaying() {
    let mut long = GOLDEN.lines().next().unwrap().to_owned();
    long.push('\n');
    for i in 0..300u64 {
        let at = 1 + (i / 2) % 7;
        let asked = format!(
            r#""asked":{{"addr":"{0:#x}","len":1}},"range":["{0:#x}","{1:#x}"]"#,
            at << 12,
            (at + 1) << 12
        );
        let kind = if i % 2 == 0 {
            format!(
                r#""kind":"map",{asked},"protection":"rw-","sharing":"private","backing":{{"type":"anonymous"}}"#
            )
        } else if i % 5 == 0 {
            format!(r#""kind":"unmap",{asked}"#)
        } else {
            format!(r#""kind":"access","access":"write","addr":"{:#x}","bytes":"2a"}}"#, at << 12)
                .trim_end_matches('}')
                .to_owned()
        };
        long.push_str(&format!("{{\"seq\":{i},\"t\":{i},\"pid\":{},\"tid\":1,{kind}}}\n", 1 + i % 3));
    }
    let trace = read(long.as_bytes()).unwrap();
    assert_eq!(trace.problems, []);
    let mut walk = Timeline::new(&trace);
    let mut jump = Timeline::with_keyframes(Store::from_trace(&trace), 16);
    jump.explore(100);
    assert_eq!(jump.series().samples().len(), 100);

    for to in (0..=300).map(|i| (i * 77) % 301) {
        jump.seek(to);
        walk.seek(0);
        while walk.position() < to {
            walk.seek(walk.position() + 1);
        }
        assert_eq!((walk.world(), walk.change()), (jump.world(), jump.change()), "at {to}");
    }
}

#[test]
fn events_are_found_in_both_directions() {
    let mut timeline = Timeline::new(&read(GOLDEN.as_bytes()).unwrap());
    let end = timeline.end();
    let map = Query { kinds: vec!["map".into()], ..Query::default() };
    assert_eq!(timeline.find(&map, 0, false, 100), Found::At(3));
    assert_eq!(timeline.find(&map, end, true, 100), Found::At(3));
    assert_eq!(timeline.find(&map, 4, false, 100), Found::Nothing);
    assert_eq!(timeline.find(&map, 0, false, 2), Found::Paused(2));
    assert_eq!(timeline.find(&map, end, true, 2), Found::Paused(end - 2));
    let page = crate::addr::Range::from_len(PAGE, 1).unwrap();
    let text = Query { within: Some(page), text: "ANONYMOUS".into(), pid: Some(4242), ..Query::default() };
    assert_eq!(timeline.find(&text, 0, false, 100), Found::At(3));
    assert_eq!(timeline.find(&Query { pid: Some(1), ..text }, 0, false, 100), Found::Nothing);
}

#[test]
fn moments_are_found_by_time_and_number() {
    let mut timeline = Timeline::new(&read(GOLDEN.as_bytes()).unwrap());
    let (fourth, fifth) = (timeline.event_at(3).unwrap(), timeline.event_at(4).unwrap());
    timeline.seek_time(fifth.time_ns);
    assert_eq!(timeline.event(), Some(fourth));
    timeline.seek_seq(fifth.seq);
    assert_eq!(timeline.event(), Some(fifth));
    timeline.seek_time(u64::MAX);
    assert_eq!(timeline.position(), timeline.end());
}

/// A walk passes every event from a keyframe on, with the world as it was, and leaves the film where it is.
#[test]
fn a_walk_sees_what_was_played() {
    let mut timeline = Timeline::new(&read(GOLDEN.as_bytes()).unwrap());
    timeline.seek(5);
    let mut walk = timeline.walk_to(4);
    let mut seen = Vec::new();
    while walk.position() < 8 {
        timeline.walk(&mut walk, 8, 3, &mut |passed| {
            seen.push((passed.position, passed.event.seq, passed.world.clone()));
        });
    }
    assert_eq!((timeline.position(), seen.len()), (5, 8));
    for (position, seq, world) in seen {
        timeline.seek(position + 1);
        assert_eq!(timeline.event().map(|e| e.seq), Some(seq));
        assert!(*timeline.world() == world, "after {position}");
    }
}
#[test]
fn another_moment_is_looked_at_without_going_there() {
    let mut timeline = Timeline::new(&read(GOLDEN.as_bytes()).unwrap());
    timeline.seek(7);
    let here = (timeline.world().clone(), timeline.change().clone());
    for at in [0, 4, 9, usize::MAX] {
        let there = timeline.world_at(at, 100).unwrap();
        assert_eq!((timeline.world(), timeline.change(), timeline.position()), (&here.0, &here.1, 7));
        let mut other = timeline.clone();
        other.seek(at);
        assert_eq!(&there, other.world(), "at {at}");
    }
}

#[test]
fn losses_and_drift_have_places() {
    let header = GOLDEN.lines().next().unwrap();
    let text = format!(
        "{header}\n{}\n{}\n{}\n",
        r#"{"seq":1,"t":1,"pid":1,"tid":1,"kind":"lost","count":0,"reason":"the ring was full"}"#,
        r#"{"seq":2,"t":2,"pid":1,"tid":1,"kind":"lost","count":7,"reason":"again"}"#,
        r#"{"seq":3,"t":3,"pid":1,"tid":1,"kind":"fault","addr":"0x5000"}"#,
    );
    let timeline = Timeline::new(&read(text.as_bytes()).unwrap());
    let troubles = timeline.troubles();
    assert_eq!((troubles.lost(), troubles.drift(), timeline.lost()), (8, 1, 8));
    let places: Vec<usize> = troubles.listed().iter().map(|(at, _)| *at).collect();
    assert_eq!(places, [1, 2, 3]);
    assert_eq!(troubles.listed()[1].1, Trouble::Lost(7, "again".to_owned()));
    assert!(matches!(troubles.listed()[2].1, Trouble::Drift(crate::model::Drift::Unmapped(_))));
}
