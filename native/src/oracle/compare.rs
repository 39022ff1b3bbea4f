//! The model against the kernel.

use super::events::PIDS;
use super::freedoms::{Call, Freedoms, History, Seen};
use super::state::{Answer, State};
use super::wire;
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{EventKind, Observed};
use pagescope_shared::model::AddressSpace;
use pagescope_shared::page::{Page, PageFlags, PageState, Run};
use std::fmt::Write as _;
use std::num::NonZeroU64;

const PAGE: u64 = 4096;

/// One call, and all that its comparison needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) answer: &'a Answer,
    pub(crate) call: &'a Call,
    pub(crate) history: &'a History,
    /// Where the arena and the heap's window are.
    pub(crate) windows: [(u64, u64); 2],
}

/// Compares one process, feeds the model what the kernel was free to do, and describes the first difference.
pub(crate) fn compare(
    who: usize,
    space: Option<&AddressSpace>,
    moment: Moment<'_>,
    freedoms: &mut Freedoms,
) -> Result<Vec<EventKind>, String> {
    let empty = AddressSpace::new(pagescope_shared::addr::PageSize::FOUR_KIB);
    let space = space.unwrap_or(&empty);
    let Some(state) = moment.answer.states.get(who) else { return Ok(Vec::new()) };
    let mut observed = Vec::new();
    for (low, high) in moment.windows {
        let model = model_lines(space, low, high);
        let kernel = kernel_lines(state, low, high);
        if model != kernel {
            return Err(side_by_side(PIDS[who], &model, &kernel, space));
        }
        let mut corrections = Vec::new();
        let mut addr = low;
        while addr < high {
            if let (Some(mapping), Some(&vma)) = (space.mapping_at(Addr(addr)), state.vma_at(addr)) {
                let Some(model) = space.page_at(Addr(addr)) else {
                    return Err(format!("no page at {addr:#x}"));
                };
                let (kernel, exclusive) = (state.categories(addr), state.exclusive(addr));
                let seen = Seen { addr, model, mapping: &mapping, vma, kernel, exclusive };
                check_page(who, &seen, moment, freedoms, &mut corrections).map_err(|e| {
                    format!("process {}: {e}\n{}", PIDS[who], page_lines(space, state, low, high))
                })?;
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
    who: usize,
    page: &Seen<'_>,
    moment: Moment<'_>,
    freedoms: &mut Freedoms,
    corrections: &mut Vec<EventKind>,
) -> Result<(), String> {
    let (same, seen) = same(page.model, page.kernel, page.exclusive);
    if same {
        return Ok(());
    }
    let Some(why) = moment.call.covers(moment.history, who, page) else {
        let (state, flags) = (page.model.state, page.model.flags);
        let kernel = words(page.kernel, page.exclusive);
        return Err(format!("page {:#x}: model {state:?} {flags:?}, kernel {kernel}", page.addr));
    };
    *freedoms.entry(why).or_default() += 1;
    let Ok(range) = Range::from_len(Addr(page.addr), PAGE) else { return Ok(()) };
    let run = Run { pages: NonZeroU64::MIN, state: seen.0, flags: seen.1, frame: None };
    corrections.push(EventKind::Observed(Box::new(Observed {
        range,
        source: "pagemap-scan".to_owned(),
        runs: vec![run],
    })));
    Ok(())
}

/// Whether both say the same, and what the kernel says in the model's words.
pub(super) fn same(page: Page, kernel: u64, exclusive: Option<bool>) -> (bool, (PageState, PageFlags)) {
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
