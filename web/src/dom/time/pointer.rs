//! Presses, drags and wheels in the picture of the whole trace become messages.

use super::super::elements::{Listener, by_id};
use super::super::frame_loop::Queue;
use crate::msg::Msg;
use crate::number::decimal;
use crate::time::Msg as TimeMsg;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{
    Document, Element, Event, HtmlCanvasElement, HtmlElement, MouseEvent, PointerEvent, WheelEvent,
};

/// Where a pointer is in the plot: parts of its width and of the height of its addresses.
fn place(plot: &HtmlElement, event: &MouseEvent) -> (f64, f64) {
    let rect = plot.get_bounding_client_rect();
    let x = (f64::from(event.client_x()) - rect.left()) / rect.width().max(1.0);
    (x.clamp(0.0, 1.0), f64::from(event.client_y()) - rect.top())
}

/// What a press has begun.
#[derive(Clone, Copy, PartialEq)]
enum Press {
    /// Nothing.
    No,
    /// To choose a part, from here; once it has moved.
    Brush(f64, bool),
    /// To move what is shown; the pointer was here.
    Pan(f64),
    /// To go to moments.
    Scrub,
}

/// What a pointer does, and where: parts of the plot.
type Call = Box<dyn Fn(&PointerEvent, (f64, f64))>;

pub(super) fn listen(
    document: &Document,
    queue: &Queue,
    plot: &HtmlElement,
    axis: &HtmlElement,
) -> Result<Vec<Listener>, String> {
    let canvas: HtmlCanvasElement = by_id(document, "time-canvas")?;
    let press = Rc::new(Cell::new(Press::No));
    let send = |queue: &Queue, msg: TimeMsg| queue.send(Msg::Time(msg));
    let on = |target: &HtmlElement, name: &'static str, call: Call| {
        let (plot, target_) = (plot.clone(), target.clone());
        Listener::new(target, name, move |event: Event| {
            if let Some(event) = event.dyn_ref::<PointerEvent>() {
                if name == "pointerdown" {
                    let _ = target_.set_pointer_capture(event.pointer_id());
                }
                call(event, place(&plot, event));
            }
        })
    };
    let mut all = Vec::new();
    all.push(on(plot, "pointerdown", {
        let press = Rc::clone(&press);
        Box::new(move |event, (x, _)| {
            event.prevent_default();
            let pans = event.button() == 1 || event.shift_key();
            press.set(if pans { Press::Pan(x) } else { Press::Brush(x, false) });
        })
    }));
    all.push(on(axis, "pointerdown", {
        let (press, queue) = (Rc::clone(&press), queue.clone());
        Box::new(move |event, (x, _)| {
            let flag = event.target().and_then(|t| t.dyn_into::<Element>().ok());
            let position = flag.and_then(|f| f.get_attribute("data-position")).and_then(|p| p.parse().ok());
            match position {
                Some(position) => queue.send(Msg::Seek(position)),
                None => {
                    press.set(Press::Scrub);
                    send(&queue, TimeMsg::Seek(x));
                }
            }
        })
    }));
    let lanes: HtmlElement = by_id(document, "time-lanes")?;
    all.push(Listener::new(&lanes, "click", {
        let queue = queue.clone();
        move |event| {
            let target = event.target().and_then(|t| t.dyn_into::<Element>().ok());
            let lane = target.and_then(|t| t.closest("[data-pid]").ok().flatten());
            let Some(lane) = lane else { return };
            let pid = lane.get_attribute("data-pid").and_then(|pid| pid.parse().ok());
            queue.send(Msg::Process(pid.filter(|_| !lane.class_list().contains("chosen"))));
        }
    }));
    for target in [plot, axis] {
        all.push(on(target, "pointermove", {
            let (press, queue, canvas, on_plot) =
                (Rc::clone(&press), queue.clone(), canvas.clone(), target == plot);
            Box::new(move |_, (x, y)| match press.get() {
                Press::Scrub => send(&queue, TimeMsg::Seek(x)),
                Press::Pan(from) => {
                    press.set(Press::Pan(x));
                    send(&queue, TimeMsg::Pan(from - x));
                }
                Press::Brush(from, moved) => {
                    let width = f64::from(canvas.client_width()).max(1.0);
                    if moved || (x - from).abs() * width > 4.0 {
                        press.set(Press::Brush(from, true));
                        send(&queue, TimeMsg::Drag(Some((from, x))));
                    }
                }
                Press::No => {
                    // The rest of the plot is not about addresses.
                    let addresses = addresses_height(&canvas);
                    let down = if on_plot { y / addresses.max(1.0) } else { 2.0 };
                    send(&queue, TimeMsg::Point(Some((x, down))));
                }
            })
        }));
        all.push(on(target, "pointerup", {
            let (press, queue) = (Rc::clone(&press), queue.clone());
            Box::new(move |_, (x, _)| match press.replace(Press::No) {
                Press::Brush(_, true) => send(&queue, TimeMsg::Drop),
                Press::Brush(_, false) => send(&queue, TimeMsg::Click(x)),
                _ => {}
            })
        }));
        all.push(on(target, "pointercancel", {
            let (press, queue) = (Rc::clone(&press), queue.clone());
            Box::new(move |_, _| {
                press.set(Press::No);
                send(&queue, TimeMsg::Drag(None));
            })
        }));
        all.push(on(target, "pointerleave", {
            let queue = queue.clone();
            Box::new(move |_, _| send(&queue, TimeMsg::Point(None)))
        }));
        all.push(Listener::new(target, "wheel", {
            let (queue, plot) = (queue.clone(), plot.clone());
            move |event: Event| {
                let Some(event) = event.dyn_ref::<WheelEvent>() else { return };
                event.prevent_default();
                // Lines and pages are about so many pixels.
                let unit = [1.0, 16.0, 400.0].get(usize::try_from(event.delta_mode()).unwrap_or(0)).copied();
                let (dx, dy) = (event.delta_x() * unit.unwrap_or(1.0), event.delta_y() * unit.unwrap_or(1.0));
                let sideways = event.shift_key() || dx.abs() > dy.abs();
                if sideways {
                    let width = f64::from(plot.client_width()).max(1.0);
                    send(&queue, TimeMsg::Pan(if dx.abs() > dy.abs() { dx } else { dy } / width));
                } else {
                    send(
                        &queue,
                        TimeMsg::Zoom {
                            at: place(&plot, event).0,
                            factor: (dy * 0.0025).clamp(-1.0, 1.0).exp(),
                        },
                    );
                }
            }
        }));
        all.push(Listener::new(target, "dblclick", {
            let queue = queue.clone();
            move |_| send(&queue, TimeMsg::Whole)
        }));
    }
    Ok(all)
}

/// The height of the addresses in the plot, in pixels of the page.
fn addresses_height(canvas: &HtmlCanvasElement) -> f64 {
    canvas.get_attribute("data-addresses").and_then(|h| decimal(&h)).unwrap_or(1.0)
}
