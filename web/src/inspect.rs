//! The inspector: everything that is known of a page, a mapping or a range, and the latest events that concerned it.

use crate::app::{App, SidePanel};
use crate::events::{Pursuit, seconds};
use crate::format::{clipped, count, grouped, size};
use crate::panel::{Block, Go, Line, hex_lines};
use crate::view::{event_line, shown_process, subject};
use pagescope_shared::addr::Range;
use pagescope_shared::mapping::{Backing, Mapping, Sharing};
use pagescope_shared::model::{AddressSpace, Totals};
use pagescope_shared::page::{Page, PageState, Provenance};
use pagescope_shared::timeline::{Found, Query, Timeline};
use pagescope_shared::world::Sameness;

/// So many events of its history are listed.
const HISTORY: usize = 12;
/// So many mappings, and lines of bytes, are listed.
const LISTED: usize = 40;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whose memory.
    pub pid: u32,
    /// Which addresses.
    pub range: Range,
    /// Why it is this.
    pub why: &'static str,
}

/// The selection, or else the page under the pointer, or else what the event is about.
pub fn target(app: &App) -> Option<Target> {
    let timeline = app.timeline.as_ref()?;
    let (pid, _) = shown_process(app, timeline)?;
    if let Some(range) = app.selection {
        return Some(Target { pid, range, why: "selected" });
    }
    if let Some(range) = app.hover.and_then(|addr| timeline.header().page_size.page_range(addr)) {
        return Some(Target { pid, range, why: "under the pointer" });
    }
    let of_it = timeline.event().is_none_or(|event| event.pid == pid);
    let range = subject(timeline).filter(|_| of_it)?.range;
    Some(Target { pid, range, why: "what the event is about" })
}

/// Events that concern addresses of a process.
fn query(pid: u32, range: Range) -> Query {
    Query { pid: Some(pid), within: Some(range), ..Query::default() }
}

/// A search for the next event here, or the one before.
pub fn pursuit(app: &App, back: bool) -> Option<Pursuit> {
    let target = target(app)?;
    Some(Pursuit::new(query(target.pid, target.range), app.position(), back))
}

/// The latest events that concerned what is looked at, searched for in slices.
#[derive(Clone, Debug, Default)]
pub struct History {
    of: Option<(u32, Range, usize)>,
    found: Vec<usize>,
    at: usize,
    done: bool,
}

impl History {
    /// Brings the question in line with the page.
    pub fn ask(&mut self, app: Option<(Target, usize)>) {
        let of = app.map(|(target, position)| (target.pid, target.range, position));
        if of != self.of {
            *self = Self { of, at: of.map_or(0, |(.., position)| position), ..Self::default() };
        }
    }

    /// Whether there is more to look through.
    pub fn has_work(&self) -> bool {
        self.of.is_some() && !self.done
    }

    /// Looks through `amount` more events; says through how many.
    pub fn work(&mut self, timeline: &mut Timeline, amount: usize) -> usize {
        let Some((pid, range, _)) = self.of else { return 0 };
        let from = self.at;
        match timeline.find(&query(pid, range), from, true, amount.max(1)) {
            Found::At(index) => {
                self.found.push(index);
                self.at = index;
                self.done = self.found.len() >= HISTORY;
            }
            Found::Nothing => self.done = true,
            Found::Paused(at) => self.at = at,
        }
        from.abs_diff(self.at)
    }
}

/// The question of the page's history, while the panel is shown.
pub fn question(app: &App) -> Option<(Target, usize)> {
    (app.side == SidePanel::Inspect).then(|| target(app)).flatten().map(|target| (target, app.position()))
}

/// The panel.
pub fn blocks(app: &App) -> Vec<Block> {
    let mut all = Vec::new();
    let Some(timeline) = &app.timeline else { return all };
    let Some((pid, _)) = shown_process(app, timeline) else { return all };
    let Some(space) = timeline.world().space(pid) else { return all };
    match target(app) {
        None => all.push(Block::Note("Select a page or a mapping, or point at one.".to_owned())),
        Some(target) => {
            let pages = space.page_size().pages_in(target.range);
            all.push(Block::Title(format!("{}, {}", count(pages, "page", "pages"), target.why)));
            all.push(Block::Facts(vec![("addresses", target.range.to_string())]));
            mapping_blocks(&mut all, space, target.range);
            if pages == 1 {
                page_blocks(&mut all, timeline, space, target);
            } else {
                states(&mut all, space, target.range);
            }
            let bytes = hex_lines(space.recorded_bytes(target.range), LISTED);
            if !bytes.is_empty() {
                all.push(Block::Heading("Bytes that were recorded"));
                all.push(Block::Hex(bytes));
            }
            history(&mut all, app, timeline);
        }
    }
    all.push(Block::Heading("The process"));
    all.push(Block::Facts(counters(space.totals(), space.page_size().bytes())));
    all
}

fn mapping_blocks(all: &mut Vec<Block>, space: &AddressSpace, range: Range) {
    all.push(Block::Heading("Mapping"));
    let mut mappings = space.mappings_in(range);
    let (first, second) = (mappings.next(), mappings.next());
    let Some(first) = first else {
        all.push(Block::Note(
            "Nothing is mapped here: touching it would be a segmentation fault.".to_owned(),
        ));
        return;
    };
    let Some(second) = second else {
        all.push(Block::Facts(mapping_facts(&first)));
        return;
    };
    let rows =
        [first, second].into_iter().chain(mappings.by_ref().take(LISTED - 2)).map(|m| mapping_line(&m));
    let rows = rows.collect();
    let left = mappings.count();
    let more = if left == 0 {
        String::new()
    } else {
        format!("and {} more", grouped(u64::try_from(left).unwrap_or(0)))
    };
    all.push(Block::Table { head: &["start", ">size", "may", "name"], rows, more });
}

/// A mapping as a row: start, size, permissions, name.
pub fn mapping_line(mapping: &Mapping) -> Line {
    let backing = mapping.attributes.backing.to_string();
    let cells = vec![
        mapping.range.start().to_string(),
        size(mapping.range.bytes()),
        mapping.permissions(),
        clipped(crate::format::file_name(&backing), 60),
    ];
    Line { cells, go: Some(Go::Range(mapping.range)), fill: None }
}

fn mapping_facts(mapping: &Mapping) -> Vec<(&'static str, String)> {
    let a = &mapping.attributes;
    let may =
        [(a.protection.read, "read"), (a.protection.write, "written"), (a.protection.execute, "executed")];
    let may: Vec<&str> = may.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
    let may =
        if may.is_empty() { "not be touched at all".to_owned() } else { format!("be {}", may.join(", ")) };
    let sharing = match a.sharing {
        Sharing::Private => "private: what is written is this process's own",
        Sharing::Shared => "shared: what is written is seen by all who map it",
    };
    let backing = match &a.backing {
        Backing::Anonymous => "anonymous: no file behind it".to_owned(),
        Backing::Heap => "heap, moved by brk".to_owned(),
        Backing::Stack => "stack of the main thread".to_owned(),
        Backing::Kernel(name) => format!("[{}], put there by the kernel", clipped(name, 60)),
        Backing::File(object) | Backing::Shm(object) => clipped(&object.path, 300),
    };
    let mut facts = vec![
        ("range", mapping.range.to_string()),
        ("size", size(mapping.range.bytes())),
        ("may", format!("{} · {may}", mapping.permissions())),
        ("sharing", sharing.to_owned()),
        ("backing", backing),
    ];
    if let Some(object) = a.backing.object() {
        facts.push(("offset", format!("{:#x}", a.offset)));
        if object.inode != 0 {
            facts.push(("inode", format!("{} on {}", object.inode, clipped(&object.dev, 20))));
        }
    }
    if !a.flags.is_empty() {
        facts.push(("flags", clipped(&a.flags.names().collect::<Vec<_>>().join(", "), 200)));
    }
    facts
}

/// What a state means.
pub fn meaning(state: PageState) -> &'static str {
    match state {
        PageState::Untouched => "nothing stands behind it yet: it costs no memory until it is touched",
        PageState::ZeroPage => "read but never written: the one shared page of zeroes stands behind it",
        PageState::Private => "a frame of its own stands behind it",
        PageState::FileClean => "a frame of the page cache, as the file has it",
        PageState::FileDirty => "written, seen by all who map it, and not yet stored",
        PageState::CopyPending => "shared for now: whoever writes first gets a copy",
        PageState::Swapped => "its bytes are in swap: touching it brings them back",
        PageState::Unknown => "nobody looked, so nobody knows",
    }
}

fn page_blocks(all: &mut Vec<Block>, timeline: &Timeline, space: &AddressSpace, target: Target) {
    let Some(page) = space.page_at(target.range.start()) else { return };
    all.push(Block::Heading("Page"));
    let mut facts = vec![
        ("state", format!("{}: {}", page.state.label(), meaning(page.state))),
        ("known", known(&page).to_owned()),
    ];
    let flags: Vec<&str> = page.flags.labels().collect();
    if !flags.is_empty() {
        facts.push(("flags", flags.join(", ")));
    }
    if page.state.is_resident() {
        let frame = page.frame.map_or("number not recorded".to_owned(), |frame| frame.to_string());
        facts.push(("frame", frame));
    }
    // Looking for who else has it goes through all processes: of very many it is left out.
    const TOLD: usize = 6;
    let companions = timeline.world().companions(target.pid, target.range.start(), TOLD + 1);
    if !companions.is_empty() {
        let one = |c: &pagescope_shared::world::Companion| {
            let how = match c.how {
                Sameness::Frame => "same frame number",
                Sameness::Fork => "since the fork",
                Sameness::Object => "same page of the file",
            };
            format!("process {} ({how})", c.pid)
        };
        let mut words: Vec<String> = companions.iter().take(TOLD).map(one).collect();
        if companions.len() > TOLD {
            words.push("and others".to_owned());
        }
        facts.push(("shared with", words.join(", ")));
    }
    all.push(Block::Facts(facts));
}

fn known(page: &Page) -> &'static str {
    match (page.state, page.provenance) {
        (PageState::Unknown, _) => "not recorded",
        (_, Provenance::Observed) => "observed: the kernel was asked, and said so",
        (_, Provenance::Inferred) => "inferred: it follows from the events, nobody has looked since",
    }
}

/// The pages of a range by state.
fn states(all: &mut Vec<Block>, space: &AddressSpace, range: Range) {
    let size_of = space.page_size();
    let mut pages = [(0u64, 0u64); PageState::ALL.len()];
    for (run, page) in space.runs(range) {
        if let Some(count) = pages.get_mut(page.state as usize) {
            count.0 += size_of.pages_in(run);
            count.1 += if page.provenance == Provenance::Observed { size_of.pages_in(run) } else { 0 };
        }
    }
    let rows: Vec<Line> = PageState::ALL
        .iter()
        .zip(pages)
        .filter(|(_, (pages, _))| *pages > 0)
        .map(|(state, (pages, seen))| Line {
            cells: vec![
                state.label().to_owned(),
                grouped(pages),
                size(pages.saturating_mul(size_of.bytes())),
                grouped(seen),
            ],
            go: None,
            fill: Some((*state).into()),
        })
        .collect();
    if !rows.is_empty() {
        all.push(Block::Heading("Pages"));
        all.push(Block::Table {
            head: &["state", ">pages", ">size", ">observed"],
            rows,
            more: String::new(),
        });
    }
}

fn history(all: &mut Vec<Block>, app: &App, timeline: &Timeline) {
    all.push(Block::Heading("What happened here"));
    all.push(Block::Buttons(&["previous-here", "next-here"]));
    let history = &app.inspect;
    let rows: Vec<Line> = history
        .found
        .iter()
        .filter_map(|index| {
            let event = timeline.event_at(*index)?;
            let (_, text) = event_line(&event.kind, timeline.header().page_size);
            let moment = index.saturating_add(1);
            Some(Line {
                cells: vec![
                    grouped(u64::try_from(moment).unwrap_or(u64::MAX)),
                    seconds(event.time_ns),
                    clipped(event.kind.name(), 20),
                    text,
                ],
                go: Some(Go::Moment(moment)),
                fill: None,
            })
        })
        .collect();
    let more = match (history.has_work(), rows.len()) {
        (true, _) => {
            format!("looking back, at event {}", grouped(u64::try_from(history.at).unwrap_or(u64::MAX)))
        }
        (false, 0) => "Nothing before this moment.".to_owned(),
        (false, HISTORY) => "The latest ones; there may be earlier ones.".to_owned(),
        _ => String::new(),
    };
    all.push(Block::Table { head: &["event", ">seconds", "kind", "what"], rows, more });
}

/// What an address space amounts to.
pub fn counters(totals: Totals, page_bytes: u64) -> Vec<(&'static str, String)> {
    let bytes = |pages: u64| size(pages.saturating_mul(page_bytes));
    let mut facts = vec![
        ("mapped", format!("{} in {}", size(totals.mapped), count(totals.mappings, "mapping", "mappings"))),
        ("resident", bytes(totals.resident())),
    ];
    for (state, pages) in PageState::ALL.iter().zip(totals.pages) {
        if pages > 0 {
            facts.push((state.label(), format!("{} · {}", count(pages, "page", "pages"), bytes(pages))));
        }
    }
    facts.push(("faults", grouped(totals.faults)));
    facts
}

#[cfg(test)]
mod tests;
