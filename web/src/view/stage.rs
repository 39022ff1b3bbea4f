//! What is said of the middle of the page: of one page taken apart, of the pages of one mapping, or of all.

use super::Subject;
use super::event::{mapping_text, page_text};
use super::map::shares;
use crate::app::App;
use crate::format::{count, grouped, size};
use crate::pages::Aim;
use crate::pages::outline::name;
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::EventKind;
use pagescope_shared::model::AddressSpace;
use pagescope_shared::page::{Page, PageState};
use pagescope_shared::timeline::Timeline;

/// What stands in the middle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage {
    /// What it is.
    pub heading: String,
    /// Range, protection, backing, size.
    pub detail: String,
    /// One page, taken apart.
    pub page: Option<PageStage>,
    /// What is under the pointer.
    pub caption: String,
    /// For those who do not see the picture.
    pub description: String,
}

/// One page and what stands behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct PageStage {
    /// Its address.
    pub addr: Addr,
    /// Its number.
    pub number: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// What it is now; `None` when it is not mapped.
    pub page: Option<Page>,
    /// What it was before this event.
    pub before: Option<Page>,
    /// The recorded bytes: offset in the page, bytes.
    pub recorded: Vec<(u64, Vec<u8>)>,
    /// The bytes that this event touched: offset and length.
    pub touched: Option<(u64, u64)>,
    /// The call in question asked for so many bytes, and the kernel did so many.
    pub asked: Option<(u64, u64, &'static str)>,
}

/// Where the camera goes when it follows the events, and whether it may stay where it is as long as that is in sight.
///
/// A lesson is about single pages, and shows them; a recording has too many of them to fly to each.
pub(crate) fn aim(timeline: &Timeline, space: &AddressSpace) -> (Aim, bool) {
    let Some(subject) = super::subject(timeline) else { return (Aim::All, false) };
    let size = space.page_size();
    let lesson = timeline.header().lesson.is_some();
    if lesson && size.pages_in(subject.range) == 1 {
        return (Aim::Page(subject.range.start()), false);
    }
    let range = space.mapping_at(subject.addr).map_or(subject.range, |mapping| mapping.range);
    let near = Range::new(
        Addr(subject.addr.0.saturating_sub(NEAR * size.bytes())),
        Addr(subject.range.end().0.max(subject.addr.0.saturating_add(NEAR * size.bytes()))),
    );
    let range = near.ok().and_then(|near| near.intersection(range)).unwrap_or(range);
    (Aim::Around { range, addr: subject.addr }, !lesson)
}

/// Pages on each side that are context enough.
const NEAR: u64 = 2048;

/// What the camera shows.
pub(super) fn stage(app: &App, timeline: &Timeline, space: &AddressSpace) -> Stage {
    let pages = &app.pages;
    let size = space.page_size();
    let subject = super::subject(timeline);
    if let Some(addr) = pages.one_page() {
        let range = Range::from_len(Addr(size.page_of(addr).saturating_mul(size.bytes())), size.bytes());
        let Ok(range) = range else { return Stage::default() };
        let subject = subject.filter(|subject| subject.range == range);
        return page(timeline, space, &subject.unwrap_or(Subject { range, addr: range.start() }));
    }
    let middle = pages.in_the_middle();
    let spoken_of = subject.map(|s| s.addr).filter(|_| pages.follows());
    let mut stage = match spoken_of.or(middle).filter(|_| !pages.shows_all()) {
        Some(addr) => mapping(space, addr),
        None => overview(space),
    };
    if let Some(addr) = app.hover {
        stage.caption = caption(space, addr, pages.cell_of(addr));
    }
    stage
}

/// So many runs of pages are looked at for a legend.
const LOOKED_AT: usize = 5000;

/// The states of the pages in sight, a bit each as in [`PageState::ALL`].
pub(super) fn states(app: &App, space: &AddressSpace) -> u32 {
    let in_sight = || {
        let (low, high) = app.pages.in_sight()?;
        Range::new(Addr(low), Addr(high.saturating_add(1))).ok()
    };
    let Some(range) = app.pages.framed().or_else(in_sight) else { return 0 };
    let bit = |state| 1 << PageState::ALL.iter().position(|known| *known == state).unwrap_or(0);
    space.runs(range).take(LOOKED_AT).fold(0, |all, (_, page)| all | bit(page.state))
}

/// One page, taken apart.
fn page(timeline: &Timeline, space: &AddressSpace, subject: &Subject) -> Stage {
    let size = space.page_size();
    let number = size.page_of(subject.addr);
    let page = space.page_at(subject.addr);
    let change = timeline.change().pages.iter().find(|c| c.range.contains(subject.addr));
    let before = change.map_or(page, |c| c.before);
    // What was recorded at several times and lies side by side is shown in one piece.
    let mut recorded: Vec<(u64, Vec<u8>)> = Vec::new();
    for (at, bytes) in space.recorded_bytes(subject.range) {
        let at = at.0 - subject.range.start().0;
        match recorded.last_mut() {
            Some((start, known)) if u64::try_from(known.len()).is_ok_and(|len| *start + len == at) => {
                known.extend_from_slice(bytes);
            }
            _ => recorded.push((at, bytes.to_vec())),
        }
    }
    let mapped = space.mapping_at(subject.addr);
    let heading = match &mapped {
        Some(_) => format!("Virtual page {}", grouped(number)),
        None => format!("Virtual page {} is not mapped", grouped(number)),
    };
    let detail = match &mapped {
        Some(mapping) => format!("{} · {}", mapping.range.start(), mapping_text(mapping)),
        None => format!("{} · touching it now would be a segmentation fault", subject.range.start()),
    };
    let description = match &page {
        Some(page) => format!("Page {}: {}", subject.range.start(), page_text(page)),
        None => format!("Page {}: not mapped", subject.range.start()),
    };
    let asked = latest_call(timeline, subject.range);
    let touched =
        timeline.change().bytes.map(|b| (b.start().0.saturating_sub(subject.range.start().0), b.bytes()));
    let page = PageStage {
        addr: subject.range.start(),
        number,
        bytes: size.bytes(),
        page,
        before,
        recorded,
        touched,
        asked,
    };
    Stage { heading, detail, page: Some(page), description, ..Stage::default() }
}

/// What the latest call on these pages asked for, while it is the latest event but for observations.
fn latest_call(timeline: &Timeline, range: Range) -> Option<(u64, u64, &'static str)> {
    let calls = |kind: &EventKind| match kind {
        EventKind::Map(map) if map.range == range => Some(Some((map.asked.len, map.range.bytes(), "mapped"))),
        EventKind::Unmap(unmap) if unmap.range == range => {
            Some(Some((unmap.asked.len, unmap.range.bytes(), "unmapped")))
        }
        EventKind::Access(_) => Some(None),
        _ => None,
    };
    timeline.before(1000).find_map(|(_, event)| calls(&event.kind)).flatten()
}

/// All pages of a process.
fn overview(space: &AddressSpace) -> Stage {
    let totals = space.totals();
    let pages = totals.mapped / space.page_size().bytes();
    let detail = format!(
        "{} · {} · {} resident",
        count(totals.mappings, "mapping", "mappings"),
        size(totals.mapped),
        size(totals.resident().saturating_mul(space.page_size().bytes())),
    );
    let heading = format!("All {} of this process", count(pages, "page", "pages"));
    let description = format!("{heading}: {detail}");
    Stage { heading, detail, description, ..Stage::default() }
}

/// The pages around an address.
fn mapping(space: &AddressSpace, addr: Addr) -> Stage {
    let Some(mapping) = space.mapping_at(addr) else {
        let heading = format!("{addr} is not mapped");
        return Stage { description: heading.clone(), heading, ..Stage::default() };
    };
    let pages = space.page_size().pages_in(mapping.range);
    let heading = format!("{} of {}", count(pages, "page", "pages"), name(&mapping));
    let detail = format!("{} · {}", mapping.range, mapping_text(&mapping));
    let description = format!("{heading}: {detail}");
    Stage { heading, detail, description, ..Stage::default() }
}

/// What is under the pointer: a page, or the pages of a cell.
fn caption(space: &AddressSpace, addr: Addr, cell: Option<Range>) -> String {
    let size = space.page_size();
    let Some(mapping) = space.mapping_at(addr) else { return format!("{addr} · not mapped") };
    let of = format!("{} {}", mapping.permissions(), name(&mapping));
    let cell = cell.filter(|cell| cell.contains(addr) && size.pages_in(*cell) > 1);
    if let Some(cell) = cell {
        let mut parts: Vec<String> = shares(space, cell)
            .into_iter()
            .map(|share| format!("{} {}", grouped(share.pages), share.label()))
            .collect();
        if parts.len() > 4 {
            parts.truncate(4);
            parts.push("…".to_owned());
        }
        return format!("{cell} · {} · {of}", parts.join(", "));
    }
    let page = space.page_at(addr).map(|page| page_text(&page)).unwrap_or_default();
    let start = size.address_of(size.page_of(addr)).unwrap_or(addr);
    format!("{start} · {page} · {of}")
}
