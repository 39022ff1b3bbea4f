//! An address space as bytes: what a keyframe of a `.pscope` file holds. See `docs/trace-format.md`.

use super::AddressSpace;
use super::pages::Entry;
use super::vma::Vma;
use crate::addr::{Addr, PageSize};
use crate::mapping::{Attributes, Backing, Object, Protection, Sharing};
use crate::names::VmFlags;
use crate::page::{PageFlags, PageState, Provenance};
use crate::varint::{Reader, put, put_text};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Texts that were written before are written as their number.
#[derive(Default)]
pub(crate) struct Texts {
    numbers: BTreeMap<String, u64>,
    next: u64,
}

impl Texts {
    /// 0 and the text when it is new, else its number.
    pub(crate) fn put(&mut self, to: &mut Vec<u8>, text: &str) {
        if let Some(&number) = self.numbers.get(text) {
            return put(to, number);
        }
        self.next += 1;
        self.numbers.insert(text.to_owned(), self.next);
        put(to, 0);
        put_text(to, text);
    }
}

/// The texts that were read so far.
#[derive(Default)]
pub(crate) struct KnownTexts(Vec<Arc<String>>);

impl KnownTexts {
    pub(crate) fn read(&mut self, from: &mut Reader<'_>) -> Option<Arc<String>> {
        let number = from.number()?;
        if let Some(at) = number.checked_sub(1) {
            return self.0.get(usize::try_from(at).ok()?).cloned();
        }
        let text = Arc::new(from.text()?.to_owned());
        self.0.push(Arc::clone(&text));
        Some(text)
    }
}

impl AddressSpace {
    pub(crate) fn save(&self, to: &mut Vec<u8>, texts: &mut Texts) {
        for number in [self.default_flags, self.next_anon.into(), self.next_object.into(), self.faults] {
            put(to, number);
        }
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        put(to, count(self.vmas.len()));
        let mut at = 0;
        for (start, end, vma) in self.vmas.iter() {
            put(to, start - at);
            put(to, end - start);
            save_vma(vma, start, to, texts);
            at = end;
        }
        put(to, count(self.pages.run_count()));
        let mut at = 0;
        for (first, end, entry) in self.pages.known(0, u64::MAX) {
            put(to, first - at);
            put(to, end - first);
            let observed = u64::from(entry.provenance == Provenance::Observed);
            put(to, entry.state as u64 | observed << 3 | u64::from(entry.flags.bits()) << 4);
            put(to, entry.share.into());
            // 0 for none; the number after the frame's otherwise.
            put(to, entry.frame.wrapping_add(1));
            at = end;
        }
        let bytes: Vec<_> = self.contents.all().collect();
        put(to, count(bytes.len()));
        for (addr, bytes) in bytes {
            put(to, addr.0);
            put(to, count(bytes.len()));
            to.extend_from_slice(bytes);
        }
    }

    /// `None` when the bytes are no address space.
    pub(crate) fn load(page_size: PageSize, from: &mut Reader<'_>, texts: &mut KnownTexts) -> Option<Self> {
        let mut space = Self::new(page_size);
        space.default_flags = from.number()?;
        (space.next_anon, space.next_object) = (from.small()?, from.small()?);
        space.faults = from.number()?;
        let mut at = 0u64;
        for _ in 0..from.count(6)? {
            let start = at.checked_add(from.number()?)?;
            let end = start.checked_add(from.number()?.max(1))?;
            let vma = load_vma(start, from, texts)?;
            space.vmas.insert_free(start, end, vma);
            at = end;
        }
        let mut at = 0u64;
        for _ in 0..from.count(5)? {
            let first = at.checked_add(from.number()?)?;
            let end = first.checked_add(from.number()?.max(1))?;
            let bits = from.number()?;
            let state = *PageState::ALL.get(usize::try_from(bits & 7).ok()?)?;
            let flags = PageFlags::from_bits(u8::try_from(bits >> 4).ok()?);
            let provenance = if bits >> 3 & 1 == 1 { Provenance::Observed } else { Provenance::Inferred };
            let share = from.small()?;
            let frame = from.number()?.wrapping_sub(1);
            space.pages.put(first, end, Entry { state, provenance, flags, share, frame });
            at = end;
        }
        for _ in 0..from.count(2)? {
            let addr = Addr(from.number()?);
            let len = from.count(1)?;
            space.contents.record(addr, from.bytes(len)?);
        }
        Some(space)
    }
}

const BACKINGS: [&str; 6] = ["anonymous", "file", "shm", "heap", "stack", "kernel"];

fn save_vma(vma: &Vma, start: u64, to: &mut Vec<u8>, texts: &mut Texts) {
    let Attributes { protection: p, sharing, backing, offset, flags } = &vma.attributes;
    let kind = match backing {
        Backing::Anonymous => 0u64,
        Backing::File(_) => 1,
        Backing::Shm(_) => 2,
        Backing::Heap => 3,
        Backing::Stack => 4,
        Backing::Kernel(_) => 5,
    };
    let unknown = flags.unknown();
    let bits = [
        p.read,
        p.write,
        p.execute,
        *sharing == Sharing::Shared,
        vma.inherited,
        !unknown.is_empty(),
        vma.guarded,
    ];
    let bits = bits.iter().enumerate().fold(0, |sum, (i, bit)| sum | u64::from(*bit) << i);
    put(to, bits | kind << 7);
    match backing {
        Backing::File(object) | Backing::Shm(object) => {
            texts.put(to, &object.path);
            texts.put(to, &object.dev);
            put(to, object.inode);
        }
        Backing::Kernel(name) => texts.put(to, name),
        Backing::Anonymous | Backing::Heap | Backing::Stack => {}
    }
    // Anonymous memory is nearly always where it was mapped.
    put(to, offset.wrapping_sub(if backing.object().is_some() { 0 } else { start }));
    put(to, flags.bits());
    if !unknown.is_empty() {
        put(to, u64::try_from(unknown.len()).unwrap_or(u64::MAX));
        for name in unknown {
            texts.put(to, name);
        }
    }
    put(to, vma.anon.into());
    put(to, vma.object.into());
}

fn load_vma(start: u64, from: &mut Reader<'_>, texts: &mut KnownTexts) -> Option<Vma> {
    let bits = from.number()?;
    let bit = |i: u32| bits >> i & 1 == 1;
    let kind = *BACKINGS.get(usize::try_from(bits >> 7).ok()?)?;
    let backing = match kind {
        "anonymous" => Backing::Anonymous,
        "heap" => Backing::Heap,
        "stack" => Backing::Stack,
        "kernel" => Backing::Kernel(texts.read(from)?),
        _ => {
            let path = texts.read(from)?.as_ref().clone();
            let dev = texts.read(from)?.as_ref().clone();
            let object = Arc::new(Object { path, dev, inode: from.number()? });
            if kind == "file" { Backing::File(object) } else { Backing::Shm(object) }
        }
    };
    let offset = from.number()?.wrapping_add(if backing.object().is_some() { 0 } else { start });
    let mut flags = VmFlags::of(from.number()?);
    if bit(5) {
        let names: Option<Vec<_>> = (0..from.count(1)?).map(|_| texts.read(from)).collect();
        let known = flags.names().map(str::to_owned).collect::<Vec<_>>();
        flags = known.iter().map(String::as_str).chain(names?.iter().map(|n| n.as_str())).collect();
    }
    let (anon, object) = (from.small()?, from.small()?);
    let protection = Protection { read: bit(0), write: bit(1), execute: bit(2) };
    let sharing = if bit(3) { Sharing::Shared } else { Sharing::Private };
    let attributes = Attributes { protection, sharing, backing, offset, flags };
    Some(Vma { attributes, anon, inherited: bit(4), guarded: bit(6), object })
}
