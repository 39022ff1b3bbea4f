//! A whole world as bytes, and back: what a keyframe of a `.pscope` file holds.

use super::{Process, World};
use crate::addr::PageSize;
use crate::event::Exit;
use crate::model::{AddressSpace, KnownTexts, Texts};
use crate::varint::{Reader, put};
use std::rc::Rc;

/// What a keyframe begins with. To be counted up with every change of what is saved, or of a rule that decides what it
/// leads to: keyframes of another number are left aside.
const MODEL_VERSION: u64 = 1;

impl World {
    /// The world as bytes.
    pub fn save(&self) -> Vec<u8> {
        let mut to = Vec::new();
        let mut texts = Texts::default();
        put(&mut to, MODEL_VERSION);
        put(&mut to, self.forks.into());
        put(&mut to, u64::try_from(self.processes.len()).unwrap_or(u64::MAX));
        for (pid, process) in self.processes() {
            put(&mut to, pid.into());
            let family = self.live.get(pid.into()).map(|(_, _, family)| *family);
            let Process { exe, parent, threads, ended, borrows, space } = process;
            let has = [exe.is_some(), parent.is_some(), borrows.is_some(), family.is_some(), ended.is_some()];
            put(&mut to, has.iter().enumerate().fold(0, |sum, (i, has)| sum | u64::from(*has) << i));
            if let Some(exe) = exe {
                texts.put(&mut to, exe);
            }
            for number in [*parent, *borrows, family].into_iter().flatten() {
                put(&mut to, number.into());
            }
            if let Some(ended) = ended {
                // 0 for none, then the code zigzagged; the signal's name may be empty.
                put(&mut to, ended.code.map_or(0, |c| u64::from(c.cast_unsigned()) + 1));
                texts.put(&mut to, ended.signal.as_deref().unwrap_or_default());
            }
            put(&mut to, (*threads).into());
            space.save(&mut to, &mut texts);
        }
        to
    }

    /// The world that `bytes` describe; `None` when they describe none.
    pub fn load(page_size: PageSize, bytes: &[u8]) -> Option<Self> {
        let mut from = Reader::new(bytes);
        let mut texts = KnownTexts::default();
        let mut world = Self::new(page_size);
        if from.number()? != MODEL_VERSION {
            return None;
        }
        world.forks = from.small()?;
        for _ in 0..from.count(8)? {
            let pid = from.small()?;
            let key = u64::from(pid);
            let bits = from.number()?;
            let has = |i: u32| bits >> i & 1 == 1;
            let exe = if has(0) { Some(texts.read(&mut from)?.as_str().into()) } else { None };
            let mut number = |i| if has(i) { from.small().map(Some) } else { Some(None) };
            let (parent, borrows, family) = (number(1)?, number(2)?, number(3)?);
            let ended = if has(4) {
                let code = from.number()?.checked_sub(1).map(u32::try_from);
                let code = code.transpose().ok()?.map(u32::cast_signed);
                let signal = texts.read(&mut from)?;
                let signal = (!signal.is_empty()).then(|| signal.as_ref().clone());
                Some(Rc::new(Exit { code, signal }))
            } else {
                None
            };
            let threads = from.small()?;
            let space = AddressSpace::load(page_size, &mut from, &mut texts)?;
            let process = Process { exe, parent, threads, ended, borrows, space };
            if world.processes.get(key).is_some() {
                return None;
            }
            world.sum.put_down(process.space.totals());
            world.processes.insert_free(key, key + 1, Some(Rc::new(process)));
            if let Some(family) = family {
                world.live.insert_free(key, key + 1, family);
            }
        }
        from.is_empty().then_some(world)
    }
}
