//! The model against the kernel, and the freedoms that the kernel has.

use super::events::{Context, PIDS};
use super::state::{Answer, State};
use super::wire::{self, Op, kind};
use crate::sys::{ARENA, HEAP_WINDOW};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{EventKind, Observed};
use pagescope_shared::mapping::{Backing, Mapping, Sharing};
use pagescope_shared::model::AddressSpace;
use pagescope_shared::page::{Page, PageFlags, PageState, Provenance, Run};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU64;

const PAGE: u64 = 4096;
/// Pages that a read fault of a file may bring along: `fault_around_bytes`.
const FAULT_AROUND: u64 = 16 * PAGE;

/// How often each freedom was taken.
pub(crate) type Freedoms = BTreeMap<&'static str, u64>;

/// Where a call may have had effects that are not rules.
#[derive(Clone, Debug)]
pub(crate) struct Liberty {
    op: Op,
    /// What it was about.
    range: (u64, u64),
    /// Pages that are shared after a fork were moved in this sequence.
    pub(crate) moved_shared: bool,
    /// Files may have huge pages in this sequence.
    pub(crate) collapsed: bool,
}

impl Liberty {
    pub(crate) fn of(op: Op, context: &Context) -> Self {
        let [a, b, c, ..] = op.args;
        let range = match op.kind {
            kind::READ | kind::WRITE => {
                let addr = super::events::touched_addr(op, context);
                (addr - addr % PAGE, addr - addr % PAGE + PAGE)
            }
            kind::MLOCKALL => (0, u64::MAX),
            kind::MREMAP => (0, u64::MAX),
            kind::BRK => (context.heap, context.heap + HEAP_WINDOW),
            _ => (a - a % PAGE, (a + b).next_multiple_of(PAGE)),
        };
        let _ = c;
        Self { op, range, moved_shared: false, collapsed: false }
    }

    /// The name of the freedom by which the kernel may show this page otherwise than the model.
    fn covers(&self, addr: u64, model: Page, mapping: &Mapping, kernel: u64) -> Option<&'static str> {
        let anonymous =
            mapping.attributes.backing.is_anonymous() && mapping.attributes.sharing == Sharing::Private;
        // do_fault_around: 16 pages from an aligned address on, or from the start of the mapping; finish_fault: the
        // large folio that the page belongs to.
        let reach = if self.collapsed { 32 * FAULT_AROUND } else { FAULT_AROUND };
        let around = self.range.0.saturating_sub(reach) <= addr && addr < self.range.1.saturating_add(reach);
        if model.state == PageState::Unknown {
            return Some("not inferred: pages of a file after populating");
        }
        if self.moved_shared
            && model.state == PageState::CopyPending
            && kernel & (wire::PRESENT | wire::FILE | wire::ZERO) == wire::PRESENT
        {
            return Some("not followed: who shares a page that was moved");
        }
        let came =
            model.state == PageState::Untouched && kernel & wire::FILE != 0 && kernel & wire::PRESENT != 0;
        let populates = matches!(
            self.op.kind,
            kind::READ | kind::WRITE | kind::MMAP | kind::MLOCK | kind::MLOCKALL | kind::MREMAP
        ) || (self.op.kind == kind::MPROTECT)
            || (self.op.kind == kind::MADVISE && matches!(self.op.args[2], 22 | 23));
        let of_file =
            matches!(mapping.attributes.backing, Backing::File(_)) || (self.collapsed && !anonymous);
        if self.op.kind == kind::MADVISE && self.op.args[2] == 25 {
            return Some("MADV_COLLAPSE: makes huge pages where it can");
        }
        let removes = self.op.kind == kind::MADVISE && self.op.args[2] == 9;
        if of_file
            && removes
            && matches!(model.state, PageState::FileClean | PageState::FileDirty)
            && kernel == 0
        {
            return Some("MADV_REMOVE: a large folio goes as a whole");
        }
        let was_huge = model.flags.has(PageFlags::HUGE) && model.provenance == Provenance::Inferred;
        if anonymous && populates && was_huge && kernel & wire::HUGE == 0 {
            return Some("no huge page: the block has a page table already, or there is no memory for it");
        }
        if of_file && self.collapsed && populates && around && kernel & wire::HUGE != 0 {
            return Some("MADV_COLLAPSE: a huge folio may be mapped as one later on");
        }
        if !anonymous && came && populates && around {
            return Some("fault-around");
        }
        if self.op.kind == kind::MADVISE && self.range.0 <= addr && addr < self.range.1 {
            return match self.op.args[2] {
                20 | 21 => Some("MADV_COLD, MADV_PAGEOUT: reclaim"),
                _ => None,
            };
        }
        None
    }
}

/// Compares one process, feeds the model what the kernel was free to do, and describes the first difference.
pub(crate) fn compare(
    who: usize,
    space: Option<&AddressSpace>,
    answer: &Answer,
    context: &Context,
    liberty: &Liberty,
    arena_bytes: u64,
    freedoms: &mut Freedoms,
) -> Result<Vec<EventKind>, String> {
    let empty = AddressSpace::new(pagescope_shared::addr::PageSize::FOUR_KIB);
    let space = space.unwrap_or(&empty);
    let Some(state) = answer.states.get(who) else { return Ok(Vec::new()) };
    let windows = [(ARENA, ARENA + arena_bytes), (context.heap, context.heap + HEAP_WINDOW)];
    let mut observed = Vec::new();
    for (low, high) in windows {
        let model = model_lines(space, low, high);
        let kernel = kernel_lines(state, low, high);
        if model != kernel {
            return Err(side_by_side(PIDS[who], &model, &kernel, space));
        }
        let mut corrections = Vec::new();
        let mut addr = low;
        while addr < high {
            if let Some(mapping) = space.mapping_at(Addr(addr)) {
                check_page(addr, space, &mapping, state, liberty, freedoms, &mut corrections).map_err(
                    |e| format!("process {}: {e}\n{}", PIDS[who], page_lines(space, state, low, high)),
                )?;
            } else if state.categories(addr) != 0 {
                return Err(format!("a page at {addr:#x} outside of all mappings"));
            }
            addr += PAGE;
        }
        observed.extend(corrections);
    }
    Ok(observed)
}

fn check_page(
    addr: u64,
    space: &AddressSpace,
    mapping: &Mapping,
    state: &State,
    liberty: &Liberty,
    freedoms: &mut Freedoms,
    corrections: &mut Vec<EventKind>,
) -> Result<(), String> {
    let Some(page) = space.page_at(Addr(addr)) else { return Err(format!("no page at {addr:#x}")) };
    let kernel = state.categories(addr);
    let exclusive = state.exclusive(addr);
    let (same, seen) = same(page, kernel, exclusive);
    if same {
        return Ok(());
    }
    let Some(why) = liberty.covers(addr, page, mapping, kernel) else {
        return Err(format!(
            "page {addr:#x}: model {:?} {:?}, kernel {}",
            page.state,
            page.flags,
            words(kernel, exclusive)
        ));
    };
    *freedoms.entry(why).or_default() += 1;
    let Ok(range) = Range::from_len(Addr(addr), PAGE) else { return Ok(()) };
    let run = Run { pages: NonZeroU64::MIN, state: seen.0, flags: seen.1, frame: None };
    corrections.push(EventKind::Observed(Box::new(Observed {
        range,
        source: "pagemap-scan".to_owned(),
        runs: vec![run],
    })));
    Ok(())
}

/// Whether both say the same, and what the kernel says in the model's words.
fn same(page: Page, kernel: u64, exclusive: Option<bool>) -> (bool, (PageState, PageFlags)) {
    let has = |bits| kernel & bits == bits;
    let guard = has(wire::GUARD);
    let huge = has(wire::HUGE);
    let seen = if guard || kernel == 0 {
        PageState::Untouched
    } else if has(wire::SWAPPED) {
        PageState::Swapped
    } else if has(wire::ZERO) {
        PageState::ZeroPage
    } else if has(wire::FILE) {
        PageState::FileClean
    } else if exclusive == Some(false) {
        PageState::CopyPending
    } else {
        PageState::Private
    };
    let state = match (page.state, seen) {
        // Which of the two, no page table tells.
        (PageState::FileDirty, PageState::FileClean) => true,
        // Outside of the arena nobody looked whether it is shared.
        (PageState::CopyPending, PageState::Private) => exclusive.is_none(),
        (a, b) => a == b,
    };
    let flags = page.flags.has(PageFlags::HUGE) == huge && page.flags.has(PageFlags::GUARD) == guard;
    let mut seen_flags = PageFlags::NONE;
    if huge {
        seen_flags = seen_flags.with(PageFlags::HUGE);
    }
    if guard {
        seen_flags = seen_flags.with(PageFlags::GUARD);
    }
    (state && flags, (seen, seen_flags))
}

fn words(kernel: u64, exclusive: Option<bool>) -> String {
    let names = [
        (wire::FILE, "file"),
        (wire::PRESENT, "present"),
        (wire::SWAPPED, "swapped"),
        (wire::ZERO, "zero"),
        (wire::HUGE, "huge"),
        (wire::GUARD, "guard"),
    ];
    let mut text: Vec<&str> =
        names.iter().filter(|(bit, _)| kernel & bit != 0).map(|(_, name)| *name).collect();
    if exclusive == Some(true) {
        text.push("exclusive");
    }
    if text.is_empty() { "nothing".to_owned() } else { text.join("+") }
}

fn model_lines(space: &AddressSpace, low: u64, high: u64) -> Vec<String> {
    let Ok(window) = Range::new(Addr(low), Addr(high)) else { return Vec::new() };
    let lines = space.mappings_in(window).filter_map(|m| {
        let part = m.range.intersection(window)?;
        let object = m.attributes.backing.object();
        let cut = part.start().0 - m.range.start().0;
        let (offset, inode) = object.map_or((0, 0), |o| (m.attributes.offset + cut, o.inode));
        Some(format!("{:x}-{:x} {} {offset:x} {inode}", part.start().0, part.end().0, m.permissions()))
    });
    lines.collect()
}

fn kernel_lines(state: &State, low: u64, high: u64) -> Vec<String> {
    let inside = state.vmas.iter().filter(|v| low <= v.start && v.end <= high);
    let letter = |v: u64, bit: u64, on: char, off: char| if v & bit != 0 { on } else { off };
    inside
        .map(|v| {
            let p = [(1, 'r', '-'), (2, 'w', '-'), (4, 'x', '-'), (8, 's', 'p')];
            let p: String = p.iter().map(|(bit, on, off)| letter(v.flags, *bit, *on, *off)).collect();
            format!("{:x}-{:x} {p} {:x} {}", v.start, v.end, v.offset, v.inode)
        })
        .collect()
}

fn side_by_side(pid: u32, model: &[String], kernel: &[String], space: &AddressSpace) -> String {
    let mut text = format!("process {pid}: mappings differ\n    {:44} {}\n", "model", "kernel");
    let rows = model.len().max(kernel.len());
    for i in 0..rows {
        let (a, b) = (model.get(i).map_or("", String::as_str), kernel.get(i).map_or("", String::as_str));
        let mark = if a == b { ' ' } else { '!' };
        let _ = writeln!(text, "  {mark} {a:44} {b}");
    }
    for mapping in space.mappings() {
        let flags: Vec<&str> = mapping.attributes.flags.names().collect();
        let _ =
            writeln!(text, "    model: {} {} [{}]", mapping.range, mapping.permissions(), flags.join(" "));
    }
    text
}

fn page_lines(space: &AddressSpace, state: &State, low: u64, high: u64) -> String {
    let mut text = String::new();
    let mut last = String::new();
    for page in 0..(high - low) / PAGE {
        let addr = low + page * PAGE;
        let Some(mapping) = space.mapping_at(Addr(addr)) else { continue };
        let model =
            space.page_at(Addr(addr)).map(|p| format!("{:?} {:?}", p.state, p.flags)).unwrap_or_default();
        let line = format!(
            "{} {:32} {}",
            mapping.permissions(),
            model,
            words(state.categories(addr), state.exclusive(addr))
        );
        if line != last {
            let _ = writeln!(text, "    {addr:x} {line}");
        }
        last = line;
    }
    text
}
