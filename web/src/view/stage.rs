//! The middle of the page: one page taken apart, the pages of one mapping, or those of all.

use super::Subject;
use super::event::{mapping_text, page_text};
use super::map::{Share, shares};
use crate::format::{count, grouped, size};
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::EventKind;
use pagescope_shared::mapping::Mapping;
use pagescope_shared::model::AddressSpace;
use pagescope_shared::page::Page;
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
    /// Or the pages of these ranges, as cells.
    pub groups: Vec<Group>,
    /// Bytes a page, for the cells.
    pub page_size: Option<PageSize>,
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

/// The pages of a range, as cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Which.
    pub range: Range,
    /// Runs of like pages.
    pub runs: Vec<(Range, Page)>,
    /// How many pages.
    pub pages: u64,
}

/// No picture holds more runs than this; what is left out is said.
const MAX_RUNS: usize = 100_000;

/// What the latest event is about.
pub(super) fn follow(timeline: &Timeline, space: &AddressSpace, subject: &Subject) -> Stage {
    let size = space.page_size();
    if size.pages_in(subject.range) > 1 {
        return mapping(space, subject.addr);
    }
    let number = size.page_of(subject.addr);
    let page = space.page_at(subject.addr);
    let change = timeline.change().pages.iter().find(|c| c.range.contains(subject.addr));
    let before = change.map_or(page, |c| c.before);
    let recorded = space
        .recorded_bytes(subject.range)
        .map(|(at, bytes)| (at.0 - subject.range.start().0, bytes.to_vec()))
        .collect();
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
pub(super) fn overview(space: &AddressSpace) -> Stage {
    let mut room = MAX_RUNS;
    let groups: Vec<Group> = space.mappings().map(|m| group(space, &m, &mut room)).collect();
    let pages: u64 = groups.iter().map(|g| g.pages).fold(0, u64::saturating_add);
    let resident = resident_pages(groups.iter().flat_map(|g| shares(space, g.range)));
    let detail = format!(
        "{} · {} · {} resident{}",
        count(u64::try_from(groups.len()).unwrap_or(u64::MAX), "mapping", "mappings"),
        size(pages.saturating_mul(space.page_size().bytes())),
        size(resident.saturating_mul(space.page_size().bytes())),
        if room == 0 { " · not all is drawn" } else { "" },
    );
    let heading = format!("All {} of this process", count(pages, "page", "pages"));
    let description = format!("{heading}: {detail}");
    Stage { heading, detail, page: None, groups, page_size: Some(space.page_size()), description }
}

/// The pages of the mapping at an address.
pub(super) fn mapping(space: &AddressSpace, addr: Addr) -> Stage {
    let Some(mapping) = space.mapping_at(addr) else {
        let heading = format!("{addr} is not mapped");
        return Stage { description: heading.clone(), heading, ..Stage::default() };
    };
    let mut room = MAX_RUNS;
    let group = group(space, &mapping, &mut room);
    let resident = resident_pages(shares(space, mapping.range).into_iter());
    let heading = format!("{} of {}", count(group.pages, "page", "pages"), mapping.attributes.backing);
    let detail = format!("{} · {} · {} resident", mapping.range, mapping_text(&mapping), grouped(resident));
    let description = format!("{heading}: {detail}");
    Stage {
        heading,
        detail,
        page: None,
        groups: vec![group],
        page_size: Some(space.page_size()),
        description,
    }
}

fn resident_pages(shares: impl Iterator<Item = Share>) -> u64 {
    use pagescope_shared::page::PageState;
    let resident = |share: &Share| PageState::ALL.iter().any(|&s| s.is_resident() && share.fill == s.into());
    shares.filter(resident).map(|s| s.pages).fold(0, u64::saturating_add)
}

fn group(space: &AddressSpace, mapping: &Mapping, room: &mut usize) -> Group {
    let runs: Vec<_> = space.runs(mapping.range).take(*room).collect();
    *room -= runs.len();
    Group { range: mapping.range, runs, pages: space.page_size().pages_in(mapping.range) }
}
