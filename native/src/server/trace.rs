//! The trace that is shown.

use anyhow::{Context, Result};
use pagescope_shared::trace;
use std::fmt::Write;
use std::path::Path;

/// Reads the trace once, so that what is wrong with it is told here and not only in the page. Returns its name for
/// addresses.
///
/// # Errors
/// When it cannot be read or is no trace.
pub(super) fn check(path: &Path) -> Result<String> {
    let shown = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    let trace = trace::read(&bytes).with_context(|| format!("{shown} cannot be shown"))?;
    if let Some(first) = trace.problems.first() {
        let more = match trace.problems.len() - 1 {
            0 => String::new(),
            more => format!(" ({more} more like it)"),
        };
        eprintln!("warning: {shown} is damaged; everything else in it is shown. {first}{more}");
    }
    let name = path.file_name().with_context(|| format!("{shown} has no file name"))?;
    Ok(name.to_string_lossy().into_owned())
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
