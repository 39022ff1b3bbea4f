//! The canvas and the labels over it.

use super::elements::{Elements, Extent, Listener, make, pixels};
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use super::window;
use crate::app::{App, StageView};
use crate::layout::Rect;
use crate::msg::Msg;
use crate::pages;
use crate::pages::level::Room;
use crate::pages::picture::{Marks, Painter};
use crate::palette::{Fill, Palette, parse_colour};
use crate::render::canvas2d::Canvas2d;
use crate::render::webgl::WebGl;
use crate::render::{Renderer, Viewport};
use crate::scene::{Label, Scene, page_scene};
use crate::view::{View, shown_process, subject};
use pagescope_shared::addr::Range;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use web_sys::{Element, HtmlCanvasElement};

/// Draws the stage.
pub(super) struct Picture {
    elements: Rc<Elements>,
    queue: Queue,
    renderer: Box<dyn Renderer>,
    /// The graphics card has lost what it held: it comes back empty.
    lost: Rc<Cell<bool>>,
    scenes: Scenes,
    labels: Vec<(Element, Label)>,
    /// How opaque the words in cells are: they belong to the level that comes.
    share: f32,
    theme: Option<String>,
    palette: Palette,
    attributes: [String; 3],
    extent: Extent,
    /// What stands there, unless it moves: to draw the same again costs the browser a copy of it.
    drawn: Option<Drawn>,
    _listeners: [Listener; 2],
}

/// Of which state, on how many pixels, in which theme.
type Drawn = (u64, (i32, i32), f64, Option<String>);

impl Picture {
    /// By WebGL2, or by Canvas2D where there is none (or where `renderer=2d` asks for it).
    pub(super) fn new(elements: Rc<Elements>, queue: &Queue) -> Result<Self, String> {
        let asked_2d = window()?.location().search().is_ok_and(|s| s.contains("renderer=2d"));
        let webgl =
            if asked_2d { Err("not asked for".to_owned()) } else { WebGl::new(elements.canvas.clone()) };
        let renderer: Box<dyn Renderer> = match webgl {
            Ok(webgl) => Box::new(webgl),
            Err(reason) => {
                web_sys::console::info_1(&JsValue::from_str(&format!("drawing by Canvas2D: {reason}")));
                Box::new(Canvas2d::new(&elements.canvas)?)
            }
        };
        let _ = elements.canvas.set_attribute("data-renderer", renderer.name());
        let lost = Rc::new(Cell::new(false));
        let canvas = &elements.canvas;
        let listeners = [
            // Only who prevents the default gets the context back.
            Listener::new(canvas, "webglcontextlost", |event| event.prevent_default()),
            Listener::new(canvas, "webglcontextrestored", {
                let (queue, lost) = (queue.clone(), Rc::clone(&lost));
                move |_| {
                    lost.set(true);
                    queue.send(Msg::Redraw);
                }
            }),
        ];
        Ok(Self {
            extent: Extent::new(&elements.picture, queue)?,
            drawn: None,
            queue: queue.clone(),
            renderer,
            lost,
            scenes: Scenes::default(),
            labels: Vec::new(),
            share: 1.0,
            theme: None,
            palette: [[0.5; 4]; Fill::ALL.len()],
            attributes: Default::default(),
            _listeners: listeners,
            elements,
        })
    }

    /// The colours, when they are others.
    fn read_palette(&mut self) {
        let root = self.elements.document.document_element();
        let theme = root.and_then(|root| root.get_attribute("data-theme"));
        if theme.is_some() && theme == self.theme {
            return;
        }
        if let Some(palette) = palette(&self.elements.document) {
            (self.palette, self.theme) = (palette, theme);
        }
    }

    /// Labels move at every frame of a zoom: what does not differ is not written.
    fn write(&mut self, labels: Vec<Label>) {
        let list = &self.elements.labels;
        let document = &self.elements.document;
        for (i, label) in labels.into_iter().enumerate() {
            if let Some((element, old)) = self.labels.get_mut(i) {
                if old.class != label.class {
                    element.set_class_name(label.class);
                }
                if old.rect != label.rect {
                    place(element, label.rect);
                }
                if (&old.text, old.dim) != (&label.text, label.dim) {
                    say(document, element, &label);
                }
                *old = label;
            } else if let Some(element) = make(document, "span", label.class, "") {
                place(&element, label.rect);
                say(document, &element, &label);
                let _ = list.append_child(&element);
                self.labels.push((element, label));
            }
        }
    }
}

/// The colours stand in the style sheet, once for both themes.
pub(super) fn palette(document: &web_sys::Document) -> Option<Palette> {
    let root = document.document_element()?;
    let style = window().ok()?.get_computed_style(&root).ok()??;
    Some(Fill::ALL.map(|fill| {
        let text = style.get_property_value(&format!("--state-{}", fill.name())).unwrap_or_default();
        parse_colour(&text).unwrap_or([0.5, 0.5, 0.5, 1.0])
    }))
}

/// Makes scenes of states, and keeps what was worked out for the last one.
#[derive(Default)]
pub(super) struct Scenes {
    painter: Painter,
    /// What the latest event is about, and at which moment of which trace.
    subject: (Option<(u64, usize)>, Option<Range>),
}

impl Scenes {
    fn subject(&mut self, app: &App) -> Option<Range> {
        let timeline = app.timeline.as_ref()?;
        let now = Some((app.trace, timeline.position()));
        if self.subject.0 != now {
            self.subject = (now, subject(timeline).map(|subject| subject.range));
        }
        self.subject.1
    }

    /// The scene of a state; none before there is a process.
    pub(super) fn scene(
        &mut self,
        app: &App,
        view: &View,
        viewport: Viewport,
        progress: f32,
    ) -> Option<Scene> {
        if let Some(page) = &view.stage.page {
            return Some(page_scene(page, viewport.width, viewport.height, progress));
        }
        let subject = self.subject(app);
        let timeline = app.timeline.as_ref()?;
        let (pid, _) = shown_process(app, timeline)?;
        let world = timeline.world();
        let space = world.space(pid)?;
        // What an event changed is shown when time went on, not when it was turned back.
        let forward = app.came_from < timeline.position();
        let of_it = timeline.event().is_some_and(|event| world.lender(event.pid) == world.lender(pid));
        let changes = if forward && of_it { timeline.change().pages.as_slice() } else { &[] };
        let marks = Marks {
            subject: subject.filter(|_| of_it),
            hover: app.hover,
            selection: app.selection,
            changes,
            progress: if forward { progress } else { 1.0 },
        };
        Some(self.painter.scene(&app.pages, space, &marks))
    }
}

fn place(element: &Element, Rect { x, y, w, h }: Rect) {
    let _ =
        element.set_attribute("style", &format!("left:{x:.1}px;top:{y:.1}px;width:{w:.1}px;height:{h:.1}px"));
}

fn say(document: &web_sys::Document, element: &Element, label: &Label) {
    // Only hexadecimal digits are dimmed in part.
    match label.text.split_at_checked(label.dim).filter(|(dim, _)| !dim.is_empty()) {
        None => element.set_text_content(Some(&label.text)),
        Some((dim, rest)) => {
            element.set_text_content(Some(rest));
            if let Some(dim) = make(document, "i", "", dim) {
                let _ = element.insert_before(&dim, element.first_child().as_ref());
            }
        }
    }
}

impl Part for Picture {
    fn show(&mut self, frame: &Frame<'_>) {
        if frame.app.stage != StageView::Pages {
            self.drawn = None;
            return;
        }
        let (view, progress) = (frame.view, frame.app.progress());
        let e = Rc::clone(&self.elements);
        let (size, larger) = (self.extent.size(), self.extent.larger());
        let device = (window().map_or(1.0, |w| w.device_pixel_ratio()) * larger).clamp(0.5, 8.0);
        let restored = self.lost.take();
        self.read_palette();
        let drawn = (frame.app.revision, size, device, self.theme.clone());
        if !restored && !frame.app.is_changing() && self.drawn.as_ref() == Some(&drawn) {
            return;
        }
        self.drawn = (!frame.app.is_changing()).then_some(drawn);
        if size.0 < 1 || size.1 < 1 {
            // The browser has not laid it out yet.
            return;
        }
        let (width, height) = (pixels(size.0), pixels(size.1));
        let (w, h) = (f64::from(width), f64::from(height));
        let room = Room { width: w, height: h, ratio: device, large: frame.app.talk.on };
        if frame.app.pages.room() != room {
            // It is laid out with that next time.
            self.queue.send(Msg::Pages(pages::Msg::Room(room)));
            if frame.app.pages.room() == Room::default() {
                return;
            }
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a screen's ratio and a share of 1 need no double"
        )]
        let (ratio, progress) = (device as f32, progress as f32);
        resize(&e.canvas, width * ratio, height * ratio);
        if restored && let Ok(renderer) = WebGl::new(e.canvas.clone()) {
            self.renderer = Box::new(renderer);
        }
        let viewport = Viewport { width, height, ratio };
        let scene = self.scenes.scene(frame.app, view, viewport, progress).unwrap_or_default();
        self.renderer.draw(&scene, &self.palette, viewport);
        let cell = scene.page_cell.map(|Rect { x, y, w, h }| format!("{x:.1} {y:.1} {w:.1} {h:.1}"));
        let level = scene.cells.as_ref().map(|cells| {
            let level = frame.app.pages.doc().level;
            format!("{} {} {:.1} {:.1}", level.columns, level.pages, cells.width, cells.height)
        });
        let attributes =
            [cell.unwrap_or_default(), level.unwrap_or_default(), view.stage.description.clone()];
        for ((old, new), name) in
            self.attributes.iter_mut().zip(attributes).zip(["data-cell", "data-level", "aria-label"])
        {
            if *old != new {
                let _ = e.canvas.set_attribute(name, &new);
                *old = new;
            }
        }
        let share = scene.cells.as_ref().map_or(1.0, |cells| cells.share);
        if self.share != share {
            let _ = e.labels.set_attribute("style", &format!("--share:{share:.2}"));
            self.share = share;
        }
        let count = scene.labels.len();
        self.write(scene.labels);
        for (element, _) in self.labels.drain(count..) {
            element.remove();
        }
    }
}

pub(super) fn resize(canvas: &HtmlCanvasElement, width: f32, height: f32) {
    let (w, h) = (device_pixels(width), device_pixels(height));
    if (canvas.width(), canvas.height()) != (w, h) {
        canvas.set_width(w);
        canvas.set_height(h);
    }
}

fn device_pixels(x: f32) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what a canvas can be"
    )]
    let n = x.round().clamp(1.0, 16_384.0) as u32;
    n
}
