use super::*;
use crate::msg::Msg as AppMsg;

const HELLO: &str = include_str!("../../gallery/hello.jsonl");

fn app(text: &str) -> App {
    let mut app = App::default();
    app.update(AppMsg::Loaded { name: "t".into(), bytes: Ok(text.as_bytes().to_vec()), autoplay: false });
    app
}

fn found(app: &App, kind: Kind, typed: &str) -> Vec<Item> {
    let open = Overlay::open(kind, app).typed(typed, app);
    (0..open.len()).filter_map(|row| open.item(app, row)).collect()
}

#[test]
fn the_palette_finds_commands_and_places() {
    let app = app(HELLO);
    // What is typed; the first row that fits, and where it leads.
    let rows = [
        ("next ev", "Next event", Go::Command("next-event")),
        ("7", "Event 7", Go::Moment(7)),
        ("give back", "Give back 1,024 bytes", Go::Moment(app.timeline.as_ref().unwrap().step_end(4))),
        (
            "no such thing at all",
            "Find “no such thing at all” among the events",
            Go::Find("no such thing at all".into()),
        ),
    ];
    for (typed, label, go) in rows {
        let items = found(&app, Kind::Finder, typed);
        assert_eq!((items[0].label.as_str(), items[0].go.as_ref()), (label, Some(&go)), "{typed}");
    }
    let libc = found(&app, Kind::Finder, "libc.so");
    assert_eq!((libc[0].label.as_str(), libc[0].end.as_str()), ("libc.so.6", "mapping"));
    let again = libc.iter().filter(|item| item.label == "libc.so.6").count();
    assert_eq!(again, 1, "one file is one row");
    let page = found(&app, Kind::Finder, "0x100000abc");
    assert!(
        matches!(&page[0].go, Some(Go::Range(range)) if range.start().0 == 1 << 32 && range.bytes() == 4096)
    );
    assert_eq!(found(&app, Kind::Finder, "0.5s")[0].end, "moment");
    let all = found(&App::default(), Kind::Finder, "");
    assert!(all.iter().any(|item| item.label == "Light or dark") && all.iter().all(|item| item.go.is_some()));
}

#[test]
fn a_choice_is_made_by_its_messages() {
    let mut app = app(HELLO);
    app.update(AppMsg::Overlay(Msg::Open(Kind::Finder)));
    app.update(AppMsg::Overlay(Msg::Text("7".into())));
    app.update(AppMsg::Overlay(Msg::Move(-5)));
    let open = app.overlay.as_ref().unwrap();
    let go = open.item(&app, open.marked).unwrap().go.unwrap();
    app.update(AppMsg::Overlay(Msg::Close));
    go.messages().into_iter().for_each(|msg| app.update(msg));
    assert_eq!((app.position(), app.overlay.is_none()), (7, true));
}

#[test]
fn every_command_with_a_key_stands_in_the_help() {
    for talk in [false, true] {
        let all = help(talk);
        let rows: usize = all.iter().map(|group| group.rows.len()).sum();
        assert_eq!(rows, crate::commands::ALL.iter().filter(|c| !c.keys.is_empty()).count());
        assert_eq!(all.first().is_some_and(|group| group.name == "In a talk"), talk);
    }
}

/// A trace of forks: who makes whom.
fn forks(pairs: &[(u32, u32)]) -> String {
    let mut text = HELLO.lines().next().unwrap().to_owned();
    text.push('\n');
    for (i, (parent, child)) in pairs.iter().enumerate() {
        text.push_str(&format!(
            "{{\"seq\":{i},\"t\":{i},\"pid\":{parent},\"tid\":{parent},\"kind\":\"fork\",\"child\":{child},\"memory\":\"copied\"}}\n"
        ));
    }
    text
}

#[test]
fn processes_stand_under_who_made_them() {
    let mut app = app(&forks(&[(1, 5), (1, 2), (2, 3), (3, 4)]));
    app.update(AppMsg::End);
    let rows = |app: &App, typed: &str| -> Vec<(String, u8)> {
        found(app, Kind::Processes, typed).into_iter().skip(1).map(|item| (item.end, item.depth)).collect()
    };
    let tree: Vec<(String, u8)> =
        [("1", 0), ("2", 1), ("3", 2), ("4", 3), ("5", 1)].map(|(pid, depth)| (pid.into(), depth)).into();
    assert_eq!(rows(&app, ""), tree);
    assert_eq!(rows(&app, "5"), [("5".to_owned(), 0)]);
    app.update(AppMsg::Process(Some(3)));
    assert_eq!(Overlay::open(Kind::Processes, &app).marked, 3);
    let first = Overlay::open(Kind::Processes, &app).item(&app, 0).unwrap();
    assert_eq!((first.label.as_str(), first.current), ("Follow the events", false));
    app.update(AppMsg::Process(None));
    assert_eq!(Overlay::open(Kind::Processes, &app).marked, 0);
}

/// A hostile trace: everybody is everybody's parent, and there are very many.
#[test]
fn rings_and_crowds_are_listed() {
    let mut ring = app(&forks(&[(1, 2), (2, 1), (1, 3), (7, 7)]));
    ring.update(AppMsg::End);
    let mut pids: Vec<String> =
        found(&ring, Kind::Processes, "").into_iter().skip(1).map(|i| i.end).collect();
    pids.sort();
    assert_eq!(pids, ["1", "2", "3", "7"]);
    let pairs: Vec<(u32, u32)> = (1..6_000).map(|i| (i, i + 1)).collect();
    let mut crowd = app(&forks(&pairs));
    crowd.update(AppMsg::End);
    while crowd.has_work() {
        crowd.update(AppMsg::Work(usize::MAX));
    }
    let items = found(&crowd, Kind::Processes, "");
    assert_eq!(items.len(), 5_002);
    assert_eq!(items.last().unwrap().label, "and 1,000 more processes: type to find them");
    assert_eq!(found(&crowd, Kind::Processes, "5999").len(), 2);
}
