//! The model's speed on made-up recordings, beside the plainest model there could be: `cargo xtask bench model`.

mod baseline;

use baseline::Baseline;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pagescope_shared::addr::PageSize;
use pagescope_shared::model::Change;
use pagescope_shared::workloads::Workload;
use pagescope_shared::world::World;
use std::time::Duration;

fn model(criterion: &mut Criterion) {
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
}

fn settings() -> Criterion {
    // The cases are long; what the machine does beside them is the greater error.
    let times = Criterion::default().warm_up_time(Duration::from_secs(1));
    times.measurement_time(Duration::from_secs(3)).sample_size(15)
}

criterion_group! { name = all; config = settings(); targets = model }
criterion_main!(all);
