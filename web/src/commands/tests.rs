use super::*;

const PAGE: &str = include_str!("../../../index.html");

/// Whether there is a moment at which both hold.
fn meet(a: Context, b: Context) -> bool {
    match (a, b) {
        (Context::Stage(a), Context::Stage(b)) => a == b,
        (Context::Side(a), Context::Side(b)) => a == b,
        // In a talk its own go first.
        (Context::Talk, b) | (b, Context::Talk) => b == Context::Talk,
        _ => true,
    }
}

#[test]
fn no_key_means_two_things() {
    for (i, a) in ALL.iter().enumerate() {
        for b in &ALL[i + 1..] {
            assert_ne!(a.id, b.id);
            assert_ne!(a.name, b.name, "{} and {}", a.id, b.id);
            let shared = a.keys.iter().find(|key| b.keys.contains(key) && meet(a.context, b.context));
            assert_eq!(shared, None, "{} and {}", a.id, b.id);
        }
        for key in a.keys {
            let (ctrl, rest) = key.strip_prefix("Ctrl+").map_or((false, *key), |rest| (true, rest));
            let (shift, rest) = rest.strip_prefix("Shift+").map_or((false, rest), |rest| (true, rest));
            assert_eq!(key_name(rest, ctrl, shift), *key, "{}: no browser names it so", a.id);
        }
    }
}

/// The values of an attribute in the page.
fn values(attribute: &str) -> Vec<&'static str> {
    let start = format!("{attribute}=\"");
    PAGE.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_button_is_a_command() {
    for id in values("data-command") {
        assert!(by_id(id).is_some(), "{id}");
    }
    // Keys in titles come from the table alone.
    for title in values(" title") {
        let buttons = PAGE.split("<button").skip(1).filter_map(|b| b.split('>').next());
        let with = buttons
            .filter(|b| b.contains(&format!("title=\"{title}\"")))
            .find(|b| b.contains("data-command"));
        assert_eq!(with, None, "its title comes from the table");
    }
    for button in PAGE.split("<button").skip(1).filter_map(|b| b.split('>').next()) {
        assert!(button.contains("data-command=") || button.contains("data-own="), "{button} does nothing");
    }
}

#[test]
fn keys_have_names() {
    for (key, ctrl, shift, name, label) in [
        ("K", true, false, "Ctrl+k", "Ctrl+K"),
        ("N", false, true, "Shift+n", "Shift+N"),
        ("?", false, true, "?", "?"),
        ("ArrowLeft", false, true, "Shift+ArrowLeft", "Shift+←"),
        (" ", false, false, " ", "Space"),
        ("+", false, true, "+", "+"),
        ("Home", false, false, "Home", "Home"),
    ] {
        assert_eq!(key_name(key, ctrl, shift), name);
        assert_eq!(key_label(name), label);
    }
}

#[test]
fn a_key_finds_its_command() {
    let rows = [
        ("n", Some("next"), Some("next")),
        (" ", Some("next"), Some("next")),
        ("b", Some("compare-b"), Some("talk-black")),
        (".", Some("next-event"), Some("talk-black")),
        ("Escape", Some("follow"), Some("talk-leave")),
        ("l", None, Some("talk-spot")),
        ("Enter", None, Some("talk-go")),
        ("F12", None, None),
    ];
    for (key, before, in_a_talk) in rows {
        let id = |talk| by_key(key, StageView::Pages, SidePanel::Now, talk).map(|c| c.id);
        assert_eq!((id(false), id(true)), (before, in_a_talk), "{key}");
    }
    let mut app = App::default();
    app.update(Msg::Run("stage-time"));
    assert_eq!(app.stage, StageView::Time);
    app.update(Msg::Run("no such"));
}
