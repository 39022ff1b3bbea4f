//! ptrace(2): other processes are stopped at their system calls and looked at.

use std::io;

/// What a thread that is traced did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It ended with this code.
    Exited(i32),
    /// This signal ended it.
    Killed(i32),
    /// A call begins or has ended: [`at`] says which.
    Call,
    /// It made a thread or a process.
    Clone,
    /// It made a process, and waits until that one has got memory of its own, or has ended.
    Vfork,
    /// It became another program.
    Exec,
    /// It is about to end.
    Exiting,
    /// It was stopped as a group, by this signal.
    Group(i32),
    /// It stands because we began to trace it.
    Began,
    /// Something else that we asked for.
    Event,
    /// This signal is about to be delivered.
    Signal(i32),
}

/// A system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) number: u64,
    pub(crate) args: [u64; 6],
}

/// How the kernel calls the architecture that this program is built for: `AUDIT_ARCH_*`.
#[cfg(target_arch = "x86_64")]
pub(crate) const AUDIT_ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
pub(crate) const AUDIT_ARCH: u32 = 0xc000_00b7;

/// A program whose calls a filter shows to its tracer gets ENOSYS for them when there is no tracer: so it ends with us,
/// rather than go wrong. One that was there before us outlives us.
const WITH_FILTER: i32 = libc::PTRACE_O_EXITKILL | libc::PTRACE_O_TRACESECCOMP;

const OPTIONS: i32 = libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_TRACEEXIT;

fn request(request: libc::c_uint, tid: i32, addr: usize, data: usize) -> io::Result<()> {
    // SAFETY: used for requests that take numbers only.
    match unsafe { libc::ptrace(request, tid, addr, data) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Begins to trace a thread, which goes on; `with_filter` when it is one that we start.
///
/// # Errors
/// `EPERM` for another user's, for one that is traced already, or by the machine's policy.
pub(crate) fn seize(tid: i32, with_filter: bool) -> io::Result<()> {
    let options = if with_filter { OPTIONS | WITH_FILTER } else { OPTIONS };
    request(libc::PTRACE_SEIZE, tid, 0, usize::try_from(options).unwrap_or(0))
}

/// Makes a thread stop as soon as it can.
pub(crate) fn interrupt(tid: i32) {
    // It may be gone: then its end is the next thing that comes.
    let _ = request(libc::PTRACE_INTERRUPT, tid, 0, 0);
}

/// Lets a thread go that stands, with `signal` delivered (0 for none): it is not traced any more.
pub(crate) fn detach(tid: i32, signal: i32) {
    let _ = request(libc::PTRACE_DETACH, tid, 0, usize::try_from(signal).unwrap_or(0));
}

/// Lets it go on to its next stop, with `signal` delivered (0 for none).
pub(crate) fn go_on(tid: i32, signal: i32) {
    // It may have been killed meanwhile: then its end is the next thing that comes.
    let _ = request(libc::PTRACE_CONT, tid, 0, usize::try_from(signal).unwrap_or(0));
}

/// Lets it go on to where a call begins or ends.
pub(crate) fn go_on_to_call(tid: i32, signal: i32) {
    let _ = request(libc::PTRACE_SYSCALL, tid, 0, usize::try_from(signal).unwrap_or(0));
}

/// Leaves it stopped as a group, until a signal lets it go on.
pub(crate) fn listen(tid: i32) {
    let _ = request(libc::PTRACE_LISTEN, tid, 0, 0);
}

/// What the event is about: the thread that was made, or the one that called exec.
pub(crate) fn message(tid: i32) -> io::Result<u64> {
    let mut message: libc::c_ulong = 0;
    // SAFETY: the kernel writes one unsigned long to `data`.
    match unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, tid, 0usize, &raw mut message) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(message),
    }
}

fn call_info(tid: i32) -> io::Result<libc::ptrace_syscall_info> {
    // SAFETY: all-zero is a valid value, and the kernel writes at most the size that `addr` says.
    unsafe {
        let mut info: libc::ptrace_syscall_info = std::mem::zeroed();
        let size = size_of::<libc::ptrace_syscall_info>();
        match libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, tid, size, &raw mut info) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(info),
        }
    }
}

/// Where in a call a thread stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// This one begins.
    Beginning(Call),
    /// One has ended, with a value or the number of an error.
    End(Result<u64, i32>),
}

/// Where a thread stands that stopped at a call; `None` for a call of another architecture.
///
/// # Errors
/// When it has been killed, or stands for another reason.
pub(crate) fn at(tid: i32) -> io::Result<Option<At>> {
    let info = call_info(tid)?;
    let at = match info.op {
        libc::PTRACE_SYSCALL_INFO_SECCOMP => {
            // SAFETY: `op` says that this is the part that is filled.
            let seccomp = unsafe { info.u.seccomp };
            At::Beginning(Call { number: seccomp.nr, args: seccomp.args })
        }
        libc::PTRACE_SYSCALL_INFO_ENTRY => {
            // SAFETY: as above.
            let entry = unsafe { info.u.entry };
            At::Beginning(Call { number: entry.nr, args: entry.args })
        }
        libc::PTRACE_SYSCALL_INFO_EXIT => {
            // SAFETY: as above.
            let exit = unsafe { info.u.exit };
            let value = exit.sval.cast_unsigned();
            let code = || i32::try_from(exit.sval.unsigned_abs()).unwrap_or(i32::MAX);
            At::End(if exit.is_error == 0 { Ok(value) } else { Err(code()) })
        }
        op => return Err(io::Error::other(format!("no call begins or ends here ({op})"))),
    };
    Ok((info.arch == AUDIT_ARCH).then_some(at))
}

/// What the call returned from which a thread was on its way back when it was killed; it stands at its end. `None` when it had
/// not got so far, or where that is not known.
pub(crate) fn returned(tid: i32) -> Option<Result<u64, i32>> {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: all-zero is a valid value, and the kernel writes one `user_regs_struct`.
        let value = unsafe {
            let mut registers: libc::user_regs_struct = std::mem::zeroed();
            match libc::ptrace(libc::PTRACE_GETREGS, tid, 0usize, &raw mut registers) {
                -1 => return None,
                _ => registers.rax,
            }
        };
        // Until a call has returned, it would return ENOSYS.
        match i32::try_from(value.wrapping_neg()) {
            Ok(libc::ENOSYS) => None,
            Ok(code @ 1..4096) => Some(Err(code)),
            _ => Some(Ok(value)),
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = tid;
        None
    }
}

/// Why a signal came: its code, and the address that it is about.
pub(crate) fn signal_info(tid: i32) -> io::Result<(i32, u64)> {
    // SAFETY: all-zero is a valid value, and the kernel writes one siginfo; `si_addr` reads a field of the union that
    // every siginfo has the bytes of.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        match libc::ptrace(libc::PTRACE_GETSIGINFO, tid, 0usize, &raw mut info) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok((info.si_code, super::to_u64(info.si_addr().expose_provenance()))),
        }
    }
}

/// Waits for the next thread that stands or has ended; `None` when a signal came instead.
///
/// # Errors
/// `ECHILD` when there is nobody left.
pub(crate) fn next_stop() -> io::Result<Option<(i32, Stop)>> {
    let mut status = 0;
    // SAFETY: the status is live.
    let tid = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL) };
    match tid {
        -1 => match io::Error::last_os_error() {
            e if e.kind() == io::ErrorKind::Interrupted => Ok(None),
            e => Err(e),
        },
        _ => Ok(Some((tid, decoded(status)))),
    }
}

fn decoded(status: i32) -> Stop {
    if libc::WIFEXITED(status) {
        return Stop::Exited(libc::WEXITSTATUS(status));
    }
    if libc::WIFSIGNALED(status) {
        return Stop::Killed(libc::WTERMSIG(status));
    }
    let signal = libc::WSTOPSIG(status);
    match status >> 16 {
        libc::PTRACE_EVENT_SECCOMP => Stop::Call,
        libc::PTRACE_EVENT_CLONE | libc::PTRACE_EVENT_FORK => Stop::Clone,
        libc::PTRACE_EVENT_VFORK => Stop::Vfork,
        libc::PTRACE_EVENT_EXEC => Stop::Exec,
        libc::PTRACE_EVENT_EXIT => Stop::Exiting,
        libc::PTRACE_EVENT_STOP => match signal {
            libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => Stop::Group(signal),
            _ => Stop::Began,
        },
        0 if signal == libc::SIGTRAP | 0x80 => Stop::Call,
        0 => Stop::Signal(signal),
        _ => Stop::Event,
    }
}
