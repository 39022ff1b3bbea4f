use super::*;
use crate::player::Motion;

const GOLDEN: &str = include_str!("../../../shared/tests/golden/v1.jsonl");
/// A real recording, as it ships with the page.
const HELLO: &str = include_str!("../../gallery/hello.jsonl");

fn loaded(text: &str, autoplay: bool) -> App {
    let mut app = App::default();
    app.update(Msg::Loaded { name: "t.jsonl".into(), bytes: Ok(text.as_bytes().to_vec()), autoplay });
    app
}

/// Ticks until nothing moves; says how many milliseconds that took.
fn settle(app: &mut App) -> u32 {
    let mut ms = 0;
    while app.is_moving() {
        app.update(Msg::Tick(20.0));
        ms += 20;
        assert!(ms < 60_000, "never settles");
    }
    ms
}

#[test]
fn steps_go_to_the_end_and_back() {
    let mut app = loaded(HELLO, false);
    let ends: Vec<usize> = (0..6).map(|i| app.timeline.as_ref().unwrap().step_end(i)).collect();
    assert_eq!(app.position(), ends[0]);
    for end in &ends[1..] {
        app.update(Msg::NextStep);
        settle(&mut app);
        assert_eq!(app.position(), *end);
    }
    app.update(Msg::NextStep);
    assert_eq!((app.position(), settle(&mut app) < 1000), (ends[5], true));
    for end in ends.iter().rev().skip(1) {
        app.update(Msg::PreviousStep);
        assert_eq!(app.position(), *end);
    }
    app.update(Msg::PreviousStep);
    assert_eq!(app.position(), ends[0]);
}

#[test]
fn an_impatient_speaker_skips_what_is_on_its_way() {
    let mut app = loaded(HELLO, false);
    let end = app.timeline.as_ref().unwrap().step_end(3);
    for _ in 0..3 {
        app.update(Msg::NextStep);
    }
    settle(&mut app);
    assert_eq!(app.position(), end);
}

#[test]
fn the_first_opening_comes_to_life_within_five_seconds() {
    use pagescope_shared::page::PageState;
    let mut app = loaded(HELLO, true);
    let mut ms = 0;
    loop {
        app.update(Msg::Tick(16.0));
        ms += 16;
        let timeline = app.timeline.as_ref().unwrap();
        let (pid, _) = timeline.world().processes().next().unwrap();
        let page = timeline.world().space(pid).unwrap().page_at(Addr(1 << 32));
        if page.is_some_and(|p| p.state == PageState::Private) {
            break;
        }
        assert!(ms < 5000, "no page by then");
    }
    settle(&mut app);
    assert_eq!(app.position(), app.timeline.as_ref().unwrap().end());
}

#[test]
fn reduced_motion_moves_nothing_by_itself() {
    let mut app = App::default();
    app.update(Msg::ReducedMotion(true));
    app.update(Msg::Loaded { name: "t".into(), bytes: Ok(HELLO.into()), autoplay: true });
    assert!(!app.is_moving());
    app.update(Msg::NextStep);
    assert!(!app.is_moving(), "a step is there at once");
    assert_eq!(app.position(), app.timeline.as_ref().unwrap().step_end(1));
}

#[test]
fn a_bad_trace_costs_nothing() {
    let mut app = loaded(GOLDEN, false);
    let position = app.position();
    for bad in [Ok(b"nonsense".to_vec()), Ok(Vec::new()), Err("no such file".to_owned())] {
        app.update(Msg::Loaded { name: "bad".into(), bytes: bad, autoplay: true });
        assert!(app.error.is_some());
        assert_eq!(app.position(), position);
        app.update(Msg::DismissError);
        assert_eq!(app.error, None);
    }
}

#[test]
fn a_torn_trace_is_shown_and_said() {
    let app = loaded(&HELLO[..HELLO.len() - 20], false);
    assert!(app.error.as_deref().is_some_and(|e| e.contains("line 17")), "{:?}", app.error);
    assert_eq!(app.timeline.as_ref().unwrap().end(), 15);
}

#[test]
fn no_message_harms_an_empty_page() {
    let mut app = App::default();
    let all = [
        Msg::NextStep,
        Msg::PreviousStep,
        Msg::NextEvent,
        Msg::PreviousEvent,
        Msg::TogglePlay,
        Msg::End,
        Msg::Home,
    ];
    for msg in all {
        app.update(msg);
    }
    for msg in [
        Msg::Seek(9),
        Msg::GoToStep(9),
        Msg::Speed(f64::NAN),
        Msg::Tick(f64::NAN),
        Msg::Tick(-1.0),
        Msg::Redraw,
    ] {
        app.update(msg);
    }
    assert_eq!((app.position(), app.motion, app.speed), (0, Motion::Still, 1.0));
}
