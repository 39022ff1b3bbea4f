//! Signals that wake the recorder while it waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static ASKED_TO_END: AtomicBool = AtomicBool::new(false);
static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static WOKEN: AtomicBool = AtomicBool::new(false);

extern "C" fn wake(signal: i32) {
    WOKEN.store(true, Ordering::Relaxed);
    if matches!(signal, libc::SIGTERM | libc::SIGHUP) {
        ASKED_TO_END.store(true, Ordering::Relaxed);
    } else if matches!(signal, libc::SIGINT | libc::SIGQUIT) {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }
}

/// From now on the keyboard's signals, which the program gets too, and those that say that something is to be done only
/// interrupt waiting; one of them comes every `tick`, which is less than a second. A program that is started gets them as ever.
pub(crate) fn wake_up(tick: Duration) {
    const ALL: [i32; 7] =
        [libc::SIGIO, libc::SIGALRM, libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP];
    let tick = libc::timeval { tv_sec: 0, tv_usec: tick.subsec_micros().into() };
    let timer = libc::itimerval { it_interval: tick, it_value: tick };
    // SAFETY: an all-zero action is one, with no flags: calls are interrupted. The handler only stores an atomic.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = wake as *const () as usize;
        for signal in ALL {
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
        // A file that may not grow is an error like any other.
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
    }
}

/// Whether any of these signals came since the last call, the one that comes all the time among them.
pub(crate) fn woken() -> bool {
    WOKEN.swap(false, Ordering::Relaxed)
}

/// Whether SIGTERM or SIGHUP came since the last call.
pub(crate) fn asked_to_end() -> bool {
    ASKED_TO_END.swap(false, Ordering::Relaxed)
}

/// Whether Ctrl-C was pressed, or Ctrl-\\, since the last call.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.swap(false, Ordering::Relaxed)
}

/// Sends a signal to a process.
pub(crate) fn kill(pid: i32, signal: i32) {
    // SAFETY: it takes numbers only. That there is no such process is as good.
    unsafe { libc::kill(pid, signal) };
}
