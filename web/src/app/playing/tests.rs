use crate::app::App;
use crate::msg::Msg;
use crate::player::{Motion, SPEEDS, pace_text, speed_beside};
use crate::time::scale::Pace;
use std::fmt::Write as _;

/// `events` events, one a millisecond, but for a pause of `idle_ms` in the middle; every hundredth is a marker.
fn trace(events: u64, idle_ms: u64) -> App {
    let mut text = concat!(
        r#"{"format":"pagescope-trace","version":1,"page_size":4096,"arch":"x86_64","#,
        r#""clock":"CLOCK_MONOTONIC","tool":{"name":"t","version":"1","method":"t"}}"#,
        "\n"
    )
    .to_owned();
    for seq in 0..events {
        let time = seq * 1_000_000 + if seq < events / 2 { 0 } else { idle_ms * 1_000_000 };
        let kind = if seq % 100 == 50 {
            format!(r#""kind":"marker","title":"m{seq}""#)
        } else {
            format!(r#""kind":"fault","addr":"{:#x}""#, seq * 4096)
        };
        writeln!(text, r#"{{"seq":{seq},"t":{time},"pid":1,"tid":1,{kind}}}"#).unwrap();
    }
    let mut app = App::default();
    app.update(Msg::Loaded { name: "t".into(), bytes: Ok(text.into_bytes()), autoplay: false });
    work(&mut app);
    app.update(Msg::Home);
    app
}

fn work(app: &mut App) {
    while app.has_work() {
        app.update(Msg::Work(usize::MAX));
    }
}

/// Goes there, and waits until it is shown.
fn go(app: &mut App, to: usize) {
    app.update(Msg::Seek(to));
    work(app);
}

/// Plays for so long, frame by frame.
fn play(app: &mut App, ms: f64) {
    let mut left = ms;
    while left > 0.0 && app.motion == Motion::Playing {
        app.update(Msg::Tick(left.min(16.0)));
        left -= 16.0;
    }
}

#[test]
fn each_mode_goes_at_its_own_pace() {
    for (pace, speed, ms, low, high) in [
        // 6,000 events in a minute: a hundred a second.
        (Pace::Events, 1.0, 1000.0, 95, 107),
        (Pace::Events, 10.0, 1000.0, 950, 1070),
        (Pace::Events, 0.1, 1000.0, 9, 13),
        // By the clock: an event a millisecond, and ten seconds of nothing after 3,000.
        (Pace::Wall, 1.0, 1000.0, 990, 1020),
        (Pace::Wall, 5.0, 2000.0, 3000, 3001),
        (Pace::Wall, 5.0, 3000.0, 4900, 5100),
        // Without what is idle: it is cut to 62 ms.
        (Pace::Idle, 1.0, 4000.0, 3900, 4000),
        (Pace::Idle, 100.0, 100.0, 6000, 6000),
    ] {
        let mut app = trace(6000, 10_000);
        app.update(Msg::Pace(pace));
        app.update(Msg::Speed(speed));
        app.update(Msg::TogglePlay);
        play(&mut app, ms);
        let at = app.position();
        assert!((low..=high).contains(&at), "{pace:?} {speed}x {ms} ms: {at}");
        assert_eq!(app.motion == Motion::Still, at == 6000);
    }
}

#[test]
fn short_traces_are_slowed_down_by_the_clock() {
    let mut app = trace(300, 0);
    app.update(Msg::Pace(Pace::Wall));
    // 300 ms: ten times slower.
    let timeline = app.timeline.as_ref().unwrap();
    assert_eq!(pace_text(Pace::Wall, timeline), "Wall time: at 1× 10 times slower than it was");
    app.update(Msg::TogglePlay);
    play(&mut app, 1000.0);
    assert!((99..=104).contains(&app.position()), "{}", app.position());
    // It goes on from where it is when something else is asked for.
    app.update(Msg::Speed(2.0));
    play(&mut app, 500.0);
    assert!((196..=208).contains(&app.position()), "{}", app.position());
    go(&mut app, 10);
    assert_eq!(app.motion, Motion::Still);
    app.update(Msg::TogglePlay);
    play(&mut app, 32.0);
    assert!((10..=18).contains(&app.position()), "{}", app.position());
}

#[test]
fn a_long_trace_is_watchable_event_by_event() {
    let app = trace(6000, 0);
    let timeline = app.timeline.as_ref().unwrap();
    assert_eq!(pace_text(Pace::Events, timeline), "Event time: at 1× 100 events a second");
    let few = trace(100, 0);
    let timeline = few.timeline.as_ref().unwrap();
    assert_eq!(pace_text(Pace::Events, timeline), "Event time: each event has its pause");
}

#[test]
fn loops_are_set_by_their_ends_and_kept_to() {
    let mut app = trace(6000, 0);
    go(&mut app, 1000);
    app.update(Msg::LoopFrom);
    assert_eq!(app.repeat, Some((1000, 6000)));
    go(&mut app, 1100);
    app.update(Msg::LoopTo);
    assert_eq!(app.repeat, Some((1000, 1100)));
    go(&mut app, 5000);
    app.update(Msg::TogglePlay);
    assert_eq!(app.position(), 1000, "it begins where the loop does");
    let mut wraps = 0;
    for _ in 0..300 {
        let before = app.position();
        app.update(Msg::Tick(16.0));
        assert!((1000..1100).contains(&app.position()), "{}", app.position());
        wraps += u32::from(app.position() < before);
    }
    assert!((4..=5).contains(&wraps), "{wraps}");
    app.update(Msg::Unloop);
    play(&mut app, 2000.0);
    assert!(app.position() > 1100);
    // An end before the beginning moves the beginning.
    go(&mut app, 3000);
    app.update(Msg::LoopFrom);
    go(&mut app, 2000);
    app.update(Msg::LoopTo);
    assert_eq!(app.repeat, Some((0, 2000)));
    go(&mut app, 0);
    app.update(Msg::LoopTo);
    assert_eq!(app.repeat, None, "nothing is nothing to play");
}

#[test]
fn a_short_loop_waits_at_its_end() {
    let mut app = trace(100, 0);
    go(&mut app, 10);
    app.update(Msg::LoopFrom);
    go(&mut app, 12);
    app.update(Msg::LoopTo);
    app.update(Msg::TogglePlay);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..400 {
        app.update(Msg::Tick(16.0));
        seen.insert(app.position());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [10, 11, 12]);
    assert_eq!(app.motion, Motion::Playing);
}

#[test]
fn markers_are_places_to_go_to() {
    let mut app = trace(500, 0);
    let mut seen = Vec::new();
    for _ in 0..6 {
        app.update(Msg::NextMarker);
        seen.push(app.position());
    }
    app.update(Msg::PreviousMarker);
    seen.push(app.position());
    assert_eq!(seen, [51, 151, 251, 351, 451, 451, 351]);
}

#[test]
fn speeds_are_steps() {
    assert_eq!((speed_beside(1.0, 1), speed_beside(1.0, -1)), (2.0, 0.5));
    assert_eq!((speed_beside(0.1, -1), speed_beside(100.0, 1), speed_beside(0.0, 0)), (0.1, 100.0, 0.1));
    assert!(SPEEDS.windows(2).all(|w| w[0] < w[1]));
}

/// A click in the picture of the whole trace goes there, and selects what is under it.
#[test]
fn the_picture_moves_the_film() {
    use crate::time::Msg as Time;
    let mut app = trace(1000, 0);
    app.update(Msg::Time(Time::Room(100, 50)));
    while app.has_work() {
        app.update(Msg::Work(500));
    }
    app.update(Msg::Time(Time::Seek(0.5)));
    assert_eq!(app.position(), 500);
    app.update(Msg::Time(Time::Brush(0.25, 0.5)));
    app.update(Msg::Time(Time::Loop));
    assert_eq!(app.repeat, Some((250, 500)));
    app.update(Msg::Time(Time::Point(Some((0.5, 0.5)))));
    let middle = app.hover.unwrap().0 / 4096;
    assert!((400..600).contains(&middle), "{middle}");
    app.update(Msg::Time(Time::Point(None)));
    assert_eq!(app.hover, None);
}
