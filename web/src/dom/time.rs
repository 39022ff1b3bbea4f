//! The picture of the whole trace: a canvas, and what stands around it.

mod around;
mod pointer;

use super::elements::{Extent, Listener, by_id};
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use super::window;
use crate::app::{App, StageView};
use crate::msg::Msg;
use crate::palette::{Fill, Rgba, parse_colour};
use crate::time::Msg as TimeMsg;
use crate::time::paint::{Columns, Heights, Look, paint};
use crate::time::scale::{Pace, float, whole};
use crate::time::words::{Words, tip, words};
use crate::view::shown_process;
use around::{Around, put};
use js_sys::{Uint8ClampedArray, Uint32Array};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::page::PageState;
use pagescope_shared::timeline::Timeline;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, Document, Element, HtmlCanvasElement, HtmlElement, ImageData};

/// A row of the picture is so many pixels of the page high.
const ROW: usize = 2;

/// Its elements, and what they show.
pub(super) struct Time {
    document: Document,
    around: Around,
    paces: [(Pace, HtmlElement); 3],
    whole: HtmlElement,
    extent: Extent,
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    over: HtmlElement,
    brush: HtmlElement,
    repeat: HtmlElement,
    cursor: HtmlElement,
    head: HtmlElement,
    head_on_axis: HtmlElement,
    tip: HtmlElement,
    queue: Queue,
    pixels: Vec<u32>,
    look: Option<Look>,
    theme: Option<String>,
    /// What the canvas shows.
    drawn: Option<Drawn>,
    words: Words,
    /// What lies over the canvas: of which state.
    over_shown: Option<(u64, u64, Size)>,
    marked: Option<Marked>,
    chosen: Option<(Option<u32>, u64, Pace, bool)>,
    tip_shown: Option<((f64, f64), Vec<String>)>,
    _listeners: Vec<Listener>,
}

/// Versions of the picture and of the markers, what part of it, on which pixels, in which theme, and how far the trace was gone through.
type Drawn = ((u64, u64), (f64, f64), Size, Option<String>, usize);
/// What is hovered and selected, in which process, on which version of the picture.
type Marked = (Option<Addr>, Option<Range>, Option<u32>, u64, Size);

/// What there is room for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Size {
    width: usize,
    height: usize,
    ratio: f64,
    large: bool,
}

impl Size {
    /// The heights of the parts, in pixels of the page.
    fn heights(self) -> Heights {
        if self.large {
            let (gap, faults) = (8, 26);
            let memory = self.height / 4;
            let addresses = self.height.saturating_sub(memory + faults + gap * 2);
            Heights { addresses: addresses - addresses % ROW, gap, memory, faults }
        } else {
            let gap = 3;
            let memory = self.height / 3;
            let addresses = self.height.saturating_sub(memory + gap);
            Heights { addresses: addresses - addresses % ROW, gap, memory, faults: 0 }
        }
    }

    /// Of an element, in pixels of the page.
    fn of((width, height): (i32, i32), app: &App, ratio: f64) -> Self {
        let n = |n: i32| usize::try_from(n).unwrap_or(0);
        Self { width: n(width), height: n(height), ratio, large: app.stage == StageView::Time }
    }

    /// In pixels of the device.
    fn device(self, n: usize) -> usize {
        usize::try_from(whole((float(u64::try_from(n).unwrap_or(0)) * self.ratio).round())).unwrap_or(0)
    }

    fn device_heights(self) -> Heights {
        let Heights { addresses, gap, memory, faults } = self.heights();
        Heights {
            addresses: self.device(addresses),
            gap: self.device(gap),
            memory: self.device(memory),
            faults: self.device(faults),
        }
    }
}

impl Time {
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let (plot, axis): (HtmlElement, HtmlElement) =
            (by_id(document, "time-plot")?, by_id(document, "time-axis")?);
        let canvas: HtmlCanvasElement = by_id(document, "time-canvas")?;
        let context = canvas.get_context("2d").ok().flatten();
        let context = context.and_then(|c| c.dyn_into().ok()).ok_or("there is no 2D canvas")?;
        let find = |id: &str| by_id::<HtmlElement>(document, id);
        Ok(Self {
            document: document.clone(),
            around: Around::new(document, axis.clone())?,
            paces: [
                (Pace::Wall, find("time-wall")?),
                (Pace::Idle, find("time-idle")?),
                (Pace::Events, find("time-events")?),
            ],
            whole: find("time-whole")?,
            over: find("time-over")?,
            brush: find("time-brush")?,
            repeat: find("time-repeat")?,
            cursor: find("time-cursor")?,
            head: find("time-head")?,
            head_on_axis: find("time-head-axis")?,
            tip: find("time-tip")?,
            _listeners: pointer::listen(document, queue, &plot, &axis)?,
            extent: Extent::new(&plot, queue)?,
            canvas,
            context,
            queue: queue.clone(),
            pixels: Vec::new(),
            look: None,
            theme: None,
            drawn: None,
            words: Words::default(),
            over_shown: None,
            marked: None,
            chosen: None,
            tip_shown: None,
        })
    }

    fn size(&self, app: &App) -> Size {
        let ratio = window().map_or(1.0, |w| w.device_pixel_ratio()).clamp(0.5, 4.0);
        Size::of(self.extent.size(), app, ratio)
    }

    /// The colours stand in the style sheet, once for both themes.
    fn read_look(&mut self) {
        let Some(root) = self.document.document_element() else { return };
        let theme = root.get_attribute("data-theme");
        if self.look.is_some() && theme == self.theme {
            return;
        }
        let Some(look) = look(&root) else { return };
        (self.look, self.theme) = (Some(look), theme);
    }

    fn draw(&mut self, app: &App, timeline: &Timeline, size: Size) {
        self.read_look();
        let series = timeline.series().samples();
        // While a trace is gone through, not every step of it is drawn.
        let explored = timeline.explored().saturating_mul(40) / timeline.end().max(1);
        let marked = (app.time.version, app.author.revision);
        let now = (marked, app.time.shown(), size, self.theme.clone(), explored);
        if self.drawn.as_ref() == Some(&now) {
            return;
        }
        let Some(look) = &self.look else { return };
        let columns = Columns::new(&app.time, series, timeline.header().page_size.bytes());
        if size.heights().sum() == 0 {
            return;
        }
        draw(&app.time, &columns, look, size, (&self.canvas, &self.context), &mut self.pixels);
        let _ = self.canvas.set_attribute("data-addresses", &size.heights().addresses.to_string());
        let room = if size.large { 90 } else { 110 };
        let words = words(&app.time, timeline, &app.author, &columns, size.width / room);
        if words != self.words || self.drawn.as_ref().is_none_or(|drawn| drawn.2 != size) {
            let _ = self.canvas.set_attribute("aria-label", &format!("Address over time. {}", words.caption));
            self.around.show(&words, size, &self.head_on_axis);
            self.words = words;
        }
        self.drawn = Some(now);
    }

    /// What moves over the canvas without a new picture.
    fn overlay(&mut self, app: &App, timeline: &Timeline, size: Size) {
        let time = &app.time;
        let now = (app.revision, time.version, size);
        if self.over_shown == Some(now) {
            return;
        }
        self.over_shown = Some(now);
        let width = float(u64::try_from(size.width).unwrap_or(0));
        let here = time.part(time.here(timeline));
        for head in [&self.head, &self.head_on_axis] {
            head.set_hidden(!(-0.0001..=1.0001).contains(&here));
            style(head, &format!("transform:translateX({:.2}px)", here * width));
        }
        span(&self.brush, time.drag);
        let at = |position: usize| {
            let last = position.checked_sub(1).and_then(|at| timeline.event_at(at));
            time.part(time.moment(position, last.map_or(0, |event| event.time_ns)))
        };
        span(&self.repeat, app.repeat.map(|(from, to)| (at(from), at(to))));
        self.cursor.set_hidden(time.pointer.is_none());
        if let Some((x, _)) = time.pointer {
            style(&self.cursor, &format!("transform:translateX({:.2}px)", x * width));
        }
        let shown = shown_process(app, timeline).map(|(pid, _)| pid);
        let hover = app.hover.filter(|_| time.pointer.is_none());
        let marked = (hover, app.selection, shown, time.version, size);
        if self.marked != Some(marked) {
            self.marked = Some(marked);
            self.mark(app, size, shown, hover);
        }
        self.show_tip(app, timeline, size);
        let chosen = (app.process, time.version, time.pace, time.window.is_none());
        if self.chosen != Some(chosen) {
            self.chosen = Some(chosen);
            let pid = app.process.map(|pid| pid.to_string());
            let lanes = self.around.lanes.children();
            for lane in (0..lanes.length()).filter_map(|i| lanes.item(i)) {
                let on = pid.is_some() && lane.get_attribute("data-pid") == pid;
                let _ = lane.class_list().toggle_with_force("chosen", on);
            }
            for (pace, button) in &self.paces {
                let pressed = if *pace == time.pace { "true" } else { "false" };
                let _ = button.set_attribute("aria-pressed", pressed);
            }
            let _ = self.whole.toggle_attribute_with_force("disabled", time.window.is_none());
        }
    }

    /// Marks what is selected, and what is pointed at elsewhere.
    fn mark(&self, app: &App, size: Size, pid: Option<u32>, hover: Option<Addr>) {
        self.over.set_text_content(None);
        let rows = float(u64::try_from(app.time.fold.rows).unwrap_or(0)).max(1.0);
        let row_height = float(u64::try_from(size.heights().addresses).unwrap_or(0)) / rows;
        let height = |n: usize| float(u64::try_from(n).unwrap_or(0)) * row_height;
        // The process that is shown is the one that is spoken of.
        let lane = pid.and_then(|pid| app.time.fold.lane_of(pid));
        if let Some(lane) = lane.and_then(|i| app.time.fold.lanes.get(i)) {
            let band = app.selection.and_then(|range| lane.rows_of(range)).map(|rows| ("band", rows));
            let line = hover.and_then(|addr| lane.row_of(addr)).map(|row| ("hovered", (row, row)));
            for (class, (top, low)) in [band, line].into_iter().flatten() {
                let css = format!("top:{:.1}px;height:{:.1}px", height(top), height(low + 1 - top).max(2.0));
                put(&self.document, &self.over, "span", class, "", &css);
            }
        }
    }

    fn show_tip(&mut self, app: &App, timeline: &Timeline, size: Size) {
        let tip = app.time.pointer.zip(tip(&app.time, timeline)).filter(|_| app.time.drag.is_none());
        if tip == self.tip_shown {
            return;
        }
        self.tip.set_hidden(tip.is_none());
        if let Some(((x, y), lines)) = &tip {
            self.tip.set_text_content(None);
            for line in lines {
                put(&self.document, &self.tip, "span", "", line, "");
            }
            let number = |n: usize| float(u64::try_from(n).unwrap_or(0));
            let (width, height) = (number(size.width), number(size.height));
            let (side, across) = if *x > 0.6 { ("right", (1.0 - x) * width) } else { ("left", x * width) };
            let down = (y * number(size.heights().addresses)).min(height);
            let (edge, down) = match size.large {
                true if down > height * 0.6 => ("bottom", height - down + 10.0),
                true => ("top", down + 14.0),
                // A strip has room above it only.
                false => ("bottom", height + 6.0),
            };
            style(&self.tip, &format!("{side}:{:.0}px;{edge}:{down:.0}px", across + 14.0));
        }
        self.tip_shown = tip;
    }
}

/// Paints the picture onto a canvas.
fn draw(
    time: &crate::time::Time,
    columns: &Columns,
    look: &Look,
    size: Size,
    (canvas, context): (&HtmlCanvasElement, &CanvasRenderingContext2d),
    pixels: &mut Vec<u32>,
) {
    let (width, heights) = (size.device(size.width).max(1), size.device_heights());
    paint(time, columns, look, width, heights, pixels);
    let sizes = (u32::try_from(width).unwrap_or(1), u32::try_from(heights.sum()).unwrap_or(1));
    if (canvas.width(), canvas.height()) != sizes {
        canvas.set_width(sizes.0);
        canvas.set_height(sizes.1);
    }
    let bytes = Uint8ClampedArray::new(&Uint32Array::from(pixels.as_slice()).buffer());
    if let Ok(image) = ImageData::new_with_js_u8_clamped_array_and_sh(&bytes, sizes.0, sizes.1) {
        let _ = context.put_image_data(&image, 0.0, 0.0);
    }
}

/// The plot once more, in so many pixels for one of the page: every one counted, where that does not take long.
pub(super) fn plot(
    document: &Document,
    app: &App,
    ratio: f64,
    on: (&HtmlCanvasElement, &CanvasRenderingContext2d),
) -> Option<()> {
    let timeline = app.timeline.as_ref()?;
    let element: HtmlElement = by_id(document, "time-plot").ok()?;
    let size = Size::of((element.client_width(), element.client_height()), app, ratio);
    let of = |time: &crate::time::Time| {
        Columns::new(time, timeline.series().samples(), timeline.header().page_size.bytes())
    };
    let fine = app.time.finer(timeline, size.device(1));
    let (time, columns) = match &fine {
        Some(fine) => (fine, of(fine).on_axes_of(&of(&app.time))),
        None => (&app.time, of(&app.time)),
    };
    draw(time, &columns, &look(&document.document_element()?)?, size, on, &mut Vec::new());
    Some(())
}

/// The colours of the theme.
fn look(root: &Element) -> Option<Look> {
    let style = window().ok()?.get_computed_style(root).ok()??;
    let colour = |name: &str| -> Rgba {
        let text = style.get_property_value(name).unwrap_or_default();
        parse_colour(&text).unwrap_or([0.5, 0.5, 0.5, 1.0])
    };
    Some(Look {
        paper: colour("--paper"),
        ink: colour("--ink"),
        alarm: colour("--alarm"),
        states: PageState::ALL.map(|state| colour(&format!("--state-{}", Fill::from(state).name()))),
    })
}

/// Spreads an element over a part of the width, or hides it.
fn span(element: &HtmlElement, part: Option<(f64, f64)>) {
    element.set_hidden(part.is_none());
    if let Some((a, b)) = part {
        let (a, b) = (a.min(b).clamp(0.0, 1.0), a.max(b).clamp(0.0, 1.0));
        style(element, &format!("left:{:.3}%;width:{:.3}%", a * 100.0, (b - a) * 100.0));
    }
}

fn style(element: &HtmlElement, css: &str) {
    let _ = element.set_attribute("style", css);
}

impl Part for Time {
    fn show(&mut self, frame: &Frame<'_>) {
        let app = frame.app;
        let Some(timeline) = &app.timeline else { return };
        let size = self.size(app);
        let room = (size.width, size.heights().addresses / ROW);
        if app.time.room() != room {
            self.queue.send(Msg::Time(TimeMsg::Room(room.0, room.1)));
        }
        if size.width == 0 || size.height == 0 {
            return;
        }
        self.draw(app, timeline, size);
        self.overlay(app, timeline, size);
    }
}
