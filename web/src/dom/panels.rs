//! Writes the panels: only what differs from what stands there.

use super::elements::{Elements, append, replace_children};
use super::part::{Frame, Part};
use crate::palette::Fill;
use crate::talk::Talk;
use crate::talk::stops::man_page;
use crate::view::View;
use pagescope_shared::page::PageState;
use std::rc::Rc;
use web_sys::{Element, HtmlElement};

/// So many stops have a place in the strip.
const STRIP: usize = 200;

/// The panels and what they show.
pub(super) struct Panels {
    elements: Rc<Elements>,
    shown: View,
    /// The revision of the stops in the strip, and the current one.
    stops: (u64, Option<usize>),
    /// Whether the program stood beside the picture of a talk.
    code: bool,
    /// Whether the button for all pages is down.
    all: Option<bool>,
}

impl Part for Panels {
    fn show(&mut self, frame: &Frame<'_>) {
        let view = frame.view;
        let all = !frame.app.pages.follows() && frame.app.pages.shows_all();
        if self.all != Some(all) {
            let _ = self.elements.overview.set_attribute("aria-pressed", if all { "true" } else { "false" });
            self.all = Some(all);
        }
        self.top(view);
        self.words(view);
        self.source(view, frame.app.talk.code);
        self.stops(&frame.app.talk, view.stop);
        set_class(&self.elements.process, "chosen", frame.app.process.is_some());
        self.shown.clone_from(view);
    }
}

fn set_text(element: &HtmlElement, text: &str) {
    element.set_text_content(Some(text));
}

fn set_class(element: &Element, name: &str, on: bool) {
    // Class names without spaces are always taken.
    let _ = element.class_list().toggle_with_force(name, on);
}

impl Panels {
    pub(super) fn new(elements: Rc<Elements>) -> Self {
        let e = &elements;
        let items = PageState::ALL.iter().map(|state| {
            let item = e.make("li", "", "")?;
            append(&item, e.make("i", &format!("fill-{}", Fill::from(*state).name()), ""))?;
            append(&item, e.make("span", "", state.label()))?;
            Some(item)
        });
        replace_children(&e.legend, items);
        Self { elements, shown: View::default(), all: None, stops: (0, None), code: false }
    }

    fn top(&self, view: &View) {
        let (e, old) = (&self.elements, &self.shown);
        let texts = [
            (&e.title, &view.title, &old.title),
            (&e.process, &view.process, &old.process),
            (&e.detail, &view.stage.detail, &old.stage.detail),
            (&e.caveat, &view.caveat, &old.caveat),
        ];
        for (element, new, old) in texts {
            if new != old {
                set_text(element, new);
            }
        }
        let heading = match &view.loading {
            Some(name) if view.title.is_empty() => format!("Loading {name}…"),
            _ if view.title.is_empty() => "Open a trace, or drop one here".to_owned(),
            _ => view.stage.heading.clone(),
        };
        if e.heading.text_content().as_deref() != Some(&heading) {
            set_text(&e.heading, &heading);
        }
        if view.states != old.states {
            for i in 0..e.legend.child_element_count() {
                if let Some(item) = e.legend.children().item(i) {
                    set_class(&item, "absent", view.states >> i & 1 == 0);
                }
            }
        }
        if view.title != old.title {
            e.document.set_title(&format!("{} · pagescope", view.title));
        }
        if view.error != old.error {
            e.error.set_hidden(view.error.is_none());
            set_text(&e.error_text, view.error.as_deref().unwrap_or_default());
        }
    }

    fn words(&self, view: &View) {
        let (e, old) = (&self.elements, &self.shown);
        let told = |v: &View| (v.teller.clone(), v.step_title.clone(), v.narration.clone());
        if told(view) != told(old) {
            set_text(&e.step_count, &view.teller);
            set_text(&e.step_title, &view.step_title);
            set_text(&e.narration, &view.narration);
        }
        if view.question != old.question {
            set_text(&e.question, &view.question);
        }
        if view.man != old.man {
            let links = view.man.iter().map(|name| match man_page(name) {
                None => e.make("span", "", name),
                Some(url) => {
                    let link = e.make("a", "", name)?;
                    for (attribute, value) in
                        [("href", url.as_str()), ("target", "_blank"), ("rel", "noopener")]
                    {
                        link.set_attribute(attribute, value).ok()?;
                    }
                    Some(link)
                }
            });
            replace_children(&e.man, links);
        }
        if view.event != old.event {
            set_text(&e.headline, &view.event.headline);
            set_class(&e.event, "failed", view.event.failed);
            let facts = view.event.facts.iter().flat_map(|fact| {
                let class = if matches!(fact.label, "asked" | "kernel") { "strong" } else { "" };
                [e.make("dt", "", fact.label), e.make("dd", class, &fact.text)]
            });
            replace_children(&e.facts, facts);
        }
    }

    fn source(&mut self, view: &View, code: bool) {
        let (e, old) = (&self.elements, &self.shown);
        let changed = view.source != old.source;
        if changed {
            e.source_box.set_hidden(view.source.is_none());
            let source = view.source.clone().unwrap_or_default();
            set_text(&e.source_name, &source.name);
            let lines =
                source.lines.iter().map(|line| e.make("li", "", if line.is_empty() { " " } else { line }));
            replace_children(&e.source, lines);
        }
        // It may have been out of sight.
        let seen = std::mem::replace(&mut self.code, code) || !code;
        let (e, old) = (&self.elements, &self.shown);
        if !changed && view.line == old.line && seen {
            return;
        }
        let lines = e.source.children();
        if let Some(line) = old.line.checked_sub(1).and_then(|i| lines.item(i)) {
            set_class(&line, "current", false);
        }
        if let Some(line) = view.line.checked_sub(1).and_then(|i| lines.item(i)) {
            set_class(&line, "current", true);
            // Only the program's own box scrolls, never the page.
            use wasm_bindgen::JsCast as _;
            if let Some(line) = line.dyn_ref::<HtmlElement>() {
                let middle = (e.source.client_height() - line.offset_height()) / 2;
                e.source.set_scroll_top(line.offset_top() - e.source.offset_top() - middle);
            }
        }
    }

    /// The strip of stops.
    fn stops(&mut self, talk: &Talk, stop: Option<usize>) {
        let (e, now) = (&self.elements, (talk.revision, stop));
        if self.stops == now {
            return;
        }
        if talk.revision != self.stops.0 {
            let items = talk.stops.iter().take(STRIP).enumerate().map(|(i, stop)| {
                let title = &stop.title;
                let item = e.make("li", "", "")?;
                let button = e.make("button", "", title)?;
                button.set_attribute("type", "button").ok()?;
                button.set_attribute("title", title).ok()?;
                button.set_attribute("data-step", &i.to_string()).ok()?;
                append(&item, Some(button))?;
                Some(item)
            });
            replace_children(&e.steps, items);
        }
        for i in 0..e.steps.child_element_count() {
            let Some(item) = e.steps.children().item(i) else { break };
            let at = usize::try_from(i).unwrap_or(usize::MAX);
            set_class(&item, "current", stop == Some(at));
            set_class(&item, "done", stop.is_some_and(|stop| at < stop));
        }
        self.stops = now;
    }
}
