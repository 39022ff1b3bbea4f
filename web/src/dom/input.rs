//! Clicks, keys, drops and the system's wishes become messages.

use super::elements::{Elements, Listener};
use super::frame_loop::Queue;
use super::load::Files;
use super::{embed, opener, speaker, theme, window};
use crate::app::{SidePanel, StageView};
use crate::commands::{self, Act, BrowserAct, Command};
use crate::msg::Msg;
use crate::overlay;
use crate::panel::Go;
use crate::talk;
use pagescope_shared::addr::Range;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, Element, EventTarget, KeyboardEvent};

/// Listens to everything. The listeners live as long as what is returned.
pub(super) fn listen(e: &Rc<Elements>, queue: &Queue, files: &Files) -> Result<Vec<Listener>, String> {
    label_buttons(e);
    let mut all = Vec::new();
    let mut on = |target: &EventTarget, name: &'static str, call: Box<dyn Fn(web_sys::Event)>| {
        all.push(Listener::new(target, name, call));
    };
    let click = |msg: Msg| -> Box<dyn Fn(web_sys::Event)> {
        let queue = queue.clone();
        Box::new(move |_| queue.send(msg.clone()))
    };
    on(&e.document.clone().into(), "click", {
        let (queue, e) = (queue.clone(), Rc::clone(e));
        Box::new(move |event| {
            let Some(go) = go(&event) else { return };
            // A row of the dialog has done its work.
            if e.document.query_selector("#overlay[open]").is_ok_and(|open| open.is_some()) {
                queue.send(Msg::Overlay(overlay::Msg::Close));
            }
            match &go {
                Go::Command(id) => commands::by_id(id).into_iter().for_each(|c| run(c, &queue, &e)),
                other => other.clone().messages().into_iter().for_each(|msg| queue.send(msg)),
            }
        })
    });
    on(&e.document.clone().into(), "pointerover", {
        let (queue, pointed) = (queue.clone(), Cell::new(false));
        Box::new(move |event| {
            // What a row of a panel is about is marked wherever it is seen.
            let range = if let Some(Go::Range(range)) = go(&event) { Some(range) } else { None };
            if pointed.replace(range.is_some()) || range.is_some() {
                queue.send(Msg::Hover(range.map(Range::start)));
            }
        })
    });
    on(&e.steps, "click", {
        let queue = queue.clone();
        Box::new(move |event| {
            if let Some(index) = data(&event, "step").and_then(|n| n.parse().ok()) {
                queue.send(Msg::GoToStep(index));
            }
        })
    });
    drops(e, queue, files, &mut on);
    let window = window()?;
    on(&window, "resize", click(Msg::Redraw));
    on(&window, "keydown", {
        let (queue, e) = (queue.clone(), Rc::clone(e));
        Box::new(move |event| key(&event, &queue, &e))
    });
    if let Ok(Some(query)) = window.match_media("(prefers-reduced-motion: reduce)") {
        queue.send(Msg::ReducedMotion(query.matches()));
        let (queue, of) = (queue.clone(), query.clone());
        on(&query, "change", Box::new(move |_| queue.send(Msg::ReducedMotion(of.matches()))));
    }
    Ok(all)
}

/// Files that are dropped, anywhere.
fn drops(
    e: &Rc<Elements>,
    queue: &Queue,
    files: &Files,
    on: &mut impl FnMut(&EventTarget, &'static str, Box<dyn Fn(web_sys::Event)>),
) {
    for name in ["dragover", "dragleave", "drop"] {
        let (queue, files, e) = (queue.clone(), files.clone(), Rc::clone(e));
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
                    files.open(&queue, file);
                }
            }),
        );
    }
}

/// Does what a command does.
fn run(command: &'static Command, queue: &Queue, e: &Elements) {
    match command.act {
        Act::Send(_) | Act::Time(_) | Act::Author(_) => queue.send(Msg::Run(command.id)),
        Act::Browser(BrowserAct::Open) => opener::show(&e.document),
        Act::Browser(BrowserAct::FullScreen) => full_screen(&e.document),
        Act::Browser(BrowserAct::Speaker) => speaker::open(&e.document, queue),
        Act::Browser(BrowserAct::Theme) => {
            theme::toggle(e);
            queue.send(Msg::Redraw);
        }
    }
}

/// The whole screen, or a window again.
fn full_screen(document: &web_sys::Document) {
    if document.fullscreen_element().is_some() {
        document.exit_fullscreen();
    } else if let Some(root) = document.document_element() {
        // A browser may refuse; then the window stays as it is.
        let _ = root.request_fullscreen();
    }
}

/// What the page has for `data-NAME` of its root, such as the view in the middle.
fn shown<T: Copy>(e: &Elements, name: &str, all: &[(&str, T)]) -> Option<T> {
    let value = e.document.get_element_by_id("app")?.get_attribute(&format!("data-{name}"))?;
    all.iter().find(|(name, _)| *name == value).map(|(_, it)| *it)
}

fn key(event: &web_sys::Event, queue: &Queue, e: &Rc<Elements>) {
    let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
    if e.document.query_selector("#overlay[open]").is_ok_and(|open| open.is_some()) {
        // Wherever the focus is, and in the order in which keys are pressed: what the browser tells of its closing is late.
        if event.key() == "Escape" {
            event.prevent_default();
            queue.send(Msg::Overlay(overlay::Msg::Close));
        }
        return;
    }
    // AltGr is Ctrl and Alt on some systems: it makes signs.
    let ctrl = (event.ctrl_key() || event.meta_key()) && !event.alt_key();
    if event.default_prevented() || (event.alt_key() && !event.ctrl_key()) || opener::is_open(&e.document) {
        return;
    }
    let focus = event.target().and_then(|t| t.dyn_into::<Element>().ok());
    if !ctrl && focus.as_ref().is_some_and(|focus| keeps(focus, &event.key())) {
        return;
    }
    let on = |name| shown(e, name, &[("on", true)]).unwrap_or_default();
    let talk = on("talk");
    if on("black") && !matches!(event.key().as_str(), "Shift" | "Control" | "Alt" | "Meta") {
        event.prevent_default();
        return queue.send(Msg::Talk(talk::Msg::Light));
    }
    let asked = shown(e, "ask", &[("open", true)]).unwrap_or_default();
    let digit =
        event.key().parse().ok().filter(|digit| *digit < 10 && !ctrl && (talk && !on("embed") || asked));
    if let Some(digit) = digit {
        event.prevent_default();
        return queue.send(Msg::Talk(talk::Msg::Digit(digit)));
    }
    let stage = shown(e, "stage", &StageView::ALL).unwrap_or_default();
    let side = shown(e, "side", &SidePanel::ALL).unwrap_or_default();
    let name = commands::key_name(&event.key(), ctrl, event.shift_key());
    if focus.is_some_and(|focus| undoes_itself(&focus, &name)) {
        return;
    }
    let command = commands::by_key(&name, stage, side, talk);
    if embed::hands_on(event, command, &e.document) {
        return event.prevent_default();
    }
    if let Some(command) = command {
        event.prevent_default();
        run(command, queue, e);
    }
}

/// Text that somebody writes is undone where it is written, but for the words of the talk.
fn undoes_itself(focus: &Element, name: &str) -> bool {
    matches!(name, "Ctrl+z" | "Ctrl+Shift+z" | "Ctrl+y")
        && focus.matches("input:not([type=range], [type=checkbox]), textarea").unwrap_or(false)
        && !focus.matches("[data-field]").unwrap_or(false)
}

/// Whether a control keeps a key for itself: by what it is, or because it says so (`data-keys`, names with spaces between).
fn keeps(focus: &Element, key: &str) -> bool {
    let along = || key.starts_with("Arrow") || matches!(key, "Home" | "End" | "PageUp" | "PageDown");
    let own = match focus.tag_name().to_ascii_lowercase().as_str() {
        "input" => match focus.get_attribute("type").as_deref() {
            Some("range") => along(),
            Some("checkbox" | "radio" | "button") => key == " ",
            _ => key.chars().count() == 1 || along() || matches!(key, "Escape" | "Enter"),
        },
        "select" | "textarea" => true,
        "button" => key == " ",
        _ => false,
    };
    let said = || focus.closest("[data-keys]").ok().flatten().and_then(|e| e.get_attribute("data-keys"));
    own || said().is_some_and(|keys| keys.split(' ').any(|k| k == key))
}

/// Says at every button with a command what it does and by which key.
fn label_buttons(e: &Elements) {
    let Ok(buttons) = e.document.query_selector_all("[data-command]") else { return };
    for i in 0..buttons.length() {
        let Some(button) = buttons.item(i).and_then(|b| b.dyn_into::<Element>().ok()) else { continue };
        let id = button.get_attribute("data-command").unwrap_or_default();
        let Some(command) = commands::by_id(&id) else { continue };
        let keys = command.keys_text();
        let title =
            if keys.is_empty() { command.name.to_owned() } else { format!("{} ({keys})", command.name) };
        let _ = button.set_attribute("title", &title);
        if !command.keys.is_empty() {
            let keys = command.keys.iter().map(|key| if *key == " " { "Space" } else { key });
            let keys = keys.collect::<Vec<_>>().join(" ").replace("Ctrl+", "Control+");
            let _ = button.set_attribute("aria-keyshortcuts", &keys);
        }
    }
}

/// Where a click leads: by the innermost element that says so.
fn go(event: &web_sys::Event) -> Option<Go> {
    let selector = Go::NAMES.map(|name| format!("[{name}]")).join(",");
    let element = event.target()?.dyn_into::<Element>().ok()?.closest(&selector).ok()??;
    Go::NAMES.iter().find_map(|name| Go::parse(name, &element.get_attribute(name)?))
}

/// The value of `data-NAME` on the element that was clicked or one around it.
fn data(event: &web_sys::Event, name: &str) -> Option<String> {
    let element = event.target()?.dyn_into::<Element>().ok()?;
    element.closest(&format!("[data-{name}]")).ok()??.get_attribute(&format!("data-{name}"))
}
