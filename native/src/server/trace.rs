//! The trace that is shown.

use anyhow::{Context, Result};
use pagescope_shared::store::{Begun, Store};
use pagescope_shared::trace::Problem;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// So much of a file's ends is read at first.
const END_BYTES: u64 = 64 << 10;

/// Looks at the trace once, so that what is wrong with it is told here and not only in the page. Returns its name for
/// addresses. Of a finished `.pscope` only the ends are read.
///
/// # Errors
/// When it cannot be read or is no trace.
pub(super) fn check(path: &Path) -> Result<String> {
    let shown = path.display();
    let cannot_read = || format!("cannot read {shown}");
    let mut file = File::open(path).with_context(cannot_read)?;
    if !has_index(&mut file).with_context(cannot_read)? {
        file.rewind().with_context(cannot_read)?;
        let read = Store::read(file).with_context(cannot_read)?;
        let store = read.with_context(|| format!("{shown} cannot be shown"))?;
        warn(path, &store.problems());
    }
    let name = path.file_name().with_context(|| format!("{shown} has no file name"))?;
    Ok(name.to_string_lossy().into_owned())
}

/// Whether it is a `.pscope` that says where everything is.
fn has_index(file: &mut File) -> io::Result<bool> {
    let len = file.metadata()?.len();
    let mut part = |range: Range<u64>| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(range.start))?;
        file.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    let (mut first, mut last) = (0..END_BYTES.min(len), len.saturating_sub(END_BYTES)..len);
    // The head and the footer may each be longer than that.
    for _ in 0..3 {
        match Store::from_ends(len, &part(first.clone())?, &part(last.clone())?) {
            Ok(Begun::More(range)) if range.start == 0 => first = range,
            Ok(Begun::More(range)) => last = range,
            Ok(Begun::Store(_)) => return Ok(true),
            Ok(Begun::NoIndex) | Err(_) => break,
        }
    }
    Ok(false)
}

fn warn(path: &Path, problems: &[Problem]) {
    if let Some(first) = problems.first() {
        let more = match problems.len() - 1 {
            0 => String::new(),
            more => format!(" ({more} more like it)"),
        };
        let shown = path.display();
        eprintln!("warning: {shown} is damaged; everything else in it is shown. {first}{more}");
    }
}

/// Percent-encoded for one part of a path: RFC 3986, all but the unreserved characters.
pub(super) fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_addresses() {
        for (name, expected) in
            [("hello.jsonl", "hello.jsonl"), ("a b#c%.jsonl", "a%20b%23c%25.jsonl"), ("ä", "%C3%A4")]
        {
            assert_eq!(encoded(name), expected);
        }
    }
}
