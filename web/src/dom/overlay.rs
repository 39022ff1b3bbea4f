//! The dialog over the page. The browser keeps the focus in it and gives it back.

use super::elements::{Elements, Listener, append, by_id, make, replace_children};
use super::frame_loop::Queue;
use super::list::{LongList, RowView};
use super::part::{Frame, Part};
use crate::msg::Msg;
use crate::overlay::{Item, Kind, Msg as OverlayMsg, help};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlDialogElement, HtmlElement, HtmlInputElement, KeyboardEvent};

/// The dialog's elements, and what they show.
pub(super) struct Overlay {
    elements: Rc<Elements>,
    dialog: HtmlDialogElement,
    text: HtmlInputElement,
    help: HtmlElement,
    list: LongList,
    shown: Option<Kind>,
    /// Whether it should be open.
    wanted: Rc<Cell<bool>>,
    drawn: Option<(u64, usize, usize)>,
    marked: Option<(usize, usize)>,
    _listeners: Vec<Listener>,
}

impl Overlay {
    pub(super) fn new(elements: &Rc<Elements>, queue: &Queue) -> Result<Self, String> {
        let document = &elements.document;
        let dialog: HtmlDialogElement = by_id(document, "overlay")?;
        let text: HtmlInputElement = by_id(document, "overlay-text")?;
        let send = |msg: OverlayMsg| {
            let queue = queue.clone();
            move || queue.send(Msg::Overlay(msg.clone()))
        };
        let close = send(OverlayMsg::Close);
        let wanted = Rc::new(Cell::new(false));
        let listeners = vec![
            Listener::new(&dialog, "close", {
                // Told late: by then it may be open again, for something else.
                let (wanted, of) = (Rc::clone(&wanted), dialog.clone());
                move |_| {
                    if wanted.get() && !of.open() {
                        close();
                    }
                }
            }),
            Listener::new(&dialog, "click", {
                // Beside it: on what lies behind.
                let (of, close) = (dialog.clone(), send(OverlayMsg::Close));
                move |event| {
                    if event.target().is_some_and(|target| target.dyn_ref::<HtmlDialogElement>() == Some(&of))
                    {
                        close();
                    }
                }
            }),
            Listener::new(&text, "input", {
                let (queue, text) = (queue.clone(), text.clone());
                move |_| queue.send(Msg::Overlay(OverlayMsg::Text(text.value())))
            }),
            Listener::new(&dialog, "keydown", {
                let (queue, document) = (queue.clone(), document.clone());
                move |event| {
                    let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
                    let by = match event.key().as_str() {
                        "ArrowDown" => 1,
                        "ArrowUp" => -1,
                        "PageDown" => 10,
                        "PageUp" => -10,
                        "Enter" => {
                            // By the same way as a click.
                            let row = document.query_selector("#overlay-list [aria-selected=true]");
                            if let Some(row) =
                                row.ok().flatten().and_then(|row| row.dyn_into::<HtmlElement>().ok())
                            {
                                row.click();
                            }
                            0
                        }
                        _ => return,
                    };
                    if document
                        .get_element_by_id("overlay-text")
                        .is_some_and(|text| text.has_attribute("hidden"))
                    {
                        return;
                    }
                    event.prevent_default();
                    queue.send(Msg::Overlay(OverlayMsg::Move(by)));
                }
            }),
        ];
        let scroller: HtmlElement = by_id(document, "overlay-list")?;
        let list = LongList::new(document, scroller, queue, &["label", "about", "end"])?;
        let help_element: HtmlElement = by_id(document, "overlay-help")?;
        Ok(Self {
            elements: Rc::clone(elements),
            dialog,
            text,
            help: help_element,
            list,
            shown: None,
            wanted,
            drawn: None,
            marked: None,
            _listeners: listeners,
        })
    }

    fn open(&mut self, kind: Kind) {
        let (label, hint) = match kind {
            Kind::Finder => ("Commands and places", "A command, a name, 0x7f…, 1200, 1.5s, or any text"),
            Kind::Processes => ("Processes", "A program or a number"),
            Kind::Help => ("Keys and commands", ""),
        };
        let _ = self.dialog.set_attribute("aria-label", label);
        let _ = self.dialog.set_attribute("data-kind", &format!("{kind:?}").to_ascii_lowercase());
        let _ = self.text.set_attribute("aria-label", label);
        self.text.set_placeholder(hint);
        let is_help = kind == Kind::Help;
        self.text.set_hidden(is_help);
        self.help.set_hidden(!is_help);
        if let Some(list) = self.elements.document.get_element_by_id("overlay-list") {
            let _ = list.toggle_attribute_with_force("hidden", is_help);
        }
        if !self.dialog.open() {
            let _ = self.dialog.show_modal();
        }
        let _ = if is_help { self.help.focus() } else { self.text.focus() };
        (self.drawn, self.marked) = (None, None);
    }
}

impl Part for Overlay {
    fn show(&mut self, frame: &Frame<'_>) {
        let app = frame.app;
        let kind = app.overlay.as_ref().map(|open| open.kind);
        if kind != self.shown {
            self.shown = kind;
            self.wanted.set(kind.is_some());
            match kind {
                Some(kind) => {
                    if kind == Kind::Help {
                        let groups = help(app.talk.on);
                        replace_children(
                            &self.help,
                            groups.iter().map(|group| help_group(&self.elements, group)),
                        );
                    }
                    self.open(kind);
                }
                None => self.dialog.close(),
            }
        }
        let Some(open) = app.overlay.as_ref().filter(|open| open.kind != Kind::Help) else { return };
        if self.text.value() != open.text {
            self.text.set_value(&open.text);
        }
        let marked = (open.marked, open.len());
        let reveal = (self.marked != Some(marked)).then_some(open.marked);
        let Some((first, count)) = self.list.place(open.len(), reveal) else { return };
        self.marked = Some(marked);
        let now = (app.revision, first, count);
        if self.drawn == Some(now) {
            return;
        }
        self.drawn = Some(now);
        let rows = (first..first + count).filter_map(|at| Some(row(open.item(app, at)?, at == open.marked)));
        let rows: Vec<RowView> = rows.collect();
        self.list.write(first, &rows);
        let active = format!("overlay-list-{}", open.marked);
        let _ = self.text.set_attribute("aria-activedescendant", if open.is_empty() { "" } else { &active });
    }
}

fn row(item: Item, marked: bool) -> RowView {
    let classes = [("item", true), ("dim", item.dim), ("marked", marked), ("shown", item.current)];
    let class = classes.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
    RowView { class, go: item.go, cells: vec![item.label, item.detail, item.end], depth: item.depth, marked }
}

fn help_group(e: &Elements, group: &crate::overlay::HelpGroup) -> Option<Element> {
    let section = make(&e.document, "section", "", "")?;
    append(&section, e.make("h2", "", group.name))?;
    let list = e.make("dl", "", "")?;
    for (keys, name) in &group.rows {
        let term = e.make("dt", "", "")?;
        for key in keys {
            append(&term, e.make("kbd", "", key))?;
        }
        append(&list, Some(term))?;
        append(&list, e.make("dd", "", name))?;
    }
    append(&section, Some(list))?;
    Some(section)
}
