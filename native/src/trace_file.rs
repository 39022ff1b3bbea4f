//! A trace on its way to disk: `NAME.incomplete` until it is whole, so that no NAME is ever half a trace.

use anyhow::{Context, Result, bail};
use pagescope_shared::event::Event;
use pagescope_shared::header::Header;
use pagescope_shared::jsonl::{event_line, header_line};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where a trace is being written.
pub(crate) struct TraceFile {
    to: Box<dyn Write>,
    /// For messages.
    name: String,
    /// From, to: what finishing renames.
    rename: Option<(PathBuf, PathBuf)>,
    /// A write failed: what is there is no trace.
    broken: bool,
}

impl TraceFile {
    /// Writes to `path`, or to stdout when it is `-`. A device or a pipe is written as it is: nothing there could
    /// be renamed.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        if is_stdout(path) {
            let to = Box::new(io::stdout());
            return Ok(Self { to, name: "stdout".to_owned(), rename: None, broken: false });
        }
        let name = path.display().to_string();
        // Through symbolic links: the link stays, and what it points to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (written, rename) = match fs::metadata(&target) {
            Ok(found) if found.is_dir() => bail!("cannot write {name}: it is a directory"),
            Ok(found) if !found.is_file() => (target, None),
            _ => {
                let incomplete = with_suffix(&target, ".incomplete");
                (incomplete.clone(), Some((incomplete, target)))
            }
        };
        let to = File::create(&written).with_context(|| format!("cannot create {}", written.display()))?;
        Ok(Self { to: Box::new(to), name, rename, broken: false })
    }

    /// Writes the first line.
    pub(crate) fn header(&mut self, header: &Header) -> Result<()> {
        self.line(&header_line(header)?)
    }

    /// Writes one event; it is with the kernel when this returns.
    pub(crate) fn event(&mut self, event: &Event) -> Result<()> {
        self.line(&event_line(event)?)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let written = self.to.write_all(line.as_bytes()).and_then(|()| self.to.flush());
        self.broken |= written.is_err();
        written.with_context(|| format!("cannot write {}", self.name))
    }

    /// Whether a write has failed, so that there is nothing to finish.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// The trace is whole: gives it its name.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub(crate) fn finish(self) -> Result<()> {
        if let Some((from, to)) = self.rename {
            fs::rename(&from, &to)
                .with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))?;
        }
        Ok(())
    }
}

/// Whether `path` asks for stdout.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == OsStr::new("-")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_comes_last_and_links_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut trace = TraceFile::create(&link).unwrap();
        trace.line("new\n").unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "old");
        assert_eq!(fs::read_to_string(dir.path().join("real.incomplete")).unwrap(), "new\n");
        trace.finish().unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "new\n");
        assert!(link.is_symlink() && !dir.path().join("real.incomplete").exists());
        assert!(TraceFile::create(dir.path()).is_err());
    }
}
