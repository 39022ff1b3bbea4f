//! The forms of a trace: nothing is lost from one to another.

use super::Source;
use crate::trace_file::TraceFile;
use anyhow::Result;
use std::path::Path;

/// Writes all events in the form that the name says.
pub(super) fn write(source: &Source<'_>, to: &Path) -> Result<()> {
    let mut file = TraceFile::create_from(to, source.input)?;
    file.header(source.store.header())?;
    source.each(|event| file.event(event))?;
    file.finish()
}
