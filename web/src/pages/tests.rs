use super::doc::Visible;
use super::grid::{CHANGED, EDGES, Grid, INFERRED, MIXED};
use super::level::{FARTHEST, whole};
use super::picture::{Marks, Painter};
use super::*;
use crate::palette::Fill;
use pagescope_shared::event::{Asked, EventKind, Fault, FaultAccess, Map, Observed};
use pagescope_shared::mapping::{Attributes, Protection, Sharing};
use pagescope_shared::model::Change;
use pagescope_shared::names::CallFlags;
use pagescope_shared::page::{PageFlags, PageState, Run};

const PAGE: u64 = 4096;
const TIB: u64 = 1 << 40;

fn room() -> Room {
    Room { width: 600.0, height: 400.0, ratio: 1.0, large: false }
}

fn range(start: u64, pages: u64) -> Range {
    Range::from_len(Addr(start), pages * PAGE).unwrap()
}

/// A process with these mappings: first address, pages, and which of them were written.
fn process(mappings: &[(u64, u64, &[u64])]) -> AddressSpace {
    let mut space = AddressSpace::new(PageSize::FOUR_KIB);
    for (start, pages, written) in mappings {
        map(&mut space, *start, *pages);
        for page in *written {
            write(&mut space, start + page * PAGE);
        }
    }
    space
}

fn map(space: &mut AddressSpace, start: u64, pages: u64) {
    let protection = Protection { read: true, write: true, execute: false };
    let range = range(start, pages);
    let asked = Asked { addr: range.start(), len: range.bytes(), flags: CallFlags::NONE };
    let attributes = Attributes::anonymous(protection, Sharing::Private);
    space.apply(&EventKind::Map(Map { asked, range, attributes }));
}

fn write(space: &mut AddressSpace, addr: u64) -> Change {
    let access = Some(FaultAccess::Write);
    space.apply(&EventKind::Fault(Fault { addr: Addr(addr), access, severity: None, ip: None, led_to: None }))
}

fn observe(space: &mut AddressSpace, start: u64, runs: &[(u64, PageState, PageFlags)]) {
    let pages = runs.iter().map(|run| run.0).sum();
    let runs = runs.iter().map(|(pages, state, flags)| Run {
        pages: (*pages).try_into().unwrap(),
        state: *state,
        flags: *flags,
        frame: None,
    });
    space.apply(&EventKind::Observed(Box::new(Observed {
        range: range(start, pages),
        runs: runs.collect(),
        source: String::new(),
    })));
}

/// A picture of all of it.
fn shown(space: &AddressSpace) -> Pages {
    let mut pages = Pages::default();
    pages.update(Msg::Room(room()), Some(space), true);
    pages.prepare(
        Shown { trace: 1, position: 1, pid: 1, fading: false, kept: false, together: None },
        space,
        &[],
        || (Aim::All, false),
        true,
    );
    pages
}

fn send(pages: &mut Pages, space: &AddressSpace, msg: Msg) -> Outcome {
    let outcome = pages.update(msg, Some(space), true);
    pages.prepare(
        Shown { trace: 1, position: 1, pid: 1, fading: false, kept: false, together: None },
        space,
        &[],
        || (Aim::All, false),
        true,
    );
    outcome
}

fn seen(pages: &Pages) -> Vec<Visible> {
    pages.doc().visible(pages.offset(), pages.room().height, pages.scale().row).collect()
}

fn grid(pages: &Pages, space: &AddressSpace) -> Grid {
    Grid::new(space, pages.doc(), &seen(pages), &[], None)
}

fn fills(grid: &Grid) -> Vec<u8> {
    grid.cells.iter().map(|cell| cell[0] & 15).filter(|fill| *fill > 0).collect()
}

/// Like a program: itself, a heap, libraries that touch, a stack, the kernel's page.
fn program() -> AddressSpace {
    process(&[
        (0x5555_5555_4000, 40, &[3, 9]),
        (0x5555_5580_0000, 33, &[0, 1]),
        (0x7f00_0000_0000, 480, &[7]),
        (0x7f00_001e_0000, 50, &[]),
        (0x7ffd_0000_0000, 33, &[32]),
        (0xffff_ffff_ff60_0000, 1, &[]),
    ])
}

#[test]
fn everything_fits_and_every_page_is_a_cell() {
    let space = program();
    let pages = shown(&space);
    assert!(pages.shows_all());
    assert_eq!(pages.doc().level.pages, 0, "there is room for a cell a page");
    let cells = fills(&grid(&pages, &space));
    assert_eq!(cells.len(), 40 + 33 + 480 + 50 + 33 + 1);
    assert_eq!(cells.iter().filter(|fill| **fill == Fill::Private as u8).count(), 6);
    let tops: Vec<u64> = pages.doc().sections.iter().map(|s| s.start).collect();
    assert!(tops.is_sorted_by(|a, b| a > b), "high addresses first: {tops:x?}");
}

#[test]
fn zooms_are_powers_of_two_that_fill_the_width() {
    for (width, ratio) in [(300.0, 3.0), (600.0, 1.0), (600.0, 2.0), (1400.0, 1.0), (3000.0, 1.5)] {
        let room = Room { width, height: 500.0, ratio, large: false };
        let mut before: Option<(u32, f64)> = None;
        for zoom in room.closest()..=36 {
            let level = room.level(zoom);
            assert_eq!(level.columns + level.pages, zoom);
            assert!(level.cell >= 4.0 && (level.cell * ratio).fract() < 1e-9, "{level:?}");
            let used = level.left + level.cell * f64::from(1u32 << level.columns);
            assert!(used <= width && used > width - 32.0, "{width} {level:?}");
            if let Some((columns, cell)) = before {
                assert!(level.columns == columns || level.columns == columns + 1);
                assert!(level.cell <= cell);
            }
            before = Some((level.columns, level.cell));
            // Rows of neighbouring zooms meet half-way between them.
            let (near, far) = (
                room.scale(f64::from(zoom) + 0.499_999, false),
                room.scale(f64::from(zoom) + 0.500_001, false),
            );
            if zoom < 36 {
                assert_eq!((near.level.zoom, far.level.zoom), (zoom, zoom + 1));
                assert!((far.row / near.row - 2.0).abs() < 0.001, "{near:?} {far:?}");
            }
        }
    }
}

#[test]
fn a_pixel_leads_to_an_address_and_back() {
    let space = program();
    let mut pages = shown(&space);
    for steps in 0..4 {
        if steps > 0 {
            send(&mut pages, &space, Msg::Zoom { at: Some((300.0, 200.0)), by: 1.0 });
        }
        let mut hits = 0;
        for x in (0..600).step_by(7) {
            for y in (0..400).step_by(5) {
                let (x, y) = (f64::from(x), f64::from(y));
                let Some(cell) = pages.cell_at(x, y) else { continue };
                hits += 1;
                let (back_x, back_y) = pages.place_of(cell.start()).unwrap();
                let scale = pages.scale();
                assert!((back_x - x).abs() <= scale.level.cell && (back_y - y).abs() <= scale.row, "{cell}");
                assert_eq!(pages.cell_at(back_x, back_y), Some(cell));
            }
        }
        assert!(hits > 500, "{hits}");
    }
}

#[test]
fn what_the_pointer_is_on_stays_under_it() {
    let space = process(&[(0x10_0000_0000, 1 << 22, &[5, 90_000, 3_000_000]), (0x7f00_0000_0000, 3000, &[])]);
    let mut pages = shown(&space);
    for (x, y) in [(400.0, 300.0), (250.0, 120.0), (560.0, 330.0)] {
        send(&mut pages, &space, Msg::Fit);
        send(&mut pages, &space, Msg::Pointer(Some((x, y))));
        let Some(addr) = pages.hovered(Some(&space)) else { panic!("nothing at {x} {y}") };
        for by in [1.0, 1.0, 0.3, 0.2, 1.0, 1.0, 1.0, -2.0, 1.0, 1.0, 1.0, 1.0] {
            send(&mut pages, &space, Msg::Zoom { at: Some((x, y)), by });
            if pages.one_page().is_some() {
                break;
            }
            let (_, row_y) = pages.place_of(addr).unwrap();
            assert!((row_y - y).abs() <= pages.scale().row, "{row_y} is not {y} at {:?}", pages.scale());
        }
        for _ in 0..40 {
            send(&mut pages, &space, Msg::Zoom { at: Some((x, y)), by: 1.0 });
        }
        assert_eq!(pages.one_page(), Some(addr), "the end of all zooming is that page");
        assert_eq!(pages.camera(), Some((addr, 0.0)));
        send(&mut pages, &space, Msg::Zoom { at: Some((x, y)), by: -1.0 });
        let (_, row_y) = pages.place_of(addr).unwrap();
        assert!(pages.one_page().is_none() && (row_y - y).abs() <= pages.scale().row);
    }
}

#[test]
fn a_terabyte_joins_and_its_one_page_is_seen_at_every_zoom() {
    let pages_in_it = TIB / PAGE;
    let touched = 123_456_789;
    let space = process(&[(0x20_0000_0000, pages_in_it, &[touched]), (0x7f00_0000_0000, 10, &[1])]);
    let mut pages = shown(&space);
    let addr = Addr(0x20_0000_0000 + touched * PAGE);
    let mut per_cell = Vec::new();
    loop {
        let grid = grid(&pages, &space);
        let private: Vec<_> = grid.cells.iter().filter(|cell| cell[0] & 15 == Fill::Private as u8).collect();
        let (x, y) = pages.place_of(addr).unwrap();
        assert!((0.0..400.0).contains(&y), "{y}");
        let cell = pages.cell_at(x, y).unwrap();
        assert!(cell.contains(addr));
        let level = pages.doc().level;
        assert!(!private.is_empty(), "lost at {level:?}");
        assert_eq!(private.iter().any(|cell| cell[0] & MIXED > 0), level.pages > 0);
        per_cell.push(level.pages);
        send(&mut pages, &space, Msg::Zoom { at: Some((x, y)), by: 1.0 });
        if pages.one_page().is_some() {
            break;
        }
    }
    assert!(per_cell.len() > 15 && per_cell.is_sorted_by(|a, b| a >= b), "{per_cell:?}");
    assert_eq!(pages.one_page(), Some(addr));
}

#[test]
fn aggregation_never_loses_a_resident_page() {
    // Every 97th page is written: in all zooms the cells that hold one show it, and no other.
    let written: Vec<u64> = (0..60_000).step_by(97).collect();
    let space = process(&[(0x10_0000_0000, 60_000, &written)]);
    let mut pages = shown(&space);
    for zoom in [8.0, 9.0, 11.0, 14.0, 20.0, 30.0] {
        send(&mut pages, &space, Msg::Go { addr: Addr(0x10_0000_0000), zoom });
        let (grid, level) = (grid(&pages, &space), pages.doc().level);
        let mut row = 0;
        for seen in seen(&pages) {
            for down in 0..seen.rows {
                for column in 0..1u64 << level.columns {
                    let bits = pages.doc().row_bits - level.columns;
                    let start = ((seen.top - down) << pages.doc().row_bits) + (column << bits);
                    let first = start / PAGE;
                    let pages = first..first + (1 << level.pages);
                    let base = 0x10_0000_0000 / PAGE;
                    let expected = written.iter().any(|page| pages.contains(&(page + base)));
                    let cell = grid.at(row, usize::try_from(column).unwrap());
                    assert_eq!(cell[0] & 15 == Fill::Private as u8, expected, "{zoom} {start:x}");
                }
                row += 1;
            }
        }
    }
}

#[test]
fn cells_say_how_it_is_known_and_what_else() {
    let mut space = process(&[(0x10_0000_0000, 2048, &[0]), (0x10_0080_0000, 4, &[])]);
    observe(&mut space, 0x10_0020_0000, &[(512, PageState::Private, PageFlags::HUGE)]);
    observe(
        &mut space,
        0x10_0040_0000,
        &[(1, PageState::Swapped, PageFlags::NONE), (2, PageState::Private, PageFlags::LOCKED)],
    );
    let mut pages = shown(&space);
    send(&mut pages, &space, Msg::Go { addr: Addr(0x10_0020_0000), zoom: 6.0 });
    let seen = seen(&pages);
    let grid = Grid::new(&space, pages.doc(), &seen, &[], None);
    let at = |addr: u64| {
        let (x, y) = pages.place_of(Addr(addr)).unwrap();
        let level = pages.doc().level;
        let mut row = 0;
        for seen in &seen {
            let top = seen.rows_y - pages.offset();
            for down in 0..seen.rows {
                let from = top + crate::time::scale::float(down) * pages.scale().row;
                if (from..from + pages.scale().row).contains(&y) {
                    return grid.at(row, whole((x - level.left) / level.cell));
                }
                row += 1;
            }
        }
        panic!("{addr:x} is not in sight");
    };
    let private = Fill::Private as u8;
    // The lowest page of a huge one: its left and lower edges.
    assert_eq!(at(0x10_0020_0000), [private, 1 | 15 << 4, 0, EDGES[0] | EDGES[3]]);
    assert_eq!(at(0x10_0020_0000 + 511 * PAGE)[3], EDGES[1] | EDGES[2]);
    assert_eq!(at(0x10_0020_0000 + 70 * PAGE)[3], 0, "within it there are no edges");
    assert_eq!(at(0x10_0040_0000)[0], Fill::Swapped as u8);
    assert_eq!(at(0x10_0040_1000)[1] & 15, PageFlags::LOCKED.bits());
    send(&mut pages, &space, Msg::Go { addr: Addr(0x10_0000_0000), zoom: 6.0 });
    let grid = self::grid(&pages, &space);
    assert!(grid.cells.iter().any(|cell| cell[0] == private | INFERRED), "the written page was not observed");
}

#[test]
fn what_an_event_changes_is_marked_with_what_it_was() {
    let mut space = process(&[(0x10_0000_0000, 100, &[])]);
    let change = write(&mut space, 0x10_0000_5000);
    let pages = shown(&space);
    let grid = Grid::new(&space, pages.doc(), &seen(&pages), &change.pages, None);
    let changed: Vec<_> = grid.cells.iter().filter(|cell| cell[0] & CHANGED > 0).collect();
    assert_eq!(changed.len(), 1);
    assert_eq!((changed[0][0] & 15, changed[0][2]), (Fill::Private as u8, Fill::Untouched as u8));
}

#[test]
fn a_hundred_thousand_mappings_flow_together_and_stay_fast() {
    let mut space = AddressSpace::new(PageSize::FOUR_KIB);
    for i in 0..100_000u64 {
        map(&mut space, 0x10_0000_0000 + i * 16 * PAGE, 4);
        write(&mut space, 0x10_0000_0000 + i * 16 * PAGE);
    }
    let start = std::time::Instant::now();
    let mut pages = shown(&space);
    assert!(pages.shows_all());
    assert_eq!(pages.doc().sections.len(), 1, "they share rows");
    let all = fills(&grid(&pages, &space));
    assert!(all.len() > 1000 && all.iter().all(|fill| *fill == Fill::Private as u8));
    for _ in 0..12 {
        send(&mut pages, &space, Msg::Zoom { at: Some((300.0, 200.0)), by: 1.0 });
        grid(&pages, &space);
    }
    send(&mut pages, &space, Msg::Go { addr: Addr(0x10_0000_0000), zoom: 5.0 });
    assert_eq!(pages.doc().sections.len(), 100_000, "close up each stands alone");
    // Generous: tests run without optimization and beside others.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn full_scale_shows_the_whole_space_and_every_speck() {
    let space = program();
    let mut pages = shown(&space);
    send(&mut pages, &space, Msg::FullScale);
    assert!(pages.shows_all() && pages.full_scale);
    let user = pages.doc().sections.last().unwrap();
    assert_eq!((user.start, user.last), (0, (1 << 47) - 1));
    let cells = fills(&grid(&pages, &space));
    assert!(cells.len() >= 4, "stack, libraries, program, vsyscall: {cells:?}");
    assert!(cells.iter().filter(|fill| **fill == Fill::Private as u8).count() >= 3);
    send(&mut pages, &space, Msg::FullScale);
    assert!(!pages.full_scale && pages.doc().sections.len() > 3);
}

#[test]
fn nonsense_and_the_end_of_the_address_space_do_no_harm() {
    let top = process(&[(u64::MAX - 4 * PAGE + 1 - PAGE, 4, &[0, 3]), (0, 1, &[0])]);
    let empty = AddressSpace::new(PageSize::FOUR_KIB);
    for space in [&top, &empty] {
        let mut pages = shown(space);
        let places = [(f64::NAN, 0.0), (1e18, -1e18), (300.0, 200.0), (0.0, 0.0)];
        let mut all = vec![Msg::Fit, Msg::FullScale, Msg::FullScale, Msg::Turn(-1), Msg::Turn(i64::MIN)];
        for (x, y) in places {
            all.extend([
                Msg::Pointer(Some((x, y))),
                Msg::Click(x, y),
                Msg::DoubleClick(x, y),
                Msg::Zoom { at: Some((x, y)), by: 3.0 },
                Msg::Zoom { at: None, by: f64::INFINITY },
                Msg::Pan { dy: y, glide: false },
                Msg::Scroll(x),
                Msg::Go { addr: Addr(u64::MAX), zoom: y },
                Msg::Go { addr: Addr(u64::MAX), zoom: FARTHEST - 1.0 },
                Msg::Room(Room { width: 1.0, height: 1.0, ratio: 0.0, large: false }),
                Msg::Room(room()),
            ]);
        }
        for msg in all {
            send(&mut pages, space, msg);
            let scene = Painter::default().scene(&pages, space, &Marks::default());
            assert!(scene.labels.len() < 5000, "{msg:?}");
            pages.in_sight();
        }
    }
}

#[test]
fn clicks_select_pages_cells_and_mappings() {
    let space = program();
    let mut pages = shown(&space);
    send(&mut pages, &space, Msg::Go { addr: Addr(0x7f00_0000_0000), zoom: 5.0 });
    let (x, y) = pages.place_of(Addr(0x7f00_0000_0000 + 7 * PAGE)).unwrap();
    let page = send(&mut pages, &space, Msg::Click(x, y)).select;
    assert_eq!(page, Some(Some(range(0x7f00_0000_0000 + 7 * PAGE, 1))));
    let hover = send(&mut pages, &space, Msg::Pointer(Some((x, y)))).hover;
    assert_eq!(hover, Some(Some(Addr(0x7f00_0000_0000 + 7 * PAGE))));
    assert_eq!(send(&mut pages, &space, Msg::Pointer(None)).hover, Some(None));
}

#[test]
fn the_camera_follows_until_somebody_takes_it() {
    let space = program();
    let mut pages = Pages::default();
    let aims = [
        Aim::All,
        Aim::Page(Addr(0x7f00_0000_7000)),
        Aim::Whole(range(0x7f00_0000_0000, 480)),
        Aim::Whole(range(0x7f00_0000_3000, 4)),
        Aim::Around { range: range(0x7f00_0000_0000, 480), addr: Addr(0x7f00_0000_0000) },
    ];
    pages.update(Msg::Room(room()), Some(&space), true);
    for (position, aim) in aims.into_iter().enumerate() {
        pages.prepare(
            Shown { trace: 1, position, pid: 1, fading: false, kept: false, together: None },
            &space,
            &[],
            || (aim, false),
            false,
        );
        let mut frames = 0;
        while pages.is_moving() {
            pages.tick(16.0);
            frames += 1;
            assert!(frames < 30, "a flight takes a quarter of a second");
        }
        match aim {
            Aim::All => assert!(pages.shows_all()),
            Aim::Page(addr) => assert_eq!(pages.one_page(), Some(addr)),
            Aim::Whole(range) => {
                assert_eq!(pages.framed(), Some(range));
                for addr in [range.start(), Addr(range.end().0 - 1)] {
                    let (_, y) = pages.place_of(addr).unwrap();
                    assert!((0.0..400.0).contains(&y) && pages.one_page().is_none(), "{addr} at {y}");
                }
            }
            Aim::Around { addr, .. } => {
                let (_, y) = pages.place_of(addr).unwrap();
                assert!((0.0..400.0).contains(&y) && pages.one_page().is_none());
            }
        }
        assert_eq!(pages.camera(), None);
    }
    send(&mut pages, &space, Msg::Pan { dy: -50.0, glide: false });
    let (addr, zoom) = pages.camera().unwrap();
    pages.prepare(
        Shown { trace: 1, position: 9, pid: 1, fading: false, kept: false, together: None },
        &space,
        &[],
        || (Aim::All, false),
        true,
    );
    assert_eq!(pages.camera(), Some((addr, zoom)), "events do not move it any more");
    pages.follow();
    pages.prepare(
        Shown { trace: 1, position: 9, pid: 1, fading: false, kept: false, together: None },
        &space,
        &[],
        || (Aim::All, false),
        true,
    );
    assert!(pages.shows_all() && pages.follows());
}

#[test]
fn the_picture_names_what_it_shows() {
    let space = program();
    let mut pages = shown(&space);
    let texts = |pages: &Pages| {
        let scene = Painter::default().scene(pages, &space, &Marks::default());
        scene.labels.iter().map(|label| label.text.clone()).collect::<Vec<_>>().join("|")
    };
    let all = texts(&pages);
    assert!(all.contains("not mapped") && all.contains("anonymous"), "{all}");
    send(&mut pages, &space, Msg::Go { addr: Addr(0x7f00_0000_0000), zoom: 3.0 });
    let close = texts(&pages);
    assert!(close.contains("7f0000000000") && close.contains("|00000|"), "{close}");
}

#[test]
fn rows_that_stay_in_sight_are_taken_over() {
    let written: Vec<u64> = (0..200_000).step_by(113).collect();
    let space = process(&[(0x10_0000_0000, 200_000, &written), (0x7f00_0000_0000, 400, &[1])]);
    let mut pages = shown(&space);
    send(&mut pages, &space, Msg::Go { addr: Addr(0x10_0400_0000), zoom: 7.0 });
    let mut before: Option<(Grid, Vec<Visible>)> = None;
    for dy in [0.0, -3.0, 40.0, -90.0, 700.0, -100_000.0, 100_000.0, 13.0] {
        send(&mut pages, &space, Msg::Pan { dy, glide: false });
        let seen = seen(&pages);
        let old = before.as_ref().map(|(grid, seen)| (grid, seen.as_slice()));
        let grid = Grid::new(&space, pages.doc(), &seen, &[], old);
        assert_eq!(grid, self::grid(&pages, &space), "{dy}");
        before = Some((grid, seen));
    }
}

#[test]
fn what_goes_is_seen_until_it_has_faded() {
    let space = program();
    let mut pages = shown(&space);
    let sections = pages.doc().sections.len();
    let gone = [range(0x3000_0000_0000, 20)];
    let shown = |fading| Shown { trace: 1, position: 2, pid: 1, fading, kept: false, together: None };
    pages.prepare(shown(true), &space, &gone, || (Aim::All, false), true);
    assert_eq!(pages.doc().sections.len(), sections + 1);
    pages.prepare(shown(false), &space, &[], || (Aim::All, false), true);
    assert_eq!(pages.doc().sections.len(), sections);
}

#[test]
fn an_event_that_keeps_the_mappings_keeps_the_layout() {
    let mut space = program();
    let mut pages = shown(&space);
    let (outline, layouts) = (Rc::clone(pages.outline()), pages.layouts);
    write(&mut space, 0x7f00_0000_9000);
    let at = |position, kept| Shown { trace: 1, position, pid: 1, fading: false, kept, together: None };
    pages.prepare(at(2, true), &space, &[], || (Aim::All, false), true);
    assert!(Rc::ptr_eq(&outline, pages.outline()) && pages.layouts == layouts);
    map(&mut space, 0x3000_0000_0000, 8);
    pages.prepare(at(3, false), &space, &[], || (Aim::All, false), true);
    assert_eq!(pages.outline().regions.len(), outline.regions.len() + 1);
    // What lies between was not seen: the last event says nothing of it.
    map(&mut space, 0x3100_0000_0000, 8);
    pages.prepare(at(9, true), &space, &[], || (Aim::All, false), true);
    assert_eq!(pages.outline().regions.len(), outline.regions.len() + 2);
}

#[test]
fn a_level_that_is_left_fades_into_the_next_one() {
    let space = process(&[(0x7f00_0000_0000, 48_000, &[7, 20_000])]);
    let mut pages = shown(&space);
    let mut painter = Painter::default();
    let mut draw = |pages: &Pages| painter.scene(pages, &space, &Marks { progress: 1.0, ..Marks::default() });
    assert!(draw(&pages).leaving.is_none());
    let at = Some((300.0, 200.0));
    pages.update(Msg::Zoom { at, by: 1.0 }, Some(&space), false);
    let (mut faded, mut last) = (0, 2.0);
    while pages.is_moving() {
        pages.tick(10.0);
        let scene = draw(&pages);
        let (Some(old), Some(new)) = (scene.leaving, scene.cells) else { continue };
        faded += 1;
        assert!(
            (old.share + new.share - 1.0).abs() < 1e-6 && old.share < last,
            "{} {}",
            old.share,
            new.share
        );
        last = old.share;
    }
    assert!((10..16).contains(&faded), "{faded}");
    assert!(draw(&pages).leaving.is_none());
}

#[test]
fn what_was_to_be_seen_before_there_was_room_is_in_the_middle() {
    let space = program();
    let go = Msg::Go { addr: Addr(0x7f00_0000_0000), zoom: 9.0 };
    let mut pages = Pages::default();
    for msg in [Msg::Pointer(None), go, Msg::Room(room())] {
        send(&mut pages, &space, msg);
    }
    let (_, y) = pages.place_of(Addr(0x7f00_0000_0000)).unwrap();
    assert!((y - room().height / 2.0).abs() <= pages.scale().row, "{y}");
}

#[test]
fn what_the_pointer_is_on_stays_under_it_all_through_a_zoom() {
    let space = process(&[(0x7f00_0000_0000, 480_000, &[])]);
    let mut pages = shown(&space);
    let (mut x, y) = (300.0, 170.0);
    for by in [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0] {
        // Elsewhere each time: as long as it rests, what it was on at first is what counts.
        x += 20.0;
        pages.update(Msg::Pointer(Some((x, y))), Some(&space), false);
        let addr = pages.hovered(Some(&space)).unwrap();
        pages.update(Msg::Zoom { at: Some((x, y)), by }, Some(&space), false);
        let mut before = (pages.place_of(addr).unwrap().1, pages.scale().row);
        while pages.is_moving() {
            pages.tick(2.0);
            let (now, row) = (pages.place_of(addr).unwrap().1, pages.scale().row);
            // The row that it is in becomes half as high, or twice: it does not jump there.
            assert!((now - y).abs() <= row * 1.51, "{by}: {now} of {row}");
            let halved = (row - before.1).abs() / 2.0;
            assert!((now - before.0).abs() <= halved + row * 0.1, "{by}: {before:?} {now} of {row}");
            before = (now, row);
        }
        assert!((before.0 - y).abs() <= before.1 / 2.0 + 1.0, "{by}: {before:?}");
    }
}
