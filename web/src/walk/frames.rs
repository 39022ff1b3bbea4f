//! Virtual pages on one side, physical frames on the other, and who else stands on them.

use crate::format::{clipped, file_name};
use pagescope_shared::addr::{Addr, Frame};
use pagescope_shared::page::{Page, PageState};
use pagescope_shared::world::{Companion, Sameness, World};

/// Pages that are shown around the address.
const AROUND: u64 = 12;
/// Pages of others on one frame that are looked for.
const COMPANIONS: usize = 16;
/// Strips of other processes, or other places, that are shown.
const STRIPS: usize = 1;

/// The pages around an address and the frames behind them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frames {
    /// The pages around the address first, then those of others that stand on the same frames.
    pub strips: Vec<Strip>,
    /// The frames, by number; where none was recorded, in the order of the pages.
    pub frames: Vec<FrameBox>,
    /// Which page stands on which frame.
    pub joins: Vec<Join>,
    /// What is known of who shares the page at the address.
    pub shared: String,
}

/// Pages that follow one another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strip {
    /// Whose, and where.
    pub label: String,
    /// The process.
    pub pid: u32,
    /// The pages; `None` where nothing is mapped.
    pub cells: Vec<Cell>,
}

/// One page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its first byte.
    pub addr: Addr,
    /// What it is, if it is mapped.
    pub page: Option<Page>,
    /// Whether it is the one that the walk goes to.
    pub subject: bool,
}

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameBox {
    /// Its number, where it was recorded.
    pub frame: Option<Frame>,
    /// What the page that stands on it is.
    pub page: Page,
    /// Whether it is the one page of zeroes.
    pub zero: bool,
    /// Whether the walk ends there.
    pub subject: bool,
    /// Where it stands among the others.
    pub column: usize,
}

/// A page that stands on a frame: indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    /// The strip.
    pub strip: usize,
    /// The cell in it.
    pub cell: usize,
    /// The frame.
    pub frame: usize,
}

/// What makes a frame the one and not another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Identity {
    Zero,
    Number(Frame),
    /// Not recorded: the page at this address of this process stands for it.
    Page(u32, Addr),
}

/// The frames behind the pages around `addr` of `pid`.
pub(super) fn frames(world: &World, pid: u32, addr: Addr) -> Frames {
    let Some(space) = world.space(pid) else { return Frames::default() };
    let size = space.page_size();
    let number = size.page_of(addr);
    // An aligned stretch, which stays while one goes along; moved into the mapping where that is.
    let mut first = number / AROUND * AROUND;
    if let Some(mapping) = space.mapping_at(addr) {
        let (begin, end) =
            (size.page_of(mapping.range.start()), size.page_of(Addr(mapping.range.end().0 - 1)) + 1);
        first = first.min(end.saturating_sub(AROUND)).max(begin);
    }
    let own: Vec<Cell> = (first..first + AROUND)
        .filter_map(|n| {
            let at = size.address_of(n)?;
            Some(Cell { addr: at, page: space.page_at(at), subject: n == number })
        })
        .collect();
    let companions: Vec<Vec<Companion>> =
        own.iter().map(|c| world.companions(pid, c.addr, COMPANIONS)).collect();
    // Whoever shares most is shown: a process, and how far from here its pages are.
    let mut places: Vec<((u32, u64), usize)> = Vec::new();
    for (cell, found) in own.iter().zip(&companions) {
        for companion in found {
            let place = (companion.pid, companion.addr.0.wrapping_sub(cell.addr.0));
            match places.iter_mut().find(|p| p.0 == place) {
                Some(known) => known.1 += 1 + usize::from(cell.subject) * COMPANIONS,
                None => places.push((place, 1 + usize::from(cell.subject) * COMPANIONS)),
            }
        }
    }
    places.sort_by_key(|p| std::cmp::Reverse(p.1));

    let mut all = Frames::default();
    let mut identities: Vec<Identity> = Vec::new();
    all.strips.push(Strip { label: label(world, pid, own.first()), pid, cells: own.clone() });
    for (index, cell) in own.iter().enumerate() {
        let Some(page) = cell.page.filter(|p| p.state.is_resident()) else { continue };
        all.join(&mut identities, identity(pid, cell.addr, &page), (0, index), page, cell.subject);
    }
    for ((other, distance), _) in places.into_iter().take(STRIPS) {
        let Some(theirs) = world.space(other) else { continue };
        let cells: Vec<Cell> = own
            .iter()
            .map(|cell| {
                let at = Addr(cell.addr.0.wrapping_add(distance));
                Cell { addr: at, page: theirs.page_at(at), subject: false }
            })
            .collect();
        let strip = all.strips.len();
        for (index, (cell, found)) in cells.iter().zip(&companions).enumerate() {
            let Some(page) = cell.page.filter(|p| p.state.is_resident()) else { continue };
            let shared = found.iter().any(|c| c.pid == other && c.addr == cell.addr);
            let counterpart = own.get(index).and_then(|c| Some((c.addr, c.page?)));
            let frame = match counterpart {
                Some((at, mine)) if shared => identity(pid, at, &mine),
                _ => identity(other, cell.addr, &page),
            };
            all.join(&mut identities, frame, (strip, index), page, false);
        }
        all.strips.push(Strip { label: label(world, other, cells.first()), pid: other, cells });
    }
    all.place();
    let subject = own.iter().position(|cell| cell.subject);
    all.shared = sharing(world, subject.and_then(|i| companions.get(i)), subject.and_then(|i| own.get(i)));
    all
}

fn identity(pid: u32, addr: Addr, page: &Page) -> Identity {
    match page.frame {
        _ if page.state == PageState::ZeroPage => Identity::Zero,
        Some(frame) => Identity::Number(frame),
        None => Identity::Page(pid, addr),
    }
}

impl Frames {
    fn join(
        &mut self,
        identities: &mut Vec<Identity>,
        identity: Identity,
        (strip, cell): (usize, usize),
        page: Page,
        subject: bool,
    ) {
        let frame = identities.iter().position(|known| *known == identity).unwrap_or_else(|| {
            identities.push(identity);
            let zero = identity == Identity::Zero;
            self.frames.push(FrameBox { frame: page.frame, page, zero, subject: false, column: 0 });
            identities.len() - 1
        });
        if let Some(frame) = self.frames.get_mut(frame) {
            frame.subject |= subject;
        }
        self.joins.push(Join { strip, cell, frame });
    }

    /// Frames with numbers stand by number, those without behind them. Where there is no number at all, a frame stands
    /// below its page.
    fn place(&mut self) {
        let numbered = self.frames.iter().any(|f| f.frame.is_some());
        let mut order: Vec<usize> = (0..self.frames.len()).collect();
        if numbered {
            order.sort_by_key(|i| {
                let frame = self.frames.get(*i).and_then(|f| f.frame);
                frame.map_or((1, 0), |frame| (0, frame.0))
            });
        }
        let mut taken = Vec::new();
        for (rank, index) in order.into_iter().enumerate() {
            let below = self.joins.iter().find(|j| j.frame == index && j.strip == 0).map(|j| j.cell);
            let column = if numbered {
                rank
            } else {
                let free = (0..).find(|column| !taken.contains(column));
                below.filter(|column| !taken.contains(column)).or(free).unwrap_or(rank)
            };
            taken.push(column);
            if let Some(frame) = self.frames.get_mut(index) {
                frame.column = column;
            }
        }
    }
}

fn label(world: &World, pid: u32, first: Option<&Cell>) -> String {
    let name = world.process(pid).and_then(|p| p.exe.as_deref());
    let name = name.map_or_else(|| "process".to_owned(), |exe| clipped(file_name(exe), 24));
    first.map_or_else(String::new, |cell| format!("{name} {pid}, from {}", cell.addr))
}

/// Who stands on the frame of the page that the walk goes to, in one sentence.
fn sharing(world: &World, companions: Option<&Vec<Companion>>, cell: Option<&Cell>) -> String {
    let Some(page) = cell.and_then(|c| c.page) else { return String::new() };
    if page.state == PageState::ZeroPage {
        return "The page of zeroes: one frame, read by every page that was read before it was written."
            .to_owned();
    }
    if !page.state.is_resident() {
        return String::new();
    }
    let companions = companions.map_or(&[][..], Vec::as_slice);
    let Some(first) = companions.first() else {
        return match page.state {
            PageState::CopyPending => {
                "Copied when it is written; with whom it is shared was not recorded.".to_owned()
            }
            _ => "Nobody else is known to stand on its frame.".to_owned(),
        };
    };
    let name = |c: &Companion| {
        let exe = world.process(c.pid).and_then(|p| p.exe.as_deref());
        exe.map_or_else(|| c.pid.to_string(), |exe| format!("{} {}", clipped(file_name(exe), 24), c.pid))
    };
    let how = match first.how {
        Sameness::Frame => "the recorded frame number is the same",
        Sameness::Fork => "a fork left both on it, and whoever writes first gets a copy",
        Sameness::Object => "both have this page of the file from the page cache",
    };
    let more = match companions.len() {
        1 => String::new(),
        n if n >= COMPANIONS => format!(" and at least {} more", n - 1),
        n => format!(" and {} more", n - 1),
    };
    format!("{}{more} stands on the same frame: {how}.", name(first))
}
