//! Traces that were recorded: what is in them, and whether they are sound.

pub(crate) mod call;
mod check;
mod dump;
mod info;
mod table;
mod text;

pub(crate) use check::{Options as CheckOptions, check};
pub(crate) use dump::{Options as DumpOptions, dump};
pub(crate) use info::{Options as InfoOptions, info};

use crate::output::is_stdout;
use anyhow::{Context as _, Result};
use pagescope_shared::event::Event;
use pagescope_shared::store::Store;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Opens a trace of any form; `-` is stdin. Its events stay encoded in memory.
///
/// # Errors
/// When it cannot be read, or is no trace.
fn open(path: &Path) -> Result<Store> {
    if is_stdout(path) {
        return read(io::stdin().lock(), path);
    }
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    read(file, path)
}

/// Reads a trace of any form from anywhere; `path` is what it is called.
///
/// # Errors
/// When it cannot be read, or is no trace.
pub(crate) fn read(from: impl io::Read, path: &Path) -> Result<Store> {
    let shown = path.display();
    Store::read(from)
        .with_context(|| format!("cannot read {shown}"))?
        .with_context(|| format!("{shown} is no trace that can be read"))
}

/// Goes through all events from position `from` on, block by block, until `each` says that it is enough.
pub(crate) fn events(
    store: &Store,
    from: usize,
    each: &mut dyn FnMut(usize, &Event) -> Result<bool>,
) -> Result<()> {
    let first = store.block_of(from).unwrap_or(store.block_count());
    for index in first..store.block_count() {
        let Some(block) = store.block(index) else { break };
        let start = store.block_start(index);
        for (at, event) in (start..).zip(block.iter()).filter(|(at, _)| *at >= from) {
            if !each(at, event)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Prints to stdout. That nobody reads on is no error: then there is nothing more to do.
fn print(text: &str) -> Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true).context("cannot print"),
    }
}
