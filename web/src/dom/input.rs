//! Clicks, keys, drops and the system's wishes become messages.

use super::elements::{Elements, Listener};
use super::frame_loop::Queue;
use super::{load, theme, window};
use crate::app::StageView;
use crate::msg::Msg;
use pagescope_shared::addr::Addr;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, Element, EventTarget, HtmlElement, KeyboardEvent};

/// What a key does, when no control has the focus that wants it for itself.
fn key_message(key: &str) -> Option<Msg> {
    Some(match key {
        "ArrowRight" | "PageDown" | " " | "n" | "N" => Msg::NextStep,
        "ArrowLeft" | "PageUp" | "p" | "P" => Msg::PreviousStep,
        "." => Msg::NextEvent,
        "," => Msg::PreviousEvent,
        "k" | "K" => Msg::TogglePlay,
        "Home" => Msg::Home,
        "End" => Msg::End,
        "o" | "O" => Msg::Overview,
        "Escape" => Msg::Follow,
        "1" => Msg::Stage(StageView::Pages),
        "2" => Msg::Stage(StageView::Walk),
        "3" => Msg::Stage(StageView::Time),
        "~" => Msg::Meter,
        _ => return None,
    })
}

/// Listens to everything. The listeners live as long as what is returned.
pub(super) fn listen(e: &Rc<Elements>, queue: &Queue) -> Result<Vec<Listener>, String> {
    let mut all = Vec::new();
    let mut on = |target: &EventTarget, name: &'static str, call: Box<dyn Fn(web_sys::Event)>| {
        all.push(Listener::new(target, name, call));
    };
    let click = |msg: Msg| -> Box<dyn Fn(web_sys::Event)> {
        let queue = queue.clone();
        Box::new(move |_| queue.send(msg.clone()))
    };
    let buttons: [(&HtmlElement, Msg); 6] = [
        (&e.home, Msg::Home),
        (&e.previous, Msg::PreviousStep),
        (&e.play, Msg::TogglePlay),
        (&e.next, Msg::NextStep),
        (&e.end, Msg::End),
        (&e.dismiss, Msg::DismissError),
    ];
    for (button, msg) in buttons {
        on(button, "click", click(msg));
    }
    on(&e.overview, "click", {
        let (queue, e) = (queue.clone(), Rc::clone(e));
        Box::new(move |_| {
            let pressed = e.overview.get_attribute("aria-pressed").as_deref() == Some("true");
            queue.send(if pressed { Msg::Follow } else { Msg::Overview });
        })
    });
    on(&e.scrub, "input", {
        let (queue, scrub) = (queue.clone(), e.scrub.clone());
        Box::new(move |_| queue.send(Msg::Seek(scrub.value().parse().unwrap_or(0))))
    });
    on(&e.speed, "change", {
        let (queue, speed) = (queue.clone(), e.speed.clone());
        Box::new(move |_| queue.send(Msg::Speed(speed.value().parse().unwrap_or(1.0))))
    });
    on(&e.steps, "click", {
        let queue = queue.clone();
        Box::new(move |event| {
            if let Some(index) = data(&event, "step").and_then(|n| n.parse().ok()) {
                queue.send(Msg::GoToStep(index));
            }
        })
    });
    on(&e.map, "click", {
        let queue = queue.clone();
        Box::new(move |event| {
            if let Some(addr) = data(&event, "addr").and_then(|a| a.parse::<Addr>().ok()) {
                queue.send(Msg::Focus(addr));
            }
        })
    });
    on(&e.theme, "click", {
        let (queue, e) = (queue.clone(), Rc::clone(e));
        Box::new(move |_| {
            theme::toggle(&e);
            queue.send(Msg::Redraw);
        })
    });
    files(e, queue, &mut on);
    let window = window()?;
    on(&window, "resize", click(Msg::Redraw));
    on(&window, "keydown", {
        let (queue, e) = (queue.clone(), Rc::clone(e));
        Box::new(move |event| key(&event, &queue, &e))
    });
    on(&window, "hashchange", {
        let queue = queue.clone();
        Box::new(move |_| {
            let _ = load::first(&queue);
        })
    });
    if let Ok(Some(query)) = window.match_media("(prefers-reduced-motion: reduce)") {
        queue.send(Msg::ReducedMotion(query.matches()));
        let (queue, of) = (queue.clone(), query.clone());
        on(&query, "change", Box::new(move |_| queue.send(Msg::ReducedMotion(of.matches()))));
    }
    Ok(all)
}

/// The picker, and drops anywhere.
fn files(
    e: &Rc<Elements>,
    queue: &Queue,
    on: &mut impl FnMut(&EventTarget, &'static str, Box<dyn Fn(web_sys::Event)>),
) {
    on(&e.open, "click", {
        let file = e.file.clone();
        Box::new(move |_| file.click())
    });
    on(&e.file, "change", {
        let (queue, input) = (queue.clone(), e.file.clone());
        Box::new(move |_| {
            if let Some(file) = input.files().and_then(|files| files.get(0)) {
                load::file(&queue, file);
            }
            // The same file may be chosen again.
            input.set_value("");
        })
    });
    for name in ["dragover", "dragleave", "drop"] {
        let (queue, e) = (queue.clone(), Rc::clone(e));
        let body: EventTarget = e.document.clone().into();
        on(
            &body,
            name,
            Box::new(move |event| {
                event.prevent_default();
                e.drop.set_hidden(name != "dragover");
                if name == "drop"
                    && let Some(drag) = event.dyn_ref::<DragEvent>()
                    && let Some(file) =
                        drag.data_transfer().and_then(|d| d.files()).and_then(|files| files.get(0))
                {
                    load::file(&queue, file);
                }
            }),
        );
    }
}

fn key(event: &web_sys::Event, queue: &Queue, e: &Rc<Elements>) {
    let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let key = event.key();
    let focus = event.target().and_then(|t| t.dyn_into::<Element>().ok());
    let tag = focus.as_ref().map(|f| f.tag_name().to_ascii_lowercase()).unwrap_or_default();
    // A control keeps the keys that it uses itself.
    let own = match tag.as_str() {
        "input" => key.starts_with("Arrow") || matches!(key.as_str(), "Home" | "End" | "PageUp" | "PageDown"),
        "select" => true,
        "button" => key == " ",
        _ => false,
    };
    if own {
        return;
    }
    if matches!(key.as_str(), "t" | "T") {
        theme::toggle(e);
        queue.send(Msg::Redraw);
    } else if let Some(msg) = key_message(&key) {
        event.prevent_default();
        queue.send(msg);
    }
}

/// The value of `data-NAME` on the element that was clicked or one around it.
fn data(event: &web_sys::Event, name: &str) -> Option<String> {
    let element = event.target()?.dyn_into::<Element>().ok()?;
    element.closest(&format!("[data-{name}]")).ok()??.get_attribute(&format!("data-{name}"))
}
