//! Draws a scene. One trait, so that the page does not know by what it is drawn, and a fake that
//! records what was drawn.

#[cfg(target_arch = "wasm32")]
pub mod canvas2d;
#[cfg(not(target_arch = "wasm32"))]
pub mod svg;
#[cfg(target_arch = "wasm32")]
pub mod webgl;

use crate::palette::Palette;
use crate::scene::Scene;

/// The size of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Viewport {
    /// In CSS pixels.
    pub width: f32,
    /// In CSS pixels.
    pub height: f32,
    /// Device pixels a CSS pixel.
    pub ratio: f32,
}

/// Draws the cells and boxes of a scene; its labels are text on the page.
pub trait Renderer {
    /// What it draws by, for the page to say.
    fn name(&self) -> &'static str;
    /// Draws all of `scene`.
    fn draw(&mut self, scene: &Scene, palette: &Palette, viewport: Viewport);
}

/// Keeps what it was asked to draw.
#[derive(Debug, Default)]
pub struct Recording {
    /// Every frame.
    pub frames: Vec<Scene>,
}

impl Renderer for Recording {
    fn name(&self) -> &'static str {
        "recording"
    }
    fn draw(&mut self, scene: &Scene, _palette: &Palette, _viewport: Viewport) {
        self.frames.push(scene.clone());
    }
}
