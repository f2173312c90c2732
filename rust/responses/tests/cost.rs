//! What measuring costs: no allocation once memory has grown, linear time over hostile text, and bytes a second.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use octomed_responses::{MeasureSettings, Measures, Response, Scratch, decide, measure, parts};

/// Counts the allocations of a thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn all(text: &str, scratch: &mut Scratch) -> Measures {
    let response = Response {
        text,
        parts: parts(text, None),
        finished: None,
    };
    measure(&response, &MeasureSettings::everything(), scratch)
}

/// A response as teachers write them: sentences with laboratory values, headings, options, an answer.
fn typical(seed: u32) -> String {
    const SENTENCES: [&str; 12] = [
        "The patient presents with fever of 38.9 °C, a heart rate of 112/min, and a blood pressure of 96/58 mm Hg.",
        "Okay, so let's go through the differential step by step before settling on anything.",
        "Laboratory studies show a leukocyte count of 14,500/mm3, hemoglobin 9.8 g/dL, and platelets 210,000/mm3.",
        "However, the absence of neck stiffness makes meningitis considerably less likely here.",
        "- **Option B**: Metformin inhibits hepatic gluconeogenesis and does not cause hypoglycemia on its own.",
        "Serum sodium is 128 mEq/L with a urine osmolality of 540 mOsmol/kg, which points to SIADH.",
        "Hmm, wait. The question asks for the *most appropriate next step*, not for the diagnosis itself.",
        "In a 54-year-old woman with a 30-pack-year history, small cell carcinoma is the classic association.",
        "Therefore β-blockers are contraindicated, and intravenous magnesium should be given first.",
        "CT of the chest shows a 3.2 × 2.8 cm mass in the right upper lobe abutting the mediastinum.",
        "This mechanism was described in the 1980s and remains the textbook explanation of the finding.",
        "So among A through E, the one that fits the timeline, the labs, and the imaging is the third.",
    ];
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut text = String::from("<think>\n");
    for sentence in 0..34 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        text.push_str(SENTENCES[state as usize % SENTENCES.len()]);
        // A number makes each sentence one of its own.
        text.push_str(&format!(" ({})", state % 997));
        text.push_str(if sentence % 5 == 4 { "\n\n" } else { " " });
    }
    text.push_str("\n</think>\n\nThe findings fit best with SIADH.\n\n<answer>C</answer>");
    text
}

#[test]
fn no_response_allocates() {
    let texts: Vec<String> = (0..50).map(typical).collect();
    let mut scratch = Scratch::new();
    all(&"word ".repeat(2000), &mut scratch);
    all(&"line\n".repeat(2000), &mut scratch);
    let before = ALLOCATIONS.with(Cell::get);
    let mut found = 0;
    for text in &texts {
        let measures = all(text, &mut scratch);
        found += u32::from(decide(&measures, &octomed_responses::Limits::default()).is_some());
    }
    assert_eq!((ALLOCATIONS.with(Cell::get) - before, found), (0, 0));
}

/// A megabyte of each, against which nothing may go astray.
fn hostile() -> Vec<(&'static str, String)> {
    let units = [
        ("letters", "a"),
        ("words", "a "),
        ("lines", "a\n"),
        ("blank lines", "\n"),
        ("spaces", " "),
        ("digits", "1"),
        ("numbers", "12345678 "),
        ("pairs", "12 "),
        ("hyphens", "1-"),
        ("signs", "@"),
        ("addresses", "a@"),
        ("domains", "@a.1"),
        ("dots", "a."),
        ("full addresses", "a@b.cd "),
        ("phones", "212-555-0123 "),
        ("years", "1961 "),
        ("births", "DOB 1961 "),
        ("months", "12 March 1961 "),
        ("labels", "MRN "),
        ("tags", "<think>"),
        ("closing tags", "</think>"),
        ("angles", "<"),
        ("control", "<|"),
        ("brackets", "["),
        ("fences", "```\n"),
        ("boxes", "\\boxed{"),
        ("closed boxes", "\\boxed{}"),
        ("backslashes", "\\"),
        ("braces", "{"),
        ("Han", "患"),
        ("Arabic", "ع "),
        ("emoji", "😀"),
        ("sorry", "I'm sorry, "),
        ("Sorry without end", "sorry but "),
        ("brackets of labels", "(x) 12345678"),
        ("plus", "+12 "),
        ("NUL", "\0"),
    ];
    units
        .iter()
        .map(|(name, unit)| (*name, unit.repeat((1 << 20) / unit.len())))
        .collect()
}

#[test]
fn hostile_megabytes_are_linear() {
    let mut scratch = Scratch::new();
    for (name, text) in hostile() {
        let begin = on_processor();
        all(&text, &mut scratch);
        let whole = on_processor() - begin;
        // Two seconds, not a bound of speed: quadratic work on a megabyte takes hours.
        assert!(whole < Duration::from_secs(2), "{name}: {whole:?}");
    }
}

#[test]
#[ignore = "timing: cargo test --release -p octomed-responses --test cost -- --ignored --nocapture"]
fn throughput() {
    let texts: Vec<String> = (0..2000).map(typical).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    let off = MeasureSettings::default();
    let everything = MeasureSettings::everything();
    let none = octomed_responses::Kinds::none();
    let settings = [
        ("everything", everything.clone()),
        ("lengths only", off.clone()),
        (
            "n-grams",
            MeasureSettings {
                ngram: Some(10),
                ..off.clone()
            },
        ),
        (
            "lines",
            MeasureSettings {
                lines: true,
                ..off.clone()
            },
        ),
        (
            "loops",
            MeasureSettings {
                loops: true,
                ..off.clone()
            },
        ),
        (
            "refusals",
            MeasureSettings {
                refusals: true,
                ..off.clone()
            },
        ),
        (
            "markup",
            MeasureSettings {
                markup: true,
                ..off.clone()
            },
        ),
        (
            "script",
            MeasureSettings {
                script: everything.script,
                ..off.clone()
            },
        ),
        (
            "identifying",
            MeasureSettings {
                identifying: everything.identifying,
                ..off.clone()
            },
        ),
        (
            "all but identifying",
            MeasureSettings {
                identifying: none,
                ..everything
            },
        ),
    ];
    let mut scratch = Scratch::new();
    println!("{} bytes a response", bytes / texts.len());
    let begin = seconds(|| {
        texts
            .iter()
            .map(|text| parts(text, None).answer.len())
            .sum()
    });
    println!(
        "parts: {:.0} MB/s, {:.2} ns a byte",
        bytes as f64 / begin / 1e6,
        begin * 1e9 / bytes as f64
    );
    for (name, settings) in settings {
        let seconds = seconds(|| {
            let responses = texts.iter().map(|text| Response {
                text,
                parts: parts_of(text),
                finished: None,
            });
            responses
                .map(|response| measure(&response, &settings, &mut scratch).response_words as usize)
                .sum()
        });
        println!(
            "{name}: {:.0} MB/s, {:.2} ns a byte",
            bytes as f64 / seconds / 1e6,
            seconds * 1e9 / bytes as f64
        );
    }
    for (name, text) in hostile() {
        let seconds = seconds(|| all(&text, &mut scratch).response_words as usize);
        println!("1 MiB of {name}: {:.1} ms", seconds * 1e3);
    }
}

/// Parts that cost nothing, so that only measuring is timed.
fn parts_of(text: &str) -> octomed_responses::Parts<'_> {
    let (reasoning, answer) = text.rsplit_once("</think>").unwrap();
    octomed_responses::Parts {
        reasoning: Some(&reasoning["<think>".len()..]),
        answer,
        is_closed: true,
    }
}

/// Time on the processor, of which other programs take none; the kernel counts it in ticks.
fn on_processor() -> Duration {
    let status = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = status
        .split(' ')
        .next()
        .and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// Seconds of a run: the mean over half a second.
fn seconds(mut run: impl FnMut() -> usize) -> f64 {
    std::hint::black_box(run());
    let begin = on_processor();
    let mut runs = 0.0;
    loop {
        std::hint::black_box(run());
        runs += 1.0;
        let passed = (on_processor() - begin).as_secs_f64();
        if passed > 0.5 {
            return passed / runs;
        }
    }
}
