use super::super::App;
use crate::address::Address;
use crate::msg::Msg;
use crate::player::Motion;
use crate::talk::Msg as Talk;

const HELLO: &str = include_str!("../../../gallery/hello.jsonl");

fn shown() -> App {
    let mut app = App::default();
    app.update(Msg::ReducedMotion(true));
    app.update(Msg::Loaded { name: "hello.jsonl".into(), bytes: Ok(HELLO.into()), autoplay: true });
    app
}

/// Presses keys, as the page would.
fn press(app: &mut App, keys: &[&str]) {
    for key in keys {
        let digit = key.parse().ok().filter(|_| app.talk.on);
        if app.talk.black {
            app.update(Msg::Talk(Talk::Light));
        } else if let Some(digit) = digit {
            app.update(Msg::Talk(Talk::Digit(digit)));
        } else if let Some(command) = crate::commands::by_key(key, app.stage, app.side, app.talk.on) {
            app.update(Msg::Run(command.id));
        }
    }
}

#[test]
fn keys_of_a_talk() {
    let mut app = shown();
    press(&mut app, &["Shift+t"]);
    // Keys, the stop that is shown then (from 1), whether it is black, whether the talk goes on.
    let rows: [(&[&str], usize, bool, bool); 12] = [
        (&["PageDown"], 2, false, true),
        (&[" ", "n"], 4, false, true),
        (&["PageUp", "p"], 2, false, true),
        (&["b"], 2, true, true),
        (&["n"], 2, false, true),
        (&[".", "b"], 2, false, true),
        (&["5", "Enter"], 5, false, true),
        (&["9", "9", "Enter"], 6, false, true),
        (&["n"], 6, false, true),
        (&["Home", "3", "Escape", "Enter"], 2, false, true),
        (&["End"], 6, false, true),
        (&["Escape"], 6, false, false),
    ];
    for (keys, stop, black, on) in rows {
        press(&mut app, keys);
        let at = app.talk.stops.iter().position(|s| s.position == app.position()).map(|at| at + 1);
        assert_eq!((at, app.talk.black, app.talk.on), (Some(stop), black, on), "{keys:?}");
    }
}

#[test]
fn nothing_moves_unless_the_speaker_asks() {
    let mut app = App::default();
    app.update(Msg::Address(Address::parse("", "#trace=x&talk=1")));
    assert!(app.talk.on && !app.is_moving());
    app.update(Msg::Loaded { name: "hello.jsonl".into(), bytes: Ok(HELLO.into()), autoplay: true });
    assert!(app.talk.on && app.motion == Motion::Still);
    // What plays stops when a talk begins.
    app.update(Msg::Talk(Talk::Toggle));
    app.update(Msg::TogglePlay);
    assert_eq!(app.motion, Motion::Playing);
    app.update(Msg::Talk(Talk::Toggle));
    assert_eq!(app.motion, Motion::Still);
    // The address says so, and can be left.
    let address = app.address_now(&Address::default());
    assert!(address.fragment().contains("talk=1"), "{}", address.fragment());
}

#[test]
fn a_far_window_asks_and_does_not_skip() {
    let mut app = shown();
    app.update(Msg::Talk(Talk::Toggle));
    let first = app.position();
    app.update(Msg::Talk(Talk::Black));
    app.update(Msg::Talk(Talk::Asked("next")));
    assert_eq!((app.position(), app.talk.black), (first, false), "it is only light again");
    app.update(Msg::Talk(Talk::Asked("next")));
    assert!(app.position() > first);
    app.update(Msg::Talk(Talk::Blocked));
    assert!(app.error.as_ref().is_some_and(|error| error.contains("pop-ups")));
}
