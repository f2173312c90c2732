//! Tokenizer files that differ in one thing, made from the built-in vocabulary.

use serde_json::{Value, json};

use crate::tokenizer::Tokenizer;
use crate::tokenizer::split::{CL100K, DEEPSEEK, O200K, QWEN, TEKKEN};

/// The built-in file as JSON.
pub(super) fn qwen() -> Value {
    serde_json::from_str(&Tokenizer::builtin_json("qwen3").unwrap()).unwrap()
}

fn split(pattern: &str) -> Value {
    json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false})
}

fn bytes(use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex})
}

/// The built-in file with another pre-tokenizer.
pub(super) fn with_patterns(patterns: &[&str]) -> Value {
    let mut file = qwen();
    let steps: Vec<_> = patterns
        .iter()
        .map(|pattern| split(pattern))
        .chain([bytes(false)])
        .collect();
    file["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": steps});
    file
}

/// Every way that the fast path knows, by name.
pub(super) fn fast() -> Vec<(&'static str, Value)> {
    let mut gpt2 = qwen();
    gpt2["pre_tokenizer"] = bytes(true);
    let mut no_nfc = with_patterns(&[QWEN]);
    no_nfc["normalizer"] = Value::Null;
    let mut llama = with_patterns(&[CL100K]);
    llama["normalizer"] = json!({"type": "Sequence", "normalizers": []});
    llama["model"]["ignore_merges"] = json!(true);
    let mut normalized = with_patterns(&[&QWEN.replace(r"\r", "\r").replace(r"\n", "\n")]);
    for token in normalized["added_tokens"].as_array_mut().unwrap() {
        token["normalized"] = json!(true);
    }
    normalized["added_tokens"][14]["content"] = json!("\u{e9}<tool_call>");
    let mut deepseek = with_patterns(&DEEPSEEK);
    deepseek["normalizer"] = Value::Null;
    vec![
        ("qwen", qwen()),
        ("qwen without NFC", no_nfc),
        ("cl100k", with_patterns(&[CL100K])),
        ("llama-3", llama),
        ("gpt-2", gpt2),
        ("o200k", with_patterns(&[O200K])),
        ("tekken", with_patterns(&[TEKKEN])),
        ("deepseek", deepseek),
        ("deepseek with NFC", with_patterns(&DEEPSEEK)),
        ("added tokens in normalised text", normalized),
    ]
}

/// Changes that the fast path must leave to the crate, with a word of the reason.
pub(super) fn left_to_the_crate() -> Vec<(&'static str, Value)> {
    let change = |pointer: &str, value: Value| {
        let mut file = qwen();
        *file.pointer_mut(pointer).unwrap() = value;
        file
    };
    vec![
        ("NFKC", change("/normalizer", json!({"type": "NFKC"}))),
        (
            "text around it",
            change("/added_tokens/24/lstrip", json!(true)),
        ),
        (
            "text around it",
            change("/added_tokens/24/rstrip", json!(true)),
        ),
        (
            "text around it",
            change("/added_tokens/24/single_word", json!(true)),
        ),
        ("splitter", with_patterns(&[r"\p{L}+|\s+|."])),
        (
            "space before",
            change(
                "/pre_tokenizer/pretokenizers/1/add_prefix_space",
                json!(true),
            ),
        ),
        (
            "Split",
            change("/pre_tokenizer/pretokenizers/0/behavior", json!("Removed")),
        ),
        (
            "parts of words",
            change("/model/end_of_word_suffix", json!("</w>")),
        ),
    ]
}
