//! The cells of one level that are in sight, kept from picture to picture.

use super::doc::{Doc, Section, Visible};
use super::fade::Leaving;
use super::grid::Grid;
use super::level::short;
use super::{Pages, Shown};
use crate::scene::{Band, Cells};
use crate::time::scale::float;
use pagescope_shared::addr::Range;
use pagescope_shared::model::AddressSpace;
use std::rc::Rc;

/// The cells of what was in sight.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) grid: Rc<Grid>,
    /// Which grid that is.
    pub(super) id: u64,
    /// Of what.
    pub(super) shown: Option<Shown>,
    /// In which layout.
    pub(super) layout: u64,
    pub(super) seen: Vec<Visible>,
}

impl Layer {
    /// Whether it has exactly these rows.
    pub(super) fn has(&self, seen: &[Visible]) -> bool {
        let same = |(a, b): (&Visible, &Visible)| (a.section, a.top, a.rows) == (b.section, b.top, b.rows);
        self.seen.len() == seen.len() && self.seen.iter().zip(seen).all(same)
    }

    /// With what comes into sight until rows are half as high as they were: of the level that is left when one goes
    /// farther away.
    pub(super) fn wider(self, pages: &Pages, space: &AddressSpace, leaving: &Leaving<'_>, id: u64) -> Self {
        if leaving.doc.level.zoom > pages.doc().level.zoom {
            return self;
        }
        let row = leaving.row / 2.0;
        let offset = pages.offset_in(leaving.doc, row);
        let seen: Vec<Visible> = leaving.doc.visible(offset, pages.room().height, row).collect();
        let rows = (self.shown == pages.shown).then_some((self.grid.as_ref(), self.seen.as_slice()));
        let grid = Rc::new(Grid::new(space, leaving.doc, &seen, &[], rows));
        Self { grid, id, seen, shown: pages.shown, ..self }
    }

    /// Its cells with rows of a height, in the layout that they are of, from a height of the document on.
    pub(super) fn cells(&self, pages: &Pages, doc: &Doc, row: f64, offset: f64) -> Cells {
        let level = doc.level;
        let (mut bands, mut first_row) = (Vec::new(), 0);
        for seen in self.seen.iter().filter(|seen| seen.rows > 0) {
            let rows = u32::try_from(seen.rows).unwrap_or(0);
            first_row += rows;
            let Some(section) = doc.sections.get(seen.section).filter(|section| shows(pages, section)) else {
                continue;
            };
            let y = doc.body(section, row) + float(section.top.saturating_sub(seen.top)) * row - offset;
            bands.push(Band {
                x: short(level.left),
                y: short(y),
                width: short(level.cell * float(1 << level.columns)),
                rows,
                first_row: first_row - rows,
            });
        }
        Cells {
            grid: Rc::clone(&self.grid),
            id: self.id,
            bands,
            width: short(level.cell),
            height: short(row),
            progress: 1.0,
            dots: pages.full_scale || pages.framed().is_some(),
            share: 1.0,
        }
    }
}

/// Whether a section is drawn: where something is framed, nothing else is.
pub(super) fn shows(pages: &Pages, section: &Section) -> bool {
    let within = |range: Range| range.start().0 <= section.last && range.end().0 > section.start;
    pages.framed().is_none_or(within)
}
