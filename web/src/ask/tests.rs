use super::*;
use crate::app::App;
use crate::msg::Msg as Page;
use crate::pages;
use crate::pages::level::Room;
use make::{Truth, resident};
use pagescope_shared::addr::Addr;
use pagescope_shared::event::EventKind;
use pagescope_shared::page::PageState;
use pagescope_shared::timeline::Timeline;

fn gallery() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/gallery");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let traces = files.filter(|path| path.extension().is_some_and(|e| e == "pscope" || e == "jsonl"));
    let mut all: Vec<_> = traces
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
        .collect();
    all.sort();
    all
}

fn loaded(name: &str, bytes: &[u8]) -> App {
    let mut app = App::default();
    app.update(Page::ReducedMotion(true));
    app.update(Page::Loaded { name: name.to_owned(), bytes: Ok(bytes.to_vec()), autoplay: false });
    app
}

/// Whether the world after the step is as the answer says.
fn holds(truth: Truth, after: &Timeline, before: &Timeline) -> bool {
    let (world, size) = (after.world(), after.header().page_size);
    let state = |t: &Timeline, pid, addr| t.world().page_at(pid, addr).map(|page| page.state);
    let step = || (before.position()..after.position()).filter_map(|at| after.event_at(at));
    match truth {
        Truth::Written => true,
        Truth::Resident(pid, range, pages) => resident(world, pid, range, size) == Some(pages),
        Truth::State(pid, addr, expected) => state(after, pid, addr) == Some(expected),
        Truth::Page(pid, page, all) => {
            let pages = size.page_of(all.start())..size.page_of(all.start()) + size.pages_in(all);
            let changed = pages.filter_map(|n| size.address_of(n));
            let changed = changed.filter(|addr| state(after, pid, *addr) != state(before, pid, *addr));
            changed.collect::<Vec<_>>() == [page.start()]
        }
        Truth::Mappings(pid, range, n) => world.space(pid).unwrap().mappings_in(range).count() == n,
        Truth::Gone(pid, range, bytes) => {
            let mapped = |t: &Timeline| -> u64 {
                let mappings = t.world().space(pid).unwrap().mappings_in(range).collect::<Vec<_>>();
                mappings.iter().filter_map(|m| m.range.intersection(range)).map(Range::bytes).sum()
            };
            mapped(before) - mapped(after) == bytes
        }
        Truth::At(pid, addr) => world.space(pid).unwrap().mapping_at(addr).is_some(),
        Truth::Fails => step().any(|event| matches!(event.kind, EventKind::Failed(_))),
        Truth::Signal(pid) => step().any(|e| e.pid == pid && matches!(e.kind, EventKind::Signal(_))),
        Truth::Pending(child) => {
            let space = world.space(child).unwrap();
            let mut runs = space.mappings().flat_map(|m| space.runs(m.range).collect::<Vec<_>>());
            runs.any(|(_, page)| page.state == PageState::CopyPending)
        }
    }
}

#[test]
fn every_answer_is_what_the_model_shows_after_the_step() {
    let (mut made, mut kinds) = (0, std::collections::HashSet::new());
    for (name, bytes) in gallery() {
        let mut app = loaded(&name, &bytes);
        let mut timeline = app.timeline.take().unwrap();
        let stops = app.talk.stops.clone();
        // Step by step with the written questions left out, and event by event.
        let steps = stops.windows(2).map(|pair| (pair[0].position, pair[1].position));
        let events = (0..timeline.end()).map(|at| (at, at + 1));
        for (from, to) in steps.chain(events).collect::<Vec<_>>() {
            let Some(question) = make::question(&timeline, from, to, None) else { continue };
            timeline.seek(from);
            let before = timeline.clone();
            timeline.seek(to);
            assert!(holds(question.truth, &timeline, &before), "{name} {from}..{to}: {question:?}");
            assert!(!question.text.is_empty() && !question.why.is_empty());
            match (question.answer, question.page) {
                (Some(answer), None) => {
                    assert!(answer < question.choices.len() && question.choices.len() > 1, "{question:?}");
                    let different: std::collections::BTreeSet<_> = question.choices.iter().collect();
                    assert_eq!(different.len(), question.choices.len());
                }
                (None, Some(_)) => assert!(question.choices.is_empty()),
                other => panic!("{other:?}"),
            }
            made += 1;
            kinds.insert(std::mem::discriminant(&question.truth));
            if std::env::var_os("SHOW_QUESTIONS").is_some() {
                println!(
                    "{name} {from}..{to} {} {:?} -> {:?} {}",
                    question.text, question.choices, question.answer, question.why
                );
            }
        }
    }
    assert!(made > 150 && kinds.len() >= 9, "{made} questions of {} kinds", kinds.len());
}

#[test]
fn a_question_waits_is_answered_and_forgotten() {
    let (name, bytes) = gallery().into_iter().find(|(name, _)| name.starts_with("cow-fork")).unwrap();
    let mut app = loaded(&name, &bytes);
    app.update(Page::Ask(Msg::Toggle));
    let ends: Vec<usize> = app.talk.stops.iter().map(|stop| stop.position).collect();
    app.update(Page::GoToStep(1));
    // The written one before the fork.
    app.update(Page::NextStep);
    assert_eq!(app.position(), ends[1]);
    assert!(app.ask.open.as_ref().is_some_and(|open| open.made.text.contains("How many does fork copy?")));
    app.update(Page::Ask(Msg::Choose(7)));
    assert_eq!(app.position(), ends[1], "there is no such answer");
    app.update(Page::Ask(Msg::Choose(2)));
    assert_eq!(app.position(), ends[2]);
    assert_eq!(
        app.ask.told.as_ref().map(|told| (told.right, told.answer.as_str())),
        Some((Some(false), "None"))
    );
    // The speaker goes on without an answer.
    app.update(Page::NextStep);
    assert!(app.ask.open.is_some() && app.ask.told.is_none() && app.position() == ends[2]);
    app.update(Page::NextStep);
    assert_eq!((app.position(), app.ask.told.as_ref().and_then(|told| told.right)), (ends[3], None));
    // Whoever goes elsewhere has forgotten it.
    app.update(Page::NextStep);
    assert!(app.ask.open.is_some());
    app.update(Page::PreviousStep);
    assert!(app.ask.open.is_none() && app.position() == ends[2]);
    // Digits of a talk answer.
    app.update(Page::Talk(crate::talk::Msg::Toggle));
    app.update(Page::GoToStep(3));
    app.update(Page::NextStep);
    app.update(Page::Talk(crate::talk::Msg::Digit(2)));
    assert_eq!((app.position(), app.ask.told.as_ref().and_then(|told| told.right)), (ends[4], Some(true)));
    app.update(Page::Ask(Msg::Toggle));
    app.update(Page::NextStep);
    assert_eq!((app.position(), app.ask.open.is_none()), (ends[5], true));
}

#[test]
fn a_page_is_clicked() {
    let (name, bytes) = gallery().into_iter().find(|(name, _)| name.starts_with("demand-paging")).unwrap();
    let mut app = loaded(&name, &bytes);
    app.update(Page::Pages(pages::Msg::Room(Room { width: 900.0, height: 500.0, ratio: 1.0, large: true })));
    app.update(Page::Talk(crate::talk::Msg::Toggle));
    app.update(Page::Ask(Msg::Toggle));
    app.update(Page::GoToStep(1));
    app.update(Page::NextStep);
    let page = app.ask.open.as_ref().and_then(|open| open.made.page).expect("a page to click");
    let click = |app: &mut App, addr| {
        let (x, y) = app.pages.place_of(addr).unwrap();
        app.update(Page::Pages(pages::Msg::Click(x, y)));
    };
    let Some(Truth::Page(_, _, all)) = app.ask.open.as_ref().map(|open| open.made.truth) else {
        panic!("pages")
    };
    // The mapping's heading, a page of another mapping and cells of several pages are no guesses.
    app.update(Page::Talk(crate::talk::Msg::Toggle));
    let go = |app: &mut App, addr, zoom| app.update(Page::Pages(pages::Msg::Go { addr, zoom }));
    go(&mut app, all.start(), 5.0);
    // The highest row is the first one.
    let (x, y) = app.pages.place_of(Addr(all.end().0 - 1)).unwrap();
    let above = app.pages.scale().row / 2.0 + 10.0;
    app.update(Page::Pages(pages::Msg::Click(x, y - above)));
    assert_eq!(app.selection, Some(all), "its heading");
    let timeline = app.timeline.as_ref().unwrap();
    let (pid, _) = crate::view::shown_process(&app, timeline).unwrap();
    let space = timeline.world().space(pid).unwrap();
    let other = space.mappings().find(|m| m.range.intersection(all).is_none()).unwrap().range;
    go(&mut app, other.start(), 5.0);
    click(&mut app, other.start());
    assert!(app.selection.is_some_and(|range| other.contains(range.start())), "{:?}", app.selection);
    go(&mut app, page.start(), 16.0);
    click(&mut app, page.start());
    assert!(app.selection.is_some_and(|range| range.bytes() > page.bytes()), "{:?}", app.selection);
    assert!(app.ask.open.is_some() && app.ask.told.is_none());
    go(&mut app, page.start(), 5.0);
    click(&mut app, page.start());
    assert_eq!(app.ask.told.as_ref().and_then(|told| told.right), Some(true));
    assert_eq!(app.position(), app.talk.stops[2].position);
}
