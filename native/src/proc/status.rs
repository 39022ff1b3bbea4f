//! What `/proc` says of a process besides its memory: see proc_pid_status(5), proc_pid_stat(5), proc_pid_syscall(5).

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// The process of a thread.
pub(crate) fn group_of(tid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())
}

/// Whether the call that a thread is in makes a process that shares its memory.
pub(crate) fn shares_memory(tid: i32) -> bool {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{tid}/syscall")) else { return false };
    let mut words = text.split(' ');
    let Some(number) = words.next().and_then(|word| word.parse::<i64>().ok()) else { return false };
    let first = words.next().and_then(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    let flags = match number {
        libc::SYS_clone => first.unwrap_or(0),
        libc::SYS_clone3 => first.and_then(|at| word_at(tid, at)).unwrap_or(0),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_vfork => return true,
        _ => 0,
    };
    flags & u64::from(libc::CLONE_VM.unsigned_abs()) != 0
}

/// Eight bytes of another process's memory.
fn word_at(tid: i32, addr: u64) -> Option<u64> {
    use std::os::unix::fs::FileExt as _;
    let mut word = [0; 8];
    File::open(format!("/proc/{tid}/mem")).ok()?.read_exact_at(&mut word, addr).ok()?;
    Some(u64::from_ne_bytes(word))
}

/// Where the heap begins: `start_brk` in proc_pid_stat(5).
pub(crate) fn heap_start(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    fields.split_whitespace().nth(44).and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// The program's arguments, its own name first.
pub(crate) fn arguments(pid: u32) -> Vec<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    line.split(|&b| b == 0).map(|arg| String::from_utf8_lossy(arg).into_owned()).collect()
}

/// The program that a process runs; empty when nobody may know.
pub(crate) fn exe(pid: u32) -> String {
    let path: PathBuf = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    path.to_string_lossy().into_owned()
}

/// Whether a process runs a program for another, narrower machine than ours, by the ELF header: see elf(5).
pub(crate) fn is_32_bit(pid: u32) -> bool {
    let mut head = [0; 5];
    let read = File::open(format!("/proc/{pid}/exe")).and_then(|mut exe| exe.read_exact(&mut head));
    read.is_ok() && head == *b"\x7fELF\x01"
}

/// Whether the program that a process runs would have other rights than who started it.
pub(crate) fn is_privileged(pid: u32) -> bool {
    std::fs::metadata(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.mode() & 0o6000 != 0)
}

/// The threads of a process, by number; none when it is gone.
pub(crate) fn threads(pid: u32) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut all: Vec<i32> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    all.sort_unstable();
    all
}
