//! From level to level: the picture of the one that was left goes on growing (or shrinking) with the zoom, and fades into
//! the new one.

use super::Pages;
use super::doc::Doc;
use crate::number::exp2;
use std::rc::Rc;

/// Milliseconds until nothing is left of it.
const FADE_MS: f64 = 150.0;

/// A level that was left.
#[derive(Clone, Debug)]
pub(super) struct Fade {
    doc: Rc<Doc>,
    /// Which layout that is.
    layout: u64,
    /// Milliseconds since then.
    passed: f64,
}

/// Where the rows of a level that was left stand now.
#[derive(Clone, Copy, Debug)]
pub struct Leaving<'a> {
    /// Its layout.
    pub doc: &'a Doc,
    /// Which one, as [`Pages::layouts`] counts them.
    pub layout: u64,
    /// How high its rows are now, in CSS pixels.
    pub row: f64,
    /// The height of its document at the upper edge of the picture.
    pub offset: f64,
    /// How much of it is left, 1 to 0.
    pub share: f64,
}

impl Fade {
    /// Of the layout with this number.
    pub(super) fn new(doc: Rc<Doc>, layout: u64) -> Self {
        Self { doc, layout, passed: 0.0 }
    }

    /// Time passes: what is still to be seen.
    pub(super) fn tick(self, ms: f64) -> Option<Self> {
        let passed = self.passed + ms;
        (passed < FADE_MS).then_some(Self { passed, ..self })
    }
}

impl Pages {
    /// The level that was left last, as long as it is to be seen.
    pub fn leaving(&self) -> Option<Leaving<'_>> {
        let fade = self.fade.as_ref().filter(|_| self.one_page().is_none())?;
        let doc = &fade.doc;
        let row = self.scale().row * exp2(f64::from(doc.level.zoom) - f64::from(self.doc.level.zoom));
        let t = (fade.passed / FADE_MS).clamp(0.0, 1.0);
        let share = 1.0 - t * t * (3.0 - 2.0 * t);
        Some(Leaving { doc, layout: fade.layout, row, offset: self.offset_in(doc, row), share })
    }
}
