//! Packs to raw shards, and raw shards to files.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use octomed_bench::Numbers;
use octomed_files::{Access, Sync};
use octomed_mds::{Dtype, Schema, ShardBuilder, ShardEncoder, Value};

const PACKS: usize = 256;
const TOKENS: u64 = 16_384;

fn schema(compression: Option<&str>) -> Arc<Schema> {
    let columns = [
        ("input_ids", "ndarray:uint32"),
        ("lengths", "ndarray:uint32"),
    ];
    let builder = Schema::of(&columns).hashes(&["xxh3_64"]).size_limit(None);
    let builder = match compression {
        Some(name) => builder.compression(name),
        None => builder,
    };
    Arc::new(builder.build().unwrap())
}

/// Ids as frequent as words are: zstd finds about what it finds in real ones.
fn ids() -> Vec<u8> {
    let mut numbers = Numbers::new(1);
    let ids = (0..TOKENS).map(|_| u32::try_from(numbers.rank(150_000)).unwrap());
    ids.flat_map(u32::to_le_bytes).collect()
}

fn raw(schema: &Arc<Schema>, ids: &[u8]) -> Vec<u8> {
    let lengths: Vec<u8> = [512_u32; 32]
        .iter()
        .flat_map(|length| length.to_le_bytes())
        .collect();
    let mut builder = ShardBuilder::new(schema, PACKS);
    for _ in 0..PACKS {
        let row = [
            Value::Array(Dtype::Uint32, &[TOKENS], ids),
            Value::Array(Dtype::Uint32, &[32], &lengths),
        ];
        builder.push(&row).unwrap();
    }
    builder.finish()
}

fn shards(criterion: &mut Criterion) {
    let ids = ids();
    let mut group = criterion.benchmark_group("shards");
    group
        .throughput(Throughput::Bytes(PACKS as u64 * TOKENS * 4))
        .sample_size(10);
    let plain = schema(None);
    group.bench_function("encode", |bencher| bencher.iter(|| raw(&plain, &ids)));
    for compression in [None, Some("zstd:1")] {
        let schema = schema(compression);
        let shard = raw(&schema, &ids);
        let folder = tempfile::tempdir().unwrap();
        let mut encoder = ShardEncoder::new(&schema).unwrap();
        group.bench_function(
            format!("finish {}", compression.unwrap_or("raw")),
            |bencher| {
                bencher.iter(|| {
                    let encoded = encoder.encode(&shard, "shard.00000.mds").unwrap();
                    encoded
                        .put(folder.path(), Access::Umask, Sync::Later)
                        .unwrap();
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, shards);
criterion_main!(benches);
