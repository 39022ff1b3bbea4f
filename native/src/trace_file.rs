//! A trace on its way to disk: `NAME.incomplete` until it is whole, so that no NAME is ever half a trace.

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use pagescope_shared::event::Event;
use pagescope_shared::header::Header;
use pagescope_shared::jsonl::{event_line, header_line};
use pagescope_shared::pscope::{Encoder, Options};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How old events may become that are compressed together before they are written.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where a trace is being written.
pub(crate) struct TraceFile {
    to: Box<dyn Write>,
    form: Form,
    /// When events were last written.
    written: Instant,
    /// For messages.
    name: String,
    /// From, to: what finishing renames.
    rename: Option<(PathBuf, PathBuf)>,
    /// A write failed: what is there is no trace.
    broken: bool,
}

impl TraceFile {
    /// Writes to `path` in the form that its name says (`.pscope`, `.jsonl.gz`, anything else is `.jsonl`), or to stdout
    /// when it is `-`. A device or a pipe is written as it is: nothing there could
    /// be renamed.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        if is_stdout(path) {
            let to = Box::new(io::stdout());
            return Ok(Self::new(to, Form::Lines, "stdout".to_owned(), None));
        }
        let name = path.display().to_string();
        let form = Form::of(&name);
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
        Ok(Self::new(Box::new(to), form, name, rename))
    }

    fn new(to: Box<dyn Write>, form: Form, name: String, rename: Option<(PathBuf, PathBuf)>) -> Self {
        Self { to, form, written: Instant::now(), name, rename, broken: false }
    }

    /// Writes what comes first.
    pub(crate) fn header(&mut self, header: &Header) -> Result<()> {
        if let Form::Blocks(encoder) = &mut self.form {
            let begun = encoder.insert(Box::new(Encoder::new(header, Options::default())?)).take();
            return self.put(&begun);
        }
        self.line(&header_line(header)?)
    }

    /// Writes one event. As a line it is with the kernel when this returns, compressed when there are many of them, or by
    /// [`Self::keep`].
    pub(crate) fn event(&mut self, event: &Event) -> Result<()> {
        let Form::Blocks(encoder) = &mut self.form else { return self.line(&event_line(event)?) };
        let Some(encoder) = encoder else { bail!("{} has no header yet", self.name) };
        encoder.push(event).with_context(|| format!("cannot write {}", self.name))?;
        let bytes = encoder.take();
        self.put(&bytes)
    }

    /// Brings to the kernel what waits to be compressed together with others, when that is half a second ago.
    pub(crate) fn keep(&mut self) -> Result<()> {
        if self.written.elapsed() < PATIENCE {
            return Ok(());
        }
        self.written = Instant::now();
        let bytes = match &mut self.form {
            Form::Lines | Form::Blocks(None) => return Ok(()),
            Form::Gzip(packer) => {
                packer.flush()?;
                std::mem::take(packer.get_mut())
            }
            Form::Blocks(Some(encoder)) => {
                encoder.flush();
                encoder.take()
            }
        };
        self.put(&bytes)
    }

    /// Forgets that there was to be a trace: nothing happened.
    pub(crate) fn discard(self) {
        if let Some((incomplete, _)) = self.rename {
            // Then an empty one stays.
            let _ = fs::remove_file(incomplete);
        }
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let Form::Gzip(packer) = &mut self.form else { return self.put(line.as_bytes()) };
        // It writes to memory.
        packer.write_all(line.as_bytes())?;
        let bytes = std::mem::take(packer.get_mut());
        self.put(&bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
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

    /// The trace is whole: writes what comes last and gives it its name.
    ///
    /// # Errors
    /// When it cannot be written or renamed.
    pub(crate) fn finish(mut self) -> Result<()> {
        let rest = match std::mem::replace(&mut self.form, Form::Lines) {
            Form::Blocks(Some(encoder)) => encoder.finish(),
            Form::Gzip(packer) => packer.finish()?,
            Form::Lines | Form::Blocks(None) => Vec::new(),
        };
        self.put(&rest)?;
        if let Some((from, to)) = self.rename {
            fs::rename(&from, &to)
                .with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))?;
        }
        Ok(())
    }
}

/// What the bytes are.
enum Form {
    Lines,
    Gzip(GzEncoder<Vec<u8>>),
    /// Begun when the header is known.
    Blocks(Option<Box<Encoder>>),
}

impl Form {
    fn of(name: &str) -> Self {
        if name.ends_with(".pscope") {
            Self::Blocks(None)
        } else if name.ends_with(".gz") {
            Self::Gzip(GzEncoder::new(Vec::new(), Compression::default()))
        } else {
            Self::Lines
        }
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
    fn each_name_has_its_form() {
        use pagescope_shared::trace::read;
        let trace = read(include_bytes!("../../shared/tests/golden/v1.jsonl")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        for (name, begins) in [("a.jsonl", "{\"format\""), ("a.jsonl.gz", "\x1f"), ("a.pscope", "")] {
            let path = dir.path().join(name);
            let mut file = TraceFile::create(&path).unwrap();
            file.header(&trace.header).unwrap();
            trace.events.iter().for_each(|event| file.event(event).unwrap());
            assert!(!path.exists());
            file.finish().unwrap();
            let bytes = fs::read(&path).unwrap();
            assert!(bytes.starts_with(begins.as_bytes()), "{name}");
            assert_eq!(bytes.starts_with(b"\x89PSCP"), name == "a.pscope");
            assert_eq!(read(&bytes).unwrap(), trace, "{name}");
        }
    }

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
