//! Signals on their way to the program, and what they are called.

use super::Tracer;
use crate::sys::trace;
use pagescope_shared::addr::Addr;
use pagescope_shared::event::{EventKind, Signal};

impl Tracer {
    /// Delivers a signal; those about memory are told.
    pub(super) fn signal(&mut self, tid: i32, signal: i32) {
        let about_memory = matches!(signal, libc::SIGSEGV | libc::SIGBUS);
        if about_memory
            && self.running
            && let (Ok((code, addr)), Some(task)) = (trace::signal_info(tid), self.tasks.get(&tid))
            // Sent by the kernel for what it touched, not by another process.
            && code > 0
        {
            let kind = EventKind::Signal(Box::new(Signal {
                signal: name(signal),
                addr: Addr(addr),
                access: None,
                code: code_name(signal, code).to_owned(),
            }));
            let pid = task.pid;
            self.session.happens(pid, tid.unsigned_abs(), kind);
        }
        self.go_on(tid, signal);
    }
}

/// Such as `SIGSEGV`.
pub(super) fn name(signal: i32) -> String {
    const NAMES: [&str; 32] = [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU",
        "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    match usize::try_from(signal).ok().and_then(|at| NAMES.get(at)) {
        Some(name) if !name.is_empty() => format!("SIG{name}"),
        _ => format!("signal {signal}"),
    }
}

fn code_name(signal: i32, code: i32) -> &'static str {
    match (signal, code) {
        (libc::SIGSEGV, 1) => "SEGV_MAPERR",
        (libc::SIGSEGV, 2) => "SEGV_ACCERR",
        (libc::SIGSEGV, 4) => "SEGV_PKUERR",
        (libc::SIGBUS, 1) => "BUS_ADRALN",
        (libc::SIGBUS, 2) => "BUS_ADRERR",
        (libc::SIGBUS, 3) => "BUS_OBJERR",
        _ => "",
    }
}
