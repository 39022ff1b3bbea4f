//! Questions before steps, and what became of them.

use super::elements::{Listener, append, by_id, make, replace_children};
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use crate::ask::{Msg as Ask, Open, Told};
use crate::msg::Msg;
use wasm_bindgen::JsCast as _;
use web_sys::{Document, Element, HtmlElement};

/// The card, and what stands on it.
pub(super) struct Asking {
    document: Document,
    app: HtmlElement,
    card: HtmlElement,
    button: HtmlElement,
    shown: (bool, Option<Open>, Option<Told>),
    _listener: Listener,
}

impl Asking {
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let card: HtmlElement = by_id(document, "ask")?;
        let queue = queue.clone();
        let listener = Listener::new(&card, "click", move |event| {
            let target = event.target().and_then(|t| t.dyn_into::<Element>().ok());
            let choice = target.and_then(|t| t.closest("[data-choice]").ok().flatten());
            let choice = choice.and_then(|c| c.get_attribute("data-choice")?.parse().ok());
            choice.into_iter().for_each(|choice| queue.send(Msg::Ask(Ask::Choose(choice))));
        });
        Ok(Self {
            document: document.clone(),
            app: by_id(document, "app")?,
            card,
            button: by_id(document, "talk-ask")?,
            shown: (false, None, None),
            _listener: listener,
        })
    }

    fn make(&self, tag: &str, class: &str, text: &str) -> Option<Element> {
        make(&self.document, tag, class, text)
    }

    fn question(&self, open: &Open) {
        let choices = open.made.choices.iter().enumerate().map(|(i, choice)| {
            let button = self.make("button", "", "")?;
            button.set_attribute("type", "button").ok()?;
            button.set_attribute("data-choice", &i.to_string()).ok()?;
            append(&button, self.make("kbd", "", &(i + 1).to_string()))?;
            append(&button, self.make("span", "", choice))?;
            Some(button)
        });
        let list = self.make("div", "choices", "");
        if let Some(list) = &list {
            replace_children(list, choices);
        }
        replace_children(&self.card, [self.make("p", "question", &open.made.text), list]);
    }

    fn answer(&self, told: &Told) {
        let word = match told.right {
            Some(true) => "Right",
            Some(false) => "No",
            None => "Answer",
        };
        let answer = if told.answer.is_empty() { String::new() } else { format!("{}. ", told.answer) };
        replace_children(
            &self.card,
            [
                self.make("strong", if told.right == Some(false) { "wrong" } else { "right" }, word),
                self.make("span", "answer", &answer),
                self.make("span", "why", &told.why),
            ],
        );
    }
}

impl Part for Asking {
    fn show(&mut self, frame: &Frame<'_>) {
        let ask = &frame.app.ask;
        let old = &self.shown;
        if (old.0, &old.1, &old.2) == (ask.on, &ask.open, &ask.told) {
            return;
        }
        let told = ask.told.as_ref().filter(|told| told.right.is_some() || !told.answer.is_empty());
        match (&ask.open, told) {
            (Some(open), _) => self.question(open),
            (None, Some(told)) => self.answer(told),
            (None, None) => {}
        }
        let state = match (&ask.open, told) {
            (Some(_), _) => "open",
            (None, Some(_)) => "told",
            (None, None) => "off",
        };
        let _ = self.app.set_attribute("data-ask", state);
        self.card.set_hidden(state == "off");
        let _ = self.button.set_attribute("aria-pressed", if ask.on { "true" } else { "false" });
        self.shown = (ask.on, ask.open.clone(), ask.told.clone());
    }
}
