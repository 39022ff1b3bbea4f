//! The performing process, seen from outside and from inside.

use super::plan::Plan;
use super::state::Answer;
use super::torn;
use super::wire::{MEMFD_PAGES, OP_WORDS, Op, kind};
use crate::sys::{Files, Performer, memfd};
use anyhow::{Context as _, Result};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::os::fd::AsRawFd as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A performing process.
pub(super) struct Performing {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    /// Where its heap ends.
    pub(super) heap: u64,
}

impl Performing {
    pub(super) fn start() -> Result<Self> {
        let own = std::env::current_exe().context("cannot find this program")?;
        let mut child = Command::new(own)
            .args(["oracle", "perform"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the performing process")?;
        let to = child.stdin.take();
        let mut from = BufReader::with_capacity(1 << 18, child.stdout.take().ok_or_else(torn)?);
        let heap = word(&mut from)?;
        Ok(Self { child, to, from, heap })
    }

    /// Performs a whole plan, and returns an answer a call.
    pub(super) fn sequence(&mut self, plan: &Plan) -> Result<Vec<Answer>> {
        let mut words = vec![plan.ops.len() as u64, plan.arena_bytes];
        words.extend(plan.ops.iter().flat_map(|op| op.words()));
        self.to.as_mut().ok_or_else(torn)?.write_all(&bytes(&words)).map_err(|_| torn())?;
        let arena_pages = usize::try_from(plan.arena_bytes / 4096)?;
        plan.ops
            .iter()
            .map(|_| {
                let length = usize::try_from(word(&mut self.from)?)?;
                let mut buffer = vec![0; length * 8];
                self.from.read_exact(&mut buffer).map_err(|_| torn())?;
                let words: Vec<u64> = buffer.as_chunks().0.iter().map(|w| u64::from_le_bytes(*w)).collect();
                Answer::read(&words, arena_pages).context("an answer that makes no sense")
            })
            .collect()
    }
}

impl Drop for Performing {
    fn drop(&mut self) {
        // It ends at the end of its input, and takes its segment of shared memory along.
        self.to.take();
        let _ = self.child.wait();
    }
}

fn word(from: &mut impl Read) -> Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes).map_err(|_| torn())?;
    Ok(u64::from_le_bytes(bytes))
}

fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

/// The inside: reads plans from stdin, performs them, answers on stdout, until the input ends.
pub(crate) fn perform() -> Result<()> {
    let memory = memfd(c"oracle").context("cannot make a memfd")?;
    let mut memory = File::from(memory);
    memory.write_all(&vec![7; usize::try_from(MEMFD_PAGES * 4096)?])?;
    let read_only =
        File::open(format!("/proc/self/fd/{}", memory.as_raw_fd())).context("cannot reopen the memfd")?;
    let path = std::env::temp_dir().join(format!("pagescope-oracle-{}", std::process::id()));
    let mut regular = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    regular.write_all(&[5; 5 * 4096 + 100])?;
    regular.sync_all()?;
    let files =
        Files { memfd: memory.as_raw_fd(), read_only: read_only.as_raw_fd(), regular: regular.as_raw_fd() };
    let mut input = std::io::stdin().lock();
    let mut output = File::from(rustix::io::dup(std::io::stdout())?);
    let mut ops: Vec<Op> = Vec::with_capacity(4096);
    let mut out: Vec<u8> = Vec::with_capacity(1 << 20);
    // Whatever is allocated from here on must not move the heap's end.
    let mut performer = Performer::new(files);
    output.write_all(&performer.heap().to_le_bytes())?;
    while let Ok(count) = word(&mut input) {
        let arena = word(&mut input)?;
        ops.clear();
        for _ in 0..count.min(4096) {
            let mut words = [0; OP_WORDS];
            for w in &mut words {
                *w = word(&mut input)?;
            }
            ops.push(Op::from_words(words));
        }
        performer.reset(arena);
        for op in &ops {
            let answer = performer.perform(*op);
            out.clear();
            out.extend_from_slice(&(answer.len() as u64).to_le_bytes());
            for w in answer {
                out.extend_from_slice(&w.to_le_bytes());
            }
            output.write_all(&out)?;
        }
        performer.reset(arena);
        if ops.iter().any(|op| op.kind == kind::MADVISE && matches!(op.args[2], 9 | 25)) {
            performer.refill();
        }
    }
    performer.remove_shm();
    Ok(())
}
