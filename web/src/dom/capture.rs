//! Pictures and videos: what stands in the middle of the page, with what happens in words under it.

mod video;

use super::address::tell;
use super::caption::{Type, Words};
use super::compose::{Composer, Metrics, SWATCH, even, long};
use super::elements::{by_id, letters, make};
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use super::picture::{Scenes, palette, resize};
use super::{save, window};
use crate::app::StageView;
use crate::capture::{file_name, under};
use crate::layout::Rect;
use crate::number;
use crate::palette::{Fill, Palette};
use crate::render::canvas2d::Canvas2d;
use crate::render::webgl::WebGl;
use crate::render::{Renderer, Viewport};
use crate::scene::Scene;
use js_sys::{Object, Promise, Reflect};
use video::Recording;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, CanvasRenderingContext2d, Document, Element, HtmlCanvasElement, HtmlElement};

/// A picture has so many pixels for one of the page.
const FINE: f64 = 2.0;
/// Makes them.
pub(super) struct Capture {
    document: Document,
    queue: Queue,
    said: HtmlElement,
    mark: HtmlElement,
    time: HtmlElement,
    scenes: Scenes,
    /// The pages once more, and what draws them. One for all pictures: browsers have few of these.
    fine: HtmlCanvasElement,
    renderer: Option<Box<dyn Renderer>>,
    /// Fills with their patterns, in the colours of a theme.
    swatches: Option<(String, HtmlCanvasElement)>,
    metrics: Metrics,
    pictures: u32,
    video: Option<Recording>,
    /// Its last bytes may still come.
    last: Option<Recording>,
}

/// A canvas that is read as often as it is drawn: where the browser would keep it on the graphics card, or what stands for
/// one, a frame of a video waits for it to come back.
fn canvas_of(document: &Document, alpha: bool) -> Option<(HtmlCanvasElement, CanvasRenderingContext2d)> {
    let canvas: HtmlCanvasElement = make(document, "canvas", "", "")?.dyn_into().ok()?;
    let wish = Object::new();
    Reflect::set(&wish, &"willReadFrequently".into(), &true.into()).ok()?;
    Reflect::set(&wish, &"alpha".into(), &alpha.into()).ok()?;
    let context = canvas.get_context_with_context_options("2d", &wish).ok()??.dyn_into().ok()?;
    Some((canvas, context))
}

#[expect(clippy::cast_possible_truncation, reason = "lengths of a screen")]
fn short(x: f64) -> f32 {
    x as f32
}

impl Capture {
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let fine = make(document, "canvas", "", "").and_then(|canvas| canvas.dyn_into().ok());
        Ok(Self {
            document: document.clone(),
            queue: queue.clone(),
            said: by_id(document, "said")?,
            mark: by_id(document, "recording")?,
            time: by_id(document, "recording-time")?,
            scenes: Scenes::default(),
            fine: fine.ok_or("there is no canvas")?,
            renderer: None,
            swatches: None,
            metrics: Metrics::default(),
            pictures: 0,
            video: None,
            last: None,
        })
    }

    fn tell(&self, text: String) {
        let said = self.said.clone();
        spawn_local(async move { tell(&said, &text).await });
    }

    /// What stands in the middle.
    fn root(&self, stage: StageView) -> Option<Element> {
        self.document.get_element_by_id(match stage {
            StageView::Pages => "stage",
            StageView::Walk => "walk",
            StageView::Time => "time",
        })
    }

    fn letters(&self) -> Type {
        let of =
            |id: &str| self.document.get_element_by_id(id).and_then(|e| letters(&e)).map_or(13.0, f64::from);
        let body = self.document.body().and_then(|body| window().ok()?.get_computed_style(&body).ok()?);
        let family = body.and_then(|style| style.get_property_value("font-family").ok());
        Type {
            left: 0.0,
            small: of("legend"),
            text: of("detail"),
            family: family.unwrap_or_else(|| "sans-serif".to_owned()),
        }
    }

    fn draw(&mut self, scene: &Scene, colours: &Palette, viewport: Viewport) {
        if self.renderer.is_none() {
            let webgl = WebGl::new(self.fine.clone()).map(|webgl| Box::new(webgl) as Box<dyn Renderer>);
            let other = || Canvas2d::new(&self.fine).map(|canvas| Box::new(canvas) as Box<dyn Renderer>);
            self.renderer = webgl.or_else(|_| other()).ok();
        }
        resize(&self.fine, viewport.width * viewport.ratio, viewport.height * viewport.ratio);
        if let Some(renderer) = &mut self.renderer {
            renderer.draw(scene, colours, viewport);
        }
    }

    /// All fills side by side: drawn once for a theme, for a canvas is slow to read.
    fn swatches(&mut self, theme: String, colours: &Palette) -> Option<HtmlCanvasElement> {
        if self.swatches.as_ref().is_none_or(|(of, _)| *of != theme) {
            let (canvas, context) = canvas_of(&self.document, true)?;
            canvas.set_width(even(SWATCH * f64::from(Fill::Paper.index())));
            canvas.set_height(even(SWATCH));
            let (mut scene, side) = (Scene::default(), short(SWATCH));
            for fill in Fill::ALL {
                scene.plain(Rect { x: fill.index() * side, y: 0.0, w: side, h: side }, fill, 1.0, 5.0);
            }
            let viewport = Viewport { width: side * Fill::Paper.index(), height: side, ratio: 1.0 };
            self.draw(&scene, colours, viewport);
            context.draw_image_with_html_canvas_element(&self.fine, 0.0, 0.0).ok()?;
            self.swatches = Some((theme, canvas));
        }
        self.swatches.as_ref().map(|(_, canvas)| canvas.clone())
    }

    /// The pages as they are shown, on a canvas of their own.
    fn draw_pages(&mut self, frame: &Frame<'_>, ratio: f64, colours: &Palette) {
        if frame.app.stage == StageView::Pages {
            let room = frame.app.pages.room();
            let viewport =
                Viewport { width: short(room.width), height: short(room.height), ratio: short(ratio) };
            let progress = short(frame.app.progress());
            let scene = self.scenes.scene(frame.app, frame.view, viewport, progress).unwrap_or_default();
            self.draw(&scene, colours, viewport);
        }
    }

    /// All of it onto a canvas that has the size for it.
    fn compose(
        &mut self,
        frame: &Frame<'_>,
        canvas: &HtmlCanvasElement,
        context: &CanvasRenderingContext2d,
        ratio: f64,
        lines: Option<usize>,
    ) -> Option<()> {
        let (window, mut letters) = (window().ok()?, self.letters());
        let root = self.root(frame.app.stage)?;
        let rect = root.get_bounding_client_rect();
        let style = window.get_computed_style(&root).ok()??;
        let colour = |name: &str| style.get_property_value(name).unwrap_or_default();
        letters.left = number::pixels(&colour("padding-left")).unwrap_or(0.0);
        let colours = palette(&self.document)?;
        let swatches = self.swatches(colour("--paper"), &colours)?;
        self.draw_pages(frame, ratio, &colours);
        let plot = (lines.is_none() && frame.app.stage == StageView::Time).then(|| {
            let (canvas, context) = canvas_of(&self.document, false)?;
            super::time::plot(&self.document, frame.app, ratio, (&canvas, &context)).map(|()| canvas)
        });
        let plot = plot.flatten();
        let composer = Composer {
            context,
            window: &window,
            origin: (rect.left(), rect.top()),
            pages: &self.fine,
            plot: plot.as_ref(),
            swatches: &swatches,
            metrics: &self.metrics,
        };
        let words = Words::new(&composer, &letters, under(frame.app, frame.view), rect.width(), lines);
        let mut scale = ratio;
        let (width, height) = (rect.width(), rect.height() + words.height);
        if lines.is_none() {
            canvas.set_width(even(width * ratio));
            canvas.set_height(even(height * ratio));
        } else {
            // The middle may change while a video is made: then it is made to fit.
            scale = (long(canvas.width()) / width).min(long(canvas.height()) / height);
        }
        let _ = context.set_transform(1.0, 0.0, 0.0, 1.0, 0.0, 0.0);
        context.set_global_alpha(1.0);
        context.set_fill_style_str(&colour("--paper"));
        context.fill_rect(0.0, 0.0, long(canvas.width()), long(canvas.height()));
        let _ = context.set_transform(scale, 0.0, 0.0, scale, 0.0, 0.0);
        composer.draw(&root, 1.0);
        context.set_global_alpha(1.0);
        words.draw(&composer, &letters, rect.height(), colour);
        Some(())
    }

    fn picture(&mut self, frame: &Frame<'_>) -> Option<()> {
        let (canvas, context) = canvas_of(&self.document, false)?;
        self.compose(frame, &canvas, &context, FINE, None)?;
        let (document, said, name) = (self.document.clone(), self.said.clone(), file_name(frame.app, "png"));
        let size = format!("{} × {}", canvas.width(), canvas.height());
        let made = Promise::new(&mut |done, failed| {
            if canvas.to_blob(&done).is_err() {
                let _ = failed.call0(&JsValue::NULL);
            }
        });
        spawn_local(async move {
            let blob = JsFuture::from(made).await.ok().and_then(|blob| blob.dyn_into::<Blob>().ok());
            let text = match blob {
                Some(blob) => {
                    save::blob(&document, &blob, &name);
                    format!("{name} saved, {size} pixels")
                }
                None => "The browser could not make a picture of this size".to_owned(),
            };
            tell(&said, &text).await;
        });
        Some(())
    }
}

impl Part for Capture {
    fn show(&mut self, frame: &Frame<'_>) {
        if frame.app.pictures != self.pictures {
            self.pictures = frame.app.pictures;
            if self.picture(frame).is_none() {
                self.tell("The browser could not make a picture".to_owned());
            }
        }
        if frame.app.video.is_some() || self.video.is_some() {
            self.video(frame);
        }
    }
}
