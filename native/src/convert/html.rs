//! One file that shows a trace without a server and without a network: the page, and the trace in it.

use super::Source;
use super::inline::Document;
use crate::output::Output;
use crate::page::Page;
use anyhow::{Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pagescope_shared::format::{escaped, size};
use pagescope_shared::pscope::{Encoder, Options};
use std::path::Path;

/// The browser holds the file's text, the trace that it stands for, and what the page makes of that.
const MOST_BYTES: usize = 64 << 20;

/// Writes the page with the trace in it, as a `.pscope`.
///
/// # Errors
/// When there is no page, the trace is too long, or the file cannot be written.
pub(super) fn write(source: &Source<'_>, to: &Path, folder: Option<&Path>) -> Result<()> {
    let header = source.store.header();
    let title = header.lesson.as_ref().map_or(source.name.as_str(), |lesson| lesson.title.as_str());
    let document = Document::new(&Page::find(folder)?, title)?;
    let mut output = Output::create_from(to, Some(source.input))?;
    output.put(document.before.as_bytes())?;
    let name = escaped(&format!("{}.pscope", source.name));
    let tag =
        format!("<script type=\"application/octet-stream\" id=\"embedded-trace\" data-name=\"{name}\">");
    output.put(tag.as_bytes())?;
    let mut trace = Trace { output: &mut output, bytes: 0, rest: Vec::new() };
    let mut encoder = Encoder::new(header, Options::default())?;
    source.each(|event| {
        encoder.push(event)?;
        trace.put(encoder.take())
    })?;
    trace.put(encoder.finish())?;
    trace.end()?;
    output.put(b"</script>\n")?;
    output.put(document.after.as_bytes())?;
    output.finish()
}

/// A trace that is written in base64, piece by piece.
struct Trace<'a> {
    output: &'a mut Output,
    bytes: usize,
    /// Less than three bytes wait for the next piece.
    rest: Vec<u8>,
}

impl Trace<'_> {
    fn put(&mut self, piece: Vec<u8>) -> Result<()> {
        self.bytes = self.bytes.saturating_add(piece.len());
        if self.bytes > MOST_BYTES {
            let most = size(u64::try_from(MOST_BYTES)?);
            bail!(
                "the trace is too long to stand in one page: as .pscope it takes more than {most}. Show it with \
                 `pagescope open`, or put it beside the page on a web server: then it is read in parts"
            );
        }
        self.rest.extend(piece);
        let rest = self.rest.split_off(self.rest.len() / 3 * 3);
        let whole = std::mem::replace(&mut self.rest, rest);
        self.output.put(STANDARD.encode(whole).as_bytes())
    }

    fn end(self) -> Result<()> {
        self.output.put(STANDARD.encode(self.rest).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_one_text_and_too_many_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut output = Output::create(&path).unwrap();
        let mut trace = Trace { output: &mut output, bytes: 0, rest: Vec::new() };
        for piece in [&b"a"[..], b"", b"bcde", b"fg"] {
            trace.put(piece.to_vec()).unwrap();
        }
        trace.end().unwrap();
        let mut trace = Trace { output: &mut output, bytes: MOST_BYTES, rest: Vec::new() };
        let error = trace.put(vec![0]).unwrap_err().to_string();
        assert!(error.contains("64 MiB") && error.contains("pagescope open"), "{error}");
        output.finish().unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), STANDARD.encode("abcdefg"));
    }
}
