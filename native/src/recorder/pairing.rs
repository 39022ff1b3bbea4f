//! Records of the tracepoints, put together: the beginning of a call, the file that it mapped, and its end are one event.

use super::calls::{self, Effect, Memory};
use super::order::Waiting;
use super::source::lost;
use crate::proc::backing;
use crate::sys::trace::Call;
use crate::sys::{FileMapping, Record, What};
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{EventKind, Fault};
use pagescope_shared::mapping::{Attributes, Backing, Protection, Sharing};
use std::collections::HashMap;

/// Calls that have begun, by thread, and what is known of processes.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    threads: HashMap<u32, InCall>,
    /// The end of each process's heap.
    brk: HashMap<u32, u64>,
}

#[derive(Debug)]
struct InCall {
    pid: u32,
    call: Call,
    since_ns: u64,
    mapped: Option<Box<FileMapping>>,
}

impl Pairing {
    /// Takes the next record, in the order of time.
    pub(super) fn take(&mut self, record: Record, size: PageSize, to: &mut Vec<Waiting>) {
        let Record { time_ns, pid, tid, what } = record;
        match what {
            What::Begins(call) => {
                self.threads.insert(tid, InCall { pid, call, since_ns: time_ns, mapped: None });
            }
            What::Mapped(mapped) => {
                if let Some(thread) = self.threads.get_mut(&tid) {
                    thread.mapped = Some(mapped);
                }
            }
            What::Ends(result) => {
                let Some(InCall { pid, call, since_ns, mapped }) = self.threads.remove(&tid) else { return };
                let brk = self.brk.entry(pid).or_default();
                let mut memory = Told { size, brk, mapped };
                let effect = calls::effect(call, result, &mut memory);
                to.extend(effect.map(|effect| Waiting {
                    from_ns: since_ns,
                    until_ns: time_ns,
                    pid,
                    tid,
                    effect,
                }));
            }
            What::Lost(count) => {
                // Who is in a call is not known any more.
                self.threads.clear();
                to.push(lost(time_ns, count));
            }
            What::Fault { addr, ip, access } => {
                let fault = Fault {
                    addr: Addr(addr),
                    access: Some(access),
                    severity: None,
                    ip: Some(Addr(ip)),
                    led_to: None,
                };
                let effect = Effect::Event(EventKind::Fault(fault));
                to.push(Waiting { from_ns: time_ns, until_ns: time_ns, pid, tid, effect });
            }
        }
    }

    /// The processes that are in a call, each with when its oldest one began.
    pub(super) fn in_calls(&self) -> impl Iterator<Item = (u32, u64)> {
        self.threads.values().map(|thread| (thread.pid, thread.since_ns))
    }

    /// When a process began to become another program, if it has.
    pub(super) fn exec_began(&self, pid: u32) -> Option<u64> {
        let of = self.threads.values().filter(|t| t.pid == pid && calls::is_exec(t.call));
        of.map(|t| t.since_ns).max()
    }

    /// Whether a process is in a call.
    pub(super) fn is_busy(&self, pid: u32) -> bool {
        self.threads.values().any(|thread| thread.pid == pid)
    }

    /// A process has new memory, whose heap ends here: whatever its threads were in is over.
    pub(super) fn renewed(&mut self, pid: u32, brk: u64) {
        self.threads.retain(|_, thread| thread.pid != pid);
        self.brk.insert(pid, brk);
    }

    /// A process has got a copy of another's memory.
    pub(super) fn inherit_break(&mut self, maker: u32, child: u32) {
        if let Some(&brk) = self.brk.get(&maker) {
            self.brk.insert(child, brk);
        }
    }

    /// A thread will not come back from the call that it is in.
    pub(super) fn ended(&mut self, tid: u32) {
        self.threads.remove(&tid);
    }

    /// A process is gone.
    pub(super) fn gone(&mut self, pid: u32) {
        self.brk.remove(&pid);
    }
}

/// What the records tell of memory.
struct Told<'a> {
    size: PageSize,
    brk: &'a mut u64,
    mapped: Option<Box<FileMapping>>,
}

impl Memory for Told<'_> {
    fn page_size(&self) -> PageSize {
        self.size
    }

    fn replace_break(&mut self, new: u64) -> u64 {
        let old = std::mem::replace(self.brk, new);
        if old == 0 { new } else { old }
    }

    fn backing(&mut self, addr: u64) -> Option<Backing> {
        let mapped = self.mapped.as_ref().filter(|mapped| mapped.range.contains(Addr(addr)))?;
        let dev = format!("{:02x}:{:02x}", mapped.dev.0, mapped.dev.1);
        Some(backing(&mapped.name, dev, mapped.inode))
    }

    fn range(&mut self, addr: u64) -> Option<(Range, Attributes)> {
        let backing = self.backing(addr)?;
        let mapped = self.mapped.as_ref()?;
        let bit = |bit: u64| mapped.protection & bit != 0;
        let protection = Protection { read: bit(1), write: bit(2), execute: bit(4) };
        let attributes = Attributes { backing, ..Attributes::anonymous(protection, Sharing::Shared) };
        Some((mapped.range, attributes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginning_file_and_end_become_one_event() {
        let size = PageSize::FOUR_KIB;
        let mut pairing = Pairing::default();
        let mut found = Vec::new();
        let at = |time_ns, tid, what| Record { time_ns, pid: 7, tid, what };
        let mmap = |args| What::Begins(Call { number: libc::SYS_mmap.unsigned_abs(), args });
        let range = Range::from_len(Addr(0x7000_0000), 8192).unwrap();
        let file = FileMapping { range, dev: (0xfe, 0), inode: 5, protection: 1, name: b"/lib/x".to_vec() };
        let records = [
            at(1, 7, mmap([0, 5000, 1, 2, 3, 4096])),
            // Another thread's call lies across it.
            at(2, 8, mmap([0, 4096, 3, 0x22, u64::MAX, 0])),
            at(3, 7, What::Mapped(Box::new(file))),
            at(4, 7, What::Ends(Ok(0x7000_0000))),
            at(5, 8, What::Ends(Err(12))),
            at(
                6,
                7,
                What::Fault { addr: 0x7000_0010, ip: 1, access: pagescope_shared::event::FaultAccess::Read },
            ),
        ];
        for record in records {
            pairing.take(record, size, &mut found);
        }
        let [map, failed, fault] = found.as_slice() else { panic!("{}", found.len()) };
        assert_eq!((map.from_ns, map.until_ns, map.tid), (1, 4, 7));
        let Some(EventKind::Map(map)) = map.kind() else { panic!("{map:?}") };
        assert_eq!((map.range, map.asked.len, map.attributes.offset), (range, 5000, 4096));
        assert_eq!(map.attributes.backing.object().unwrap().path, "/lib/x");
        assert!(matches!(failed.kind(), Some(EventKind::Failed(failed)) if failed.errno == "ENOMEM"));
        assert!(matches!(fault.kind(), Some(EventKind::Fault(fault)) if fault.access.is_some()));
        assert!(!pairing.is_busy(7));
        assert_eq!(pairing.in_calls().count(), 0);
    }
}
