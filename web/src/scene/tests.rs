use super::*;
use crate::app::App;
use crate::msg::Msg;
use crate::render::{Recording, Renderer, Viewport};
use crate::view::view;

const HELLO: &str = include_str!("../../gallery/hello.jsonl");

fn scene_at(step: usize, progress: f32) -> Scene {
    let mut app = App::default();
    app.update(Msg::Loaded { name: "hello".into(), bytes: Ok(HELLO.into()), autoplay: false });
    app.update(Msg::GoToStep(step));
    scene(&view(&app).stage, 640.0, 480.0, progress)
}

fn texts(scene: &Scene) -> String {
    scene.labels.iter().map(|l| l.text.as_str()).collect::<Vec<_>>().join("|")
}

#[test]
fn the_page_is_drawn_as_it_is() {
    for (step, fill) in [(1, Fill::Untouched), (2, Fill::Private), (3, Fill::Private), (4, Fill::Unmapped)] {
        let scene = scene_at(step, 1.0);
        let cell = scene.page_cell.unwrap();
        let drawn = scene.quads.iter().find(|q| q.rect == cell).unwrap();
        assert_eq!((drawn.to, drawn.inferred), (fill, false), "step {step}");
    }
}

#[test]
fn the_text_is_in_the_frame() {
    let scene = scene_at(2, 1.0);
    let glyphs: String =
        scene.labels.iter().filter(|l| l.class.starts_with("glyph")).map(|l| l.text.as_str()).collect();
    assert_eq!(glyphs, "Hello,␣world!\\0");
    assert!(texts(&scene).contains("physical frame 0x"), "{}", texts(&scene));
}

#[test]
fn asked_and_done_are_to_scale() {
    let scene = scene_at(4, 1.0);
    let bar = |fill: Fill| scene.quads.iter().find(|q| q.to == fill && q.rect.w < 10.0).unwrap().rect.h;
    let ratio = bar(Fill::Accent) / bar(Fill::Ink);
    assert!((ratio - 0.25).abs() < 0.01, "1,024 of 4,096: {ratio}");
    assert!(texts(&scene).contains("asked 1,024 bytes|unmapped 4,096 bytes"), "{}", texts(&scene));
}

#[test]
fn every_page_of_the_process_is_a_cell() {
    let mut renderer = Recording::default();
    let scene = scene_at(0, 1.0);
    renderer.draw(&scene, &[[0.0; 4]; Fill::ALL.len()], Viewport { width: 640.0, height: 480.0, ratio: 1.0 });
    let mut app = App::default();
    app.update(Msg::Loaded { name: "hello".into(), bytes: Ok(HELLO.into()), autoplay: false });
    let pages: u64 = view(&app).stage.groups.iter().map(|g| g.pages).sum();
    assert_eq!(u64::try_from(renderer.frames[0].len()).unwrap(), pages);
}
