use super::*;
use crate::msg::Msg;
use pagescope_shared::addr::Addr;

const HELLO: &str = include_str!("../../gallery/hello.jsonl");

fn at(step: usize) -> App {
    let mut app = App::default();
    app.update(Msg::Loaded { name: "hello.jsonl".into(), bytes: Ok(HELLO.into()), autoplay: false });
    app.update(Msg::GoToStep(step));
    app.update(Msg::Side(SidePanel::Inspect));
    while app.has_work() {
        app.update(Msg::Work(3));
    }
    app
}

/// All that the panel says, a line each.
fn said(app: &App) -> Vec<String> {
    let mut lines = Vec::new();
    for block in blocks(app) {
        match block {
            Block::Title(text) | Block::Note(text) | Block::Warning(text) => lines.push(text),
            Block::Heading(text) => lines.push(text.to_owned()),
            Block::Facts(facts) => {
                lines.extend(facts.into_iter().map(|(label, text)| format!("{label}: {text}")));
            }
            Block::Table { rows, more, .. } => {
                lines.extend(rows.into_iter().map(|row| row.cells.join(" | ")));
                lines.push(more);
            }
            Block::Hex(hex) => {
                lines.extend(hex.into_iter().map(|line| format!("{} {}", line.hex(), line.text())));
            }
            Block::Buttons(_) => {}
        }
    }
    lines
}

#[test]
fn a_page_is_told_in_words() {
    // After a step, lines that begin so stand in the panel.
    let rows: [(usize, &[&str]); 4] = [
        (
            1,
            &[
                "state: untouched: nothing stands behind it yet",
                "known: observed: the kernel",
                "may: rw-p · be read, written",
            ],
        ),
        (2, &["state: private: a frame of its own", "frame: 0x", "48 65 6c 6c 6f 2c 20 77 Hello, w"]),
        (3, &["backing: anonymous: no file behind it", "1 page, what the event is about"]),
        (4, &["Nothing is mapped here"]),
    ];
    for (step, expected) in rows {
        let lines = said(&at(step));
        for begin in expected {
            assert!(lines.iter().any(|line| line.starts_with(begin)), "{step}: {begin} in {lines:#?}");
        }
    }
}

#[test]
fn the_selection_comes_before_the_pointer_and_the_event() {
    let mut app = at(2);
    let why = |app: &App| target(app).map(|t| t.why);
    assert_eq!(why(&app), Some("what the event is about"));
    app.update(Msg::Hover(Some(Addr(0x1234))));
    assert_eq!(why(&app), Some("under the pointer"));
    app.update(Msg::Select(Range::from_len(Addr(1 << 32), 3 * 4096).ok()));
    assert_eq!(why(&app), Some("selected"));
    let lines = said(&app);
    assert!(lines.contains(&"private | 1 | 4 KiB | 1".to_owned()), "{lines:#?}");
    // A huge selection is listed, not told whole.
    app.update(Msg::Select(Range::new(Addr(0), Addr(u64::MAX)).ok()));
    assert!(said(&app).len() < 300);
}

#[test]
fn its_history_is_found_backwards_and_can_be_walked() {
    let mut app = at(4);
    let lines = said(&app);
    let kinds = |line: &String| {
        ["| map |", "| unmap |", "| access |", "| observed |"].iter().any(|k| line.contains(k))
    };
    let history: Vec<&String> = lines.iter().filter(|line| kinds(line)).collect();
    assert!(
        history.len() > 4
            && history[0].contains("| unmap |")
            && history.iter().any(|l| l.contains("| map |")),
        "{history:?}"
    );
    app.update(Msg::Select(Range::from_len(Addr(1 << 32), 4096).ok()));
    let before = app.position();
    app.update(Msg::Run("previous-here"));
    while app.has_work() {
        app.update(Msg::Work(2));
    }
    assert!(app.position() < before);
    app.update(Msg::Run("next-here"));
    while app.has_work() {
        app.update(Msg::Work(2));
    }
    assert_eq!(app.position(), before);
}
