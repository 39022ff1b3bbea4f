//! The picture of all pages as cells, boxes and labels.

mod margin;
mod marks;
mod texts;

use super::doc::{Section, Visible};
use super::grid::Grid;
use super::layer::{Layer, shows};
use super::level::short;
use super::outline::name;
use super::{Pages, Shown};
use crate::format::{count, grouped, size};
use crate::layout::Rect;
use crate::palette::Fill;
use crate::scene::{Cells, Label, Scene};
use crate::time::scale::float;
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::model::{AddressSpace, PageChange};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A line of small text, in CSS pixels.
const LINE: f64 = 14.0;
/// A bold letter of a name, in CSS pixels: type grows with the page, of which the picture is about the half (tokens.css, `--s1`).
fn letter(room: f64) -> f64 {
    (room * 0.0093 + 7.5).clamp(13.0, 32.0) * 0.62
}
/// Runs that are counted for a header; a region with more is not counted to its end.
const COUNTED: usize = 40_000;

/// What is to be seen beside the pages themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks<'a> {
    /// What the latest event is about.
    pub subject: Option<Range>,
    /// What is under the pointer.
    pub hover: Option<Addr>,
    /// What is selected.
    pub selection: Option<Range>,
    /// What the latest event changed, as long as that is worth showing.
    pub changes: &'a [PageChange],
    /// How far the change has come, 0 to 1.
    pub progress: f32,
}

/// Keeps what was worked out for the last picture.
#[derive(Debug, Default)]
pub struct Painter {
    /// Of the level that is shown.
    layer: Option<Layer>,
    /// Of the one that was left.
    left: Option<Layer>,
    /// How many grids there were.
    grids: u64,
    heads: BTreeMap<usize, String>,
    heads_of: Option<(Option<Shown>, u64)>,
}

impl Painter {
    /// The picture of what is in sight.
    pub fn scene(&mut self, pages: &Pages, space: &AddressSpace, marks: &Marks<'_>) -> Scene {
        let (room, scale, doc) = (pages.room(), pages.scale(), pages.doc());
        let offset = pages.offset();
        let seen: Vec<Visible> = doc.visible(offset, room.height, scale.row).collect();
        self.refresh(pages, space, &seen, marks);
        let mut scene = Scene::default();
        let mut share = 1.0;
        if let (Some(leaving), Some(left)) = (pages.leaving(), &self.left) {
            share = 1.0 - leaving.share;
            let cells = left.cells(pages, leaving.doc, leaving.row, leaving.offset);
            scene.leaving = Some(Cells { share: short(leaving.share), ..cells });
        }
        scene.cells = self.layer.as_ref().map(|layer| Cells {
            progress: marks.progress,
            share: short(share),
            ..layer.cells(pages, doc, scale.row, offset)
        });
        let width = scale.level.cell * float(1 << scale.level.columns);
        let mut draw =
            Draw { scene, pages, space, offset, row: scale.row, width, free_from: f64::NEG_INFINITY };
        let drawn = |seen: &&Visible| doc.sections.get(seen.section).is_some_and(|s| shows(pages, s));
        for seen in seen.iter().filter(drawn) {
            draw.section(seen, &mut self.heads);
        }
        draw.marks(&seen, marks);
        if pages.framed().is_none() {
            draw.bar(marks);
        }
        draw.scene
    }

    fn refresh(&mut self, pages: &Pages, space: &AddressSpace, seen: &[Visible], marks: &Marks<'_>) {
        let (shown, layout) = (pages.shown, pages.layouts);
        if self.heads_of != Some((shown, layout)) {
            self.heads.clear();
            self.heads_of = Some((shown, layout));
        }
        let leaving = pages.leaving();
        self.left = self.left.take().filter(|left| leaving.is_some_and(|of| of.layout == left.layout));
        let old = self.layer.as_ref().filter(|old| (old.shown, old.layout) == (shown, layout));
        if old.is_some_and(|old| old.has(seen)) {
            return;
        }
        let rows = old.map(|old| (old.grid.as_ref(), old.seen.as_slice()));
        let grid = Rc::new(Grid::new(space, pages.doc(), seen, marks.changes, rows));
        self.grids += 2;
        let id = self.grids;
        let old = self.layer.replace(Layer { grid, id, shown, layout, seen: seen.to_vec() });
        if let (Some(old), Some(leaving)) = (old, leaving)
            && old.layout == leaving.layout
        {
            self.left = Some(old.wider(pages, space, &leaving, id + 1));
        }
    }
}

/// What is drawn of one picture.
struct Draw<'a> {
    scene: Scene,
    pages: &'a Pages,
    space: &'a AddressSpace,
    offset: f64,
    row: f64,
    /// Of all columns.
    width: f64,
    /// Where the next label left of the cells may stand.
    free_from: f64,
}

impl Draw<'_> {
    fn left(&self) -> f64 {
        self.pages.doc().level.left
    }

    fn label(&mut self, (x, y, w, h): (f64, f64, f64, f64), class: &'static str, text: String, dim: usize) {
        let rect = Rect { x: short(x), y: short(y), w: short(w), h: short(h) };
        self.scene.labels.push(Label { rect, class, text, dim });
    }

    fn section(&mut self, seen: &Visible, heads: &mut BTreeMap<usize, String>) {
        let doc = Rc::clone(self.pages.doc());
        let Some(section) = doc.sections.get(seen.section) else { return };
        let (y, height) = (seen.y - self.offset, self.pages.room().height);
        let (left, width) = (self.left(), self.width);
        if section.gap >= LINE && y + section.gap > 0.0 {
            let hole = if section.hole > 1 << 63 {
                "the kernel's half".to_owned()
            } else {
                format!("{} not mapped", size(section.hole))
            };
            self.label((left, y, width, section.gap), "fold", hole, 0);
        } else if section.hole > 0 && section.gap > 4.0 && y + section.gap > 0.0 {
            let middle = y + (section.gap / 2.0).round();
            self.quad((left, middle, width.min(26.0), 1.0), Fill::Faint, 1.0);
        }
        let head_y = y + section.gap;
        if section.head > 0.0 && head_y + section.head > 0.0 && head_y < height {
            let text = self.name(section);
            let info = heads.entry(seen.section).or_insert_with(|| self.info(section)).clone();
            // About as wide as it is written; the rest has what remains.
            let letters = float(u64::try_from(text.chars().count()).unwrap_or(0));
            let from = (letters * letter(self.pages.room().width) + 14.0).min(width * 0.5);
            let (y, high) = (head_y + 4.0, section.head - 6.0);
            self.label((left, y, from, high), "head", text, 0);
            self.label((left + from, y, width - from, high), "head info", info, 0);
        }
        if seen.rows == 0 {
            return;
        }
        if left < 80.0 {
            // There is no room beside the cells.
        } else if section.head > 0.0 && section.count == 1 {
            self.addresses(seen);
        } else {
            self.names(section, seen);
        }
        self.texts(section, seen);
    }

    fn name(&self, section: &Section) -> String {
        if section.start == 0 && self.pages.full_scale {
            return format!("All {}", size(section.last.saturating_add(1)));
        }
        if section.count > 1 {
            return count(u64::try_from(section.count).unwrap_or(0), "region", "regions");
        }
        let range = Range::new(Addr(section.start), Addr(section.last.saturating_add(1))).ok();
        let first = range.and_then(|range| self.space.mappings_in(range).next());
        first.map_or_else(|| "no longer mapped".to_owned(), |mapping| name(&mapping))
    }

    /// Range, protection, size, resident pages.
    fn info(&self, section: &Section) -> String {
        let Ok(range) = Range::new(Addr(section.start), Addr(section.last.saturating_add(1))) else {
            return String::new();
        };
        let regions = self.pages.outline().regions.get(section.first..section.first + section.count);
        let (mut mappings, mut bytes) = (0u64, 0u64);
        for region in regions.unwrap_or_default() {
            (mappings, bytes) = (mappings + region.mappings, bytes.saturating_add(region.bytes));
        }
        let what = match mappings {
            0 => return range.to_string(),
            1 => self.space.mappings_in(range).next().map(|m| m.permissions()).unwrap_or_default(),
            _ => count(mappings, "mapping", "mappings"),
        };
        let page_size = self.space.page_size();
        let (mut resident, mut runs) = (0u64, 0);
        for (run, page) in self.space.runs(range).take(COUNTED) {
            resident += if page.state.is_resident() { page_size.pages_in(run) } else { 0 };
            runs += 1;
        }
        let least = if runs == COUNTED { "more than " } else { "" };
        let pages = page_size.pages_in(range).min(bytes / page_size.bytes().max(1));
        let resident = format!("{least}{} of {} resident", grouped(resident), count(pages, "page", "pages"));
        format!("{what} · {} · {resident} · {range}", size(bytes))
    }

    fn quad(&mut self, (x, y, w, h): (f64, f64, f64, f64), fill: Fill, alpha: f32) {
        let rect = Rect { x: short(x), y: short(y), w: short(w), h: short(h) };
        self.scene.plain(rect, fill, alpha, 0.0);
    }
}
