//! Which view stands in the middle, which panel beside it.

use super::elements::{Listener, by_id};
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use crate::app::{SidePanel, StageView};
use crate::msg::Msg;
use web_sys::{Document, HtmlElement};

const STAGES: [(&str, StageView); 3] =
    [("pages", StageView::Pages), ("walk", StageView::Walk), ("time", StageView::Time)];
const SIDES: [(&str, SidePanel); 5] = [
    ("now", SidePanel::Now),
    ("events", SidePanel::Events),
    ("inspect", SidePanel::Inspect),
    ("compare", SidePanel::Compare),
    ("trace", SidePanel::Trace),
];

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
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let tab = |part: &str, name: &str| by_id::<HtmlElement>(document, &format!("{part}-{name}"));
        let stages: Vec<_> = STAGES.iter().map(|(name, _)| tab("stage", name)).collect::<Result<_, _>>()?;
        let sides: Vec<_> = SIDES.iter().map(|(name, _)| tab("side", name)).collect::<Result<_, _>>()?;
        let stage_messages = STAGES.iter().map(|(_, stage)| Msg::Stage(*stage));
        let side_messages = SIDES.iter().map(|(_, side)| Msg::Side(*side));
        let tabs = stages.iter().zip(stage_messages).chain(sides.iter().zip(side_messages));
        let listeners = tabs.map(|(tab, msg)| {
            let queue = queue.clone();
            Listener::new(tab, "click", move |_| queue.send(msg.clone()))
        });
        let listeners = listeners.collect();
        Ok(Self { app: by_id(document, "app")?, stages, sides, shown: None, _listeners: listeners })
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
        let stage = STAGES.iter().position(|(_, stage)| *stage == app.stage);
        let side = SIDES.iter().position(|(_, side)| *side == app.side);
        select(&self.stages, stage);
        select(&self.sides, side);
        for (name, value) in [
            ("data-stage", stage.and_then(|i| STAGES.get(i)).map_or("", |s| s.0)),
            ("data-side", side.and_then(|i| SIDES.get(i)).map_or("", |s| s.0)),
            ("data-strip", if strip { "on" } else { "off" }),
        ] {
            let _ = self.app.set_attribute(name, value);
        }
    }
}
