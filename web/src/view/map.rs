//! The address space as a column of regions: holes are folded and labelled, and where there are more regions than rows,
//! neighbours join visibly.

use crate::format::count;
use crate::pages::outline::{Outline, Region as Compact, name};
use crate::palette::Fill;
use pagescope_shared::addr::Range;
use pagescope_shared::mapping::Mapping;
use pagescope_shared::model::{AddressSpace, Change};
use pagescope_shared::page::PageState;

/// Neighbouring mappings that belong together, or had to join.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// From the first mapping's start to the last one's end.
    pub range: Range,
    /// What it is called.
    pub label: String,
    /// Protection, or how many mappings.
    pub detail: String,
    /// Bytes mapped in it.
    pub bytes: u64,
    /// Its pages by state.
    pub shares: Vec<Share>,
    /// Whether this event made it.
    pub fresh: bool,
    /// Whether it is what the event is about.
    pub subject: bool,
}

/// So many pages are in one state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The state.
    pub fill: Fill,
    /// How many pages.
    pub pages: u64,
}

impl Share {
    /// What a person calls the state.
    pub fn label(&self) -> &'static str {
        PageState::ALL.iter().find(|&&state| Fill::from(state) == self.fill).map_or("", |state| state.label())
    }
}

/// A row of the column.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A region, or several that had to join.
    Region(Region),
    /// Nothing is mapped: so many bytes.
    Hole(u64),
    /// From the end of user space to what the kernel lends from its own half.
    KernelHalf,
}

/// What becomes a row.
#[derive(Clone, Copy)]
struct Piece {
    region: Compact,
    subject: bool,
    joined: bool,
}

/// How many pages of `range` are in which state, in the legend's order.
pub(super) fn shares(space: &AddressSpace, range: Range) -> Vec<Share> {
    let size = space.page_size();
    let mut pages = [0u64; PageState::ALL.len()];
    for (run, page) in space.runs(range) {
        if let Some(count) = pages.get_mut(page.state as usize) {
            *count = count.saturating_add(size.pages_in(run));
        }
    }
    let all = PageState::ALL.into_iter().zip(pages).filter(|(_, pages)| *pages > 0);
    all.map(|(state, pages)| Share { fill: state.into(), pages }).collect()
}

/// Regions and the holes between them, high addresses first, at most `max` regions. The subject keeps a row of its own;
/// elsewhere the smallest neighbours join, and say how many they are.
pub fn rows(
    outline: &Outline,
    space: &AddressSpace,
    subject: Option<Range>,
    change: &Change,
    max: usize,
) -> Vec<Row> {
    let max = max.max(3);
    // Far more than fit: join in even chunks first, so that the search below stays short.
    let mut joined = chunks(outline, space, subject, outline.regions.len().div_ceil(max * 8).max(1));
    while joined.len() > max {
        let smallest = joined
            .windows(2)
            .enumerate()
            .filter_map(|(i, w)| match w {
                [a, b] if !a.subject && !b.subject => {
                    Some((i, a.region.bytes.saturating_add(b.region.bytes)))
                }
                _ => None,
            })
            .min_by_key(|(_, bytes)| *bytes);
        let Some((i, _)) = smallest else { break };
        let lower = joined.remove(i + 1);
        if let Some(upper) = joined.get_mut(i) {
            join(upper, &lower);
        }
    }
    let mut rows = Vec::new();
    let mut above: Option<Range> = None;
    for piece in joined {
        let range = piece.region.range;
        let hole = above.map_or(0, |above| above.start().0.saturating_sub(range.end().0));
        if hole > 0 {
            rows.push(if hole > 1 << 63 { Row::KernelHalf } else { Row::Hole(hole) });
        }
        above = Some(range);
        rows.push(Row::Region(region(&piece, space, change)));
    }
    rows
}

fn region(piece: &Piece, space: &AddressSpace, change: &Change) -> Region {
    let Compact { range, mappings, bytes } = piece.region;
    let mapping = space.mapping_at(range.start());
    let many = count(mappings, "mapping", "mappings");
    let single = mapping.as_ref().filter(|_| !piece.joined);
    Region {
        range,
        label: single.map_or_else(|| many.clone(), name),
        detail: single.filter(|_| mappings == 1).map_or(many, Mapping::permissions),
        bytes,
        shares: shares(space, range),
        fresh: change.created().any(|created| created.range.intersection(range).is_some()),
        subject: piece.subject,
    }
}

fn chunks(outline: &Outline, space: &AddressSpace, subject: Option<Range>, chunk: usize) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    let mut room = 0usize;
    for region in &outline.regions {
        if let Some(subject) = subject.filter(|subject| subject.intersection(region.range).is_some()) {
            split(&mut out, region, space, subject);
            room = 0;
            continue;
        }
        let piece = Piece { region: *region, subject: false, joined: false };
        match out.last_mut() {
            Some(last) if room > 0 => {
                join(last, &piece);
                room -= 1;
            }
            _ => {
                out.push(piece);
                room = chunk - 1;
            }
        }
    }
    out
}

/// The region's mappings above the subject, those that it is about, and those below.
fn split(out: &mut Vec<Piece>, region: &Compact, space: &AddressSpace, subject: Range) {
    let first = out.len();
    for mapping in space.mappings_in(region.range).rev() {
        let is_subject = subject.intersection(mapping.range).is_some();
        let bytes = mapping.range.bytes();
        let region = Compact { range: mapping.range, mappings: 1, bytes };
        let piece = Piece { region, subject: is_subject, joined: false };
        match out.get_mut(first..).and_then(<[Piece]>::last_mut).filter(|last| last.subject == is_subject) {
            Some(last) => {
                let joined = last.joined;
                join(last, &piece);
                last.joined = joined;
            }
            None => out.push(piece),
        }
    }
}

/// `lower` lies below `upper` in memory.
fn join(upper: &mut Piece, lower: &Piece) {
    let (a, b) = (&mut upper.region, &lower.region);
    if let Ok(range) = Range::new(b.range.start(), a.range.end()) {
        a.range = range;
    }
    a.mappings += b.mappings;
    a.bytes = a.bytes.saturating_add(b.bytes);
    upper.joined = true;
}
