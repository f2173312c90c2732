//! Time and memory of a selection over many millions of traces. Run by hand:
//! `cargo test --release -p octomed-curate --test scale -- --ignored --nocapture`.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Instant;

use octomed_curate::{Curate, PackLimits, needs, rename_collisions, rules};
use octomed_files::Access;
use octomed_index::{
    BlockIndex, BlockRef, Header, Index, MEASURES, NewBlock, Question, QuestionTable, SCAN_VERSION,
    TraceColumns, TraceEntry, TraceMeasures, checksum,
};
use xxhash_rust::xxh3::xxh3_64;

const TRACES: u64 = 8_000_000;
const OF_BLOCK: u64 = 131_072;
const OF_QUESTION: u64 = 16;

const RECIPE: &str = r#"{
    "duplicates": {"exact": true}, "over_long": "reject",
    "exclude": [{"line": "list:1", "ids": [7]}, {"line": "list:2", "row": {"source": "s1", "file": "3", "row": 9}}],
    "pass_rate": {"least": 0.125, "most": 0.875},
    "traces_per_question": {"keep": 8, "by": "random"},
    "stratify": {"sources": [["s0", null]], "per_class": {"number": 2000}, "repeat": false},
    "validation": {"share": 0.005, "group": [["s0", 0]]},
    "mix": [{"group": "g", "sources": ["s1"], "epochs": 0.5},
            {"group": "h", "sources": ["s2"], "epochs": 2.0, "max_examples": 400000}]
}"#;

fn hash(number: u64, salt: u64) -> u64 {
    xxh3_64(&[number.to_le_bytes(), salt.to_le_bytes()].concat())
}

/// A trace of a question with 16 responses.
fn trace(trace: u64, first: u64) -> TraceEntry {
    // One in twenty repeats another.
    let equal = if trace.is_multiple_of(20) {
        trace / 2
    } else {
        trace
    };
    TraceEntry {
        trace_id: hash(trace, 1),
        shuffle_key: hash(trace, 2),
        hash_high: hash(equal, 3),
        question_id: hash(trace / OF_QUESTION, 4),
        position: trace - first,
        ordinal: ((trace - first) / OF_QUESTION) as u32,
        sample: (trace % OF_QUESTION) as u32,
        tokens: 200 + (hash(trace, 5) % 3000) as u32,
        checksum: checksum(&[]),
        ..TraceEntry::default()
    }
}

fn measures(trace: u64) -> TraceMeasures {
    let right = hash(trace, 6) % 16 < trace / OF_QUESTION % 17;
    TraceMeasures {
        answer: if right { 1 } else { 2 },
        ..TraceMeasures::default()
    }
}

fn write(folder: &Path, number: u64) -> BlockRef {
    let first = number * OF_BLOCK;
    let last = TRACES.min(first + OF_BLOCK);
    let (mut columns, mut table) = (TraceColumns::default(), QuestionTable::default());
    let mut measured = Vec::new();
    for number in first..last {
        let (made, question) = (trace(number, first), number / OF_QUESTION);
        columns.push(&made);
        measured.extend_from_slice(&measures(number).encode());
        if made.sample == 0 {
            let (gold, patient) = (
                format!("class {}", question % 40),
                (question / 3).to_string(),
            );
            let stem = format!("A man has had a fever since {question} days. What next?");
            table.push(&Question {
                ordinal: made.ordinal,
                question_id: made.question_id,
                stem: &stem,
                gold: Some(&gold),
                asked: vec![Some(&patient)],
                ..Question::default()
            });
        }
    }
    let header = Header {
        version: SCAN_VERSION,
        source: format!("s{}", number % 3),
        file: number.to_string(),
        traces: last - first,
        measures: true,
        questions: Some(table.len() as u64),
        ..Header::default()
    };
    let path = folder.join(number.to_string());
    let block = NewBlock {
        traces: columns,
        side: &[(MEASURES, measured)],
        questions: Some(&table),
        ..NewBlock::new(&header)
    };
    block.write(&path, Access::Owner).unwrap();
    BlockRef { path, first_row: 0 }
}

/// What the system says of this process's memory.
fn memory(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name));
    line.unwrap_or_default().to_owned()
}

#[test]
#[ignore = "minutes, and a gigabyte of disk"]
fn all_rules_over_eight_million_traces() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = 0..TRACES.div_ceil(OF_BLOCK);
    let blocks: Vec<BlockRef> = numbers.map(|number| write(folder.path(), number)).collect();
    println!("written; {}", memory("VmHWM"));
    let curate: Curate = serde_json::from_str(RECIPE).unwrap();
    let limits = PackLimits {
        capacity: 3000,
        max_patches: None,
        seed: 17,
    };
    let all = Instant::now();
    let rules = rules(&curate, &limits, None);
    let needs = needs(&rules);
    let load = |block| BlockIndex::load(block, &needs).unwrap();
    let mut index = Index {
        blocks: blocks.iter().map(load).collect(),
    };
    println!("{:>8.2?} read; {}", all.elapsed(), memory("VmRSS"));
    let mut rejects = Vec::new();
    for rule in &rules {
        let begin = Instant::now();
        rejects.push(rule.apply(&mut index).unwrap());
        let taken = begin.elapsed();
        let codes = index.blocks.iter().flat_map(|block| &block.traces.verdict);
        let count = codes.filter(|&&code| code == rule.verdict() as u8).count();
        let name = rule.verdict().as_str();
        println!("{taken:>8.2?} {name}: {count}; {}", memory("VmRSS"));
    }
    index.release();
    rename_collisions(&mut index);
    let taken = all.elapsed();
    println!(
        "{taken:.2?} in all; {}, {}",
        memory("VmRSS"),
        memory("VmHWM")
    );
    assert!(taken.as_secs() < 15, "{taken:?}");
}
