//! The talk's end of the channel.

use super::{FRAGMENT, MAY, channel, is_id, kept, send, words};
use crate::commands;
use crate::dom::elements::{Listener, by_id};
use crate::dom::frame_loop::Queue;
use crate::dom::part::{Frame, Part};
use crate::dom::window;
use crate::msg::Msg;
use crate::pages::level::whole;
use crate::talk;
use js_sys::Date;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use web_sys::{BroadcastChannel, Document, HtmlElement};

/// What the channel's number is kept as, for when this page is loaded again.
const KEY: &str = "pagescope-speaker";

/// Opens the window, or brings the open one to the front.
pub(in crate::dom) fn open(document: &Document, queue: &Queue) {
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
            // After the window was made: it begins with a copy of what is kept here.
            if let Some(kept) = kept() {
                let _ = kept.set_item(KEY, &id);
            }
            let _ = opened.focus();
            queue.send(Msg::Redraw);
        }
        _ => queue.send(Msg::Talk(talk::Msg::Blocked)),
    }
}

/// The talk's end of the channel.
pub(in crate::dom) struct Link {
    app: HtmlElement,
    queue: Queue,
    channel: Rc<RefCell<Option<BroadcastChannel>>>,
    /// Somebody has come who knows nothing yet.
    asked: Rc<Cell<bool>>,
    /// The channel is another page's: this one was duplicated, with what was kept.
    lost: Rc<Cell<bool>>,
    revision: u64,
    sent: [String; 7],
    message: Option<Listener>,
    _leave: Listener,
}

impl Link {
    pub(in crate::dom) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let channel = Rc::new(RefCell::new(None));
        let of = Rc::clone(&channel);
        let window = window()?;
        let leave = Listener::new(&window, "pagehide", move |_| {
            if let Some(channel) = &*of.borrow() {
                send(channel, &["bye"]);
            }
        });
        let app: HtmlElement = by_id(document, "app")?;
        let known = kept().and_then(|kept| kept.get_item(KEY).ok()?).filter(|id| is_id(id));
        if let Some(id) = known {
            let _ = app.set_attribute("data-speaker", &id);
        }
        Ok(Self {
            app,
            queue: queue.clone(),
            channel,
            asked: Rc::default(),
            lost: Rc::default(),
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
        let (queue, asked, lost) = (self.queue.clone(), Rc::clone(&self.asked), Rc::clone(&self.lost));
        // Of two pages with the same channel the older one has it.
        let born = format!("{:.3}", Date::now() + js_sys::Math::random());
        send(&channel, &["claim", &born]);
        let own = channel.clone();
        self.message = Some(Listener::new(&channel, "message", move |event| {
            let words = words(&event);
            match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["hello"] => {
                    asked.set(true);
                    queue.send(Msg::Redraw);
                }
                // Said here, not by the next frame: a hidden page has none.
                ["ping"] => {
                    let hidden = own_document().is_some_and(|document| document.hidden());
                    send(&own, &[if hidden { "hidden" } else { "here" }]);
                }
                ["claim", other] if **other > *born => {
                    send(&own, &["taken", other]);
                    asked.set(true);
                    queue.send(Msg::Redraw);
                }
                ["taken", loser] if **loser == *born => {
                    lost.set(true);
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

    /// Leaves it to the other page.
    fn end(&mut self) {
        self.message = None;
        if let Some(channel) = self.channel.borrow_mut().take() {
            channel.close();
        }
        let _ = self.app.remove_attribute("data-speaker");
    }
}

fn own_document() -> Option<Document> {
    window().ok()?.document()
}

impl Part for Link {
    fn show(&mut self, frame: &Frame<'_>) {
        if self.lost.take() {
            self.end();
        }
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
