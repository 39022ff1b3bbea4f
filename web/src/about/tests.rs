use super::*;
use crate::msg::Msg;

const HELLO: &str = include_str!("../../gallery/hello.jsonl");

fn said(bytes: Vec<u8>) -> String {
    let mut app = App::default();
    app.update(Msg::Loaded { name: "hello.jsonl".into(), bytes: Ok(bytes), autoplay: false });
    app.update(Msg::Side(SidePanel::Trace));
    while app.has_work() {
        app.update(Msg::Work(5));
    }
    format!("{:#?}", blocks(&app))
}

#[test]
fn a_sound_trace() {
    let text = said(HELLO.into());
    for words in ["a lesson, performed for real", "pages of 4 KiB", "frame numbers", "snapshot"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(!text.contains("Warning"), "{text}");
}

#[test]
fn a_damaged_one_tells_every_problem_with_its_place() {
    let mut lines: Vec<String> = HELLO.lines().map(str::to_owned).collect();
    for line in [4, 9] {
        lines[line] = "{nonsense".to_owned();
    }
    let lost =
        r#"{"seq":90001,"t":9000000000,"pid":1,"tid":1,"kind":"lost","count":12,"reason":"<b>full</b>"}"#;
    let fault = r#"{"seq":90002,"t":9000000000,"pid":1,"tid":1,"kind":"fault","addr":"0x5000"}"#;
    lines.extend([lost.to_owned(), fault.to_owned()]);
    let text = said(lines.join("\n").into_bytes());
    for words in [
        "line 5",
        "line 10",
        "12 events were lost: <b>full</b>",
        "but no mapping is known there",
        "stopped before its end",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    // Very many: some are listed, all are counted.
    let mut text = HELLO.to_owned();
    text.push_str(&"{nonsense\n".repeat(5000));
    assert!(said(text.into_bytes()).contains("and 4,900 more"));
}
