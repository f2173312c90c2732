//! Lengths to packs.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use octomed_bench::lengths;
use octomed_pack::pack_lengths;

const CAPACITY: u32 = 16_384;

fn pack(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pack_lengths");
    group.sample_size(10);
    for count in [10_000, 1_000_000] {
        let items = lengths(1, count, CAPACITY);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count}"), |bencher| {
            bencher.iter(|| pack_lengths(&items, CAPACITY).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, pack);
criterion_main!(benches);
