//! Where everything of the walk stands, in CSS pixels: shapes that the page makes into SVG as they are.
//!
//! Above, a column for each level: its bits of the address, its table, the entry that is taken; in the last column the frame.
//! Below, the pages around the address, the frames behind them, and another process's pages on the same frames.

use super::{Entry, FrameBox, Level, Strip, WalkView};
use crate::format::{grouped, size};
use crate::layout::{Rect, small};
use crate::palette::Fill;
use pagescope_shared::addr::Addr;
use pagescope_shared::page::{Page, PageState, Provenance};

/// A shape; classes are those of `style/walk.css`.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A box.
    Box(Rect, String),
    /// A line through these points.
    Line(Vec<(f32, f32)>, &'static str),
    /// A text at this point of its baseline.
    Text((f32, f32), &'static str, String),
    /// Where a click goes to this address, and what is said of it.
    Hit(Rect, Addr, String),
}

/// A picture, from back to front, and the height that it takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Its shapes.
    pub shapes: Vec<Shape>,
    /// In CSS pixels.
    pub height: f32,
}

/// A click on a table goes to one of so many stretches of its entries.
const STRETCHES: u64 = 64;

/// Lays out a walk on `width` x `height`, with letters of `em` pixels.
pub fn picture(view: &WalkView, width: f32, height: f32, em: f32) -> Picture {
    let mut picture = Picture { shapes: Vec::new(), height };
    if view.levels.is_empty() {
        return picture;
    }
    let joined = joined_height(view, em);
    let columns = Columns::new(view, width, em);
    let fields = em * 4.9;
    let tables_top = fields + em * 1.1;
    let table_height = (height - tables_top - em * 2.2 - joined).max(em * 6.0);
    fields_of(&mut picture, view, &columns, em, fields);
    let tables = Rect { x: 0.0, y: tables_top, w: width, h: table_height };
    tables_of(&mut picture, view, &columns, em, tables);
    let top = tables.bottom() + em * 2.4;
    joined_of(&mut picture, view, Rect { x: 0.0, y: top, w: width, h: joined }, em);
    picture.height = (top + joined).max(height);
    picture
}

/// A column for each level, and one for the frame.
struct Columns {
    left: f32,
    width: f32,
    table: f32,
}

impl Columns {
    fn new(view: &WalkView, width: f32, em: f32) -> Self {
        let left = em * 4.0;
        let count = small(u64::try_from(view.levels.len()).unwrap_or(0)) + 1.0;
        let column = (width - left) / count;
        Self { left, width: column, table: (column * 0.34).clamp(em * 1.6, em * 5.0) }
    }
    fn x(&self, index: usize) -> f32 {
        self.left + self.width * small(u64::try_from(index).unwrap_or(0))
    }
}

fn fields_of(picture: &mut Picture, view: &WalkView, columns: &Columns, em: f32, height: f32) {
    let shapes = &mut picture.shapes;
    let (bits, _) = view.sign;
    for (line, text) in
        (0u16..).zip([format!("63–{}", 64 - bits), "repeat".to_owned(), format!("bit {}", 63 - bits)])
    {
        shapes.push(Shape::Text((0.0, em * (1.25 + 1.3 * f32::from(line))), "soft", text));
    }
    let gap = em * 0.5;
    let offset_bits = view.offset.0;
    let of_levels = view.levels.iter().map(|l| (l.name, l.bits, l.index, String::new()));
    let offset = ("offset", (offset_bits.saturating_sub(1), 0), view.offset.1, "byte ".to_owned());
    for (i, (name, (high, low), value, what)) in of_levels.chain([offset]).enumerate() {
        let x = columns.x(i);
        let field = Rect { x, y: 0.0, w: columns.width - gap, h: height };
        shapes.push(Shape::Box(field, "field".to_owned()));
        shapes.push(Shape::Text((x + em * 0.5, em * 1.25), "name", name.to_owned()));
        shapes.push(Shape::Text((field.right() - em * 0.5, em * 1.25), "soft end", format!("{high}–{low}")));
        shapes.push(Shape::Text((x + em * 0.5, em * 2.95), "index", format!("{what}{value}")));
        let width = usize::try_from(high - low + 1).unwrap_or(0);
        shapes.push(Shape::Text((x + em * 0.5, em * 4.3), "bits", format!("{value:0width$b}")));
    }
}

fn tables_of(picture: &mut Picture, view: &WalkView, columns: &Columns, em: f32, area: Rect) {
    let shapes = &mut picture.shapes;
    let mut from: Option<(f32, f32)> = None;
    for (i, level) in view.levels.iter().enumerate() {
        let table = Rect { x: columns.x(i), y: area.y, w: columns.table, h: area.h };
        let there = level.entry != Entry::NoTable;
        if let Some((x, y)) = from.take().filter(|_| there) {
            // An entry points to the beginning of a table.
            let turn = table.x - em * 0.7;
            shapes.push(Shape::Line(
                vec![(x, y), (turn, y), (turn, area.y + 1.0), (table.x, area.y + 1.0)],
                "path",
            ));
        }
        let class = if there { "table" } else { "table none" };
        shapes.push(Shape::Box(table, class.to_owned()));
        slots_of(shapes, level, table);
        let y = slot_y(level, table);
        if there {
            let mark = Rect { x: table.x - em * 0.25, y: y.0, w: table.w + em * 0.5, h: y.1 };
            shapes.push(Shape::Box(mark, "taken".to_owned()));
        }
        let middle = y.0 + y.1 / 2.0;
        let (words, goes_on) = match level.entry {
            Entry::Table => ("table", true),
            Entry::Huge(_) => ("huge page", true),
            // The state stands at the frame, too.
            Entry::Page(page) => {
                let (label, room) = (page.state.label(), columns.x(i + 1) - table.right() - em);
                let fits = small(u64::try_from(label.len()).unwrap_or(0)) * em * 0.6 < room;
                (if fits { label } else { "page" }, page.state.is_resident())
            }
            Entry::Empty => ("empty", false),
            Entry::Unknown => ("not recorded", false),
            Entry::NoTable => ("", false),
        };
        // Above the line where there is room, so that both can be read.
        let text_y = if middle - area.y > em * 1.6 { middle - em * 0.45 } else { middle + em * 1.15 };
        shapes.push(Shape::Text((table.right() + em * 0.6, text_y), "entry", words.to_owned()));
        let each = format!("{} each", size(level.entry_bytes));
        shapes.push(Shape::Text((table.x, area.bottom() + em * 1.2), "soft", each));
        if goes_on {
            from = Some((table.right() + em * 0.25, middle));
        }
        if !matches!(level.entry, Entry::Table) && i + 1 < view.levels.len() {
            // A huge page ends the walk early.
            let end = matches!(level.entry, Entry::Huge(_)).then_some(()).and(from.take());
            frame_of(shapes, view, columns, em, area, end);
            return tables_rest(shapes, view, columns, area, i + 1);
        }
    }
    frame_of(shapes, view, columns, em, area, from);
}

/// Tables that are not there.
fn tables_rest(shapes: &mut Vec<Shape>, view: &WalkView, columns: &Columns, area: Rect, first: usize) {
    let huge = view.levels.iter().any(|l| matches!(l.entry, Entry::Huge(_)));
    for i in first..view.levels.len() {
        if huge {
            continue;
        }
        let table = Rect { x: columns.x(i), y: area.y, w: columns.table, h: area.h };
        shapes.push(Shape::Box(table, "table none".to_owned()));
    }
}

fn slots_of(shapes: &mut Vec<Shape>, level: &Level, table: Rect) {
    for (runs, class) in [(&level.slots.mapped, "mapped"), (&level.slots.present, "present")] {
        for &(first, end) in runs {
            let y = table.y + share(first, level.entries) * table.h;
            let h = (share(end - first, level.entries) * table.h).max(1.0);
            shapes.push(Shape::Box(Rect { x: table.x, y, w: table.w, h }, class.to_owned()));
        }
    }
    let step = (level.entries / STRETCHES).max(1);
    for i in 0..level.entries / step {
        let first = i * step;
        let target = mapped_in(level, first, first + step);
        let Some(entry) = target else { continue };
        let y = table.y + share(first, level.entries) * table.h;
        let rect = Rect { x: table.x, y, w: table.w, h: share(step, level.entries) * table.h };
        let addr = Addr(level.base.0.wrapping_add(entry.wrapping_mul(level.entry_bytes)));
        let title = format!("entry {entry}: {} from {addr}", size(level.entry_bytes));
        shapes.push(Shape::Hit(rect, addr, title));
    }
}

/// The entry that a click on `first..end` goes to: the one that is taken, else the first with something under it.
fn mapped_in(level: &Level, first: u64, end: u64) -> Option<u64> {
    if (first..end).contains(&level.index) {
        return Some(level.index);
    }
    let runs = level.slots.present.iter().chain(&level.slots.mapped);
    runs.filter(|run| run.0 < end && first < run.1).map(|run| run.0.max(first)).next()
}

/// Where the entry that is taken begins in a table, and how high it is: at least as high as can be seen.
fn slot_y(level: &Level, table: Rect) -> (f32, f32) {
    let h = (table.h * share(1, level.entries)).max(3.0);
    let y = table.y + share(level.index, level.entries) * table.h;
    (y.min(table.bottom() - h), h)
}

fn frame_of(
    shapes: &mut Vec<Shape>,
    view: &WalkView,
    columns: &Columns,
    em: f32,
    area: Rect,
    from: Option<(f32, f32)>,
) {
    let x = columns.x(view.levels.len());
    let h = (area.h * 0.4).clamp(em * 3.0, em * 8.0);
    let middle = from.map_or(area.y + area.h * 0.5, |from| from.1);
    let y = (middle - h / 2.0).clamp(area.y + em * 1.6, (area.bottom() - h).max(area.y + em * 1.6));
    let rect = Rect { x, y, w: columns.width - em * 0.5, h };
    let resident = view.page.filter(|page| page.state.is_resident());
    let frame = resident.and_then(|page| page.frame);
    let unknown = view.page.is_some_and(|page| page.state == PageState::Unknown);
    let name = match (resident, frame) {
        (Some(_), Some(frame)) => format!("frame {frame}"),
        (Some(_), None) => "frame, no number".to_owned(),
        (None, _) if unknown => "frame unknown".to_owned(),
        (None, _) => "no frame".to_owned(),
    };
    shapes.push(Shape::Text((x, y - em * 0.5), "name", name));
    shapes.push(Shape::Box(
        rect,
        view.page.map_or_else(|| "cell none".to_owned(), |page| cell_class(Some(page))),
    ));
    if let Some((from_x, from_y)) = from {
        let turn = x - em * 0.7;
        let to = rect.y + rect.h / 2.0;
        shapes.push(Shape::Line(vec![(from_x, from_y), (turn, from_y), (turn, to), (x, to)], "path"));
    }
    if resident.is_some() {
        // The byte inside of it.
        let at = rect.x + rect.w * share(view.offset.1, 1 << view.offset.0.min(32));
        let mark = Rect { x: at.min(rect.right() - 3.0), y: rect.y, w: 3.0, h: rect.h };
        shapes.push(Shape::Box(mark, "byte".to_owned()));
    }
    let words = match view.page {
        Some(_) if unknown => None,
        Some(page) => Some(format!("{}, {}", page.state.label(), page.provenance.label())),
        None => Some("not mapped".to_owned()),
    };
    if let Some(text) = words {
        shapes.push(Shape::Text((x, rect.bottom() + em * 1.2), "soft", text));
    }
}

fn joined_height(view: &WalkView, em: f32) -> f32 {
    if view.frames.strips.len() > 1 { em * 16.4 } else { em * 11.6 }
}

fn joined_of(picture: &mut Picture, view: &WalkView, area: Rect, em: f32) {
    let shapes = &mut picture.shapes;
    let frames = &view.frames;
    let Some(own) = frames.strips.first() else { return };
    shapes.push(Shape::Line(vec![(area.x, area.y), (area.right(), area.y)], "rule"));
    let cell = Rect { x: 0.0, y: 0.0, w: 0.0, h: em * 1.7 };
    let own_y = area.y + em * 2.4;
    let frames_y = own_y + cell.h + em * 2.4;
    let other_y = frames_y + cell.h + em * 3.6;
    let at = |count: usize, index: usize, y: f32| {
        let step = (area.w / small(u64::try_from(count.max(1)).unwrap_or(1))).min(em * 7.0);
        Rect { x: area.x + small(u64::try_from(index).unwrap_or(0)) * step, y, w: step - em * 0.4, ..cell }
    };
    let rows = [own_y, other_y];
    shapes.push(Shape::Text((area.x, own_y - em * 0.6), "label", format!("virtual pages: {}", own.label)));
    // As many boxes as cells, at least, so that a page and its frame are of one size.
    let columns = frames.frames.iter().map(|f| f.column + 1).max().unwrap_or(0);
    let wide = own.cells.len().max(columns);
    for join in &frames.joins {
        let Some(strip) = frames.strips.get(join.strip) else { continue };
        let y = rows.get(join.strip).copied().unwrap_or(own_y);
        let page = at(wide.max(strip.cells.len()), join.cell, y);
        let column = frames.frames.get(join.frame).map_or(0, |f| f.column);
        let frame = at(wide, column, frames_y);
        let subject = strip.cells.get(join.cell).is_some_and(|c| c.subject)
            || frames.frames.get(join.frame).is_some_and(|f| f.subject);
        let (from, to) =
            if join.strip == 0 { (page.bottom(), frame.y) } else { (page.y, frame.bottom() + em * 1.3) };
        let points = vec![(page.x + page.w / 2.0, from), (frame.x + frame.w / 2.0, to)];
        shapes.push(Shape::Line(points, if subject { "join subject" } else { "join" }));
    }
    for (strip, y) in frames.strips.iter().zip(rows) {
        cells_of(shapes, strip, |index| at(wide, index, y));
    }
    if let Some(other) = frames.strips.get(1) {
        let y = other_y + cell.h + em * 1.3;
        shapes.push(Shape::Text((area.x, y), "label", format!("virtual pages: {}", other.label)));
    }
    for frame in &frames.frames {
        let rect = at(wide, frame.column, frames_y);
        shapes.push(Shape::Box(rect, frame_class(frame)));
        shapes.push(Shape::Text(
            (rect.x + rect.w / 2.0, rect.bottom() + em * 1.05),
            "number",
            frame_name(frame),
        ));
    }
    if frames.frames.is_empty() {
        let text = "no frames: of none of these pages it is known that it is present".to_owned();
        shapes.push(Shape::Text((area.x, frames_y + em * 1.2), "soft", text));
    }
}

fn cells_of(shapes: &mut Vec<Shape>, strip: &Strip, at: impl Fn(usize) -> Rect) {
    for (index, cell) in strip.cells.iter().enumerate() {
        let rect = at(index);
        let class = cell_class(cell.page);
        shapes.push(Shape::Box(rect, if cell.subject { format!("{class} subject") } else { class }));
        let state = cell.page.map_or("not mapped", |p| p.state.label());
        shapes.push(Shape::Hit(rect, cell.addr, format!("{}: {state}", cell.addr)));
    }
}

fn cell_class(page: Option<Page>) -> String {
    let Some(page) = page else { return "cell none".to_owned() };
    let inferred = if page.provenance == Provenance::Inferred { " inferred" } else { "" };
    format!("cell fill-{}{inferred}", Fill::from(page.state).name())
}

fn frame_class(frame: &FrameBox) -> String {
    let class = cell_class(Some(frame.page));
    if frame.subject { format!("{class} subject") } else { class }
}

fn frame_name(frame: &FrameBox) -> String {
    match frame.frame {
        _ if frame.zero => "zero page".to_owned(),
        // Without the 0x: all of them are hexadecimal.
        Some(number) => format!("{:x}", number.0),
        None => "?".to_owned(),
    }
}

/// `part` of `whole`, from 0 to 1.
fn share(part: u64, whole: u64) -> f32 {
    let thousandths = u128::from(part) * 65_535 / u128::from(whole.max(1));
    small(u64::try_from(thousandths).unwrap_or(u64::MAX)) / 65_535.0
}

/// `entry 3 of 512`, for those who do not see the picture.
pub fn description(view: &WalkView) -> String {
    let levels = view.levels.iter().map(|level| {
        let holds = match level.entry {
            Entry::Table => "a table".to_owned(),
            Entry::Huge(page) => format!("a huge page, {}", page.state.label()),
            Entry::Page(page) => format!("a page, {}", page.state.label()),
            Entry::Empty => "nothing".to_owned(),
            Entry::Unknown => "what was not recorded".to_owned(),
            Entry::NoTable => "nothing, there is no such table".to_owned(),
        };
        format!("{} entry {} of {}: {holds}", level.name, level.index, grouped(level.entries))
    });
    let mut text = format!("{}. {}", view.heading, view.detail);
    for level in levels {
        text.push_str(". ");
        text.push_str(&level);
    }
    format!("{text}. {}", view.frames.shared)
}
