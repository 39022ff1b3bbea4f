//! What the kernel says of mappings and pages, beside what the model says.

use super::{Session, Stands, now_ns};
use crate::proc::{mappings_of, mappings_with_flags, status};
use crate::recorder::eyes::KERNEL_HALF;
use crate::recorder::news::news;
use anyhow::Result;
use pagescope_shared::addr::Range;
use pagescope_shared::event::{EventKind, Lost, Snapshot};
use pagescope_shared::mapping::{Backing, Mapping};
use pagescope_shared::model::AddressSpace;
use std::collections::HashMap;

/// How long it may take from a fault until its page is there.
const IN_DOUBT_NS: u64 = 5_000_000;
const UNSEEN: &str = "may not be looked into (its file may not be read, or it forbids it); root may";
/// So many mappings are looked at before what was seen is written.
const PART: usize = 2048;
/// So many are looked at at once of a program that may change them meanwhile,
const SOME: usize = 16;
/// and so often at most once more.
const MOST_TRIES: u32 = 16;

impl Session {
    /// Writes a snapshot of all mappings, with the states of their pages. The process stands.
    pub(in crate::recorder) fn snapshot(&mut self, pid: u32, tid: u32) -> Result<()> {
        let mappings = match mappings_with_flags(pid) {
            Ok(mappings) => mappings,
            Err(e) if is_denied(&e) => return self.remark(pid, UNSEEN),
            // It is gone.
            Err(_) => return Ok(()),
        };
        let observed = self.eyes.look(pid, &mappings, |seen| vec![seen]);
        let kind = EventKind::Snapshot(Box::new(Snapshot { mappings, observed }));
        self.write(pid, tid, kind, now_ns())
    }

    /// Looks at the pages in `within`, and tells what the model does not say already. All that the process did before is
    /// written. Unless it `stands`, it may touch more of them; and where calls do not stop it, it may change its mappings.
    pub(in crate::recorder) fn look(
        &mut self,
        pid: u32,
        tid: u32,
        within: Range,
        stands: bool,
    ) -> Result<()> {
        // It seldom does that while a few mappings are looked at, always while all of them are.
        let most = if stands || !self.tells_calls() { usize::MAX } else { SOME };
        let mut left = Some(within);
        let mut tries = 0;
        while let Some(rest) = left {
            let Some(space) = self.world.space(pid) else { return Ok(()) };
            let cut = |m: Mapping| Some(Mapping { range: m.range.intersection(rest)?, ..m });
            let mappings: Vec<Mapping> = space.mappings_in(rest).filter_map(cut).take(most).collect();
            let Some(last) = mappings.last().map(|m| m.range.end()) else { return Ok(()) };
            if self.look_at(pid, tid, &mappings, stands)? {
                left = Range::new(last, rest.end()).ok().filter(|_| mappings.len() == most);
                continue;
            }
            tries += 1;
            if tries > MOST_TRIES || !self.tells_calls() || self.is_full() {
                return Ok(());
            }
            self.settle(&HashMap::new(), Stands::Nobody, &mut |_| {})?;
        }
        Ok(())
    }

    /// Looks at some mappings. Returns whether they were what the model says they are meanwhile; if not, nothing is known.
    fn look_at(&mut self, pid: u32, tid: u32, mappings: &[Mapping], stands: bool) -> Result<bool> {
        let Some(space) = self.world.space(pid) else { return Ok(true) };
        let now = now_ns();
        let since = now.saturating_sub(IN_DOUBT_NS).saturating_sub(self.started_ns);
        while self.recent.front().is_some_and(|fault| fault.0 < since) {
            self.recent.pop_front();
        }
        let lender = self.world.lender(pid);
        let doubtful = |range: Range| {
            !stands && self.recent.iter().any(|(_, whose, addr)| *whose == lender && range.contains(*addr))
        };
        if self.is_busy(pid) {
            return Ok(false);
        }
        let size = self.page_size;
        let found = self.eyes.look(pid, mappings, |observed| news(space, &observed, size, &doubtful));
        self.drain();
        if self.is_busy(pid) {
            return Ok(false);
        }
        for observed in found {
            self.write(pid, tid, EventKind::Observed(Box::new(observed)), now)?;
        }
        Ok(true)
    }

    /// Whether a process may be changing its mappings, or has done so after what was written. (Those who stop at their
    /// calls are not let go meanwhile.)
    fn is_busy(&self, pid: u32) -> bool {
        self.source.is_busy(pid) || self.waiting.iter().any(|w| w.pid == pid && !w.is_fault())
    }

    /// Compares the model's mappings with the kernel's; where they differ, that is told, and the kernel's are taken.
    /// Nothing is said of one that is about to change them. Returns the mappings, if they are as the model says.
    pub(in crate::recorder) fn compare(&mut self, pid: u32, tid: u32) -> Result<Option<Vec<Mapping>>> {
        // It may be gone already.
        let Ok(mappings) = mappings_of(pid) else { return Ok(None) };
        self.drain();
        if mappings.is_empty() || self.is_busy(pid) || !self.eyes.is_there(pid) {
            return Ok(None);
        }
        let difference = match self.world.space(pid) {
            Some(space) => difference(space, &mappings),
            None => Some("the process is not known".to_owned()),
        };
        let Some(difference) = difference else { return Ok(Some(mappings)) };
        if self.torn {
            // It has been told that something is missing.
            self.snapshot(pid, tid)?;
            return Ok(None);
        }
        self.drift += 1;
        let reason = format!("drift: {difference}");
        self.write(pid, tid, EventKind::Lost(Box::new(Lost { count: 0, reason })), now_ns())?;
        self.snapshot(pid, tid)?;
        Ok(None)
    }

    /// Something of a process could not be seen: that is written, and told at the end.
    pub(in crate::recorder) fn remark(&mut self, pid: u32, what: &str) -> Result<()> {
        let name =
            Some(status::exe(pid)).filter(|exe| !exe.is_empty()).unwrap_or_else(|| format!("process {pid}"));
        self.remarks.insert(format!("{name} {what}"));
        let lost = Lost { count: 0, reason: format!("this program {what}") };
        self.write(pid, pid, EventKind::Lost(Box::new(lost)), now_ns())
    }

    /// The last look at a process: its mappings, and the states of all its pages.
    pub(in crate::recorder) fn check(&mut self, pid: u32, tid: u32) -> Result<()> {
        let Some(mappings) = self.compare(pid, tid)? else { return Ok(()) };
        for part in mappings.chunks(PART) {
            for observed in self.eyes.look(pid, part, |seen| vec![seen]) {
                self.write(pid, tid, EventKind::Observed(Box::new(observed)), now_ns())?;
            }
        }
        Ok(())
    }
}

/// The first mapping that `/proc/PID/maps` shows otherwise than the model.
fn difference(space: &AddressSpace, kernel: &[Mapping]) -> Option<String> {
    let told = |mapping: Option<&Mapping>| match mapping {
        Some(m) => format!("{} {} {}", m.range, m.permissions(), m.attributes.backing),
        None => "nothing more".to_owned(),
    };
    let mut known = space.mappings().filter(|m| m.range.end() <= KERNEL_HALF);
    let mut kernel = kernel.iter().filter(|m| m.range.end() <= KERNEL_HALF);
    loop {
        match (known.next(), kernel.next()) {
            (None, None) => return None,
            (Some(a), Some(b)) if alike(&a, b) => {}
            (a, b) => return Some(format!("model {}, /proc/PID/maps {}", told(a.as_ref()), told(b))),
        }
    }
}

fn alike(known: &Mapping, kernel: &Mapping) -> bool {
    let (a, b) = (&known.attributes, &kernel.attributes);
    // What the heap and stacks are called depends on where they are.
    let named = |backing: &Backing| backing.is_anonymous();
    known.looks_like(kernel)
        || (known.range == kernel.range
            && (a.protection, a.sharing) == (b.protection, b.sharing)
            && named(&a.backing)
            && named(&b.backing))
}

fn is_denied(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied)
}
