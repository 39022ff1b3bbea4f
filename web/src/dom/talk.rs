//! A talk: the captions under the picture, light and dark, the pointer.

use super::elements::{Listener, by_id};
use super::fetch::pause;
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use super::window;
use crate::msg::Msg;
use crate::talk::stops;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Document, HtmlElement, PointerEvent};

/// The pointer goes when it has rested so long, in milliseconds.
const REST_MS: i32 = 2000;
/// In a window of 1280 x 720 the picture is drawn so much larger than its sizes say.
const LARGER: f64 = 1.75;
/// Texts of more characters are written smaller.
const LONG: usize = 270;

/// The elements of a talk, and what they show.
pub(super) struct Talk {
    document: Document,
    app: HtmlElement,
    title: HtmlElement,
    text: HtmlElement,
    count: HtmlElement,
    fact: HtmlElement,
    spot: HtmlElement,
    black: HtmlElement,
    /// Whether a talk is given, whether the program stands beside the picture, whether it is black, whether there is a spotlight.
    shown: [bool; 4],
    said: [String; 4],
    resized: Rc<Cell<bool>>,
    /// How often the pointer has moved, while that matters.
    moves: Rc<Cell<Option<u32>>>,
    _listeners: [Listener; 2],
}

impl Talk {
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let (app, spot): (HtmlElement, HtmlElement) =
            (by_id(document, "app")?, by_id(document, "talk-spot")?);
        let (resized, moves) = (Rc::new(Cell::new(true)), Rc::new(Cell::new(None::<u32>)));
        let window = window()?;
        let listeners = [
            Listener::new(&window, "resize", {
                let (queue, resized) = (queue.clone(), Rc::clone(&resized));
                move |_| {
                    resized.set(true);
                    queue.send(Msg::Redraw);
                }
            }),
            Listener::new(&window, "pointermove", {
                let (app, spot, moves) = (app.clone(), spot.clone(), Rc::clone(&moves));
                move |event| {
                    let Some(before) = moves.get() else { return };
                    moves.set(Some(before.wrapping_add(1)));
                    let _ = app.class_list().remove_1("rests");
                    if let Some(at) = event.dyn_ref::<PointerEvent>() {
                        let (x, y) = (at.client_x(), at.client_y());
                        let _ = spot.set_attribute("style", &format!("--x:{x}px;--y:{y}px"));
                    }
                    spawn_local(rest(app.clone(), Rc::clone(&moves)));
                }
            }),
        ];
        Ok(Self {
            document: document.clone(),
            app,
            title: by_id(document, "talk-title")?,
            text: by_id(document, "talk-text")?,
            count: by_id(document, "talk-count")?,
            fact: by_id(document, "talk-fact")?,
            spot,
            black: by_id(document, "talk-black")?,
            shown: [false; 4],
            said: Default::default(),
            resized,
            moves,
            _listeners: listeners,
        })
    }

    /// What of the page is to be seen.
    fn modes(&mut self, now: [bool; 4]) {
        let old = std::mem::replace(&mut self.shown, now);
        for (i, name) in ["data-talk", "data-code", "data-black"].into_iter().enumerate() {
            if now.get(i) != old.get(i) {
                let on = now.get(i) == Some(&true);
                let _ = self.app.set_attribute(name, if on { "on" } else { "off" });
            }
        }
        let [talk, _, black, spot] = now;
        self.black.set_hidden(!black);
        self.spot.set_hidden(!spot);
        if talk != old[0] {
            self.moves.set(talk.then_some(0));
            self.resized.set(true);
            // The pointer comes when it moves.
            let _ = self.app.class_list().toggle_with_force("rests", talk);
            // Keys are the talk's, not those of the button that began it.
            if let Some(focus) = self.document.active_element().and_then(|e| e.dyn_into::<HtmlElement>().ok())
            {
                let _ = focus.blur();
            }
        }
    }

    /// How large the picture is drawn.
    fn scale(&self) {
        let size = |side: Result<wasm_bindgen::JsValue, _>| side.ok().and_then(|side| side.as_f64());
        let Some(window) = window().ok() else { return };
        let (Some(w), Some(h)) = (size(window.inner_width()), size(window.inner_height())) else { return };
        let scale = (LARGER * (w / 1280.0).min(h / 720.0)).max(1.0);
        let _ = self.app.style().set_property("--k", &format!("{scale:.3}"));
    }
}

/// Hides the pointer when it has not moved for a while.
async fn rest(app: HtmlElement, moves: Rc<Cell<Option<u32>>>) {
    let then = moves.get();
    pause(REST_MS).await;
    if then.is_some() && moves.get() == then {
        let _ = app.class_list().add_1("rests");
    }
}

impl Part for Talk {
    fn show(&mut self, frame: &Frame<'_>) {
        let (talk, view) = (&frame.app.talk, frame.view);
        let now = [talk.on, talk.on && talk.code && view.source.is_some(), talk.black, talk.spot];
        if now != self.shown {
            self.modes(now);
        }
        if !talk.on {
            return;
        }
        if self.resized.take() {
            self.scale();
        }
        let count = match (talk.typed, view.stop) {
            (0, Some(stop)) => {
                let place = stops::number(&talk.stops, stop) + 1;
                format!("{}{place} / {}", view.who, talk.stops.len())
            }
            (0, None) => String::new(),
            (typed, _) => format!("to {typed} ⏎"),
        };
        let texts = [&view.step_title, &view.narration, &count, &view.event.headline];
        for ((element, new), old) in
            [&self.title, &self.text, &self.count, &self.fact].iter().zip(texts).zip(&mut self.said)
        {
            if old != new {
                element.set_text_content(Some(new));
                old.clone_from(new);
            }
        }
        let _ = self.fact.class_list().toggle_with_force("failed", view.event.failed);
        let long = view.narration.chars().nth(LONG).is_some();
        let _ = self.text.class_list().toggle_with_force("long", long);
    }
}
