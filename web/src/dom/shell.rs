//! Which view stands in the middle, which panel beside it.

use super::elements::{Listener, by_id};
use super::part::{Frame, Part};
use crate::app::{SidePanel, StageView};
use wasm_bindgen::JsCast;
use web_sys::{Document, HtmlElement, KeyboardEvent};

/// A trace with fewer events than this needs no picture of the whole.
const SHORT: usize = 200;

/// The tabs, and what they choose.
pub(super) struct Shell {
    app: HtmlElement,
    stages: Vec<HtmlElement>,
    sides: Vec<HtmlElement>,
    shown: Option<(StageView, SidePanel, bool)>,
    _listeners: Vec<Listener>,
}

impl Shell {
    pub(super) fn new(document: &Document) -> Result<Self, String> {
        let tab = |part: &str, name: &str| by_id::<HtmlElement>(document, &format!("{part}-{name}"));
        let stages: Vec<_> =
            StageView::ALL.iter().map(|(name, _)| tab("stage", name)).collect::<Result<_, _>>()?;
        let sides: Vec<_> =
            SidePanel::ALL.iter().map(|(name, _)| tab("side", name)).collect::<Result<_, _>>()?;
        let listeners = stages.iter().chain(&sides).filter_map(|tab| {
            let list = tab.closest("[role=tablist]").ok().flatten()?;
            let _ = list.set_attribute("data-keys", "ArrowLeft ArrowRight Home End");
            Some(Listener::new(tab, "keydown", move |event| {
                let _ = along(&event, &list);
            }))
        });
        let listeners = listeners.collect();
        Ok(Self { app: by_id(document, "app")?, stages, sides, shown: None, _listeners: listeners })
    }
}

/// Arrows go along a list of tabs.
fn along(event: &web_sys::Event, list: &web_sys::Element) -> Option<()> {
    let key = event.dyn_ref::<KeyboardEvent>()?.key();
    let tabs = list.query_selector_all("[role=tab]").ok()?;
    let tab = event.current_target()?.dyn_into::<web_sys::Node>().ok()?;
    let here = (0..tabs.length()).find(|i| tabs.item(*i).as_ref() == Some(&tab))?;
    let to = match key.as_str() {
        "ArrowRight" => (here + 1) % tabs.length(),
        "ArrowLeft" => (here + tabs.length() - 1) % tabs.length(),
        "Home" => 0,
        "End" => tabs.length() - 1,
        _ => return None,
    };
    let tab = tabs.item(to)?.dyn_into::<HtmlElement>().ok()?;
    event.prevent_default();
    tab.click();
    tab.focus().ok()
}

impl Part for Shell {
    fn show(&mut self, frame: &Frame<'_>) {
        let app = frame.app;
        let strip = app.timeline.as_ref().is_some_and(|t| t.end() >= SHORT);
        let now = (app.stage, app.side, strip);
        if self.shown == Some(now) {
            return;
        }
        self.shown = Some(now);
        let select = |tabs: &[HtmlElement], chosen: Option<usize>| {
            for (i, tab) in tabs.iter().enumerate() {
                let is = chosen == Some(i);
                let _ = tab.set_attribute("aria-selected", if is { "true" } else { "false" });
                // One stop for the tab key: arrows go along.
                tab.set_tab_index(if is { 0 } else { -1 });
            }
        };
        let stage = StageView::ALL.iter().position(|(_, stage)| *stage == app.stage);
        let side = SidePanel::ALL.iter().position(|(_, side)| *side == app.side);
        select(&self.stages, stage);
        select(&self.sides, side);
        for (name, value) in [
            ("data-stage", stage.and_then(|i| StageView::ALL.get(i)).map_or("", |s| s.0)),
            ("data-side", side.and_then(|i| SidePanel::ALL.get(i)).map_or("", |s| s.0)),
            ("data-strip", if strip { "on" } else { "off" }),
        ] {
            let _ = self.app.set_attribute(name, value);
        }
    }
}
