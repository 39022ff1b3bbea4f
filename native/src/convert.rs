//! A trace in another form.

mod chrome;
mod html;
mod import;
mod inline;
mod svg;
mod traces;

use crate::output::is_stdout;
use crate::trace::events;
use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use pagescope_shared::event::Event;
use pagescope_shared::format::count;
use pagescope_shared::store::Store;
use std::path::{Path, PathBuf};

/// From what to what.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The trace to read, in any form, or a log of strace or perf script; `-` for stdin
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// What to write, in the form that its name says: .pscope, .jsonl, .jsonl.gz, .html, .svg, .json (for Perfetto); `-` for stdout, as .jsonl
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// .html: take the page from this folder instead of the one inside the program
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
    #[command(flatten)]
    still: svg::Still,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Another form of the trace, as [`crate::trace_file`] has them.
    Trace,
    /// One page with the trace in it.
    Html,
    /// A picture of one moment.
    Svg,
    /// Chrome trace events.
    Chrome,
}

const FORMS: [(&str, Form); 6] = [
    (".pscope", Form::Trace),
    (".jsonl", Form::Trace),
    (".jsonl.gz", Form::Trace),
    (".html", Form::Html),
    (".svg", Form::Svg),
    (".json", Form::Chrome),
];

impl Form {
    fn of(path: &Path) -> Result<Self> {
        if is_stdout(path) {
            return Ok(Self::Trace);
        }
        let name = path.to_string_lossy();
        if let Some((_, form)) = FORMS.iter().find(|(end, _)| name.ends_with(end)) {
            return Ok(*form);
        }
        let ends = FORMS.map(|(end, _)| end).join(", ");
        bail!("{name} does not say which form to write: its name must end in one of {ends}")
    }
}

/// Writes a trace anew. What could not be read is told, and the rest is written.
///
/// # Errors
/// When the one cannot be read or the other not written. Then nothing of it stays.
pub(crate) fn convert(options: &Options) -> Result<()> {
    let Options { input, output, page, still } = options;
    let form = Form::of(output)?;
    if form != Form::Html && page.is_some() {
        bail!("--page is for .html only");
    }
    if form != Form::Svg && still.are_given() {
        bail!("--at, --pid, --addr, --all, --theme, --size and --small are for .svg only");
    }
    if is_same(input, output) {
        bail!("{} is what is read: write to another file, and rename it afterwards", output.display());
    }
    let source = Source { input, name: trace_name(input), store: import::open(input)? };
    let problems = source.store.problems().to_vec();
    match form {
        Form::Trace => traces::write(&source, output)?,
        Form::Html => html::write(&source, output, page.as_deref())?,
        Form::Chrome => chrome::write(&source, output)?,
        Form::Svg => svg::write(source, output, still)?,
    }
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

/// What is converted.
struct Source<'a> {
    /// Where it is read from: `-` is stdin.
    input: &'a Path,
    /// What to call the trace: its file's name without what says the form.
    name: String,
    store: Store,
}

impl Source<'_> {
    /// Goes through all events, and shows how far it is.
    fn each(&self, mut each: impl FnMut(&Event) -> Result<()>) -> Result<()> {
        let progress = bar(self.store.len(), "events")?;
        events(&self.store, 0, &mut |at, event| {
            each(event)?;
            if at % 4096 == 0 {
                progress.set_position(u64::try_from(at).unwrap_or(u64::MAX));
            }
            Ok(true)
        })?;
        progress.finish_and_clear();
        Ok(())
    }
}

/// How far it is; hidden where stderr is no terminal.
fn bar(all: usize, what: &str) -> Result<ProgressBar> {
    let template = format!("{{bar:40}} {{human_pos}} of {{human_len}} {what}, {{eta}} left");
    let style = ProgressStyle::with_template(&template)?;
    Ok(ProgressBar::new(u64::try_from(all).unwrap_or(u64::MAX)).with_style(style))
}

fn trace_name(path: &Path) -> String {
    if is_stdout(path) {
        return "trace".to_owned();
    }
    let name = path.file_name().map_or_else(|| "trace".into(), |name| name.to_string_lossy());
    let end = [".jsonl.gz", ".jsonl", ".pscope"].iter().find_map(|end| name.strip_suffix(end));
    end.filter(|rest| !rest.is_empty()).unwrap_or(&name).to_owned()
}

fn is_same(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    !is_stdout(a) && real(a).is_some_and(|a| Some(a) == real(b))
}
