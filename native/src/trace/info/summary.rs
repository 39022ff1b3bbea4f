//! What a trace amounts to, gathered event by event.

use crate::trace::call::call;
use pagescope_shared::addr::PageSize;
use pagescope_shared::event::{Event, EventKind, FaultAccess};
use pagescope_shared::header::Header;
use pagescope_shared::model::Change;
use pagescope_shared::store::Store;
use pagescope_shared::world::World;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// Processes are told one by one up to so many.
const MOST_PROCESSES: usize = 10_000;
/// Kinds and calls that a trace may invent.
const MOST_NAMES: usize = 200;

/// One process.
#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    pub(super) parent: Option<u32>,
    pub(super) exe: String,
    pub(super) threads: u64,
    pub(super) began_ns: u64,
    pub(super) ended_ns: Option<u64>,
    /// An exit code or a signal.
    pub(super) ended: Option<String>,
    pub(super) events: u64,
    pub(super) faults: u64,
    /// The most at any moment, in bytes.
    pub(super) peak_mapped: u64,
    pub(super) peak_resident: u64,
}

/// How often a call succeeded, and how often it failed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    pub(super) done: u64,
    pub(super) failed: u64,
}

/// All of it.
pub(super) struct Summary {
    pub(super) header: Header,
    pub(super) events: u64,
    pub(super) duration_ns: u64,
    pub(super) kinds: BTreeMap<String, u64>,
    pub(super) calls: BTreeMap<String, Outcome>,
    /// Reads, writes, fetches, and those of which nobody knows.
    pub(super) faults: [u64; 4],
    pub(super) processes: BTreeMap<u32, Process>,
    /// How many more processes there are than are told.
    pub(super) more_processes: u64,
    /// All processes together, in bytes.
    pub(super) peak_mapped: u64,
    pub(super) peak_resident: u64,
    pub(super) lost: u64,
    /// What was lost, and how often that was told.
    pub(super) losses: BTreeMap<String, u64>,
    /// How often recorder and kernel differed.
    pub(super) drift: u64,
    /// How many events do not fit what came before.
    pub(super) misfits: u64,
    pub(super) ends: bool,
    pub(super) problems: Vec<String>,
    world: World,
    change: Change,
    /// What each process has now: mapped, resident.
    now: HashMap<u32, (u64, u64)>,
    all_now: (u64, u64),
}

impl Summary {
    pub(super) fn new(store: &Store) -> Self {
        let header = store.header().clone();
        Self {
            world: World::new(header.page_size),
            header,
            events: 0,
            duration_ns: 0,
            kinds: BTreeMap::new(),
            calls: BTreeMap::new(),
            faults: [0; 4],
            processes: BTreeMap::new(),
            more_processes: 0,
            peak_mapped: 0,
            peak_resident: 0,
            lost: 0,
            losses: BTreeMap::new(),
            drift: 0,
            misfits: 0,
            ends: false,
            problems: Vec::new(),
            change: Change::default(),
            now: HashMap::new(),
            all_now: (0, 0),
        }
    }

    fn page_size(&self) -> PageSize {
        self.header.page_size
    }

    pub(super) fn follow(&mut self, event: &Event) {
        self.events += 1;
        self.duration_ns = self.duration_ns.max(event.time_ns);
        self.ends = matches!(event.kind, EventKind::End(_));
        add(&mut self.kinds, event.kind.name(), 1);
        if let Some((name, failed)) = call(&event.kind)
            && (self.calls.len() < MOST_NAMES || self.calls.contains_key(name))
        {
            let outcome = self.calls.entry(name.to_owned()).or_default();
            *if failed { &mut outcome.failed } else { &mut outcome.done } += 1;
        }
        match &event.kind {
            EventKind::Fault(fault) => {
                let kind = match fault.access {
                    Some(FaultAccess::Read) => 0,
                    Some(FaultAccess::Write) => 1,
                    Some(FaultAccess::Execute) => 2,
                    None => 3,
                };
                if let Some(count) = self.faults.get_mut(kind) {
                    *count += 1;
                }
            }
            EventKind::Lost(lost) if lost.reason.starts_with("drift:") => self.drift += 1,
            EventKind::Lost(lost) => {
                self.lost += lost.count.max(1);
                add(&mut self.losses, &lost.reason, lost.count.max(1));
            }
            _ => {}
        }
        self.world.apply(event, &mut self.change);
        self.misfits += u64::from(!self.change.drift.is_empty());
        if !matches!(event.kind, EventKind::End(_) | EventKind::Step(_) | EventKind::Marker(_))
            && event.pid != 0
        {
            self.note(event);
        }
    }

    /// What the event says of its process.
    fn note(&mut self, event: &Event) {
        self.weigh(event.pid);
        if let EventKind::Fork(fork) = &event.kind {
            if let Some(child) = self.process(fork.child, event.time_ns) {
                child.parent = Some(event.pid);
            }
            self.weigh(fork.child);
        }
        let exe = self.world.process(event.pid).and_then(|p| p.exe.clone());
        let Some(process) = self.process(event.pid, event.time_ns) else { return };
        process.events += 1;
        match &event.kind {
            EventKind::Fault(_) => process.faults += 1,
            EventKind::Thread(_) => process.threads += 1,
            EventKind::Exit(exit) => {
                process.ended_ns = Some(event.time_ns);
                let code = exit.code.map(|code| format!("exit {code}"));
                // Not every source knows how.
                process.ended = exit.signal.clone().or(code).or_else(|| Some("ended".to_owned()));
            }
            _ => {}
        }
        if let Some(exe) = exe.filter(|exe| process.exe != **exe) {
            process.exe = exe.to_string();
        }
    }

    fn process(&mut self, pid: u32, time_ns: u64) -> Option<&mut Process> {
        if !self.processes.contains_key(&pid) {
            if self.processes.len() >= MOST_PROCESSES {
                return None;
            }
            self.processes.insert(pid, Process { began_ns: time_ns, threads: 1, ..Process::default() });
        }
        self.processes.get_mut(&pid)
    }

    /// How much memory a process has now.
    fn weigh(&mut self, pid: u32) {
        let pid = self.world.lender(pid);
        let totals =
            self.world.space(pid).map(pagescope_shared::model::AddressSpace::totals).unwrap_or_default();
        let now = (totals.mapped, totals.resident().saturating_mul(self.page_size().bytes()));
        let before = if now == (0, 0) { self.now.remove(&pid) } else { self.now.insert(pid, now) };
        let before = before.unwrap_or_default();
        self.all_now.0 = (self.all_now.0.saturating_add(now.0)).saturating_sub(before.0);
        self.all_now.1 = (self.all_now.1.saturating_add(now.1)).saturating_sub(before.1);
        self.peak_mapped = self.peak_mapped.max(self.all_now.0);
        self.peak_resident = self.peak_resident.max(self.all_now.1);
        if let Some(process) = self.processes.get_mut(&pid) {
            process.peak_mapped = process.peak_mapped.max(now.0);
            process.peak_resident = process.peak_resident.max(now.1);
        }
    }

    pub(super) fn finish(&mut self, store: &Store) {
        let all =
            u64::try_from(self.world.processes().filter(|(pid, _)| *pid != 0).count()).unwrap_or(u64::MAX);
        let told = u64::try_from(self.processes.len()).unwrap_or(u64::MAX);
        self.more_processes = all.saturating_sub(told);
        self.problems = store.problems().iter().map(ToString::to_string).collect();
    }

    pub(super) fn json(&self, bytes: Option<u64>) -> Value {
        let processes: Vec<Value> = self
            .processes
            .iter()
            .map(|(pid, p)| {
                json!({
                    "pid": pid, "parent": p.parent, "exe": p.exe, "threads": p.threads, "began_ns": p.began_ns,
                    "ended_ns": p.ended_ns, "ended": p.ended, "events": p.events, "faults": p.faults,
                    "peak_mapped_bytes": p.peak_mapped, "peak_resident_bytes": p.peak_resident,
                })
            })
            .collect();
        let calls: BTreeMap<&str, Value> = self
            .calls
            .iter()
            .map(|(name, o)| (name.as_str(), json!({ "succeeded": o.done, "failed": o.failed })))
            .collect();
        let [read, write, execute, unknown] = self.faults;
        json!({
            "header": self.header,
            "events": self.events,
            "bytes": bytes,
            "duration_ns": self.duration_ns,
            "kinds": self.kinds,
            "calls": calls,
            "faults": { "read": read, "write": write, "execute": execute, "unknown": unknown },
            "peak_mapped_bytes": self.peak_mapped,
            "peak_resident_bytes": self.peak_resident,
            "processes": processes,
            "processes_left_out": self.more_processes,
            "lost": self.lost,
            "losses": self.losses,
            "drift": self.drift,
            "misfits": self.misfits,
            "ends_well": self.ends,
            "problems": self.problems,
        })
    }
}

fn add(to: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    if let Some(sum) = to.get_mut(name) {
        *sum = sum.saturating_add(count);
    } else if to.len() < MOST_NAMES {
        to.insert(name.to_owned(), count);
    }
}
