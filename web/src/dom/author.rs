//! The panel in which a person makes a talk: a list of markers, one of them open for writing; and its copy as a file.

use super::elements::{Listener, append, by_id, make};
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use super::{save, window};
use crate::app::SidePanel;
use crate::author::{Field, Msg as AuthorMsg, Row, Words, words};
use crate::commands;
use crate::msg::Msg;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{Document, Element, HtmlElement, HtmlInputElement, HtmlTextAreaElement, PointerEvent};

/// What is done with the marker that is open: the command, and what its button says.
const BUTTONS: [(&str, &str); 6] = [
    ("marker-look", "Look here"),
    ("marker-away", "Follow"),
    ("marker-place", "Move here"),
    ("marker-earlier", "↑"),
    ("marker-later", "↓"),
    ("marker-delete", "Delete"),
];

/// The panel's elements, and what they show.
pub(super) struct Author {
    document: Document,
    list: HtmlElement,
    empty: HtmlElement,
    status: HtmlElement,
    share: HtmlElement,
    steps: HtmlElement,
    undo: HtmlElement,
    redo: HtmlElement,
    queue: Queue,
    shown: Words,
    revision: Option<u64>,
    added: u32,
    /// The copy that is handed over, so that it is not handed over twice.
    handed: bool,
    unsaved: Rc<Cell<bool>>,
    _listeners: Vec<Listener>,
}

/// A marker that is dragged: where the pointer was, the row it came from, and the one that it would be.
#[derive(Clone, Copy, Default)]
struct Drag {
    y: i32,
    from: usize,
    to: Option<usize>,
}

/// What the pointer does with a row: it drags it where it moves far enough.
fn drag(event: &web_sys::Event, list: &HtmlElement, held: &Cell<Option<Drag>>) -> Option<AuthorMsg> {
    const FAR: i32 = 6;
    let pointer = event.dyn_ref::<PointerEvent>()?;
    let rows = list.children();
    let all = || (0..rows.length()).filter_map(|i| rows.item(i));
    let mark = |to: Option<usize>| {
        for (i, row) in all().enumerate() {
            let _ = row.class_list().toggle_with_force("target", to == Some(i));
        }
    };
    match event.type_().as_str() {
        "pointerdown" => {
            let pressed = event.target()?.dyn_into::<Element>().ok()?;
            let row = pressed.closest(".go").ok()??.closest("li").ok()??;
            let from = all().position(|other| other == row)?;
            // Fingers scroll; there are buttons for them.
            if pointer.button() == 0 && pointer.pointer_type() == "mouse" {
                held.set(Some(Drag { y: pointer.client_y(), from, to: None }));
            }
        }
        "pointermove" => {
            let mut now = held.get()?;
            if now.to.is_some() || (pointer.client_y() - now.y).abs() > FAR {
                let y = f64::from(pointer.client_y());
                let above = all().take_while(|row| row.get_bounding_client_rect().bottom() < y).count();
                now.to = Some(above.min(all().count().saturating_sub(1)));
                held.set(Some(now));
                mark(now.to.filter(|to| *to != now.from));
            }
        }
        "click" => {
            // What was dragged was not meant to be gone to.
            let Drag { from, to, .. } = held.take()?;
            let to = to?;
            event.stop_propagation();
            mark(None);
            let id = all().nth(from)?.query_selector("[data-mark]").ok()??.get_attribute("data-mark")?;
            let by = to.cast_signed() - from.cast_signed();
            return Some(AuthorMsg::Move(id.parse().ok()?, by)).filter(|_| by != 0);
        }
        _ => {
            held.set(None);
            mark(None);
        }
    }
    None
}

impl Author {
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let list: HtmlElement = by_id(document, "author-list")?;
        let (unsaved, window) = (Rc::new(Cell::new(false)), window()?);
        let held = Rc::new(Cell::new(None));
        let mut listeners = vec![
            Listener::new(&list, "input", {
                let queue = queue.clone();
                move |event| {
                    if let Some(msg) = written(&event) {
                        queue.send(Msg::Author(msg));
                    }
                }
            }),
            Listener::new(&window, "beforeunload", {
                let unsaved = Rc::clone(&unsaved);
                // The browser asks in its own words.
                move |event| {
                    if unsaved.get() {
                        event.prevent_default();
                    }
                }
            }),
        ];
        for name in ["pointerdown", "pointermove", "click", "pointerleave"] {
            let (held, of, queue) = (Rc::clone(&held), list.clone(), queue.clone());
            listeners.push(Listener::new(&list, name, move |event| {
                if let Some(msg) = drag(&event, &of, &held) {
                    queue.send(Msg::Author(msg));
                }
            }));
        }
        Ok(Self {
            document: document.clone(),
            list,
            empty: by_id(document, "author-empty")?,
            status: by_id(document, "author-status")?,
            share: by_id(document, "author-share")?,
            steps: by_id(document, "author-steps")?,
            undo: by_id(document, "author-undo")?,
            redo: by_id(document, "author-redo")?,
            queue: queue.clone(),
            shown: Words::default(),
            revision: None,
            added: 0,
            handed: false,
            unsaved,
            _listeners: listeners,
        })
    }

    fn make(&self, tag: &str, class: &str, text: &str) -> Option<Element> {
        make(&self.document, tag, class, text)
    }

    /// A marker as it stands in the list.
    fn item(&self, row: &Row) -> Option<Element> {
        let item = self.make("li", if row.words.is_some() { "open" } else { "" }, "")?;
        let go = self.make("button", "go", "")?;
        let _ = go.set_attribute("type", "button");
        let _ = go.set_attribute("data-mark", &row.id.to_string());
        for (tag, class) in [("b", "called"), ("span", "when"), ("span", "camera")] {
            append(&go, self.make(tag, class, ""))?;
        }
        append(&item, Some(go))?;
        if row.words.is_some() {
            let fields = self.make("div", "fields", "")?;
            for ((_, name, most), (tag, label)) in Field::ALL.iter().zip([
                ("input", "Title"),
                ("textarea", "Caption"),
                ("textarea", "Note for the speaker"),
            ]) {
                let around = self.make("label", "", label)?;
                let field = self.make(tag, "", "")?;
                let _ = field.set_attribute("data-field", name);
                let _ = field.set_attribute("maxlength", &most.to_string());
                append(&around, Some(field))?;
                append(&fields, Some(around))?;
            }
            let buttons = self.make("div", "buttons", "")?;
            for (id, text) in BUTTONS {
                let button = self.make("button", if id == "marker-earlier" { "last" } else { "" }, text)?;
                let name = commands::by_id(id).map_or("", |command| command.name);
                for (attribute, value) in
                    [("type", "button"), ("data-command", id), ("title", name), ("aria-label", name)]
                {
                    let _ = button.set_attribute(attribute, value);
                }
                append(&buttons, Some(button))?;
            }
            append(&fields, Some(buttons))?;
            append(&item, Some(fields))?;
        }
        Some(item)
    }

    /// Brings the item in line with its marker.
    fn fill(&self, item: &Element, row: &Row, old: Option<&Row>) {
        let _ = item.class_list().toggle_with_force("here", row.here);
        let texts = |row: &Row| [row.title.clone(), row.moment.clone(), row.camera.clone()];
        let (now, before) = (texts(row), old.map(texts));
        for (i, (text, class)) in now.iter().zip([".called", ".when", ".camera"]).enumerate() {
            if before.as_ref().and_then(|before| before.get(i)) != Some(text)
                && let Ok(Some(element)) = item.query_selector(class)
            {
                element.set_text_content(Some(text));
            }
        }
        for ((_, name, _), text) in Field::ALL.iter().zip(row.words.iter().flatten()) {
            let Ok(Some(field)) = item.query_selector(&format!("[data-field={name}]")) else { continue };
            // What is being written stays as it is, with its cursor.
            if value(&field).as_deref() != Some(text) {
                if let Some(input) = field.dyn_ref::<HtmlInputElement>() {
                    input.set_value(text);
                } else if let Some(area) = field.dyn_ref::<HtmlTextAreaElement>() {
                    area.set_value(text);
                }
            }
        }
    }

    fn rows(&mut self, rows: &[Row]) {
        // Where one works, one goes on.
        let focus = self.document.active_element().filter(|focus| self.list.contains(Some(focus)));
        let focus = focus.and_then(|focus| {
            ["data-field", "data-command"]
                .iter()
                .find_map(|name| Some(format!("[{name}=\"{}\"]", focus.get_attribute(name)?)))
        });
        let children = self.list.children();
        for (i, row) in rows.iter().enumerate() {
            let old = self.shown.rows.get(i);
            let there = u32::try_from(i).ok().and_then(|i| children.item(i));
            let same = old.is_some_and(|old| old.id == row.id && old.words.is_some() == row.words.is_some());
            if let Some(item) = there.as_ref().filter(|_| same) {
                if old != Some(row) {
                    self.fill(item, row, old);
                }
                continue;
            }
            let Some(item) = self.item(row) else { continue };
            self.fill(&item, row, None);
            let _ = match there {
                Some(there) => self.list.replace_child(&item, &there).map(|_| ()),
                None => self.list.append_child(&item).map(|_| ()),
            };
            if row.words.is_some() {
                item.scroll_into_view_with_bool(false);
            }
        }
        while children.length() > u32::try_from(rows.len()).unwrap_or(u32::MAX) {
            let Some(last) = self.list.last_element_child() else { break };
            last.remove();
        }
        if let Some(selector) = focus
            && self.document.active_element().is_none_or(|now| !self.list.contains(Some(&now)))
            && let Ok(Some(element)) = self.list.query_selector(&selector)
            && let Some(element) = element.dyn_ref::<HtmlElement>()
        {
            let _ = element.focus();
        }
    }

    /// The title of a marker that was just added is there to be written over.
    fn name_the_new_one(&self) {
        if let Ok(Some(title)) = self.list.query_selector("[data-field=title]")
            && let Some(title) = title.dyn_ref::<HtmlInputElement>()
        {
            let _ = title.focus();
            title.select();
        }
    }
}

fn value(field: &Element) -> Option<String> {
    let input = field.dyn_ref::<HtmlInputElement>().map(HtmlInputElement::value);
    input.or_else(|| field.dyn_ref::<HtmlTextAreaElement>().map(HtmlTextAreaElement::value))
}

/// What was written into a field.
fn written(event: &web_sys::Event) -> Option<AuthorMsg> {
    let field = event.target()?.dyn_into::<Element>().ok()?;
    let name = field.get_attribute("data-field")?;
    let (which, ..) = Field::ALL.iter().find(|(_, of, _)| *of == name)?;
    let item = field.closest("li").ok()??;
    let id = item.query_selector("[data-mark]").ok()??.get_attribute("data-mark")?.parse().ok()?;
    Some(AuthorMsg::Write(id, *which, value(&field)?))
}

impl Part for Author {
    fn show(&mut self, frame: &Frame<'_>) {
        let app = frame.app;
        let bytes = app.author.copy.as_ref().and_then(|copy| Some((copy.bytes()?, copy.name.as_str())));
        if let Some((bytes, name)) = bytes.filter(|_| !self.handed) {
            save::pieces(&self.document, bytes, name);
            self.queue.send(Msg::Author(AuthorMsg::Saved));
        }
        self.handed = bytes.is_some();
        if self.revision == Some(app.revision) {
            return;
        }
        self.revision = Some(app.revision);
        self.unsaved.set(app.has_unsaved_talk());
        if app.side != SidePanel::Talk {
            return;
        }
        let words = words(app);
        if words != self.shown {
            self.rows(&words.rows);
            self.empty.set_hidden(!words.rows.is_empty());
            if words.status != self.shown.status {
                self.status.set_text_content(Some(&words.status));
            }
            self.steps.set_hidden(words.steps.is_empty());
            self.steps.set_text_content(Some(&words.steps));
            self.share.set_hidden(words.share.is_none());
            if let Some(share) = words.share {
                let _ = self.share.set_attribute("value", &format!("{share:.2}"));
            }
            for (button, can) in [(&self.undo, words.can.0), (&self.redo, words.can.1)] {
                let _ = button.toggle_attribute_with_force("disabled", !can);
            }
            self.shown = words;
        }
        if app.author.added != self.added {
            self.added = app.author.added;
            self.name_the_new_one();
        }
    }
}
