//! A file on its way to disk: `NAME.incomplete` until it is whole, so that no NAME is ever half a file.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// So many unfinished files of one name may lie about.
const MOST_LEFT: u32 = 100;

/// Whether something is told on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    Something,
    Nothing,
}

impl Say {
    /// What `--quiet` means for it.
    pub(crate) fn unless(quiet: bool) -> Self {
        if quiet { Self::Nothing } else { Self::Something }
    }
}

/// Where something is being written.
pub(crate) struct Output {
    to: Box<dyn Write>,
    /// For messages.
    name: String,
    /// From, to: what finishing renames.
    rename: Option<(PathBuf, PathBuf)>,
    /// Nobody asked for this name: a file that has it gets another one; whether that is said.
    older: Option<Say>,
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

    /// The same, made from `input`, which may be `NAME.incomplete` itself.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn create_from(path: &Path, input: Option<&Path>) -> Result<Self> {
        if is_stdout(path) {
            let (to, name) = (Box::new(io::stdout()), "stdout".to_owned());
            return Ok(Self { to, name, rename: None, older: None, keeps: false, broken: false });
        }
        let name = path.display().to_string();
        // Through symbolic links: the link stays, and what it points to is replaced.
        let linked = path.is_symlink().then(|| fs::canonicalize(path).ok()).flatten();
        let target = linked.unwrap_or_else(|| path.to_owned());
        let (to, rename) = match fs::metadata(&target) {
            Ok(found) if found.is_dir() => bail!("cannot write {name}: it is a directory"),
            Ok(found) if !found.is_file() => {
                let to = File::create(&target).with_context(|| format!("cannot write {name}"))?;
                (to, None)
            }
            _ => {
                let (to, incomplete) = create_beside(&target, input)?;
                (to, Some((incomplete, target)))
            }
        };
        Ok(Self { to: Box::new(to), name, rename, older: None, keeps: false, broken: false })
    }

    /// What was written stays as `NAME.incomplete` when it is not finished; else it goes.
    pub(crate) fn keep(&mut self, keeps: bool) {
        self.keeps = keeps;
    }

    /// A file that has the name already becomes `NAME.old`, as with perf: nobody asked for this name.
    pub(crate) fn keep_older(&mut self, say: Say) {
        self.older = Some(say);
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
            if let Some(say) = self.older.filter(|_| to.exists()) {
                let old = with_suffix(to, ".old");
                fs::rename(to, &old)
                    .with_context(|| format!("cannot rename {} to {}", to.display(), old.display()))?;
                if say == Say::Something {
                    eprintln!("pagescope: the {} that was there is {} now", to.display(), old.display());
                }
            }
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

/// A new file beside `target`. What is there from before stays: it may be all that is left of a recording, or another one
/// may be under way.
fn create_beside(target: &Path, input: Option<&Path>) -> Result<(File, PathBuf)> {
    let first = with_suffix(target, ".incomplete");
    let mut left = None;
    for number in 1..=MOST_LEFT {
        let path = if number == 1 { first.clone() } else { with_suffix(&first, &format!(".{number}")) };
        match File::create_new(&path) {
            Ok(file) => {
                if let Some(left) = left {
                    eprintln!(
                        "pagescope: {left} was there before and stays: it may be what remains of a recording. \
                         This one is {} until it is whole",
                        path.display()
                    );
                }
                return Ok((file, path));
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if left.is_none() && !input.is_some_and(|input| is_one_file(input, &path)) {
                    left = Some(path.display().to_string());
                }
            }
            Err(e) => {
                let forbidden =
                    matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem);
                let hint = if forbidden { "; name a file in a folder where you may write" } else { "" };
                return Err(e).with_context(|| format!("cannot create {}{hint}", path.display()));
            }
        }
    }
    bail!("{MOST_LEFT} files like {} are there: remove those that nobody needs", first.display())
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
