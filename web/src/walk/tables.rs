//! The levels of the page tables on the way to an address.

use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::model::AddressSpace;
use pagescope_shared::page::{Page, PageFlags, PageState};

/// One level of the page tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// The kernel's name for it.
    pub name: &'static str,
    /// Its highest and lowest bit in the address.
    pub bits: (u32, u32),
    /// Which of its entries the address takes.
    pub index: u64,
    /// How many entries a table has.
    pub entries: u64,
    /// Bytes that one entry stands for.
    pub entry_bytes: u64,
    /// The first address of the table.
    pub base: Addr,
    /// What is known of its entries.
    pub slots: Slots,
    /// What the entry holds.
    pub entry: Entry,
}

/// Runs of entries, by index: first and one past the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// Something is mapped under them.
    pub mapped: Vec<(u64, u64)>,
    /// Pages are present under them.
    pub present: Vec<(u64, u64)>,
}

/// What an entry holds, as far as the pages under it tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Another table: some page under it is present or swapped out.
    Table,
    /// A huge page: the walk ends here.
    Huge(Page),
    /// A page.
    Page(Page),
    /// Nothing is known to be under it.
    Empty,
    /// What is under it was not recorded.
    Unknown,
    /// The level above has no entry: there is no such table.
    NoTable,
}

/// A walk as far as it goes.
pub(super) struct Walk {
    pub sign: (u32, u64),
    pub levels: Vec<Level>,
    pub offset: (u32, u64),
}

/// Names from the last level up, as in the kernel's documentation.
const NAMES: [&str; 5] = ["PTE", "PMD", "PUD", "P4D", "PGD"];
/// No more mappings and runs are looked at for one table.
const MOST: usize = 100_000;

/// Walks to `addr`. Addresses have 48 bits, or 57; a table fills one page.
pub(super) fn walk(space: &AddressSpace, addr: Addr, five_levels: bool) -> Walk {
    let page = space.page_size().bytes();
    let shift = page.trailing_zeros();
    let width = shift.saturating_sub(3).max(1);
    let top = if five_levels { 57 } else { 48 };
    let count = (top - shift).div_ceil(width).min(5);
    let mut levels = Vec::new();
    let mut below = true;
    for level in (0..count).rev() {
        let low = shift + level * width;
        // The first level has the bits that are left.
        let high = (low + width).min(top);
        let entries = 1u64 << (high - low);
        let entry_bytes = 1u64 << low;
        let base = Addr(if high >= 64 { 0 } else { addr.0 >> high << high });
        let index = (addr.0 >> low) & (entries - 1);
        let slots = slots(space, base, entry_bytes, entries);
        let own = Range::from_len(Addr(base.0.wrapping_add(index << low)), entry_bytes);
        let entry = match own {
            Ok(own) if below => entry(space, own, addr, level),
            _ => Entry::NoTable,
        };
        // The top of a table of five levels has the name that of four has.
        let names = NAMES.get(usize::try_from(level).unwrap_or(0)).copied().unwrap_or_default();
        let name = if level + 1 == count && count > 1 { "PGD" } else { names };
        levels.push(Level { name, bits: (high - 1, low), index, entries, entry_bytes, base, slots, entry });
        below &= entry == Entry::Table;
    }
    Walk { sign: (64 - top, addr.0 >> top), levels, offset: (shift, addr.0 & (page - 1)) }
}

fn entry(space: &AddressSpace, own: Range, addr: Addr, level: u32) -> Entry {
    let page = space.page_at(addr);
    if level == 0 {
        return match page {
            Some(page) if page.state == PageState::Unknown => Entry::Unknown,
            Some(page) if page.state != PageState::Untouched || page.flags.has(PageFlags::GUARD) => {
                Entry::Page(page)
            }
            _ => Entry::Empty,
        };
    }
    if let Some(page) =
        page.filter(|page| level == 1 && page.flags.has(PageFlags::HUGE) && page.state.is_resident())
    {
        return Entry::Huge(page);
    }
    let mut unknown = false;
    for (_, page) in space.runs(own).take(MOST) {
        if page.state.is_resident() || page.state == PageState::Swapped {
            return Entry::Table;
        }
        unknown |= page.state == PageState::Unknown;
    }
    if unknown { Entry::Unknown } else { Entry::Empty }
}

/// What is known of a table's entries; costs time by mappings and runs in it, up to a bound.
fn slots(space: &AddressSpace, base: Addr, entry_bytes: u64, entries: u64) -> Slots {
    let mut slots = Slots::default();
    let Some(bytes) = entry_bytes.checked_mul(entries) else { return slots };
    let Ok(table) = Range::from_len(base, bytes) else { return slots };
    let of = |range: Range| {
        let first = (range.start().0 - base.0) / entry_bytes;
        (first, (range.end().0 - 1 - base.0) / entry_bytes + 1)
    };
    for mapping in space.mappings_in(table).take(MOST) {
        if let Some(part) = mapping.range.intersection(table) {
            extend(&mut slots.mapped, of(part));
        }
    }
    for (range, page) in space.runs(table).take(MOST) {
        if page.state.is_resident() || page.state == PageState::Swapped {
            extend(&mut slots.present, of(range));
        }
    }
    slots
}

/// Adds a run to ordered runs; it begins nowhere before the last one.
fn extend(runs: &mut Vec<(u64, u64)>, (first, end): (u64, u64)) {
    match runs.last_mut() {
        Some(last) if first <= last.1 => last.1 = last.1.max(end),
        _ => runs.push((first, end)),
    }
}
