//! What stands around the picture: axes, lanes, flags.

use super::super::elements::{by_id, letters, make};
use super::Size;
use crate::time::scale::float;
use crate::time::words::{LaneLabel, Words};
use web_sys::{Document, Element, HtmlElement};

/// More breaks than this are drawn quietly, or there would be nothing else to see.
const MANY_BREAKS: usize = 40;

/// The elements around the picture.
pub(super) struct Around {
    document: Document,
    caption: HtmlElement,
    axis: HtmlElement,
    pub lanes: HtmlElement,
    scales: HtmlElement,
    breaks: HtmlElement,
}

/// Puts a new element last into `parent`.
pub(super) fn put(
    d: &Document,
    parent: &Element,
    tag: &str,
    class: &str,
    text: &str,
    css: &str,
) -> Option<Element> {
    let element = make(d, tag, class, text)?;
    if !css.is_empty() {
        element.set_attribute("style", css).ok()?;
    }
    parent.append_child(&element).ok()?;
    Some(element)
}

impl Around {
    pub(super) fn new(document: &Document, axis: HtmlElement) -> Result<Self, String> {
        Ok(Self {
            caption: by_id(document, "time-caption")?,
            axis,
            lanes: by_id(document, "time-lanes")?,
            scales: by_id(document, "time-scales")?,
            breaks: by_id(document, "time-breaks")?,
            document: document.clone(),
        })
    }

    fn put(&self, parent: &Element, tag: &str, class: &str, text: &str, css: &str) -> Option<Element> {
        put(&self.document, parent, tag, class, text, css)
    }

    pub(super) fn show(&self, words: &Words, size: Size, head: &HtmlElement) {
        self.caption.set_text_content(Some(&words.caption));
        self.breaks.set_text_content(None);
        let many = words.cuts.len() > MANY_BREAKS;
        let _ = self.breaks.class_list().toggle_with_force("many", many);
        for (from, to) in &words.cuts {
            let css = format!("{};width:{:.3}%", left(*from), (to - from) * 100.0);
            self.put(&self.breaks, "span", "", "", &css);
        }
        self.axis.set_text_content(None);
        let _ = self.axis.class_list().toggle_with_force("with-flags", !words.flags.is_empty());
        for (class, texts) in [("tick", &words.ticks), ("cut", &words.cut_labels)] {
            for at in texts {
                self.put(&self.axis, "span", class, &at.text, &left(at.part));
            }
        }
        for flag in &words.flags {
            let class = if flag.marker { "flag marker" } else { "flag" };
            let Some(button) = self.put(&self.axis, "button", class, "", &left(flag.part)) else { continue };
            let position = flag.position.to_string();
            for (name, value) in [
                ("type", "button"),
                ("title", &flag.title),
                ("aria-label", &flag.title),
                ("data-position", &position),
            ] {
                let _ = button.set_attribute(name, value);
            }
        }
        let _ = self.axis.append_child(head);
        let heights = size.heights();
        self.lanes.set_text_content(None);
        self.scales.set_text_content(None);
        let em = letters(&self.lanes).map_or(12.0, f64::from);
        let whole = float(u64::try_from(heights.addresses).unwrap_or(0));
        for lane in &words.lanes {
            self.lane(lane, whole, em, size.large);
        }
        let memory = heights.addresses + heights.gap;
        let faults = memory + heights.memory + heights.gap;
        for (top, height, name, resident, mapped) in [
            (memory, heights.memory, ["resident", "mapped"], words.resident.as_str(), words.mapped.as_str()),
            (faults, heights.faults, ["faults", ""], "", words.faults.as_str()),
        ] {
            if height == 0 {
                continue;
            }
            let css = format!("top:{top}px;height:{height}px");
            for (side, text, name) in [(&self.lanes, resident, name[0]), (&self.scales, mapped, name[1])] {
                if let Some(axis) = self.put(side, "span", "axis-of", "", &css) {
                    self.put(&axis, "i", "", text, "");
                    self.put(&axis, "b", "", name, "");
                }
            }
        }
    }

    fn lane(&self, lane: &LaneLabel, whole: f64, em: f64, large: bool) {
        let (top, height) = (lane.top * whole, lane.height * whole);
        let css = format!("top:{top:.1}px;height:{height:.1}px");
        let Some(element) = self.put(&self.lanes, "span", "lane", "", &css) else { return };
        let mut title = lane.text.clone();
        if let Some(pid) = lane.pid.map(|pid| pid.to_string()) {
            title = format!("{title}, process {pid}: click to show it, again to follow the events");
            let _ = element.set_attribute("data-pid", &pid);
        }
        let _ = element.set_attribute("title", &title);
        let line = em * 1.15;
        let mut taken: Vec<f64> = Vec::new();
        if height >= line * 0.8 {
            self.put(&element, "b", "", &lane.text, "");
            taken.push(top + line * 0.5);
        }
        if let Some(pid) = lane.pid.filter(|_| height >= line * 2.0) {
            self.put(&element, "em", "", &pid.to_string(), "");
            taken.push(top + line * 1.5);
        }
        for part in lane.parts.iter().filter(|_| large) {
            let y = part.part * whole;
            let inside = y - line * 0.5 > top && y + line * 0.5 < top + height;
            if inside && taken.iter().all(|other| (other - y).abs() >= line) {
                self.put(&element, "i", "", &part.text, &format!("top:{:.1}px", y - top));
                taken.push(y);
            }
        }
    }
}

fn left(part: f64) -> String {
    format!("left:{:.3}%", part * 100.0)
}
