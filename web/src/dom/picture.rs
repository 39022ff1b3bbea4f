//! The canvas and the labels over it.

use super::elements::{Elements, replace_children};
use super::part::{Frame, Part};
use super::window;
use crate::app::StageView;
use crate::layout::Rect;
use crate::palette::{Fill, Palette, parse_colour};
use crate::render::canvas2d::Canvas2d;
use crate::render::webgl::WebGl;
use crate::render::{Renderer, Viewport};
use crate::scene::{Label, scene};
use std::rc::Rc;
use wasm_bindgen::JsValue;

/// Draws the stage.
pub(super) struct Picture {
    elements: Rc<Elements>,
    renderer: Box<dyn Renderer>,
    labels: Vec<Label>,
    theme: Option<String>,
    palette: Palette,
}

impl Picture {
    /// By WebGL2, or by Canvas2D where there is none (or where `renderer=2d` asks for it).
    pub(super) fn new(elements: Rc<Elements>) -> Result<Self, String> {
        let asked_2d = window()?.location().search().is_ok_and(|s| s.contains("renderer=2d"));
        let webgl =
            if asked_2d { Err("not asked for".to_owned()) } else { WebGl::new(elements.canvas.clone()) };
        let renderer: Box<dyn Renderer> = match webgl {
            Ok(webgl) => Box::new(webgl),
            Err(reason) => {
                web_sys::console::info_1(&JsValue::from_str(&format!("drawing by Canvas2D: {reason}")));
                Box::new(Canvas2d::new(&elements.canvas)?)
            }
        };
        let _ = elements.canvas.set_attribute("data-renderer", renderer.name());
        Ok(Self { elements, renderer, labels: Vec::new(), theme: None, palette: [[0.5; 4]; Fill::ALL.len()] })
    }

    /// The colours stand in the style sheet, once for both themes.
    fn read_palette(&mut self) {
        let Some(root) = self.elements.document.document_element() else { return };
        let theme = root.get_attribute("data-theme");
        if theme.is_some() && theme == self.theme {
            return;
        }
        let Some(style) = window().ok().and_then(|w| w.get_computed_style(&root).ok().flatten()) else {
            return;
        };
        for (fill, colour) in Fill::ALL.iter().zip(&mut self.palette) {
            let text = style.get_property_value(&format!("--state-{}", fill.name())).unwrap_or_default();
            *colour = parse_colour(&text).unwrap_or([0.5, 0.5, 0.5, 1.0]);
        }
        self.theme = theme;
    }
}

impl Part for Picture {
    fn show(&mut self, frame: &Frame<'_>) {
        if frame.app.stage != StageView::Pages {
            return;
        }
        let (view, progress) = (frame.view, frame.app.progress());
        let e = &self.elements;
        let (width, height) = (pixels(e.picture.client_width()), pixels(e.picture.client_height()));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a screen's ratio and a share of 1 need no double"
        )]
        let (ratio, progress) =
            (window().map_or(1.0, |w| w.device_pixel_ratio()).clamp(0.5, 4.0) as f32, progress as f32);
        let canvas = &e.canvas;
        let (w, h) = (device_pixels(width * ratio), device_pixels(height * ratio));
        if (canvas.width(), canvas.height()) != (w, h) {
            canvas.set_width(w);
            canvas.set_height(h);
        }
        self.read_palette();
        let scene = scene(&view.stage, width, height, progress);
        self.renderer.draw(&scene, &self.palette, Viewport { width, height, ratio });
        let e = &self.elements;
        let cell = scene.page_cell.map(|Rect { x, y, w, h }| format!("{x:.1} {y:.1} {w:.1} {h:.1}"));
        let _ = e.canvas.set_attribute("data-cell", &cell.unwrap_or_default());
        let _ = e.canvas.set_attribute("aria-label", &view.stage.description);
        if scene.labels != self.labels {
            let spans = scene.labels.iter().map(|label| {
                let span = e.make("span", label.class, &label.text)?;
                let Rect { x, y, w, h } = label.rect;
                let style = format!("left:{x:.1}px;top:{y:.1}px;width:{w:.1}px;height:{h:.1}px");
                span.set_attribute("style", &style).ok()?;
                Some(span)
            });
            replace_children(&e.labels, spans);
            self.labels = scene.labels;
        }
    }
}

fn pixels(n: i32) -> f32 {
    f32::from(u16::try_from(n).unwrap_or(0))
}

fn device_pixels(x: f32) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what a canvas can be"
    )]
    let n = x.round().clamp(1.0, 16_384.0) as u32;
    n
}
