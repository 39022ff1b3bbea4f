//! The address space as a column of regions: neighbours of one file are one region, holes are
//! folded and labelled, and where there are more regions than rows, neighbours join visibly.

use crate::format::{clipped, count, file_name};
use crate::palette::Fill;
use pagescope_shared::addr::Range;
use pagescope_shared::mapping::{Backing, Mapping};
use pagescope_shared::model::{AddressSpace, Change};
use std::collections::BTreeMap;

/// Neighbouring mappings that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// From the first mapping's start to the last one's end.
    pub range: Range,
    /// What it is called.
    pub label: String,
    /// Protection, or how many mappings.
    pub detail: String,
    /// How many mappings are in it.
    pub mappings: u64,
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

/// The regions of an address space, high addresses first.
pub fn regions(space: &AddressSpace, subject: Option<Range>, change: &Change) -> Vec<Region> {
    let mut regions: Vec<(Region, Backing)> = Vec::new();
    for mapping in space.mappings() {
        let is_subject = subject.is_some_and(|s| s.intersection(mapping.range).is_some());
        let fresh = change.created().any(|c| c.range.intersection(mapping.range).is_some());
        match regions.last_mut().filter(|(r, b)| belongs(r, b, &mapping) && r.subject == is_subject) {
            Some((region, _)) => {
                region.bytes += mapping.range.bytes();
                region.mappings += 1;
                region.fresh |= fresh;
                if let Ok(range) = Range::new(region.range.start(), mapping.range.end()) {
                    region.range = range;
                }
            }
            None => {
                let region = Region {
                    range: mapping.range,
                    label: label(&mapping),
                    detail: mapping.permissions(),
                    mappings: 1,
                    bytes: mapping.range.bytes(),
                    shares: Vec::new(),
                    fresh,
                    subject: is_subject,
                };
                regions.push((region, mapping.attributes.backing));
            }
        }
    }
    let mut regions: Vec<Region> = regions.into_iter().map(|(region, _)| region).rev().collect();
    for region in &mut regions {
        region.shares = shares(space, region.range);
        if region.mappings > 1 {
            region.detail = count(region.mappings, "mapping", "mappings");
        }
    }
    regions
}

/// A file's mappings stand together, with the anonymous rest (.bss) right behind them.
fn belongs(region: &Region, backing: &Backing, next: &Mapping) -> bool {
    let touches = region.range.end() == next.range.start();
    match (backing, &next.attributes.backing) {
        (Backing::File(a), Backing::File(b)) => a == b,
        (Backing::File(_) | Backing::Anonymous, Backing::Anonymous)
        | (Backing::Kernel(_), Backing::Kernel(_)) => touches,
        _ => false,
    }
}

fn label(mapping: &Mapping) -> String {
    match &mapping.attributes.backing {
        Backing::File(object) => clipped(file_name(&object.path), 60),
        Backing::Kernel(name) => clipped(name.split('_').next().unwrap_or(name), 60),
        other => other.to_string(),
    }
}

/// How many pages of `range` are in which state, in the legend's order.
pub(super) fn shares(space: &AddressSpace, range: Range) -> Vec<Share> {
    let size = space.page_size();
    let mut pages: BTreeMap<Fill, u64> = BTreeMap::new();
    for (run, page) in space.runs(range) {
        *pages.entry(page.state.into()).or_default() += size.pages_in(run);
    }
    pages.into_iter().map(|(fill, pages)| Share { fill, pages }).collect()
}

/// Regions and the holes between them, at most `max` regions. The subject keeps a row of its own;
/// elsewhere the smallest neighbours join, and say how many they are.
pub fn rows(regions: &[Region], max: usize) -> Vec<Row> {
    let max = max.max(3);
    // Far more than fit: join in even chunks first, so that the search below stays short.
    let mut joined = chunks(regions, regions.len().div_ceil(max * 8).max(1));
    while joined.len() > max {
        let smallest = joined
            .windows(2)
            .enumerate()
            .filter_map(|(i, w)| match w {
                [a, b] if !a.subject && !b.subject => Some((i, a.bytes.saturating_add(b.bytes))),
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
    for region in joined {
        let hole = above.map_or(0, |above| above.start().0.saturating_sub(region.range.end().0));
        if hole > 0 {
            rows.push(if hole > 1 << 63 { Row::KernelHalf } else { Row::Hole(hole) });
        }
        above = Some(region.range);
        rows.push(Row::Region(region));
    }
    rows
}

fn chunks(regions: &[Region], chunk: usize) -> Vec<Region> {
    let mut out: Vec<Region> = Vec::new();
    let mut room = 0usize;
    for region in regions {
        match out.last_mut() {
            Some(last) if room > 0 && !region.subject && !last.subject => {
                join(last, region);
                room -= 1;
            }
            _ => {
                out.push(region.clone());
                room = chunk - 1;
            }
        }
    }
    out
}

/// `lower` lies below `upper` in memory.
fn join(upper: &mut Region, lower: &Region) {
    if let Ok(range) = Range::new(lower.range.start(), upper.range.end()) {
        upper.range = range;
    }
    upper.mappings += lower.mappings;
    upper.bytes = upper.bytes.saturating_add(lower.bytes);
    upper.fresh |= lower.fresh;
    for share in &lower.shares {
        match upper.shares.iter_mut().find(|s| s.fill == share.fill) {
            Some(s) => s.pages += share.pages,
            None => upper.shares.push(*share),
        }
    }
    upper.shares.sort_by_key(|s| s.fill);
    upper.label = count(upper.mappings, "mapping", "mappings");
    upper.detail.clone_from(&upper.label);
}
