//! How strace writes arguments and results.

use super::symbols::{errno, value};

/// Arguments up to the bracket that closes them, and what stands behind the `=`.
pub(super) fn split(text: &str) -> Option<(Vec<String>, &str)> {
    let end = closing(text)?;
    let (args, rest) = text.split_at_checked(end)?;
    let result = rest.strip_prefix(')')?.trim_start().strip_prefix("= ")?;
    Some((arguments(args), result))
}

/// Where the bracket closes that was open before `text`; strings and other brackets are passed over.
fn closing(text: &str) -> Option<usize> {
    let mut scan = Scan::default();
    text.char_indices().find(|(_, c)| !scan.inside(*c) && *c == ')').map(|(at, _)| at)
}

/// What stands between commas that are in no brackets and in no string.
pub(super) fn arguments(text: &str) -> Vec<String> {
    let (mut scan, mut from, mut all) = (Scan::default(), 0, Vec::new());
    for (at, c) in text.char_indices() {
        if !scan.inside(c) && c == ',' {
            all.push(text.get(from..at).unwrap_or_default().trim().to_owned());
            from = at + 1;
        }
    }
    let last = text.get(from..).unwrap_or_default().trim();
    if !last.is_empty() {
        all.push(last.to_owned());
    }
    all
}

/// Where in a text one is.
#[derive(Default)]
struct Scan {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Whether this character stands in a string or in brackets.
    fn inside(&mut self, c: char) -> bool {
        if self.in_string {
            match c {
                _ if self.escaped => self.escaped = false,
                '\\' => self.escaped = true,
                '"' => self.in_string = false,
                _ => {}
            }
            return true;
        }
        match c {
            '"' => self.in_string = true,
            '[' | '{' | '(' => self.depth += 1,
            ']' | '}' | ')' if self.depth > 0 => self.depth -= 1,
            _ => return self.depth > 0,
        }
        true
    }
}

/// A string without its quotes and what strace escaped in it.
pub(super) fn unquoted(text: &str) -> String {
    let text = text.trim_end_matches("...").trim_matches('"');
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

/// What a call returned: a number or an error, or that it never did (`?`). None when it says something else.
#[expect(clippy::option_option, reason = "said, and said to be nothing")]
pub(super) fn returned(text: &str) -> Option<Option<Result<u64, i32>>> {
    let mut words = text.split([' ', '<']).filter(|word| !word.is_empty());
    let first = words.next()?;
    let error = words.next().filter(|word| word.starts_with('E'));
    match (first, error) {
        ("?", None) => Some(None),
        ("?" | "-1", Some(name)) => Some(Some(Err(errno(name).unwrap_or(i32::MAX)))),
        (number, _) => value(number).map(|number| Some(Ok(number))),
    }
}

/// `3`, with -y `3</etc/passwd>`.
pub(super) fn descriptor(text: &str) -> Option<u64> {
    text.split('<').next().and_then(value)
}
