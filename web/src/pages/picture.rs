//! The picture of all pages as cells, boxes and labels.

use super::doc::{Doc, Section, Visible};
use super::fade::Leaving;
use super::grid::Grid;
use super::level::{BAR, short};
use super::outline::name;
use super::{Pages, Shown};
use crate::format::{count, grouped, size};
use crate::layout::Rect;
use crate::number::exp2;
use crate::palette::Fill;
use crate::scene::{Band, Cells, Label, Scene};
use crate::time::scale::float;
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::model::{AddressSpace, PageChange};
use pagescope_shared::page::PageState;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A line of small text, in CSS pixels.
const LINE: f64 = 14.0;
/// A bold letter of a name, in CSS pixels: type grows with the page, of which the picture is about the half (tokens.css, `--s1`).
fn letter(room: f64) -> f64 {
    (room * 0.0093 + 7.5).clamp(13.0, 32.0) * 0.62
}
/// Rows of cells so high have room for two lines of text.
const TWO_LINES: f64 = 38.0;
/// Cells so high and wide have room for three, the middle one large.
const THREE_LINES: f64 = 60.0;
/// Cells so wide have large letters.
const BIG: f64 = 120.0;
/// Narrower ones have room for one sign, ...
const WORD: f64 = 40.0;
/// ... and narrower ones than this for none.
const LETTER: f64 = 24.0;
/// So many bytes of a page stand in its cell.
const BYTES: usize = 9;
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

/// The cells of what was in sight.
#[derive(Debug)]
struct Layer {
    grid: Rc<Grid>,
    /// Which grid that is.
    id: u64,
    /// Of what.
    shown: Option<Shown>,
    /// In which layout.
    layout: u64,
    seen: Vec<Visible>,
}

impl Layer {
    /// Whether it has exactly these rows.
    fn has(&self, seen: &[Visible]) -> bool {
        let same = |(a, b): (&Visible, &Visible)| (a.section, a.top, a.rows) == (b.section, b.top, b.rows);
        self.seen.len() == seen.len() && self.seen.iter().zip(seen).all(same)
    }

    /// With what comes into sight until rows are half as high as they were: of the level that is left when one goes
    /// farther away.
    fn wider(self, pages: &Pages, space: &AddressSpace, leaving: &Leaving<'_>, id: u64) -> Self {
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
    fn cells(&self, pages: &Pages, doc: &Doc, row: f64, offset: f64) -> Cells {
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
fn shows(pages: &Pages, section: &Section) -> bool {
    let within = |range: Range| range.start().0 <= section.last && range.end().0 > section.start;
    pages.framed().is_none_or(within)
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

/// What is known of the first bytes of a page, as characters.
fn bytes_text(space: &AddressSpace, addr: Addr) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    let range = space.page_size().page_range(addr);
    let mut known = range.into_iter().flat_map(|range| space.recorded_bytes(range));
    let Some((from, first)) = known.next() else { return String::new() };
    bytes.extend_from_slice(first);
    // What was recorded at several times and lies side by side is one text.
    for (at, more) in known.take(BYTES) {
        if at.0.checked_sub(from.0) != u64::try_from(bytes.len()).ok() {
            break;
        }
        bytes.extend_from_slice(more);
    }
    let bytes = bytes.as_slice();
    // The zero at the end of a text says nothing; a zero alone does.
    let bytes = if bytes.len() > 1 { bytes.strip_suffix(&[0]).unwrap_or(bytes) } else { bytes };
    if bytes == [0] {
        return "\\0".to_owned();
    }
    let sign = |byte: &u8| match byte {
        0x20..=0x7e => char::from(*byte),
        _ => '·',
    };
    let more = bytes.len() > BYTES;
    let mut text: String = bytes.iter().take(if more { BYTES - 1 } else { BYTES }).map(sign).collect();
    text.extend(more.then_some('…'));
    text
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

    /// The address at which a row begins, left of it.
    fn addresses(&mut self, seen: &Visible) {
        let bits = self.pages.doc().row_bits;
        let every = if self.row >= LINE { 1.0 } else { exp2((LINE * 1.6 / self.row).max(1.0).log2().ceil()) };
        let every: u64 = super::whole(every);
        let mut above: Option<String> = None;
        for down in 0..seen.rows {
            let number = seen.top - down;
            let y = seen.rows_y - self.offset + float(down) * self.row;
            // Where not every row has room, those at round addresses are named.
            if !number.is_multiple_of(every) && down > 0 {
                continue;
            }
            if y < self.free_from || y < -self.row {
                continue;
            }
            let text = format!("{:012x}", number << bits);
            let dim = above
                .as_ref()
                .map_or(0, |above| above.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count());
            let high = self.row.max(LINE);
            let y_text = y + (self.row - high) / 2.0;
            self.label((0.0, y_text, self.left() - 10.0, high), "row", text.clone(), dim);
            above = Some(text);
            self.free_from = y + LINE;
        }
    }

    /// The names of regions, left of their first rows, as far as there is room.
    fn names(&mut self, section: &Section, seen: &Visible) {
        let outline = Rc::clone(self.pages.outline());
        let bits = self.pages.doc().row_bits;
        let lowest = (seen.top + 1 - seen.rows) << bits;
        let (first_y, row) = (seen.rows_y - self.offset, self.row);
        let y_of = |number: u64| first_y + float(seen.top.saturating_sub(number)) * row;
        let highest = seen.top << bits | ((1 << bits) - 1);
        let regions = outline.regions.get(section.first..section.first + section.count).unwrap_or_default();
        let mut index = regions.partition_point(|region| region.range.start().0 > highest);
        let mut labels = Vec::new();
        while let Some(region) = regions.get(index) {
            let last = region.range.end().0 - 1;
            if last < lowest {
                break;
            }
            let y = y_of(last.min(highest) >> bits);
            if y >= self.free_from {
                let mapping = self.space.mapping_at(region.range.start());
                let text = mapping.map_or_else(|| "gone".to_owned(), |mapping| name(&mapping));
                labels.push((y, text));
                self.free_from = y + LINE;
            }
            // The next one whose row has room.
            let down: u64 = super::whole(((self.free_from - seen.rows_y + self.offset) / self.row).ceil());
            let next = seen.top.saturating_sub(down);
            let skipped = regions.partition_point(|region| (region.range.end().0 - 1) >> bits > next);
            index = skipped.max(index + 1);
        }
        if self.pages.full_scale {
            // Between the names, round addresses.
            let every = exp2((LINE * 3.0 / self.row).max(1.0).log2().ceil());
            let every: u64 = super::whole(every);
            for number in (seen.top + 1 - seen.rows..=seen.top).filter(|number| number.is_multiple_of(every))
            {
                let y = y_of(number);
                if labels.iter().all(|(other, _)| (other - y).abs() >= LINE) {
                    let text = format!("{:012x}", number << bits);
                    self.label(
                        (0.0, y + (row.min(LINE) - LINE) / 2.0, self.left() - 10.0, LINE),
                        "row",
                        text,
                        0,
                    );
                }
            }
        }
        for (y, text) in labels {
            self.label((0.0, y + (row.min(LINE) - LINE) / 2.0, self.left() - 10.0, LINE), "tick", text, 0);
        }
    }

    /// Short addresses and frames in cells that are large enough.
    fn texts(&mut self, section: &Section, seen: &Visible) {
        let doc = Rc::clone(self.pages.doc());
        let level = doc.level;
        if level.pages > 0 || level.cell < LETTER || self.row < 18.0 {
            return;
        }
        let page_size = self.space.page_size();
        let lowest = ((seen.top + 1 - seen.rows) << doc.row_bits).max(section.start);
        let highest = (seen.top << doc.row_bits | ((1 << doc.row_bits) - 1)).min(section.last);
        let Ok(all) = Range::new(Addr(lowest), Addr(highest.saturating_add(1))) else { return };
        let several = self.space.mappings_in(all).nth(1).is_some();
        for (range, page) in self.space.runs(all) {
            let first = page_size.page_of(range.start());
            for number in first..first + page_size.pages_in(range) {
                let Some(addr) = page_size.address_of(number) else { return };
                let column = number & ((1 << level.columns) - 1);
                let x = level.left + float(column) * level.cell;
                let row = seen.top.saturating_sub(addr.0 >> doc.row_bits);
                let y = seen.rows_y - self.offset + float(row) * self.row;
                let full = page.state.is_resident() && !matches!(Fill::from(page.state), Fill::ZeroPage);
                let dark = full && page.state == PageState::Private;
                let big = level.cell >= BIG;
                let class = match (full, dark, big) {
                    (false, _, false) => "page",
                    (false, _, true) => "page big",
                    (_, true, false) => "page dark",
                    (_, true, true) => "page dark big",
                    (_, false, false) => "page full",
                    (_, false, true) => "page full big",
                };
                if level.cell < WORD {
                    // One sign has room.
                    let text = Some(bytes_text(self.space, addr)).filter(|text| text.chars().count() <= 2);
                    let class = match (full, dark) {
                        (false, _) => "page bytes many",
                        (_, true) => "page bytes many dark",
                        (_, false) => "page bytes many full",
                    };
                    if let Some(text) = text.filter(|text| !text.is_empty()) {
                        self.label((x, y, level.cell, self.row), class, text, 0);
                    }
                    continue;
                }
                let mut short = format!("{:05x}", addr.0 & 0xf_ffff);
                if big && several {
                    // Rights are a mapping's: where there are several, each page says its own.
                    let rights = self.space.mapping_at(addr).map(|mapping| mapping.permissions());
                    short.push(' ');
                    short.push_str(&rights.unwrap_or_default());
                }
                // The address above, the frame below; between them the bytes, where there is room.
                let large = self.row >= THREE_LINES && level.cell >= THREE_LINES;
                let part = match self.row {
                    row if large => row * 0.3,
                    row if row >= TWO_LINES => row / 2.0,
                    row => row,
                };
                self.label((x, y, level.cell, part), class, short, 0);
                let frame = page.frame.filter(|_| self.row >= TWO_LINES && level.cell >= 54.0);
                if let Some(frame) = frame {
                    let by = number - first;
                    let text = format!("→ {:x}", frame.0.wrapping_add(by));
                    self.label((x, y + self.row - part, level.cell, part), class, text, 0);
                }
                let text = if large { bytes_text(self.space, addr) } else { String::new() };
                if !text.is_empty() {
                    let class = match (full, dark, big, text.chars().count() > 3) {
                        (false, _, false, false) => "page bytes",
                        (false, _, false, true) => "page bytes many",
                        (false, _, true, false) => "page bytes big",
                        (false, _, true, true) => "page bytes many big",
                        (_, true, false, false) => "page bytes dark",
                        (_, true, false, true) => "page bytes many dark",
                        (_, true, true, false) => "page bytes dark big",
                        (_, true, true, true) => "page bytes many dark big",
                        (_, false, false, false) => "page bytes full",
                        (_, false, false, true) => "page bytes many full",
                        (_, false, true, false) => "page bytes full big",
                        (_, false, true, true) => "page bytes many full big",
                    };
                    self.label((x, y + part * 0.9, level.cell, self.row - part * 1.8), class, text, 0);
                }
            }
        }
    }

    fn quad(&mut self, (x, y, w, h): (f64, f64, f64, f64), fill: Fill, alpha: f32) {
        let rect = Rect { x: short(x), y: short(y), w: short(w), h: short(h) };
        self.scene.plain(rect, fill, alpha, 0.0);
    }

    /// The boxes that the cells of a range fill: at most three a section.
    fn areas(&self, seen: &[Visible], range: Range) -> Vec<(f64, f64, f64, f64)> {
        let doc = self.pages.doc();
        let (bits, level) = (doc.row_bits, doc.level);
        let (start, last) = (range.start().0, range.end().0 - 1);
        let column = |addr: u64| (addr & ((1 << bits) - 1)) >> (bits - level.columns);
        let most = (1 << level.columns) - 1;
        let mut areas = Vec::new();
        for seen in seen.iter().filter(|seen| seen.rows > 0) {
            let Some(section) = doc.sections.get(seen.section) else { continue };
            let (low, high) = (start.max(section.start), last.min(section.last));
            if low > high {
                continue;
            }
            let (top, bottom) = (high >> bits, low >> bits);
            let lowest = seen.top + 1 - seen.rows;
            if bottom > seen.top || top < lowest {
                continue;
            }
            let mut area = |first: u64, last: u64, from: u64, to: u64| {
                let (first, last) = (first.min(seen.top), last.max(lowest));
                if first < last || from > to {
                    return;
                }
                let y = seen.rows_y - self.offset + float(seen.top - first) * self.row;
                let x = level.left + float(from) * level.cell;
                areas.push((x, y, float(to - from + 1) * level.cell, float(first - last + 1) * self.row));
            };
            if top == bottom {
                area(top, top, column(low), column(high));
                continue;
            }
            // Whole rows at both ends belong to the middle.
            let head = if column(high) == most { top } else { top - 1 };
            let tail = if column(low) == 0 { bottom } else { bottom + 1 };
            if head < top && top <= seen.top {
                area(top, top, 0, column(high));
            }
            if head >= tail {
                area(head, tail, 0, most);
            }
            if tail > bottom && bottom >= lowest {
                area(bottom, bottom, column(low), most);
            }
        }
        areas
    }

    fn outline(&mut self, (x, y, w, h): (f64, f64, f64, f64), fill: Fill, thick: f64) {
        let (x, y, w, h) = (x - thick, y - thick, w + thick, h + thick);
        for edge in
            [(x, y, w + thick, thick), (x, y + h, w + thick, thick), (x, y, thick, h), (x + w, y, thick, h)]
        {
            self.quad(edge, fill, 1.0);
        }
    }

    fn marks(&mut self, seen: &[Visible], marks: &Marks<'_>) {
        let thick = if self.pages.doc().level.cell >= 14.0 { 2.0 } else { 1.0 };
        for (range, strong) in [(marks.subject, false), (marks.selection, true)] {
            let Some(range) = range else { continue };
            let areas = self.areas(seen, range);
            let few = areas.len() == 1;
            for area in areas {
                if strong || !few {
                    self.quad(area, Fill::Accent, if strong { 0.22 } else { 0.12 });
                }
                if few {
                    self.outline(area, Fill::Accent, thick);
                } else {
                    self.quad((self.left() - 5.0, area.1, 3.0, area.3), Fill::Accent, 1.0);
                }
            }
        }
        let Some(addr) = marks.hover else { return };
        // The pointed page, and at the margin how far its mapping goes.
        if let Some(mapping) = self.space.mapping_at(addr) {
            for (_, y, _, h) in self.areas(seen, mapping.range) {
                self.quad((self.left() - 5.0, y, 2.0, h), Fill::Accent, 0.75);
            }
        }
        let bits = self.pages.doc().row_bits - self.pages.doc().level.columns;
        if let Ok(cell) = Range::from_len(Addr(addr.0 >> bits << bits), 1 << bits) {
            for area in self.areas(seen, cell) {
                self.outline(area, Fill::Ink, thick);
            }
        }
    }

    /// Where one is, at the right edge.
    fn bar(&mut self, marks: &Marks<'_>) {
        let room = self.pages.room();
        let all = self.pages.doc().height(self.row).max(1.0);
        if all <= room.height + 1.0 {
            return;
        }
        let x = room.width - BAR + 6.0;
        self.quad((x + 2.0, 0.0, 2.0, room.height), Fill::Faint, 0.6);
        let (from, to) = (self.offset / all, (self.offset + room.height) / all);
        let (from, to) = (from.clamp(0.0, 1.0) * room.height, to.clamp(0.0, 1.0) * room.height);
        let high = (to - from).max(18.0);
        let y = ((from + to - high) / 2.0).clamp(0.0, (room.height - high).max(0.0));
        let rect = Rect { x: short(x), y: short(y), w: 6.0, h: short(high) };
        self.scene.plain(rect, Fill::Ink, 0.55, 3.0);
        for range in [marks.selection, marks.subject].into_iter().flatten() {
            let at = self.pages.doc().row_y(range.start(), self.row) / all * room.height;
            self.quad((x - 1.0, at.clamp(0.0, (room.height - 2.0).max(0.0)), 8.0, 2.0), Fill::Accent, 1.0);
        }
    }
}
