//! The camera: an address whose row stands at a height, and a zoom. So it keeps its place while the document changes
//! above it.

use super::doc::{Doc, Place, measure};
use super::level::{FARTHEST, whole};
use super::places::mapped_in;
use super::{Aim, FLIGHT_MS, Mode, Pages, ZOOM_MS};
use crate::number::exp2;
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::model::AddressSpace;

/// Over and under what is shown alone there is so much room, in CSS pixels.
const WORDS: f64 = 64.0;

/// Where the camera is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// The row of this address…
    pub addr: Addr,
    /// …at this part of its height, at the level nearest to the zoom…
    pub part: f64,
    /// …stands at this height of the picture, in CSS pixels.
    pub y: f64,
    /// The binary logarithm of the pages in a row.
    pub zoom: f64,
}

impl Default for Camera {
    fn default() -> Self {
        Self { addr: Addr(0), part: 0.0, y: 0.0, zoom: FARTHEST }
    }
}

/// On the way to another place.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    from: Camera,
    /// Where it ends.
    pub to: Camera,
    ms: f64,
    passed: f64,
}

impl Flight {
    /// Time passes: where it is then, and whether that is the end.
    pub fn tick(&mut self, ms: f64) -> (Camera, bool) {
        self.passed += ms;
        let t = (self.passed / self.ms).clamp(0.0, 1.0);
        let eased = 1.0 - (1.0 - t).powi(3);
        let between = |a: f64, b: f64| a + (b - a) * eased;
        let (from, to) = (self.from, self.to);
        if t >= 1.0 {
            return (to, true);
        }
        (Camera { y: between(from.y, to.y), zoom: between(from.zoom, to.zoom), ..to }, false)
    }
}

impl Pages {
    /// Where it will be when the flight is over.
    fn goal(&self) -> Camera {
        self.flight.map_or(self.camera, |flight| flight.to)
    }

    /// The height of a document at the upper edge of the picture, with rows of a height.
    pub(super) fn offset_in(&self, doc: &Doc, row: f64) -> f64 {
        let part = self.part_in(doc, &self.goal());
        doc.row_y(self.camera.addr, row) + part * row - self.camera.y
    }

    /// How far down in its row a camera's address stands, in rows of a document: where the level becomes another one,
    /// nothing jumps.
    fn part_in(&self, doc: &Doc, camera: &Camera) -> f64 {
        self.part(camera.addr, camera.part, self.room.nearest(camera.zoom), doc.level.zoom)
    }

    /// A height in the row of an address at one whole zoom, in rows of another: below 0 or above 1 where that row is not
    /// at that height.
    fn part(&self, addr: Addr, part: f64, from: u32, to: u32) -> f64 {
        let mapped = self.doc.section_of(addr).is_some();
        let Some(size) = self.page_size.filter(|_| from != to && mapped) else { return part };
        let (fine, coarse) = (from.min(to), from.max(to));
        let page = !size.page_of(addr) >> fine;
        // So many rows of the finer level stand above it in its row of the coarser one.
        let above = crate::time::scale::float(page & ((1 << (coarse - fine)) - 1));
        let rows = exp2(f64::from(coarse - fine));
        if from < to { (above + part) / rows } else { part * rows - above }
    }

    /// Flies to a place, or is there at once.
    pub(super) fn fly(&mut self, to: Camera, ms: f64, still: bool) {
        if still || !self.settled || self.camera == to {
            (self.camera, self.flight) = (to, None);
            return self.lay_out();
        }
        // Where the goal stands now; from far away it comes from just out of sight.
        let row = self.scale().row;
        let height = self.room.height;
        let now = self.doc.row_y(to.addr, row) + self.part_in(&self.doc, &to) * row - self.offset();
        let from = Camera {
            addr: to.addr,
            part: to.part,
            y: now.clamp(-height, 2.0 * height),
            zoom: self.camera.zoom,
        };
        self.camera = from;
        self.flight = Some(Flight { from, to, ms, passed: 0.0 });
        self.lay_out();
    }

    /// Closer or farther; the row under the pointer stays there, and what it points at remains the goal as long as the
    /// pointer does not move.
    pub(super) fn zoom(
        &mut self,
        at: Option<(f64, f64)>,
        by: f64,
        space: Option<&AddressSpace>,
        still: bool,
    ) {
        if !by.is_finite() || self.page_size.is_none() {
            return;
        }
        let (x, y) = at.unwrap_or((self.room.width / 2.0, self.room.height / 2.0));
        let kept = self.anchor.filter(|((ax, ay), _)| (ax - x).abs() + (ay - y).abs() < 4.0);
        let pointed = || {
            let cell = self.cell_at(x, y)?;
            let column = space.and_then(|space| mapped_in(space, cell));
            column.or_else(|| space.and_then(|space| nearest_in_row(space, self.row_at(y)?, cell)))
        };
        let one_page = self.one_page();
        let addr = match (kept, one_page) {
            (Some((_, addr)), _) => addr,
            (None, Some(addr)) => addr,
            (None, None) => pointed().or_else(|| self.address_at(y)).unwrap_or(self.camera.addr),
        };
        self.anchor = Some(((x, y), addr));
        let goal = self.goal().zoom;
        // Whole steps end where cells are square and crisp.
        let wished = if by.fract() == 0.0 { (goal - by).round() } else { goal - by };
        let mut zoom = self.room.clamp(wished.min(self.farthest()));
        let mapped = space.is_some_and(|space| space.mapping_at(addr).is_some());
        if !mapped {
            zoom = zoom.max(f64::from(self.room.closest()));
        }
        if (zoom - goal).abs() < 1e-9 {
            return;
        }
        self.mode = Mode::Free;
        let row = self.scale().row;
        let (now, then) = (self.doc.level.zoom, self.room.nearest(zoom));
        let part = match (kept, one_page) {
            (Some(_), _) => self.part(addr, self.goal().part, self.room.nearest(goal), then),
            (None, Some(_)) => 0.5,
            (None, None) => {
                let part = (self.offset() + y - self.doc.row_y(addr, row)) / row;
                self.part(addr, part.clamp(0.0, 1.0), now, then)
            }
        }
        .clamp(0.0, 1.0);
        let small = by.abs() < 0.34;
        if one_page.is_some() {
            // Out of the page: its row is where the picture of it was.
            self.camera = Camera { addr, part, y: self.room.height / 2.0, zoom: self.room.one_page() + 0.51 };
            self.lay_out();
        }
        self.fly(Camera { addr, part, y, zoom }, ZOOM_MS, still || small);
        self.keep_in_sight();
    }

    /// The zoom that shows all; farther away there is nothing to see.
    fn farthest(&self) -> f64 {
        self.fit_all().0.max(self.goal().zoom.min(FARTHEST))
    }

    fn row_at(&self, y: f64) -> Option<(u64, u64)> {
        let cell = self.doc.at(self.offset() + y, self.scale().row)?;
        let Place::Row(index, row) = cell else { return None };
        let section = self.doc.sections.get(index)?;
        let (low, bits) = (row << self.doc.row_bits, self.doc.row_bits);
        Some((low.max(section.start), (low | ((1 << bits) - 1)).min(section.last)))
    }

    /// Moves what is shown down (or up).
    pub(super) fn pan(&mut self, dy: f64, glide: bool) {
        if !dy.is_finite() || self.one_page().is_some() || self.page_size.is_none() {
            return;
        }
        (self.mode, self.anchor) = (Mode::Free, None);
        let goal = self.goal();
        let to = Camera { y: goal.y + dy, ..goal };
        if glide {
            self.fly(to, ZOOM_MS, false);
        } else {
            (self.camera, self.flight) = (to, None);
        }
        self.keep_in_sight();
    }

    /// Half of the picture shows the document, at least; and the address that it holds on to is one in sight.
    fn keep_in_sight(&mut self) {
        let row = self.room.scale(self.goal().zoom, true).row;
        if let Some(flight) = &mut self.flight {
            if flight.to.zoom == self.camera.zoom {
                let y = flight.to.y;
                let limited = limit(&self.doc, &flight.to, row, self.room.height);
                flight.to.y = limited.unwrap_or(y);
            }
            return;
        }
        if let Some(y) = limit(&self.doc, &self.camera, row, self.room.height) {
            self.camera.y = y;
        }
        let (height, y) = (self.room.height, self.camera.y);
        if self.one_page().is_none() && !(0.0..=height).contains(&y) {
            let middle = height / 2.0;
            if let Some(addr) = self.address_at(middle) {
                let part = (self.offset() + middle - self.doc.row_y(addr, row)) / row;
                self.camera = Camera { addr, part, y: middle, ..self.camera };
            }
        }
    }

    /// The zoom at which everything is in sight, and how far down the document begins.
    pub(super) fn fit_all(&self) -> (f64, f64) {
        if let Some(known) = self.fitted.get() {
            return known;
        }
        let found = self.find_fit();
        self.fitted.set(Some(found));
        found
    }

    fn find_fit(&self) -> (f64, f64) {
        let Some(size) = self.page_size else { return (FARTHEST, 0.0) };
        let room = self.room.height - 4.0;
        let closest = f64::from(self.room.closest());
        let fits = |zoom: f64| {
            let scale = self.room.scale(zoom, true);
            let (fixed, rows) = measure(&self.outline, size, scale.level, self.full_scale);
            fixed + crate::time::scale::float(rows) * scale.row
        };
        // What is farther away is lower, but for headers that come and go.
        let (mut near, mut far) = (whole::<u32>(closest), whole::<u32>(FARTHEST));
        while near < far {
            let middle = (near + far) / 2;
            if fits(f64::from(middle)) <= room { far = middle } else { near = middle + 1 }
        }
        // Closer by parts, as long as it fits.
        let mut zoom = f64::from(near);
        for part in [0.25, 0.125, 0.0625] {
            let closer = (zoom - part).max(closest);
            if zoom - closer < 0.45 && fits(closer) <= room {
                zoom = closer;
            }
        }
        let spare = (room - fits(zoom)).max(0.0);
        (zoom, (spare / 2.0).min(24.0))
    }

    /// Everything in sight.
    pub(super) fn fit(&mut self, still: bool) {
        self.anchor = None;
        let (zoom, down) = self.fit_all();
        let Some(highest) = self.doc.sections.first().map(|s| Addr(s.last)) else { return };
        let scale = self.room.scale(zoom, true);
        let head = self.page_size.map(|size| Doc::new(&self.outline, size, scale.level, self.full_scale));
        let y = head.map_or(0.0, |doc| doc.row_y(highest, scale.row));
        self.fly(Camera { addr: highest, part: 0.0, y: y + down, zoom }, FLIGHT_MS, still);
    }

    /// Goes where the events go.
    pub(super) fn look_at(&mut self, aim: Aim, may_stay: bool, still: bool) {
        self.anchor = None;
        match aim {
            Aim::All => self.fit(still),
            Aim::Page(addr) => {
                let zoom = self.room.one_page();
                // From page to page there is nothing to fly over.
                let still = still || self.one_page().is_some() || self.shows_nothing(addr);
                self.fly(Camera { addr, part: 0.5, y: self.room.height / 2.0, zoom }, FLIGHT_MS, still);
            }
            Aim::Whole(range) => {
                let Some(size) = self.page_size else { return };
                let range = self.with_neighbours(range);
                let last = Addr(range.end().0 - 1);
                let mut zoom = f64::from(self.room.closest());
                let high = loop {
                    let scale = self.room.scale(zoom, true);
                    let doc = Doc::new(&self.outline, size, scale.level, self.full_scale);
                    let high = doc.row_y(range.start(), scale.row) + scale.row - doc.row_y(last, scale.row);
                    if zoom >= FARTHEST || high <= self.room.height - WORDS {
                        break high;
                    }
                    zoom += 1.0;
                };
                // A little above the middle, with room for the words over it.
                let y = ((self.room.height - high) * 0.45).max(WORDS * 0.75);
                self.fly(Camera { addr: last, part: 0.0, y, zoom }, FLIGHT_MS, still);
            }
            Aim::Around { range, addr } => {
                let Some(size) = self.page_size else { return };
                let pages = crate::time::scale::float(size.pages_in(range));
                // Two thirds of the picture, and no cell larger than it takes to see a page.
                let mut zoom = f64::from(self.room.closest());
                loop {
                    let scale = self.room.scale(zoom, true);
                    let rows = (pages / exp2(zoom)).ceil() * scale.row;
                    if zoom >= FARTHEST || (scale.level.cell <= 26.0 && rows <= self.room.height * 0.62) {
                        break;
                    }
                    zoom += 1.0;
                }
                let there = self.place_of(addr).filter(|_| self.one_page().is_none());
                let near = there.is_some_and(|(_, y)| (0.08..0.9).contains(&(y / self.room.height.max(1.0))));
                if may_stay && near && (self.goal().zoom - zoom).abs() <= 2.0 {
                    return;
                }
                let scale = self.room.scale(zoom, true);
                let rows = (pages / exp2(zoom)).ceil() * scale.row;
                let last = Addr(range.end().0 - 1);
                let y = ((self.room.height - rows) / 2.0).max(36.0);
                self.fly(Camera { addr: last, part: 0.0, y, zoom }, FLIGHT_MS, still);
            }
        }
    }

    /// With what stands in the same regions, if that is not much more.
    fn with_neighbours(&self, range: Range) -> Range {
        let of = self.outline.regions.iter().filter(|region| region.range.intersection(range).is_some());
        let all = of.fold((range.start(), range.end()), |(start, end), region| {
            (start.min(region.range.start()), end.max(region.range.end()))
        });
        let all = Range::new(all.0, all.1).unwrap_or(range);
        if all.bytes() <= range.bytes().saturating_mul(2) { all } else { range }
    }

    fn shows_nothing(&self, addr: Addr) -> bool {
        self.place_of(addr).is_none()
    }

    /// Another page, taken apart.
    pub(super) fn turn(&mut self, by: i64) {
        let (Some(addr), Some(size)) = (self.one_page(), self.page_size) else { return };
        let bytes = size.bytes().saturating_mul(by.unsigned_abs());
        let to = if by < 0 { addr.0.checked_sub(bytes) } else { addr.0.checked_add(bytes) };
        if let Some(to) = to {
            (self.mode, self.camera.addr) = (Mode::Free, Addr(to));
        }
    }
}

/// Where the camera's row has to stand so that half of the picture is full; `None` when it does.
fn limit(doc: &Doc, camera: &Camera, row: f64, height: f64) -> Option<f64> {
    let at = doc.row_y(camera.addr, row) + camera.part * row;
    let offset = at - camera.y;
    let high = doc.height(row);
    let least = -height / 2.0;
    let most = (high - height / 2.0).max(least);
    let limited = offset.clamp(least, most);
    (limited != offset).then_some(at - limited)
}

/// The mapped address of a row that is nearest to a cell without any.
fn nearest_in_row(space: &AddressSpace, row: (u64, u64), cell: Range) -> Option<Addr> {
    let below = Range::new(Addr(row.0), cell.start()).ok();
    let below = below.and_then(|range| Some(space.mappings_in(range).next_back()?.range.end().0 - 1));
    let above = Range::new(cell.end(), Addr(row.1)).ok();
    let above =
        above.and_then(|range| Some(space.mappings_in(range).next()?.range.start().0.max(cell.end().0)));
    match (below, above) {
        (Some(b), Some(a)) => {
            Some(Addr(if cell.start().0.abs_diff(b) <= a.abs_diff(cell.end().0) { b } else { a }))
        }
        (b, a) => b.or(a).map(Addr),
    }
}
