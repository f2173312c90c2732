//! How many bytes of stems a core looks up in a second: `cargo run --release --example throughput -- EVALUATION TRAINING`.
//!
//! Both are text files with a question in each line; without them, questions of random words are made.

use std::time::Instant;

use octomed_ngrams::{Asked, Matcher, NgramIndex, Question, Rule};

/// Questions of 71 tokens or so, as the corpus has them.
fn made(count: usize, seed: u64) -> Vec<String> {
    let mut state = seed;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let question = |_| {
        let words = 20 + next() % 70;
        let word = |_| format!("{:x}", next() % 60_000 * 7919);
        let words: Vec<String> = (0..words).map(word).collect();
        words.join(" ")
    };
    (0..count).map(question).collect()
}

fn read(path: Option<String>, count: usize, seed: u64) -> Vec<String> {
    let lines = path.map(|path| std::fs::read_to_string(&path).unwrap_or_default());
    lines.map_or_else(
        || made(count, seed),
        |lines| lines.lines().map(str::to_owned).collect(),
    )
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let evaluation = read(arguments.next(), 30_000, 1);
    let training = read(arguments.next(), 200_000, 2);
    let begin = Instant::now();
    let questions = evaluation.iter().map(|stem| Question {
        set: 0,
        id: 0,
        stem,
        images: 0,
    });
    let index = NgramIndex::new(16, Rule::Any, questions);
    println!(
        "index of {} questions: {:.3} s",
        evaluation.len(),
        begin.elapsed().as_secs_f64()
    );
    let times = arguments
        .next()
        .and_then(|times| times.parse().ok())
        .unwrap_or(3);
    let bytes: usize = training.iter().map(String::len).sum();
    for _ in 0..times {
        let begin = Instant::now();
        let mut matcher = Matcher::new(&index);
        let found = training.iter().filter(|stem| {
            let found = matcher.find(&Asked {
                id: 1,
                stem,
                images: 0,
            });
            !found.keeping.is_empty()
        });
        let found = found.count();
        let seconds = begin.elapsed().as_secs_f64();
        let rate = bytes as f64 / seconds / 1e6;
        println!(
            "{found} of {}: {seconds:.3} s, {rate:.0} MB/s",
            training.len()
        );
    }
}
