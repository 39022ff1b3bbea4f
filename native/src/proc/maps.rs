//! `/proc/PID/maps`: see proc_pid_maps(5).
//!
//! Read by hand, as bytes: a file name may hold anything but a line break (shown as `\012`) and need not be UTF-8, and
//! no mapped file's name may make the others unreadable.

use anyhow::{Context, Result};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::mapping::{Attributes, Backing, Mapping, Object, Protection, Sharing};
use pagescope_shared::names::VmFlags;
use std::sync::Arc;

/// This process's mappings by address.
///
/// # Errors
/// When `/proc/self/maps` cannot be read or holds a line that nobody understands.
pub(crate) fn own_mappings() -> Result<Vec<Mapping>> {
    const PATH: &str = "/proc/self/maps";
    let text = std::fs::read(PATH).with_context(|| format!("cannot read {PATH}"))?;
    parse(&text).with_context(|| format!("cannot read {PATH}"))
}

/// Another process's mappings by address.
///
/// # Errors
/// When it is gone, or another user's, or holds a line that nobody understands.
pub(crate) fn mappings_of(pid: u32) -> Result<Vec<Mapping>> {
    let path = format!("/proc/{pid}/maps");
    let text = std::fs::read(&path).with_context(|| format!("cannot read {path}"))?;
    parse(&text).with_context(|| format!("cannot read {path}"))
}

/// The same, with what each of them has been told: the kernel looks at all page tables for that.
///
/// # Errors
/// As for [`mappings_of`].
pub(crate) fn mappings_with_flags(pid: u32) -> Result<Vec<Mapping>> {
    let path = format!("/proc/{pid}/smaps");
    let Ok(text) = std::fs::read(&path) else { return mappings_of(pid) };
    let mut found: Vec<Mapping> = Vec::new();
    for line in text.split(|&b| b == b'\n') {
        let field = line.split(|&b| b == b' ').next().unwrap_or_default();
        if let (b"VmFlags:", Some(last)) = (field, found.last_mut()) {
            last.attributes.flags = vm_flags(line, last);
        } else if !field.ends_with(b":") && !line.is_empty() {
            found.push(mapping(line).with_context(|| {
                format!("cannot read {path}: not a mapping: {:?}", String::from_utf8_lossy(line))
            })?);
        }
    }
    Ok(found)
}

/// What smaps calls the flags: see proc_pid_smaps(5).
fn vm_flags(line: &[u8], mapping: &Mapping) -> VmFlags {
    let words: Vec<&[u8]> = line.split(|&b| b == b' ').skip(1).filter(|word| !word.is_empty()).collect();
    let has = |word: &&[u8; 2]| words.contains(&&word[..]);
    let known: [(&[u8; 2], u64); 16] = [
        (b"lo", VmFlags::LOCKED),
        (b"lf", VmFlags::LOCK_ON_FAULT),
        (b"dc", VmFlags::DONT_FORK),
        (b"wf", VmFlags::WIPE_ON_FORK),
        (b"gd", VmFlags::GROWS_DOWN),
        (b"hg", VmFlags::HUGE_PAGE),
        (b"nh", VmFlags::NO_HUGE_PAGE),
        (b"dd", VmFlags::DONT_DUMP),
        (b"sr", VmFlags::SEQUENTIAL),
        (b"rr", VmFlags::RANDOM),
        (b"mg", VmFlags::MERGEABLE),
        (b"nr", VmFlags::NO_RESERVE),
        (b"ac", VmFlags::ACCOUNTED),
        (b"ht", VmFlags::HUGETLB),
        (b"dp", VmFlags::DROPPABLE),
        (b"pf", VmFlags::SPECIAL),
    ];
    let mut bits = known.iter().filter(|(word, _)| has(word)).fold(0, |sum, (_, bit)| sum | bit);
    if mapping.attributes.sharing == Sharing::Shared && !has(&b"mw") {
        bits |= VmFlags::NEVER_WRITABLE;
    }
    VmFlags::of(bits)
}

fn parse(text: &[u8]) -> Result<Vec<Mapping>> {
    let lines = text.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            mapping(line).with_context(|| format!("not a mapping: {:?}", String::from_utf8_lossy(line)))
        })
        .collect()
}

/// One line: `start-end perms offset dev inode`, blanks, and then, to the end of the line, the name.
fn mapping(line: &[u8]) -> Option<Mapping> {
    let mut rest = line;
    let range = std::str::from_utf8(word(&mut rest)?).ok()?;
    let permissions = word(&mut rest)?;
    let offset = std::str::from_utf8(word(&mut rest)?).ok()?;
    let dev = std::str::from_utf8(word(&mut rest)?).ok()?.to_owned();
    let inode = std::str::from_utf8(word(&mut rest)?).ok()?.parse().ok()?;
    let name = rest.trim_ascii_start();

    let hex = |digits| u64::from_str_radix(digits, 16).ok().map(Addr);
    let (start, end) = range.split_once('-')?;
    let range = Range::new(hex(start)?, hex(end)?).ok()?;
    let [r, w, x, p] = *permissions else { return None };
    let protection = Protection { read: r == b'r', write: w == b'w', execute: x == b'x' };
    let sharing = if p == b's' { Sharing::Shared } else { Sharing::Private };
    let backing = backing(name, dev, inode);
    let offset = if backing.object().is_some() { hex(offset)?.0 } else { 0 };
    Some(Mapping {
        range,
        attributes: Attributes { protection, sharing, backing, offset, flags: VmFlags::NONE },
    })
}

fn word<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let at = rest.iter().position(|&b| b == b' ').unwrap_or(rest.len());
    let (word, after) = rest.split_at_checked(at)?;
    *rest = after.get(1..).unwrap_or_default();
    (!word.is_empty()).then_some(word)
}

pub(crate) fn backing(name: &[u8], dev: String, inode: u64) -> Backing {
    let text = String::from_utf8_lossy(name).into_owned();
    // A file has a number on a device, whatever it is called: even "[heap]", or nothing but the kernel's own
    // "/memfd:x (deleted)".
    if inode != 0 || name.starts_with(b"/") {
        // Objects of shared memory live in a file system that nobody can see.
        const SHARED: [&str; 4] = ["/memfd:", "/dev/zero (deleted)", "/SYSV", "[anon_shmem:"];
        let shm = SHARED.iter().any(|prefix| text.starts_with(prefix));
        let object = Arc::new(Object { path: text, dev, inode });
        return if shm { Backing::Shm(object) } else { Backing::File(object) };
    }
    match text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        Some("heap") => Backing::Heap,
        Some("stack") => Backing::Stack,
        // Anonymous memory with a name (PR_SET_VMA_ANON_NAME), and threads' stacks of old kernels.
        Some(name) if name.starts_with("anon:") || name.starts_with("stack:") => Backing::Anonymous,
        Some(name) => Backing::Kernel(Arc::new(name.to_owned())),
        None if text.is_empty() => Backing::Anonymous,
        None => Backing::Kernel(Arc::new(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(path: &str, dev: &str, inode: u64) -> Arc<Object> {
        Arc::new(Object { path: path.into(), dev: dev.into(), inode })
    }

    #[test]
    fn lines() {
        let rows: &[(&[u8], &str, Backing)] = &[
            (b"100000000-100001000 rw-p 00000000 00:00 0 ", "rw-p", Backing::Anonymous),
            (b"100000000-100001000 rw-p 00000000 00:00 0", "rw-p", Backing::Anonymous),
            (
                b"7f00-8000 r-xp 00026000 fe:00 1234       /usr/lib/libc.so.6",
                "r-xp",
                Backing::File(object("/usr/lib/libc.so.6", "fe:00", 1234)),
            ),
            (
                b"1000-2000 rw-s 00000000 00:01 2060  /dev/zero (deleted)",
                "rw-s",
                Backing::Shm(object("/dev/zero (deleted)", "00:01", 2060)),
            ),
            (
                b"1000-2000 rw-s 00000000 00:01 2061  [anon_shmem:name]",
                "rw-s",
                Backing::Shm(object("[anon_shmem:name]", "00:01", 2061)),
            ),
            (
                b"1000-2000 rw-s 0 00:01 5  /SYSV00000000 (deleted)",
                "rw-s",
                Backing::Shm(object("/SYSV00000000 (deleted)", "00:01", 5)),
            ),
            (
                b"1000-2000 r--p 0 fe:00 9  /odd  name \xff [heap]",
                "r--p",
                Backing::File(object("/odd  name \u{fffd} [heap]", "fe:00", 9)),
            ),
            (b"1000-2000 rw-p 00000000 00:00 0   [heap]", "rw-p", Backing::Heap),
            (b"1000-2000 rw-p 00000000 00:00 0   [stack]", "rw-p", Backing::Stack),
            (b"1000-2000 rw-p 00000000 00:00 0   [anon:name]", "rw-p", Backing::Anonymous),
            (
                b"ffffffffff600000-ffffffffff601000 --xp 0 00:00 0 [vsyscall]",
                "--xp",
                Backing::Kernel(Arc::new("vsyscall".into())),
            ),
        ];
        for (line, permissions, backing) in rows {
            let found = mapping(line).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(line)));
            assert_eq!((found.permissions().as_str(), &found.attributes.backing), (*permissions, backing));
        }
        for line in
            [&b"x"[..], b"", b"2000-1000 rw-p 0 00:00 0", b"1000-2000 rw 0 00:00 0", b"1000-2000 rw-p 0"]
        {
            assert_eq!(mapping(line), None, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn this_very_process() {
        let mappings = own_mappings().unwrap();
        assert!(mappings.windows(2).all(|w| w[0].range.end() <= w[1].range.start()));
        let here = Addr(crate::sys::to_u64(std::ptr::from_ref(&mappings).addr()));
        let holder = mappings.iter().find(|m| m.range.contains(here)).unwrap();
        assert_eq!(holder.permissions(), "rw-p");
        assert!(mappings.iter().any(|m| m.attributes.backing == Backing::Stack));
    }
}
