//! Text to ids, and turns to text.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use octomed_bench::{chinese, english};
use octomed_text::{Encoder, Message, Rendered, Supervise, Template, Tokenizer};

const MODEL: &str = "qwen2.5";
const BYTES: usize = 4 << 20;

fn encode(criterion: &mut Criterion) {
    let tokenizer = Arc::new(Tokenizer::builtin(MODEL).unwrap());
    for (language, texts) in [
        ("english", english(1, BYTES, 700)),
        ("chinese", chinese(1, BYTES, 400)),
    ] {
        let mut group = criterion.benchmark_group(format!("encode/{language}"));
        let bytes: usize = texts.iter().map(String::len).sum();
        group
            .throughput(Throughput::Bytes(bytes as u64))
            .sample_size(10);
        let mut ids: Vec<u32> = Vec::with_capacity(bytes);
        let mut pass = |encoder: &mut Encoder| {
            ids.clear();
            for text in &texts {
                encoder.encode_text(text, &mut ids).unwrap();
            }
            ids.len()
        };
        group.bench_function("first pass", |bencher| {
            bencher.iter_batched_ref(
                || Encoder::new(Arc::clone(&tokenizer)),
                &mut pass,
                BatchSize::PerIteration,
            );
        });
        let mut warm = Encoder::new(Arc::clone(&tokenizer));
        pass(&mut warm);
        group.bench_function("second pass", |bencher| bencher.iter(|| pass(&mut warm)));
        group.finish();
    }
}

fn render(criterion: &mut Criterion) {
    let controls = Tokenizer::builtin(MODEL).unwrap().special_tokens();
    let template = Template::builtin(MODEL, &controls).unwrap();
    let texts = english(2, 1 << 20, 700);
    let bytes: usize = texts.iter().map(String::len).sum();
    let mut rendered = Rendered::default();
    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("qwen2.5", |bencher| {
        bencher.iter(|| {
            for text in &texts {
                let turns = [
                    Message {
                        role: "user",
                        content: "Which of these is it?\nA. one\nB. another",
                        images: &[],
                        learned: true,
                    },
                    Message {
                        role: "assistant",
                        content: text,
                        images: &[],
                        learned: true,
                    },
                ];
                template
                    .render(&turns, Supervise::All, &mut rendered)
                    .unwrap();
            }
        });
    });
    group.finish();
}

criterion_group!(benches, encode, render);
criterion_main!(benches);
