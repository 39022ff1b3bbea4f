//! The speaker window: a second window of this page that shows what only the speaker reads. The two talk over a channel
//! whose name nobody else knows: lists of strings, the first of which says what the others are.

use super::elements::{Elements, Listener, by_id};
use super::fetch::pause;
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use super::{theme, window};
use crate::commands;
use crate::msg::Msg;
use crate::pages::level::whole;
use crate::talk;
use js_sys::{Array, Date};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{BroadcastChannel, Document, Element, HtmlElement, KeyboardEvent, MessageEvent};

/// What the speaker window may ask for.
const MAY: [&str; 8] = ["next", "previous", "home", "end", "talk-black", "talk-code", "talk-go", "ask"];
/// What stands in the speaker window, in the order in which it is sent.
const SHOWN: [&str; 7] = ["count", "title", "text", "note", "question", "next-title", "next-text"];
/// What the page's address says in that window, before the channel's number.
const FRAGMENT: &str = "#speaker=";

fn channel(id: &str) -> Result<BroadcastChannel, String> {
    BroadcastChannel::new(&format!("pagescope-talk-{id}"))
        .map_err(|_| "the browser has no channel between windows".to_owned())
}

fn send(channel: &BroadcastChannel, words: &[&str]) {
    let list: Array = words.iter().map(|word| JsValue::from_str(word)).collect();
    // Fails only when it has been closed.
    let _ = channel.post_message(&list);
}

/// What a message says; nothing that is not a list of strings.
fn words(event: &web_sys::Event) -> Vec<String> {
    let data = event.dyn_ref::<MessageEvent>().map(MessageEvent::data);
    let list = data.and_then(|data| data.dyn_into::<Array>().ok()).unwrap_or_default();
    list.iter().take(SHOWN.len() + 1).map_while(|word| word.as_string()).collect()
}

/// Opens the window, or brings the open one to the front.
pub(super) fn open(document: &Document, queue: &Queue) {
    let app = document.get_element_by_id("app");
    let known = app.as_ref().and_then(|app| app.get_attribute("data-speaker"));
    let id = known.unwrap_or_else(|| {
        let part = || format!("{:08x}", whole::<u32>(js_sys::Math::random() * 4_294_967_296.0));
        part() + &part()
    });
    let page = window().ok().and_then(|w| w.location().href().ok()).unwrap_or_default();
    let page = page.split('#').next().unwrap_or_default();
    let opened = window().ok().and_then(|window| {
        let (url, name) = (format!("{page}{FRAGMENT}{id}"), format!("pagescope-{id}"));
        window.open_with_url_and_target_and_features(&url, &name, "popup,width=960,height=640").ok()?
    });
    match (opened, app) {
        (Some(opened), Some(app)) => {
            let _ = app.set_attribute("data-speaker", &id);
            let _ = opened.focus();
            queue.send(Msg::Redraw);
        }
        _ => queue.send(Msg::Talk(talk::Msg::Blocked)),
    }
}

/// The talk's end of the channel.
pub(super) struct Link {
    app: HtmlElement,
    queue: Queue,
    channel: Rc<RefCell<Option<BroadcastChannel>>>,
    /// Somebody has come who knows nothing yet.
    asked: Rc<Cell<bool>>,
    revision: u64,
    sent: [String; 7],
    message: Option<Listener>,
    _leave: Listener,
}

impl Link {
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let channel = Rc::new(RefCell::new(None));
        let of = Rc::clone(&channel);
        let window = window()?;
        let leave = Listener::new(&window, "pagehide", move |_| {
            if let Some(channel) = &*of.borrow() {
                send(channel, &["bye"]);
            }
        });
        Ok(Self {
            app: by_id(document, "app")?,
            queue: queue.clone(),
            channel,
            asked: Rc::default(),
            revision: 0,
            sent: Default::default(),
            message: None,
            _leave: leave,
        })
    }

    /// Takes up the channel when the window has been opened.
    fn begin(&mut self) {
        let Some(id) = self.app.get_attribute("data-speaker") else { return };
        let Ok(channel) = channel(&id) else { return };
        let (queue, asked) = (self.queue.clone(), Rc::clone(&self.asked));
        self.message = Some(Listener::new(&channel, "message", move |event| {
            let words = words(&event);
            match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["hello"] => {
                    asked.set(true);
                    queue.send(Msg::Redraw);
                }
                ["run", id] if MAY.contains(id) => {
                    commands::by_id(id)
                        .into_iter()
                        .for_each(|command| queue.send(Msg::Talk(talk::Msg::Asked(command.id))));
                }
                ["digit", digit] => {
                    digit.parse().into_iter().for_each(|d| queue.send(Msg::Talk(talk::Msg::Digit(d))));
                }
                _ => {}
            }
        }));
        self.asked.set(true);
        *self.channel.borrow_mut() = Some(channel);
    }
}

impl Part for Link {
    fn show(&mut self, frame: &Frame<'_>) {
        if self.message.is_none() {
            self.begin();
        }
        let (asked, channel) = (self.asked.take(), self.channel.borrow());
        let Some(channel) = channel.as_ref().filter(|_| asked || self.revision != frame.app.revision) else {
            return;
        };
        self.revision = frame.app.revision;
        let said = frame.view.spoken_to_speaker(frame.app);
        if asked || said != self.sent {
            let list: Vec<&str> = std::iter::once("show").chain(said.iter().map(String::as_str)).collect();
            send(channel, &list);
            self.sent = said;
        }
    }
}

/// The number of the channel, when this is the speaker's window.
pub(super) fn asked_for() -> Option<String> {
    let hash = window().ok()?.location().hash().ok()?;
    let id = hash.strip_prefix(FRAGMENT)?;
    (id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| id.to_owned())
}

/// The time that passes: what had passed when it was stopped, and since when it runs, in milliseconds.
type Watch = Rc<Cell<(f64, Option<f64>)>>;

fn passed(watch: &Watch) -> f64 {
    let (before, since) = watch.get();
    before + since.map_or(0.0, |since| Date::now() - since)
}

/// Makes this window the speaker's. It lives as long as its clock.
pub(super) fn start(e: &Elements, id: &str) -> Result<(), String> {
    theme::restore(e)?;
    let document = e.document.clone();
    let by_name = |name: &str| by_id::<HtmlElement>(&document, &format!("speaker-{name}"));
    let root: HtmlElement = by_id(&document, "speaker")?;
    by_id::<HtmlElement>(&document, "app")?.remove();
    root.set_hidden(false);
    document.set_title("Speaker · pagescope");
    let channel = channel(id)?;
    let state = by_name("state")?;
    let shown = SHOWN.iter().map(|name| by_name(name)).collect::<Result<Vec<_>, _>>()?;
    let watch = Watch::default();
    let mut listeners = vec![Listener::new(&channel, "message", {
        let state = state.clone();
        move |event| {
            let words = words(&event);
            let mut words = words.iter();
            match words.next().map(String::as_str) {
                Some("show") => {
                    state.set_hidden(true);
                    for (element, text) in shown.iter().zip(words) {
                        element.set_text_content(Some(text));
                    }
                }
                Some("bye") => gone(&state),
                _ => {}
            }
        }
    })];
    let window = window()?;
    listeners.push(Listener::new(&window, "keydown", {
        let channel = channel.clone();
        move |event| {
            let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
            if event.ctrl_key() || event.meta_key() || event.alt_key() {
                return;
            }
            let (key, own) = (event.key(), event.target().and_then(|t| t.dyn_into::<Element>().ok()));
            if key == " " && own.is_some_and(|own| own.tag_name() == "BUTTON") {
                return;
            }
            if key.len() == 1 && key.bytes().all(|b| b.is_ascii_digit()) {
                return send(&channel, &["digit", &key]);
            }
            let name = commands::key_name(&key, false, event.shift_key());
            let command = commands::by_key(&name, Default::default(), Default::default(), true);
            if let Some(command) = command.filter(|command| MAY.contains(&command.id)) {
                event.prevent_default();
                send(&channel, &["run", command.id]);
            }
        }
    }));
    let (elapsed, clock, run) = (by_name("elapsed")?, by_name("clock")?, by_name("run")?);
    listeners.push(Listener::new(&root, "click", {
        let (channel, watch, elapsed, run) = (channel.clone(), watch.clone(), elapsed.clone(), run.clone());
        move |event| {
            let Some(button) = event.target().and_then(|t| t.dyn_into::<Element>().ok()) else { return };
            if let Some(id) = button.get_attribute("data-command") {
                return send(&channel, &["run", &id]);
            }
            match (button.get_attribute("data-own").as_deref(), watch.get().1) {
                (Some("run"), None) => watch.set((passed(&watch), Some(Date::now()))),
                (Some("run"), Some(_)) => watch.set((passed(&watch), None)),
                (Some("reset"), since) => watch.set((0.0, since.map(|_| Date::now()))),
                _ => return,
            }
            run.set_text_content(Some(if watch.get().1.is_some() { "Pause" } else { "Start" }));
            elapsed.set_text_content(Some(&time(passed(&watch))));
        }
    }));
    send(&channel, &["hello"]);
    spawn_local(async move {
        // Listeners go with it.
        let _listeners = listeners;
        loop {
            elapsed.set_text_content(Some(&time(passed(&watch))));
            let now = Date::new_0();
            clock.set_text_content(Some(&format!("{}:{:02}", now.get_hours(), now.get_minutes())));
            let opener = window.opener().ok().and_then(|o| o.dyn_into::<web_sys::Window>().ok());
            if opener.is_some_and(|opener| opener.closed().unwrap_or(false)) {
                gone(&state);
            }
            pause(500).await;
        }
    });
    Ok(())
}

fn gone(state: &HtmlElement) {
    state.set_text_content(Some(
        "The talk's window is closed or shows something else. Press S there for a new speaker window.",
    ));
    state.set_hidden(false);
}

/// `4:05`, `1:00:00`.
fn time(ms: f64) -> String {
    let seconds = whole::<u64>(ms / 1000.0);
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") }
}
