//! The regions of an address space, high addresses first: neighbouring mappings that belong together. They are made
//! anew when the mappings may have changed, and kept while somebody only looks around.

use crate::format::{clipped, file_name};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::mapping::{Backing, Mapping};
use pagescope_shared::model::AddressSpace;

/// Mappings of one file farther apart than this are two regions.
const NEAR: u64 = 16 << 20;

/// Neighbouring mappings that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// From the first mapping's start to the last one's end.
    pub range: Range,
    /// How many mappings are in it.
    pub mappings: u64,
    /// Bytes mapped in it.
    pub bytes: u64,
}

/// All regions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// High addresses first.
    pub regions: Vec<Region>,
}

impl Outline {
    /// The regions of an address space, and of what has just gone from it and is still to be seen.
    pub fn new(space: &AddressSpace, gone: &[Range]) -> Self {
        let mut regions: Vec<Region> = Vec::with_capacity(space.mapping_count().min(1 << 20));
        let mut last: Option<Backing> = None;
        for mapping in space.mappings() {
            let joined = regions.last_mut().filter(|region| {
                let gap = mapping.range.start().0.saturating_sub(region.range.end().0);
                last.as_ref().is_some_and(|last| belongs(region, last, &mapping, gap))
            });
            let whole = joined.and_then(|region| {
                region.range = Range::new(region.range.start(), mapping.range.end()).ok()?;
                region.mappings += 1;
                region.bytes += mapping.range.bytes();
                Some(())
            });
            if whole.is_none() {
                regions.push(Region { range: mapping.range, mappings: 1, bytes: mapping.range.bytes() });
                last = Some(mapping.attributes.backing);
            }
        }
        regions.reverse();
        for &range in gone {
            add_gone(&mut regions, range);
        }
        Self { regions }
    }

    /// The same with one region of all that lies in a range.
    pub fn with_one_of(mut self, range: Range) -> Self {
        let within = |region: &Region| region.range.intersection(range).is_some();
        let Some(first) = self.regions.iter().position(within) else { return self };
        let count = self.regions.iter().skip(first).take_while(|region| within(region)).count();
        let all: Vec<Region> = self.regions.drain(first..first + count).collect();
        let ends = all.last().zip(all.first()).map(|(low, high)| (low.range.start(), high.range.end()));
        let whole = ends.and_then(|(start, end)| Range::new(start, end).ok()).unwrap_or(range);
        let (mappings, bytes) = all.iter().fold((0, 0), |(m, b), r| (m + r.mappings, b + r.bytes));
        self.regions.insert(first, Region { range: whole, mappings, bytes });
        self
    }

    /// The region that holds an address, by its place.
    pub fn at(&self, addr: Addr) -> Option<usize> {
        let index = self.regions.partition_point(|region| region.range.start() > addr);
        self.regions.get(index).filter(|region| region.range.contains(addr)).map(|_| index)
    }

    /// All mapped bytes.
    pub fn bytes(&self) -> u64 {
        self.regions.iter().fold(0, |sum, region| sum.saturating_add(region.bytes))
    }
}

/// Puts in what is not within a region already.
fn add_gone(regions: &mut Vec<Region>, range: Range) {
    let index = regions.partition_point(|region| region.range.start() >= range.end());
    let overlaps = regions.get(index).is_some_and(|region| region.range.intersection(range).is_some());
    if !overlaps {
        regions.insert(index, Region { range, mappings: 0, bytes: 0 });
    }
}

/// A file's mappings stand together, with the anonymous rest (.bss) right behind them: that is not larger.
fn belongs(region: &Region, backing: &Backing, next: &Mapping, gap: u64) -> bool {
    match (backing, &next.attributes.backing) {
        (Backing::File(a), Backing::File(b)) => a == b && gap <= NEAR,
        (Backing::File(_), Backing::Anonymous) => gap == 0 && next.range.bytes() <= region.bytes,
        (Backing::Anonymous, Backing::Anonymous) | (Backing::Kernel(_), Backing::Kernel(_)) => gap == 0,
        _ => false,
    }
}

/// What the region that begins with this mapping is called.
pub fn name(mapping: &Mapping) -> String {
    match &mapping.attributes.backing {
        // What the kernel calls memory that is shared and has no file.
        Backing::Shm(object) if object.path == "/dev/zero (deleted)" => "shared, anonymous".to_owned(),
        Backing::File(object) | Backing::Shm(object) if !object.path.is_empty() => {
            clipped(file_name(&object.path), 60)
        }
        Backing::Kernel(name) => clipped(name.split('_').next().unwrap_or(name), 60),
        other => clipped(&other.to_string(), 60),
    }
}
