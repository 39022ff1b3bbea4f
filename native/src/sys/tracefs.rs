//! The kernel's tracepoints: see Documentation/trace/events.rst.

use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;

/// Where it is mounted, if it is.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The file system that describes the tracepoints.
pub(crate) struct Tracefs(OwnedFd);

/// What a tracepoint's records are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tracepoint {
    /// Its number: the first two bytes of each of its records.
    pub(crate) id: u16,
    format: String,
}

impl Tracefs {
    /// The one that is mounted, or else one that nobody else sees.
    ///
    /// # Errors
    /// `EACCES`, `EPERM` for those who may not.
    pub(crate) fn open() -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        for place in PLACES {
            if let Ok(dir) = rustix::fs::open(place, flags, Mode::empty())
                && openat(&dir, "events/header_page", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).is_ok()
            {
                return Ok(Self(dir));
            }
        }
        let context = fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(&context)?;
        Ok(Self(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?))
    }

    /// A tracepoint, such as `raw_syscalls/sys_enter`.
    ///
    /// # Errors
    /// `ENOENT` when the kernel has none of that name, `EACCES` for those who may not.
    pub(crate) fn tracepoint(&self, name: &str) -> io::Result<Tracepoint> {
        let read = |what: &str| -> io::Result<String> {
            let path = format!("events/{name}/{what}");
            // Room for it in one piece: each waits while the kernel takes somebody's tracepoints apart.
            let mut text = String::with_capacity(4096);
            File::from(openat(&self.0, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
                .read_to_string(&mut text)?;
            Ok(text)
        };
        let id = read("id")?.trim().parse().map_err(io::Error::other)?;
        Ok(Tracepoint { id, format: read("format")? })
    }
}

impl Tracepoint {
    /// Where a field of eight bytes stands in a record.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn offset(&self, field: &str) -> io::Result<usize> {
        let found = self.format.lines().find_map(|line| {
            let mut parts = line.trim().strip_prefix("field:")?.split(';').map(str::trim);
            let name = parts.next()?.rsplit(' ').next()?;
            let name = name.split_once('[').map_or(name, |(name, _)| name);
            let offset = parts.find_map(|part| part.strip_prefix("offset:")?.parse().ok())?;
            (name == field).then_some(offset)
        });
        found.ok_or_else(|| io::Error::other(format!("a tracepoint without {field}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_where_the_format_says() {
        let format = "name: sys_enter\nID: 22\nformat:\n\
            \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n\
            \tfield:long id;\toffset:8;\tsize:8;\tsigned:1;\n\
            \tfield:unsigned long args[6];\toffset:16;\tsize:48;\tsigned:0;\n";
        let point = Tracepoint { id: 22, format: format.to_owned() };
        assert_eq!(point.offset("id").unwrap(), 8);
        assert_eq!(point.offset("args").unwrap(), 16);
        assert!(point.offset("arg").is_err());
    }
}
