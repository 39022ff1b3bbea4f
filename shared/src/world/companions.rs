//! Who else has the frame behind a page, as far as the recording knows.

use super::World;
use crate::addr::Addr;
use crate::model::AddressSpace;
use crate::page::{Page, PageState};

/// How it is known that two pages stand on one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// Both have the same recorded frame number.
    Frame,
    /// A fork made them share it, and neither has written since: the model followed that.
    Fork,
    /// Both are the same page of one file or object, and both stand on it in the page cache.
    Object,
}

/// A page that stands on the same frame as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Companion {
    /// Whose page it is.
    pub pid: u32,
    /// Its first byte.
    pub addr: Addr,
    /// What it is.
    pub page: Page,
    /// How that is known.
    pub how: Sameness,
}

/// No more processes are asked than this: a trace may have a million.
const MOST_PROCESSES: usize = 4096;
/// No more mappings of them are looked at.
const MOST_MAPPINGS: usize = 65_536;

impl World {
    /// The pages of living processes, the same one included, that stand on the same frame as the page at `addr` of `pid`:
    /// `most` of them, by process number. Costs time by processes and mappings, up to a bound.
    pub fn companions(&self, pid: u32, addr: Addr, most: usize) -> Vec<Companion> {
        let mut found = Vec::new();
        let lender = self.lender(pid);
        let Some(space) = self.space(pid) else { return found };
        let Some(page) = space.page_at(addr).filter(|page| page.state.is_resident()) else { return found };
        // One page of zeroes is everybody's: that says nothing.
        if page.state == PageState::ZeroPage {
            return found;
        }
        let first = Addr(addr.0 & !(self.page_size.bytes() - 1));
        let place = object_place(space, first);
        let family = self.live.get(u64::from(lender)).map(|(_, _, family)| *family);
        let mut looked = 0;
        for (other, _, kin) in self.live.iter().take(MOST_PROCESSES) {
            let Ok(other) = u32::try_from(other) else { continue };
            let Some(process) = self.process(other).filter(|p| p.borrows.is_none()) else { continue };
            let theirs = &process.space;
            let mut add = |at: Addr, how: Option<Sameness>| {
                let own = other == lender && at == first;
                if let Some(other_page) = theirs.page_at(at).filter(|_| !own && found.len() < most)
                    && let Some(how) = same(&page, &other_page, how)
                {
                    found.push(Companion { pid: other, addr: at, page: other_page, how });
                }
            };
            // A fork leaves pages where they are.
            if other != lender && Some(*kin) == family && space.shares_by_fork(theirs, first) {
                add(first, Some(Sameness::Fork));
            } else if let Some((object, offset)) = &place {
                for mapping in theirs.mappings() {
                    looked += 1;
                    if looked > MOST_MAPPINGS {
                        return found;
                    }
                    let attributes = &mapping.attributes;
                    let same = attributes.backing.object().is_some_and(|o| o == object);
                    let into =
                        offset.checked_sub(attributes.offset).filter(|into| *into < mapping.range.bytes());
                    if let Some(into) = into.filter(|_| same) {
                        add(Addr(mapping.range.start().0.wrapping_add(into)), Some(Sameness::Object));
                    }
                }
            } else if other != lender {
                add(first, None);
            }
            if found.len() >= most {
                break;
            }
        }
        found
    }
}

/// The object behind a page, and the page's place in it, in bytes.
fn object_place(space: &AddressSpace, page: Addr) -> Option<(std::sync::Arc<crate::mapping::Object>, u64)> {
    let mapping = space.mapping_at(page)?;
    let object = mapping.attributes.backing.object()?;
    let into = page.0.checked_sub(mapping.range.start().0)?;
    Some((std::sync::Arc::clone(object), mapping.attributes.offset.wrapping_add(into)))
}

/// Whether two pages stand on one frame: recorded numbers decide, else what the model followed.
fn same(a: &Page, b: &Page, followed: Option<Sameness>) -> Option<Sameness> {
    if let (Some(a), Some(b)) = (a.frame, b.frame) {
        return (a == b).then_some(Sameness::Frame);
    }
    let cached = |page: &Page| matches!(page.state, PageState::FileClean | PageState::FileDirty);
    match followed? {
        Sameness::Object => (cached(a) && cached(b)).then_some(Sameness::Object),
        how => b.state.is_resident().then_some(how),
    }
}

impl AddressSpace {
    /// Whether the page is one that a fork made both share, and that both still wait to copy.
    fn shares_by_fork(&self, other: &Self, addr: Addr) -> bool {
        let share = self.share_of(addr);
        share != 0 && share == other.share_of(addr)
    }
}
