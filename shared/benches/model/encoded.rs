//! The recording form: writing, reading, and going anywhere in a long trace.

use criterion::{Criterion, Throughput};
use pagescope_shared::addr::PageSize;
use pagescope_shared::event::Event;
use pagescope_shared::header::{FORMAT, Header, Tool, VERSION};
use pagescope_shared::pscope::{Encoder, Options};
use pagescope_shared::store::Store;
use pagescope_shared::timeline::Timeline;
use pagescope_shared::workloads::Workload;
use std::time::Instant;

/// How long the long trace is.
const LONG: usize = 10_000_000;

fn header() -> Header {
    let text = |text: &str| text.to_owned();
    Header {
        format: text(FORMAT),
        version: VERSION,
        page_size: PageSize::FOUR_KIB,
        arch: text("x86_64"),
        clock: text("CLOCK_MONOTONIC"),
        tool: Tool { name: text("bench"), version: text("1"), method: text("made up") },
        command: Vec::new(),
        capabilities: Vec::new(),
        lesson: None,
        extra: serde_json::Map::new(),
    }
}

/// A workload from its beginning on, as often as it takes, with times that vary as those of a kernel do.
fn repeated(workload: &Workload, count: usize) -> impl Iterator<Item = Event> + '_ {
    let (mut time_ns, mut random) = (0u64, 88_172_645_463_325_252u64);
    let mut beginning = Vec::new();
    workload.begin(|event| beginning.push(event.clone()));
    let all = beginning.into_iter().chain(workload.events.iter().cycle().cloned()).take(count).zip(0u64..);
    all.map(move |(event, seq)| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        time_ns += 300 + random % 700;
        Event { seq, time_ns, ..event }
    })
}

fn encoded(events: impl Iterator<Item = Event>, options: Options) -> Vec<u8> {
    let Ok(mut encoder) = Encoder::new(&header(), options) else { return Vec::new() };
    for event in events {
        let pushed = encoder.push(&event);
        assert!(pushed.is_ok(), "{pushed:?}");
    }
    encoder.finish()
}

pub(crate) fn measure(criterion: &mut Criterion, workload: &Workload) {
    let events: Vec<Event> = repeated(workload, 200_000).collect();
    let bytes = encoded(events.iter().cloned(), Options::default());
    let count = events.len().try_into().unwrap_or(u64::MAX);
    let mut group = criterion.benchmark_group(format!("{}-encode", workload.name));
    group.throughput(Throughput::Elements(count));
    group.bench_function("pagescope", |bencher| {
        bencher.iter(|| encoded(events.iter().cloned(), Options { keyframes: false, ..Options::default() }));
    });
    group.finish();
    let mut group = criterion.benchmark_group(format!("{}-decode", workload.name));
    group.throughput(Throughput::Elements(count));
    group.bench_function("pagescope", |bencher| {
        bencher.iter(|| {
            let store = Store::open(bytes.clone()).ok();
            let counted =
                store.map(|s| (0..s.block_count()).filter_map(|b| s.block(b)).map(|b| b.len()).sum());
            assert_eq!(counted, Some(events.len()));
        });
    });
    group.finish();
}

/// Prints how long it takes to go anywhere in ten million events.
pub(crate) fn seek(workload: &Workload) {
    let bytes = encoded(repeated(workload, LONG), Options::default());
    println!("{}: {:.2} bytes an event in a .pscope", workload.name, ratio(bytes.len(), LONG));
    let Ok(store) = Store::open(bytes) else { return };
    let mut timeline = Timeline::open(store);
    let start = Instant::now();
    timeline.explore(usize::MAX);
    println!("{}: gone through once in {:.2} s", workload.name, start.elapsed().as_secs_f64());
    let mut random = 1usize;
    let mut times: Vec<f64> = Vec::new();
    for _ in 0..1000 {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let to = (random >> 16) % LONG;
        let start = Instant::now();
        timeline.seek(to);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times.get(times.len() * part / 1000).copied().unwrap_or(f64::NAN);
    let (median, most, worst) = (at(500), at(990), at(999));
    println!("{}: seek median {median:.2} ms, 99 % {most:.2} ms, worst of 1000 {worst:.2} ms", workload.name);
}

fn ratio(a: usize, b: usize) -> f64 {
    let number = |n: usize| u32::try_from(n).map_or(f64::INFINITY, f64::from);
    number(a) / number(b)
}
