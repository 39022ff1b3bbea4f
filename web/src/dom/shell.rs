//! Which view stands in the middle, which panel beside it.

use super::elements::by_id;
use super::part::{Frame, Part};
use crate::app::{SidePanel, StageView};
use web_sys::{Document, HtmlElement};

/// A trace with fewer events than this needs no picture of the whole.
const SHORT: usize = 200;

/// The tabs, and what they choose.
pub(super) struct Shell {
    app: HtmlElement,
    stages: Vec<HtmlElement>,
    sides: Vec<HtmlElement>,
    shown: Option<(StageView, SidePanel, bool)>,
}

impl Shell {
    pub(super) fn new(document: &Document) -> Result<Self, String> {
        let tab = |part: &str, name: &str| by_id::<HtmlElement>(document, &format!("{part}-{name}"));
        let stages: Vec<_> =
            StageView::ALL.iter().map(|(name, _)| tab("stage", name)).collect::<Result<_, _>>()?;
        let sides: Vec<_> =
            SidePanel::ALL.iter().map(|(name, _)| tab("side", name)).collect::<Result<_, _>>()?;
        Ok(Self { app: by_id(document, "app")?, stages, sides, shown: None })
    }
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
                let _ = tab.set_attribute("aria-selected", if chosen == Some(i) { "true" } else { "false" });
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
