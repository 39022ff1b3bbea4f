//! The picture as pixels: addresses over time, memory over time, faults over time.

use super::Time;
use super::raster::{COARSE, Column, Found, Mark, UNMAPPED};
use crate::palette::Rgba;
use pagescope_shared::model::Totals;
use pagescope_shared::page::PageState;
use pagescope_shared::timeline::Sample;

/// The colours that it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The ground.
    pub paper: Rgba,
    /// Text and lines.
    pub ink: Rgba,
    /// The colour of each page state, in the order of [`PageState::ALL`].
    pub states: [Rgba; PageState::ALL.len()],
    /// What went wrong.
    pub alarm: Rgba,
}

/// How high the parts are, in pixels of the device, from the top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heights {
    /// Addresses.
    pub addresses: usize,
    /// Between two parts.
    pub gap: usize,
    /// Memory.
    pub memory: usize,
    /// Faults.
    pub faults: usize,
}

impl Heights {
    /// The whole.
    pub fn sum(self) -> usize {
        let gaps = usize::from(self.memory > 0) + usize::from(self.faults > 0);
        self.addresses + self.memory + self.faults + self.gap * gaps
    }
}

/// What one column of pixels says of memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// By kind, as they are stacked: see [`STACK`].
    pub kinds: [u64; STACK.len()],
    /// All that is mapped.
    pub mapped: u64,
}

/// The kinds of memory that are stacked, from below. The zero page takes no memory; pages of which nobody knows what
/// they are may be resident.
pub const STACK: [PageState; 6] = [
    PageState::Private,
    PageState::CopyPending,
    PageState::FileDirty,
    PageState::FileClean,
    PageState::Swapped,
    PageState::Unknown,
];

impl Memory {
    fn new(totals: &Totals, page_bytes: u64) -> Self {
        let pages = |state: PageState| {
            let at = PageState::ALL.iter().position(|s| *s == state);
            at.and_then(|i| totals.pages.get(i)).copied().unwrap_or(0)
        };
        Self { kinds: STACK.map(|state| pages(state).saturating_mul(page_bytes)), mapped: totals.mapped }
    }

    /// All kinds together.
    pub fn stacked(&self) -> u64 {
        self.kinds.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }
}

/// What is known of the columns of a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// Memory, where it is known.
    pub memory: Vec<Option<Memory>>,
    /// Faults.
    pub faults: Vec<u64>,
    /// The most that is stacked, and the most that is mapped, in bytes.
    pub most: (u64, u64),
    /// The most faults.
    pub most_faults: u64,
}

impl Columns {
    /// Of what is shown now. Where nothing has been counted the samples of the whole trace stand in.
    pub fn new(time: &Time, samples: &[Sample], page_bytes: u64) -> Self {
        let mut columns = Self::default();
        let mut last = None;
        for_columns(time, |at, found| {
            let counted = found.and_then(|found| found.column());
            let totals = counted.and_then(|column| column.totals);
            let memory = totals.map(|t| Memory::new(&t, page_bytes)).or_else(|| {
                let next = samples.partition_point(|s| time.scale.at(s.position, s.time_ns) <= at);
                let sample = next.checked_sub(1).and_then(|i| samples.get(i));
                sample.map(|s| Memory::new(&s.totals, page_bytes))
            });
            last = memory.or(last);
            let faults = counted.map_or(0, Column::faults);
            columns.memory.push(last);
            columns.faults.push(faults);
            columns.most_faults = columns.most_faults.max(faults);
            if let Some(memory) = last {
                columns.most.0 = columns.most.0.max(memory.stacked());
                columns.most.1 = columns.most.1.max(memory.mapped);
            }
        });
        columns
    }
}

/// Calls with the place of each column on the axis, and with what is known of it.
fn for_columns<'a>(time: &'a Time, mut each: impl FnMut(f64, Option<Found<'a>>)) {
    let count = super::scale::float(u64::try_from(time.columns()).unwrap_or(0)).max(1.0);
    let mut middle = 0.5;
    for _ in 0..time.columns() {
        let at = time.place(middle / count);
        each(at, time.found(at));
        middle += 1.0;
    }
}

/// Paints all of it: `width` pixels of the device for the columns, `heights` for the parts. Four bytes a pixel.
pub fn paint(
    time: &Time,
    columns: &Columns,
    look: &Look,
    width: usize,
    heights: Heights,
    pixels: &mut Vec<u8>,
) {
    pixels.clear();
    pixels.resize(width * heights.sum() * 4, 0);
    let across = spread(time.columns(), width);
    addresses(time, look, &across, heights.addresses, width, pixels);
    let mut top = heights.addresses + heights.gap;
    if heights.memory > 0 {
        memory(columns, look, &across, top, heights.memory, width, pixels);
        top += heights.memory + heights.gap;
    }
    if heights.faults > 0 {
        faults(columns, look, &across, top, heights.faults, width, pixels);
    }
}

/// For each pixel the column that it shows.
fn spread(columns: usize, width: usize) -> Vec<usize> {
    (0..width).map(|x| x * columns / width.max(1)).collect()
}

fn addresses(time: &Time, look: &Look, across: &[usize], height: usize, width: usize, pixels: &mut [u8]) {
    let (shades, marks) = (shades(look), marks(look));
    let rows = time.fold.rows;
    let mut found = Vec::with_capacity(time.columns());
    for_columns(time, |_, column| found.push(column));
    let mut lane_ground = vec![false; rows];
    for lane in &time.fold.lanes {
        for band in &lane.bands {
            lane_ground.get_mut(band.row..band.row + band.rows).unwrap_or_default().fill(true);
        }
    }
    let ground = mix(look.paper, look.ink, 0.025);
    let bare = bytes(look.paper);
    let mut line = vec![bare; found.len()];
    let mut y = 0;
    for row in 0..rows {
        let until = (row + 1) * height / rows.max(1);
        if until == y {
            continue;
        }
        let empty = if lane_ground.get(row).copied().unwrap_or(false) { ground } else { bare };
        let mut carried = 0u8;
        for (cell, column) in line.iter_mut().zip(&found) {
            let (shade, mark) = column.map_or((UNMAPPED, 0), |found| found.cell(row));
            // A single event is two pixels wide, or it would not be seen from afar.
            let seen = if mark == 0 { carried } else { mark };
            carried = mark;
            *cell = match marks.get(usize::from(seen)).copied().flatten() {
                Some(colour) => colour,
                None if shade == UNMAPPED => empty,
                None => shades.get(usize::from(shade)).copied().unwrap_or(empty),
            };
        }
        let Some((first, rest)) = pixels
            .get_mut(y * width * 4..until * width * 4)
            .and_then(|part| part.split_at_mut_checked(width * 4))
        else {
            break;
        };
        for (pixel, column) in first.chunks_exact_mut(4).zip(across) {
            pixel.copy_from_slice(line.get(*column).unwrap_or(&bare));
        }
        rest.chunks_exact_mut(width * 4).for_each(|copy| copy.copy_from_slice(first));
        y = until;
    }
}

/// The colour of each code of a shade.
fn shades(look: &Look) -> Vec<[u8; 4]> {
    let mut colours = vec![bytes(look.paper), mix(look.paper, look.ink, 0.16)];
    debug_assert_eq!(usize::from(COARSE), 1);
    for (state, colour) in PageState::ALL.iter().zip(look.states) {
        colours.push(match state {
            PageState::Untouched => mix(look.paper, look.ink, 0.075),
            PageState::Unknown => mix(look.paper, look.ink, 0.2),
            _ => mix(look.paper, colour, 0.38),
        });
    }
    colours
}

/// The colour of each mark.
fn marks(look: &Look) -> Vec<Option<[u8; 4]>> {
    let state = |state: PageState| {
        let colour = PageState::ALL.iter().position(|s| *s == state).and_then(|i| look.states.get(i));
        colour.map(|c| bytes(*c))
    };
    Mark::ALL
        .iter()
        .map(|mark| match mark {
            Mark::None => None,
            Mark::Other => Some(mix(look.paper, look.ink, 0.35)),
            Mark::Unmap => Some(mix(look.paper, look.ink, 0.45)),
            Mark::Map => Some(mix(look.paper, look.ink, 0.9)),
            Mark::Fault => Some(mix(look.paper, look.ink, 0.62)),
            Mark::FaultRead => Some(mix(look.paper, look.ink, 0.55)),
            Mark::FaultWrite => Some(mix(look.paper, look.ink, 0.75)),
            Mark::Signal => Some(bytes(look.alarm)),
            other => other.state().and_then(state),
        })
        .collect()
}

fn memory(
    columns: &Columns,
    look: &Look,
    across: &[usize],
    top: usize,
    height: usize,
    width: usize,
    pixels: &mut [u8],
) {
    let colours = STACK.map(|state| {
        let colour = PageState::ALL.iter().position(|s| *s == state).and_then(|i| look.states.get(i));
        match state {
            PageState::Unknown => mix(look.paper, look.ink, 0.14),
            _ => mix(look.paper, colour.copied().unwrap_or(look.ink), 0.72),
        }
    });
    let ground = mix(look.paper, look.ink, 0.025);
    let line = mix(look.paper, look.ink, 0.85);
    let (most, most_mapped) = (axis_top(columns.most.0), axis_top(columns.most.1));
    // Thin where there is little room.
    let thick = (height / 60).clamp(1, 4);
    let mut before: Option<usize> = None;
    for (x, column) in across.iter().enumerate() {
        let mut put = |y: usize, colour: [u8; 4]| {
            let at = ((top + y) * width + x) * 4;
            if let Some(pixel) = pixels.get_mut(at..at + 4) {
                pixel.copy_from_slice(&colour);
            }
        };
        (0..height).for_each(|y| put(y, ground));
        let Some(memory) = columns.memory.get(*column).copied().flatten() else { continue };
        let (mut sum, mut low) = (0u64, 0usize);
        for (kind, colour) in memory.kinds.iter().zip(colours) {
            sum = sum.saturating_add(*kind);
            let high = scaled(sum, most, height);
            // What is there is seen, however little it is.
            let high = if *kind > 0 { high.max(low + 1).min(height) } else { high.max(low) };
            (low..high).for_each(|y| put(height - 1 - y, colour));
            low = high;
        }
        let y =
            height - 1 - scaled(memory.mapped, most_mapped, height - thick.min(height - 1)).min(height - 1);
        let (from, to) = before.map_or((y, y), |b| (b.min(y), b.max(y)));
        (from..(to + thick).min(height)).for_each(|y| put(y, line));
        before = Some(y);
    }
}

fn faults(
    columns: &Columns,
    look: &Look,
    across: &[usize],
    top: usize,
    height: usize,
    width: usize,
    pixels: &mut [u8],
) {
    let colour = mix(look.paper, look.ink, 0.6);
    let ground = mix(look.paper, look.ink, 0.025);
    for (x, column) in across.iter().enumerate() {
        let n = columns.faults.get(*column).copied().unwrap_or(0);
        let high = if n == 0 { 0 } else { scaled(n, columns.most_faults, height).max(1) };
        for y in 0..height {
            let at = ((top + height - 1 - y) * width + x) * 4;
            if let Some(pixel) = pixels.get_mut(at..at + 4) {
                pixel.copy_from_slice(if y < high { &colour } else { &ground });
            }
        }
    }
}

/// The end of an axis that has room for `most` bytes.
pub fn axis_top(most: u64) -> u64 {
    // A twentieth more, so that the highest is seen to be the highest.
    most.saturating_add(most / 20).max(1)
}

fn scaled(n: u64, most: u64, height: usize) -> usize {
    let high = u128::from(n) * u128::try_from(height).unwrap_or(0) / u128::from(most.max(1));
    usize::try_from(high).unwrap_or(height).min(height)
}

fn mix(ground: Rgba, colour: Rgba, part: f32) -> [u8; 4] {
    let [a, b] = [ground, colour];
    let of = |i: usize| {
        let (a, b) = (a.get(i).copied().unwrap_or(0.0), b.get(i).copied().unwrap_or(0.0));
        a + (b - a) * part
    };
    bytes([of(0), of(1), of(2), 1.0])
}

fn bytes(colour: Rgba) -> [u8; 4] {
    colour.map(|part| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
        let byte = (part * 255.0).round().clamp(0.0, 255.0) as u8;
        byte
    })
}
