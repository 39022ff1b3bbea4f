//! Which fill stands for what. The colours themselves stand once, in `style/tokens.css`.

use pagescope_shared::page::PageState;

/// What a box is filled with: an index into the palette and the shader's patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fill {
    /// Nothing: the address is not mapped.
    Unmapped = 0,
    /// Hollow outline.
    Untouched = 1,
    /// Pale, dotted.
    ZeroPage = 2,
    /// Full.
    Private = 3,
    /// Horizontal lines.
    FileClean = 4,
    /// A line along the lower edge.
    FileDirty = 5,
    /// Hatched.
    CopyPending = 6,
    /// Striped.
    Swapped = 7,
    /// Crosshatched.
    Unknown = 8,
    /// Plain ink: lines, byte marks.
    Ink = 9,
    /// Fainter ink.
    Faint = 10,
    /// The mark of what is being spoken of.
    Accent = 11,
    /// The ground the page stands on: byte marks on a full page.
    Paper = 12,
}

impl Fill {
    /// All fills, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Unmapped,
        Self::Untouched,
        Self::ZeroPage,
        Self::Private,
        Self::FileClean,
        Self::FileDirty,
        Self::CopyPending,
        Self::Swapped,
        Self::Unknown,
        Self::Ink,
        Self::Faint,
        Self::Accent,
        Self::Paper,
    ];

    /// The custom property that holds its colour, and the class that paints it in the legend.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unmapped => "unmapped",
            Self::Untouched => "untouched",
            Self::ZeroPage => "zero-page",
            Self::Private => "private",
            Self::FileClean => "file-clean",
            Self::FileDirty => "file-dirty",
            Self::CopyPending => "copy-pending",
            Self::Swapped => "swapped",
            Self::Unknown => "unknown",
            Self::Ink => "ink",
            Self::Faint => "faint",
            Self::Accent => "accent",
            Self::Paper => "paper",
        }
    }

    /// Its number, as the shader wants it.
    pub fn index(self) -> f32 {
        f32::from(self as u8)
    }
}

impl From<PageState> for Fill {
    fn from(state: PageState) -> Self {
        match state {
            PageState::Untouched => Self::Untouched,
            PageState::ZeroPage => Self::ZeroPage,
            PageState::Private => Self::Private,
            PageState::FileClean => Self::FileClean,
            PageState::FileDirty => Self::FileDirty,
            PageState::CopyPending => Self::CopyPending,
            PageState::Swapped => Self::Swapped,
            PageState::Unknown => Self::Unknown,
        }
    }
}

/// A colour, each part from 0 to 1, not premultiplied.
pub type Rgba = [f32; 4];

/// One colour a fill.
pub type Palette = [Rgba; Fill::ALL.len()];

/// `#rrggbb` or `#rrggbbaa` to a colour.
pub fn parse_colour(text: &str) -> Option<Rgba> {
    let digits = text.trim().strip_prefix('#')?;
    if !digits.is_ascii() || !(digits.len() == 6 || digits.len() == 8) {
        return None;
    }
    let mut colour = [1.0; 4];
    for (i, part) in colour.iter_mut().enumerate().take(digits.len() / 2) {
        *part = f32::from(u8::from_str_radix(digits.get(i * 2..i * 2 + 2)?, 16).ok()?) / 255.0;
    }
    Some(colour)
}

#[cfg(test)]
mod tests;
