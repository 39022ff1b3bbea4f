//! The walk, as SVG.

use super::elements::{Extent, Listener, append, by_id, letters, make, pixels};
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use crate::app::StageView;
use crate::msg::Msg;
use crate::walk::{Msg as WalkMsg, WalkView, layout, view};
use pagescope_shared::addr::Addr;
use wasm_bindgen::JsCast;
use web_sys::{Document, Element, HtmlElement};

const SVG: &str = "http://www.w3.org/2000/svg";

/// The walk's elements, and what they show.
pub(super) struct Walk {
    document: Document,
    heading: Element,
    detail: Element,
    five: Element,
    svg: Element,
    shared: Element,
    caveat: Element,
    extent: Extent,
    /// Of which state, and on how many pixels.
    shown: Option<(u64, i32, i32)>,
    drawn: Option<WalkView>,
    _listeners: Vec<Listener>,
}

impl Walk {
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let area: HtmlElement = by_id(document, "walk")?;
        let failed = || "the walk cannot be made".to_owned();
        let part = |tag: &str, class: &str| {
            let element = make(document, tag, class, "").ok_or_else(failed)?;
            append(&area, Some(element.clone())).ok_or_else(failed)?;
            Ok::<_, String>(element)
        };
        let head = part("div", "walk-head")?;
        let heading = make(document, "h2", "heading mono", "").ok_or_else(failed)?;
        let five = make(document, "button", "", "5 levels").ok_or_else(failed)?;
        let _ = five.set_attribute("type", "button");
        let _ = five.set_attribute("title", "Page tables of five levels: addresses of 57 bits");
        append(&head, Some(heading.clone())).ok_or_else(failed)?;
        append(&head, Some(five.clone())).ok_or_else(failed)?;
        let detail = part("p", "detail")?;
        let svg = document.create_element_ns(Some(SVG), "svg").map_err(|_| failed())?;
        let _ = svg.set_attribute("role", "img");
        append(&area, Some(svg.clone())).ok_or_else(failed)?;
        let shared = part("p", "shared")?;
        let caveat = part("p", "caveat")?;
        let listeners = vec![
            Listener::new(&svg, "click", {
                let queue = queue.clone();
                move |event| {
                    if let Some(addr) = target(&event) {
                        queue.send(Msg::Walk(WalkMsg::To(addr)));
                    }
                }
            }),
            Listener::new(&svg, "pointerover", {
                let queue = queue.clone();
                move |event| queue.send(Msg::Hover(target(&event)))
            }),
            Listener::new(&svg, "pointerleave", {
                let queue = queue.clone();
                move |_| queue.send(Msg::Hover(None))
            }),
            Listener::new(&five, "click", {
                let (queue, five) = (queue.clone(), five.clone());
                move |_| {
                    let on = five.get_attribute("aria-pressed").as_deref() == Some("true");
                    queue.send(Msg::Walk(WalkMsg::FiveLevels(!on)));
                }
            }),
        ];
        Ok(Self {
            document: document.clone(),
            extent: Extent::new(&svg, queue)?,
            heading,
            detail,
            five,
            svg,
            shared,
            caveat,
            shown: None,
            drawn: None,
            _listeners: listeners,
        })
    }

    fn draw(&mut self, walk: &WalkView) {
        self.heading.set_text_content(Some(&walk.heading));
        self.detail.set_text_content(Some(&walk.detail));
        self.shared.set_text_content(Some(&walk.frames.shared));
        self.caveat.set_text_content(Some(walk.caveat));
        let _ = self.five.set_attribute("aria-pressed", if walk.five_levels { "true" } else { "false" });
        let _ = self.svg.set_attribute("aria-label", &layout::description(walk));
        let em = letters(&self.svg).unwrap_or(13.0);
        let (width, height) = self.extent.size();
        let (width, height) = (pixels(width), pixels(height));
        let picture = layout::picture(walk, width, height, em);
        let _ = self.svg.set_attribute("viewBox", &format!("0 0 {width} {}", picture.height));
        self.svg.set_text_content(None);
        for shape in &picture.shapes {
            let _ = self.shape(shape);
        }
    }

    fn shape(&self, shape: &layout::Shape) -> Option<()> {
        let new = |tag: &str, class: &str| {
            let element = self.document.create_element_ns(Some(SVG), tag).ok()?;
            element.set_attribute("class", class).ok()?;
            Some(element)
        };
        match shape {
            layout::Shape::Box(rect, class) => {
                let element = new("rect", class)?;
                place(&element, *rect)?;
                append(&self.svg, Some(element))
            }
            layout::Shape::Line(points, class) => {
                let element = new("polyline", class)?;
                let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
                element.set_attribute("points", &points.join(" ")).ok()?;
                append(&self.svg, Some(element))
            }
            layout::Shape::Text((x, y), class, text) => {
                let element = new("text", class)?;
                element.set_attribute("x", &format!("{x:.1}")).ok()?;
                element.set_attribute("y", &format!("{y:.1}")).ok()?;
                element.set_text_content(Some(text));
                append(&self.svg, Some(element))
            }
            layout::Shape::Hit(rect, addr, title) => {
                let element = new("rect", "hit")?;
                place(&element, *rect)?;
                element.set_attribute("data-addr", &addr.to_string()).ok()?;
                let tip = new("title", "")?;
                tip.set_text_content(Some(title));
                append(&element, Some(tip))?;
                append(&self.svg, Some(element))
            }
        }
    }
}

impl Part for Walk {
    fn show(&mut self, frame: &Frame<'_>) {
        if frame.app.stage != StageView::Walk {
            self.shown = None;
            return;
        }
        let (width, height) = self.extent.size();
        if width == 0 {
            return;
        }
        let now = (frame.app.revision, width, height);
        let before = self.shown.replace(now);
        if before == Some(now) {
            return;
        }
        let walk = view(frame.app).unwrap_or_default();
        let resized = before.is_none_or(|b| (b.1, b.2) != (now.1, now.2));
        if resized || self.drawn.as_ref() != Some(&walk) {
            self.draw(&walk);
            self.drawn = Some(walk);
        }
    }
}

fn place(element: &Element, rect: crate::layout::Rect) -> Option<()> {
    for (name, value) in
        [("x", rect.x), ("y", rect.y), ("width", rect.w.max(0.0)), ("height", rect.h.max(0.0))]
    {
        element.set_attribute(name, &format!("{value:.1}")).ok()?;
    }
    Some(())
}

/// The address that an element under the pointer stands for.
fn target(event: &web_sys::Event) -> Option<Addr> {
    event.target()?.dyn_into::<Element>().ok()?.get_attribute("data-addr")?.parse().ok()
}
