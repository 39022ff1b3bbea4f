//! Where addresses stand in a picture of a whole trace: processes as lanes, in each lane its addresses from the highest
//! to the lowest, and what was never mapped takes no room.

use pagescope_shared::addr::{Addr, PageSize, Range};
use std::sync::Arc;

/// What is known of a process before it is laid out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    /// Its number.
    pub pid: u32,
    /// Its program.
    pub program: Option<Arc<str>>,
    /// How much happened: busy ones get more room.
    pub events: u64,
    /// Where pages were touched, by address, and how often.
    pub touched: Vec<(Range, u64)>,
    /// Where something was mapped, by address.
    pub mapped: Vec<Range>,
}

/// Addresses that follow one another, at one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Which.
    pub range: Range,
    /// The first row, from the top: its highest addresses.
    pub row: usize,
    /// How many rows, at least 1.
    pub rows: usize,
    /// Whether anything was touched in it.
    pub touched: bool,
}

/// Processes that share rows: one, or many of which none has room of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lane {
    /// Their numbers.
    pub pids: Vec<u32>,
    /// What to call it.
    pub label: String,
    /// The first row.
    pub row: usize,
    /// How many rows.
    pub rows: usize,
    /// By address, from the lowest.
    pub bands: Vec<Band>,
}

/// The whole picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fold {
    /// From the top.
    pub lanes: Vec<Lane>,
    /// How many rows there are.
    pub rows: usize,
    /// Bytes a page.
    pub page_bytes: u64,
    /// For each process its lane, by number.
    index: Vec<(u32, usize)>,
}

/// A lane has at least so many rows.
const LANE_ROWS: usize = 3;
/// There are no more lanes than rows divided by this: the busy ones need room.
const ROWS_A_LANE: usize = 6;

impl Fold {
    /// Lays out `subjects` on `rows`.
    pub fn new(mut subjects: Vec<Subject>, size: PageSize, rows: usize) -> Self {
        let room = (rows / ROWS_A_LANE).max(1);
        if subjects.len() > room {
            // The busiest keep a lane of their own; the others share the last one.
            let mut busy: Vec<u64> = subjects.iter().map(|s| s.events).collect();
            busy.sort_unstable_by(|a, b| b.cmp(a));
            let least = busy.get(room.saturating_sub(1)).copied().unwrap_or(0);
            let mut kept = Vec::new();
            let mut rest = Vec::new();
            for subject in subjects {
                if subject.events > least && kept.len() + 1 < room {
                    kept.push(subject);
                } else {
                    rest.push(subject);
                }
            }
            subjects = kept;
            let shared = merge(&rest);
            let pids: Vec<u32> = rest.iter().map(|s| s.pid).collect();
            return Self::lay_out(subjects, Some((shared, pids)), size, rows);
        }
        Self::lay_out(subjects, None, size, rows)
    }

    fn lay_out(
        subjects: Vec<Subject>,
        rest: Option<(Subject, Vec<u32>)>,
        size: PageSize,
        rows: usize,
    ) -> Self {
        let mut all: Vec<(Subject, Vec<u32>)> = subjects
            .into_iter()
            .map(|s| {
                let pid = s.pid;
                (s, vec![pid])
            })
            .collect();
        all.extend(rest);
        let gap = if rows > all.len() * 10 { 2 } else { 1 };
        let free = rows.saturating_sub(gap * all.len().saturating_sub(1));
        let weights: Vec<f64> = all.iter().map(|(s, _)| 2.0 + super::scale::float(s.events).sqrt()).collect();
        let heights = share_out(&weights, free, LANE_ROWS.min(free / all.len().max(1)));
        let mut lanes = Vec::new();
        let mut row = 0;
        for ((subject, pids), rows) in all.into_iter().zip(heights) {
            let label = label(&subject, &pids);
            let bands = bands(&subject, size, row, rows);
            lanes.push(Lane { pids, label, row, rows, bands });
            row += rows + gap;
        }
        let mut index: Vec<_> = lanes
            .iter()
            .enumerate()
            .flat_map(|(i, lane)| lane.pids.iter().map(move |pid| (*pid, i)))
            .collect();
        index.sort_unstable();
        Self { lanes, rows, page_bytes: size.bytes(), index }
    }

    /// The number of the lane of a process.
    pub fn lane_of(&self, pid: u32) -> Option<usize> {
        let find = |pid: u32| self.index.binary_search_by_key(&pid, |(p, _)| *p).ok();
        // What is not told apart is process 0.
        find(pid).or_else(|| find(0)).and_then(|i| self.index.get(i)).map(|(_, lane)| *lane)
    }

    /// The lane at a row, and what stands there.
    pub fn at(&self, row: usize) -> Option<(&Lane, Option<Range>)> {
        let lane = self.lanes.iter().find(|lane| (lane.row..lane.row + lane.rows).contains(&row))?;
        Some((lane, lane.at(row)))
    }
}

fn label(subject: &Subject, pids: &[u32]) -> String {
    match (&subject.program, pids) {
        (Some(program), [_]) => program.to_string(),
        (None, [0]) => "other processes".to_owned(),
        (None, [pid]) => format!("process {pid}"),
        _ => format!("{} processes", crate::format::grouped(u64::try_from(pids.len()).unwrap_or(u64::MAX))),
    }
}

impl Lane {
    /// The row of an address.
    pub fn row_of(&self, addr: Addr) -> Option<usize> {
        let next = self.bands.partition_point(|band| band.range.start() <= addr);
        let band = self.bands.get(next.checked_sub(1)?)?;
        band.range.contains(addr).then(|| band.row_of(addr))
    }

    /// The rows of a range: from the topmost to the lowest, both included.
    pub fn rows_of(&self, range: Range) -> Option<(usize, usize)> {
        let mut rows: Option<(usize, usize)> = None;
        let first = self.bands.partition_point(|band| band.range.end() <= range.start());
        for band in self.bands.iter().skip(first) {
            let Some(part) = band.range.intersection(range) else { break };
            let (top, low) = (band.row_of(Addr(part.end().0 - 1)), band.row_of(part.start()));
            rows = Some(rows.map_or((top, low), |(t, l)| (t.min(top), l.max(low))));
        }
        rows
    }

    /// What stands at a row.
    pub fn at(&self, row: usize) -> Option<Range> {
        let band = self.bands.iter().find(|band| (band.row..band.row + band.rows).contains(&row))?;
        let from_below = u64::try_from(band.row + band.rows - 1 - row).ok()?;
        let rows = u64::try_from(band.rows).ok()?;
        let edge = |n: u64| {
            let bytes = u128::from(band.range.bytes()) * u128::from(n) / u128::from(rows);
            Addr(band.range.start().0.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)))
        };
        let (start, end) = (edge(from_below), edge(from_below + 1));
        Range::new(start, Addr(end.0.max(start.0.saturating_add(1)))).ok()
    }
}

impl Band {
    /// `addr` lies in it.
    fn row_of(&self, addr: Addr) -> usize {
        let from_above = u128::from(self.range.end().0 - 1 - addr.0);
        let rows = u128::try_from(self.rows).unwrap_or(1);
        let down = from_above * rows / u128::from(self.range.bytes());
        self.row + usize::try_from(down).unwrap_or(0).min(self.rows - 1)
    }
}

/// Many as one.
fn merge(subjects: &[Subject]) -> Subject {
    let mut all = Subject::default();
    for subject in subjects {
        all.events = all.events.saturating_add(subject.events);
        all.touched.extend(&subject.touched);
        all.mapped.extend(&subject.mapped);
    }
    all.mapped = union(&all.mapped);
    let places = union(&all.touched.iter().map(|(range, _)| *range).collect::<Vec<_>>());
    let times = |place: Range| {
        let inside = all.touched.iter().filter(|(range, _)| place.contains(range.start()));
        inside.fold(0u64, |sum, (_, n)| sum.saturating_add(*n))
    };
    all.touched = places.into_iter().map(|place| (place, times(place))).collect();
    all
}

fn union(ranges: &[Range]) -> Vec<Range> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let mut out: Vec<Range> = Vec::new();
    for range in sorted {
        if let Some(last) = out.last_mut().filter(|last| last.end() >= range.start()) {
            if let Ok(joined) = Range::new(last.start(), last.end().max(range.end())) {
                *last = joined;
            }
        } else {
            out.push(range);
        }
    }
    out
}

/// A piece of a lane before it has rows.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u64,
    end: u64,
    /// Bytes in it that were touched.
    touched: u64,
    /// How often.
    times: u64,
}

/// No lane is made of more pieces.
const MOST_PIECES: usize = 160;

fn bands(subject: &Subject, size: PageSize, row: usize, rows: usize) -> Vec<Band> {
    let mut pieces = pieces(subject);
    // Where there is little room each row is a piece of its own: a row that spans a hole says nothing.
    let few = (rows / 5).max(rows.min(24)).clamp(1, MOST_PIECES);
    let close = size.bytes().saturating_mul(16);
    // What lies close together is drawn at one scale, and so is what there is no room to tell apart.
    while let Some((at, cost)) = cheapest(&pieces)
        && (pieces.len() > few || cost <= close)
    {
        let (Some(a), Some(b)) = (pieces.get(at).copied(), pieces.get(at + 1).copied()) else { break };
        let both = Piece {
            start: a.start,
            end: b.end,
            touched: a.touched.saturating_add(b.touched),
            times: a.times.saturating_add(b.times),
        };
        pieces.splice(at..=at + 1, [both]);
    }
    let breaks = pieces.windows(2).filter(|w| matches!(w, [a, b] if a.end < b.start)).count();
    let gap = usize::from(rows >= pieces.len() * 3) + usize::from(rows >= 60 && rows >= pieces.len() * 6);
    let free = rows.saturating_sub(breaks * gap);
    let weights: Vec<f64> = pieces.iter().rev().map(|p| weight(*p, size)).collect();
    let heights = share_out(&weights, free, 1);
    let mut out = Vec::new();
    let mut at = row;
    let mut above: Option<u64> = None;
    for (piece, rows) in pieces.iter().rev().zip(heights) {
        if above.is_some_and(|start| piece.end < start) {
            at += gap;
        }
        above = Some(piece.start);
        if let (Ok(range), true) = (Range::new(Addr(piece.start), Addr(piece.end)), rows > 0) {
            out.push(Band { range, row: at, rows, touched: piece.touched > 0 });
        }
        at += rows;
    }
    out.reverse();
    out
}

/// What was touched, and what was only mapped, by address.
fn pieces(subject: &Subject) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut touched = subject.touched.iter().peekable();
    let all: Vec<Range> =
        subject.mapped.iter().chain(subject.touched.iter().map(|(range, _)| range)).copied().collect();
    for range in union(&all) {
        let (mut at, end) = (range.start().0, range.end().0);
        while let Some((next, times)) = touched.next_if(|(t, _)| t.start().0 < end) {
            let (from, to) = (next.start().0.max(at), next.end().0.min(end));
            if at < from {
                out.push(Piece { start: at, end: from, touched: 0, times: 0 });
            }
            if from < to {
                out.push(Piece { start: from, end: to, touched: to - from, times: *times });
            }
            at = at.max(to);
        }
        if at < end {
            out.push(Piece { start: at, end, touched: 0, times: 0 });
        }
    }
    out
}

/// The neighbours that can be joined at the least cost: bytes that were not touched and get room by it, against those
/// that were. Those of which one is far busier than the other come last.
fn cheapest(pieces: &[Piece]) -> Option<(usize, u64)> {
    let cost = |pair: &[Piece]| match pair {
        [a, b] => {
            let touched = a.touched.saturating_add(b.touched);
            let empty = (b.end - a.start).saturating_sub(touched);
            // Up to an eighth of it may be empty for nothing.
            let cost = if touched == 0 { b.start - a.end } else { empty.saturating_sub(touched / 8) };
            let density = |p: &Piece| super::scale::float(p.times) / super::scale::float(p.touched.max(1));
            let (a, b) = (density(a), density(b));
            let uneven = a.min(b) > 0.0 && a.max(b) > UNEVEN * a.min(b);
            if uneven { cost.saturating_add(1 << 40) } else { cost }
        }
        _ => u64::MAX,
    };
    pieces.windows(2).map(cost).enumerate().min_by_key(|(_, cost)| *cost)
}

/// What is touched so many times more often than its neighbour, for each page, has a scale of its own.
const UNEVEN: f64 = 32.0;

/// Large stretches get more room, and busy ones, but by magnitude.
fn weight(piece: Piece, size: PageSize) -> f64 {
    let pages = (piece.end - piece.start) / size.bytes();
    let touched = piece.touched / size.bytes();
    if touched == 0 {
        return 0.4 + log2(pages) * 0.04;
    }
    1.0 + log2(touched) * 0.5 + log2(piece.times) * 0.5 + log2(pages) * 0.15
}

fn log2(n: u64) -> f64 {
    super::scale::float(n.saturating_add(1)).log2()
}

/// Parts of `total` by weight, each at least `least` as long as that is possible.
fn share_out(weights: &[f64], total: usize, least: usize) -> Vec<usize> {
    let count = weights.len();
    if count == 0 {
        return Vec::new();
    }
    let least = least.min(total / count);
    let free = f64::from(u32::try_from(total - least * count).unwrap_or(u32::MAX));
    let sum: f64 = weights.iter().sum::<f64>().max(1e-9);
    let mut given = 0;
    let mut so_far = 0.0;
    weights
        .iter()
        .map(|weight| {
            so_far += weight;
            let until = usize::try_from(super::scale::whole(free * so_far / sum + 1e-6)).unwrap_or(0);
            let part = until.saturating_sub(given);
            given = until;
            least + part
        })
        .collect()
}
