//! The picture as boxes and labels: what a renderer draws, and what a test can read.

use crate::layout::{BYTES_A_ROW, PageLayout, Rect, TILES, page_layout, small};
use crate::pages::grid::Grid;
use crate::palette::Fill;
use crate::view::PageStage;
use pagescope_shared::page::{Page, Provenance};
use std::rc::Rc;

/// A box with a fill that passes from one to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quad {
    /// Where, in CSS pixels.
    pub rect: Rect,
    /// What it was.
    pub from: Fill,
    /// What it becomes.
    pub to: Fill,
    /// How far it has come, 0 to 1.
    pub mix: f32,
    /// How opaque, 0 to 1.
    pub alpha: f32,
    /// Corner radius in CSS pixels.
    pub radius: f32,
    /// Drawn thinner: the model worked it out, nobody has seen it.
    pub inferred: bool,
}

/// A piece of text over the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Its box, in CSS pixels; the class aligns the text in it.
    pub rect: Rect,
    /// A class of `style/stage.css`.
    pub class: &'static str,
    /// The text.
    pub text: String,
    /// So many characters at its start are dimmed: they say nothing new.
    pub dim: usize,
}

/// Many pages, as cells of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    /// What is in them.
    pub grid: Rc<Grid>,
    /// Which one: another number is another grid.
    pub id: u64,
    /// Where its rows are.
    pub bands: Vec<Band>,
    /// How wide a cell is, in CSS pixels.
    pub width: f32,
    /// How high a cell is.
    pub height: f32,
    /// How far the latest change has come, 0 to 1.
    pub progress: f32,
    /// Cells in which nothing is mapped have a dot.
    pub dots: bool,
    /// How opaque they are, 0 to 1: two pictures on top of each other are 1 together.
    pub share: f32,
}

/// Rows of cells that stand together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Left edge, in CSS pixels.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width of all columns.
    pub width: f32,
    /// How many rows.
    pub rows: u32,
    /// The first one's number in the grid.
    pub first_row: u32,
}

/// A picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// Behind everything: what fades into `cells`.
    pub leaving: Option<Cells>,
    /// Behind the boxes.
    pub cells: Option<Cells>,
    /// From back to front.
    pub quads: Vec<Quad>,
    /// Above the boxes.
    pub labels: Vec<Label>,
    /// The cell of the page that is spoken of, for hit tests.
    pub page_cell: Option<Rect>,
}

impl Scene {
    pub(crate) fn plain(&mut self, rect: Rect, fill: Fill, alpha: f32, radius: f32) {
        self.quads.push(Quad { rect, from: fill, to: fill, mix: 1.0, alpha, radius, inferred: false });
    }

    fn label(&mut self, rect: Rect, class: &'static str, text: impl Into<String>) {
        self.labels.push(Label { rect, class, text: text.into(), dim: 0 });
    }
}

/// The scene of one page on `width` x `height` CSS pixels, `progress` (0 to 1) into its change.
pub fn page_scene(page: &PageStage, width: f32, height: f32, progress: f32) -> Scene {
    let mut scene = Scene::default();
    draw_page(&mut scene, page, page_layout(width, height), width, progress);
    scene
}

fn fill_of(page: Option<Page>) -> Fill {
    page.map_or(Fill::Unmapped, |p| p.state.into())
}

fn draw_page(scene: &mut Scene, stage: &PageStage, at: PageLayout, width: f32, progress: f32) {
    let resident = |page: Option<Page>| page.is_some_and(|p| p.state.is_resident());
    scene.page_cell = Some(at.page);
    scene.quads.push(Quad {
        rect: at.page,
        from: fill_of(stage.before),
        to: fill_of(stage.page),
        mix: progress,
        alpha: 1.0,
        radius: 8.0,
        inferred: stage.page.is_some_and(|p| p.provenance == Provenance::Inferred),
    });
    let caption = |rect: Rect| Rect { y: 0.0, h: rect.y, ..rect };
    let kind = if at.narrow { "" } else { "virtual " };
    scene.label(caption(at.page), "caption", format!("{kind}page {:#x}", stage.number));
    let state = match stage.page {
        Some(page) if at.narrow => page.state.label().to_owned(),
        Some(page) => format!("{} · {}", page.state.label(), page.provenance.label()),
        None => "not mapped".to_owned(),
    };
    scene.label(caption(at.page), "caption right", state);
    if stage.page.is_none() {
        let text =
            if stage.before.is_some() || stage.asked.is_some() { "no longer mapped" } else { "not mapped" };
        scene.label(at.page, "none", text);
    }
    byte_marks(scene, stage, at.page, progress);
    asked_bars(scene, stage, at, width);
    frame(scene, stage, at, width, progress, (resident(stage.before), resident(stage.page)));
}

/// Larger pages have no dot a byte.
const MAX_DOTTED: u64 = 1 << 14;

/// Every byte of the page a dot; those that were recorded are bright.
fn byte_marks(scene: &mut Scene, stage: &PageStage, page: Rect, progress: f32) {
    let rows = stage.bytes.div_ceil(BYTES_A_ROW).max(1);
    let (dx, dy) = ((page.w - 12.0) / small(BYTES_A_ROW), (page.h - 12.0) / small(rows.min(512)));
    let dot = |offset: u64, scale: f32| Rect {
        x: page.x + 6.0 + small(offset % BYTES_A_ROW) * dx + dx * (1.0 - scale) / 2.0,
        y: page.y + 6.0 + small(offset / BYTES_A_ROW) * dy + dy * (1.0 - scale) / 2.0,
        w: dx * scale,
        h: dy * scale,
    };
    // A huge page's bytes are finer than a pixel: then only the recorded ones are marked.
    if stage.bytes <= MAX_DOTTED && stage.page.is_some() {
        for offset in 0..stage.bytes {
            scene.plain(dot(offset, 0.34), Fill::Faint, 0.5, 0.0);
        }
    }
    let fresh = stage.touched.unwrap_or((0, 0));
    for (first, bytes) in &stage.recorded {
        for (offset, _) in (*first..).zip(bytes).take(4096) {
            let is_fresh = (fresh.0..fresh.0.saturating_add(fresh.1)).contains(&offset);
            let alpha = if is_fresh { progress } else { 1.0 };
            scene.plain(dot(offset, 0.86), Fill::Paper, alpha, 1.0);
        }
    }
}

/// What the call asked for, and what the kernel did: side by side, to scale.
fn asked_bars(scene: &mut Scene, stage: &PageStage, at: PageLayout, width: f32) {
    let Some((asked, done, verb)) = stage.asked else {
        let x = at.asked.x + 4.0;
        let note = Rect { x, w: (width - x).max(40.0), ..at.asked };
        if stage.page.is_some() && stage.bytes <= MAX_DOTTED {
            scene.label(note, "note", format!("{} bytes, a dot each", crate::format::grouped(stage.bytes)));
        }
        return;
    };
    let part = |bytes: u64| {
        small(bytes.min(stage.bytes).saturating_mul(4096) / stage.bytes.max(1)) / 4096.0 * at.asked.h
    };
    let first = Rect { h: part(asked).max(2.0), ..at.asked };
    let second = Rect { x: at.asked.x + 12.0, h: part(done).max(2.0), ..at.asked };
    scene.plain(first, Fill::Accent, 1.0, 3.0);
    if asked < done {
        scene.plain(Rect { h: first.h, ..at.page }, Fill::Accent, 0.16, 6.0);
    }
    scene.plain(second, Fill::Ink, 1.0, 3.0);
    let x = second.right() + 10.0;
    let text = |y: f32, h: f32| Rect { x, y, w: (width - x).max(40.0), h };
    let line = (at.asked.h * 0.26).clamp(26.0, 80.0);
    scene.label(
        text(at.asked.y, line),
        "asked",
        format!("asked {}", crate::format::count(asked, "byte", "bytes")),
    );
    let y = at.asked.bottom() - line;
    scene.label(text(y, line), "done", format!("{verb} {}", crate::format::count(done, "byte", "bytes")));
}

/// The page-table entry and the frame behind it, with the bytes in it.
fn frame(
    scene: &mut Scene,
    stage: &PageStage,
    at: PageLayout,
    width: f32,
    progress: f32,
    (was, is): (bool, bool),
) {
    let shown = match (was, is) {
        (false, true) => progress,
        (true, false) => 1.0 - progress,
        (_, is) => f32::from(u8::from(is)),
    };
    let link = at.link;
    for i in 0..5u16 {
        let h = link.h / 9.0;
        let dash = Rect { y: link.y + f32::from(i) * 2.0 * h, h, ..link };
        scene.plain(dash, Fill::Faint, if stage.page.is_some() { 1.0 - shown } else { 0.0 }, 1.0);
    }
    scene.plain(Rect { h: link.h * shown, ..link }, Fill::Ink, shown.min(1.0), 1.0);
    let x = link.x + 14.0;
    let mid = Rect { x, y: link.y, w: (width - x).max(10.0), h: link.h };
    let unknown = stage.page.is_some_and(|p| p.state == pagescope_shared::page::PageState::Unknown);
    let entry = match (stage.page.is_some(), is) {
        (true, true) => "page-table entry: present",
        (true, false) if unknown => "page-table entry: not recorded",
        (true, false) => "no page-table entry yet",
        (false, _) => "",
    };
    scene.label(mid, "entry", entry);
    let caption = Rect { x: at.frame.x, y: at.link.y, w: at.link.x - at.frame.x - 14.0, h: link.h };
    let name = match (stage.page.and_then(|p| p.frame), is) {
        (Some(frame), true) if at.narrow => format!("frame {frame}"),
        (Some(frame), true) => format!("physical frame {frame}"),
        (None, true) if at.narrow => "a frame".to_owned(),
        (None, true) => "a physical frame".to_owned(),
        (_, false) => "physical memory".to_owned(),
    };
    scene.label(caption, "caption low", name);
    if is && !at.narrow && stage.page.is_some_and(|p| p.frame.is_none()) {
        let beyond = Rect { x, w: at.frame.right() - x, ..caption };
        scene.label(beyond, "caption right", "number not recorded");
    }
    let fill = |page: Option<Page>, on: bool| if on { fill_of(page) } else { Fill::Unmapped };
    scene.quads.push(Quad {
        rect: at.frame,
        from: fill(stage.before, was),
        to: fill(stage.page, is),
        mix: progress,
        alpha: 1.0,
        radius: 8.0,
        inferred: stage.page.is_some_and(|p| p.provenance == Provenance::Inferred),
    });
    if !is {
        let text = match (stage.page.is_some(), was) {
            (true, _) if unknown => "what stands behind this page was not recorded",
            (true, _) => "no frame: the page costs no memory yet",
            (false, true) => "the frame is no longer this process's",
            (false, false) => "nothing",
        };
        scene.label(at.frame, "none", text);
        return;
    }
    tiles(scene, stage, at, width, progress);
}

/// The first recorded bytes, as characters and in hexadecimal.
fn tiles(scene: &mut Scene, stage: &PageStage, at: PageLayout, width: f32, progress: f32) {
    let Some((_, bytes)) = stage.recorded.first() else { return };
    let alpha = if stage.touched.is_some() { progress } else { 1.0 };
    let x = at.frame.right() + 16.0;
    let shown = bytes.len().min(16);
    let text =
        format!("{} recorded", crate::format::count(u64::try_from(shown).unwrap_or(0), "byte", "bytes"));
    scene.label(Rect { x, w: (width - x).max(40.0), ..at.frame }, "note", text);
    for (i, byte) in (0..TILES).zip(bytes) {
        let (column, row) = (small(i % at.tile_columns), small(i / at.tile_columns));
        let (x, y) = (at.tile.x + column * at.tile_step.0, at.tile.y + row * at.tile_step.1);
        let tile = Rect { x, y, ..at.tile };
        scene.plain(tile, Fill::Paper, alpha, 4.0);
        let glyph = match byte {
            0 => "\\0".to_owned(),
            b' ' => "␣".to_owned(),
            0x21..=0x7e => char::from(*byte).to_string(),
            _ => "·".to_owned(),
        };
        let class = if glyph.len() == 2 { "glyph narrow" } else { "glyph" };
        scene.label(Rect { h: tile.h * 0.62, ..tile }, class, glyph);
        let hex = Rect { y: tile.y + tile.h * 0.6, h: tile.h * 0.36, ..tile };
        scene.label(hex, "hex", format!("{byte:02x}"));
    }
}

#[cfg(test)]
mod tests;
