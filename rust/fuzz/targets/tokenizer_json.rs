//! A `tokenizer.json` from elsewhere: read, and asked for the ids of a text.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use octomed_text::{Encoder, Rendered, Tokenizer};

const TEXT: &str =
    "Fever 38.5 °C,  心电图\n\n<s> aaaaaaaaaaaaaaaaaaaaaaaa \u{301}e\u{0} it's 1234 </s>\r\n ";

fuzz_target!(
    init: octomed_fuzz::let_panics_unwind(),
    |input: &[u8]| {
        let _ = Tokenizer::outline(input);
        let Ok(tokenizer) = Tokenizer::from_json(input) else {
            return;
        };
        let tokenizer = Arc::new(tokenizer);
        let _ = (tokenizer.vocabulary_size(), tokenizer.special_tokens(), tokenizer.token_to_id("a"));
        let rendered = Rendered { text: TEXT.to_owned(), supervised: vec![6..20], ..Rendered::default() };
        let (mut ids, mut spans) = (Vec::new(), Vec::new());
        if Encoder::new(Arc::clone(&tokenizer)).encode(&rendered, &mut ids, &mut spans).is_ok() {
            let _ = tokenizer.decode_bytes(&ids);
        }
    }
);
