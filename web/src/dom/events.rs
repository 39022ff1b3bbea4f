//! The list of events, and what filters it.

use super::elements::{Listener, append, by_id, make};
use super::frame_loop::Queue;
use super::list::{LongList, RowView};
use super::part::{Frame, Part};
use crate::app::SidePanel;
use crate::events::{CHIPS, Filter, Msg as EventsMsg, Row, rows};
use crate::msg::Msg;
use crate::panel::Go;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{Document, Element, HtmlElement, HtmlInputElement, KeyboardEvent};

/// The panel's elements, and what they show.
pub(super) struct Events {
    panel: HtmlElement,
    text: HtmlInputElement,
    chips: Vec<Element>,
    process: HtmlInputElement,
    range: HtmlInputElement,
    found: HtmlElement,
    list: LongList,
    /// Rows that Page Down moves by.
    page: Rc<Cell<isize>>,
    filter: Option<Filter>,
    said: String,
    asked: u32,
    /// Of which state, from which row on.
    shown: Option<(u64, usize, usize)>,
    position: Option<(u64, usize, usize)>,
    _listeners: Vec<Listener>,
}

impl Events {
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let text: HtmlInputElement = by_id(document, "events-text")?;
        let process: HtmlInputElement = by_id(document, "events-process")?;
        let range: HtmlInputElement = by_id(document, "events-range")?;
        let group: HtmlElement = by_id(document, "events-chips")?;
        let scroller: HtmlElement = by_id(document, "events-list")?;
        let page = Rc::new(Cell::new(20));
        let mut listeners = Vec::new();
        let mut chips = Vec::new();
        for (at, (name, kinds)) in CHIPS.iter().enumerate() {
            let chip = make(document, "button", "chip", name).ok_or("a chip cannot be made")?;
            let _ = chip.set_attribute("type", "button");
            let _ = chip.set_attribute("title", &kinds.join(", "));
            append(&group, Some(chip.clone())).ok_or("a chip cannot be placed")?;
            let queue = queue.clone();
            listeners
                .push(Listener::new(&chip, "click", move |_| queue.send(Msg::Events(EventsMsg::Chip(at)))));
            chips.push(chip);
        }
        listeners.push(Listener::new(&text, "input", {
            let (queue, text) = (queue.clone(), text.clone());
            move |_| queue.send(Msg::Events(EventsMsg::Text(text.value())))
        }));
        listeners.push(Listener::new(&text, "keydown", {
            let (queue, scroller) = (queue.clone(), scroller.clone());
            move |event| {
                let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
                match event.key().as_str() {
                    "Enter" => queue.send(Msg::Events(EventsMsg::Next { back: event.shift_key() })),
                    "ArrowDown" => drop(scroller.focus()),
                    "Escape" => {
                        queue.send(Msg::Events(EventsMsg::Text(String::new())));
                        let _ = scroller.focus();
                    }
                    _ => return,
                }
                event.prevent_default();
            }
        }));
        for (input, message) in
            [(&process, EventsMsg::ThisProcess as fn(bool) -> EventsMsg), (&range, EventsMsg::Selection)]
        {
            let (queue, of) = (queue.clone(), input.clone());
            listeners.push(Listener::new(input, "change", move |_| {
                queue.send(Msg::Events(message(of.checked())));
            }));
        }
        listeners.push(Listener::new(&scroller, "keydown", {
            let (queue, page) = (queue.clone(), Rc::clone(&page));
            move |event| {
                let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
                let by = match event.key().as_str() {
                    "ArrowDown" => 1,
                    "ArrowUp" => -1,
                    "PageDown" => page.get(),
                    "PageUp" => -page.get(),
                    "Home" => isize::MIN / 2,
                    "End" => isize::MAX / 2,
                    _ => return,
                };
                event.prevent_default();
                queue.send(Msg::Events(EventsMsg::Step(by)));
            }
        }));
        let cells = &["number", "when", "pid", "kind", "same", "differs", "what"];
        Ok(Self {
            panel: by_id(document, "events")?,
            list: LongList::new(document, scroller, queue, cells)?,
            found: by_id(document, "events-found")?,
            text,
            chips,
            process,
            range,
            page,
            filter: None,
            said: String::new(),
            asked: 0,
            shown: None,
            position: None,
            _listeners: listeners,
        })
    }

    fn filters(&mut self, filter: &Filter) {
        if self.filter.as_ref() == Some(filter) {
            return;
        }
        if self.text.value() != filter.text {
            self.text.set_value(&filter.text);
        }
        self.process.set_checked(filter.process);
        self.range.set_checked(filter.range.is_some());
        for (at, chip) in self.chips.iter().enumerate() {
            let on = filter.chips >> at & 1 == 1;
            let _ = chip.set_attribute("aria-pressed", if on { "true" } else { "false" });
        }
        self.filter = Some(filter.clone());
    }
}

impl Part for Events {
    fn show(&mut self, frame: &Frame<'_>) {
        let app = frame.app;
        if app.side != SidePanel::Events {
            // When it comes back, the event that is shown is in view.
            self.position = None;
            return;
        }
        if app.events.asked != self.asked {
            self.asked = app.events.asked;
            let _ = self.text.focus();
            self.text.select();
        }
        let Some(timeline) = &app.timeline else { return };
        let end = timeline.end();
        self.filters(&app.events.filter);
        self.range.set_disabled(app.selection.is_none() && app.events.filter.range.is_none());
        let mut said = app.events.found(end);
        if app.pursuit.is_some() {
            said.push_str(" · looking…");
        } else if !app.notice.is_empty() {
            said.clone_from(&app.notice);
        }
        if said != self.said {
            self.found.set_text_content(Some(&said));
            self.said = said;
        }
        let rows_now = app.events.rows(end);
        // The event that is shown comes into view when it is another one, or when the list has become another.
        let position = (app.trace, app.position(), app.events.query().map_or(0, |_| 1 + rows_now.min(1)));
        let current = app.position().checked_sub(1).and_then(|index| app.events.row_of(index));
        let reveal = (self.position != Some(position)).then(|| current.map_or(0, |(row, _)| row));
        let Some((first, count)) = self.list.place(rows_now, reveal) else { return };
        self.position = Some(position);
        self.page.set(isize::try_from(self.list.page()).unwrap_or(20));
        let now = (app.revision, first, count);
        if self.shown == Some(now) {
            return;
        }
        self.shown = Some(now);
        let several = timeline.world().processes().nth(1).is_some();
        let _ = self.panel.class_list().toggle_with_force("one-process", !several);
        let rows: Vec<RowView> = rows(app, first, count).into_iter().map(row_view).collect();
        self.list.write(first, &rows);
    }
}

fn row_view(row: Row) -> RowView {
    let mut class = "entry".to_owned();
    if row.current {
        class.push_str(" current");
    }
    if row.failed {
        class.push_str(" failed");
    }
    let number = crate::format::grouped(u64::try_from(row.moment).unwrap_or(u64::MAX));
    let cells = vec![number, row.time, row.pid.to_string(), row.kind, row.addr.0, row.addr.1, row.text];
    RowView { class, go: Some(Go::Moment(row.moment)), cells, depth: 0, marked: row.current }
}
