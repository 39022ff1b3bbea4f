//! Files that the acting process opens, reads and writes.

use super::Play;
use crate::sys::Deed;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// A file of a lesson's own; it goes when the lesson is over.
pub(crate) struct Paper {
    path: PathBuf,
    /// The acting process's descriptor.
    pub(crate) fd: u64,
}

impl Drop for Paper {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Of file systems in memory: their pages are never stored. See statfs(2).
const TMPFS: rustix::fs::FsWord = 0x0102_1994;

impl Play<'_> {
    /// A new file, empty, to be read and written.
    pub(crate) fn new_file(&mut self) -> Result<Paper> {
        let temp = std::env::temp_dir();
        let in_memory = |dir: &Path| rustix::fs::statfs(dir).is_ok_and(|fs| fs.f_type == TMPFS);
        let dir = if in_memory(&temp) { PathBuf::from("/var/tmp") } else { temp };
        let path = dir.join(format!("letter-{}.txt", self.pid()));
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
        let fd = self.open(&path, flags)?;
        Ok(Paper { path, fd })
    }

    /// Opens a lesson's file once more, for reading only.
    pub(crate) fn open_to_read(&mut self, paper: &Paper) -> Result<u64> {
        self.open(&paper.path, libc::O_RDONLY)
    }

    fn open(&mut self, path: &Path, flags: i32) -> Result<u64> {
        let mut name = path.as_os_str().as_encoded_bytes().to_vec();
        if name.len() > 250 {
            bail!("{} is too long a name: set TMPDIR to a shorter one", path.display());
        }
        name.push(0);
        let answer = self.troupe.ask(self.who, Deed::Open, &[flags.unsigned_abs().into()], &name)?;
        let fd = answer.result.map_err(std::io::Error::from_raw_os_error);
        fd.with_context(|| format!("cannot open {}", path.display()))
    }

    /// Writes to the file itself, as write(2) does.
    pub(crate) fn store(&mut self, paper: &Paper, at: u64, bytes: &[u8]) -> Result<()> {
        let answer = self.troupe.ask(self.who, Deed::Store, &[paper.fd, at], bytes)?;
        let written = answer.result.map_err(std::io::Error::from_raw_os_error);
        written.with_context(|| format!("cannot write {}", paper.path.display()))?;
        self.tell_faults(None)?;
        self.verify()
    }

    /// Reads from the file itself, as read(2) does.
    pub(crate) fn load(&mut self, paper: &Paper, at: u64, count: u64) -> Result<Vec<u8>> {
        let answer = self.troupe.ask(self.who, Deed::Load, &[paper.fd, at, count], &[])?;
        let read = answer.result.map_err(std::io::Error::from_raw_os_error);
        read.with_context(|| format!("cannot read {}", paper.path.display()))?;
        Ok(answer.data.to_vec())
    }

    /// Waits until the file is on the disk.
    pub(crate) fn sync_file(&mut self, paper: &Paper) -> Result<()> {
        let call = [libc::SYS_fsync.unsigned_abs(), paper.fd];
        let answer = self.troupe.ask(self.who, Deed::Call, &call, &[])?;
        answer.result.map_err(std::io::Error::from_raw_os_error).context("cannot store the file")?;
        Ok(())
    }
}
