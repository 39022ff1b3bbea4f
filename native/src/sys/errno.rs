//! What errors are called.

use rustix::io::Errno;

/// The name in the man pages, such as `ENOMEM`; `errno 123` for one that no memory call gives.
pub(crate) fn name(errno: Errno) -> String {
    let known = match errno {
        Errno::ACCESS => "EACCES",
        Errno::AGAIN => "EAGAIN",
        Errno::BADF => "EBADF",
        Errno::BUSY => "EBUSY",
        Errno::EXIST => "EEXIST",
        Errno::FAULT => "EFAULT",
        Errno::INTR => "EINTR",
        Errno::INVAL => "EINVAL",
        Errno::IO => "EIO",
        Errno::NFILE => "ENFILE",
        Errno::NODEV => "ENODEV",
        Errno::NOMEM => "ENOMEM",
        Errno::NOSYS => "ENOSYS",
        Errno::NOTTY => "ENOTTY",
        Errno::OVERFLOW => "EOVERFLOW",
        Errno::PERM => "EPERM",
        Errno::TXTBSY => "ETXTBSY",
        other => return format!("errno {}", other.raw_os_error()),
    };
    known.to_owned()
}

/// What the C library says about it: strerror(3).
pub(crate) fn description(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    // Rust adds " (os error 12)"; the number stands in the name already.
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_man_pages_say() {
        assert_eq!(name(Errno::NOMEM), "ENOMEM");
        assert_eq!(description(Errno::NOMEM), "Cannot allocate memory");
        assert_eq!(name(Errno::from_raw_os_error(133)), "errno 133");
    }
}
