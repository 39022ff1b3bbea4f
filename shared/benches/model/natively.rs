//! Every workload on both models, by criterion.

use super::baseline::Baseline;
use super::encoded;
use criterion::{Criterion, Throughput};
use pagescope_shared::addr::PageSize;
use pagescope_shared::model::Change;
use pagescope_shared::workloads::Workload;
use pagescope_shared::world::World;
use std::time::Duration;

pub(crate) fn measure() {
    // The cases are long; what the machine does beside them is the greater error.
    let times = Criterion::default().warm_up_time(Duration::from_secs(1));
    let times = times.measurement_time(Duration::from_secs(3)).sample_size(15);
    let mut criterion = times.configure_from_args();
    for workload in Workload::all() {
        let mut group = criterion.benchmark_group(workload.name);
        group.throughput(Throughput::Elements(workload.events.len().try_into().unwrap_or(u64::MAX)));
        group.bench_function("pagescope", |bencher| {
            let (mut world, mut change) = (World::new(PageSize::FOUR_KIB), Change::default());
            workload.begin(|event| world.apply(event, &mut change));
            bencher.iter(|| workload.events.iter().for_each(|event| world.apply(event, &mut change)));
        });
        group.bench_function("rangemap", |bencher| {
            let mut baseline = Baseline::default();
            workload.begin(|event| baseline.apply(event));
            bencher.iter(|| workload.events.iter().for_each(|event| baseline.apply(event)));
        });
        group.finish();
    }
    let ends = ["storm", "fork-server"];
    for workload in ends.iter().filter_map(|name| Workload::named(name)) {
        encoded::measure(&mut criterion, &workload);
    }
    criterion.final_summary();
    // Not one of criterion's: the worst counts, not the mean.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().all(|arg| arg != "--test" && arg != "--list") {
        let filter = arguments.iter().find(|arg| !arg.starts_with('-'));
        let wanted =
            ends.into_iter().filter(|name| filter.is_none_or(|f| format!("{name}-seek").contains(f)));
        wanted.filter_map(Workload::named).for_each(|workload| encoded::seek(&workload));
    }
}
