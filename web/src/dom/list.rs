//! A list of any length: only the rows in view are elements, and those are used again.

use super::elements::{Listener, append, make};
use super::frame_loop::Queue;
use super::window;
use crate::list::List;
use crate::msg::Msg;
use crate::number;
use crate::panel::Go;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{Document, Element, HtmlElement, WheelEvent};

/// What a row shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RowView {
    /// Classes beside `row`.
    pub class: String,
    /// What a click leads to.
    pub go: Option<Go>,
    /// One text a cell.
    pub cells: Vec<String>,
    /// How far it is indented.
    pub depth: u8,
    /// Whether it is the marked one.
    pub marked: bool,
}

/// The list's elements, and what they show.
pub(super) struct LongList {
    document: Document,
    scroller: HtmlElement,
    tall: HtmlElement,
    layer: HtmlElement,
    /// The classes of a row's cells.
    cells: &'static [&'static str],
    pool: Vec<(Element, Vec<Element>, RowView, usize)>,
    list: List,
    top: f64,
    /// Where the scroll bar was put; elsewhere somebody has moved it.
    put: f64,
    /// Pixels that the wheel asks for, of a list that is mapped onto less than its height.
    wheel: Rc<Cell<f64>>,
    _listeners: Vec<Listener>,
}

impl LongList {
    /// In this element.
    pub(super) fn new(
        document: &Document,
        scroller: HtmlElement,
        queue: &Queue,
        cells: &'static [&'static str],
    ) -> Result<Self, String> {
        let part = |class: &str| {
            let element = make(document, "div", class, "").and_then(|e| e.dyn_into::<HtmlElement>().ok());
            let element = element.ok_or("a list cannot be made")?;
            append(&scroller, Some(element.clone().into())).ok_or("a list cannot be filled")?;
            Ok::<_, String>(element)
        };
        // The layer stays at the upper edge, whatever is scrolled; the tall one gives the scroll bar its length.
        let (layer, tall) = (part("layer")?, part("tall")?);
        let wheel = Rc::new(Cell::new(0.0));
        let mapped = tall.clone();
        let listeners = vec![
            Listener::new(&scroller, "scroll", {
                let queue = queue.clone();
                move |_| queue.send(Msg::Frame)
            }),
            Listener::new(&scroller, "wheel", {
                let (queue, wheel) = (queue.clone(), Rc::clone(&wheel));
                move |event| {
                    let Some(turned) = event.dyn_ref::<WheelEvent>() else { return };
                    if mapped.has_attribute("data-mapped") && !turned.ctrl_key() {
                        event.prevent_default();
                        let unit = if turned.delta_mode() == WheelEvent::DOM_DELTA_LINE { 24.0 } else { 1.0 };
                        wheel.set(wheel.get() + turned.delta_y() * unit);
                        queue.send(Msg::Frame);
                    }
                }
            }),
        ];
        Ok(Self {
            document: document.clone(),
            scroller,
            tall,
            layer,
            cells,
            pool: Vec::new(),
            list: List { rows: 0, row: 22.0, view: 0.0 },
            top: 0.0,
            put: 0.0,
            wheel,
            _listeners: listeners,
        })
    }

    /// Brings the list in line with so many rows, with `reveal` in view: the first row in view and how many are. `None`
    /// while nobody sees it.
    pub(super) fn place(&mut self, rows: usize, reveal: Option<usize>) -> Option<(usize, usize)> {
        let view = f64::from(self.scroller.client_height());
        if view < 1.0 {
            return None;
        }
        let old = self.list;
        let mut list = List { rows, view, ..old };
        if (old.view - view).abs() > 0.5 {
            list.row = self.row_height();
        }
        self.list = list;
        if list != old {
            let _ = self.tall.set_attribute("style", &format!("height:{:.1}px", list.height()));
            let _ = self.scroller.set_attribute("style", &format!("--row:{:.0}px", list.row));
            let _ = if list.is_mapped() {
                self.tall.set_attribute("data-mapped", "")
            } else {
                self.tall.remove_attribute("data-mapped")
            };
        }
        let scrolled = f64::from(self.scroller.scroll_top());
        if (scrolled - self.put).abs() > 1.0 {
            self.top = list.top_of(scrolled);
            self.put = scrolled;
        }
        let before = self.top;
        self.top += self.wheel.replace(0.0) / list.row;
        if let Some(row) = reveal {
            self.top = list.reveal(self.top, row);
        }
        self.top = list.clamped(self.top);
        if (self.top - before).abs() > 1e-9 || list != old {
            let to = list.scroll_of(self.top).round();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "no list is taller than a few million pixels"
            )]
            self.scroller.set_scroll_top(to as i32);
            self.put = f64::from(self.scroller.scroll_top());
        }
        let (first, count, offset) = list.in_view(self.top);
        let _ = self.layer.set_attribute("style", &format!("transform:translateY({offset:.1}px)"));
        Some((first, count))
    }

    fn row_height(&self) -> f64 {
        let style = window().ok().and_then(|w| w.get_computed_style(&self.scroller).ok().flatten());
        let size = style.and_then(|s| s.get_property_value("font-size").ok());
        let size = size.and_then(|s| number::pixels(&s)).unwrap_or(13.0);
        let lines =
            self.scroller.get_attribute("data-lines").and_then(|l| number::decimal(&l)).unwrap_or(1.75);
        (size * lines).round().max(12.0)
    }

    /// Writes the rows in view, the first one being row `first`: only what differs.
    pub(super) fn write(&mut self, first: usize, rows: &[RowView]) {
        let all = self.list.rows;
        while self.pool.len() < rows.len() {
            let Some(row) = self.make_row() else { return };
            self.pool.push(row);
        }
        let id = self.scroller.id();
        let mut marked = None;
        for (i, (element, cells, shown, index)) in self.pool.iter_mut().enumerate() {
            let _ = element.toggle_attribute_with_force("hidden", i >= rows.len());
            let Some(row) = rows.get(i) else { continue };
            let at = first + i;
            if row.marked {
                marked = Some(at);
            }
            if *index != at {
                *index = at;
                element.set_id(&format!("{id}-{at}"));
                let _ = element.set_attribute("aria-posinset", &(at + 1).to_string());
            }
            let _ = element.set_attribute("aria-setsize", &all.to_string());
            if shown == row {
                continue;
            }
            for ((cell, new), old) in
                cells.iter().zip(&row.cells).zip(shown.cells.iter().map(Some).chain(std::iter::repeat(None)))
            {
                if old != Some(new) {
                    cell.set_text_content(Some(new));
                }
            }
            element.set_class_name(&format!("row {}", row.class));
            let _ = element.set_attribute("aria-selected", if row.marked { "true" } else { "false" });
            let _ = element.set_attribute("style", &format!("--depth:{}", row.depth));
            if shown.go != row.go {
                Go::NAMES.iter().for_each(|name| drop(element.remove_attribute(name)));
                if let Some((name, value)) = row.go.as_ref().map(Go::attribute) {
                    let _ = element.set_attribute(name, &value);
                }
            }
            shown.clone_from(row);
        }
        let active = self.scroller.get_attribute("aria-activedescendant");
        let now = marked.map(|at| format!("{id}-{at}"));
        if active != now {
            let _ = match &now {
                Some(now) => self.scroller.set_attribute("aria-activedescendant", now),
                None => self.scroller.remove_attribute("aria-activedescendant"),
            };
        }
    }

    fn make_row(&self) -> Option<(Element, Vec<Element>, RowView, usize)> {
        let row = make(&self.document, "div", "row", "")?;
        row.set_attribute("role", "option").ok()?;
        let mut cells = Vec::new();
        for class in self.cells {
            let cell = make(&self.document, "span", class, "")?;
            append(&row, Some(cell.clone()))?;
            cells.push(cell);
        }
        append(&self.layer, Some(row.clone()))?;
        let nothing = RowView { cells: vec![String::new(); cells.len()], ..RowView::default() };
        Some((row, cells, nothing, usize::MAX))
    }

    /// How many rows are in view, less one: what Page Down moves by.
    pub(super) fn page(&self) -> usize {
        self.list.in_view(0.0).1.saturating_sub(2).max(1)
    }
}
