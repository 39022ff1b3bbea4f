//! Rows of data for axes, folds, pixels and windows.

use super::fill::Fill;
use super::fold::{Fold, Subject};
use super::paint::Columns;
use super::raster::{Column, Mark, Raster, UNMAPPED};
use super::scale::{Pace, Place, TimeScale, duration, float, ticks, time_text};
use super::{Msg, Time};
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::EventKind;
use pagescope_shared::jsonl::read;
use pagescope_shared::page::PageState;
use pagescope_shared::store::Store;
use pagescope_shared::timeline::Timeline;
use std::fmt::Write as _;
use std::rc::Rc;

#[rustfmt::skip]
const HEAD: &str = r#"{"format":"pagescope-trace","version":1,"page_size":4096,"arch":"x86_64","clock":"CLOCK_MONOTONIC","tool":{"name":"t","version":"1","method":"t"}}"#;
const PAGE: u64 = 4096;

/// A process maps 64 pages, touches them one by one, one a millisecond, with a second of nothing in the middle.
fn trace(processes: u64) -> String {
    let mut text = format!("{HEAD}\n");
    let mut seq = 0;
    let mut line = |time: u64, pid: u64, rest: String| {
        writeln!(text, r#"{{"seq":{seq},"t":{time},"pid":{pid},"tid":{pid},{rest}}}"#).unwrap();
        seq += 1;
    };
    for pid in 1..=processes {
        let at = 0x7f00_0000_0000u64;
        line(
            0,
            pid,
            format!(
                r#""kind":"map","asked":{{"addr":"0x0","len":262144}},"range":["{at:#x}","{:#x}"],"protection":"rw-","sharing":"private","backing":{{"type":"anonymous"}}"#,
                at + 64 * PAGE
            ),
        );
    }
    for i in 0..64u64 {
        let time = 1_000_000 * (i + 1) + if i < 32 { 0 } else { 1_000_000_000 };
        for pid in 1..=processes {
            let addr = 0x7f00_0000_0000u64 + i * PAGE;
            line(time, pid, format!(r#""kind":"fault","addr":"{addr:#x}","access":"write""#));
        }
    }
    text
}

fn timeline(text: &str) -> Timeline {
    let mut timeline = Timeline::open(Store::from_trace(&read(text.as_bytes()).unwrap()));
    timeline.explore(usize::MAX);
    timeline
}

/// A picture with room for so much, counted to its end.
fn counted(timeline: &Timeline, room: (usize, usize)) -> Time {
    let mut time = Time::default();
    time.update(Msg::Room(room.0, room.1));
    count(&mut time, timeline);
    time
}

fn count(time: &mut Time, timeline: &Timeline) {
    for _ in 0..10_000 {
        if !time.has_work(timeline, 1) {
            return;
        }
        time.work(timeline, 1, 50);
    }
    panic!("it never ends");
}

fn scale(timeline: &Timeline, pace: Pace) -> TimeScale {
    TimeScale::new(pace, timeline.reach(), timeline.end(), 0)
}

#[test]
fn axes_have_inverses() {
    let timeline = timeline(&trace(1));
    for (pace, length) in [(Pace::Events, 65.0), (Pace::Wall, 1_064_000_000.0), (Pace::Idle, 68_320_000.0)] {
        let scale = scale(&timeline, pace);
        // A gap of 1,001 ms is cut to a quarter of a fiftieth of 1,064 ms.
        assert_eq!(scale.length().round(), length, "{pace:?}");
        let mut last = -1.0;
        for position in 0..timeline.end() {
            let time_ns = timeline.event_at(position).unwrap().time_ns;
            let at = scale.at(position, time_ns);
            assert!(at > last && at <= scale.length(), "{pace:?} {position}");
            last = at;
            match scale.place(at) {
                Place::Position(p) => assert_eq!(p, position),
                Place::Time(ns) => assert!(ns.abs_diff(time_ns) <= 1, "{pace:?} {position}: {ns} {time_ns}"),
            }
        }
    }
    let cuts = scale(&timeline, Pace::Idle);
    let [cut] = cuts.cuts() else { panic!("{:?}", cuts.cuts()) };
    assert_eq!(cut.ns, (32_000_000.0, 1_033_000_000.0));
    let middle = cuts.at_ns(532_500_000.0);
    assert!(cut.at.0 < middle && middle < cut.at.1);
    assert!((cuts.ns(middle).unwrap() - 532_500_000.0).abs() < 1000.0);
}

#[test]
fn ticks_are_round_and_few_and_none_lies_in_a_cut() {
    let timeline = timeline(&trace(1));
    for pace in [Pace::Events, Pace::Wall, Pace::Idle] {
        let scale = scale(&timeline, pace);
        for window in [(0.0, scale.length()), (10.0, 40.0), (scale.length() * 0.3, scale.length() * 0.9)] {
            let ticks = ticks(&scale, window, 8);
            assert!(ticks.len() <= 9 && !ticks.is_empty(), "{pace:?} {window:?} {ticks:?}");
            assert!(ticks.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 != w[1].1), "{ticks:?}");
        }
    }
    let idle = scale(&timeline, Pace::Idle);
    let words: Vec<String> = ticks(&idle, (0.0, idle.length()), 8).into_iter().map(|t| t.1).collect();
    assert_eq!(words, ["0", "10 ms", "20 ms", "30 ms", "1.04 s", "1.05 s", "1.06 s"]);
    for (ns, step, text) in [
        (0.0, 1.0, "0"),
        (1_500_000.0, 500_000.0, "1.5 ms"),
        (20_000.0, 10_000.0, "20 µs"),
        (150e9, 10e9, "2:30 min"),
    ] {
        assert_eq!(duration(ns, step), text);
    }
    assert_eq!((time_text(1_234_567.0), time_text(999.0)), ("1.23 ms".to_owned(), "999 ns".to_owned()));
}

fn range(first: u64, pages: u64) -> Range {
    Range::from_len(Addr(first * PAGE), pages * PAGE).unwrap()
}

#[test]
fn holes_take_no_room_and_nothing_else_is_left_out() {
    let subject = Subject {
        pid: 7,
        events: 100,
        touched: vec![(range(1000, 1), 1), (range(1 << 35, 10), 10), (range((1 << 35) + 5000, 1), 90_000)],
        mapped: vec![range(1000, 4), range(1 << 35, 10_000), range(1 << 36, 1 << 28)],
        ..Subject::default()
    };
    for rows in [1usize, 2, 3, 8, 40, 200, 1000] {
        let fold = Fold::new(vec![subject.clone()], PageSize::FOUR_KIB, rows);
        let lane = &fold.lanes[0];
        let last = lane.bands.first().unwrap();
        assert!(last.row + last.rows <= rows, "{rows}: {lane:?}");
        for one in subject.touched.iter().map(|(range, _)| range).chain(&subject.mapped) {
            let (top, low) = lane.rows_of(*one).unwrap();
            assert!(top <= low && low < rows);
            for addr in [one.start(), Addr(one.end().0 - 1)] {
                let row = lane.row_of(addr).unwrap();
                assert!((top..=low).contains(&row));
                // And back: what stands at the row holds the address.
                assert!(lane.at(row).unwrap().contains(addr), "{rows} {row} {addr}");
            }
        }
        if rows >= 40 {
            assert_eq!(lane.row_of(Addr(5000 * PAGE)), None, "a hole");
            let rows_of = |r| lane.rows_of(r).map(|(top, low)| low - top + 1).unwrap();
            assert!(
                rows_of(range(1 << 35, 10)) * 3 > rows_of(range(1 << 36, 1 << 28)),
                "an untouched terabyte is small"
            );
        }
    }
}

/// What a picture of one part shows as a sketch in another one, with other rows, is what was counted there.
#[test]
fn a_sketch_shows_the_same_addresses() {
    let timeline = timeline(&trace(8));
    let mut time = counted(&timeline, (200, 60));
    time.update(Msg::Room(300, 200));
    time.work(&timeline, 1, 0);
    assert!(!time.is_exact());
    let sketched: Vec<u8> =
        (0..200).map(|row| time.found(time.scale.length()).unwrap().cell(row).0).collect();
    count(&mut time, &timeline);
    assert!(time.is_exact());
    for (row, sketched) in sketched.into_iter().enumerate() {
        let exact = time.found(time.scale.length()).unwrap().cell(row).0;
        assert_eq!(sketched, exact, "{row}");
    }
    assert!(time.counted().shade.iter().any(|s| *s > super::raster::STATES));
}

#[test]
fn many_processes_share_a_lane_and_none_vanishes() {
    for (processes, rows) in [(1u32, 100usize), (5, 100), (50, 100), (3000, 100), (3000, 6)] {
        let subjects = (1..=processes).map(|pid| Subject {
            pid,
            events: u64::from(pid % 17) + 1,
            touched: vec![(range(u64::from(pid) * 100, 3), 5)],
            ..Subject::default()
        });
        let fold = Fold::new(subjects.collect(), PageSize::FOUR_KIB, rows);
        let mut below = 0;
        for lane in &fold.lanes {
            assert!(lane.row >= below && lane.rows > 0 && lane.row + lane.rows <= rows, "{processes} {rows}");
            below = lane.row + lane.rows;
        }
        for pid in 1..=processes {
            let lane = &fold.lanes[fold.lane_of(pid).unwrap()];
            assert!(lane.pids.contains(&pid));
            let row = lane.row_of(Addr(u64::from(pid) * 100 * PAGE)).unwrap();
            assert!((lane.row..lane.row + lane.rows).contains(&row));
        }
    }
}

#[test]
fn every_fault_is_counted_at_every_scale() {
    let timeline = timeline(&trace(3));
    for room in [(10, 12), (100, 60), (400, 90)] {
        for pace in [Pace::Wall, Pace::Idle, Pace::Events] {
            let mut time = Time::default();
            time.update(Msg::Pace(pace));
            time.update(Msg::Room(room.0, room.1));
            count(&mut time, &timeline);
            assert!(time.is_exact());
            let sum = |time: &Time| -> (u64, u64) {
                let raster = time.counted();
                let faults = raster.columns.iter().map(Column::faults).sum();
                (faults, raster.columns.iter().map(|c| c.events).sum())
            };
            assert_eq!(sum(&time), (64 * 3, 65 * 3), "{room:?} {pace:?}");
            // What led to a page of its own is one, wherever it stands.
            let raster = time.counted();
            let private: u32 = raster.columns.iter().map(|c| c.marks[Mark::Private as usize]).sum();
            assert_eq!(private, 64 * 3);
            // Half of the events: the gap is at least as long as they are.
            time.update(Msg::Brush(0.0, 0.5));
            count(&mut time, &timeline);
            let (from, to) = time.shown();
            let expected = (0..timeline.end())
                .filter(|&p| {
                    let event = timeline.event_at(p).unwrap();
                    let at = time.scale.at(p, event.time_ns);
                    matches!(event.kind, EventKind::Fault(_)) && from <= at && at <= to
                })
                .count();
            let raster = time.counted();
            let faults: u64 = raster.columns.iter().map(Column::faults).sum();
            assert_eq!(faults, u64::try_from(expected).unwrap(), "{room:?} {pace:?}");
        }
    }
}

/// Pixels show what the model says at the end of their column.
#[test]
fn pixels_are_what_the_world_was() {
    let mut timeline = timeline(&trace(2));
    let time = counted(&timeline, (500, 80));
    let raster = time.counted();
    let rows: Vec<_> = (0..80).filter_map(|row| Some((row, time.fold.at(row)?))).collect();
    let mut seen = 0;
    for column in [0usize, 5, 7, 8, 14, 100, 499] {
        let until = time.scale.length() * float(u64::try_from(column + 1).unwrap()) / 500.0;
        let Place::Time(ns) = time.scale.place(until) else { panic!() };
        timeline.seek_time(ns);
        for (row, (lane, range)) in &rows {
            let Some(range) = range else { continue };
            let state = timeline.world().page_at(lane.pids[0], range.start()).map(|p| p.state);
            let shade = raster.shade[column * 80 + row];
            match state {
                None => assert_eq!(shade, UNMAPPED),
                Some(PageState::Untouched) => assert_eq!(shade, super::raster::STATES),
                // A row stands for more than its first page.
                Some(_) => assert!(shade > super::raster::STATES, "{column} {row} {range}"),
            }
            seen += usize::from(state.is_some());
        }
    }
    assert!(seen > 300, "{seen}");
}

#[test]
fn a_finer_picture_has_the_same_in_more_columns() {
    let timeline = timeline(&trace(2));
    let coarse = counted(&timeline, (100, 80));
    let fine = coarse.finer(&timeline, 2).unwrap();
    assert_eq!((fine.columns(), fine.is_exact(), fine.shown()), (200, true, coarse.shown()));
    let faults = |time: &Time| -> Vec<u64> { time.counted().columns.iter().map(Column::faults).collect() };
    let pairs: Vec<u64> = faults(&fine).chunks(2).map(|pair| pair.iter().sum()).collect();
    let differ = pairs.iter().zip(faults(&coarse)).filter(|(pair, whole)| **pair != *whole).count();
    // An event on the edge of two columns may fall on either side of it.
    assert!(differ <= 4, "{differ} of 100 columns");
    assert_eq!(pairs.iter().sum::<u64>(), faults(&coarse).iter().sum::<u64>());
    let page = timeline.header().page_size.bytes();
    let of = |time: &Time| Columns::new(time, timeline.series().samples(), page);
    let (axes, on) = (of(&coarse), of(&fine).on_axes_of(&of(&coarse)));
    assert_eq!((on.most, on.most_faults, on.memory.len()), (axes.most, axes.most_faults, 200));
    assert_eq!(on.faults.iter().step_by(2).copied().collect::<Vec<_>>(), axes.faults);
    // Before all of it has been counted there is none.
    assert!(Time::default().finer(&timeline, 2).is_none());
}

/// A mapping that came and went within one column is seen in it, and in no other.
#[test]
fn what_came_and_went_is_seen() {
    let at = 0x7f00_0000_0000u64;
    let asked = format!(r#""asked":{{"addr":"{at:#x}","len":4096}},"range":["{at:#x}","{:#x}"]"#, at + PAGE);
    let mut text = format!("{HEAD}\n");
    let kinds = [
        format!(
            r#""kind":"map",{asked},"protection":"rw-","sharing":"private","backing":{{"type":"anonymous"}}"#
        ),
        format!(r#""kind":"fault","addr":"{at:#x}","access":"write""#),
        format!(r#""kind":"unmap",{asked}"#),
        r#""kind":"end","count":3"#.to_owned(),
    ];
    for (seq, (time, kind)) in [500, 510, 520, 1000].into_iter().zip(kinds).enumerate() {
        writeln!(text, r#"{{"seq":{seq},"t":{time},"pid":1,"tid":1,{kind}}}"#).unwrap();
    }
    let timeline = timeline(&text);
    let mut time = Time::default();
    time.update(Msg::Room(10, 4));
    count(&mut time, &timeline);
    let raster = time.counted();
    let seen: Vec<bool> =
        raster.shade.chunks(4).map(|column| column.iter().any(|s| *s != UNMAPPED)).collect();
    assert_eq!(seen.iter().filter(|seen| **seen).count(), 1, "{:?}", raster.shade);
    assert!(raster.shade.contains(&(super::raster::STATES + 2)), "as a page of its own");
}

#[test]
fn what_a_trace_says_in_short_loses_no_fault() {
    let store = {
        let trace = read(trace(3).as_bytes()).unwrap();
        let options = pagescope_shared::pscope::Options { block_events: 16, ..Default::default() };
        let mut encoder = pagescope_shared::pscope::Encoder::new(&trace.header, options).unwrap();
        trace.events.iter().for_each(|event| encoder.push(event).unwrap());
        Store::open(encoder.finish()).unwrap()
    };
    let timeline = Timeline::open(store);
    for pace in [Pace::Wall, Pace::Events] {
        let scale = TimeScale::new(pace, timeline.reach(), timeline.end(), 1_064_000_000);
        let subjects = super::subjects(&timeline, true);
        assert_eq!(subjects.len(), 3);
        let fold = Fold::new(subjects, PageSize::FOUR_KIB, 50);
        for columns in [7, 100, 1000] {
            let raster = Raster::from_density(timeline.store().density(), &scale, &fold, columns);
            let faults: u64 = raster.columns.iter().map(Column::faults).sum();
            let events: u64 = raster.columns.iter().map(|c| c.events).sum();
            assert_eq!((faults, events), (64 * 3, 65 * 3), "{pace:?} {columns}");
            assert!(raster.shade.iter().any(|s| *s != UNMAPPED));
        }
    }
}

#[test]
fn zooming_keeps_the_pointers_time() {
    let timeline = timeline(&trace(1));
    let mut time = counted(&timeline, (100, 20));
    for (at, factor) in [(0.5, 0.5), (0.25, 0.8), (0.75, 0.3), (0.5, 1.5), (0.1, 0.9)] {
        let before = time.place(at);
        time.update(Msg::Zoom { at, factor });
        let (from, to) = time.shown();
        assert!(from >= 0.0 && to <= time.scale.length() && from < to);
        if from > 0.0 && to < time.scale.length() {
            assert!((time.place(at) - before).abs() < 1.0, "{at} {factor}: {before} {}", time.place(at));
        }
    }
    time.update(Msg::Zoom { at: 0.5, factor: 1e9 });
    assert_eq!(time.window, None, "further than all is all");
    time.update(Msg::Zoom { at: 0.5, factor: 1e-30 });
    let (from, to) = time.shown();
    assert!(to - from >= 1.0, "there is a closest");
    time.update(Msg::Whole);
    time.update(Msg::Brush(0.75, 0.25));
    let length = time.scale.length();
    assert_eq!(time.window, Some((length * 0.25, length * 0.75)));
    time.update(Msg::Pan(10.0));
    assert_eq!(time.window, Some((length * 0.5, length)));
    time.update(Msg::Pan(-0.5));
    assert_eq!(time.window, Some((length * 0.25, length * 0.75)));
    for bad in [f64::NAN, f64::INFINITY] {
        time.update(Msg::Zoom { at: bad, factor: 0.5 });
        time.update(Msg::Pan(bad));
        time.update(Msg::Brush(bad, 0.5));
        let (from, to) = time.shown();
        assert!(from.is_finite() && to.is_finite() && from < to, "{bad}");
    }
}

/// An empty trace, one event, times that run backwards or to the end of all numbers: no panic.
#[test]
fn strange_traces_have_a_picture() {
    let event = |seq: u64, time: u64, addr: u64| {
        format!(r#"{{"seq":{seq},"t":{time},"pid":1,"tid":1,"kind":"fault","addr":"{addr:#x}"}}"#)
    };
    let texts = [
        format!("{HEAD}\n"),
        format!("{HEAD}\n{}\n", event(0, 5, u64::MAX)),
        format!("{HEAD}\n{}\n{}\n", event(0, u64::MAX, 0), event(1, 3, 0x1000)),
        format!("{HEAD}\n{}\n{}\n", event(0, 0, u64::MAX), event(1, u64::MAX, u64::MAX - 4096)),
    ];
    for text in texts {
        let timeline = timeline(&text);
        for pace in [Pace::Wall, Pace::Idle, Pace::Events] {
            let mut time = Time::default();
            time.update(Msg::Pace(pace));
            time.update(Msg::Room(50, 20));
            count(&mut time, &timeline);
            time.update(Msg::Zoom { at: 0.9, factor: 0.01 });
            count(&mut time, &timeline);
            time.update(Msg::Point(Some((0.5, 0.5))));
            super::words::tip(&time, &timeline);
        }
    }
}

#[test]
fn a_fill_goes_on_in_slices_of_any_size() {
    let timeline = timeline(&trace(2));
    let (scale, fold) = {
        let time = counted(&timeline, (64, 32));
        (Rc::clone(&time.scale), Rc::clone(&time.fold))
    };
    let fill = |events: usize| {
        let mut fill = Fill::new(&timeline, &scale, &fold, (0.0, scale.length()), 64);
        while fill.can_advance(&timeline) {
            fill.advance(&timeline, events);
        }
        fill.raster
    };
    let whole = fill(usize::MAX);
    assert_eq!(whole.done, 64);
    for events in [1, 7, 100] {
        assert_eq!(fill(events), whole);
    }
}
