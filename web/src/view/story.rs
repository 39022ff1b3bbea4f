//! An event as a title and a sentence that a newcomer understands: what was wanted, and what it led to.

use crate::format::{clipped, count, file_name, size};
use pagescope_shared::addr::{PageSize, Range};
use pagescope_shared::event::{AccessType, Advice, EventKind, Fault, FaultAccess, ForkMemory, Map};
use pagescope_shared::mapping::{Backing, Protection, Sharing};
use pagescope_shared::model::{Change, MappingChange};
use pagescope_shared::page::PageState;

/// The title and the sentence. `change` is what the event did, while it is the one just before this moment.
pub(super) fn story(
    kind: &EventKind,
    change: Option<&Change>,
    page_size: PageSize,
) -> (&'static str, String) {
    let pages = |range| count(page_size.pages_in(range), "page", "pages");
    let name = |path: &str| clipped(file_name(path), 60);
    match kind {
        EventKind::Start(e) => ("A program is recorded", format!("{} begins, or has been running already.", name(&e.exe))),
        EventKind::Exec(e) => (
            "Another program takes over",
            format!("All memory of the old one is gone. The kernel maps {}, its loader and a new stack.", name(&e.exe)),
        ),
        EventKind::Fork(e) if e.memory == ForkMemory::Copied => (
            "A process makes another one",
            format!("Process {} gets the same address space. No page is copied yet: both share them until one of the two writes.", e.child),
        ),
        EventKind::Fork(e) => (
            "A process makes another one",
            format!("Process {} uses the very same memory until it runs another program or ends.", e.child),
        ),
        EventKind::Thread(_) => ("A thread begins", "It has a stack of its own and shares all other memory.".to_owned()),
        EventKind::Exit(e) => ("A process ends", format!("{}. Its memory goes back to the kernel.", capital(&super::exit_text(e)))),
        EventKind::Map(e) => ("Memory is mapped", map(e, change)),
        EventKind::Unmap(e) => (
            "Memory is unmapped",
            format!("{} are no longer part of the address space. What stood behind them is given back.", pages(e.range)),
        ),
        EventKind::Protect(e) => ("Pages may do other things", format!("{} may now {}.", pages(e.range), may(e.protection))),
        EventKind::Remap(e) => ("A mapping is moved or resized", remap(e.old.map(Range::bytes), e.new.bytes(), e.old.is_some_and(|old| old.start() != e.new.start()))),
        EventKind::Break(e) if e.new > e.old => ("The heap grows", format!("By {}. No page stands behind it until it is touched.", size(e.new.0 - e.old.0))),
        EventKind::Break(e) if e.new < e.old => ("The heap shrinks", format!("By {}. Those pages are given back.", size(e.old.0 - e.new.0))),
        EventKind::Break(_) => ("The heap stays", "The program asked where it ends, or for more than it may have.".to_owned()),
        EventKind::Advise(e) => ("The kernel is told what to expect", format!("{}: {}.", pages(e.range), advice(&e.advice))),
        EventKind::Lock(_) => ("Pages are locked", "They stay in memory and are never swapped out.".to_owned()),
        EventKind::Unlock(_) => ("Pages are unlocked", "The kernel may swap them out again.".to_owned()),
        EventKind::Sync(_) => ("A file is brought up to date", "What was written into the mapping is stored.".to_owned()),
        EventKind::Failed(e) => {
            let effect = if change.is_some_and(|c| !c.is_empty()) { "Some of it was done before." } else { "Nothing changed." };
            let reason = if e.message.is_empty() { e.errno.as_str() } else { e.message.as_str() };
            ("A call fails", format!("The kernel refused {}: {}. {effect}", clipped(&e.call, 40), clipped(reason, 120)))
        }
        EventKind::Fault(e) => fault(e, change),
        EventKind::Signal(e) => (
            "A touch is forbidden",
            format!("{} was touched, and the kernel sends {}: without a handler the program dies.", e.addr, clipped(&e.signal, 40)),
        ),
        EventKind::Access(e) if e.access == AccessType::Write => ("The program writes", format!("{} to {}.", bytes(e.bytes.len()), e.addr)),
        EventKind::Access(e) => ("The program reads", format!("{} from {}.", bytes(e.bytes.len()), e.addr)),
        EventKind::Observed(e) => (
            "The kernel is asked",
            format!("The recorder looked at {}: from here on their states are observed, not inferred.", pages(e.range)),
        ),
        EventKind::Snapshot(_) => ("All mappings are read", "The recorder read the whole address space from the kernel. It takes the place of what was known.".to_owned()),
        EventKind::Step(_) | EventKind::Marker(_) => ("Somebody's words", String::new()),
        EventKind::Lost(_) => ("Events were lost", "From here on the picture may be wrong, until the kernel is asked again.".to_owned()),
        EventKind::End(_) => ("The recording ends", "As it should: nothing is missing after this.".to_owned()),
        EventKind::Other(_) => ("An event that this version does not know", "It is kept as it is, and changes nothing.".to_owned()),
    }
}

fn bytes(len: usize) -> String {
    count(u64::try_from(len).unwrap_or(u64::MAX), "byte", "bytes")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or(String::new(), |first| [first.to_ascii_uppercase()].into_iter().chain(letters).collect())
}

fn may(p: Protection) -> String {
    let all = [(p.read, "be read"), (p.write, "be written"), (p.execute, "be executed")];
    let words: Vec<&str> = all.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
    if words.is_empty() { "not be touched at all".to_owned() } else { words.join(", ") }
}

fn map(e: &Map, change: Option<&Change>) -> String {
    let a = &e.attributes;
    let what = match &a.backing {
        Backing::File(object) => {
            format!("{} of {}", size(e.range.bytes()), clipped(file_name(&object.path), 60))
        }
        Backing::Shm(_) => format!("{} of shared memory", size(e.range.bytes())),
        _ => format!("{} of fresh memory", size(e.range.bytes())),
    };
    let replaced = change.is_some_and(|c| c.removed().next().is_some());
    let replaced = if replaced { " It takes the place of what was there." } else { "" };
    let first = match (&a.backing, a.sharing) {
        (Backing::File(_), Sharing::Private) => {
            "Pages come from the page cache when they are touched, and are copied when they are written."
        }
        (Backing::File(_) | Backing::Shm(_), Sharing::Shared) => "Whoever maps it sees the same pages.",
        _ => "It is only set aside: no page stands behind it until it is touched.",
    };
    format!("{what}, which may {}. {first}{replaced}", may(a.protection))
}

fn remap(old: Option<u64>, new: u64, moved: bool) -> String {
    let sized = match old {
        Some(old) if old < new => format!("It grows from {} to {}", size(old), size(new)),
        Some(old) if old > new => format!("It shrinks from {} to {}", size(old), size(new)),
        _ => format!("Its {} stay", size(new)),
    };
    let how = if moved {
        "and its pages are at another address now, without being copied"
    } else {
        "and it is where it was"
    };
    format!("{sized}, {how}.")
}

fn advice(advice: &Advice) -> &'static str {
    match advice {
        Advice::DontNeed | Advice::DontNeedLocked => {
            "they are dropped at once, and read as zeroes or as the file has them"
        }
        Advice::Free => "they may be dropped when memory is needed",
        Advice::Remove => "they and what stands behind them are dropped, for everybody",
        Advice::WillNeed | Advice::PopulateRead | Advice::PopulateWrite => {
            "they will be needed soon, or are brought in now"
        }
        Advice::HugePage | Advice::Collapse => "huge pages are wanted here",
        Advice::NoHugePage => "no huge pages are wanted here",
        Advice::Cold | Advice::PageOut => "they have not been used for a while and may go first",
        Advice::DontFork => "a child does not get them",
        Advice::WipeOnFork => "a child finds zeroes here",
        Advice::GuardInstall => "touching them is an error from now on",
        Advice::GuardRemove => "they may be touched again",
        Advice::Mergeable => "pages of the same content may become one",
        _ => "it changes how the kernel treats them, not what they are",
    }
}

/// By what the page was and what it became.
fn fault(e: &Fault, change: Option<&Change>) -> (&'static str, String) {
    let verb = match e.access {
        Some(FaultAccess::Read) => "read",
        Some(FaultAccess::Write) => "wrote",
        Some(FaultAccess::Execute) => "ran code at",
        None => "touched",
    };
    let page = change.and_then(|c| c.pages.iter().find(|p| p.range.contains(e.addr)));
    let before = page.and_then(|p| p.before).map(|p| p.state);
    let after = page.and_then(|p| p.after).map(|p| p.state).or(e.led_to);
    let (title, led) = match (before, after) {
        (Some(PageState::CopyPending), Some(PageState::Private)) => (
            "A shared page is copied",
            "The page was shared. The kernel copied it, so that what is written is this process's own.",
        ),
        (Some(PageState::ZeroPage | PageState::FileClean), Some(PageState::Private)) => (
            "A page gets a frame of its own",
            "It was written for the first time: the kernel took a frame, filled it, and the program went on.",
        ),
        (_, Some(PageState::Private)) => (
            "A page comes to life",
            "Nothing stood behind the page. The kernel took a frame, filled it, and the program went on.",
        ),
        (_, Some(PageState::ZeroPage)) => (
            "A page of zeroes is read",
            "Nothing was written there yet: the kernel let it read the one page of zeroes that all share.",
        ),
        (_, Some(PageState::FileClean | PageState::FileDirty)) => (
            "A page of a file comes in",
            "The kernel found it in the page cache, or read it from the disk, and the program went on.",
        ),
        (_, Some(PageState::CopyPending)) => (
            "A page is shared for now",
            "The kernel let it see a page that others see too; writing would copy it.",
        ),
        _ => ("A page fault", "The kernel had to help before the program could go on."),
    };
    (title, format!("The program {verb} {}. {led}", e.addr))
}

/// What became of mappings, in words: at most a few.
pub(super) fn mapping_changes(change: &Change, most: usize) -> Vec<String> {
    let mut words: Vec<String> = change.mappings.iter().take(most).map(one).collect();
    let left = change.mappings.len().saturating_sub(most);
    if left > 0 {
        words.push(format!("and {left} more changes of mappings"));
    }
    words
}

fn one(change: &MappingChange) -> String {
    match change {
        MappingChange::Created(m) => format!(
            "new: {}, {}, {}",
            m.range,
            m.permissions(),
            clipped(&m.attributes.backing.to_string(), 80)
        ),
        MappingChange::Removed(m) => {
            format!("gone: {}, {}", m.range, clipped(&m.attributes.backing.to_string(), 80))
        }
        MappingChange::Split { before, at } => format!("{before} is split at {at}"),
        MappingChange::Shrunk { before, after } => format!("{before} shrinks to {after}"),
        MappingChange::Grown { before, after } => format!("{before} grows to {after}"),
        MappingChange::Merged { before, after } => format!("{before} and its neighbour are one now: {after}"),
        MappingChange::Moved { from, to } => format!("pages of {from} are at {to} now"),
        MappingChange::Changed(m) => format!("{} is {} now", m.range, m.permissions()),
    }
}
