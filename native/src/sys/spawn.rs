//! A program that is started, but waits before it becomes what it shall be.

use std::ffi::CString;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// A child that waits to be let go.
pub(crate) struct Suspended {
    /// Its process.
    pub(crate) pid: i32,
    go: std::fs::File,
    failed: std::fs::File,
}

/// One instruction of a seccomp filter: see seccomp(2).
pub(crate) type Instruction = libc::sock_filter;

impl Suspended {
    /// Lets it install the filter, if it shall, and run the program.
    pub(crate) fn release(&mut self, with_filter: bool) -> io::Result<()> {
        self.go.write_all(&[u8::from(with_filter)])
    }

    /// Why it could not run the program; to be asked when it has ended without doing so.
    pub(crate) fn error(&mut self) -> io::Error {
        let mut code = [0; 4];
        match self.failed.read_exact(&mut code) {
            Ok(()) => io::Error::from_raw_os_error(i32::from_ne_bytes(code)),
            Err(_) => io::Error::other("it ended before it began"),
        }
    }
}

/// Forks; the child waits, then installs `filter`, if it shall, and becomes `argv`.
///
/// # Errors
/// When there can be no more processes or descriptors.
pub(crate) fn spawn_suspended(argv: &[CString], filter: &[Instruction]) -> io::Result<Suspended> {
    let (wait, go) = pipe()?;
    let (failed, tell) = pipe()?;
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(io::Error::other)?,
        filter: filter.as_ptr().cast_mut(),
    };
    let mut pointers: Vec<*const libc::c_char> = argv.iter().map(|arg| arg.as_ptr()).collect();
    pointers.push(std::ptr::null());
    // SAFETY: this program has one thread here, and until it execs or exits the child calls nothing but system calls
    // and execvp, which takes no lock and no heap memory in the libraries that we run on.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    if pid > 0 {
        return Ok(Suspended { pid, go: go.into(), failed: failed.into() });
    }
    let mut byte = 0u8;
    // SAFETY: all pointers are to live values of this frame or of the caller's; the child has its own copy of them.
    unsafe {
        // The parent's end of the pipe: without it the child sees when the parent dies.
        libc::close(go.as_raw_fd());
        // Rust ignores it, and who ignores a signal passes that on.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        if libc::read(wait.as_raw_fd(), (&raw mut byte).cast(), 1) == 1 {
            let filter = &raw const program;
            let install = || libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, filter) == 0;
            // Without CAP_SYS_ADMIN it takes giving up what set-user-ID programs get: those who may need not. (Who is traced
            // does not get it anyway.)
            if byte == 0 || install() || libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && install()
            {
                libc::execvp(pointers[0], pointers.as_ptr());
            }
            let code = *libc::__errno_location();
            libc::write(tell.as_raw_fd(), (&raw const code).cast(), 4);
        }
        libc::_exit(127)
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    // SAFETY: there is room for two descriptors, which are ours when it succeeds.
    unsafe {
        if libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])))
    }
}
