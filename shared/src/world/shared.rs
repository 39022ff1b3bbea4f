//! What an event of one process does to the pages of others.

use super::World;
use crate::event::EventKind;
use crate::model::Change;

impl World {
    /// `MADV_REMOVE` takes an object's pages from everybody.
    pub(super) fn remove(&mut self, pid: u32, kind: &EventKind, change: &mut Change) {
        let parts = self.process(pid).map_or_else(Vec::new, |p| p.space.removed_by(kind));
        if parts.is_empty() {
            return;
        }
        if let Some(process) = self.process_mut(pid) {
            parts.iter().for_each(|part| process.space.drop_object(part, change));
        }
        let all = self.live.iter().filter_map(|(other, ..)| u32::try_from(other).ok());
        let others: Vec<u32> = all.filter(|other| *other != pid).collect();
        let mut theirs = Change::default();
        for other in others {
            for part in &parts {
                theirs.clear();
                if let Some(process) = self.process_mut(other) {
                    process.space.drop_object(part, &mut theirs);
                }
                change.elsewhere.extend(theirs.pages.drain(..).map(|page| (other, page)));
            }
        }
    }

    /// Somebody gave up pages that he shared: whoever is the only one left has them to himself.
    pub(super) fn settle(&mut self, pid: u32, change: &mut Change) {
        let gone = std::mem::take(&mut change.unshared);
        let Some(family) = self.live.get(u64::from(pid)).map(|(_, _, family)| *family) else { return };
        let kin = self.live.iter().filter(|(.., other)| **other == family);
        let kin = kin.filter_map(|(other, ..)| u32::try_from(other).ok().filter(|other| *other != pid));
        let kin: Vec<u32> = kin.collect();
        let mut theirs = Change::default();
        // Most often there is one who can have it.
        if let &[other] = kin.as_slice() {
            if let Some(process) = self.process_mut(other) {
                let space = &mut process.space;
                gone.iter().for_each(|one| space.own_alone((one.first, one.end), one.share, &mut theirs));
            }
            change.elsewhere.extend(theirs.pages.drain(..).map(|page| (other, page)));
            return;
        }
        let mut holders: Vec<(u32, u64, u64)> = Vec::new();
        for one in &gone {
            holders.clear();
            let mut whole = 0;
            for &other in &kin {
                let Some(process) = self.process(other) else { continue };
                let before = holders.len();
                holders.extend(process.space.sharing(one).map(|(s, e)| (other, s, e)));
                whole += usize::from(holders.get(before) == Some(&(other, one.first, one.end)));
                // Two who have all of it: nothing changes for anybody.
                if whole == 2 {
                    break;
                }
            }
            if whole == 2 {
                continue;
            }
            for (other, first, end) in alone(&holders) {
                theirs.clear();
                if let Some(process) = self.process_mut(other) {
                    process.space.own_alone((first, end), one.share, &mut theirs);
                }
                change.elsewhere.extend(theirs.pages.drain(..).map(|page| (other, page)));
            }
        }
    }
}

/// The parts of the holders' runs that nobody else holds.
fn alone(holders: &[(u32, u64, u64)]) -> Vec<(u32, u64, u64)> {
    // One who holds all there is.
    if holders.iter().all(|holder| holders.first().is_some_and(|first| first.0 == holder.0)) {
        return holders.to_vec();
    }
    let mut edges: Vec<u64> = holders.iter().flat_map(|h| [h.1, h.2]).collect();
    edges.sort_unstable();
    edges.dedup();
    let parts = edges.windows(2).filter_map(|edge| {
        let &[s, e] = edge else { return None };
        let mut over = holders.iter().filter(|h| h.1 <= s && e <= h.2);
        let only = over.next()?;
        over.next().is_none().then_some((only.0, s, e))
    });
    parts.collect()
}
