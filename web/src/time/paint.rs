//! The picture as pixels: addresses over time, memory over time, faults over time.

use super::Time;
use super::raster::{COARSE, Column, Found, Mark};
use crate::palette::Rgba;
use pagescope_shared::model::Totals;
use pagescope_shared::page::PageState;
use pagescope_shared::timeline::Sample;
use std::ops::Range;

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

    /// All kinds but the last, which nobody knows.
    fn known(&self) -> u64 {
        self.stacked().saturating_sub(self.kinds.last().copied().unwrap_or(0))
    }
}

/// What nobody knows makes what is known no smaller than this: a child that was just forked has terabytes of it. It is cut off
/// with a line.
const MOST_UNKNOWN: u64 = 2;

/// What is known of the columns of a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// Memory, where it is known.
    pub memory: Vec<Option<Memory>>,
    /// Faults.
    pub faults: Vec<u64>,
    /// The most that is stacked, or [`MOST_UNKNOWN`] times the most that is known, and the most that is mapped, in bytes.
    pub most: (u64, u64),
    /// The most faults.
    pub most_faults: u64,
}

impl Columns {
    /// Of what is shown now. Where nothing has been counted the samples of the whole trace stand in.
    pub fn new(time: &Time, samples: &[Sample], page_bytes: u64) -> Self {
        let mut columns = Self::default();
        let (mut last, mut known) = (None, 0);
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
                known = known.max(memory.known());
            }
        });
        if known > 0 {
            columns.most.0 = columns.most.0.min(known.saturating_mul(MOST_UNKNOWN));
        }
        columns
    }
}

impl Columns {
    /// On the axes of a coarser picture, whose words stand around both. Faults are counted by its columns.
    pub fn on_axes_of(mut self, coarse: &Self) -> Self {
        let (fine, wide) = (self.faults.len().max(1), coarse.faults.len());
        let of = |x: usize| coarse.faults.get(x * wide / fine).copied().unwrap_or(0);
        self.faults = (0..self.faults.len()).map(of).collect();
        (self.most, self.most_faults) = (coarse.most, coarse.most_faults);
        self
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

/// A colour as a canvas takes it: red in the lowest byte.
type Pixel = u32;

/// The canvas: its width, and its pixels row by row.
struct Ground<'a> {
    width: usize,
    pixels: &'a mut [Pixel],
}

impl Ground<'_> {
    /// Writes one row, and copies it to those below it.
    fn rows(&mut self, from: usize, until: usize, across: &[usize], line: &[Pixel]) {
        let width = self.width;
        let Some(part) = self.pixels.get_mut(from * width..until * width).filter(|part| !part.is_empty())
        else {
            return;
        };
        let (first, rest) = part.split_at_mut(width);
        if line.len() == width {
            first.copy_from_slice(line);
        } else {
            for (pixel, column) in first.iter_mut().zip(across) {
                *pixel = line.get(*column).copied().unwrap_or(0);
            }
        }
        rest.chunks_exact_mut(width).for_each(|copy| copy.copy_from_slice(first));
    }
}

/// Paints all of it: `width` pixels of the device for the columns, `heights` for the parts.
pub fn paint(
    time: &Time,
    columns: &Columns,
    look: &Look,
    width: usize,
    heights: Heights,
    pixels: &mut Vec<u32>,
) {
    pixels.clear();
    pixels.resize(width * heights.sum(), 0);
    // For each pixel the column that it shows.
    let across: Vec<usize> = (0..width).map(|x| x * time.columns() / width.max(1)).collect();
    let mut ground = Ground { width, pixels };
    addresses(time, look, &across, heights.addresses, &mut ground);
    let top = heights.addresses + heights.gap;
    memory(columns, look, &across, top..top + heights.memory, &mut ground);
    let top = top + heights.memory + heights.gap;
    faults(columns, look, &across, top..top + heights.faults, &mut ground);
}

/// Cells before they are spread over pixels.
struct Cells {
    columns: usize,
    all: Vec<Pixel>,
}

impl Cells {
    fn new(rows: usize, columns: usize, colour: Pixel) -> Self {
        Self { columns, all: vec![colour; rows * columns] }
    }

    #[inline]
    fn put(&mut self, row: usize, column: usize, colour: Pixel) {
        if let Some(cell) = self.all.get_mut(row * self.columns + column) {
            *cell = colour;
        }
    }
}

fn addresses(time: &Time, look: &Look, across: &[usize], height: usize, ground: &mut Ground<'_>) {
    let (shades, marks) = (shades(look), marks(look));
    let (rows, columns) = (time.fold.rows, time.columns().max(1));
    let mut cells = Cells::new(rows, columns, pixel(look.paper));
    // What has a row but nothing in it now is seen to be a place.
    for band in time.fold.lanes.iter().flat_map(|lane| &lane.bands) {
        let places = cells.all.get_mut(band.row * columns..(band.row + band.rows) * columns);
        places.unwrap_or_default().fill(quiet(look));
    }
    // Column by column, as it is kept; marks last, for they are wider than a column.
    let colours = |code: u8, colours: &[Pixel]| colours.get(usize::from(code)).copied().unwrap_or(0);
    let mut column = 0;
    for_columns(time, |_, found| {
        each_cell(found.map(|f| f.cells().0), found.and_then(|f| f.rows()), |row, code| {
            // Hatched: somebody was there, and what it was is still being worked out. It is not what was not recorded.
            if code != COARSE || (row + column) % 4 == 0 {
                cells.put(row, column, colours(code, &shades));
            }
        });
        column += 1;
    });
    let mut column = 0;
    for_columns(time, |_, found| {
        each_cell(found.map(|f| f.cells().1), found.and_then(|f| f.rows()), |row, code| {
            let colour = colours(code, &marks);
            for column in column..(column + time.event_columns()).min(columns) {
                cells.put(row, column, colour);
            }
        });
        column += 1;
    });
    let mut y = 0;
    for (row, line) in cells.all.chunks_exact(columns).enumerate() {
        let until = (row + 1) * height / rows.max(1);
        ground.rows(y, until, across, line);
        y = until;
    }
}

/// Calls with each row at which something stands. The rows of a sketch are found by those of the picture.
fn each_cell(cells: Option<&[u8]>, rows: Option<&[Option<usize>]>, mut put: impl FnMut(usize, u8)) {
    let cells = cells.unwrap_or_default();
    match rows {
        None => {
            for (row, code) in cells.iter().enumerate() {
                if *code != 0 {
                    put(row, *code);
                }
            }
        }
        Some(rows) => {
            for (row, from) in rows.iter().enumerate() {
                let code = from.and_then(|from| cells.get(from)).copied().unwrap_or(0);
                if code != 0 {
                    put(row, code);
                }
            }
        }
    }
}

/// The colour of each code of a shade.
fn shades(look: &Look) -> Vec<Pixel> {
    let mut colours = vec![pixel(look.paper), mix(look.paper, look.ink, 0.22)];
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
fn marks(look: &Look) -> Vec<Pixel> {
    let ink = |part: f32| mix(look.paper, look.ink, part);
    let colour = |mark: &Mark| match mark {
        Mark::None => 0,
        Mark::Other => ink(0.35),
        Mark::Unmap => ink(0.45),
        Mark::Map => ink(0.9),
        Mark::Fault => ink(0.62),
        Mark::FaultRead => ink(0.55),
        Mark::FaultWrite => ink(0.75),
        Mark::Signal => pixel(look.alarm),
        other => other.state().map_or(0, |state| pixel(look.of(state))),
    };
    Mark::ALL.iter().map(colour).collect()
}

impl Look {
    fn of(&self, state: PageState) -> Rgba {
        let at = PageState::ALL.iter().position(|s| *s == state);
        at.and_then(|i| self.states.get(i)).copied().unwrap_or(self.ink)
    }
}

/// The colour of what lies around the curves.
fn quiet(look: &Look) -> Pixel {
    mix(look.paper, look.ink, 0.025)
}

fn memory(columns: &Columns, look: &Look, across: &[usize], place: Range<usize>, ground: &mut Ground<'_>) {
    let height = place.len();
    if height == 0 {
        return;
    }
    let colours = STACK.map(|state| match state {
        PageState::Unknown => mix(look.paper, look.ink, 0.14),
        state => mix(look.paper, look.of(state), 0.72),
    });
    let (quiet, ink) = (quiet(look), mix(look.paper, look.ink, 0.85));
    let cut = mix(look.paper, look.ink, 0.5);
    let (most, most_mapped) = (axis_top(columns.most.0), axis_top(columns.most.1));
    // Thin where there is little room.
    let thick = (height / 60).clamp(1, 4);
    let mut cells = Cells::new(height, columns.memory.len(), quiet);
    let mut before = None;
    for (column, memory) in columns.memory.iter().enumerate() {
        let Some(memory) = memory else { continue };
        let mut put = |from: usize, to: usize, colour: Pixel| {
            (from..to.min(height)).for_each(|up| cells.put(height - 1 - up, column, colour));
        };
        let (mut sum, mut low) = (0u64, 0usize);
        for (kind, colour) in memory.kinds.iter().zip(&colours) {
            sum = sum.saturating_add(*kind);
            // What is there is seen, however little it is.
            let top = scaled(sum, most, height).max(low + usize::from(*kind > 0));
            put(low, top, *colour);
            low = top;
        }
        if sum > most {
            put(height.saturating_sub(thick), height, cut);
        }
        // The line joins what was mapped before with what is mapped now.
        let line = scaled(memory.mapped, most_mapped, height - thick);
        let from = before.replace(line).unwrap_or(line);
        put(from.min(line), from.max(line) + thick, ink);
    }
    for (y, row) in place.zip(cells.all.chunks_exact(cells.columns.max(1))) {
        ground.rows(y, y + 1, across, row);
    }
}

fn faults(columns: &Columns, look: &Look, across: &[usize], place: Range<usize>, ground: &mut Ground<'_>) {
    let height = place.len();
    let (quiet, ink) = (quiet(look), mix(look.paper, look.ink, 0.6));
    let high = |n: &u64| scaled(*n, columns.most_faults, height).max(usize::from(*n > 0));
    let curve: Vec<usize> = columns.faults.iter().map(high).collect();
    for (y, up) in place.zip((0..height).rev()) {
        let row: Vec<Pixel> = curve.iter().map(|high| if up < *high { ink } else { quiet }).collect();
        ground.rows(y, y + 1, across, &row);
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

fn mix(ground: Rgba, colour: Rgba, part: f32) -> Pixel {
    let mut mixed = ground;
    for (mixed, colour) in mixed.iter_mut().zip(colour) {
        *mixed += (colour - *mixed) * part;
    }
    pixel(mixed)
}

fn pixel(colour: Rgba) -> Pixel {
    let [r, g, b, _] = colour.map(|part| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
        let byte = (part * 255.0).round().clamp(0.0, 255.0) as u8;
        byte
    });
    Pixel::from_le_bytes([r, g, b, 255])
}
