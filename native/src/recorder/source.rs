//! Where page faults, and perhaps calls, come from besides the stops.

use super::calls::Effect;
use super::order::Waiting;
use super::pairing::Pairing;
use crate::sys::{CallRings, FaultRings, FaultSample, Record, What};
use pagescope_shared::addr::{Addr, PageSize};
use pagescope_shared::event::{EventKind, Fault, Lost};
use std::collections::HashMap;
use std::io;

/// The kernel's rings, if we may have them.
pub(super) enum Source {
    /// Nothing but the stops.
    None,
    /// Page faults, without what they were for.
    Faults(FaultRings),
    /// Calls and page faults.
    Calls(Box<Calls>),
}

/// Records of the tracepoints on their way to becoming events.
pub(super) struct Calls {
    rings: CallRings,
    pairing: Pairing,
    /// Those that came too late to be sure that none before them is missing.
    records: Vec<Record>,
}

impl Calls {
    pub(super) fn of(rings: CallRings) -> Self {
        Self { rings, pairing: Pairing::default(), records: Vec::new() }
    }
}

impl Source {
    /// Whether calls are told by the kernel, and do not stop the program.
    pub(super) fn tells_calls(&self) -> bool {
        matches!(self, Self::Calls(_))
    }

    /// See `Rings::interrupt_when_full`.
    ///
    /// # Errors
    /// When no thread can be made.
    pub(super) fn interrupt_when_full(&self) -> io::Result<()> {
        match self {
            Self::None => Ok(()),
            Self::Faults(rings) => rings.interrupt_when_full(),
            Self::Calls(calls) => calls.rings.interrupt_when_full(),
        }
    }

    /// Takes what happened until `now`.
    pub(super) fn drain(&mut self, now: u64, size: PageSize, to: &mut Vec<Waiting>) {
        match self {
            Self::None => {}
            Self::Faults(rings) => {
                let (mut samples, mut losses) = (Vec::new(), Vec::new());
                rings.drain(&mut samples, &mut losses);
                to.extend(losses.into_iter().map(|(time_ns, count)| lost(time_ns, count)));
                to.extend(samples.into_iter().map(fault));
            }
            Self::Calls(calls) => {
                let Calls { rings, pairing, records } = calls.as_mut();
                rings.drain(records);
                records.sort_by_key(|record| record.time_ns);
                // What one CPU told after now may stand on what another one told, of which only that before now is here.
                let sure = records.partition_point(|record| record.time_ns <= now);
                for record in records.drain(..sure) {
                    pairing.take(record, size, to);
                }
            }
        }
    }

    fn pairing(&mut self) -> Option<&mut Pairing> {
        match self {
            Self::Calls(calls) => Some(&mut calls.pairing),
            Self::None | Self::Faults(_) => None,
        }
    }

    /// Adds when the oldest call of each process began that is in one.
    pub(super) fn in_calls(&self, to: &mut HashMap<u32, u64>) {
        let Self::Calls(calls) = self else { return };
        for (pid, since) in calls.pairing.in_calls() {
            let oldest = to.entry(pid).or_insert(since);
            *oldest = since.min(*oldest);
        }
    }

    /// Whether a process is in a call, as far as is known, or has been in one after what was taken.
    pub(super) fn is_busy(&self, pid: u32) -> bool {
        let Self::Calls(calls) = self else { return false };
        let in_call = |record: &Record| record.pid == pid && !matches!(record.what, What::Fault { .. });
        calls.pairing.is_busy(pid) || calls.records.iter().any(in_call)
    }

    /// How full the fullest ring is, in percent.
    pub(super) fn fill(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Faults(rings) => rings.fill(),
            Self::Calls(calls) => calls.rings.fill(),
        }
    }

    /// When a process began to become another program.
    pub(super) fn exec_began(&self, pid: u32) -> Option<u64> {
        match self {
            Self::Calls(calls) => calls.pairing.exec_began(pid),
            Self::None | Self::Faults(_) => None,
        }
    }

    pub(super) fn renewed(&mut self, pid: u32, brk: u64) {
        if let Some(pairing) = self.pairing() {
            pairing.renewed(pid, brk);
        }
    }

    pub(super) fn inherit_break(&mut self, maker: u32, child: u32) {
        if let Some(pairing) = self.pairing() {
            pairing.inherit_break(maker, child);
        }
    }

    pub(super) fn thread_ends(&mut self, tid: u32) {
        if let Some(pairing) = self.pairing() {
            pairing.ended(tid);
        }
    }

    pub(super) fn process_gone(&mut self, pid: u32) {
        if let Some(pairing) = self.pairing() {
            pairing.gone(pid);
        }
    }
}

/// The kernel had no room for so many records.
pub(super) fn lost(time_ns: u64, count: u64) -> Waiting {
    let reason = "more happened than could be taken in time".to_owned();
    let effect = Effect::Event(EventKind::Lost(Box::new(Lost { count, reason })));
    Waiting { from_ns: time_ns, until_ns: time_ns, pid: 0, tid: 0, effect }
}

fn fault(sample: FaultSample) -> Waiting {
    let FaultSample { time_ns, pid, tid, addr, ip } = sample;
    let fault = Fault { addr: Addr(addr), access: None, severity: None, ip: Some(Addr(ip)), led_to: None };
    let effect = Effect::Event(EventKind::Fault(fault));
    Waiting { from_ns: time_ns, until_ns: time_ns, pid, tid, effect }
}
