mod steps;

use super::copy::Copy;
use super::*;
use crate::address::{Address, Place};
use crate::app::{App, SidePanel, StageView};
use crate::load::{self, From};
use crate::msg::Msg as PageMsg;
use pagescope_shared::addr::Addr;
use pagescope_shared::event::{Event, EventKind};
use pagescope_shared::jsonl::{event_line, header_line};
use pagescope_shared::pscope::{Encoder, Options};
use pagescope_shared::trace::{Trace, read};

/// Twenty events a millisecond apart, markers where `words` says so.
fn text(words: &[(u64, &str)]) -> Vec<u8> {
    let header = include_str!("../../gallery/hello.jsonl").lines().next().unwrap();
    // A recording, not a lesson: nothing leads the eye.
    let header = header.replace("\"lesson\":", "\"x-lesson\":");
    let mut text = format!("{header}\n");
    for seq in 0..20 {
        let lost = r#""kind":"lost","count":0,"reason":"""#;
        let kind = words.iter().find(|(at, _)| *at == seq).map_or(lost, |word| word.1);
        let kind = if seq == 19 { r#""kind":"end","count":19"# } else { kind };
        text += &format!("{{\"seq\":{seq},\"t\":{},\"pid\":7,\"tid\":7,{kind}}}\n", seq * 1_000_000);
    }
    text.into_bytes()
}

const A: &str = r#""kind":"marker","title":"A","text":"of the trace","x-mine":1"#;
const B: &str = r#""kind":"marker","title":"B","addr":"0x1000""#;

fn open(bytes: &[u8], place: Place) -> App {
    let mut app = App::default();
    let from = From::Url("trace.jsonl".to_owned());
    for msg in [
        load::Msg::Open { from, autoplay: false, place },
        load::Msg::Whole(1, None),
        load::Msg::Piece(1, bytes.to_vec()),
        load::Msg::End(1),
    ] {
        app.update(PageMsg::Load(msg));
    }
    work(&mut app);
    app
}

fn work(app: &mut App) {
    for _ in 0..1000 {
        if app.has_work() {
            app.update(PageMsg::Work(5));
        }
    }
}

fn run(app: &mut App, msgs: &[Msg]) {
    msgs.iter().for_each(|msg| app.update(PageMsg::Author(msg.clone())));
}

/// Titles in the order of the talk.
fn titles(app: &App) -> String {
    app.author.marks().map(|mark| mark.marker.title.as_str()).collect::<Vec<_>>().join(" ")
}

fn id(app: &App, title: &str) -> u32 {
    app.author.marks().find(|mark| mark.marker.title == title).unwrap().id
}

/// What is done to the marker of this title.
fn on(app: &mut App, title: &str, msg: impl FnOnce(u32) -> Msg) {
    let id = id(app, title);
    run(app, &[msg(id)]);
}

/// A marker of this title behind so many events.
fn add(app: &mut App, position: usize, title: &str) {
    app.update(PageMsg::Seek(position));
    run(app, &[Msg::Add]);
    let id = app.author.open.unwrap();
    run(app, &[Msg::Write(id, Field::Title, title.to_owned())]);
}

#[test]
fn every_edit_is_undone_and_redone() {
    let mut app = open(&text(&[(3, A), (9, B)]), Place::default());
    assert_eq!(titles(&app), "A B");
    add(&mut app, 6, "new");
    let new = id(&app, "new");
    assert_eq!(titles(&app), "A new B");
    on(&mut app, "new", |id| Msg::Move(id, 1));
    on(&mut app, "A", Msg::Delete);
    on(&mut app, "new", |id| Msg::Write(id, Field::Note, "say".into()));
    on(&mut app, "B", Msg::LookAway);
    run(&mut app, &[Msg::Move(new, 5), Msg::Move(99, 1), Msg::Delete(99)]);
    assert_eq!(titles(&app), "B new");
    let states = |app: &App| app.author.marks().cloned().collect::<Vec<_>>();
    let last = states(&app);
    let mut back = Vec::new();
    while app.author.can().0 {
        run(&mut app, &[Msg::Undo]);
        back.push(titles(&app));
    }
    // One each: adding, its title, moving, deleting, the note, the camera.
    assert_eq!(back, ["B new", "B new", "A B new", "A new B", "A Marker B", "A B"]);
    assert!(!app.author.is_edited() && !app.author.is_unsaved() && app.author.text().is_none());
    run(&mut app, &[Msg::Undo]);
    while app.author.can().1 {
        run(&mut app, &[Msg::Redo]);
    }
    assert_eq!(states(&app), last);
    // What is done anew takes the place of what was undone.
    run(&mut app, &[Msg::Undo, Msg::Add]);
    assert!(!app.author.can().1);
}

#[test]
fn words_that_are_typed_on_are_one_edit_each() {
    let mut app = open(&text(&[(3, A)]), Place::default());
    let a = id(&app, "A");
    for text in ["t", "tw", "two ", "two w", "two wo", "two words"] {
        run(&mut app, &[Msg::Write(a, Field::Text, text.to_owned())]);
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        run(&mut app, &[Msg::Undo]);
        seen.push(app.author.mark(a).unwrap().marker.text.clone());
    }
    assert_eq!(seen, ["two ", "of the trace", "of the trace"]);
    run(&mut app, &[Msg::Write(a, Field::Title, "x".repeat(5000))]);
    assert_eq!(app.author.mark(a).unwrap().marker.title.len(), 200);
    // Bounded: the oldest edits are forgotten.
    for n in 0..UNDONE + 50 {
        run(
            &mut app,
            &[Msg::Write(a, Field::Text, n.to_string()), Msg::Write(a, Field::Note, n.to_string())],
        );
    }
    assert_eq!(app.author.past.len(), UNDONE);
    for _ in 0..MOST + 5 {
        run(&mut app, &[Msg::Add]);
    }
    assert!(app.author.marks().len() == MOST && app.author.said.is_some());
}

#[test]
fn the_talk_goes_by_the_list_and_the_camera_with_it() {
    let mut app = open(&text(&[(3, A), (9, B)]), Place::default());
    app.update(PageMsg::Stage(StageView::Time));
    add(&mut app, 6, "new");
    on(&mut app, "new", |id| Msg::Move(id, -1));
    assert_eq!((titles(&app).as_str(), app.side), ("new A B", SidePanel::Talk));
    app.update(PageMsg::Stage(StageView::Pages));
    app.update(PageMsg::Seek(0));
    app.update(PageMsg::ReducedMotion(true));
    let mut way = Vec::new();
    for _ in 0..5 {
        app.update(PageMsg::NextStep);
        way.push((app.position(), app.stage));
    }
    // The first one was put while the whole trace was in sight; A looks nowhere in particular; B at pages.
    let (time, pages) = (StageView::Time, StageView::Pages);
    assert_eq!(way, [(6, time), (4, pages), (10, pages), (20, pages), (20, pages)]);
    on(&mut app, "new", Msg::Go);
    assert_eq!((app.position(), app.stage), (6, time));
    app.update(PageMsg::Stage(StageView::Walk));
    on(&mut app, "A", Msg::Go);
    assert_eq!((app.position(), app.stage), (4, StageView::Walk), "what the person has chosen since stays");
}

#[test]
fn an_overview_and_a_close_up_of_one_moment_are_two_stops() {
    for reduced in [true, false] {
        let mut app = open(&text(&[(3, A), (15, B)]), Place::default());
        app.update(PageMsg::ReducedMotion(reduced));
        app.update(PageMsg::Stage(StageView::Time));
        add(&mut app, 9, "overview");
        app.update(PageMsg::Stage(StageView::Walk));
        add(&mut app, 9, "close-up");
        app.update(PageMsg::Home);
        let told = |app: &App| {
            let stop = app.talk.told(app.position()).and_then(|at| app.talk.stops.get(at));
            (stop.map_or("", |stop| stop.title.as_str()).to_owned(), app.stage)
        };
        let way = |app: &mut App, msg: PageMsg| {
            app.update(msg);
            (0..100).for_each(|_| app.update(PageMsg::Tick(200.0)));
            told(app)
        };
        let row = |title: &str, stage| (title.to_owned(), stage);
        let (overview, close) = (row("overview", StageView::Time), row("close-up", StageView::Walk));
        way(&mut app, PageMsg::NextStep);
        assert_eq!(way(&mut app, PageMsg::NextStep), overview);
        assert_eq!(way(&mut app, PageMsg::NextStep), close);
        assert_eq!(way(&mut app, PageMsg::NextStep).0, "B");
        assert_eq!(way(&mut app, PageMsg::PreviousStep), close);
        assert_eq!(way(&mut app, PageMsg::PreviousStep), overview);
        assert_eq!(way(&mut app, PageMsg::PreviousStep).0, "A");
        for (title, expected) in [("close-up", &close), ("overview", &overview), ("close-up", &close)] {
            let id = id(&app, title);
            assert_eq!(way(&mut app, PageMsg::Author(Msg::Go(id))), *expected);
        }
        // The number of a stop, typed.
        for (digit, expected) in [(2, &overview), (3, &close)] {
            app.update(PageMsg::Talk(crate::talk::Msg::Digit(digit)));
            assert_eq!(way(&mut app, PageMsg::Talk(crate::talk::Msg::Go)), *expected);
        }
        // Told the other way round.
        on(&mut app, "close-up", |id| Msg::Move(id, -1));
        way(&mut app, PageMsg::GoToStep(0));
        assert_eq!(way(&mut app, PageMsg::NextStep), close);
        assert_eq!(way(&mut app, PageMsg::NextStep), overview);
        assert_eq!(way(&mut app, PageMsg::NextStep).0, "B");
    }
}

#[test]
fn every_marker_of_a_moment_is_gone_to() {
    let mut app = open(&text(&[(3, A), (15, B)]), Place::default());
    for title in ["one", "two", "three"] {
        add(&mut app, 9, title);
    }
    app.update(PageMsg::Home);
    let way = |app: &mut App, msg: fn() -> PageMsg| -> String {
        let next = |_| {
            app.update(msg());
            let stop = app.talk.told(app.position()).and_then(|at| app.talk.stops.get(at));
            stop.map_or("-", |stop| stop.title.as_str()).to_owned()
        };
        (0..6).map(next).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(way(&mut app, || PageMsg::NextMarker), "A one two three B B");
    assert_eq!(way(&mut app, || PageMsg::PreviousMarker), "three two one A A A");
    // From between, and from their moment.
    for (from, forwards) in [(8, "one two three B B B"), (9, "two three B B B B")] {
        app.update(PageMsg::Home);
        app.update(PageMsg::Seek(from));
        assert_eq!(way(&mut app, || PageMsg::NextMarker), forwards);
    }
    app.update(PageMsg::Seek(10));
    assert_eq!(way(&mut app, || PageMsg::PreviousMarker), "three two one A A A");
}

#[test]
fn a_stop_without_a_camera_shows_pages_of_the_events_process() {
    let mut app = open(include_bytes!("../../gallery/cow-fork.pscope"), Place::default());
    app.update(PageMsg::End);
    let end = app.position();
    let child = app.timeline.as_ref().unwrap().world().processes().last().map(|(pid, _)| pid);
    app.update(PageMsg::Process(child));
    app.update(PageMsg::Stage(StageView::Time));
    add(&mut app, end - 1, "child");
    add(&mut app, end, "plain");
    on(&mut app, "plain", Msg::LookAway);
    app.update(PageMsg::Process(None));
    app.update(PageMsg::Stage(StageView::Pages));
    on(&mut app, "child", Msg::Go);
    assert_eq!((app.stage, app.process), (StageView::Time, child));
    on(&mut app, "plain", Msg::Go);
    assert_eq!((app.position(), app.stage, app.process), (end, StageView::Pages, None));
    // One's own choice is not the stop's.
    app.update(PageMsg::Process(child));
    on(&mut app, "child", Msg::Go);
    on(&mut app, "plain", Msg::Go);
    assert_eq!((app.stage, app.process), (StageView::Pages, child));
}

#[test]
fn a_talk_comes_back_by_its_address_and_when_its_trace_is_opened_again() {
    let bytes = text(&[(3, A), (9, B)]);
    let mut app = open(&bytes, Place::default());
    add(&mut app, 6, "new ✓");
    on(&mut app, "B", |id| Msg::Move(id, -2));
    on(&mut app, "A", |id| Msg::Write(id, Field::Note, "mine".into()));
    assert!(app.has_unsaved_talk());
    let address = app.address_now(&Address::default());
    let parsed = Address::parse("", &address.fragment());
    assert_eq!(parsed.place.marks, app.author.text().map(str::to_owned));
    let shape =
        |app: &App| -> Vec<_> { app.author.marks().map(|m| (m.position, m.own, m.marker.clone())).collect() };
    let again = open(&bytes, parsed.place.clone());
    assert_eq!(shape(&again), shape(&app));
    assert!(!again.author.can().0 && !again.has_unsaved_talk());
    assert_eq!(again.address_now(&parsed).place.marks, parsed.place.marks, "and stays in it");
    // In a copy with more events before, the moments are found by time.
    let longer = String::from_utf8(bytes.clone()).unwrap().replacen(
        "{\"seq\":0,",
        "{\"seq\":0,\"t\":0,\"pid\":7,\"tid\":7,\"kind\":\"lost\",\"count\":0,\"reason\":\"\"}\n{\"seq\":0,",
        1,
    );
    let mut seq = -2;
    let longer: Vec<String> = longer
        .lines()
        .map(|line| {
            seq += 1;
            line.replacen(&format!("\"seq\":{}", (seq - 1).max(0)), &format!("\"seq\":{seq}"), 1)
        })
        .collect();
    let other = open(longer.join("\n").as_bytes(), parsed.place.clone());
    let moved: Vec<_> =
        shape(&app).into_iter().map(|(position, own, marker)| (position + 1, own, marker)).collect();
    assert_eq!(shape(&other), moved);
    // Another trace, of another length, and the first one again.
    let hello = include_bytes!("../../gallery/hello.jsonl").to_vec();
    app.update(PageMsg::Loaded { name: "other".into(), bytes: Ok(hello), autoplay: false });
    assert_ne!(app.timeline.as_ref().unwrap().end(), 20);
    assert_eq!(titles(&app), "");
    assert!(app.has_unsaved_talk(), "it is kept, and would be lost with the page");
    let from = From::Url("trace.jsonl".to_owned());
    for msg in [
        load::Msg::Open { from, autoplay: false, place: Place::default() },
        load::Msg::Whole(2, None),
        load::Msg::Piece(2, bytes),
        load::Msg::End(2),
    ] {
        app.update(PageMsg::Load(msg));
    }
    assert_eq!(titles(&app), "B A new ✓");
    assert!(app.author.can().0);
    app.update(PageMsg::CopyLink);
    assert!(!app.has_unsaved_talk());
}

#[test]
fn hostile_addresses_cost_one_error_and_nothing_else() {
    let bytes = text(&[(3, A)]);
    let mut app = open(&bytes, Place::default());
    add(&mut app, 6, &"long ".repeat(30));
    let good = app.author.text().unwrap().to_owned();
    let cut = good[..good.len() - 3].to_owned();
    let rows = [
        "*",
        "A",
        "AA",
        "Ag",
        "AQ",
        "AQE",
        "AQH_____________",
        "_".repeat(100).as_str(),
        cut.as_str(),
        "A".repeat(8193).as_str(),
        "AQEAAAA",
        "AQFAAAA",
        "é",
        "AQEDAAAAAAAAAAAA",
    ]
    .map(str::to_owned);
    for marks in rows {
        let place = Place { marks: Some(marks.clone()), ..Place::default() };
        let mut app = open(&bytes, place.clone());
        assert!(app.error.as_ref().is_some_and(|e| e.contains("cannot be read")), "{marks}: {:?}", app.error);
        assert_eq!((titles(&app).as_str(), app.author.is_edited()), ("A", false), "{marks}");
        let before = Address::default().with(None, place);
        assert_eq!(app.address_now(&before).place.marks, Some(marks), "it is not thrown away");
        app.update(PageMsg::DismissError);
    }
    // Every cut and every changed letter is read or refused, and what is read stands in the trace.
    for at in (0..good.len()).step_by(3) {
        for letter in ["", "A", "_"] {
            let marks = format!("{}{letter}{}", &good[..at], &good[at + 1..]);
            let app = open(&bytes, Place { marks: Some(marks), ..Place::default() });
            assert!(app.author.marks().all(|mark| mark.position <= 20));
        }
    }
    // A talk that is too long stays out of it, and says so.
    for n in 0..9 {
        add(&mut app, n, &"t".repeat(200));
        let id = app.author.open.unwrap();
        run(&mut app, &[Msg::Write(id, Field::Text, "x".repeat(2000))]);
    }
    assert!(app.author.text().is_none() && app.author.link_is_too_long());
    app.update(PageMsg::CopyLink);
    assert!(app.has_unsaved_talk());
}

/// As `pagescope check` would: the events' own rules, numbers that count up, an end that counts right.
fn sound(bytes: &[u8]) -> Trace {
    let trace = read(bytes).unwrap();
    assert_eq!(trace.problems, []);
    if let Some(EventKind::End(end)) = trace.events.last().map(|event| &event.kind) {
        assert_eq!(end.count, u64::try_from(trace.events.len()).unwrap() - 1);
    }
    trace
}

/// Without markers and without what goes by their number.
fn rest(trace: &Trace) -> Vec<Event> {
    let others = trace.events.iter().filter(|event| !matches!(event.kind, EventKind::Marker(_)));
    let mut others: Vec<Event> = others.cloned().collect();
    for event in &mut others {
        event.seq = 0;
        if let EventKind::End(end) = &mut event.kind {
            end.count = 0;
        }
    }
    others
}

fn copy(app: &mut App) -> (String, Vec<u8>) {
    run(app, &[Msg::Save]);
    work(app);
    let copy: &Copy = app.author.copy.as_ref().unwrap();
    let saved = (copy.name.clone(), copy.bytes().unwrap().concat());
    run(app, &[Msg::Saved]);
    saved
}

#[test]
fn what_is_edited_while_a_copy_is_written_is_not_saved_with_it() {
    let mut app = open(&text(&[(3, A)]), Place::default());
    add(&mut app, 6, "new");
    run(&mut app, &[Msg::Save]);
    app.update(PageMsg::Work(5));
    assert!(app.author.copy.as_ref().is_some_and(|copy| copy.bytes().is_none()), "on its way");
    on(&mut app, "new", |id| Msg::Write(id, Field::Note, "late".into()));
    work(&mut app);
    run(&mut app, &[Msg::Saved]);
    assert!(app.author.copy.is_none() && app.has_unsaved_talk());
    run(&mut app, &[Msg::Undo]);
    assert!(!app.has_unsaved_talk(), "as it was when the copy was begun");
}

#[test]
fn a_copy_has_the_markers_and_all_the_rest() {
    let lines = text(&[(3, A), (9, B)]);
    let gallery = include_bytes!("../../gallery/cow-fork.pscope");
    for (source, packed) in [(lines.as_slice(), false), (&lines, true), (gallery, false), (gallery, true)] {
        let trace = read(source).unwrap();
        let mut bytes = header_line(&trace.header).unwrap();
        trace.events.iter().for_each(|event| bytes += &event_line(event).unwrap());
        let mut bytes = bytes.into_bytes();
        if packed {
            let mut encoder =
                Encoder::new(&trace.header, Options { block_events: 16, ..Options::default() }).unwrap();
            trace.events.iter().for_each(|event| encoder.push(event).unwrap());
            bytes = encoder.finish();
        }
        let mut app = open(&bytes, Place::default());
        // Nothing edited: nothing differs.
        assert_eq!(sound(&copy(&mut app).1), Trace { problems: Vec::new(), ..trace.clone() });
        let end = trace.events.len();
        add(&mut app, 0, "first");
        add(&mut app, end, "last");
        add(&mut app, 5, "middle");
        let has_own = app.author.marks().any(|mark| mark.own);
        if has_own {
            on(&mut app, "B", Msg::Delete);
            on(&mut app, "A", |id| Msg::Write(id, Field::Note, "mine".into()));
        }
        on(&mut app, "last", |id| Msg::Move(id, -9));
        let (name, bytes) = copy(&mut app);
        assert_eq!(name, if packed { "trace-talk.pscope" } else { "trace-talk.jsonl" });
        assert_eq!(pagescope_shared::pscope::is_pscope(&bytes), packed);
        let copied = sound(&bytes);
        assert_eq!((rest(&copied), &copied.header), (rest(&trace), &trace.header));
        // It opens as the same talk, and an own marker keeps what this version does not know.
        let again = open(&bytes, Place::default());
        assert_eq!(titles(&again), titles(&app));
        assert!(!again.author.is_edited() && !app.has_unsaved_talk());
        let own = copied.events.iter().find(|event| event.extra.fields().is_some());
        assert_eq!(own.is_some(), has_own);
        let looks: Vec<_> = again.author.marks().filter_map(|mark| mark.marker.addr).collect();
        assert!(looks.iter().all(|addr| *addr != Addr(0x1000)), "B is gone: {looks:?}");
    }
}
