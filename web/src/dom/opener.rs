//! What can be opened: the recordings that come with the page, a file, an address.

use super::elements::{Listener, append, by_id, make};
use super::frame_loop::Queue;
use super::load::Files;
use super::part::{Frame, Part};
use crate::address::Place;
use crate::load::{self, From, Recording, recordings};
use crate::msg::Msg;
use wasm_bindgen::JsCast;
use web_sys::{Document, Element, HtmlDialogElement, HtmlElement, HtmlInputElement};

/// The dialog.
pub(super) struct Opener {
    _listeners: Vec<Listener>,
}

fn dialog(document: &Document) -> Option<HtmlDialogElement> {
    by_id(document, "opener").ok()
}

/// Opens the dialog.
pub(super) fn show(document: &Document) {
    if let Some(dialog) = dialog(document).filter(|dialog| !dialog.open()) {
        // Refused only where it is not part of the page.
        let _ = dialog.show_modal();
    }
}

/// Whether it is open: then keys are its own.
pub(super) fn is_open(document: &Document) -> bool {
    dialog(document).is_some_and(|dialog| dialog.open())
}

impl Opener {
    /// A page with a trace in it stands alone: the recordings are not there.
    pub(super) fn new(
        document: &Document,
        queue: &Queue,
        files: &Files,
        embedded: Option<From>,
    ) -> Result<Self, String> {
        let dialog: HtmlDialogElement = by_id(document, "opener")?;
        let list: Element = by_id(document, "opener-list")?;
        let offered = match &embedded {
            Some(from) => vec![Recording {
                url: String::new(),
                title: from.name(),
                about: "The trace that stands in this page".to_owned(),
                picture: Default::default(),
            }],
            None => recordings(),
        };
        for recording in offered {
            let item = make(document, "li", "", "").and_then(|item| {
                let button = make(document, "button", "", "")?;
                button.set_attribute("type", "button").ok()?;
                button.set_attribute("data-recording", &recording.url).ok()?;
                let (picture, alt) = &recording.picture;
                if !picture.is_empty() {
                    let image = make(document, "img", "", "")?;
                    // The address last: what is lazy has not begun to come before.
                    for (name, value) in [
                        ("alt", alt.as_str()),
                        ("width", "320"),
                        ("height", "180"),
                        ("loading", "lazy"),
                        ("src", picture),
                    ] {
                        image.set_attribute(name, value).ok()?;
                    }
                    append(&button, Some(image))?;
                }
                append(&button, make(document, "strong", "", &recording.title))?;
                append(&button, make(document, "span", "", &recording.about))?;
                append(&item, Some(button))?;
                Some(item)
            });
            append(&list, item).ok_or("the list of recordings cannot be made")?;
        }
        let open = {
            let (queue, dialog) = (queue.clone(), dialog.clone());
            move |url: &str| {
                dialog.close();
                let home = embedded.clone().filter(|_| url.is_empty());
                let from = home.unwrap_or_else(|| From::Url(url.to_owned()));
                let place = Place::default();
                queue.send(Msg::Load(load::Msg::Open { from, autoplay: true, place }));
            }
        };
        let file: HtmlInputElement = by_id(document, "file")?;
        let choose: HtmlElement = by_id(document, "opener-file")?;
        let form: HtmlElement = by_id(document, "opener-form")?;
        let url: HtmlInputElement = by_id(document, "opener-url")?;
        let close: HtmlElement = by_id(document, "opener-close")?;
        let listeners = vec![
            Listener::new(&list, "click", {
                let open = open.clone();
                move |event| {
                    let target = event.target().and_then(|t| t.dyn_into::<Element>().ok());
                    let button = target.and_then(|t| t.closest("[data-recording]").ok().flatten());
                    if let Some(url) = button.and_then(|b| b.get_attribute("data-recording")) {
                        open(&url);
                    }
                }
            }),
            Listener::new(&form, "submit", move |event| {
                event.prevent_default();
                let text = url.value().trim().to_owned();
                if !text.is_empty() {
                    open(&text);
                }
            }),
            Listener::new(&choose, "click", {
                let file = file.clone();
                move |_| file.click()
            }),
            Listener::new(&file, "change", {
                let (queue, files, input, dialog) =
                    (queue.clone(), files.clone(), file.clone(), dialog.clone());
                move |_| {
                    if let Some(file) = input.files().and_then(|files| files.get(0)) {
                        dialog.close();
                        files.open(&queue, file);
                    }
                    // The same file may be chosen again.
                    input.set_value("");
                }
            }),
            Listener::new(&close, "click", {
                let dialog = dialog.clone();
                move |_| dialog.close()
            }),
            // Beside it: its inside has an element of its own.
            Listener::new(&dialog, "click", {
                let dialog = dialog.clone();
                move |event| {
                    let target = event.target().and_then(|t| t.dyn_into::<Element>().ok());
                    if target.is_some_and(|target| target.id() == "opener") {
                        dialog.close();
                    }
                }
            }),
        ];
        Ok(Self { _listeners: listeners })
    }
}

impl Part for Opener {
    fn show(&mut self, _: &Frame<'_>) {}
}
