//! One moment as a picture for a slide: what the stage shows, with title and legend, as SVG.

mod small;

use crate::app::App;
use crate::layout::Rect;
use crate::msg::Msg;
use crate::pages;
use crate::pages::grid::Grid;
use crate::pages::level::Room;
use crate::pages::picture::{Marks, Painter};
use crate::palette::Fill;
use crate::render::svg::{Svg, Theme, Words, escaped, put, style, wide, words};
use crate::scene::{Scene, page_scene};
use crate::view::{View, shown_process, subject, view};
use pagescope_shared::addr::Addr;
use pagescope_shared::page::PageState;
use std::fmt::Write;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look {
    /// What the latest event is about.
    There,
    /// All pages of the process.
    All,
    /// The mapping at this address.
    At(Addr),
}

/// How a moment is to be pictured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wish {
    /// Width and height of the picture in pixels.
    pub size: (u32, u32),
    /// What is looked at.
    pub look: Look,
    /// Its colours.
    pub theme: Theme,
    /// Only the pages that the moment is about, large.
    pub small: bool,
}

/// What is laid out is so wide, whatever the picture's size: type keeps its share of it.
const WIDTH: f32 = 960.0;
/// The same without title and legend.
const SMALL_WIDTH: f32 = 400.0;
const MARGIN: f32 = 36.0;

/// The picture of the moment at which `app` is.
///
/// # Errors
/// When there is nothing to be shown.
pub fn still(app: &mut App, wish: &Wish) -> Result<String, String> {
    let (across, down) = (f64::from(wish.size.0.max(1)), f64::from(wish.size.1.max(1)));
    let width = if wish.small { SMALL_WIDTH } else { WIDTH };
    #[expect(clippy::cast_possible_truncation, reason = "a picture's size needs no double")]
    let height = (f64::from(width) * down / across) as f32;
    let picture = if wish.small {
        Rect { x: 24.0, y: 24.0, w: width - 48.0, h: height - 48.0 }
    } else {
        Rect { x: MARGIN, y: 112.0, w: width - 2.0 * MARGIN, h: height - 112.0 - 78.0 }
    };
    if picture.h < 60.0 {
        return Err("so flat a picture has no room for its title".to_owned());
    }
    app.update(Msg::ReducedMotion(true));
    let (w, h) = (f64::from(picture.w), f64::from(picture.h));
    app.update(Msg::Pages(pages::Msg::Room(Room { width: w, height: h, ratio: 2.0, large: false })));
    match wish.look {
        Look::There => {}
        Look::All => app.update(Msg::Pages(pages::Msg::Fit)),
        Look::At(addr) => app.update(Msg::Focus(addr)),
    }
    let view = view(app);
    let mut svg = Svg::default();
    put!(svg.body, "<rect width=\"{width}\" height=\"{height}\" class=\"ground\"/>");
    let nothing = "there is nothing mapped at that moment";
    if wish.small {
        small::draw(&mut svg, app, &view, picture).ok_or(nothing)?;
    } else {
        let scene = scene(app, &view, picture).ok_or(nothing)?;
        title(&mut svg, &view, width);
        legend(&mut svg, &view, &scene, width, height);
        put!(svg.body, "<g transform=\"translate({} {})\">", picture.x, picture.y);
        svg.scene(&scene, width / 100.0);
        svg.body.push_str("</g>");
    }
    let (name, about) = (escaped(&heading(&view).0), escaped(&view.stage.description));
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{across}\" \
         height=\"{down}\" viewBox=\"0 0 {width} {height}\" fill=\"none\" role=\"img\">\n<title>{name}</title>\n\
         <desc>{about}</desc>\n<style>{}</style>\n<defs>{}</defs>\n{}\n</svg>\n",
        style(wish.theme),
        svg.defs,
        svg.body
    ))
}

/// What the page's stage would show.
fn scene(app: &App, view: &View, picture: Rect) -> Option<Scene> {
    let timeline = app.timeline.as_ref()?;
    let (pid, _) = shown_process(app, timeline)?;
    let space = timeline.world().space(pid)?;
    if let Some(page) = &view.stage.page {
        return Some(page_scene(page, picture.w, picture.h, 1.0));
    }
    let spoken_of =
        subject(timeline).map(|subject| subject.range).filter(|_| !app.pages.shows_all_for_good());
    let marks = Marks { subject: spoken_of, progress: 1.0, ..Marks::default() };
    Some(Painter::default().scene(&app.pages, space, &marks))
}

/// What it is called, and what stands under that.
fn heading(view: &View) -> (String, String) {
    let stage = &view.stage;
    if !view.told || view.step_title.is_empty() {
        return (stage.heading.clone(), stage.detail.clone());
    }
    (view.step_title.clone(), format!("{} · {}", stage.heading, stage.detail))
}

fn title(svg: &mut Svg, view: &View, width: f32) {
    let (title, detail) = heading(view);
    let big = Words { size: 30.0, weight: 650, class: "ink", across: 0.0, down: 0.5, wraps: false };
    let line = |y: f32, h: f32| Rect { x: MARGIN, y, w: width - 2.0 * MARGIN, h };
    words(svg, &title, line(30.0, 36.0), &big);
    words(svg, &detail, line(70.0, 20.0), &Words { size: 14.0, weight: 400, class: "soft", ..big });
}

/// The states that are to be seen, and where and when.
fn legend(svg: &mut Svg, view: &View, scene: &Scene, width: f32, height: f32) {
    let plain = Words { size: 13.0, weight: 400, class: "soft", across: 0.0, down: 0.5, wraps: false };
    let (mut x, y) = (MARGIN, height - 58.0);
    for state in PageState::ALL.into_iter().filter(|state| shows(scene, (*state).into())) {
        let long = wide(state.label(), &plain);
        if x + 22.0 + long > width - MARGIN {
            break;
        }
        svg.state(Rect { x, y: y + 1.0, w: 14.0, h: 14.0 }, state.into(), 3.0, false);
        words(svg, state.label(), Rect { x: x + 22.0, y, w: long, h: 16.0 }, &plain);
        x += 22.0 + long + 24.0;
    }
    let under = Rect { x: MARGIN, y: height - 34.0, w: width - 2.0 * MARGIN, h: 16.0 };
    let when = format!("{} · {}", view.process, view.player.label);
    let room = wide(&when, &plain) + 16.0;
    words(svg, &when, under, &Words { across: 1.0, ..plain });
    words(svg, &view.caveat, Rect { w: (under.w - room).max(40.0), ..under }, &plain);
}

fn shows(scene: &Scene, fill: Fill) -> bool {
    let in_grid = |grid: &Grid| grid.cells.iter().any(|cell| cell[0] & 15 == fill as u8);
    scene.cells.as_ref().is_some_and(|cells| in_grid(&cells.grid))
        || scene.quads.iter().any(|quad| quad.to == fill)
}
