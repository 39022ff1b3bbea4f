//! malloc(3) and free(3), and what they ask the kernel for: seen in the mappings and in the heap's end.

use super::Play;
use crate::proc::mappings_of;
use crate::sys::Deed;
use anyhow::{Result, bail};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{Asked, Break, EventKind, Map, Unmap};
use pagescope_shared::mapping::{Attributes, Mapping, Sharing};
use pagescope_shared::names::CallFlags;

/// What the C library asked the kernel for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskedFor {
    Nothing,
    /// The heap's end was moved.
    Break {
        old: Addr,
        new: Addr,
    },
    Mmap(Range),
    Munmap(Range),
}

impl Play<'_> {
    /// Where the heap ends.
    pub(crate) fn heap_end(&mut self) -> Result<Addr> {
        match self.troupe.ask(self.who, Deed::HeapEnd, &[], &[])?.result {
            Ok(end) => Ok(Addr(end)),
            Err(_) => bail!("the heap has no end"),
        }
    }

    /// malloc of `bytes`: where, and what the C library asked the kernel for.
    pub(crate) fn malloc(&mut self, bytes: u64) -> Result<(Addr, AskedFor)> {
        let (at, asked) = self.with_heap(Deed::Malloc, bytes)?;
        if at == 0 {
            bail!("malloc of {bytes} bytes gave nothing");
        }
        Ok((Addr(at), asked))
    }

    /// free of what malloc gave.
    pub(crate) fn free(&mut self, at: Addr) -> Result<AskedFor> {
        Ok(self.with_heap(Deed::Free, at.0)?.1)
    }

    fn with_heap(&mut self, deed: Deed, arg: u64) -> Result<(u64, AskedFor)> {
        let (old, before) = (self.heap_end()?, mappings_of(self.pid())?);
        let Ok(value) = self.troupe.ask(self.who, deed, &[arg], &[])?.result else { bail!("no answer") };
        let (new, after) = (self.heap_end()?, mappings_of(self.pid())?);
        let came = difference(&after, &before);
        let went = difference(&before, &after);
        let asked = match (came, went) {
            _ if old != new => AskedFor::Break { old, new },
            (Some(range), None) => AskedFor::Mmap(range),
            (None, Some(range)) => AskedFor::Munmap(range),
            (None, None) => AskedFor::Nothing,
            (Some(_), Some(_)) => bail!("the C library did more than one thing"),
        };
        let asked_for = |range: Range, flags| {
            let (addr, len) =
                if flags == 0 { (range.start(), range.bytes()) } else { (Addr(0), range.bytes()) };
            Asked { addr, len, flags: CallFlags::of(flags) }
        };
        match asked {
            AskedFor::Nothing => {}
            AskedFor::Break { old, new } => {
                self.tell(EventKind::Break(Break { asked: new, old, new }))?;
                if let Ok(range) = Range::new(self.page_start(old), Addr(self.page_start(new).0)) {
                    self.watch(range);
                }
            }
            AskedFor::Mmap(range) => {
                let flags = CallFlags::MAP_PRIVATE | CallFlags::MAP_ANONYMOUS;
                let attributes = Attributes::anonymous(super::calls::READ_WRITE, Sharing::Private);
                self.watch(range);
                self.tell(EventKind::Map(Map { asked: asked_for(range, flags), range, attributes }))?;
            }
            AskedFor::Munmap(range) => {
                self.tell(EventKind::Unmap(Unmap { asked: asked_for(range, 0), range }))?;
            }
        }
        // How the C library touched it, nobody recorded.
        self.tell_faults(None)?;
        self.verify()?;
        Ok((value, asked))
    }
}

/// From the first to the last address that is mapped in `these` and not in `those`.
fn difference(these: &[Mapping], those: &[Mapping]) -> Option<Range> {
    let mut only: Vec<Range> = these.iter().map(|m| m.range).collect();
    for hole in those {
        only = only.into_iter().flat_map(|range| crate::lesson::calls::without(range, hole.range)).collect();
    }
    Range::new(only.first()?.start(), only.last()?.end()).ok()
}
