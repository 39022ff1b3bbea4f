//! How large pages are drawn: from a zoom and the room there is to columns, pages a cell and pixels.
//!
//! A zoom is the binary logarithm of the pages in a row: 3 shows eight of them side by side, 35 all of 128 TiB in one
//! row. Between two whole zooms rows grow continuously, and cells are wider or higher than square.

use crate::number;

/// Cells are at least so wide, in CSS pixels.
const NARROWEST: f64 = 4.0;
/// Single pages are at most so wide: closer, one page is taken apart.
const WIDEST: f64 = 84.0;
/// No row holds more than 2^36 pages: 256 TiB of 4 KiB.
pub const FARTHEST: f64 = 36.0;
/// What stands right of the cells: where one is.
pub const BAR: f64 = 14.0;

/// The room for the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Room {
    /// In CSS pixels.
    pub width: f64,
    /// In CSS pixels.
    pub height: f64,
    /// Device pixels a CSS pixel.
    pub ratio: f64,
    /// Cells may be twice as large: for an audience.
    pub large: bool,
}

/// Columns and cells at a whole zoom.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// The zoom: a row holds 2^zoom pages.
    pub zoom: u32,
    /// A row holds 2^columns cells.
    pub columns: u32,
    /// A cell holds 2^pages pages.
    pub pages: u32,
    /// How wide a cell is, in CSS pixels: whole device pixels.
    pub cell: f64,
    /// Where the first column begins; labels stand left of it.
    pub left: f64,
}

/// A level with rows of a height.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scale {
    /// The columns and cells.
    pub level: Level,
    /// How high a row is, in CSS pixels.
    pub row: f64,
}

impl Room {
    fn gutter(self) -> f64 {
        if self.width >= 440.0 { 104.0 } else { 8.0 }
    }

    /// How wide 2^columns cells may be each: whole device pixels, at least one.
    fn cell(self, columns: u32) -> f64 {
        let ratio = self.ratio.clamp(0.25, 8.0);
        let area = (self.width - self.gutter() - BAR).max(64.0);
        ((area / exp2(columns) * ratio).floor() / ratio).max(1.0 / ratio)
    }

    /// The columns, cells and pixels of a whole zoom.
    pub fn level(self, zoom: u32) -> Level {
        // What is far away is not seen from afar.
        let least = if self.large && zoom > 12 { NARROWEST * 2.0 } else { NARROWEST };
        let most = (0..12).rev().find(|&columns| self.cell(columns) >= least).unwrap_or(0);
        let columns = zoom.min(most);
        let cell = self.cell(columns);
        let left = (self.width - BAR - cell * exp2(columns)).max(0.0);
        Level { zoom, columns, pages: zoom - columns, cell, left }
    }

    /// The closest zoom at which pages are cells.
    pub fn closest(self) -> u32 {
        let widest = if self.large { WIDEST * 2.0 } else { WIDEST };
        (0..8).find(|&zoom| self.cell(zoom) <= widest).unwrap_or(8)
    }

    /// The zoom at which one page is taken apart.
    pub fn one_page(self) -> f64 {
        f64::from(self.closest()) - 1.0
    }

    /// Keeps a zoom where there is something to see.
    pub fn clamp(self, zoom: f64) -> f64 {
        if zoom.is_finite() { zoom.clamp(self.one_page(), FARTHEST) } else { FARTHEST }
    }

    /// The whole zoom nearest to a zoom, of those at which pages are cells.
    pub(super) fn nearest(self, zoom: f64) -> u32 {
        whole(zoom.clamp(f64::from(self.closest()), FARTHEST).round())
    }

    /// The level nearest to a zoom, with rows that continue those of the next level without a jump. At rest rows are
    /// whole device pixels.
    pub fn scale(self, zoom: f64, at_rest: bool) -> Scale {
        let zoom = zoom.clamp(f64::from(self.closest()), FARTHEST);
        let level = self.level(self.nearest(zoom));
        let below = self.level(whole(zoom.floor()));
        // Pixels a page, as a logarithm: what a row of the nearest level is high follows from it.
        let density = |level: Level| level.cell.log2() - f64::from(level.zoom);
        let part = zoom - zoom.floor();
        let (near, far) = (density(below), density(self.level(below.zoom + 1)));
        let row = number::exp2(near + (far - near) * part + f64::from(level.zoom));
        let ratio = self.ratio.clamp(0.25, 8.0);
        let row = if at_rest { ((row * ratio).round() / ratio).max(1.0 / ratio) } else { row };
        Scale { level, row }
    }
}

/// 2^n as a float, exactly.
pub(super) fn exp2(n: u32) -> f64 {
    number::exp2(f64::from(n))
}

/// Rounded down, 0 for what is negative or no number.
pub(crate) fn whole<N: TryFrom<u64> + Default>(x: f64) -> N {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what is exact")]
    let n = x.clamp(0.0, 9_007_199_254_740_992.0) as u64;
    N::try_from(n).unwrap_or_default()
}

/// Pixels for a renderer.
pub(crate) fn short(x: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "what is on the screen needs no double")]
    let x = x as f32;
    x
}
