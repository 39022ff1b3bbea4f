//! Wheel, pointer and fingers on the picture of pages become messages; the line under it says what is pointed at.

use super::elements::{Listener, by_id};
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use crate::msg::Msg;
use crate::pages::Msg as Pages;
use crate::pages::level::BAR;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast as _;
use web_sys::{Document, Element, HtmlElement, MouseEvent, PointerEvent, WheelEvent};

/// A press that moves less than this is a click, in CSS pixels.
const CLICK: f64 = 5.0;

/// The line under the picture, and the buttons over it.
pub(super) struct PagesInput {
    picture: HtmlElement,
    caption: HtmlElement,
    full: HtmlElement,
    shown: (String, bool, bool),
    _listeners: Vec<Listener>,
}

/// Fingers or the mouse on the picture.
#[derive(Default)]
struct Press {
    /// Number and place of each.
    down: Vec<(i32, (f64, f64))>,
    /// How far the first one has come.
    moved: f64,
    /// It began on the bar at the right edge.
    on_bar: bool,
}

impl Press {
    /// One moves: what that means.
    fn moves(&mut self, id: i32, to: (f64, f64), height: f64) -> Option<Pages> {
        let from = self.down.iter().find(|(other, _)| *other == id)?.1;
        let before = self.spread();
        if let Some((_, place)) = self.down.iter_mut().find(|(other, _)| *other == id) {
            *place = to;
        }
        self.moved += (to.0 - from.0).abs() + (to.1 - from.1).abs();
        if self.on_bar {
            return Some(Pages::Scroll(to.1 / height.max(1.0)));
        }
        if let (Some((_, then)), Some((middle, now))) = (before, self.spread()) {
            // Two fingers: what is between them grows with their distance.
            let by = (now.max(1.0) / then.max(1.0)).log2() * 1.5;
            return Some(Pages::Zoom {
                at: Some(middle),
                by: if by.fract() == 0.0 { by + 1e-6 } else { by },
            });
        }
        (self.moved >= CLICK).then_some(Pages::Pan { dy: to.1 - from.1, glide: false })
    }

    /// The middle and the distance of two fingers.
    fn spread(&self) -> Option<((f64, f64), f64)> {
        let [(_, a), (_, b), ..] = self.down.as_slice() else { return None };
        Some((((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0), (a.0 - b.0).hypot(a.1 - b.1)))
    }
}

impl PagesInput {
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let picture: HtmlElement = by_id(document, "picture")?;
        let full: HtmlElement = by_id(document, "full-scale")?;
        let press = Rc::new(RefCell::new(Press::default()));
        let mut listeners = vec![
            on(&picture, "wheel", queue, |event, picture| {
                event.prevent_default();
                wheel(event.dyn_ref()?, picture)
            }),
            on(&picture, "dblclick", queue, |event, picture| {
                let (x, y) = place(event.dyn_ref()?, picture);
                Some(Pages::DoubleClick(x, y))
            }),
        ];
        for name in ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave"] {
            let press = Rc::clone(&press);
            listeners.push(on(&picture, name, queue, move |event, picture| {
                pointer(name, event.dyn_ref()?, picture, &mut press.borrow_mut())
            }));
        }
        let caption = by_id(document, "caption")?;
        Ok(Self { picture, caption, full, shown: Default::default(), _listeners: listeners })
    }
}

/// Listens, and sends what comes of it.
fn on(
    element: &HtmlElement,
    name: &'static str,
    queue: &Queue,
    mut message: impl FnMut(&web_sys::Event, &Element) -> Option<Pages> + 'static,
) -> Listener {
    let (queue, of) = (queue.clone(), element.clone());
    Listener::new(element, name, move |event| {
        if let Some(msg) = message(&event, &of) {
            queue.send(Msg::Pages(msg));
        }
    })
}

/// Where an event is, in CSS pixels from the picture's corner.
fn place(event: &MouseEvent, picture: &Element) -> (f64, f64) {
    let rect = picture.get_bounding_client_rect();
    // A talk draws it larger.
    let by = (f64::from(picture.client_width()) / rect.width().max(1.0)).max(0.01);
    ((f64::from(event.client_x()) - rect.left()) * by, (f64::from(event.client_y()) - rect.top()) * by)
}

fn wheel(event: &WheelEvent, picture: &Element) -> Option<Pages> {
    let unit = match event.delta_mode() {
        WheelEvent::DOM_DELTA_LINE => 20.0,
        WheelEvent::DOM_DELTA_PAGE => 400.0,
        _ => 1.0,
    };
    let (dx, dy) = (event.delta_x() * unit, event.delta_y() * unit);
    if event.shift_key() {
        return Some(Pages::Pan { dy: -(dx + dy), glide: false });
    }
    // Pinches on a touchpad come as small steps with Ctrl; a wheel's notch is a whole zoom.
    let by = if event.ctrl_key() {
        -dy / 60.0
    } else if dy.abs() >= 50.0 {
        -dy.signum()
    } else {
        -dy / 150.0
    };
    (by != 0.0).then(|| Pages::Zoom { at: Some(place(event, picture)), by })
}

fn pointer(name: &str, event: &PointerEvent, picture: &Element, press: &mut Press) -> Option<Pages> {
    let (at, id) = (place(event, picture), event.pointer_id());
    match name {
        "pointerdown" if event.button() == 0 => {
            if press.down.is_empty() {
                press.moved = 0.0;
                press.on_bar = at.0 >= f64::from(picture.client_width()) - BAR;
            }
            press.down.retain(|(other, _)| *other != id);
            press.down.push((id, at));
            // Drags go on outside; without it they end at the edge.
            let _ = picture.set_pointer_capture(id);
            let height = f64::from(picture.client_height());
            press.on_bar.then(|| Pages::Scroll(at.1 / height.max(1.0)))
        }
        "pointermove" if press.down.is_empty() => Some(Pages::Pointer(Some(at))),
        "pointermove" => press.moves(id, at, f64::from(picture.client_height())),
        "pointerup" | "pointercancel" => {
            let was_down = press.down.iter().any(|(other, _)| *other == id);
            press.down.retain(|(other, _)| *other != id);
            let click = name == "pointerup" && was_down && press.moved < CLICK && !press.on_bar;
            click.then_some(Pages::Click(at.0, at.1))
        }
        "pointerleave" if press.down.is_empty() => Some(Pages::Pointer(None)),
        _ => None,
    }
}

impl Part for PagesInput {
    fn show(&mut self, frame: &Frame<'_>) {
        let pages = &frame.app.pages;
        let now = (frame.view.stage.caption.clone(), pages.full_scale, pages.one_page().is_some());
        if now == self.shown {
            return;
        }
        if now.0 != self.shown.0 {
            self.caption.set_text_content(Some(&now.0));
        }
        let _ = self.full.set_attribute("aria-pressed", if now.1 { "true" } else { "false" });
        let _ = self.picture.set_attribute("data-shows", if now.2 { "page" } else { "cells" });
        self.shown = now;
    }
}
