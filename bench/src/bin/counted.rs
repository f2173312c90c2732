//! `counted tokenizer|packer`: does a fixed piece of work once, so that valgrind can count its instructions.
//!
//! Only what happens inside the functions whose names begin with `counted_` is counted.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use octomed_bench::{english, lengths};
use octomed_pack::pack_lengths;
use octomed_text::{Encoder, Tokenizer};

const TEXT_BYTES: usize = 1 << 20;
const ITEMS: usize = 200_000;
const CAPACITY: u32 = 16_384;

#[inline(never)]
fn counted_tokenizer(encoder: &mut Encoder, texts: &[String], ids: &mut Vec<u32>) -> bool {
    texts
        .iter()
        .all(|text| encoder.encode_text(text, ids).is_ok())
}

#[inline(never)]
fn counted_packer(items: &[u32]) -> bool {
    black_box(pack_lengths(items, CAPACITY)).is_ok()
}

fn tokenizer() -> bool {
    let Ok(tokenizer) = Tokenizer::builtin("qwen2.5") else {
        return false;
    };
    let mut encoder = Encoder::new(Arc::new(tokenizer));
    let texts = english(1, TEXT_BYTES, 700);
    let mut ids = Vec::with_capacity(TEXT_BYTES);
    counted_tokenizer(&mut encoder, &texts, &mut ids) && !black_box(ids).is_empty()
}

fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        Some("tokenizer") => tokenizer(),
        Some("packer") => counted_packer(&lengths(1, ITEMS, CAPACITY)),
        _ => false,
    };
    if done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
