use super::*;
use crate::app::{SidePanel, StageView};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{Event, EventKind, Marker};
use pagescope_shared::pscope::{Encoder, Options};
use pagescope_shared::trace;
use std::sync::LazyLock;

const HELLO: &[u8] = include_bytes!("../../../gallery/hello.jsonl");

fn url(url: &str) -> From {
    From::Url(url.to_owned())
}

fn load(app: &mut App, msg: Msg) {
    app.update(crate::msg::Msg::Load(msg));
}

fn open(from: From, autoplay: bool) -> Msg {
    Msg::Open { from, autoplay, place: Place::default() }
}

/// The lesson as a long trace, and as a `.pscope`.
static LONG: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut trace = trace::read(HELLO).unwrap();
    trace.header.lesson = None;
    let mut encoder =
        Encoder::new(&trace.header, Options { block_events: 150, compression: 0, ..Options::default() })
            .unwrap();
    let quick = |event: &&Event| matches!(event.kind, EventKind::Map(_) | EventKind::Unmap(_));
    for (seq, event) in trace.events.iter().filter(quick).cycle().take(6000).enumerate() {
        let mut event = event.clone();
        event.seq = seq.try_into().unwrap();
        event.time_ns = event.seq * 1000;
        if seq % 3 == 2 {
            // So that it is long.
            let (title, text) = (seq.to_string(), "x".repeat(60));
            event.kind = EventKind::Marker(Box::new(Marker { title, text, ..Marker::default() }));
        }
        encoder.push(&event).unwrap();
    }
    let bytes = encoder.finish();
    assert!(bytes.len() > 150_000, "more than both ends: {}", bytes.len());
    bytes
});

/// What the browser's side would do, with a file of these bytes.
fn serve(app: &mut App, bytes: &[u8], most: usize) {
    let of = |range: &std::ops::Range<u64>| {
        bytes[range.start.try_into().unwrap()..range.end.try_into().unwrap()].to_vec()
    };
    for _ in 0..most {
        match app.load.wish().map(|(id, _, wish)| (id, wish.clone())) {
            Some((id, Wish::First)) => {
                let len = bytes.len().try_into().unwrap();
                load(app, Msg::First { id, len, bytes: bytes[..200].to_vec() });
            }
            Some((id, Wish::Part(range))) => load(app, Msg::Part(id, range.start, of(&range))),
            Some((id, Wish::Whole)) => {
                load(app, Msg::Piece(id, bytes.to_vec()));
                load(app, Msg::End(id));
                while app.has_work() && app.load.job.is_some() {
                    app.update(crate::msg::Msg::Work(2000));
                }
            }
            None => match app.next_part(100, &[]) {
                Some((id, range)) => load(app, Msg::Part(id, range.start, of(&range))),
                None => return,
            },
        }
    }
}

#[test]
fn a_large_trace_is_shown_at_once_and_read_as_it_is_looked_at() {
    let (mut app, bytes) = (App::default(), &*LONG);
    load(&mut app, open(url("x.pscope"), true));
    assert_eq!(app.loading.as_deref(), Some("x.pscope"));
    serve(&mut app, bytes, 8);
    assert_eq!((app.timeline.as_ref().map(Timeline::end), app.loading.as_ref()), (Some(6000), None));
    // Far away from what is here.
    app.update(crate::msg::Msg::Seek(3000));
    assert_eq!((app.position(), app.goal), (1, Some(Goal::Position(3000))), "what is shown stays until then");
    serve(&mut app, bytes, 4);
    assert_eq!((app.position(), app.goal), (3000, None));
    // And the rest, in the background.
    for _ in 0..200 {
        while app.has_work() {
            app.update(crate::msg::Msg::Work(700));
        }
        serve(&mut app, bytes, 3);
    }
    assert_eq!((app.timeline.as_ref().map(Timeline::explored), app.load_progress()), (Some(6000), None));
}

#[test]
fn one_may_stop_and_go_on() {
    let (mut app, bytes) = (App::default(), &*LONG);
    load(&mut app, open(url("x.pscope"), true));
    serve(&mut app, bytes, 4);
    load(&mut app, Msg::Cancel);
    serve(&mut app, bytes, 1000);
    assert!(!app.has_work() && app.load_progress().is_some_and(|p| p.stopped));
    app.update(crate::msg::Msg::Seek(2500));
    serve(&mut app, bytes, 1000);
    assert_eq!(app.position(), 2500, "what is looked at comes all the same");
    load(&mut app, Msg::GoOn);
    while app.has_work() || app.next_part(100, &[]).is_some() {
        app.update(crate::msg::Msg::Work(2000));
        serve(&mut app, bytes, 1);
    }
    assert_eq!(app.load_progress(), None);
}

#[test]
fn what_was_shown_stays_until_the_other_is_there() {
    let mut app = App::default();
    load(&mut app, open(url("hello.jsonl"), false));
    let id = app.load.wish().unwrap().0;
    load(&mut app, Msg::Piece(id, HELLO.to_vec()));
    load(&mut app, Msg::End(id));
    assert_eq!((app.name.as_str(), app.trace), ("hello.jsonl", 1));
    for (pieces, words) in [
        (vec![], "other could not be opened: it is not there"),
        (vec![b"nonsense\n".to_vec()], "line 1 is not the header"),
        (vec![Vec::new()], "the trace is empty"),
    ] {
        load(&mut app, open(url("a/other"), false));
        let id = app.load.wish().unwrap().0;
        let none = pieces.is_empty();
        pieces.into_iter().for_each(|piece| load(&mut app, Msg::Piece(id, piece)));
        load(&mut app, if none { Msg::Failed(id, "it is not there".to_owned()) } else { Msg::End(id) });
        let error = app.error.take().unwrap();
        assert!(error.contains(words), "{error}");
        assert_eq!((app.name.as_str(), app.trace, app.loading.as_ref()), ("hello.jsonl", 1, None));
    }
    // Two at once: only the later one counts.
    load(&mut app, open(url("first"), false));
    let first = app.load.wish().unwrap().0;
    load(&mut app, open(url("second"), false));
    load(&mut app, Msg::Piece(first, HELLO.to_vec()));
    load(&mut app, Msg::End(first));
    load(&mut app, Msg::Failed(first, "late".to_owned()));
    assert_eq!((app.trace, app.error.as_ref(), app.loading.as_deref()), (1, None, Some("second")));
    load(&mut app, Msg::Cancel);
    assert_eq!((app.load.wish(), app.loading.as_ref()), (None, None));
}

#[test]
fn a_broken_connection_is_said_once_and_tried_again_when_asked() {
    let (mut app, bytes) = (App::default(), &*LONG);
    load(&mut app, open(url("x.pscope"), true));
    serve(&mut app, bytes, 3);
    let (id, _) = app.next_part(100, &[]).unwrap();
    load(&mut app, Msg::Failed(id, "no network".to_owned()));
    assert!(app.error.as_deref().is_some_and(|e| e.contains("no network")));
    assert_eq!(app.next_part(100, &[]), None, "no endless trying");
    app.update(crate::msg::Msg::Seek(2000));
    serve(&mut app, bytes, 20);
    assert_eq!(app.position(), 2000);
}

#[test]
fn without_an_index_all_of_it_is_read() {
    let (mut app, bytes) = (App::default(), &*LONG);
    load(&mut app, open(url("x.pscope"), true));
    serve(&mut app, &bytes[..bytes.len() - 30], 9);
    assert!(app.error.as_deref().is_some_and(|e| e.contains("damaged")), "{:?}", app.error);
    assert_eq!(app.timeline.as_ref().map(Timeline::end), Some(6000));
}

#[test]
fn addresses_lead_to_moments_and_back() {
    let (mut app, bytes) = (App::default(), &*LONG);
    let text =
        "#trace=x.pscope&t=3.5ms&addr=0x100000000&zoom=5&view=walk&side=trace&sel=0x100000000-0x100001000";
    let address = Address::parse("", text);
    app.update(crate::msg::Msg::Address(address.clone()));
    serve(&mut app, bytes, 12);
    assert_eq!((app.position(), app.stage, app.side), (3501, StageView::Walk, SidePanel::Trace));
    assert_eq!(app.selection, Range::new(Addr(1 << 32), Addr((1 << 32) + 4096)).ok());
    assert!(!app.touched);
    assert_eq!(app.address_now(&address).fragment(), text);
    // Back: the same trace, not loaded again.
    app.update(crate::msg::Msg::Address(Address::parse("", "#trace=x.pscope&t=0.1ms")));
    serve(&mut app, bytes, 12);
    assert_eq!((app.position(), app.stage, app.trace), (101, StageView::Pages, 1));
    app.update(crate::msg::Msg::Address(Address::parse("", "#trace=y.pscope")));
    assert_eq!(app.load.wish().map(|(_, from, _)| from.clone()), Some(url("y.pscope")));
}

#[test]
fn a_slice_that_a_costly_event_ends_is_told_as_what_it_was() {
    let mut trace = trace::read(HELLO).unwrap();
    let map = trace.events.iter().find(|event| matches!(event.kind, EventKind::Map(_))).unwrap().clone();
    trace.header.lesson = None;
    trace.events = (0..8000u64)
        .map(|seq| {
            let mut event = Event { seq, time_ns: seq, ..map.clone() };
            if let EventKind::Map(map) = &mut event.kind {
                map.range = Range::from_len(Addr((1 << 40) + (seq << 16)), 4096).unwrap();
            }
            if seq == 2000 {
                let memory = pagescope_shared::event::ForkMemory::Copied;
                event.kind = EventKind::Fork(pagescope_shared::event::Fork { child: event.pid + 1, memory });
            }
            event
        })
        .collect();
    let mut app = App::default();
    app.show_trace(Store::from_trace(&trace), "long", false);
    let explored = |app: &App| app.timeline.as_ref().unwrap().explored();
    assert!(explored(&app) < 2000);
    // Its length would grow by the time that it did not take.
    let before = explored(&app);
    app.update(crate::msg::Msg::Work(3000));
    assert_eq!((explored(&app), app.worked), (2001, 2001 - before));
    app.update(crate::msg::Msg::Work(3000));
    assert_eq!((explored(&app), app.worked), (5001, 3000));
}
