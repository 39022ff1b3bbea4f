//! The page in a frame of another one: it is told what to do, says where it is, and hands on the keys that it does not use.

use super::elements::{Listener, by_id};
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use super::window;
use crate::address::Address;
use crate::commands::{Command, Group};
use crate::embed::{Ask, State, state};
use crate::msg::Msg;
use js_sys::{Object, Reflect};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, HtmlElement, KeyboardEvent, MessageEvent, Window};

/// What every message of either side has: what it is about.
const NAME: &str = "pagescope";
/// What the page's root says while it is embedded.
const MARK: &str = "data-embed";
/// What it says of the ends: keys that lead beyond them belong to the embedding page.
const ENDS: &str = "data-ends";

/// Talks with the embedding page.
pub(super) struct Embed {
    root: HtmlElement,
    parent: Rc<Parent>,
    told: Option<State>,
    _listener: Listener,
}

struct Parent {
    window: Window,
    /// Who asked: only that origin is told anything of the trace.
    origin: RefCell<Option<String>>,
    /// Whether it waits for an answer.
    asks: Cell<bool>,
}

impl Embed {
    /// None where the page is not embedded, or its address does not say `embed=1`.
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Option<Self>, String> {
        let own = window()?;
        let asked = Address::parse("", &own.location().hash().unwrap_or_default()).is_embedded();
        let Some(above) = own.parent().ok().flatten().filter(|above| asked && !same(above, &own)) else {
            return Ok(None);
        };
        let root: HtmlElement = by_id(document, "app")?;
        let _ = root.set_attribute(MARK, "on");
        let parent = Rc::new(Parent { window: above, origin: RefCell::default(), asks: Cell::default() });
        let listener = Listener::new(&own, "message", {
            let (parent, queue) = (Rc::clone(&parent), queue.clone());
            move |event| parent.hears(&event, &queue)
        });
        parent.say("ready", &[]);
        Ok(Some(Self { root, parent, told: None, _listener: listener }))
    }
}

impl Parent {
    fn hears(&self, event: &web_sys::Event, queue: &Queue) {
        let Some(event) = event.dyn_ref::<MessageEvent>() else { return };
        if !event.source().is_some_and(|source| same(&source, &self.window)) {
            return;
        }
        let data = event.data();
        let get = |name: &str| Reflect::get(&data, &JsValue::from_str(name)).ok();
        let Some(name) = get(NAME).and_then(|name| name.as_string()) else { return };
        // A file's origin is `null`, which no message can be addressed to.
        let origin = Some(event.origin()).filter(|origin| origin != "null" && !origin.is_empty());
        *self.origin.borrow_mut() = Some(origin.unwrap_or_else(|| "*".to_owned()));
        match Ask::parse(&name, |name| get(name)?.as_f64()) {
            Ok(Ask::Do(act)) => queue.send(Msg::Embedded(act)),
            Ok(Ask::State) => queue.send(Msg::Frame),
            Err(why) => return self.say("error", &[("text", why.into())]),
        }
        self.asks.set(true);
    }

    /// What names no trace may be heard by anybody.
    fn say(&self, what: &str, more: &[(&str, JsValue)]) {
        say(&self.window, self.origin.borrow().as_deref(), what, more);
    }
}

/// Sends a message to who has this origin, or to anybody.
fn say(window: &Window, origin: Option<&str>, what: &str, more: &[(&str, JsValue)]) {
    let message = Object::new();
    let set = |name: &str, value: &JsValue| {
        // An object that was just made takes everything.
        let _ = Reflect::set(&message, &JsValue::from_str(name), value);
    };
    set(NAME, &JsValue::from_str(what));
    more.iter().for_each(|(name, value)| set(name, value));
    let _ = window.post_message(&message, origin.unwrap_or("*"));
}

impl Part for Embed {
    fn show(&mut self, frame: &Frame<'_>) {
        let Some(now) = state(frame.app) else { return };
        let asked = self.parent.asks.take();
        if self.told.as_ref() == Some(&now) && !asked {
            return;
        }
        let ends = [("first", now.first), ("last", now.last)];
        let ends: Vec<&str> = ends.iter().filter(|(_, at)| *at).map(|(name, _)| *name).collect();
        let _ = self.root.set_attribute(ENDS, &ends.join(" "));
        if self.parent.origin.borrow().is_some() {
            let number = |n: usize| JsValue::from(u32::try_from(n).unwrap_or(u32::MAX));
            #[expect(clippy::cast_precision_loss, reason = "exact for three months of nanoseconds")]
            let time = JsValue::from(now.time_ns as f64);
            self.parent.say(
                "state",
                &[
                    ("step", number(now.step)),
                    ("steps", number(now.steps)),
                    ("title", now.title.as_str().into()),
                    ("position", number(now.position)),
                    ("events", number(now.events)),
                    ("time", time),
                    ("moving", now.moving.into()),
                    ("first", now.first.into()),
                    ("last", now.last.into()),
                ],
            );
        }
        self.told = Some(now);
    }
}

/// Whether a key is none of the page's business: it is embedded, and the command is about the page itself, or leads beyond
/// an end. Then the embedding page gets the key.
pub(super) fn hands_on(event: &KeyboardEvent, command: Option<&Command>, document: &Document) -> bool {
    let Some(root) = document.get_element_by_id("app").filter(|root| root.has_attribute(MARK)) else {
        return false;
    };
    let ends = root.get_attribute(ENDS).unwrap_or_default();
    let own = command.is_some_and(|command| match command.id {
        "next" => !ends.contains("last"),
        "previous" => !ends.contains("first"),
        _ => matches!(command.group, Group::Play) || command.id.starts_with("zoom"),
    });
    let above = window().ok().and_then(|own| own.parent().ok().flatten());
    let Some(above) = above.filter(|_| !own) else { return false };
    let key = [
        ("key", event.key().into()),
        ("code", event.code().into()),
        ("keyCode", event.key_code().into()),
        ("shiftKey", event.shift_key().into()),
        ("ctrlKey", event.ctrl_key().into()),
        ("altKey", event.alt_key().into()),
        ("metaKey", event.meta_key().into()),
    ];
    say(&above, None, "key", &key);
    true
}

fn same(a: &JsValue, b: &JsValue) -> bool {
    Object::is(a, b)
}
