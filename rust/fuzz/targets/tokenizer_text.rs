//! Any text: our encoder gives the ids of the `tokenizers` crate, whole and with supervised bytes marked.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use octomed_text::{Encoder, Rendered, Tokenizer};

const VOCABULARY: &str = "qwen2.5";

static OURS: LazyLock<Arc<Tokenizer>> =
    LazyLock::new(|| Arc::new(Tokenizer::builtin(VOCABULARY).expect("a vocabulary of ours")));
static THEIRS: LazyLock<tokenizers::Tokenizer> = LazyLock::new(|| {
    let json = Tokenizer::builtin_json(VOCABULARY).expect("a vocabulary of ours");
    let mut theirs = tokenizers::Tokenizer::from_bytes(json).expect("a file that the crate reads");
    theirs.set_encode_special_tokens(true);
    theirs
});
thread_local! {
    static ENCODER: std::cell::RefCell<Encoder> = std::cell::RefCell::new(Encoder::new(Arc::clone(&OURS)));
}

fuzz_target!(init: load(), |input: &[u8]| check(input));

/// Loads both vocabularies before the first text is timed.
fn load() {
    LazyLock::force(&OURS);
    LazyLock::force(&THEIRS);
}

fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let theirs = THEIRS.encode(text.as_str(), false).expect("ids of a text");
    let middle = text.floor_char_boundary(text.len() / 2);
    let supervised = if middle < text.len() {
        vec![middle..text.len()]
    } else {
        Vec::new()
    };
    let rendered = Rendered {
        text,
        supervised,
        ..Rendered::default()
    };
    let (mut ids, mut spans) = (Vec::new(), Vec::new());
    ENCODER
        .with_borrow_mut(|encoder| encoder.encode(&rendered, &mut ids, &mut spans))
        .expect("ids of a text");
    assert_eq!(ids, theirs.get_ids());
    assert!(
        spans
            .iter()
            .all(|span| span[0] < span[1] && span[1] as usize <= ids.len())
    );
}
