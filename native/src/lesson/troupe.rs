//! The processes that perform: this program, started anew, and the child that it makes.

use crate::sys::{ANSWER_BYTES, Answer, Deed, REQUEST_BYTES, Request};
use anyhow::{Context, Result, bail};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// No deed takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who performs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The process that the lesson starts with.
    Parent,
    /// The one that it makes.
    Child,
}

impl Who {
    /// What it is called in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Parent => "the process",
            Self::Child => "the child",
        }
    }
}

/// Both of them.
pub(super) struct Troupe {
    process: Child,
    channels: [UnixStream; 2],
    answer: Box<[u8; ANSWER_BYTES]>,
}

impl Troupe {
    /// Starts the first process; `name` is what it calls itself.
    pub(super) fn start(name: &str) -> Result<Self> {
        let exe = std::env::current_exe().context("cannot tell the program's own path")?;
        let (ours, theirs) = UnixStream::pair().context("cannot make a socket")?;
        let (childs_ours, childs_theirs) = UnixStream::pair().context("cannot make a socket")?;
        for channel in [&ours, &childs_ours] {
            channel.set_read_timeout(Some(PATIENCE))?;
        }
        let process = Command::new(&exe)
            .arg0(name)
            .args(super::ACTOR)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(OwnedFd::from(childs_theirs)))
            .spawn()
            .with_context(|| format!("cannot start {} a second time", exe.display()))?;
        Ok(Self { process, channels: [ours, childs_ours], answer: Box::new([0; ANSWER_BYTES]) })
    }

    /// The number of the first process.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Lets one of them do something, and waits until it has.
    pub(super) fn ask(&mut self, who: Who, deed: Deed, args: &[u64], data: &[u8]) -> Result<Answer<'_>> {
        let mut all = [0; 7];
        all.iter_mut().zip(args).for_each(|(to, arg)| *to = *arg);
        let request: [u8; REQUEST_BYTES] = Request { deed, args: all, data }.bytes();
        let channel = &mut self.channels[usize::from(who == Who::Child)];
        let asked = channel.write_all(&request).and_then(|()| channel.read_exact(&mut *self.answer));
        if let Err(error) = asked {
            if let (Who::Parent, Ok(Some(status))) = (who, self.process.try_wait()) {
                bail!("the process that performs the lesson has ended: {status}");
            }
            return Err(error).with_context(|| format!("{} does not answer ({deed:?})", who.name()));
        }
        Ok(Answer::read(&self.answer))
    }
}

impl Drop for Troupe {
    fn drop(&mut self) {
        // They end when nobody is there any more; not even one that hangs is left behind.
        for channel in &self.channels {
            let _ = channel.shutdown(std::net::Shutdown::Both);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
