//! Says what is shown, for those who do not see it: the step, or the event; not more often than one can listen.

use super::elements::by_id;
use super::part::{Frame, Part};
use super::window;
use crate::player::Motion;
use web_sys::{Document, HtmlElement};

/// While the film plays, at least so many milliseconds lie between two sentences.
const PAUSE_MS: f64 = 2500.0;

/// The live region.
pub(super) struct Voice {
    element: HtmlElement,
    said: String,
    at: f64,
}

impl Voice {
    pub(super) fn new(document: &Document) -> Result<Self, String> {
        Ok(Self { element: by_id(document, "voice")?, said: String::new(), at: f64::NEG_INFINITY })
    }
}

impl Part for Voice {
    fn show(&mut self, frame: &Frame<'_>) {
        let sentence = frame.view.spoken(frame.app);
        if sentence == self.said || sentence.is_empty() {
            return;
        }
        let now = window().ok().and_then(|w| w.performance()).map_or(0.0, |p| p.now());
        if frame.app.motion != Motion::Still && now - self.at < PAUSE_MS {
            return;
        }
        self.element.set_text_content(Some(&sentence));
        (self.said, self.at) = (sentence, now);
    }
}
