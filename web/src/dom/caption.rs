//! The words under a picture: what happens, and where it comes from.

use super::compose::Composer;
use crate::capture::Under;

/// So many lines stand there at most.
const MOST: usize = 8;

/// Sizes of letters, in CSS pixels.
pub(super) struct Type {
    /// Where texts begin.
    pub left: f64,
    pub small: f64,
    pub text: f64,
    pub family: String,
}

/// The words under a picture, in lines.
pub(super) struct Words {
    title: String,
    lines: Vec<String>,
    provenance: String,
    /// In CSS pixels.
    pub height: f64,
}

impl Words {
    /// Of what is said, on `width` pixels: in so many lines, or in as many as it needs.
    pub(super) fn new(
        composer: &Composer<'_>,
        letters: &Type,
        under: Under,
        width: f64,
        lines: Option<usize>,
    ) -> Self {
        let room = width - 2.0 * letters.left;
        composer.font(400, letters.text, &letters.family);
        let broken = composer.broken(&under.text, room, lines.unwrap_or(MOST));
        let height = Self::height(letters, lines.unwrap_or(broken.len()));
        composer.font(650, letters.text * 1.2, &letters.family);
        Self {
            title: composer.shortened(&under.title, room),
            lines: broken,
            provenance: under.provenance,
            height,
        }
    }

    /// What so many lines take, with the title over them and the provenance under them.
    pub(super) fn height(letters: &Type, lines: usize) -> f64 {
        let lines = crate::time::scale::float(u64::try_from(lines).unwrap_or(0));
        (letters.text * (1.0 + 1.7 + 1.4 * lines) + letters.small * 2.6).ceil()
    }

    /// Writes them, their upper edge at `top`.
    pub(super) fn draw(
        &self,
        composer: &Composer<'_>,
        letters: &Type,
        top: f64,
        colour: impl Fn(&str) -> String,
    ) {
        let c = composer.context;
        let (em, x) = (letters.text, letters.left);
        let mut y = top + em * 0.6;
        c.set_fill_style_str(&colour("--ink"));
        composer.font(650, em * 1.2, &letters.family);
        composer.line(&self.title, x, y, f64::INFINITY, em * 1.6);
        y += em * 1.7;
        composer.font(400, em, &letters.family);
        for line in &self.lines {
            composer.line(line, x, y, f64::INFINITY, em * 1.4);
            y += em * 1.4;
        }
        c.set_fill_style_str(&colour("--soft"));
        composer.font(400, letters.small, &letters.family);
        composer.line(
            &self.provenance,
            x,
            top + self.height - letters.small * 2.0,
            f64::INFINITY,
            letters.small * 1.4,
        );
    }
}
