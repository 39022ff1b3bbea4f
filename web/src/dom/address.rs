//! The browser's address line and its history: kept in step with what is shown.

use super::elements::{Listener, by_id};
use super::fetch::pause;
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use super::window;
use crate::address::Address;
use crate::app::App;
use crate::load::From;
use crate::msg::Msg;
use crate::player::Motion;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Document, HtmlElement};

/// So long after the last change it is written: that takes the browser many milliseconds, and it refuses to have its history
/// written more often than about a hundred times in 30 seconds.
const REST_MS: i32 = 400;

/// What the address says now.
fn read() -> Result<Address, String> {
    let location = window()?.location();
    let part = |text: Result<String, JsValue>| text.unwrap_or_default();
    Ok(Address::parse(&part(location.search()), &part(location.hash())))
}

/// Says something for a few seconds.
pub(super) async fn tell(said: &HtmlElement, text: &str) {
    said.set_text_content(Some(text));
    said.set_hidden(false);
    pause(3000).await;
    if said.text_content().as_deref() == Some(text) {
        said.set_hidden(true);
    }
}

/// Writes the address.
pub(super) struct AddressLine {
    /// What stands there.
    written: Address,
    /// What should.
    now: Address,
    revision: Option<u64>,
    /// When what is shown changed last, in milliseconds.
    changed: f64,
    /// Whether there is something that was not written yet.
    waits: bool,
    /// Whether a frame will come for that.
    comes: Rc<Cell<bool>>,
    /// How many links the person has asked for.
    links: u32,
    said: HtmlElement,
    queue: Queue,
    _listener: Listener,
}

impl AddressLine {
    /// Loads what the address asks for, and listens to the person's going back and forward.
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let written = read()?;
        queue.send(Msg::Address(written.clone()));
        let to = queue.clone();
        let window = window()?;
        let listener = Listener::new(&window, "popstate", move |_| {
            if let Ok(address) = read() {
                to.send(Msg::Address(address));
            }
        });
        Ok(Self {
            now: written.clone(),
            written,
            revision: None,
            changed: f64::NEG_INFINITY,
            waits: false,
            comes: Rc::default(),
            links: 0,
            said: by_id(document, "said")?,
            queue: queue.clone(),
            _listener: listener,
        })
    }

    /// Puts the address into the clipboard, and says so.
    fn copy(&mut self, app: &App) {
        let now = app.address_now(&self.written);
        self.write(now.clone(), false);
        self.now = now;
        let is_file =
            app.source.as_ref().is_some_and(|from| matches!(from, From::File { .. }) && !from.is_embedded());
        let said = self.said.clone();
        said.set_text_content(None);
        spawn_local(async move {
            let copied = match window() {
                Ok(window) => {
                    let href = window.location().href().unwrap_or_default();
                    JsFuture::from(window.navigator().clipboard().write_text(&href)).await.is_ok()
                }
                Err(_) => false,
            };
            let text = match (copied, is_file) {
                (false, _) => "The link stands in the address line: copy it from there",
                (true, true) => "Link copied: it names the moment, and the file has to be opened first",
                (true, false) => "Link to this moment copied",
            };
            tell(&said, text).await;
        });
    }

    fn write(&mut self, address: Address, push: bool) {
        let Some(history) = window().ok().and_then(|w| w.history().ok()) else { return };
        let fragment = address.fragment();
        let url = if fragment.is_empty() { "#" } else { &fragment };
        let done = if push {
            history.push_state_with_url(&JsValue::NULL, "", Some(url))
        } else {
            history.replace_state_with_url(&JsValue::NULL, "", Some(url))
        };
        if done.is_ok() {
            self.written = address;
        }
    }
}

impl Part for AddressLine {
    fn show(&mut self, frame: &Frame<'_>) {
        let app = frame.app;
        if app.links != self.links {
            self.links = app.links;
            return self.copy(app);
        }
        let fresh = self.revision != Some(app.revision);
        let unchanged = !fresh && !self.waits;
        let on_its_way = app.load.job.is_some() || app.goal.is_some() || app.motion == Motion::Playing;
        if unchanged || on_its_way || !app.touched {
            return;
        }
        self.revision = Some(app.revision);
        self.waits = false;
        // The person may have gone back, or written it.
        self.written = read().unwrap_or_default();
        let now = app.address_now(&self.written);
        if now == self.written {
            self.now = now;
            return;
        }
        let (a, b) = (&now.place, &self.written.place);
        let turn = now.trace != self.written.trace
            || (a.view, a.pid, a.selection, a.talk) != (b.view, b.pid, b.selection, b.talk);
        // A frame leaves the history to the page around it.
        if turn && !now.is_embedded() {
            // Where one comes back to is where one was.
            let before = std::mem::replace(&mut self.now, now.clone());
            if before != self.written && before.trace == self.written.trace {
                self.write(before, false);
            }
            return self.write(now, true);
        }
        self.now = now.clone();
        let time = super::fetch::now();
        if fresh {
            self.changed = time;
        } else if time - self.changed >= f64::from(REST_MS) {
            return self.write(now, false);
        }
        self.waits = true;
        if !self.comes.replace(true) {
            let (queue, comes) = (self.queue.clone(), Rc::clone(&self.comes));
            spawn_local(async move {
                pause(REST_MS + 20).await;
                comes.set(false);
                queue.send(Msg::Frame);
            });
        }
    }
}
