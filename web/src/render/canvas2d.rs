//! Canvas2D, where there is no WebGL2: the same boxes, with simpler patterns.

use super::{Renderer, Viewport};
use crate::layout::Rect;
use crate::pages::grid::{INFERRED, MIXED};
use crate::palette::{Fill, Palette};
use crate::scene::{Cells, Scene};
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// Draws by Canvas2D.
pub struct Canvas2d {
    context: CanvasRenderingContext2d,
}

impl Canvas2d {
    /// On `canvas`, or why not.
    pub fn new(canvas: &HtmlCanvasElement) -> Result<Self, String> {
        let context = canvas.get_context("2d").ok().flatten().ok_or("there is no 2D canvas")?;
        Ok(Self { context: context.dyn_into().map_err(|_| "there is no 2D canvas")? })
    }

    fn paint(&self, rect: Rect, fill: Fill, alpha: f32, palette: &Palette, inferred: bool) {
        let Some([r, g, b, a]) = palette.get(fill as usize) else { return };
        let byte = |part: &f32| (part * 255.0).round();
        let c = &self.context;
        let colour = format!("rgba({},{},{},{})", byte(r), byte(g), byte(b), a);
        let alpha = f64::from(alpha);
        let [x, y, w, h] = [rect.x, rect.y, rect.w, rect.h].map(f64::from);
        c.set_fill_style_str(&colour);
        c.set_stroke_style_str(&colour);
        let body = match fill {
            Fill::Unmapped | Fill::Untouched => 0.0,
            Fill::ZeroPage => 0.35,
            Fill::Unknown => 0.25,
            Fill::CopyPending | Fill::Swapped => 0.6,
            Fill::FileClean | Fill::FileDirty => 0.8,
            Fill::Private if inferred => 0.62,
            _ => 1.0,
        };
        c.set_global_alpha(alpha * body);
        c.fill_rect(x, y, w, h);
        c.set_global_alpha(alpha);
        if body < 1.0 && w > 3.0 {
            c.stroke_rect(x + 0.5, y + 0.5, w - 1.0, h - 1.0);
        }
    }
}

impl Canvas2d {
    fn draw_cells(&self, cells: &Cells, palette: &Palette) {
        let small = cells.width.min(cells.height);
        let gap = if small < 3.0 {
            0.0
        } else if small < 24.0 {
            1.0
        } else {
            2.0
        };
        for band in &cells.bands {
            for row in 0..band.rows {
                let at = usize::try_from(band.first_row + row).unwrap_or(usize::MAX);
                let row = f32::from(u16::try_from(row).unwrap_or(u16::MAX));
                for column in 0..cells.grid.columns {
                    let [state, flags, ..] = cells.grid.at(at, column);
                    let Some(fill) = Fill::ALL.get(usize::from(state & 15)).filter(|_| state > 0) else {
                        continue;
                    };
                    let x = f32::from(u16::try_from(column).unwrap_or(u16::MAX));
                    let rect = Rect {
                        x: band.x + x * cells.width,
                        y: band.y + row * cells.height,
                        w: cells.width - gap,
                        h: cells.height - gap,
                    };
                    let share = f32::from(flags >> 4) / 15.0;
                    let alpha = if state & MIXED > 0 { 0.34 + 0.56 * share } else { 1.0 } * cells.share;
                    let faint = small < 8.0 && *fill == Fill::Untouched;
                    let (fill, alpha) = if faint { (Fill::Faint, alpha * 0.5) } else { (*fill, alpha) };
                    self.paint(rect, fill, alpha, palette, state & INFERRED > 0);
                }
            }
        }
    }
}

impl Renderer for Canvas2d {
    fn name(&self) -> &'static str {
        "canvas2d"
    }

    fn draw(&mut self, scene: &Scene, palette: &Palette, viewport: Viewport) {
        let c = &self.context;
        let ratio = f64::from(viewport.ratio);
        // Scaling by a finite number cannot fail.
        let _ = c.set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0);
        c.clear_rect(0.0, 0.0, f64::from(viewport.width), f64::from(viewport.height));
        if let Some(cells) = &scene.leaving {
            self.draw_cells(cells, palette);
            // Two shares of a picture are a whole one. No browser refuses this name.
            let _ = c.set_global_composite_operation("lighter");
        }
        if let Some(cells) = &scene.cells {
            self.draw_cells(cells, palette);
        }
        let _ = c.set_global_composite_operation("source-over");
        for quad in &scene.quads {
            if quad.mix < 1.0 {
                self.paint(quad.rect, quad.from, quad.alpha * (1.0 - quad.mix), palette, quad.inferred);
            }
            if quad.mix > 0.0 {
                self.paint(quad.rect, quad.to, quad.alpha * quad.mix, palette, quad.inferred);
            }
        }
        c.set_global_alpha(1.0);
    }
}
