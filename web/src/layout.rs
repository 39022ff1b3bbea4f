//! Where things stand on the stage, in CSS pixels from its top left corner. Computed apart from
//! drawing.

/// A rectangle in CSS pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

impl Rect {
    /// The right edge.
    pub fn right(self) -> f32 {
        self.x + self.w
    }
    /// The lower edge.
    pub fn bottom(self) -> f32 {
        self.y + self.h
    }
}

/// Bytes in a row of the picture of one page.
pub const BYTES_A_ROW: u64 = 128;
/// Bytes of its content that are written out.
pub const TILES: u64 = 16;

/// One page above, its frame below, and the page-table entry between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PageLayout {
    /// The virtual page.
    pub page: Rect,
    /// The bar that shows how much was asked for, right of the page; its full height is the page's.
    pub asked: Rect,
    /// The line from the page to its frame.
    pub link: Rect,
    /// The physical frame.
    pub frame: Rect,
    /// The first of [`TILES`] bytes in the frame.
    pub tile: Rect,
    /// From one byte's left edge to the next one's, and from one row to the next one.
    pub tile_step: (f32, f32),
    /// Bytes in a row.
    pub tile_columns: u64,
    /// There is no room for long words.
    pub narrow: bool,
}

/// A page narrower than this, in CSS pixels, has short words.
const NARROW: f32 = 300.0;
/// In one narrower than this, the link stands right of the middle: the name of the frame is left of it.
const WORDY: f32 = 420.0;
/// A byte narrower than this cannot be read: they stand in two rows then.
const NARROW_TILE: f32 = 21.0;

/// Lays out one page on a stage of `width` x `height`.
pub fn page_layout(width: f32, height: f32) -> PageLayout {
    let pad = 4.0;
    let caption = (height * 0.075).clamp(24.0, 44.0);
    let side = (width * 0.26).clamp(100.0, 300.0);
    let inner = (width - side - pad * 2.0).max(128.0);
    let body = (height - caption * 2.0 - pad).max(120.0);
    let page = Rect { x: pad, y: caption, w: inner, h: (body * 0.46).max(48.0) };
    let gap = (body * 0.16).max(20.0);
    let frame_y = page.bottom() + gap + caption;
    let frame = Rect { x: pad, y: frame_y, w: inner, h: (height - frame_y - pad).max(40.0) };
    let inset = (frame.w * 0.02).max(6.0);
    let room = frame.w - inset * 2.0;
    let (tile_columns, top, high, down) = if room / small(TILES) < NARROW_TILE {
        (TILES / 2, 0.06, 0.42, 0.46)
    } else {
        (TILES, 0.16, 0.68, 0.0)
    };
    let step = room / small(tile_columns);
    let tile =
        Rect { x: frame.x + inset, y: frame.y + frame.h * top, w: (step - 3.0).max(4.0), h: frame.h * high };
    let narrow = inner < NARROW;
    let link = page.w * if inner < WORDY { 0.66 } else { 0.5 };
    PageLayout {
        page,
        asked: Rect { x: page.right() + 12.0, y: page.y, w: 6.0, h: page.h },
        link: Rect { x: page.x + link, y: page.bottom(), w: 2.0, h: frame.y - page.bottom() },
        frame,
        tile,
        tile_step: (step, frame.h * down),
        tile_columns,
        narrow,
    }
}

/// A cell's column or row as a float: always below 2^16.
pub(crate) fn small(n: u64) -> f32 {
    f32::from(u16::try_from(n).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_fits_every_stage() {
        for (w, h) in [(300.0, 200.0), (620.0, 380.0), (1100.0, 700.0), (2600.0, 1500.0)] {
            let l = page_layout(w, h);
            assert!(
                l.page.bottom() < l.frame.y && l.frame.bottom() <= h && l.page.right() < w,
                "{w}x{h}: {l:?}"
            );
            let rows = small(TILES / l.tile_columns) - 1.0;
            assert!(l.tile.x + l.tile_step.0 * small(l.tile_columns) <= l.frame.right() + 1.0);
            assert!(l.tile.bottom() + l.tile_step.1 * rows <= l.frame.bottom(), "{w}x{h}: {l:?}");
        }
    }
}
