use super::*;
use crate::app::App;
use crate::msg::Msg;
use crate::pages;
use crate::pages::level::Room;
use crate::pages::picture::{Marks, Painter};
use crate::render::{Recording, Renderer, Viewport};
use crate::view::view;

const HELLO: &str = include_str!("../../gallery/hello.jsonl");

fn scene_at(step: usize, progress: f32) -> Scene {
    let mut app = App::default();
    app.update(Msg::Loaded { name: "hello".into(), bytes: Ok(HELLO.into()), autoplay: false });
    app.update(Msg::ReducedMotion(true));
    app.update(Msg::Pages(pages::Msg::Room(Room { width: 640.0, height: 480.0, ratio: 1.0, large: false })));
    app.update(Msg::GoToStep(step));
    page_scene(view(&app).stage.page.as_ref().unwrap(), 640.0, 480.0, progress)
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
    let mut app = App::default();
    app.update(Msg::Loaded { name: "hello".into(), bytes: Ok(HELLO.into()), autoplay: false });
    app.update(Msg::Pages(pages::Msg::Room(Room { width: 640.0, height: 480.0, ratio: 1.0, large: false })));
    let mut renderer = Recording::default();
    let space = app.timeline.as_ref().unwrap().world().processes().next().unwrap().0;
    let space = app.timeline.as_ref().unwrap().world().space(space).unwrap();
    let scene = Painter::default().scene(&app.pages, space, &Marks::default());
    renderer.draw(&scene, &[[0.0; 4]; Fill::ALL.len()], Viewport { width: 640.0, height: 480.0, ratio: 1.0 });
    let cells = renderer.frames[0].cells.as_ref().unwrap();
    let drawn = cells.grid.cells.iter().filter(|cell| cell[0] > 0).count();
    assert_eq!(u64::try_from(drawn).unwrap(), space.totals().mapped / 4096);
    let rows: u32 = cells.bands.iter().map(|band| band.rows).sum();
    assert_eq!(usize::try_from(rows).unwrap() * cells.grid.columns, cells.grid.cells.len());
}
