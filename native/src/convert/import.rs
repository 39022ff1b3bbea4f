//! What other tools wrote down, as a trace: logs of strace, and what `perf script` prints. They tell calls, and perf may
//! tell page faults; what neither of them tells is not made up.

mod ledger;
mod perf;
mod strace;
mod symbols;
mod syntax;

use crate::trace;
use anyhow::{Context, Result, bail};
use pagescope_shared::store::Store;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No longer log is read: its text and its events are held while it is.
const MOST_BYTES: u64 = 1 << 30;
/// So many lines are looked at to tell what it is.
const LOOKED_AT: usize = 200;

/// Reads a trace or a log from a file, or from stdin where `path` is `-`.
///
/// # Errors
/// When it cannot be read, or is neither; a log without times, or one that is too long.
pub(super) fn open(path: &Path) -> Result<Store> {
    let shown = path.display();
    let cannot_read = || format!("cannot read {shown}");
    let mut from: Box<dyn Read> = if crate::output::is_stdout(path) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).with_context(|| format!("cannot open {shown}"))?)
    };
    let mut first = Vec::new();
    from.by_ref().take(64 << 10).read_to_end(&mut first).with_context(cannot_read)?;
    let head = String::from_utf8_lossy(&first);
    let lines = || head.lines().take(LOOKED_AT);
    let (is_strace, is_perf) = (lines().any(strace::is_line), lines().any(perf::is_line));
    if !is_strace && !is_perf {
        if lines().any(strace::is_line_without_time) {
            bail!(
                "{shown} is a log of strace without times: record it with `strace -f -ttt -o FILE PROGRAM`"
            );
        }
        return trace::read(io::Cursor::new(first).chain(from), path);
    }
    let mut bytes = first;
    from.take(MOST_BYTES).read_to_end(&mut bytes).with_context(cannot_read)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) >= MOST_BYTES {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge)).with_context(cannot_read);
    }
    let text = String::from_utf8_lossy(&bytes);
    let progress = super::bar(text.lines().count(), "lines")?;
    let told = |line: usize| {
        if line.is_multiple_of(4096) {
            progress.set_position(u64::try_from(line).unwrap_or(u64::MAX));
        }
    };
    let trace = if is_strace { strace::read(&text, &told)? } else { perf::read(&text, &told) };
    progress.finish_and_clear();
    Ok(Store::from_trace(&trace))
}
