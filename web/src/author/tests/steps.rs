//! The steps of a lesson, told in somebody's own words.

use super::*;

const HELLO: &[u8] = include_bytes!("../../../gallery/hello.jsonl");
const STEPS: &str =
    "A process and its pages|Ask for one page|Write to it|Read it back|Give back 1,024 bytes|It is gone";

fn open_hello(place: Place) -> App {
    let mut app = open(HELLO, place);
    app.update(PageMsg::ReducedMotion(true));
    app.update(PageMsg::Home);
    app
}

/// Titles of the stops on the way from the start, and where they are.
fn way(app: &mut App) -> (String, Vec<usize>) {
    app.update(PageMsg::Talk(crate::talk::Msg::Digit(1)));
    app.update(PageMsg::Talk(crate::talk::Msg::Go));
    let (mut titles, mut places) = (Vec::new(), Vec::new());
    for _ in 0..app.talk.stops.len() {
        let at = app.talk.told(app.position()).expect("a stop");
        titles.push(app.talk.stops[at].title.clone());
        places.push(app.position());
        app.update(PageMsg::NextStep);
    }
    (titles.join("|"), places)
}

fn shape(app: &App) -> Vec<(usize, Marker)> {
    app.author.marks().map(|mark| (mark.position, mark.marker.clone())).collect()
}

/// Every edit that there is for a step.
fn edited() -> App {
    let mut app = open_hello(Place::default());
    let plain = way(&mut app);
    run(&mut app, &[Msg::TakeSteps]);
    assert_eq!(way(&mut app), plain, "the talk is the same, until somebody writes");
    on(&mut app, "Write to it", |id| Msg::Write(id, Field::Title, "A fault".into()));
    on(&mut app, "Ask for one page", |id| Msg::Write(id, Field::Note, String::new()));
    on(&mut app, "Read it back", Msg::Delete);
    add(&mut app, 9, "mine");
    on(&mut app, "It is gone", |id| Msg::Move(id, -5));
    app
}

const EDITED: &str = "It is gone|A process and its pages|Ask for one page|A fault|mine|Give back 1,024 bytes";

#[test]
fn steps_become_a_list_that_is_edited_and_undone() {
    let mut app = edited();
    assert_eq!(way(&mut app).0, EDITED);
    let stop = |app: &App, title: &str| app.talk.stops.iter().find(|s| s.title == title).cloned().unwrap();
    let original = open_hello(Place::default());
    let (was, is) = (stop(&original, "Write to it"), stop(&app, "A fault"));
    assert_eq!(
        (is.from, is.position, is.line, &is.question),
        (was.from, was.position, was.line, &was.question)
    );
    assert_eq!((&is.text, &is.note, is.is_step, is.is_marker), (&was.text, &was.note, true, true));
    assert!(stop(&app, "Ask for one page").note.is_empty(), "what was deleted does not come back");
    assert!(!stop(&app, "mine").is_step);
    assert_eq!(words(&app).steps, "Bring back 1 step");
    // What was left out comes back in its place; a marker of one's own there stays.
    let left = stop(&original, "Read it back").position;
    add(&mut app, left, "beside");
    run(&mut app, &[Msg::TakeSteps]);
    assert!(way(&mut app).0.contains("A fault|mine|beside|Read it back|Give"), "{}", way(&mut app).0);
    while app.author.can().0 {
        run(&mut app, &[Msg::Undo]);
    }
    assert_eq!((way(&mut app).0.as_str(), app.author.marks().len()), (STEPS, 0));
    assert!(!app.author.is_edited());
    while app.author.can().1 {
        run(&mut app, &[Msg::Redo]);
    }
    assert!(way(&mut app).0.contains("beside|Read it back"));
}

#[test]
fn a_copy_and_an_address_carry_the_edited_steps() {
    let mut app = edited();
    let (expected, places) = (shape(&app), way(&mut app).1);
    let marks = app.author.text().unwrap().to_owned();
    assert!(marks.len() < 400, "words that are the step's own are not repeated: {}", marks.len());
    let linked = open_hello(Place { marks: Some(marks.clone()), ..Place::default() });
    assert_eq!(shape(&linked), expected);
    assert_eq!(linked.author.text(), Some(marks.as_str()));

    let (_, bytes) = copy(&mut app);
    let (copied, original) = (sound(&bytes), read(HELLO).unwrap());
    assert_eq!(rest(&copied), rest(&original), "the steps, too, are as they were recorded");
    let mut again = open(&bytes, Place::default());
    again.update(PageMsg::ReducedMotion(true));
    let markers =
        |all: Vec<(usize, Marker)>| -> Vec<Marker> { all.into_iter().map(|(_, marker)| marker).collect() };
    let unordered = |mut all: Vec<Marker>| {
        all.iter_mut().for_each(|marker| marker.order = None);
        all
    };
    assert_eq!(unordered(markers(shape(&again))), unordered(markers(expected)));
    let (titles, moved) = way(&mut again);
    assert_eq!((titles.as_str(), moved.len()), (EDITED, places.len()));
    let said = format!("{:?}", crate::about::blocks(&again));
    assert!(said.contains("6 markers into it: they are the talk, and tell 5 of the 6 steps"), "{said}");
    // A copy of the copy, as nothing was edited, is the same.
    assert_eq!(copy(&mut again).1, bytes);
}

#[test]
fn after_a_step_that_is_left_out_the_next_one_is_played_from_its_begin() {
    let mut app = open(include_bytes!("../../../gallery/demand-paging.pscope"), Place::default());
    run(&mut app, &[Msg::TakeSteps]);
    let stops = app.talk.stops.clone();
    let longest = (2..stops.len()).max_by_key(|at| stops[*at].position - stops[*at].from).unwrap();
    let next = &stops[longest];
    on(&mut app, &stops[longest - 1].title, Msg::Delete);
    on(&mut app, &stops[longest - 2].title, Msg::Go);
    assert!(app.position() + 1 < next.from);
    app.update(PageMsg::NextStep);
    assert!((next.from - 1..next.position).contains(&app.position()), "{} of {next:?}", app.position());
    for _ in 0..200 {
        app.update(PageMsg::Tick(50.0));
    }
    assert_eq!(app.talk.told(app.position()).map(|at| &app.talk.stops[at].title), Some(&next.title));
    assert_eq!(app.position(), next.position);
}

#[test]
fn markers_of_a_lesson_become_the_words_of_the_steps_where_they_stand() {
    let mut app = open_hello(Place::default());
    let end = app.talk.stops[2].position;
    add(&mut app, end, "own words");
    add(&mut app, end, "a second one");
    let before = way(&mut app);
    run(&mut app, &[Msg::TakeSteps]);
    assert_eq!(way(&mut app), before);
    let marker = app.author.mark(id(&app, "own words")).unwrap().marker.clone();
    assert!(marker.step == Some(3) && !marker.text.is_empty());
    assert_eq!(app.author.marks().len(), 7);
}

#[test]
fn numbers_of_steps_that_are_not_there_say_nothing() {
    let bad = r#""kind":"marker","title":"bad","step":4000000000"#;
    let app = open(&text(&[(3, bad), (9, B)]), Place::default());
    let stops: Vec<_> = app.talk.stops.iter().map(|s| (s.position, s.is_step, s.title.as_str())).collect();
    assert_eq!(stops, [(4, false, "bad"), (10, false, "B")]);
    assert_eq!(words(&app).steps, "");
}
