use super::*;
use crate::msg::Msg as AppMsg;
use pagescope_shared::page::PageState;

const HELLO: &str = include_str!("../../gallery/hello.jsonl");

fn app(step: usize) -> App {
    let mut app = App::default();
    app.update(AppMsg::Loaded { name: "hello.jsonl".into(), bytes: Ok(HELLO.into()), autoplay: false });
    app.update(AppMsg::GoToStep(step));
    app
}

#[test]
fn the_lessons_page_level_by_level() {
    // Page number 2^20 is address 2^32: 4 GiB, the fifth entry of the third table.
    let walk = view(&app(2)).unwrap();
    assert_eq!(walk.addr, Addr(1 << 32));
    let levels: Vec<_> = walk.levels.iter().map(|l| (l.name, l.bits, l.index, l.entry_bytes)).collect();
    let expected = [
        ("PGD", (47, 39), 0, 1 << 39),
        ("PUD", (38, 30), 4, 1 << 30),
        ("PMD", (29, 21), 0, 1 << 21),
        ("PTE", (20, 12), 0, 1 << 12),
    ];
    assert_eq!(levels, expected);
    assert_eq!((walk.sign, walk.offset), ((16, 0), (12, 0)));
    let page = walk.page.unwrap();
    assert_eq!(page.state, PageState::Private);
    let entries: Vec<_> = walk.levels.iter().map(|l| l.entry).collect();
    assert_eq!(entries, [Entry::Table, Entry::Table, Entry::Table, Entry::Page(page)]);
    assert!(walk.levels[3].slots.present.contains(&(0, 1)), "{:?}", walk.levels[3].slots);
    let frame = walk.frames.frames.iter().find(|f| f.subject).unwrap();
    assert_eq!(frame.frame, page.frame);
}

#[test]
fn before_it_is_touched_the_walk_ends_early() {
    let walk = view(&app(1)).unwrap();
    let entries: Vec<_> = walk.levels.iter().map(|l| l.entry).collect();
    // Nothing else of this process lies in the first 512 GiB.
    assert_eq!(entries, [Entry::Empty, Entry::NoTable, Entry::NoTable, Entry::NoTable]);
    assert!(walk.frames.joins.iter().all(|join| join.strip != 0), "nothing stands behind it");
    let after = view(&app(4)).unwrap();
    assert!(after.page.is_none() && after.detail.contains("not mapped"), "{}", after.detail);
}

#[test]
fn five_levels_and_other_addresses() {
    let mut app = app(2);
    app.update(AppMsg::Walk(Msg::FiveLevels(true)));
    let walk = view(&app).unwrap();
    assert_eq!(walk.levels.iter().map(|l| l.name).collect::<Vec<_>>(), ["PGD", "P4D", "PUD", "PMD", "PTE"]);
    assert_eq!(walk.sign, (7, 0));
    for addr in [0, 0xfff, (1 << 32) + 0xd5e, (1 << 47) - 1, 1 << 47, u64::MAX - 1, u64::MAX] {
        app.update(AppMsg::Walk(Msg::To(Addr(addr))));
        let walk = view(&app).unwrap();
        // The pieces make up the address.
        let sum = walk.levels.iter().fold(walk.offset.1, |sum, l| sum | l.index << l.bits.1);
        assert_eq!(sum | walk.sign.1 << 57, walk.addr.0);
        for (w, h) in [(300.0, 200.0), (640.0, 500.0), (1100.0, 900.0)] {
            let picture = layout::picture(&walk, w, h, 13.0);
            assert!(picture.height >= h && picture.shapes.len() > 10);
        }
    }
}

#[test]
fn shapes_stay_in_the_picture() {
    let walk = view(&app(2)).unwrap();
    for (w, h) in [(600.0, 520.0), (1100.0, 800.0)] {
        let picture = layout::picture(&walk, w, h, 13.0);
        for shape in &picture.shapes {
            if let layout::Shape::Box(rect, class) = shape {
                assert!(rect.x >= 0.0 && rect.right() <= w + 1.0, "{class} {rect:?}");
                assert!(rect.y >= 0.0 && rect.bottom() <= picture.height + 1.0, "{class} {rect:?}");
            }
        }
        // A click on the page's cell goes to it.
        let there = picture.shapes.iter().any(|s| matches!(s, layout::Shape::Hit(_, a, _) if a.0 == 1 << 32));
        assert!(there);
    }
}
