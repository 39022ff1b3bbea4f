//! What other tools wrote down, as a trace: logs of strace, and what `perf script` prints. They tell calls, and perf may
//! tell page faults; what neither of them tells is not made up.

mod ledger;
mod perf;
mod strace;
mod symbols;
mod syntax;

use crate::trace;
use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use pagescope_shared::store::Store;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No longer log is read: its text and its events are held while it is.
const MOST_BYTES: u64 = 1 << 30;
/// So many bytes of a file are looked into to tell what it is, and
const LOOKED_INTO: u64 = 64 << 10;
/// so many lines of them.
const LOOKED_AT: usize = 200;
/// How gzipped files begin: RFC 1952.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads a trace or a log, gzipped or not, from a file, or from stdin where `path` is `-`. Of a log that cannot be read to its
/// end, what comes before is told.
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
    from.by_ref().take(LOOKED_INTO).read_to_end(&mut first).with_context(cannot_read)?;
    let is_gzip = first.starts_with(&GZIP);
    let mut unpacked = Vec::new();
    if is_gzip {
        // It ends in the middle, but for small files.
        let _ = MultiGzDecoder::new(&first[..]).take(LOOKED_INTO).read_to_end(&mut unpacked);
    }
    let head = String::from_utf8_lossy(if is_gzip { &unpacked } else { &first });
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
    let whole = io::Cursor::new(first).chain(from);
    let mut from: Box<dyn Read> =
        if is_gzip { Box::new(MultiGzDecoder::new(io::BufReader::new(whole))) } else { Box::new(whole) };
    let mut bytes = Vec::new();
    if let Err(e) = from.by_ref().take(MOST_BYTES).read_to_end(&mut bytes) {
        eprintln!("warning: {shown} cannot be read to its end ({e}): only what comes before is told");
    }
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
