//! Responses: split, measured, searched for identifying data and masked, whatever they are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octomed_responses::{
    Kinds, MeasureSettings, Response, Scratch, identifying, kinds_in, mask, measure, parts, words,
};

// A byte chooses the length of n-grams, one the kinds, the rest is the response.
fuzz_target!(|input: &[u8]| {
    let [n, kinds, text @ ..] = input else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let settings = MeasureSettings {
        ngram: Some(u32::from(*n)),
        ..MeasureSettings::everything()
    };
    let split = parts(text, None);
    let response = Response {
        text,
        parts: split,
        finished: None,
    };
    let measured = measure(&response, &settings, &mut Scratch::new());
    let count = |text: &str| words(text).count();
    let reasoning = count(split.reasoning.unwrap_or_default());
    assert_eq!(measured.reasoning_words as usize, reasoning);
    assert_eq!(
        measured.response_words as usize,
        reasoning + count(split.answer)
    );
    search(text, Kinds::from_bits(u16::from(*kinds)));
});

fn search(text: &str, kinds: Kinds) {
    let mut end = 0;
    identifying(text, kinds, |found| {
        assert!(end <= found.start && found.start < found.end && kinds.has(found.kind));
        assert!(text.is_char_boundary(found.start) && text.is_char_boundary(found.end));
        end = found.end;
    });
    assert_eq!(end == 0, kinds_in(text, kinds).is_empty());
    assert_eq!(end == 0, mask(text, kinds) == text);
}
