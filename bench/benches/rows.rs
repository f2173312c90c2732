//! JSON Lines to rows.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use octomed_bench::english;
use octomed_trace::{DEFAULT_TARGET, Finding, JsonLinesCutter, Mapping, Numbering, TraceError};
use serde_json::json;

const MAPPING: &str = r#"{"question": "question", "options": "options", "responses": "responses"}"#;

fn lines() -> Vec<u8> {
    let texts = english(1, 8 << 20, 700);
    let rows = texts.chunks(4).map(|responses| {
        let options = ["A. one", "B. another"];
        json!({"question": "Which of these is it?", "options": options, "responses": responses})
            .to_string()
            + "\n"
    });
    rows.collect::<String>().into_bytes()
}

fn rows(criterion: &mut Criterion) {
    let lines = lines();
    let mapping = Mapping::from_json(MAPPING).unwrap();
    let mut group = criterion.benchmark_group("rows");
    group
        .throughput(Throughput::Bytes(lines.len() as u64))
        .sample_size(10);
    group.bench_function("json lines", |bencher| {
        bencher.iter(|| {
            let mut cutter = JsonLinesCutter::new(0, None, Numbering::RowNumber, DEFAULT_TARGET);
            let mut blocks = cutter.feed(&lines).unwrap();
            blocks.extend(cutter.finish().unwrap());
            let mut found = 0;
            for block in &blocks {
                let counted = block.for_each(&mapping, |finding| {
                    found += usize::from(matches!(finding, Finding::Row(_)));
                    Ok::<(), TraceError>(())
                });
                counted.unwrap();
            }
            assert!(found > 100);
        });
    });
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
