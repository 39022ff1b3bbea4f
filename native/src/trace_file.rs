//! A trace on its way to disk: `NAME.incomplete` until it is whole, so that no NAME is ever half a trace.

use crate::output::{Output, Say};
use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use pagescope_shared::event::Event;
use pagescope_shared::header::Header;
use pagescope_shared::jsonl::{event_line, header_line};
use pagescope_shared::pscope::{Encoder, Options};
use pagescope_shared::world::World;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// How old events may become that are compressed together before they are written.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where a trace is being written.
pub(crate) struct TraceFile {
    to: Output,
    form: Form,
    /// When events were last written.
    written: Instant,
}

impl TraceFile {
    /// Writes to `path` in the form that its name says (`.pscope`, `.jsonl.gz`, anything else is `.jsonl`), or to stdout
    /// when it is `-`. What there is of it stays when it is not finished: half a recording is better than none.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let mut to = Output::create(path)?;
        to.keep(true);
        Ok(Self { to, form: Form::of(&path.to_string_lossy()), written: Instant::now() })
    }

    /// The same, made from `input`: nothing stays when it is not finished, as it can be made again.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn create_from(path: &Path, input: &Path) -> Result<Self> {
        let to = Output::create_from(path, Some(input))?;
        Ok(Self { to, form: Form::of(&path.to_string_lossy()), written: Instant::now() })
    }

    /// The same, under a name that nobody asked for: a trace that has it already becomes `NAME.old`.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn create_by_default(path: &Path, say: Say) -> Result<Self> {
        let mut file = Self::create(path)?;
        file.to.keep_older(say);
        Ok(file)
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
        self.event_in(event, None)
    }

    /// The same, for one who follows all events with a model: `world` is how it is after this one.
    pub(crate) fn followed(&mut self, event: &Event, world: &World) -> Result<()> {
        self.event_in(event, Some(world))
    }

    fn event_in(&mut self, event: &Event, world: Option<&World>) -> Result<()> {
        let Form::Blocks(encoder) = &mut self.form else { return self.line(&event_line(event)?) };
        let Some(encoder) = encoder else { bail!("{} has no header yet", self.to.name()) };
        let pushed = match world {
            Some(world) => encoder.push_followed(event, world),
            None => encoder.push(event),
        };
        pushed.with_context(|| format!("cannot write {}", self.to.name()))?;
        let bytes = encoder.take();
        self.put(&bytes)
    }

    /// Brings to the kernel what waits to be compressed together with others, when that is half a second ago. `world` is
    /// as for [`Self::followed`].
    pub(crate) fn keep(&mut self, world: &World) -> Result<()> {
        if self.written.elapsed() < PATIENCE {
            return Ok(());
        }
        self.written = Instant::now();
        self.flush(world)
    }

    /// Brings to the kernel what waits to be compressed together with others.
    pub(crate) fn flush(&mut self, world: &World) -> Result<()> {
        let bytes = match &mut self.form {
            Form::Lines | Form::Blocks(None) => return Ok(()),
            Form::Gzip(packer) => {
                packer.flush()?;
                std::mem::take(packer.get_mut())
            }
            Form::Blocks(Some(encoder)) => {
                encoder.flush_followed(world);
                encoder.take()
            }
        };
        self.put(&bytes)
    }

    /// Forgets that there was to be a trace: nothing happened.
    pub(crate) fn discard(mut self) {
        self.to.keep(false);
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let Form::Gzip(packer) = &mut self.form else { return self.put(line.as_bytes()) };
        // It writes to memory.
        packer.write_all(line.as_bytes())?;
        let bytes = std::mem::take(packer.get_mut());
        self.put(&bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.to.put(bytes)
    }

    /// Whether a write has failed, so that there is nothing to finish.
    pub(crate) fn is_broken(&self) -> bool {
        self.to.is_broken()
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
        self.to.finish()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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
