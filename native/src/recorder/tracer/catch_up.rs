//! Something was lost: what nobody could tell is looked up while everybody stands.

use super::Tracer;
use crate::recorder::session::Stands;
use crate::sys::trace;
use anyhow::Result;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// So long those are waited for who cannot stop now.
const PATIENCE: Duration = Duration::from_millis(500);

impl Tracer {
    pub(super) fn catch_up(&mut self) -> Result<()> {
        if self.stops {
            // Page faults: what they led to can be seen.
            return self.look_around();
        }
        let away = self.tasks.iter().filter(|(_, task)| !task.away);
        let mut awaited: HashSet<i32> = away.map(|(tid, _)| *tid).collect();
        awaited.iter().for_each(|tid| trace::interrupt(*tid));
        let (begun, mut came) = (Instant::now(), Vec::new());
        while !awaited.is_empty() && begun.elapsed() < PATIENCE {
            match trace::next_stop() {
                Ok(Some((tid, stop))) => {
                    awaited.remove(&tid);
                    came.push((tid, stop));
                }
                Ok(None) => {}
                Err(_) => break,
            }
        }
        self.settle(Stands::All)?;
        let owners = self.processes.iter().filter(|(_, process)| !process.borrows && process.threads > 0);
        for pid in owners.map(|(pid, _)| *pid).collect::<Vec<_>>() {
            self.session.snapshot(pid, pid)?;
        }
        came.into_iter().try_for_each(|(tid, stop)| self.stopped(tid, stop))
    }
}
