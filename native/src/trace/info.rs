//! What is in a trace.

mod print;
mod summary;

use super::{events, open, print as to_stdout};
use anyhow::{Context as _, Result};
use std::path::PathBuf;
use summary::Summary;

/// Which trace, and how to tell.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The trace; `-` for stdin
    file: PathBuf,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

/// Tells what is in a trace.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn info(options: &Options) -> Result<()> {
    let store = open(&options.file)?;
    let mut summary = Summary::new(&store);
    events(&store, 0, &mut |_, event| {
        summary.follow(event);
        Ok(true)
    })?;
    summary.finish(&store);
    let bytes =
        std::fs::metadata(&options.file).ok().filter(std::fs::Metadata::is_file).map(|found| found.len());
    let text = if options.json {
        let mut text = serde_json::to_string_pretty(&summary.json(bytes)).context("cannot print")?;
        text.push('\n');
        text
    } else {
        print::text(&summary, &options.file, bytes)
    };
    to_stdout(&text)?;
    Ok(())
}
