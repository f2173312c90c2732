//! How fast rows are read: `cargo run --release -p octomed-trace --example throughput [megabytes]`.
//!
//! Rows of about 4.5 KB, one line break in 90 characters, as reasoning traces have them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use octomed_trace::{
    ArrowCutter, Block, Body, CsvCutter, CsvDialect, DEFAULT_TARGET, Finding, IdentityHasher,
    JsonArrayCutter, JsonLinesCutter, Mapping, Numbering, TraceError, question_id,
};

const CHUNK: usize = 4 << 20;

/// The kernel counts a running thread's time in steps of this many seconds.
const CLOCK_TICK: f64 = 0.004;

fn main() {
    let megabytes: usize = std::env::args()
        .nth(1)
        .map_or(256, |argument| argument.parse().unwrap());
    let mapping = Mapping::from_json(
        r#"{"question": "question", "reasoning": "reasoning", "response": "response"}"#,
    )
    .unwrap();
    for (name, sentence) in [
        (
            "English",
            "Okay, so the patient is a 54-year-old man with chest pain that radiates to the left arm.\\n",
        ),
        (
            "no escapes",
            "Okay, so the patient is a 54-year-old man with chest pain that radiates to the left arm.  ",
        ),
        (
            "Chinese",
            "患者为五十四岁男性，胸痛并向左臂放射，需要首先考虑急性冠脉综合征。\\n",
        ),
    ] {
        let (rows, texts) = corpus(sentence, megabytes << 20);
        let lines = rows.join("\n");
        let array = format!("[{}]", rows.join(","));
        println!(
            "{name}: {} rows, {:.1} MB",
            rows.len(),
            lines.len() as f64 / 1e6
        );
        let blocks = time("  lines, cut", lines.len(), || cut_lines(lines.as_bytes()));
        time("  lines, read", lines.len(), || read(&blocks, &mapping));
        time("  array, cut", array.len(), || cut_array(array.as_bytes()));
        let batches = batches(&texts);
        let blocks = time("  arrow, cut", lines.len(), || {
            cut_batches(&batches, &mapping)
        });
        time("  arrow, read", lines.len(), || read(&blocks, &mapping));
        let csv = csv(&texts);
        let blocks = time("  csv, cut", csv.len(), || {
            cut_csv(csv.as_bytes(), &mapping)
        });
        time("  csv, read", csv.len(), || read(&blocks, &mapping));
    }
}

/// Seconds that this thread has had a core, so that a busy machine does not count against it (Linux).
fn processor_seconds() -> f64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    times.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn corpus(sentence: &str, bytes: usize) -> (Vec<String>, [Vec<String>; 3]) {
    let mut rows = Vec::new();
    let mut texts = [Vec::new(), Vec::new(), Vec::new()];
    let mut size = 0;
    while size < bytes {
        let number = rows.len();
        let parts = [3, 30 + number % 17, 4 + number % 5]
            .map(|times| format!("{number} {}", sentence.repeat(times)));
        let row = format!(
            r#"{{"id": "row-{number}", "question": "{}", "reasoning": "{}", "response": "{}", "source": "bench"}}"#,
            parts[0], parts[1], parts[2]
        );
        size += row.len();
        rows.push(row);
        for (column, part) in texts.iter_mut().zip(parts) {
            column.push(part.replace("\\n", "\n"));
        }
    }
    (rows, texts)
}

fn time<T>(name: &str, bytes: usize, mut work: impl FnMut() -> T) -> T {
    let mut best = f64::INFINITY;
    let mut result = None;
    for _ in 0..5 {
        drop(result.take());
        let start = processor_seconds();
        result = Some(black_box(work()));
        best = best.min(processor_seconds() - start);
    }
    if best < CLOCK_TICK {
        println!("{name}: over {:.0} GB/s", bytes as f64 / CLOCK_TICK / 1e9);
    } else {
        println!("{name}: {:.2} GB/s", bytes as f64 / best / 1e9);
    }
    result.unwrap()
}

fn cut_lines(file: &[u8]) -> Vec<Block> {
    let mut cutter = JsonLinesCutter::new(0, None, Numbering::ByteOffset, DEFAULT_TARGET);
    let mut blocks: Vec<Block> = file
        .chunks(CHUNK)
        .flat_map(|chunk| cutter.feed(chunk).unwrap())
        .collect();
    blocks.extend(cutter.finish().unwrap());
    blocks
}

fn cut_array(file: &[u8]) -> Vec<Block> {
    let mut cutter = JsonArrayCutter::new(DEFAULT_TARGET);
    let mut blocks: Vec<Block> = file
        .chunks(CHUNK)
        .flat_map(|chunk| cutter.feed(chunk).unwrap())
        .collect();
    blocks.extend(cutter.finish().unwrap());
    blocks
}

fn batches(texts: &[Vec<String>; 3]) -> Vec<RecordBatch> {
    let chunks = texts.each_ref().map(|column| {
        column
            .chunks(8192)
            .map(|texts| Arc::new(StringArray::from_iter_values(texts)) as ArrayRef)
            .collect::<Vec<_>>()
    });
    (0..chunks[0].len())
        .map(|index| {
            let columns = ["question", "reasoning", "response"]
                .into_iter()
                .zip(&chunks);
            RecordBatch::try_from_iter(columns.map(|(name, chunks)| (name, chunks[index].clone())))
                .unwrap()
        })
        .collect()
}

fn cut_batches(batches: &[RecordBatch], mapping: &Mapping) -> Vec<Block> {
    let mut cutter = ArrowCutter::new(mapping, 0, DEFAULT_TARGET);
    let mut blocks: Vec<Block> = batches
        .iter()
        .flat_map(|batch| cutter.feed(batch.clone()).unwrap())
        .collect();
    blocks.extend(cutter.finish().unwrap());
    blocks
}

/// A CSV file of the texts, in quotes.
fn csv(texts: &[Vec<String>; 3]) -> String {
    let mut file = "question,reasoning,response\n".to_owned();
    for row in 0..texts[0].len() {
        let fields = texts
            .each_ref()
            .map(|column| format!("\"{}\"", column[row]));
        file.push_str(&fields.join(","));
        file.push('\n');
    }
    file
}

fn cut_csv(file: &[u8], mapping: &Mapping) -> Vec<Block> {
    let dialect = CsvDialect::new(',', Some('"'), None).unwrap();
    let mut cutter = CsvCutter::new(mapping, dialect, DEFAULT_TARGET);
    let mut blocks = Vec::new();
    for chunk in file.chunks(CHUNK) {
        cutter.feed(chunk);
        while let Some(block) = cutter.next_block().unwrap() {
            blocks.push(block);
        }
    }
    cutter.finish();
    while let Some(block) = cutter.next_block().unwrap() {
        blocks.push(block);
    }
    blocks
}

/// Reads all rows, and hashes what the scan hashes of each.
fn read(blocks: &[Block], mapping: &Mapping) -> u64 {
    let mut hasher = IdentityHasher::new("bench", "rows.jsonl");
    let mut total = 0;
    for block in blocks {
        block
            .for_each(mapping, |finding| {
                let Finding::Row(row) = finding else {
                    panic!("{finding:?}")
                };
                let Body::Question {
                    question,
                    options,
                    responses,
                    ..
                } = &row.body
                else {
                    panic!("no question")
                };
                total ^= question_id(
                    question,
                    options.iter().map(|option| option.text),
                    row.image_hash(),
                ) ^ hasher.trace_id(row.position, 0);
                total += responses[0].response.len() as u64;
                Ok::<(), TraceError>(())
            })
            .unwrap();
    }
    total
}
