//! The zoomable picture of all pages: where the camera is, and what it looks at.
//!
//! [`outline`] has the regions, [`doc`] lays them out as rows at a zoom, [`grid`] fills the cells that are in sight, and
//! [`picture`] makes boxes and labels of all of it. Costs go by mappings when the process changes, and by what is in
//! sight when the camera moves.

pub mod camera;
pub mod doc;
pub mod fade;
pub mod grid;
mod layer;
pub mod level;
pub mod outline;
pub mod picture;
mod places;

use camera::{Camera, Flight};
use doc::Doc;
use fade::Fade;
use level::{Room, Scale};
use outline::Outline;
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::model::AddressSpace;
use std::rc::Rc;

/// What a person does to the picture. Places are CSS pixels from its top left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Msg {
    /// It has so much room.
    Room(Room),
    /// Closer (or farther, when negative) by zooms, at a place or in the middle.
    Zoom {
        /// Where the row stays.
        at: Option<(f64, f64)>,
        /// 1 doubles what a page gets; whole steps end at whole zooms.
        by: f64,
    },
    /// Moves what is shown.
    Pan {
        /// Down.
        dy: f64,
        /// Whether it glides there.
        glide: bool,
    },
    /// All of it in sight.
    Fit,
    /// Holes as large as they are, or folded.
    FullScale,
    /// To an address at a zoom: the binary logarithm of the pages in a row.
    Go {
        /// In the middle.
        addr: Addr,
        /// 0 for one page taken apart.
        zoom: f64,
    },
    /// The pointer is here, or no longer over the picture.
    Pointer(Option<(f64, f64)>),
    /// Selects what is here.
    Click(f64, f64),
    /// Goes closer.
    DoubleClick(f64, f64),
    /// The middle of what is in sight to this share of the document, 0 to 1.
    Scroll(f64),
    /// A page on (or back) from the one that is taken apart.
    Turn(i64),
}

/// What the pages show is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Which trace.
    pub trace: u64,
    /// At which moment.
    pub position: usize,
    /// Of which process.
    pub pid: u32,
    /// What went with the last event is still to be seen.
    pub fading: bool,
    /// The last event has left all mappings as they were.
    pub kept: bool,
    /// What lies here stands together.
    pub together: Option<Range>,
}

/// Where the camera is to go when it follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// Everything.
    All,
    /// One page, taken apart.
    Page(Addr),
    /// All of these pages, as large as they fit, and nothing else.
    Whole(Range),
    /// These pages, with what is around them.
    Around {
        /// The mapping, or what is left of it.
        range: Range,
        /// What in it matters most.
        addr: Addr,
    },
}

/// Who moves the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// The events: it goes to what they are about.
    #[default]
    Follow,
    /// Nobody: everything stays in sight.
    All,
    /// The person.
    Free,
}

/// What a message leads to in the other views.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What is under the pointer now.
    pub hover: Option<Option<Addr>>,
    /// What is selected now.
    pub select: Option<Option<Range>>,
}

/// The state of the picture.
#[derive(Debug, Default)]
pub struct Pages {
    room: Room,
    /// Whether holes are as large as they are.
    pub full_scale: bool,
    camera: Camera,
    mode: Mode,
    flight: Option<Flight>,
    fade: Option<Fade>,
    /// Where it zooms as long as the pointer stays there.
    anchor: Option<((f64, f64), Addr)>,
    shown: Option<Shown>,
    outline: Rc<Outline>,
    page_size: Option<PageSize>,
    doc: Rc<Doc>,
    laid_out: bool,
    /// It has been somewhere: from now on it flies.
    settled: bool,
    aimed: Option<Aim>,
    /// The zoom that shows all, and how far down that begins, once somebody asked.
    fitted: std::cell::Cell<Option<(f64, f64)>>,
    /// Counts outlines and layouts, so that others know when theirs are old.
    pub layouts: u64,
    pointer: Option<(f64, f64)>,
}

/// Milliseconds of a flight to somewhere else.
const FLIGHT_MS: f64 = 240.0;
/// Milliseconds of a zoom.
const ZOOM_MS: f64 = 170.0;

impl Pages {
    /// The address in the middle and the zoom, when the person has chosen them: as they stand in an address of the page.
    /// A zoom of [`level::FARTHEST`] is everything.
    pub fn camera(&self) -> Option<(Addr, f64)> {
        match self.mode {
            Mode::Follow => return None,
            Mode::All => return Some((self.in_the_middle().unwrap_or_default(), level::FARTHEST)),
            Mode::Free => {}
        }
        let zoom = self.flight.as_ref().map_or(self.camera.zoom, |flight| flight.to.zoom);
        if zoom < self.room.one_page() + 0.5 {
            return Some((self.camera.addr, 0.0));
        }
        Some((self.address_at(self.room.height / 2.0).unwrap_or(self.camera.addr), zoom))
    }

    /// The page that is taken apart, when the camera is that close.
    pub fn one_page(&self) -> Option<Addr> {
        (self.camera.zoom < self.room.one_page() + 0.5).then_some(self.camera.addr)
    }

    /// Whether it goes where the events go.
    pub fn follows(&self) -> bool {
        self.mode == Mode::Follow
    }

    /// What is shown without what is around it.
    pub fn framed(&self) -> Option<Range> {
        match self.aimed? {
            Aim::Whole(range) if self.mode == Mode::Follow => Some(range),
            _ => None,
        }
    }

    /// Whether it goes on moving by itself.
    pub fn is_moving(&self) -> bool {
        self.flight.is_some() || self.fade.is_some()
    }

    /// The regions.
    pub fn outline(&self) -> &Rc<Outline> {
        &self.outline
    }

    /// The layout.
    pub fn doc(&self) -> &Rc<Doc> {
        &self.doc
    }

    /// The room it has.
    pub fn room(&self) -> Room {
        self.room
    }

    /// Cells and rows as they are drawn now.
    pub fn scale(&self) -> Scale {
        self.room.scale(self.camera.zoom, self.flight.is_none())
    }

    /// The height of the document at the upper edge of the picture.
    pub fn offset(&self) -> f64 {
        let y = self.offset_in(&self.doc, self.scale().row);
        if self.flight.is_none() { (y * self.room.ratio).round() / self.room.ratio.max(0.25) } else { y }
    }

    /// Whether everything stays in sight, whatever happens.
    pub fn shows_all_for_good(&self) -> bool {
        self.mode == Mode::All
    }

    /// Whether everything is in sight.
    pub fn shows_all(&self) -> bool {
        self.one_page().is_none() && self.doc.height(self.scale().row) <= self.room.height + 1.0
    }

    /// Takes a message.
    pub fn update(&mut self, msg: Msg, space: Option<&AddressSpace>, still: bool) -> Outcome {
        let mut outcome = Outcome::default();
        match msg {
            Msg::Room(room) => {
                if self.room != room {
                    // What was in the middle stays there.
                    let by = (room.height - self.room.height) / 2.0;
                    self.camera.y += by;
                    self.room = room;
                    (self.laid_out, self.aimed) = (false, None);
                    self.fitted.set(None);
                }
            }
            Msg::Zoom { at, by } => self.zoom(at, by, space, still),
            Msg::Pan { dy, glide } => self.pan(dy, glide && !still),
            Msg::Fit => {
                self.mode = Mode::All;
                self.fit(still);
            }
            Msg::FullScale => {
                self.full_scale = !self.full_scale;
                self.laid_out = false;
                self.fitted.set(None);
                self.mode = Mode::All;
                self.lay_out();
                self.fit(true);
            }
            Msg::Go { zoom, .. } if zoom >= level::FARTHEST => {
                self.mode = Mode::All;
                self.fit(still);
            }
            Msg::Go { addr, zoom } => {
                self.mode = Mode::Free;
                let zoom = self.room.clamp(zoom);
                self.fly(Camera { addr, y: self.room.height / 2.0, part: 0.5, zoom }, FLIGHT_MS, still);
            }
            Msg::Pointer(at) => {
                self.pointer = at;
                outcome.hover = Some(self.hovered(space));
            }
            Msg::Click(x, y) => outcome.select = Some(self.clicked(x, y, space)),
            Msg::DoubleClick(x, y) => self.zoom(Some((x, y)), 2.0, space, still),
            Msg::Scroll(share) => {
                let (share, row) = (share.clamp(0.0, 1.0), self.scale().row);
                let to = share * self.doc.height(row) - self.room.height / 2.0;
                let dy = self.offset() - to;
                self.pan(dy, false);
            }
            Msg::Turn(by) => self.turn(by),
        }
        self.fade = self.fade.take().filter(|_| !still);
        outcome
    }

    /// The state of the process changed, or another one is shown; `gone` is what is still to be seen of what went, `aim` says where to look when it follows.
    pub fn prepare(
        &mut self,
        shown: Shown,
        space: &AddressSpace,
        gone: &[Range],
        aim: impl FnOnce() -> (Aim, bool),
        still: bool,
    ) {
        if self.shown.is_none_or(|old| old.trace != shown.trace) {
            (self.mode, self.flight, self.anchor) = (Mode::Follow, None, None);
            self.settled = false;
        }
        if self.shown != Some(shown) {
            let first = self.shown.is_none_or(|old| (old.trace, old.pid) != (shown.trace, shown.pid));
            let kept = self.shown.is_some_and(|old| {
                (old.trace, old.pid, old.position + 1) == (shown.trace, shown.pid, shown.position)
                    && shown.kept
                    && old.together == shown.together
                    && !old.fading
            });
            let moved = self.shown.is_none_or(|old| Shown { fading: shown.fading, ..old } != shown);
            self.shown = Some(shown);
            self.page_size = Some(space.page_size());
            // Faults are most of all events: for those nothing is worked out anew.
            let outline = (!kept).then(|| {
                let outline = Outline::new(space, gone);
                match shown.together {
                    Some(range) => outline.with_one_of(range),
                    None => outline,
                }
            });
            if let Some(outline) = outline.filter(|outline| *outline != *self.outline) {
                self.outline = Rc::new(outline);
                self.laid_out = false;
                self.fitted.set(None);
            }
            // What has faded is no reason to go elsewhere.
            self.aimed = self.aimed.filter(|_| !moved);
            if first && self.mode == Mode::Free {
                self.mode = Mode::All;
            }
        }
        self.lay_out();
        if self.mode == Mode::All && self.fitted.get().is_none() {
            self.fit(still);
            self.lay_out();
        }
        if self.mode == Mode::Follow && self.aimed.is_none() && self.room.height > 0.0 {
            let (aim, may_stay) = aim();
            self.aimed = Some(aim);
            self.look_at(aim, may_stay, still);
            self.lay_out();
        }
        self.fade = self.fade.take().filter(|_| self.settled && !still);
        self.settled |= self.room.height > 0.0 && !self.outline.regions.is_empty();
    }

    /// Time passes.
    pub fn tick(&mut self, ms: f64) {
        self.fade = self.fade.take().and_then(|fade| fade.tick(ms));
        let Some(flight) = &mut self.flight else { return };
        let (camera, done) = flight.tick(ms);
        self.camera = camera;
        if done {
            self.flight = None;
        }
        self.lay_out();
    }

    /// Follows the events again.
    pub fn follow(&mut self) {
        (self.mode, self.aimed, self.anchor) = (Mode::Follow, None, None);
        if self.full_scale {
            (self.full_scale, self.laid_out) = (false, false);
            self.fitted.set(None);
        }
    }

    /// Shows a mapping, with what is around it.
    pub fn show(&mut self, range: Range, still: bool) {
        self.mode = Mode::Free;
        self.look_at(Aim::Around { range, addr: range.start() }, false, still);
    }

    /// Makes the layout of the zoom that is shown, when it is another one.
    fn lay_out(&mut self) {
        let Some(size) = self.page_size else { return };
        let level = self.scale().level;
        if self.laid_out && level == self.doc.level {
            return;
        }
        self.fade = self.laid_out.then(|| Fade::new(Rc::clone(&self.doc), self.layouts));
        self.doc = Rc::new(Doc::new(&self.outline, size, level, self.full_scale));
        self.laid_out = true;
        self.layouts += 1;
    }
}

#[cfg(test)]
mod tests;
