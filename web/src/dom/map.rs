//! The column of regions: what is where, what is in sight in the middle, what is pointed at.

use super::elements::{Extent, Listener, append, by_id, make, replace_children};
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use crate::format::size;
use crate::msg::Msg;
use crate::pages::outline::Outline;
use crate::view::{Region, Row, Share, rows, shown_process, subject};
use pagescope_shared::addr::{Addr, Range};
use std::rc::Rc;
use wasm_bindgen::JsCast as _;
use web_sys::{Document, Element, EventTarget, HtmlElement};

/// The column and what it shows.
pub(super) struct Map {
    document: Document,
    list: HtmlElement,
    /// What the rows are of: trace, position, process; height of the column.
    of: Option<(u64, usize, u32, i32)>,
    outline: Rc<Outline>,
    buttons: Vec<(Element, Range, u8)>,
    extent: Extent,
    _listeners: Vec<Listener>,
}

/// What is marked of a row: in sight, under the pointer, selected.
const MARKS: [(u8, &str); 3] = [(1, "in-sight"), (2, "hovered"), (4, "selected")];

impl Map {
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let list: HtmlElement = by_id(document, "map")?;
        let listen = |name, message: fn(Addr, Range) -> Vec<Msg>| {
            let queue = queue.clone();
            let target: &EventTarget = &list;
            Listener::new(target, name, move |event| {
                if let Some((start, end)) = range_of(&event)
                    && let Ok(range) = Range::new(start, end)
                {
                    message(start, range).into_iter().for_each(|msg| queue.send(msg));
                }
            })
        };
        let leave = {
            let queue = queue.clone();
            Listener::new(&list, "pointerleave", move |_| queue.send(Msg::Hover(None)))
        };
        let listeners = vec![
            listen("click", |start, range| vec![Msg::Select(Some(range)), Msg::Focus(start)]),
            listen("pointerover", |start, _| vec![Msg::Hover(Some(start))]),
            leave,
        ];
        let extent = Extent::new(&list, queue)?;
        let outline = Rc::default();
        let document = document.clone();
        Ok(Self { document, list, of: None, outline, buttons: Vec::new(), extent, _listeners: listeners })
    }

    fn write(&mut self, rows: &[Row]) {
        self.buttons.clear();
        let document = self.document.clone();
        let buttons = &mut self.buttons;
        let items = rows.iter().map(|row| {
            let item = make(&document, "li", "", "")?;
            match row {
                Row::Hole(bytes) => {
                    item.set_class_name("hole");
                    item.set_text_content(Some(&format!("{} not mapped", size(*bytes))));
                }
                Row::KernelHalf => {
                    item.set_class_name("hole");
                    item.set_text_content(Some("the kernel's half"));
                }
                Row::Region(region) => {
                    let button = region_button(&document, region)?;
                    buttons.push((button.clone(), region.range, 0));
                    append(&item, Some(button))?;
                    item.set_class_name("row");
                }
            }
            Some(item)
        });
        replace_children(&self.list, items);
    }
}

impl Part for Map {
    fn show(&mut self, frame: &Frame<'_>) {
        let app = frame.app;
        let Some(timeline) = &app.timeline else { return };
        let Some((pid, _)) = shown_process(app, timeline) else { return };
        let Some(space) = timeline.world().space(pid) else { return };
        let (width, height) = self.extent.size();
        if height == 0 {
            return;
        }
        let of = Some((app.trace, timeline.position(), pid, height));
        if self.of != of || !Rc::ptr_eq(&self.outline, app.pages.outline()) {
            self.of = of;
            self.outline = Rc::clone(app.pages.outline());
            // A region and the hole above it want about 3.6 lines.
            let line = f64::from(width).clamp(160.0, 600.0) / 12.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few dozen rows")]
            let max = (f64::from(height) / line.clamp(26.0, 44.0) / 1.45).clamp(3.0, 60.0) as usize;
            let subject = subject(timeline).map(|subject| subject.range);
            let rows = rows(&self.outline, space, subject, timeline.change(), max);
            self.write(&rows);
        }
        // With everything in sight a mark would say nothing.
        let sight = app.pages.in_sight().filter(|_| !app.pages.shows_all());
        for (button, range, marked) in &mut self.buttons {
            let seen = sight.is_some_and(|(low, high)| range.start().0 <= high && range.end().0 > low);
            let hovered = app.hover.is_some_and(|addr| range.contains(addr));
            let selected = app.selection.is_some_and(|s| s.intersection(*range).is_some());
            let mark = u8::from(seen) | u8::from(hovered) << 1 | u8::from(selected) << 2;
            for (bit, class) in MARKS {
                if (mark ^ *marked) & bit != 0 {
                    // Class names without spaces are always taken.
                    let _ = button.class_list().toggle_with_force(class, mark & bit != 0);
                }
            }
            *marked = mark;
        }
    }
}

/// The addresses of the row in which something happened.
fn range_of(event: &web_sys::Event) -> Option<(Addr, Addr)> {
    let element = event.target()?.dyn_into::<Element>().ok()?;
    let button = element.closest("[data-addr]").ok()??;
    let addr = |name: &str| button.get_attribute(name)?.parse::<Addr>().ok();
    Some((addr("data-addr")?, addr("data-end")?))
}

fn region_button(document: &Document, region: &Region) -> Option<Element> {
    let classes = [("region", true), ("fresh", region.fresh), ("subject", region.subject)];
    let class: Vec<&str> = classes.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    let button = make(document, "button", &class.join(" "), "")?;
    let title = format!("{} {} · {} · {}", region.range, region.label, region.detail, size(region.bytes));
    for (name, value) in [
        ("type", "button"),
        ("data-addr", &region.range.start().to_string()),
        ("data-end", &region.range.end().to_string()),
        ("title", &title),
    ] {
        button.set_attribute(name, value).ok()?;
    }
    let head = make(document, "span", "head", "")?;
    append(&head, make(document, "span", "name", &region.label))?;
    append(&head, make(document, "span", "info", &size(region.bytes)))?;
    append(&button, Some(head))?;
    let bar = make(document, "span", "bar-of-pages", "")?;
    let total: u64 = region.shares.iter().map(|s| s.pages).fold(0, u64::saturating_add).max(1);
    for Share { fill, pages } in &region.shares {
        let part = make(document, "i", &format!("fill-{}", fill.name()), "")?;
        // In thousandths; a state never vanishes, it has a least width.
        let share = u128::from(*pages) * 1000 / u128::from(total);
        part.set_attribute("style", &format!("flex-grow:{}", share.max(1))).ok()?;
        append(&bar, Some(part))?;
    }
    append(&button, Some(bar))?;
    Some(button)
}
