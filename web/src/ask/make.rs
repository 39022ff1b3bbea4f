//! Questions about what is to come, with answers that the model gives: the events are applied to a world beside the one
//! that is shown. Where a page was not recorded, nothing is asked about it.

use crate::format::{clipped, count, grouped, size};
use crate::talk::stops::Stop;
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{AccessType, Event, EventKind, FaultAccess, ForkMemory};
use pagescope_shared::mapping::{Backing, Sharing};
use pagescope_shared::model::AddressSpace;
use pagescope_shared::page::PageState;
use pagescope_shared::timeline::Timeline;
use pagescope_shared::world::World;
use std::collections::BTreeSet;

/// Longer steps are not asked about, in events.
const LONGEST: usize = 400;
/// Nor is what lies farther than this from a world that is kept.
const FAR: usize = 40_000;
/// So many runs of pages are counted at most.
const RUNS: usize = 10_000;
/// A page is looked for among so many at most.
const PAGES: u64 = 4096;
/// So many answers stand to choose from.
const CHOICES: usize = 4;

/// A question and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// What is asked.
    pub text: String,
    /// Answers to choose from.
    pub choices: Vec<String>,
    /// Which of them is right, from 0.
    pub answer: Option<usize>,
    /// The answer is this page: it is to be clicked.
    pub page: Option<Range>,
    /// Why, in a sentence; empty where the step's own words say it.
    pub why: String,
    /// What the model has to show after the step.
    pub truth: Truth,
}

impl Made {
    /// Whether these addresses of a process are one of the pages that are asked about: a click there is a guess.
    pub fn asks_for(&self, pid: Option<u32>, range: Range) -> bool {
        matches!(self.truth, Truth::Page(of, page, all)
            if pid == Some(of) && range.bytes() == page.bytes() && all.contains(range.start()))
    }
}

/// What an answer says of the world after the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// What the author of the lesson wrote.
    Written,
    /// So many pages of this range are in memory.
    Resident(u32, Range, u64),
    /// The page at this address is in this state.
    State(u32, Addr, PageState),
    /// Of these pages only that one has changed: first the page, then all.
    Page(u32, Range, Range),
    /// So many mappings are in this range.
    Mappings(u32, Range, usize),
    /// So many bytes of this range have gone.
    Gone(u32, Range, u64),
    /// It begins here now.
    At(u32, Addr),
    /// A call failed.
    Fails,
    /// A signal came.
    Signal(u32),
    /// The child's pages wait for their copy.
    Pending(u32),
}

/// The question before the step to `stop`, or to `to` where there are no stops; none where nothing is worth asking.
pub fn question(timeline: &Timeline, from: usize, to: usize, stop: Option<&Stop>) -> Option<Made> {
    if let Some(written) = stop.and_then(|stop| stop.question.as_ref()) {
        let answer = written.answer.and_then(|answer| usize::try_from(answer).ok());
        return Some(Made {
            text: written.text.clone(),
            choices: written.choices.clone(),
            answer: answer.filter(|answer| *answer < written.choices.len()),
            page: None,
            why: String::new(),
            truth: Truth::Written,
        });
    }
    if to <= from || to - from > LONGEST {
        return None;
    }
    let mut walk = timeline.walk_to(from);
    timeline.walk(&mut walk, from, FAR, &mut |_| {});
    if walk.position() != from {
        return None;
    }
    let before = walk.world().clone();
    let mut events = Vec::new();
    timeline.walk(&mut walk, to, LONGEST, &mut |passed| events.push(passed.event.clone()));
    if walk.position() != to {
        return None;
    }
    let step =
        Step { before: &before, after: walk.world(), events: &events, size: timeline.header().page_size };
    events.iter().find_map(|event| step.about(event))
}

struct Step<'a> {
    before: &'a World,
    after: &'a World,
    events: &'a [Event],
    size: PageSize,
}

impl Step<'_> {
    fn about(&self, event: &Event) -> Option<Made> {
        let pid = event.pid;
        match &event.kind {
            EventKind::Failed(e) => {
                let call = format!("{}({}, {})", clipped(&e.call, 30), e.asked.addr, grouped(e.asked.len));
                let why = format!("The kernel refuses: {}.", clipped(&e.errno, 40));
                Some(yes_or_no(format!("{call}: does this call fail?"), true, why, Truth::Fails))
            }
            EventKind::Map(e) => {
                let what = match (&e.attributes.backing, e.attributes.sharing) {
                    (Backing::File(_), Sharing::Private) => "private, of a file",
                    (Backing::File(_), Sharing::Shared) => "shared, of a file",
                    (_, Sharing::Private) => "private",
                    (_, Sharing::Shared) => "shared",
                };
                self.resident(pid, e.range, &format!("mmap of {}, {what}", size(e.range.bytes())))
            }
            EventKind::Break(e) if e.new > e.old => {
                let up = |addr: Addr| self.size.round_up(addr.0).map(Addr);
                let range = Range::new(up(e.old)?, up(e.new)?).ok().filter(|range| range.bytes() > 0)?;
                self.resident(pid, range, &format!("brk makes the heap {} longer", size(range.bytes())))
            }
            EventKind::Advise(e) => {
                self.resident(pid, e.range, &format!("madvise, {}", clipped(e.advice.name(), 40)))
            }
            EventKind::Unmap(e) if e.asked.len != e.range.bytes() => {
                let gone = self
                    .bytes(self.before, pid, e.range)?
                    .checked_sub(self.bytes(self.after, pid, e.range)?)?;
                let text = format!("munmap of {}: how many bytes go?", count(e.asked.len, "byte", "bytes"));
                let why = format!("munmap works in whole pages of {} bytes.", grouped(self.size.bytes()));
                let options = [0, e.asked.len, e.range.bytes()];
                number(text, gone, &options, why, Truth::Gone(pid, e.range, gone))
            }
            EventKind::Unmap(e) => self.mappings(pid, e.range, "munmap").or_else(|| self.freed(pid, e.range)),
            EventKind::Protect(e) => self.mappings(pid, e.range, "mprotect"),
            EventKind::Remap(e) => {
                let old = e.old.filter(|old| old.start() != e.new.start() || old.bytes() != e.new.bytes())?;
                let found = self.after.space(pid)?.mapping_at(e.new.start())?;
                let stays = e.new.start() == old.start();
                let (from, to) = (size(old.bytes()), size(e.new.bytes()));
                Some(Made {
                    text: format!("mremap from {from} to {to}: where is the mapping then?"),
                    choices: vec!["Where it was".to_owned(), "Somewhere else".to_owned()],
                    answer: Some(usize::from(!stays)),
                    page: None,
                    why: format!(
                        "It begins at {} now; pages that it had are still the same frames.",
                        e.new.start()
                    ),
                    truth: Truth::At(pid, found.range.start().max(e.new.start())),
                })
            }
            EventKind::Fork(e) if e.memory == ForkMemory::Copied => {
                let child = self.after.space(e.child)?;
                let waits = |page: PageState| page == PageState::CopyPending;
                let pending =
                    child.mappings().any(|m| child.runs(m.range).take(RUNS).any(|(_, p)| waits(p.state)));
                pending.then(|| Made {
                    text: "fork: what memory does the child begin with?".to_owned(),
                    choices: ["A copy of all pages", "The same pages, until somebody writes", "None"]
                        .map(str::to_owned)
                        .to_vec(),
                    answer: Some(1),
                    page: None,
                    why: "Nothing is copied yet: what was private waits for its copy, on both sides."
                        .to_owned(),
                    truth: Truth::Pending(e.child),
                })
            }
            EventKind::Fault(e) => {
                let verb = match e.access {
                    Some(FaultAccess::Write) => "writes to",
                    Some(FaultAccess::Read) => "reads from",
                    _ => "touches",
                };
                self.touch(event, e.addr, verb)
            }
            EventKind::Access(e) => self.touch(
                event,
                e.addr,
                if e.access == AccessType::Write { "writes to" } else { "reads from" },
            ),
            EventKind::Signal(e) => Some(self.signal(pid, e.addr, "touches")),
            _ => None,
        }
    }

    /// How many pages of a range are in memory after the step.
    fn resident(&self, pid: u32, range: Range, what: &str) -> Option<Made> {
        let (n, then) = (self.size.pages_in(range), resident(self.after, pid, range, self.size)?);
        let touched = self.touched(pid, range);
        let touches = match touched.len() {
            0 => String::new(),
            1 => ", and one page of it is touched".to_owned(),
            many => format!(", and {many} pages of it are touched"),
        };
        let before = resident(self.before, pid, range, self.size).unwrap_or(0);
        let pages = if n == 1 { "pages".to_owned() } else { format!("of its {} pages", grouped(n)) };
        let text = format!("{what}{touches}: how many {pages} are in memory then?");
        let why = match then {
            _ if then < before => "The frames were given back, the addresses stay.".to_owned(),
            0 => "A page gets its frame when it is touched, not before.".to_owned(),
            _ => format!("{} of {} in memory.", grouped(then), count(n, "page is", "pages are")),
        };
        let options = [before, long(touched.len()), n, 0, 1.min(n)];
        number(text, then, &options, why, Truth::Resident(pid, range, then))
    }

    /// How many mappings there are around a range after the step, where that changes.
    fn mappings(&self, pid: u32, range: Range, what: &str) -> Option<Made> {
        let (before, after) = (self.before.space(pid)?, self.after.space(pid)?);
        let around = [Addr(range.start().0.saturating_sub(1)), range.start(), range.end()];
        let around = around.into_iter().filter_map(|addr| before.mapping_at(addr));
        let all = around
            .map(|mapping| mapping.range)
            .fold(range, |a, b| Range::new(a.start().min(b.start()), a.end().max(b.end())).unwrap_or(a));
        let (was, is) = (before.mappings_in(all).take(99).count(), after.mappings_in(all).take(99).count());
        if was == is || was == 0 || is == 0 {
            return None;
        }
        let pages = count(self.size.pages_in(range), "page", "pages");
        let text = format!(
            "{what} of {pages}: there is {} here; how many are there then?",
            count(long(was), "mapping", "mappings")
        );
        let text = if was == 1 { text } else { text.replace("there is ", "there are ") };
        let why = if is > was {
            "A mapping has the same rights everywhere and no hole in it: the kernel has to cut."
        } else {
            "Neighbours that are alike become one mapping."
        };
        number(text, long(is), &[long(was), 1, 2, 3], why.to_owned(), Truth::Mappings(pid, all, is))
    }

    /// How many pages in memory go with a range.
    fn freed(&self, pid: u32, range: Range) -> Option<Made> {
        let was = resident(self.before, pid, range, self.size)?;
        let left = resident(self.after, pid, range, self.size).filter(|left| *left == 0)?;
        let n = self.size.pages_in(range);
        let text = format!("munmap of {}: how many in memory go with it?", count(n, "page", "pages"));
        let why = "What was never touched has nothing to give back.".to_owned();
        number(text, was, &[0, was, n, 1.min(n)], why, Truth::Resident(pid, range, left))
    }

    /// A touch: what becomes of the page, or of the pages.
    fn touch(&self, event: &Event, addr: Addr, verb: &str) -> Option<Made> {
        let pid = event.pid;
        let signal = |e: &&Event| e.pid == pid && matches!(&e.kind, EventKind::Signal(_));
        if self.events.iter().any(|e| signal(&e)) {
            return Some(self.signal(pid, addr, verb));
        }
        let (before, after) = (self.before.space(pid)?, self.after.space(pid)?);
        let (mapping, page) = (before.mapping_at(addr)?, self.size.page_range(addr)?);
        let touched = self.touched(pid, mapping.range);
        if touched.len() > 1 {
            let n = self.size.pages_in(mapping.range);
            let then = resident(self.after, pid, mapping.range, self.size)?;
            let was = resident(self.before, pid, mapping.range, self.size)?;
            let text = format!(
                "The program touches {} of these {}: how many are in memory then?",
                grouped(long(touched.len())),
                grouped(n)
            );
            let why = format!("{} of {} in memory.", grouped(then), count(n, "page is", "pages are"));
            let options = [was, long(touched.len()), n, 0];
            return number(text, then, &options, why, Truth::Resident(pid, mapping.range, then));
        }
        let (was, is) = (before.page_at(addr)?.state, after.page_at(addr)?.state);
        if was == PageState::Unknown || is == PageState::Unknown {
            return None;
        }
        let why = if was == is {
            format!("The page stays as it is: {}.", meaning(is))
        } else {
            format!("The page was {}, and is {} now: {}.", was.label(), is.label(), meaning(is))
        };
        let n = self.size.pages_in(mapping.range);
        if was != is && (2..=PAGES).contains(&n) && self.only(before, after, mapping.range, page) {
            return Some(Made {
                text: format!("The program {verb} {addr}. Which of these pages changes? Click on it."),
                choices: Vec::new(),
                answer: None,
                page: Some(page),
                why,
                truth: Truth::Page(pid, page, mapping.range),
            });
        }
        let possible: &[PageState] = match (&mapping.attributes.backing, mapping.attributes.sharing) {
            (_, Sharing::Shared) => &[PageState::Untouched, PageState::FileClean, PageState::FileDirty],
            (Backing::File(_), _) => &[PageState::Untouched, PageState::FileClean, PageState::Private],
            _ => &[PageState::Untouched, PageState::ZeroPage, PageState::Private],
        };
        let states = PageState::ALL.into_iter().filter(|s| *s == was || *s == is || possible.contains(s));
        let states: Vec<PageState> = states.take(CHOICES + 1).collect();
        Some(Made {
            text: format!("The program {verb} this page, which is {}. What is it then?", was.label()),
            answer: Some(states.iter().position(|state| *state == is)?),
            choices: states.iter().map(|state| state.label().to_owned()).collect(),
            page: None,
            why,
            truth: Truth::State(pid, addr, is),
        })
    }

    fn signal(&self, pid: u32, addr: Addr, verb: &str) -> Made {
        Made {
            text: format!("The program {verb} {addr}. What happens?"),
            choices: vec!["It goes on".to_owned(), "The kernel sends it a signal".to_owned()],
            answer: Some(1),
            page: None,
            why: "No mapping there allows this: the kernel sends SIGSEGV.".to_owned(),
            truth: Truth::Signal(pid),
        }
    }

    /// The pages of a range that the process touches in this step.
    fn touched(&self, pid: u32, range: Range) -> BTreeSet<u64> {
        let of = self.events.iter().filter(|event| event.pid == pid);
        let addrs = of.filter_map(|event| match &event.kind {
            EventKind::Fault(fault) => Some(fault.addr),
            EventKind::Access(access) => Some(access.addr),
            _ => None,
        });
        addrs.filter(|addr| range.contains(*addr)).map(|addr| self.size.page_of(addr)).collect()
    }

    /// Whether of all these pages only this one is another one afterwards.
    fn only(&self, before: &AddressSpace, after: &AddressSpace, all: Range, page: Range) -> bool {
        let (first, n) = (self.size.page_of(all.start()), self.size.pages_in(all));
        let state = |space: &AddressSpace, addr| space.page_at(addr).map(|page| page.state);
        (first..first + n).filter_map(|number| self.size.address_of(number)).all(|addr| {
            let (was, is) = (state(before, addr), state(after, addr));
            was != Some(PageState::Unknown) && (was == is) != page.contains(addr)
        })
    }

    fn bytes(&self, world: &World, pid: u32, range: Range) -> Option<u64> {
        let parts = world.space(pid)?.mappings_in(range);
        Some(parts.filter_map(|m| m.range.intersection(range)).map(Range::bytes).sum())
    }
}

/// How many pages of a range are in memory; none where that was not recorded of all of them.
pub fn resident(world: &World, pid: u32, range: Range, size: PageSize) -> Option<u64> {
    let mut pages = 0;
    for (i, (run, page)) in world.space(pid)?.runs(range).enumerate() {
        if i >= RUNS || page.state == PageState::Unknown {
            return None;
        }
        pages += if page.state.is_resident() { size.pages_in(run) } else { 0 };
    }
    Some(pages)
}

/// What a state means, in a few words.
fn meaning(state: PageState) -> &'static str {
    match state {
        PageState::Untouched => "nothing stands behind it",
        PageState::ZeroPage => "the one frame of zeroes stands behind all that is only read",
        PageState::Private => "it has a frame of its own",
        PageState::FileClean => "the page cache's own frame stands behind it",
        PageState::FileDirty => "the frame is everybody's, and differs from what is stored",
        PageState::CopyPending => "whoever writes first gets a copy",
        PageState::Swapped => "it waits on the disk",
        PageState::Unknown => "nobody looked",
    }
}

fn long(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn yes_or_no(text: String, yes: bool, why: String, truth: Truth) -> Made {
    let choices = vec!["Yes".to_owned(), "No".to_owned()];
    Made { text, choices, answer: Some(usize::from(!yes)), page: None, why, truth }
}

/// A question for a number: the first of the options that differ, in order, and the answer among them.
fn number(text: String, answer: u64, options: &[u64], why: String, truth: Truth) -> Option<Made> {
    let mut all = BTreeSet::from([answer]);
    for option in options {
        if all.len() < CHOICES {
            all.insert(*option);
        }
    }
    let at = all.iter().position(|option| *option == answer).filter(|_| all.len() > 1)?;
    let word = |n: &u64| if *n == 0 { "None".to_owned() } else { grouped(*n) };
    Some(Made { text, choices: all.iter().map(word).collect(), answer: Some(at), page: None, why, truth })
}
