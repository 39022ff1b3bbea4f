//! The elements of `index.html`, and listeners that go when they are dropped.

use super::frame_loop::Queue;
use crate::msg::Msg;
use crate::number;
use crate::pages::level::short;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Document, Element, EventTarget, HtmlCanvasElement, HtmlElement};

/// The elements that the page writes to or listens to.
pub(super) struct Elements {
    pub document: Document,
    pub title: HtmlElement,
    pub process: HtmlElement,
    pub overview: HtmlElement,
    pub error: HtmlElement,
    pub error_text: HtmlElement,
    pub heading: HtmlElement,
    pub detail: HtmlElement,
    pub picture: HtmlElement,
    pub canvas: HtmlCanvasElement,
    pub labels: HtmlElement,
    pub legend: HtmlElement,
    pub caveat: HtmlElement,
    pub step_count: HtmlElement,
    pub step_title: HtmlElement,
    pub narration: HtmlElement,
    pub question: HtmlElement,
    pub man: HtmlElement,
    pub event: HtmlElement,
    pub headline: HtmlElement,
    pub facts: HtmlElement,
    pub source_box: HtmlElement,
    pub source_name: HtmlElement,
    pub source: HtmlElement,
    pub steps: HtmlElement,
    pub drop: HtmlElement,
}

impl Elements {
    /// All of them, or the name of one that is missing.
    pub(super) fn find() -> Result<Self, String> {
        let document = super::window()?.document().ok_or("there is no document")?;
        let d = &document;
        Ok(Self {
            title: by_id(d, "title")?,
            process: by_id(d, "process")?,
            overview: by_id(d, "overview")?,
            error: by_id(d, "error")?,
            error_text: by_id(d, "error-text")?,
            heading: by_id(d, "heading")?,
            detail: by_id(d, "detail")?,
            picture: by_id(d, "picture")?,
            canvas: by_id(d, "canvas")?,
            labels: by_id(d, "labels")?,
            legend: by_id(d, "legend")?,
            caveat: by_id(d, "caveat")?,
            step_count: by_id(d, "step-count")?,
            step_title: by_id(d, "step-title")?,
            narration: by_id(d, "narration")?,
            question: by_id(d, "step-question")?,
            man: by_id(d, "man")?,
            event: by_id(d, "event")?,
            headline: by_id(d, "headline")?,
            facts: by_id(d, "facts")?,
            source_box: by_id(d, "source-box")?,
            source_name: by_id(d, "source-name")?,
            source: by_id(d, "source")?,
            steps: by_id(d, "steps")?,
            drop: by_id(d, "drop")?,
            document,
        })
    }

    /// See [`make`].
    pub(super) fn make(&self, tag: &str, class: &str, text: &str) -> Option<Element> {
        make(&self.document, tag, class, text)
    }
}

/// A new element with a class and a text. Text only ever goes in as text.
pub(super) fn make(document: &Document, tag: &str, class: &str, text: &str) -> Option<Element> {
    let element = document.create_element(tag).ok()?;
    if !class.is_empty() {
        element.set_class_name(class);
    }
    if !text.is_empty() {
        element.set_text_content(Some(text));
    }
    Some(element)
}

/// The error of [`by_id`], which never comes back.
pub(super) enum Missing {}

impl From<Missing> for String {
    fn from(missing: Missing) -> Self {
        match missing {}
    }
}

/// The element with this id, of the kind that is wanted. Where `index.html` has none the page ends, with its name: to
/// drop what was begun, at every one of them, would take a twentieth of the program.
pub(super) fn by_id<T: JsCast>(document: &Document, id: &str) -> Result<T, Missing> {
    match document.get_element_by_id(id).map(JsCast::dyn_into) {
        Some(Ok(element)) => Ok(element),
        _ => missing(id),
    }
}

fn missing(id: &str) -> ! {
    wasm_bindgen::throw_str(&format!("pagescope cannot start: #{id} is missing or of another kind"))
}

/// A size that the browser tells, in CSS pixels.
pub(super) fn pixels(n: i32) -> f32 {
    f32::from(u16::try_from(n).unwrap_or(0))
}

/// How large the letters of an element are, in CSS pixels.
pub(super) fn letters(element: &Element) -> Option<f32> {
    let style = super::window().ok()?.get_computed_style(element).ok()??;
    number::pixels(&style.get_property_value("font-size").ok()?).map(short)
}

/// Puts `child` last into `parent`.
pub(super) fn append(parent: &Element, child: Option<Element>) -> Option<()> {
    parent.append_child(child?.as_ref()).ok().map(|_| ())
}

/// Adds `children` in place of what is there.
pub(super) fn replace_children(parent: &Element, children: impl IntoIterator<Item = Option<Element>>) {
    parent.set_text_content(None);
    for child in children {
        let _ = append(parent, child);
    }
}

/// Listens as long as it lives.
pub(super) struct Listener {
    target: EventTarget,
    name: &'static str,
    call: Closure<dyn FnMut(web_sys::Event)>,
}

impl Listener {
    pub(super) fn new(
        target: &EventTarget,
        name: &'static str,
        call: impl FnMut(web_sys::Event) + 'static,
    ) -> Self {
        let call = Closure::new(call);
        // Fails only for a null callback.
        let _ = target.add_event_listener_with_callback(name, call.as_ref().unchecked_ref());
        Self { target: target.clone(), name, call }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ =
            self.target.remove_event_listener_with_callback(self.name, self.call.as_ref().unchecked_ref());
    }
}

/// The room that an element has, in CSS pixels; none before the first layout. Asked for only when the browser has just laid
/// the page out: at other times it would have to do that to answer.
pub(super) struct Extent {
    /// Width, height, and how many times larger it is drawn than that: in a talk.
    size: Rc<Cell<(i32, i32, f64)>>,
    _observer: Observer,
}

impl Extent {
    /// With a frame whenever it changes.
    pub(super) fn new(element: &Element, queue: &Queue) -> Result<Self, String> {
        let size = Rc::new(Cell::new((0, 0, 1.0)));
        let observer = Observer::new(element, {
            let (queue, size, element) = (queue.clone(), Rc::clone(&size), element.clone());
            move || {
                let (width, height) = (element.client_width(), element.client_height());
                size.set((width, height, larger(&element, width)));
                queue.send(Msg::Redraw);
            }
        })?;
        Ok(Self { size, _observer: observer })
    }

    /// Width and height.
    pub(super) fn size(&self) -> (i32, i32) {
        let (width, height, _) = self.size.get();
        (width, height)
    }

    /// How many times larger it is drawn than that.
    pub(super) fn larger(&self) -> f64 {
        self.size.get().2
    }
}

fn larger(element: &Element, width: i32) -> f64 {
    let (drawn, own) = (element.get_bounding_client_rect().width(), f64::from(width));
    if drawn > 0.0 && own > 0.0 { (drawn / own * 1000.0).round() / 1000.0 } else { 1.0 }
}

/// Watches the size of an element as long as it lives.
pub(super) struct Observer {
    observer: web_sys::ResizeObserver,
    _call: Closure<dyn FnMut()>,
}

impl Observer {
    pub(super) fn new(element: &Element, call: impl FnMut() + 'static) -> Result<Self, String> {
        let call = Closure::<dyn FnMut()>::new(call);
        let observer = web_sys::ResizeObserver::new(call.as_ref().unchecked_ref())
            .map_err(|_| "sizes cannot be watched")?;
        observer.observe(element);
        Ok(Self { observer, _call: call })
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}
