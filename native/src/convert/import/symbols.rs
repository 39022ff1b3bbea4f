//! What strace writes for numbers, back to numbers.

use crate::recorder::calls;
use pagescope_shared::event::Advice;

/// Names of bits and of numbers: mman.h.
const NAMES: &[(&str, u64)] = &[
    ("NULL", 0),
    ("PROT_NONE", 0),
    ("PROT_READ", 1),
    ("PROT_WRITE", 2),
    ("PROT_EXEC", 4),
    ("PROT_SEM", 8),
    ("PROT_GROWSDOWN", 0x0100_0000),
    ("PROT_GROWSUP", 0x0200_0000),
    ("MAP_FILE", 0),
    ("MAP_SHARED", 1),
    ("MAP_PRIVATE", 2),
    ("MAP_SHARED_VALIDATE", 3),
    ("MAP_DROPPABLE", 8),
    ("MAP_FIXED", 0x10),
    ("MAP_ANONYMOUS", 0x20),
    ("MAP_32BIT", 0x40),
    ("MAP_GROWSDOWN", 0x100),
    ("MAP_DENYWRITE", 0x800),
    ("MAP_EXECUTABLE", 0x1000),
    ("MAP_LOCKED", 0x2000),
    ("MAP_NORESERVE", 0x4000),
    ("MAP_POPULATE", 0x8000),
    ("MAP_NONBLOCK", 0x1_0000),
    ("MAP_STACK", 0x2_0000),
    ("MAP_HUGETLB", 0x4_0000),
    ("MAP_SYNC", 0x8_0000),
    ("MAP_FIXED_NOREPLACE", 0x10_0000),
    ("MAP_UNINITIALIZED", 0x400_0000),
    ("MREMAP_MAYMOVE", 1),
    ("MREMAP_FIXED", 2),
    ("MREMAP_DONTUNMAP", 4),
    ("MS_ASYNC", 1),
    ("MS_INVALIDATE", 2),
    ("MS_SYNC", 4),
    ("MCL_CURRENT", 1),
    ("MCL_FUTURE", 2),
    ("MCL_ONFAULT", 4),
    ("MLOCK_ONFAULT", 1),
    ("SHM_RDONLY", 0o10000),
    ("SHM_RND", 0o20000),
    ("SHM_REMAP", 0o40000),
    ("SHM_EXEC", 0o100_000),
];

/// A number, or names with `|` between them; none for what is neither.
pub(super) fn value(text: &str) -> Option<u64> {
    // A comment says what the number stands for.
    let text = text.split("/*").next().unwrap_or_default().trim();
    let mut sum = 0u64;
    for part in text.split('|') {
        sum |= one(part.trim())?;
    }
    Some(sum)
}

fn one(text: &str) -> Option<u64> {
    if let Some((left, right)) = text.split_once("<<") {
        let shift = if right == "MAP_HUGE_SHIFT" { 26 } else { one(right)? };
        return one(left)?.checked_shl(u32::try_from(shift).ok()?);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    if let Some(digits) = text.strip_prefix('-') {
        return digits.parse::<u64>().ok().map(u64::wrapping_neg);
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let octal = text.strip_prefix('0').filter(|rest| !rest.is_empty());
        return octal.map_or_else(|| text.parse().ok(), |rest| u64::from_str_radix(rest, 8).ok());
    }
    if let Some(size) = text.strip_prefix("MAP_HUGE_") {
        let (digits, unit) = size.split_at_checked(size.len().checked_sub(2)?)?;
        let unit = match unit {
            "KB" => 10,
            "MB" => 20,
            "GB" => 30,
            _ => return None,
        };
        return Some(u64::from(digits.parse::<u64>().ok()?.checked_ilog2()? + unit) << 26);
    }
    if let Some((_, number)) = NAMES.iter().find(|(name, _)| *name == text) {
        return Some(*number);
    }
    let advice = Advice::from(text.to_owned());
    calls::advice_number(&advice)
}

/// The number of an error, such as `ENOMEM`.
pub(super) fn errno(name: &str) -> Option<i32> {
    let restarts = ["ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND"];
    if let Some(at) = restarts.iter().position(|restart| *restart == name) {
        return i32::try_from(at).ok().map(|at| 512 + at);
    }
    (1..134).find(|number| crate::sys::name(rustix::io::Errno::from_raw_os_error(*number)) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names() {
        let rows = [
            ("NULL", 0),
            ("0x7f00", 0x7f00),
            ("8192", 8192),
            ("-1", u64::MAX),
            ("PROT_READ|PROT_WRITE", 3),
            ("MAP_PRIVATE|MAP_ANONYMOUS|0x800000", 0x80_0022),
            ("MAP_SHARED|MAP_HUGETLB|21<<MAP_HUGE_SHIFT", 1 | 0x4_0000 | 21 << 26),
            ("MAP_HUGE_2MB", 21 << 26),
            ("MADV_DONTNEED", 4),
            ("0x66 /* MADV_??? */", 102),
        ];
        for (text, number) in rows {
            assert_eq!(value(text), Some(number), "{text}");
        }
        for bad in ["", "MAP_NEW", "0x", "{st_mode=1}", "99999999999999999999", "1<<99"] {
            assert_eq!(value(bad), None, "{bad}");
        }
        assert_eq!((errno("ENOMEM"), errno("ERESTARTSYS"), errno("EWHAT")), (Some(12), Some(512), None));
    }
}
