use super::*;
use crate::msg::Msg;
use crate::pages;
use crate::pages::level::Room;
use crate::palette::Fill;
use pagescope_shared::addr::Addr;

const HELLO: &str = include_str!("../../gallery/hello.jsonl");

fn app_at(step: usize) -> App {
    let mut app = App::default();
    app.update(Msg::ReducedMotion(true));
    app.update(Msg::Loaded { name: "hello.jsonl".into(), bytes: Ok(HELLO.into()), autoplay: false });
    app.update(Msg::Pages(pages::Msg::Room(Room { width: 640.0, height: 480.0, ratio: 1.0 })));
    app.update(Msg::GoToStep(step));
    app
}

fn at(step: usize) -> View {
    view(&app_at(step))
}

/// The rows of the column of regions, at most so many.
fn rows_at(step: usize, max: usize) -> Vec<Row> {
    let app = app_at(step);
    let timeline = app.timeline.as_ref().unwrap();
    let space = timeline.world().space(timeline.event().unwrap().pid).unwrap();
    let subject = subject(timeline).map(|s| s.range);
    rows(app.pages.outline(), space, subject, timeline.change(), max)
}

fn regions(rows: Vec<Row>) -> Vec<Region> {
    rows.into_iter().filter_map(|r| if let Row::Region(region) = r { Some(region) } else { None }).collect()
}

fn facts(view: &View) -> Vec<String> {
    view.event.facts.iter().map(|f| format!("{}: {}", f.label, f.text)).collect()
}

#[test]
fn every_step_says_what_happened() {
    let rows = [
        (0, "read /proc/PID/maps", "", "pages of this process"),
        (1, "mmap(0x100000000, 4,096, …)", "asked: 4,096 bytes at 0x100000000", "untouched, observed"),
        (2, "write 14 bytes at 0x100000000", "bytes: \"Hello, world!\\0\"", "private, observed, frame 0x"),
        (3, "read 14 bytes at 0x100000000", "bytes: \"Hello, world!\\0\"", "private, observed"),
        (4, "munmap(0x100000000, 1,024)", "kernel: unmapped 4,096 bytes (1 page)", "not mapped"),
    ];
    for (step, headline, fact, description) in rows {
        let view = at(step);
        assert_eq!(view.event.headline, headline);
        assert!(fact.is_empty() || facts(&view).iter().any(|f| f == fact), "{step}: {:?}", facts(&view));
        assert!(view.stage.description.contains(description), "{step}: {}", view.stage.description);
        assert_eq!((view.step, view.steps.len()), (Some(step), 6));
    }
}

#[test]
fn the_new_page_stands_in_its_place_among_the_others() {
    let names = |regions: &[Region]| regions.iter().map(|r| (r.range.start(), r.subject)).collect::<Vec<_>>();
    let [before, with, after] = [0, 1, 4].map(|step| regions(rows_at(step, 100)));
    assert_eq!(with.len(), before.len() + 1);
    assert_eq!(names(&with).last(), Some(&(Addr(1 << 32), true)), "lowest address, last row");
    assert_eq!(names(&after), names(&before));
    let shares = &with.last().unwrap().shares;
    assert_eq!(shares.as_slice(), [Share { fill: Fill::Untouched, pages: 1 }]);
}

#[test]
fn rows_join_but_the_subject_and_the_bytes_stay() {
    let bytes: u64 = regions(rows_at(1, 1000)).iter().map(|r| r.bytes).sum();
    for max in [3, 5, 8, 100] {
        let regions = regions(rows_at(1, max));
        assert!(regions.len() <= max.max(3));
        assert_eq!(regions.iter().map(|r| r.bytes).sum::<u64>(), bytes, "nothing vanishes");
        assert!(regions.iter().any(|r| r.subject && r.bytes == 4096));
    }
    assert!(rows_at(1, 100).contains(&Row::KernelHalf), "vsyscall lies beyond user space");
}

#[test]
fn what_is_missing_is_said() {
    assert_eq!(at(5).caveat, "");
    let without = HELLO.replace("\"frames\"", "\"other\"");
    let torn = &without[..without.len() - 30];
    let mut app = App::default();
    app.update(Msg::Loaded { name: "x".into(), bytes: Ok(torn.into()), autoplay: false });
    let caveat = view(&app).caveat;
    assert!(caveat.contains("frame numbers") && caveat.contains("stopped before its end"), "{caveat}");
}
