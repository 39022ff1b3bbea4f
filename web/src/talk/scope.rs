//! Where to look at a stop: at all that its step changes, from its first event to its last, so that the camera moves once.

use super::stops::Stop;
use crate::pages::Aim;
use crate::view::subject_of;
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::model::AddressSpace;
use pagescope_shared::timeline::Timeline;

/// Longer steps are looked at so far, in events.
const LOOKED_AT: usize = 20_000;
/// So many pages beside the one that is spoken of are context enough.
const NEAR: u64 = 2048;
/// So many mappings in between may be seen with those that are spoken of.
const BETWEEN: usize = 2;
/// So many stay together from one stop to the next.
const STAY: u64 = 32;
/// So many pages may stand together.
const TOGETHER: u64 = 4096;
/// A step that changes nothing is about what the ones before it have changed; so many are asked.
const BACK: usize = 12;

/// What a stop is about.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Where the camera goes; everything without.
    pub aim: Option<Aim>,
    /// What was unmapped, also in a step before if this one is still about it.
    pub gone: Vec<Range>,
}

impl Scope {
    /// What the stop of this index is about.
    pub fn of(timeline: &Timeline, stops: &[Stop], index: usize) -> Self {
        let before = stops.get(..=index).unwrap_or_default().iter().rev().take(BACK);
        let mut about = before.map(|stop| Self::at(timeline, stop)).filter(|scope| scope.aim.is_some());
        let Some(mut scope) = about.next() else { return Self::default() };
        // Few pages stay together from stop to stop.
        let size = timeline.header().page_size;
        for then in about {
            let (Some(now), Some(then)) = (scope.range(size), then.range(size)) else { break };
            let both = hull(now, then);
            if size.pages_in(both) > STAY {
                break;
            }
            if both != now {
                scope.aim = Some(Aim::Whole(both));
            }
        }
        scope
    }

    /// Whether there is something of it already.
    pub fn is_mapped(&self, space: &AddressSpace) -> bool {
        let range = self.range(space.page_size());
        range.is_some_and(|range| space.mappings_in(range).next().is_some())
    }

    /// The pages that it is about.
    fn range(&self, size: PageSize) -> Option<Range> {
        match self.aim? {
            Aim::Whole(range) => Some(range),
            Aim::Page(addr) => size.page_range(addr),
            _ => None,
        }
    }

    /// What is to stand together: few pages, with the holes between them.
    pub fn together(&self, size: PageSize) -> Option<Range> {
        match self.aim? {
            Aim::Whole(range) if size.pages_in(range) <= TOGETHER => Some(range),
            _ => None,
        }
    }

    fn at(timeline: &Timeline, stop: &Stop) -> Self {
        let size = timeline.header().page_size;
        let from = if stop.is_step { stop.from } else { stop.position.saturating_sub(1) };
        let mut walk = timeline.walk_to(from);
        timeline.walk(&mut walk, from, LOOKED_AT, &mut |_| {});
        if walk.position() != from {
            return Self::default();
        }
        let (mut areas, mut gone, mut shown) = (Vec::new(), Vec::new(), 0);
        let mut before = walk.world().clone();
        timeline.walk(&mut walk, stop.position, LOOKED_AT, &mut |passed| {
            let subject = subject_of(&passed.event.kind, size);
            let subject = stop.addr.and_then(|addr| Some((addr, size.page_range(addr)?))).or(subject);
            if let Some((addr, range)) = subject {
                shown = passed.event.pid;
                for space in [before.space(shown), passed.world.space(shown)].into_iter().flatten() {
                    areas.push(area(space, addr, range));
                }
                gone.extend(passed.change.removed().map(|mapping| mapping.range));
            }
            before = passed.world.clone();
        });
        let aim = before.space(shown).and_then(|space| aim(space, &areas, size));
        Self { aim, gone }
    }
}

/// The mapping that is spoken of, or as much of it as is near.
fn area(space: &AddressSpace, addr: Addr, range: Range) -> Range {
    let near = NEAR.saturating_mul(space.page_size().bytes());
    let near =
        Range::new(Addr(addr.0.saturating_sub(near)), Addr(range.end().0.max(addr.0.saturating_add(near))));
    let mapping = space.mapping_at(addr).map_or(range, |mapping| hull(mapping.range, range));
    near.ok().and_then(|near| near.intersection(mapping)).unwrap_or(range)
}

fn hull(a: Range, b: Range) -> Range {
    Range::new(a.start().min(b.start()), a.end().max(b.end())).unwrap_or(a)
}

/// All areas, where not much else lies between them; else the last one.
fn aim(space: &AddressSpace, areas: &[Range], size: PageSize) -> Option<Aim> {
    let last = *areas.last()?;
    let all = areas.iter().copied().fold(last, hull);
    let strange = |range: Range| areas.iter().all(|area| area.intersection(range).is_none());
    let between = space.mappings_in(all).filter(|mapping| strange(mapping.range)).take(BETWEEN + 1).count();
    let range = if between > BETWEEN { last } else { all };
    Some(if size.pages_in(range) == 1 { Aim::Page(range.start()) } else { Aim::Whole(range) })
}
