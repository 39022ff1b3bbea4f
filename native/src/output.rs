//! A file on its way to disk: `NAME.incomplete` until it is whole, so that no NAME is ever half a file.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where something is being written.
pub(crate) struct Output {
    to: Box<dyn Write>,
    /// For messages.
    name: String,
    /// From, to: what finishing renames.
    rename: Option<(PathBuf, PathBuf)>,
    /// Half of it is better than nothing.
    keeps: bool,
    /// A write failed: what is there is not whole.
    broken: bool,
}

impl Output {
    /// To `path`, or to stdout when it is `-`. A device or a pipe is written as it is: nothing there could be renamed.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        Self::create_from(path, None)
    }

    /// The same, made from `input`: when that is `NAME.incomplete`, `NAME.incomplete.new` is written, and the input stays.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn create_from(path: &Path, input: Option<&Path>) -> Result<Self> {
        if is_stdout(path) {
            let (to, name) = (Box::new(io::stdout()), "stdout".to_owned());
            return Ok(Self { to, name, rename: None, keeps: false, broken: false });
        }
        let name = path.display().to_string();
        // Through symbolic links: the link stays, and what it points to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (written, rename) = match fs::metadata(&target) {
            Ok(found) if found.is_dir() => bail!("cannot write {name}: it is a directory"),
            Ok(found) if !found.is_file() => (target, None),
            _ => {
                let mut incomplete = with_suffix(&target, ".incomplete");
                if input.is_some_and(|input| is_one_file(input, &incomplete)) {
                    incomplete = with_suffix(&target, ".incomplete.new");
                }
                (incomplete.clone(), Some((incomplete, target)))
            }
        };
        let to = File::create(&written).with_context(|| format!("cannot create {}", written.display()))?;
        Ok(Self { to: Box::new(to), name, rename, keeps: false, broken: false })
    }

    /// What was written stays as `NAME.incomplete` when it is not finished; else it goes.
    pub(crate) fn keep(&mut self, keeps: bool) {
        self.keeps = keeps;
    }

    /// For messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Hands bytes to the kernel.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let written = self.to.write_all(bytes).and_then(|()| self.to.flush());
        self.broken |= written.is_err();
        written.with_context(|| format!("cannot write {}", self.name))
    }

    /// Whether a write has failed, so that there is nothing to finish.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// It is whole: gives it its name.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub(crate) fn finish(mut self) -> Result<()> {
        if let Some((from, to)) = &self.rename {
            fs::rename(from, to)
                .with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))?;
        }
        self.rename = None;
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((incomplete, _)) = self.rename.take().filter(|_| !self.keeps) {
            // Then half a file stays, under the name that says so.
            let _ = fs::remove_file(incomplete);
        }
    }
}

/// Whether `path` asks for stdout.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == OsStr::new("-")
}

/// Whether both are names of the same file; `-` is what stdin reads.
fn is_one_file(input: &Path, other: &Path) -> bool {
    let input = if is_stdout(input) { Path::new("/dev/stdin") } else { input };
    let file = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    file(input).is_some_and(|input| Some(input) == file(other))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
