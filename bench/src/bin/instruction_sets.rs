//! `instruction_sets [ROUNDS]`: text to ids on one thread with each instruction set that the processor has, in turns;
//! prints megabytes per second as JSON. `python -m bench.instruction_sets` stores them.
//!
//! The processor time of the thread is measured, and the best round counts: what else runs on the machine only takes
//! time away.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use octomed_bench::{chinese, english};
use octomed_text::{Encoder, Isa, TextError, Tokenizer};

const TEXT_BYTES: usize = 16 << 20;
const ROUNDS: usize = 15;

/// The shortest times of the first pass of an encoder over the texts, and of its second.
struct Best {
    isa: Isa,
    passes: [Duration; 2],
}

/// The processor time that this thread has had.
fn thread_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes the time to the value that it is given, and to nothing else.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    #[expect(
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "time that has passed, and less than a second"
    )]
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn pass(
    encoder: &mut Encoder,
    texts: &[String],
    ids: &mut Vec<u32>,
) -> Result<Duration, TextError> {
    ids.clear();
    let begin = thread_time();
    for text in texts {
        encoder.encode_text(text, ids)?;
    }
    black_box(&ids);
    Ok(thread_time().saturating_sub(begin))
}

fn measure(
    tokenizer: &Arc<Tokenizer>,
    texts: &[String],
    rounds: usize,
) -> Result<Vec<Best>, TextError> {
    let none = [Duration::MAX; 2];
    let mut all: Vec<Best> = Isa::available()
        .map(|isa| Best { isa, passes: none })
        .collect();
    let bytes = texts.iter().map(String::len).sum();
    let mut ids = Vec::with_capacity(bytes);
    for _ in 0..rounds {
        for best in &mut all {
            let Some(mut encoder) = Encoder::with_isa(Arc::clone(tokenizer), best.isa) else {
                continue;
            };
            for shortest in &mut best.passes {
                *shortest = pass(&mut encoder, texts, &mut ids)?.min(*shortest);
            }
        }
    }
    Ok(all)
}

fn report(rounds: usize) -> Result<serde_json::Value, TextError> {
    let tokenizer = Arc::new(Tokenizer::builtin("qwen2.5")?);
    let mut result = serde_json::Map::new();
    for (language, texts) in [
        ("english", english(1, TEXT_BYTES, 700)),
        ("chinese", chinese(1, TEXT_BYTES, 400)),
    ] {
        let bytes: usize = texts.iter().map(String::len).sum();
        let speed = |time: Duration| {
            #[allow(clippy::cast_precision_loss, reason = "some millions of bytes")]
            let speed = bytes as f64 / time.as_secs_f64() / 1e6;
            (speed * 10.0).round() / 10.0
        };
        let sets = measure(&tokenizer, &texts, rounds)?
            .into_iter()
            .map(|best| {
                let [first, second] = best.passes.map(speed);
                let figures =
                    serde_json::json!({"first_pass_mb_s": first, "second_pass_mb_s": second});
                (format!("{:?}", best.isa).to_lowercase(), figures)
            });
        let sets: serde_json::Map<_, _> = sets.collect();
        result.insert(language.to_owned(), sets.into());
    }
    Ok(result.into())
}

fn main() -> ExitCode {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    match report(rounds.unwrap_or(ROUNDS)) {
        Ok(result) => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
