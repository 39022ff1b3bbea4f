//! A part of the page as a picture: its boxes and texts are drawn onto a 2D canvas where the browser has laid them out, in
//! the colours and letters that the style sheet gives them.

use crate::number::{self, decimal};
use crate::palette::Fill;
use crate::time::scale::float;
use std::cell::RefCell;
use wasm_bindgen::JsCast;
use web_sys::{
    CanvasRenderingContext2d, CssStyleDeclaration, DomRect, Element, HtmlCanvasElement, Node, Range,
    SvgGraphicsElement, Window,
};

/// What is there to be pressed, or goes with the pointer.
const SKIPPED: &str =
    ".zoom, .tabs, .time-bar button, .walk-head button, .error, .time-tip, .time-cursor, .hit, .icon";
/// A swatch of the legend, in pixels of [`Composer::swatches`]: they stand in a row, by number of their fill.
pub(super) const SWATCH: f64 = 28.0;

/// Draws elements.
pub(super) struct Composer<'a> {
    pub context: &'a CanvasRenderingContext2d,
    pub window: &'a Window,
    /// Where the picture begins, in CSS pixels of the window.
    pub origin: (f64, f64),
    /// What stands for the canvas of the pages: the same, finer.
    pub pages: &'a HtmlCanvasElement,
    /// The same for the plot of the time, if it is finer.
    pub plot: Option<&'a HtmlCanvasElement>,
    /// Fills with their patterns.
    pub swatches: &'a HtmlCanvasElement,
    pub metrics: &'a Metrics,
}

/// How high letters stand over their line, and under it, by the name of their font: to ask the browser costs more than to
/// draw them.
#[derive(Default)]
pub(super) struct Metrics(RefCell<Vec<(String, [f64; 2])>>);

impl Metrics {
    /// Of the font that is set.
    fn of(&self, context: &CanvasRenderingContext2d) -> Option<[f64; 2]> {
        /// A page has a few dozen.
        const MOST: usize = 200;
        let (mut known, font) = (self.0.borrow_mut(), context.font());
        if let Some((_, metrics)) = known.iter().find(|(of, _)| *of == font) {
            return Some(*metrics);
        }
        let measured = context.measure_text("x").ok()?;
        let metrics = [measured.font_bounding_box_ascent(), measured.font_bounding_box_descent()];
        if known.len() == MOST {
            known.clear();
        }
        known.push((font, metrics));
        Some(metrics)
    }
}

/// The computed style of an element.
struct Style(CssStyleDeclaration);

impl Style {
    fn get(&self, name: &str) -> String {
        self.0.get_property_value(name).unwrap_or_default()
    }
    fn is(&self, name: &str, value: &str) -> bool {
        self.0.get_property_value(name).is_ok_and(|is| is == value)
    }
    fn pixels(&self, name: &str) -> f64 {
        number::pixels(&self.get(name)).unwrap_or(0.0)
    }
}

impl Composer<'_> {
    fn rect(&self, rect: &DomRect) -> [f64; 4] {
        [rect.left() - self.origin.0, rect.top() - self.origin.1, rect.width(), rect.height()]
    }

    fn fill(&self, colour: &str, [x, y, w, h]: [f64; 4]) {
        self.context.set_fill_style_str(colour);
        self.context.fill_rect(x, y, w, h);
    }

    /// Draws an element and what is in it.
    pub(super) fn draw(&self, element: &Element, alpha: f64) {
        if element.matches(SKIPPED).unwrap_or(true) {
            return;
        }
        let Ok(Some(style)) = self.window.get_computed_style(element) else { return };
        let style = Style(style);
        if style.is("display", "none") || style.is("visibility", "hidden") {
            return;
        }
        let alpha = alpha * decimal(&style.get("opacity")).unwrap_or(1.0);
        let c = self.context;
        c.set_global_alpha(alpha);
        let at @ [x, y, w, h] = self.rect(&element.get_bounding_client_rect());
        let tag = element.tag_name();
        match tag.as_str() {
            "CANVAS" => {
                let own = element.dyn_ref::<HtmlCanvasElement>();
                let image = match element.id().as_str() {
                    "canvas" => Some(self.pages),
                    "time-canvas" => self.plot.or(own),
                    _ => own,
                };
                if let Some(image) = image {
                    let _ = c.draw_image_with_html_canvas_element_and_dw_and_dh(image, x, y, w, h);
                }
                return;
            }
            "rect" | "polyline" => return self.shape(element, &style, at),
            "svg" | "text" => {}
            _ => self.boxed(element, &style, at),
        }
        let clips = tag != "svg" && !style.is("overflow-x", "visible");
        if clips {
            c.save();
            c.begin_path();
            c.rect(x, y, w, h);
            c.clip();
        }
        let children = element.child_nodes();
        for node in (0..children.length()).filter_map(|i| children.item(i)) {
            if node.node_type() == Node::TEXT_NODE {
                self.text(&node, element, &style, at);
            } else if let Some(child) = node.dyn_ref::<Element>() {
                self.draw(child, alpha);
                c.set_global_alpha(alpha);
            }
        }
        if clips {
            c.restore();
        }
    }

    /// Ground and borders; what the style sheet paints by gradients has its own way.
    fn boxed(&self, element: &Element, style: &Style, at @ [x, y, w, h]: [f64; 4]) {
        let (class, ink) = (element.class_name(), style.get("color"));
        let first = class.split(' ').next().unwrap_or_default();
        let fill =
            first.strip_prefix("fill-").and_then(|name| Fill::ALL.iter().find(|fill| fill.name() == name));
        if let Some(fill) = fill {
            let from = f64::from(*fill as u8) * SWATCH;
            let _ =
                self.context.draw_image_with_html_canvas_element_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
                    self.swatches,
                    from,
                    0.0,
                    SWATCH,
                    SWATCH,
                    x,
                    y,
                    w,
                    h,
                );
            return;
        }
        let accent = || style.get("--accent");
        let faint = || style.get("--faint");
        match first {
            "time-fault" => self.fill(&ink, [x + w / 2.0 - 2.0, y + h / 2.0 - 2.0, 4.0, 4.0]),
            "time-line" => self.fill(&ink, [x, y + h / 2.0 - 1.0, w, 2.0]),
            "tick" if !element.closest(".time-axis").is_ok_and(|axis| axis.is_none()) => {
                self.fill(&faint(), [x + w / 2.0, y + h, 1.0, 3.0]);
            }
            "flag" => self.fill(&accent(), [x, y, 8.0, 8.0]),
            "fold" => {
                let middle = y + h / 2.0 - 1.0;
                self.letters(style);
                let text = self.context.measure_text(&element.text_content().unwrap_or_default());
                let half = text.map_or(w, |text| text.width()) / 2.0 + style.pixels("font-size");
                let mut dot = 0.0;
                while dot < w {
                    if (dot - w / 2.0).abs() > half {
                        self.fill(&faint(), [x + dot, middle, 2.0, 2.0]);
                    }
                    dot += 4.0;
                }
            }
            _ if element.parent_element().is_some_and(|parent| parent.id() == "time-breaks") => {
                self.context.set_global_alpha(0.16);
                self.fill(&style.get("--ink"), at);
                self.context.set_global_alpha(1.0);
            }
            _ => {}
        }
        let ground = style.get("background-color");
        if ground != "rgba(0, 0, 0, 0)" {
            self.fill(&ground, at);
        }
        for (side, edge) in [("top", 0), ("right", 1), ("bottom", 2), ("left", 3)] {
            let thick = style.pixels(&format!("border-{side}-width"));
            if thick > 0.0 {
                let edge = match edge {
                    0 => [x, y, w, thick],
                    1 => [x + w - thick, y, thick, h],
                    2 => [x, y + h - thick, w, thick],
                    _ => [x, y, thick, h],
                };
                self.fill(&style.get(&format!("border-{side}-color")), edge);
            }
        }
    }

    /// A shape of the walk.
    fn shape(&self, element: &Element, style: &Style, [x, y, w, h]: [f64; 4]) {
        let c = self.context;
        c.begin_path();
        if let Some(points) = element.get_attribute("points") {
            let Some(matrix) =
                element.dyn_ref::<SvgGraphicsElement>().and_then(SvgGraphicsElement::get_screen_ctm)
            else {
                return;
            };
            let (scale, left, top) = (
                f64::from(matrix.a()),
                f64::from(matrix.e()) - self.origin.0,
                f64::from(matrix.f()) - self.origin.1,
            );
            for point in points.split(' ') {
                let mut numbers = point.split(',').filter_map(decimal);
                if let (Some(x), Some(y)) = (numbers.next(), numbers.next()) {
                    c.line_to(x * scale + left, y * scale + top);
                }
            }
        } else {
            let radius = style.pixels("rx").min(w / 2.0).min(h / 2.0);
            let _ = c.round_rect_with_f64(x, y, w, h, radius);
        }
        let (fill, stroke) = (style.get("fill"), style.get("stroke"));
        let alpha = c.global_alpha();
        if fill != "none" {
            c.set_global_alpha(alpha * decimal(&style.get("fill-opacity")).unwrap_or(1.0));
            c.set_fill_style_str(&fill);
            c.fill();
            c.set_global_alpha(alpha);
        }
        if stroke != "none" {
            let dashes = js_sys::Array::new();
            for dash in style.get("stroke-dasharray").split(',') {
                if let Some(dash) = number::pixels(dash) {
                    dashes.push(&dash.into());
                }
            }
            let _ = c.set_line_dash(&dashes);
            c.set_line_width(style.pixels("stroke-width"));
            c.set_stroke_style_str(&stroke);
            c.stroke();
            let _ = c.set_line_dash(&js_sys::Array::new());
        }
    }

    /// A text, where the browser has put it.
    fn text(&self, node: &Node, parent: &Element, style: &Style, [px, _, pw, _]: [f64; 4]) {
        let text = node.text_content().unwrap_or_default();
        let Some(range) =
            parent.owner_document().and_then(|d| d.create_range().ok()).filter(|_| !text.trim().is_empty())
        else {
            return;
        };
        let c = self.context;
        self.letters(style);
        let is_svg = parent.tag_name() == "text";
        c.set_fill_style_str(&style.get(if is_svg { "fill" } else { "color" }));
        if range.select_node_contents(node).is_err() {
            return;
        }
        // What is cut off has a box of its own beside the rest.
        let Some(boxes) = range.get_client_rects() else { return };
        let tops = (0..boxes.length()).filter_map(|i| Some(boxes.item(i)?.top()));
        let (first, last) = tops.fold((f64::MAX, f64::MIN), |(a, b), top| (a.min(top), b.max(top)));
        if last - first < 2.0 {
            let [x, y, w, h] = self.rect(&range.get_bounding_client_rect());
            let cut = x + w > px + pw + 1.0 && style.is("text-overflow", "ellipsis");
            let (text, w) = if cut { (self.shortened(&text, px + pw - x), px + pw - x) } else { (text, w) };
            self.line(&text, x, y, w, h);
            return;
        }
        // Word by word: those of one height are a line.
        let mut line: Option<(String, [f64; 4])> = None;
        for (from, word) in words(&text) {
            let to = from + units(word);
            if set(&range, node, from, to).is_none() {
                return;
            }
            let [x, y, w, h] = self.rect(&range.get_bounding_client_rect());
            match &mut line {
                Some((said, at)) if (at[1] - y).abs() < h / 2.0 => {
                    said.push(' ');
                    said.push_str(word);
                    at[2] = x + w - at[0];
                }
                _ => {
                    if let Some((said, [x, y, w, h])) = line.replace((word.to_owned(), [x, y, w, h])) {
                        self.line(&said, x, y, w, h);
                    }
                }
            }
        }
        if let Some((said, [x, y, w, h])) = line {
            self.line(&said, x, y, w, h);
        }
    }

    /// A line whose letters stand in the middle of a height, pressed where the width is less.
    pub(super) fn line(&self, text: &str, x: f64, y: f64, w: f64, h: f64) {
        let c = self.context;
        let [up, down] = self.metrics.of(c).unwrap_or([h * 0.8, h * 0.2]);
        let (text, base) = (text.trim_end(), y + (h - up - down) / 2.0 + up);
        let _ = if w.is_finite() {
            c.fill_text_with_max_width(text, x, base, w.max(1.0))
        } else {
            c.fill_text(text, x, base)
        };
    }

    fn letters(&self, style: &Style) {
        let parts = ["font-style", "font-weight", "font-size", "font-family"].map(|name| style.get(name));
        self.context.set_font(&parts.join(" "));
    }

    fn width(&self, text: &str) -> f64 {
        self.context.measure_text(text).map_or(0.0, |measured| measured.width())
    }

    /// As much of a text as there is room for.
    pub(super) fn shortened(&self, text: &str, width: f64) -> String {
        let mut short = text.to_owned();
        while self.width(&short) > width && short.pop().is_some() {
            let kept = short.trim_end_matches('…').len();
            short.truncate(kept);
            short.pop();
            short.push('…');
        }
        short
    }

    /// Letters for texts of its own.
    pub(super) fn font(&self, weight: u16, size: f64, family: &str) {
        self.context.set_font(&format!("{weight} {size:.1}px {family}"));
    }

    /// A text in lines of at most `width`, at most so many.
    pub(super) fn broken(&self, text: &str, width: f64, most: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            let full = lines.len() >= most;
            match lines.last_mut() {
                Some(line) if full || self.width(&format!("{line} {word}")) <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        if let Some(last) = lines.last_mut() {
            *last = self.shortened(last, width);
        }
        lines
    }
}

/// Words, each with where it begins, in units of the browser's texts.
fn words(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let mut at = 0;
    text.split(char::is_whitespace).filter_map(move |word| {
        let from = at;
        at += units(word) + 1;
        (!word.is_empty()).then_some((from, word))
    })
}

fn units(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(0)
}

fn set(range: &Range, node: &Node, from: u32, to: u32) -> Option<()> {
    range.set_start(node, from).ok()?;
    range.set_end(node, to).ok()
}

/// A length in CSS pixels as whole pixels of a canvas, even: videos want that.
pub(super) fn even(length: f64) -> u32 {
    let half: u64 = crate::time::scale::whole((length / 2.0).ceil().clamp(1.0, 4096.0));
    u32::try_from(half * 2).unwrap_or(2)
}

/// The same as a length.
pub(super) fn long(pixels: u32) -> f64 {
    float(pixels.into())
}
