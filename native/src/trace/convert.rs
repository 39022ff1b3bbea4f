//! The same trace in another form.

use super::{events, open};
use crate::trace_file::{TraceFile, is_stdout};
use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use pagescope_shared::format::count;
use std::path::{Path, PathBuf};

/// From what to what.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The trace to read, in any form; `-` for stdin
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The trace to write, in the form that its name says: .pscope, .jsonl or .jsonl.gz; `-` for stdout, as .jsonl
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

const FORMS: [&str; 3] = [".pscope", ".jsonl", ".jsonl.gz"];

/// Writes a trace anew. What could not be read is told, and the rest is written.
///
/// # Errors
/// When the one cannot be read or the other not written.
pub(crate) fn convert(options: &Options) -> Result<()> {
    let Options { input, output } = options;
    let name = output.to_string_lossy();
    if !is_stdout(output) && !FORMS.iter().any(|form| name.ends_with(form)) {
        bail!("{name} does not say which form to write: its name must end in {}", FORMS.join(", "));
    }
    if is_same(input, output) {
        bail!("{name} is what is read: write to another file, and rename it afterwards");
    }
    let store = open(input)?;
    let mut file = TraceFile::create(output)?;
    file.header(store.header())?;
    let all = u64::try_from(store.len()).unwrap_or(u64::MAX);
    // Hidden where stderr is no terminal.
    let style = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} events, {eta} left")?;
    let progress = ProgressBar::new(all).with_style(style);
    events(&store, 0, &mut |at, event| {
        file.event(event)?;
        if at % 4096 == 0 {
            progress.set_position(u64::try_from(at).unwrap_or(u64::MAX));
        }
        Ok(true)
    })?;
    progress.finish_and_clear();
    file.finish()?;
    let problems = store.problems();
    if let Some(first) = problems.first() {
        let number = u64::try_from(problems.len()).unwrap_or(u64::MAX);
        eprintln!(
            "warning: {} in {}; everything else was written. The first: {first}",
            count(number, "problem", "problems"),
            input.display()
        );
    }
    Ok(())
}

fn is_same(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    !is_stdout(a) && real(a).is_some_and(|a| Some(a) == real(b))
}
