use super::*;
use crate::msg::Msg;
use crate::pages;
use crate::pages::level::Room;
use crate::palette::Fill;
use pagescope_shared::addr::{Addr, PageSize};

const HELLO: &str = include_str!("../../gallery/hello.jsonl");

fn app_at(step: usize) -> App {
    let mut app = App::default();
    app.update(Msg::ReducedMotion(true));
    app.update(Msg::Loaded { name: "hello.jsonl".into(), bytes: Ok(HELLO.into()), autoplay: false });
    app.update(Msg::Pages(pages::Msg::Room(Room { width: 640.0, height: 480.0, ratio: 1.0, large: false })));
    app.update(Msg::GoToStep(step));
    app
}

fn at(step: usize) -> View {
    view(&app_at(step))
}

/// The rows of the column of regions, at most so many.
fn rows_at(step: usize, max: usize) -> Vec<Row> {
    let app = app_at(step);
    let timeline = app.timeline.as_ref().unwrap();
    let space = timeline.world().space(timeline.event().unwrap().pid).unwrap();
    let subject = subject(timeline).map(|s| s.range);
    rows(app.pages.outline(), space, subject, timeline.change(), max)
}

fn regions(rows: Vec<Row>) -> Vec<Region> {
    rows.into_iter().filter_map(|r| if let Row::Region(region) = r { Some(region) } else { None }).collect()
}

fn facts(view: &View) -> Vec<String> {
    view.event.facts.iter().map(|f| format!("{}: {}", f.label, f.text)).collect()
}

#[test]
fn every_step_says_what_happened() {
    let rows = [
        (0, "read /proc/PID/maps", "", "pages of this process"),
        (1, "mmap(0x100000000, 4,096, …)", "asked: 4,096 bytes at 0x100000000", "untouched, observed"),
        (2, "write 14 bytes at 0x100000000", "bytes: \"Hello, world!\\0\"", "private, observed, frame 0x"),
        (3, "read 14 bytes at 0x100000000", "bytes: \"Hello, world!\\0\"", "private, observed"),
        (4, "munmap(0x100000000, 1,024)", "kernel: unmapped 4,096 bytes (1 page)", "not mapped"),
    ];
    for (step, headline, fact, description) in rows {
        let view = at(step);
        assert_eq!(view.event.headline, headline);
        assert!(fact.is_empty() || facts(&view).iter().any(|f| f == fact), "{step}: {:?}", facts(&view));
        assert!(view.stage.description.contains(description), "{step}: {}", view.stage.description);
        assert_eq!((view.stop, view.told), (Some(step), true));
        assert_eq!(view.teller, format!("Step {} of 6", step + 1));
    }
}

#[test]
fn the_new_page_stands_in_its_place_among_the_others() {
    let names = |regions: &[Region]| regions.iter().map(|r| (r.range.start(), r.subject)).collect::<Vec<_>>();
    let [before, with, after] = [0, 1, 4].map(|step| regions(rows_at(step, 100)));
    assert_eq!(with.len(), before.len() + 1);
    assert_eq!(names(&with).last(), Some(&(Addr(1 << 32), true)), "lowest address, last row");
    assert_eq!(names(&after), names(&before));
    let shares = &with.last().unwrap().shares;
    assert_eq!(shares.as_slice(), [Share { fill: Fill::Untouched, pages: 1 }]);
}

#[test]
fn rows_join_but_the_subject_and_the_bytes_stay() {
    let bytes: u64 = regions(rows_at(1, 1000)).iter().map(|r| r.bytes).sum();
    for max in [3, 5, 8, 100] {
        let regions = regions(rows_at(1, max));
        assert!(regions.len() <= max.max(3));
        assert_eq!(regions.iter().map(|r| r.bytes).sum::<u64>(), bytes, "nothing vanishes");
        assert!(regions.iter().any(|r| r.subject && r.bytes == 4096));
    }
    assert!(rows_at(1, 100).contains(&Row::KernelHalf), "vsyscall lies beyond user space");
}

#[test]
fn what_is_missing_is_said() {
    assert_eq!(at(5).caveat, "");
    let without = HELLO.replace("\"page-states\"", "\"other\"");
    let torn = &without[..without.len() - 30];
    let mut app = App::default();
    app.update(Msg::Loaded { name: "x".into(), bytes: Ok(torn.into()), autoplay: false });
    let caveat = view(&app).caveat;
    assert!(caveat.contains("are inferred") && caveat.contains("stopped before its end"), "{caveat}");
}

/// Every kind of event is told: on one line, as call and facts, and as a sentence.
#[test]
fn every_kind_of_event_is_told() {
    let golden = include_str!("../../../shared/tests/golden/v1.jsonl");
    let (header, events) = golden.split_once('\n').unwrap();
    let mut header: String = header.to_owned();
    // Where nobody tells a lesson, the events tell themselves.
    header = header.replace("\"lesson\":{", "\"no_lesson\":{");
    let more = [
        r#""kind":"thread","thread":9"#,
        r#""kind":"sync","asked":{"addr":"0x5000","len":1},"range":["0x5000","0x6000"]"#,
        r#""kind":"lost","count":3,"reason":"the ring was full""#,
        r#""kind":"future","x":1"#,
    ];
    let mut text = format!("{header}\n{events}");
    for (i, fields) in more.iter().enumerate() {
        text.push_str(&format!("{{\"seq\":{},\"t\":99,\"pid\":1,\"tid\":1,{fields}}}\n", 900_000 + i));
    }
    let mut app = App::default();
    app.update(Msg::Loaded { name: "t".into(), bytes: Ok(text.into_bytes()), autoplay: false });
    let end = app.timeline.as_ref().unwrap().end();
    let mut kinds = std::collections::BTreeSet::new();
    for position in 1..=end {
        app.update(Msg::Seek(position));
        let view = view(&app);
        let event = app.timeline.as_ref().unwrap().event().unwrap();
        let (_, line) = event_line(&event.kind, PageSize::FOUR_KIB);
        assert!(!line.is_empty() || event.kind.name() == "fault", "{}", event.kind.name());
        assert!(!view.step_title.is_empty() && !view.teller.is_empty(), "{}: {view:?}", event.kind.name());
        assert!(!view.spoken(&app).is_empty());
        kinds.insert(event.kind.name().to_owned());
    }
    assert!(kinds.len() > 15, "{kinds:?}");
}

/// Cause, change and effect of calls that cut, join and move mappings.
#[test]
fn what_became_of_mappings_is_told() {
    let asked = |from: u64, to: u64| {
        format!(r#""asked":{{"addr":"{from:#x}","len":{}}},"range":["{from:#x}","{to:#x}"]"#, to - from)
    };
    let map = |from, to| {
        format!(
            r#""kind":"map",{},"protection":"rw-","sharing":"private","backing":{{"type":"anonymous"}}"#,
            asked(from, to)
        )
    };
    // Events one after the other, what the last one says.
    let rows: [(Vec<String>, &str); 5] = [
        (vec![map(0x1000, 0x5000), format!(r#""kind":"unmap",{}"#, asked(0x2000, 0x3000))], "is split at"),
        (
            vec![
                map(0x1000, 0x5000),
                format!(r#""kind":"protect",{},"protection":"r--""#, asked(0x4000, 0x5000)),
            ],
            "is r--p now",
        ),
        (vec![map(0x1000, 0x2000), map(0x2000, 0x3000)], "0x1000-0x3000"),
        (
            vec![map(0x1000, 0x5000), format!(r#""kind":"unmap",{}"#, asked(0x1000, 0x5000))],
            "gone: 0x1000-0x5000",
        ),
        (
            vec![map(0x1000, 0x5000), r#""kind":"fault","addr":"0x9000""#.to_owned()],
            "no mapping is known there",
        ),
    ];
    for (events, expected) in rows {
        let mut text = HELLO.lines().next().unwrap().to_owned() + "\n";
        for (i, fields) in events.iter().enumerate() {
            text.push_str(&format!("{{\"seq\":{i},\"t\":{i},\"pid\":1,\"tid\":1,{fields}}}\n"));
        }
        let mut app = App::default();
        app.update(Msg::Loaded { name: "t".into(), bytes: Ok(text.into_bytes()), autoplay: false });
        app.update(Msg::End);
        let said = facts(&view(&app));
        assert!(said.iter().any(|fact| fact.contains(expected)), "{expected} in {said:?}");
    }
}
