use super::*;
use crate::app::SidePanel;
use crate::msg::Msg as AppMsg;

const HELLO: &str = include_str!("../../gallery/hello.jsonl");

fn loaded(text: String) -> App {
    let mut app = App::default();
    app.update(AppMsg::Loaded { name: "t".into(), bytes: Ok(text.into_bytes()), autoplay: false });
    app
}

/// Works until there is nothing left to do; says in how many slices.
fn work(app: &mut App, amount: usize) -> usize {
    let mut slices = 0;
    while app.has_work() {
        app.update(AppMsg::Work(amount));
        slices += 1;
        assert!(slices < 100_000, "it never ends");
    }
    slices
}

/// A thousand events: two processes that touch pages one after the other, a mapping each hundred.
fn long() -> App {
    let mut text = HELLO.lines().next().unwrap().to_owned();
    text.push('\n');
    for i in 0..1000u64 {
        let pid = 1 + i % 2;
        let at = (i + 1) << 12;
        let kind = if i % 100 == 0 {
            format!(
                r#""kind":"map","asked":{{"addr":"0x0","len":1}},"range":["{at:#x}","{:#x}"],"protection":"rw-","sharing":"private","backing":{{"type":"file","path":"/lib/Ünïcode.so","offset":"0x0"}}"#,
                at + 4096
            )
        } else {
            format!(r#""kind":"fault","addr":"{at:#x}""#)
        };
        text.push_str(&format!("{{\"seq\":{i},\"t\":{},\"pid\":{pid},\"tid\":{pid},{kind}}}\n", i * 1000));
    }
    loaded(text)
}

#[test]
fn what_is_wanted_is_found_in_slices() {
    let range = |a: u64, b: u64| Range::new(Addr(a << 12), Addr(b << 12)).unwrap();
    // A filter, and how many of the thousand fit.
    let rows: Vec<(Vec<Msg>, Option<Range>, usize)> = vec![
        (vec![], None, 1000),
        (vec![Msg::Chip(0)], None, 10),
        (vec![Msg::Chip(0), Msg::Chip(2)], None, 1000),
        (vec![Msg::Chip(6)], None, 0),
        (vec![Msg::ThisProcess(true)], None, 500),
        (vec![Msg::Selection(true)], Some(range(10, 20)), 10),
        (vec![Msg::Selection(true)], None, 1000),
        (vec![Msg::Text("ünïCODE".into())], None, 10),
        (vec![Msg::Text("0x65000".into())], None, 1),
        (vec![Msg::Text("fault".into()), Msg::ThisProcess(true)], None, 490),
        (vec![Msg::Text("fault".into()), Msg::Clear], None, 1000),
    ];
    for (messages, selection, expected) in rows {
        let mut app = long();
        app.update(AppMsg::Select(selection));
        for msg in &messages {
            app.update(AppMsg::Events(msg.clone()));
        }
        work(&mut app, 64);
        let end = app.timeline.as_ref().unwrap().end();
        assert_eq!(app.events.rows(end), expected, "{messages:?}");
        let listed: Vec<usize> = (0..expected).filter_map(|row| app.events.event_in(row)).collect();
        assert!(listed.len() == expected && listed.is_sorted());
        for (row, index) in listed.iter().enumerate() {
            assert_eq!(app.events.row_of(*index), Some((row, true)));
        }
    }
}

#[test]
fn a_row_says_what_happened_and_what_differs() {
    let app = long();
    let rows = rows(&app, 99, 3);
    let said: Vec<_> = rows
        .iter()
        .map(|r| {
            (
                r.moment,
                r.time.as_str(),
                r.pid,
                r.kind.as_str(),
                r.addr.0.as_str(),
                r.addr.1.as_str(),
                r.text.as_str(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (100, "0.000099", 2, "fault", "0x6", "4000", ""),
            (101, "0.000100", 1, "map", "0x6", "5000", "Ünïcode.so rw-p 4 KiB"),
            (102, "0.000101", 2, "fault", "0x6", "6000", ""),
        ]
    );
    assert!(rows.iter().all(|r| !r.current));
    assert!(super::rows(&app, 0, 1)[0].current, "the first position is after the first event");
    assert_eq!(super::rows(&app, 998, 40).len(), 2, "the list ends");
}

#[test]
fn the_next_match_and_the_one_before() {
    let mut app = long();
    app.update(AppMsg::Events(Msg::Chip(0)));
    let mut seen = Vec::new();
    for back in [false, false, false, true, true, true] {
        app.update(AppMsg::Events(Msg::Next { back }));
        work(&mut app, 10);
        seen.push(app.position());
    }
    assert_eq!(seen, [101, 201, 301, 201, 101, 1]);
    app.update(AppMsg::Events(Msg::Next { back: true }));
    work(&mut app, 10);
    assert_eq!((app.position(), app.notice.as_str()), (1, "There is no other one in this direction."));
    for (by, position) in [(1, 101), (3, 401), (-2, 201), (isize::MAX / 2, 901), (isize::MIN / 2, 1)] {
        app.update(AppMsg::Events(Msg::Step(by)));
        assert_eq!(app.position(), position, "{by}");
    }
    app.update(AppMsg::Seek(150));
    for (by, position) in [(1, 201), (-1, 101)] {
        app.update(AppMsg::Seek(150));
        app.update(AppMsg::Events(Msg::Step(by)));
        assert_eq!(app.position(), position, "between two rows");
    }
}

#[test]
fn the_list_follows_what_is_asked() {
    let mut app = long();
    app.update(AppMsg::Events(Msg::Find));
    assert_eq!((app.side, app.events.asked), (SidePanel::Events, 1));
    app.update(AppMsg::Events(Msg::ThisProcess(true)));
    work(&mut app, 100);
    assert_eq!(app.events.event_in(0), Some(0), "process 1, of the event that is shown");
    app.update(AppMsg::Seek(5));
    app.update(AppMsg::Process(Some(2)));
    app.update(AppMsg::Work(1));
    assert!(app.events.found(1000).ends_with("% looked through"), "{}", app.events.found(1000));
    work(&mut app, 100);
    assert_eq!((app.events.event_in(0), app.events.found(1000).as_str()), (Some(1), "500 of 1,000 events"));
    app.update(AppMsg::Events(Msg::Text("x".repeat(5000))));
    assert_eq!(app.events.filter.text.len(), MAX_TEXT);
}

#[test]
fn every_kind_belongs_to_a_chip() {
    for name in EventKind::NAMES {
        assert_eq!(CHIPS.iter().filter(|(_, kinds)| kinds.contains(name)).count(), 1, "{name}");
    }
}
