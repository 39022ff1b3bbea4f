//! The picture of the whole trace: a canvas, and what stands around it.

use super::elements::{Listener, append, by_id, make, replace_children};
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
use js_sys::{Uint8ClampedArray, Uint32Array};
use pagescope_shared::page::PageState;
use pagescope_shared::timeline::Timeline;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{
    CanvasRenderingContext2d, Document, Element, Event, HtmlCanvasElement, HtmlElement, ImageData,
    MouseEvent, PointerEvent, WheelEvent,
};

/// A row of the picture is so many pixels of the page high.
const ROW: usize = 2;

/// Its elements, and what they show.
pub(super) struct Time {
    document: Document,
    caption: HtmlElement,
    paces: [(Pace, HtmlElement); 3],
    whole: HtmlElement,
    axis: HtmlElement,
    lanes: HtmlElement,
    plot: HtmlElement,
    scales: HtmlElement,
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    breaks: HtmlElement,
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
    /// What the canvas shows: version of the picture, what part of it, on which pixels.
    drawn: Option<(u64, (f64, f64), Size, Option<String>, usize)>,
    words: Words,
    /// What lies over the canvas: of which state.
    over_shown: Option<(u64, u64, Size)>,
    _listeners: Vec<Listener>,
}

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
            caption: find("time-caption")?,
            paces: [
                (Pace::Wall, find("time-wall")?),
                (Pace::Idle, find("time-idle")?),
                (Pace::Events, find("time-events")?),
            ],
            whole: find("time-whole")?,
            lanes: find("time-lanes")?,
            scales: find("time-scales")?,
            breaks: find("time-breaks")?,
            over: find("time-over")?,
            brush: find("time-brush")?,
            repeat: find("time-repeat")?,
            cursor: find("time-cursor")?,
            head: find("time-head")?,
            head_on_axis: find("time-head-axis")?,
            tip: find("time-tip")?,
            _listeners: listen(document, queue, &plot, &axis)?,
            axis,
            plot,
            canvas,
            context,
            queue: queue.clone(),
            pixels: Vec::new(),
            look: None,
            theme: None,
            drawn: None,
            words: Words::default(),
            over_shown: None,
        })
    }

    fn size(&self, app: &App) -> Size {
        let n = |n: i32| usize::try_from(n).unwrap_or(0);
        let ratio = window().map_or(1.0, |w| w.device_pixel_ratio()).clamp(0.5, 4.0);
        let (width, height) = (n(self.plot.client_width()), n(self.plot.client_height()));
        Size { width, height, ratio, large: app.stage == StageView::Time }
    }

    /// The colours stand in the style sheet, once for both themes.
    fn read_look(&mut self) {
        let Some(root) = self.document.document_element() else { return };
        let theme = root.get_attribute("data-theme");
        if self.look.is_some() && theme == self.theme {
            return;
        }
        let Some(style) = window().ok().and_then(|w| w.get_computed_style(&root).ok().flatten()) else {
            return;
        };
        let colour = |name: &str| -> Rgba {
            let text = style.get_property_value(name).unwrap_or_default();
            parse_colour(&text).unwrap_or([0.5, 0.5, 0.5, 1.0])
        };
        self.look = Some(Look {
            paper: colour("--paper"),
            ink: colour("--ink"),
            alarm: colour("--alarm"),
            states: PageState::ALL.map(|state| colour(&format!("--state-{}", Fill::from(state).name()))),
        });
        self.theme = theme;
    }

    fn draw(&mut self, app: &App, timeline: &Timeline, size: Size) {
        self.read_look();
        let series = timeline.series().samples();
        // While a trace is gone through, not every step of it is drawn.
        let explored = timeline.explored().saturating_mul(40) / timeline.end().max(1);
        let now = (app.time.version, app.time.shown(), size, self.theme.clone(), explored);
        if self.drawn.as_ref() == Some(&now) {
            return;
        }
        let Some(look) = &self.look else { return };
        let columns = Columns::new(&app.time, series, timeline.header().page_size.bytes());
        let (width, heights) = (size.device(size.width).max(1), size.device_heights());
        paint(&app.time, &columns, look, width, heights, &mut self.pixels);
        let sizes = (u32::try_from(width).unwrap_or(1), u32::try_from(heights.sum()).unwrap_or(1));
        if sizes.1 == 0 {
            return;
        }
        if (self.canvas.width(), self.canvas.height()) != sizes {
            self.canvas.set_width(sizes.0);
            self.canvas.set_height(sizes.1);
        }
        let _ = self.canvas.set_attribute("data-addresses", &size.heights().addresses.to_string());
        let bytes = Uint8ClampedArray::new(&Uint32Array::from(self.pixels.as_slice()).buffer());
        let image = ImageData::new_with_js_u8_clamped_array_and_sh(&bytes, sizes.0, sizes.1);
        if let Ok(image) = image {
            let _ = self.context.put_image_data(&image, 0.0, 0.0);
        }
        let room = if size.large { 90 } else { 110 };
        let words = words(&app.time, timeline, &columns, size.width / room);
        if words != self.words || self.drawn.as_ref().is_none_or(|drawn| drawn.2 != size) {
            self.show_words(&words, size);
            self.words = words;
        }
        self.drawn = Some(now);
    }

    fn show_words(&self, words: &Words, size: Size) {
        let d = &self.document;
        let set = |element: &HtmlElement, text: &str| {
            if element.text_content().as_deref() != Some(text) {
                element.set_text_content(Some(text));
            }
        };
        set(&self.caption, &words.caption);
        let _ = self.canvas.set_attribute("aria-label", &format!("Address over time. {}", words.caption));
        let place = |element: &Element, style: String| element.set_attribute("style", &style).ok();
        let at = |class: &str, part: f64, text: &str| {
            let element = make(d, "span", class, text)?;
            place(&element, format!("left:{:.3}%", part * 100.0))?;
            Some(element)
        };
        let ticks = words.ticks.iter().map(|tick| at("tick", tick.part, &tick.text));
        let cuts = words.cut_labels.iter().map(|cut| at("cut", cut.part, &cut.text));
        let breaks = words.cuts.iter().map(|(from, to)| {
            let element = make(d, "span", "", "")?;
            place(&element, format!("left:{:.3}%;width:{:.3}%", from * 100.0, (to - from) * 100.0))?;
            Some(element)
        });
        replace_children(&self.breaks, breaks);
        let _ = self.axis.class_list().toggle_with_force("with-flags", !words.flags.is_empty());
        let flags = words.flags.iter().map(|flag| {
            let button = make(d, "button", if flag.marker { "flag marker" } else { "flag" }, "")?;
            button.set_attribute("type", "button").ok()?;
            button.set_attribute("title", &flag.title).ok()?;
            button.set_attribute("aria-label", &flag.title).ok()?;
            button.set_attribute("data-position", &flag.position.to_string()).ok()?;
            place(&button, format!("left:{:.3}%", flag.part * 100.0))?;
            Some(button)
        });
        let head: Element = self.head_on_axis.clone().into();
        replace_children(&self.axis, ticks.chain(cuts).chain(flags).chain([Some(head)]));
        let heights = size.heights();
        let whole = float(u64::try_from(heights.addresses).unwrap_or(0));
        let lanes = words.lanes.iter().map(|lane| {
            let (top, height) = (lane.top * whole, lane.height * whole);
            let element = make(d, "span", "lane", "")?;
            let pid = lane.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
            let show = if lane.pid.is_some() { ": click to show it, again to follow the events" } else { "" };
            element.set_attribute("title", &format!("{}{pid}{show}", lane.text)).ok()?;
            if let Some(pid) = lane.pid {
                element.set_attribute("data-pid", &pid.to_string()).ok()?;
            }
            place(&element, format!("top:{top:.1}px;height:{height:.1}px"))?;
            let mut taken: Vec<f64> = Vec::new();
            if height >= 11.0 {
                append(&element, make(d, "b", "", &lane.text))?;
                taken.push(top + 6.0);
            }
            if let Some(pid) = lane.pid.filter(|_| height >= 27.0) {
                append(&element, make(d, "em", "", &pid.to_string()))?;
                taken.push(top + 19.0);
            }
            for part in lane.parts.iter().filter(|_| size.large) {
                let y = part.part * whole;
                let inside = y - 6.0 > top && y + 6.0 < top + height;
                if inside && taken.iter().all(|other| (other - y).abs() >= 13.5) {
                    let label = make(d, "i", "", &part.text)?;
                    place(&label, format!("top:{:.1}px", y - top))?;
                    append(&element, Some(label))?;
                    taken.push(y);
                }
            }
            Some(element)
        });
        let memory_top = heights.addresses + heights.gap;
        let memory = make(d, "span", "axis-of", "").and_then(|element| {
            place(&element, format!("top:{memory_top}px;height:{}px", heights.memory))?;
            append(&element, make(d, "b", "", "resident"))?;
            append(&element, make(d, "i", "", &words.resident))?;
            Some(element)
        });
        let faults_top = memory_top + heights.memory + heights.gap;
        let faults = || {
            let element = make(d, "span", "axis-of", "").filter(|_| heights.faults > 0)?;
            place(&element, format!("top:{faults_top}px;height:{}px", heights.faults))?;
            Some(element)
        };
        let faults_name = faults().and_then(|element| {
            append(&element, make(d, "b", "", "faults"))?;
            Some(element)
        });
        replace_children(&self.lanes, lanes.chain([memory, faults_name]));
        let mapped = make(d, "span", "axis-of", "").and_then(|element| {
            place(&element, format!("top:{memory_top}px;height:{}px", heights.memory))?;
            append(&element, make(d, "i", "", &words.mapped))?;
            append(&element, make(d, "b", "", "mapped"))?;
            Some(element)
        });
        let most = faults().and_then(|element| {
            append(&element, make(d, "i", "", &words.faults))?;
            Some(element)
        });
        replace_children(&self.scales, [mapped, most]);
    }

    /// What moves over the canvas without a new picture.
    fn overlay(&mut self, app: &App, timeline: &Timeline, size: Size) {
        let now = (app.revision, app.time.version, size);
        if self.over_shown == Some(now) {
            return;
        }
        self.over_shown = Some(now);
        let time = &app.time;
        let width = float(u64::try_from(size.width).unwrap_or(0));
        let inside = |part: f64| (-0.0001..=1.0001).contains(&part);
        let here = time.part(time.here(timeline));
        for head in [&self.head, &self.head_on_axis] {
            head.set_hidden(!inside(here));
            style(head, &format!("transform:translateX({:.2}px)", here * width));
        }
        let span = |element: &HtmlElement, part: Option<(f64, f64)>| {
            element.set_hidden(part.is_none());
            if let Some((a, b)) = part {
                let (a, b) = (a.min(b).clamp(0.0, 1.0), a.max(b).clamp(0.0, 1.0));
                style(element, &format!("left:{:.3}%;width:{:.3}%", a * 100.0, (b - a) * 100.0));
            }
        };
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
        let heights = size.heights();
        let rows = float(u64::try_from(time.fold.rows).unwrap_or(0)).max(1.0);
        let row_height = float(u64::try_from(heights.addresses).unwrap_or(0)) / rows;
        let line = app.hover.filter(|_| time.pointer.is_none()).map(|addr| {
            let lanes = time.fold.lanes.iter();
            lanes.filter_map(move |lane| lane.row_of(addr)).map(|row| (row, row)).collect::<Vec<_>>()
        });
        let band = app
            .selection
            .map(|range| time.fold.lanes.iter().filter_map(|lane| lane.rows_of(range)).collect::<Vec<_>>());
        let bar = |class: &'static str| {
            let d = self.document.clone();
            move |(top, low): (usize, usize)| {
                let n = |n: usize| float(u64::try_from(n).unwrap_or(0)) * row_height;
                let element = make(&d, "span", class, "")?;
                let css = format!("top:{:.1}px;height:{:.1}px", n(top), n(low + 1 - top).max(2.0));
                element.set_attribute("style", &css).ok()?;
                Some(element)
            }
        };
        let bands = band.unwrap_or_default().into_iter().take(100).map(bar("band"));
        let lines = line.unwrap_or_default().into_iter().take(100).map(bar("hovered"));
        replace_children(&self.over, bands.chain(lines));
        self.show_tip(app, timeline, size);
        let chosen = app.process.map(|pid| pid.to_string());
        let lanes = self.lanes.children();
        for lane in (0..lanes.length()).filter_map(|i| lanes.item(i)) {
            let on = chosen.is_some() && lane.get_attribute("data-pid") == chosen;
            let _ = lane.class_list().toggle_with_force("chosen", on);
        }
        for (pace, button) in &self.paces {
            let _ = button.set_attribute("aria-pressed", if *pace == time.pace { "true" } else { "false" });
        }
        let _ = self.whole.toggle_attribute_with_force("disabled", time.window.is_none());
    }

    fn show_tip(&self, app: &App, timeline: &Timeline, size: Size) {
        let lines = tip(&app.time, timeline).filter(|_| app.time.drag.is_none());
        self.tip.set_hidden(lines.is_none());
        let (Some(lines), Some((x, y))) = (lines, app.time.pointer) else { return };
        replace_children(&self.tip, lines.iter().map(|line| make(&self.document, "span", "", line)));
        let (width, height) =
            (float(size.width.try_into().unwrap_or(0)), float(size.height.try_into().unwrap_or(0)));
        let across = if x > 0.6 {
            format!("right:{:.0}px", (1.0 - x) * width + 14.0)
        } else {
            format!("left:{:.0}px", x * width + 14.0)
        };
        let down = if size.large {
            let addresses = float(size.heights().addresses.try_into().unwrap_or(0));
            let y = (y * addresses).min(height);
            if y > height * 0.6 {
                format!("bottom:{:.0}px", height - y + 10.0)
            } else {
                format!("top:{:.0}px", y + 14.0)
            }
        } else {
            "bottom:calc(100% + 6px)".to_owned()
        };
        style(&self.tip, &format!("{across};{down}"));
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

/// Where a pointer is in the plot: parts of its width and of the height of its addresses.
fn place(plot: &HtmlElement, event: &MouseEvent) -> (f64, f64) {
    let rect = plot.get_bounding_client_rect();
    let x = (f64::from(event.client_x()) - rect.left()) / rect.width().max(1.0);
    (x.clamp(0.0, 1.0), f64::from(event.client_y()) - rect.top())
}

/// What a press has begun.
#[derive(Clone, Copy, PartialEq)]
enum Press {
    /// Nothing.
    No,
    /// To choose a part, from here; once it has moved.
    Brush(f64, bool),
    /// To move what is shown; the pointer was here.
    Pan(f64),
    /// To go to moments.
    Scrub,
}

fn listen(
    document: &Document,
    queue: &Queue,
    plot: &HtmlElement,
    axis: &HtmlElement,
) -> Result<Vec<Listener>, String> {
    let canvas: HtmlCanvasElement = by_id(document, "time-canvas")?;
    let press = Rc::new(Cell::new(Press::No));
    let send = |queue: &Queue, msg: TimeMsg| queue.send(Msg::Time(msg));
    let on = |target: &HtmlElement, name: &'static str, call: Box<dyn Fn(&PointerEvent, (f64, f64))>| {
        let (plot, target_) = (plot.clone(), target.clone());
        Listener::new(target, name, move |event: Event| {
            if let Some(event) = event.dyn_ref::<PointerEvent>() {
                if name == "pointerdown" {
                    let _ = target_.set_pointer_capture(event.pointer_id());
                }
                call(event, place(&plot, event));
            }
        })
    };
    let mut all = Vec::new();
    all.push(on(plot, "pointerdown", {
        let press = Rc::clone(&press);
        Box::new(move |event, (x, _)| {
            event.prevent_default();
            let pans = event.button() == 1 || event.shift_key();
            press.set(if pans { Press::Pan(x) } else { Press::Brush(x, false) });
        })
    }));
    all.push(on(axis, "pointerdown", {
        let (press, queue) = (Rc::clone(&press), queue.clone());
        Box::new(move |event, (x, _)| {
            let flag = event.target().and_then(|t| t.dyn_into::<Element>().ok());
            let position = flag.and_then(|f| f.get_attribute("data-position")).and_then(|p| p.parse().ok());
            match position {
                Some(position) => queue.send(Msg::Seek(position)),
                None => {
                    press.set(Press::Scrub);
                    send(&queue, TimeMsg::Seek(x));
                }
            }
        })
    }));
    let lanes: HtmlElement = by_id(document, "time-lanes")?;
    all.push(Listener::new(&lanes, "click", {
        let queue = queue.clone();
        move |event| {
            let target = event.target().and_then(|t| t.dyn_into::<Element>().ok());
            let lane = target.and_then(|t| t.closest("[data-pid]").ok().flatten());
            let Some(lane) = lane else { return };
            let pid = lane.get_attribute("data-pid").and_then(|pid| pid.parse().ok());
            queue.send(Msg::Process(pid.filter(|_| !lane.class_list().contains("chosen"))));
        }
    }));
    for target in [plot, axis] {
        all.push(on(target, "pointermove", {
            let (press, queue, canvas, on_plot) =
                (Rc::clone(&press), queue.clone(), canvas.clone(), target == plot);
            Box::new(move |_, (x, y)| match press.get() {
                Press::Scrub => send(&queue, TimeMsg::Seek(x)),
                Press::Pan(from) => {
                    press.set(Press::Pan(x));
                    send(&queue, TimeMsg::Pan(from - x));
                }
                Press::Brush(from, moved) => {
                    let width = f64::from(canvas.client_width()).max(1.0);
                    if moved || (x - from).abs() * width > 4.0 {
                        press.set(Press::Brush(from, true));
                        send(&queue, TimeMsg::Drag(Some((from, x))));
                    }
                }
                Press::No => {
                    // The rest of the plot is not about addresses.
                    let addresses = addresses_height(&canvas);
                    let down = if on_plot { y / addresses.max(1.0) } else { 2.0 };
                    send(&queue, TimeMsg::Point(Some((x, down))));
                }
            })
        }));
        all.push(on(target, "pointerup", {
            let (press, queue) = (Rc::clone(&press), queue.clone());
            Box::new(move |_, (x, _)| match press.replace(Press::No) {
                Press::Brush(_, true) => send(&queue, TimeMsg::Drop),
                Press::Brush(_, false) => send(&queue, TimeMsg::Click(x)),
                _ => {}
            })
        }));
        all.push(on(target, "pointercancel", {
            let (press, queue) = (Rc::clone(&press), queue.clone());
            Box::new(move |_, _| {
                press.set(Press::No);
                send(&queue, TimeMsg::Drag(None));
            })
        }));
        all.push(on(target, "pointerleave", {
            let queue = queue.clone();
            Box::new(move |_, _| send(&queue, TimeMsg::Point(None)))
        }));
        all.push(Listener::new(target, "wheel", {
            let (queue, plot) = (queue.clone(), plot.clone());
            move |event: Event| {
                let Some(event) = event.dyn_ref::<WheelEvent>() else { return };
                event.prevent_default();
                // Lines and pages are about so many pixels.
                let unit = [1.0, 16.0, 400.0].get(usize::try_from(event.delta_mode()).unwrap_or(0)).copied();
                let (dx, dy) = (event.delta_x() * unit.unwrap_or(1.0), event.delta_y() * unit.unwrap_or(1.0));
                let sideways = event.shift_key() || dx.abs() > dy.abs();
                if sideways {
                    let width = f64::from(plot.client_width()).max(1.0);
                    send(&queue, TimeMsg::Pan(if dx.abs() > dy.abs() { dx } else { dy } / width));
                } else {
                    send(
                        &queue,
                        TimeMsg::Zoom {
                            at: place(&plot, event).0,
                            factor: (dy * 0.0025).clamp(-1.0, 1.0).exp(),
                        },
                    );
                }
            }
        }));
        all.push(Listener::new(target, "dblclick", {
            let queue = queue.clone();
            move |_| send(&queue, TimeMsg::Whole)
        }));
    }
    Ok(all)
}

/// The height of the addresses in the plot, in pixels of the page.
fn addresses_height(canvas: &HtmlCanvasElement) -> f64 {
    canvas.get_attribute("data-addresses").and_then(|h| h.parse().ok()).unwrap_or(1.0)
}
