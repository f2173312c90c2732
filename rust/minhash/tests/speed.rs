//! Speeds of the parts, in release mode: `cargo test --release -p octomed-minhash --test speed -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Instant;

use octomed_minhash::{Band, Near, Runs, Shingles, Sketcher, jaccard_from};

/// So many texts of about 700 words out of a lexicon of a few thousand.
fn texts(count: usize) -> Vec<String> {
    let mut state = 1_u64;
    let mut draw = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let lexicon: Vec<String> = (0..6000)
        .map(|_| {
            let length = [1, 2, 2, 3, 3, 3, 4, 4, 5, 6, 7, 8, 9, 11][draw(14) as usize];
            (0..length)
                .map(|_| char::from(b'a' + draw(26) as u8))
                .collect()
        })
        .collect();
    (0..count)
        .map(|_| {
            let mut text = String::new();
            for _ in 0..700 {
                text.push_str(&lexicon[draw(6000) as usize]);
                text.push_str(match draw(40) {
                    0..3 => ", ",
                    3..6 => ".\n",
                    6 => " – ",
                    7 => "’s ",
                    _ => " ",
                });
            }
            text
        })
        .collect()
}

#[test]
#[ignore = "measures"]
fn speeds() {
    let texts = texts(20_000);
    let bytes: usize = texts.iter().map(String::len).sum();
    let report = |name: &str, work: &mut dyn FnMut(&str)| {
        let best = (0..3)
            .map(|_| {
                let start = processor_seconds();
                texts.iter().for_each(|text| work(text));
                processor_seconds() - start
            })
            .fold(f64::MAX, f64::min);
        println!(
            "{name}: {:.0} MB/s, {:.2} µs a text",
            bytes as f64 / best / 1e6,
            best / texts.len() as f64 * 1e6
        );
    };
    let mut sum = 0_u64;
    let mut runs = Runs::new(5);
    report("runs", &mut |text| {
        runs.each(text, |run| sum ^= run);
    });
    let mut sketcher = Sketcher::new(&Near::default());
    let mut keys = [0; 20];
    report("bands", &mut |text| {
        sketcher.bands(text, &mut keys);
        sum ^= keys[0];
    });
    report("shingles", &mut |text| {
        sum ^= Shingles::of(text, &mut runs).len() as u64
    });
    let sets: Vec<Shingles> = texts
        .iter()
        .map(|text| Shingles::of(text, &mut runs))
        .collect();
    let start = Instant::now();
    let passed = sets
        .windows(2)
        .filter(|pair| jaccard_from(&pair[0], &pair[1], 0.8).is_some())
        .count();
    println!(
        "other pairs: {:.2} µs",
        start.elapsed().as_secs_f64() * 1e6 / 20_000.0
    );
    let start = Instant::now();
    let same = sets
        .iter()
        .filter(|set| jaccard_from(set, set, 0.8).is_some())
        .count();
    println!(
        "equal pairs: {:.2} µs {passed} {same} {sum}",
        start.elapsed().as_secs_f64() * 1e6 / 20_000.0
    );
}

#[test]
#[ignore = "measures"]
fn a_band_of_eight_million() {
    let (count, mut state) = (8_000_000_u32, 1_u64);
    let begin = processor_seconds();
    let start = Instant::now();
    let mut band = Band::new(count as usize);
    band.reserve(count as usize);
    for number in 0..count {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // A twentieth of the texts have the key of an earlier one.
        let key = if number % 20 == 0 {
            u64::from(number / 40)
        } else {
            state
        };
        band.add(number, key, 7);
    }
    let filled = processor_seconds() - begin;
    let groups = band.groups();
    println!(
        "{} groups: filled in {filled:.2} s, sorted in {:.2} s of the processor, {:.2} s by the clock",
        groups.len(),
        processor_seconds() - begin - filled,
        start.elapsed().as_secs_f64()
    );
}

/// Seconds of processor time that this thread has had.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text
        .split(' ')
        .next()
        .and_then(|number| number.parse::<f64>().ok());
    first.unwrap_or_default() / 1e9
}
