use super::*;
use crate::msg::Msg as AppMsg;

const HELLO: &str = include_str!("../../gallery/hello.jsonl");

fn loaded() -> App {
    let mut app = App::default();
    app.update(AppMsg::Loaded { name: "t".into(), bytes: Ok(HELLO.into()), autoplay: false });
    app.update(AppMsg::Side(SidePanel::Compare));
    app
}

fn work(app: &mut App) {
    while app.has_work() {
        app.update(AppMsg::Work(3));
    }
}

/// The rows of the table under a heading.
fn rows(app: &App, under: &str) -> Vec<String> {
    let blocks = blocks(app);
    let at = blocks.iter().position(|b| matches!(b, Block::Heading(h) if *h == under));
    match at.and_then(|at| blocks.get(at + 1)) {
        Some(Block::Table { rows, .. }) => rows.iter().map(|row| row.cells.join(" ")).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn what_a_step_did() {
    let mut app = loaded();
    app.update(AppMsg::GoToStep(1));
    work(&mut app);
    assert_eq!(rows(&app, "Mapped"), ["0x100000000 4 KiB rw-p anonymous"]);
    assert!(rows(&app, "What happened in between").contains(&"map 1 ".to_owned()));
    app.update(AppMsg::GoToStep(2));
    work(&mut app);
    assert_eq!(rows(&app, "Mapped"), [] as [&str; 0]);
    assert_eq!(rows(&app, "Pages of what stayed mapped"), ["0x100000000 4 KiB untouched → private"]);
    app.update(AppMsg::GoToStep(4));
    work(&mut app);
    assert_eq!(rows(&app, "Unmapped"), ["0x100000000 4 KiB rw-p anonymous"]);
}

#[test]
fn two_moments_that_somebody_chose() {
    let mut app = loaded();
    app.update(AppMsg::GoToStep(0));
    app.update(AppMsg::Run("compare-a"));
    app.update(AppMsg::GoToStep(2));
    app.update(AppMsg::Run("compare-b"));
    for step in [0, 4, 2] {
        app.update(AppMsg::GoToStep(step));
        work(&mut app);
        assert_eq!(rows(&app, "Mapped"), ["0x100000000 4 KiB rw-p anonymous"], "wherever the film is");
    }
    // B before A: the earlier one is A.
    app.update(AppMsg::GoToStep(4));
    app.update(AppMsg::Run("compare-a"));
    work(&mut app);
    assert_eq!(rows(&app, "Unmapped"), ["0x100000000 4 KiB rw-p anonymous"]);
    app.update(AppMsg::Run("compare-reset"));
    app.update(AppMsg::GoToStep(0));
    work(&mut app);
    assert_eq!(rows(&app, "Unmapped"), [] as [&str; 0]);
}
