//! The speaker window: a second window of this page that shows what only the speaker reads. The two talk over a channel
//! whose name nobody else knows: lists of strings, the first of which says what the others are. Either of them may be
//! loaded again: the number of the channel is kept with the talk's tab, and stands in the speaker window's address.

mod link;

pub(super) use link::{Link, open};

use super::elements::{Elements, Listener, by_id};
use super::fetch::pause;
use super::{theme, window};
use crate::commands;
use crate::number::decimal;
use crate::pages::level::whole;
use js_sys::{Array, Date, Reflect};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{BroadcastChannel, Element, HtmlElement, KeyboardEvent, MessageEvent, Storage};

/// What the speaker window may ask for.
const MAY: [&str; 8] = ["next", "previous", "home", "end", "talk-black", "talk-code", "talk-go", "ask"];
/// What stands in the speaker window, in the order in which it is sent.
const SHOWN: [&str; 7] = ["count", "title", "text", "note", "question", "next-title", "next-text"];
/// What the page's address says in that window, before the channel's number.
const FRAGMENT: &str = "#speaker=";
/// The talk is asked whether it is there so often, in milliseconds.
const BEAT_MS: i32 = 500;
/// It is taken to be gone when so many of these questions have had no answer.
const SILENT: u32 = 6;

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

/// What is kept as long as this tab or window is: it outlives the page. A browser may refuse to.
fn kept() -> Option<Storage> {
    window().ok()?.session_storage().ok()?
}

fn is_id(id: &str) -> bool {
    id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The number of the channel, when this is the speaker's window.
pub(super) fn asked_for() -> Option<String> {
    let hash = window().ok()?.location().hash().ok()?;
    let id = hash.strip_prefix(FRAGMENT)?;
    is_id(id).then(|| id.to_owned())
}

/// The time that passes: what had passed when it was stopped, and since when it runs, in milliseconds.
#[derive(Clone)]
struct Watch(Rc<Cell<(f64, Option<f64>)>>);

impl Watch {
    const KEY: &str = "pagescope-watch";

    /// As it was before this window was loaded again.
    fn restore() -> Self {
        let text = kept().and_then(|kept| kept.get_item(Self::KEY).ok()?).unwrap_or_default();
        let mut numbers = text.split(' ').map(decimal);
        let before = numbers.next().flatten().unwrap_or(0.0).max(0.0);
        Self(Rc::new(Cell::new((before, numbers.next().flatten()))))
    }

    fn set(&self, before: f64, runs: bool) {
        self.0.set((before, runs.then(Date::now)));
        if let Some(kept) = kept() {
            let since = self.0.get().1.map_or(String::new(), |since| format!(" {since:.0}"));
            let _ = kept.set_item(Self::KEY, &format!("{before:.0}{since}"));
        }
    }

    fn runs(&self) -> bool {
        self.0.get().1.is_some()
    }

    fn passed(&self) -> f64 {
        let (before, since) = self.0.get();
        before + since.map_or(0.0, |since| (Date::now() - since).max(0.0))
    }
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
    let watch = Watch::restore();
    // How often the talk was asked since it was heard last.
    let silent = Rc::new(Cell::new(0));
    let mut listeners = vec![Listener::new(&channel, "message", {
        let (root, state, silent) = (root.clone(), state.clone(), Rc::clone(&silent));
        move |event| {
            let words = words(&event);
            let mut words = words.iter();
            let said = words.next().map(String::as_str);
            match said {
                Some("show") => {
                    for (element, text) in shown.iter().zip(words) {
                        element.set_text_content(Some(text));
                    }
                }
                Some("here" | "hidden") => {}
                Some("bye") => silent.set(SILENT),
                _ => return,
            }
            match said {
                Some("bye") => tell(&root, &state, &gone()),
                Some("hidden") => tell(&root, &state, HIDDEN),
                _ => tell(&root, &state, ""),
            }
            if said != Some("bye") {
                silent.set(0);
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
            match button.get_attribute("data-own").as_deref() {
                Some("run") => watch.set(watch.passed(), !watch.runs()),
                Some("reset") => watch.set(0.0, watch.runs()),
                _ => return,
            }
            show_watch(&watch, &elapsed, &run);
        }
    }));
    send(&channel, &["hello"]);
    spawn_local(async move {
        // Listeners go with it.
        let _listeners = listeners;
        loop {
            show_watch(&watch, &elapsed, &run);
            let now = Date::new_0();
            clock.set_text_content(Some(&format!("{}:{:02}", now.get_hours(), now.get_minutes())));
            send(&channel, &["ping"]);
            silent.set((silent.get() + 1).min(SILENT));
            if silent.get() == SILENT || (silent.get() > 1 && is_closed()) {
                tell(&root, &state, &gone());
            }
            pause(BEAT_MS).await;
        }
    });
    Ok(())
}

fn show_watch(watch: &Watch, elapsed: &HtmlElement, run: &HtmlElement) {
    elapsed.set_text_content(Some(&time(watch.passed())));
    let text = if watch.runs() { "Pause" } else { "Start" };
    if run.text_content().as_deref() != Some(text) {
        run.set_text_content(Some(text));
    }
}

const HIDDEN: &str =
    "The talk's window is hidden: it moves as soon as it can be seen. Put it where nothing covers it.";

/// Whether the window that opened this one is closed.
fn is_closed() -> bool {
    let opener = window().ok().and_then(|window| window.opener().ok()).filter(JsValue::is_truthy);
    // Some browsers forget it. And it is of another page: `instanceof Window` says no.
    opener.is_none_or(|opener| Reflect::get(&opener, &"closed".into()).is_ok_and(|closed| closed.is_truthy()))
}

/// Why nothing is heard of the talk.
fn gone() -> String {
    let why = match is_closed() {
        true => "The talk's window is closed.",
        false => "The talk's page does not answer: it was left, or is being loaded.",
    };
    format!(
        "{why} When it is opened again in its tab, this window goes on; in another tab, press S for a new one."
    )
}

/// Says what is wrong, over words that may be of the past; or nothing.
fn tell(root: &HtmlElement, state: &HtmlElement, text: &str) {
    if state.hidden() != text.is_empty() || state.text_content().as_deref() != Some(text) {
        state.set_text_content(Some(text));
        state.set_hidden(text.is_empty());
        let _ = root.class_list().toggle_with_force("stands", !text.is_empty());
    }
}

/// `4:05`, `1:00:00`.
fn time(ms: f64) -> String {
    let seconds = whole::<u64>(ms / 1000.0);
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") }
}
