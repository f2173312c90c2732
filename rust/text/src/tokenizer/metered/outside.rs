//! What of a `tokenizer.json` is looked at before the `tokenizers` crate sees it.

use serde::Deserialize;
use serde_json::Value;
use tokenizers::{NormalizedString, NormalizerWrapper};

use super::super::added::AddedToken;
use super::{Budget, Normalising, charsmap};

/// The crate compares each added token with all before it. The largest published vocabularies have 65,536.
const MOST_ADDED: usize = 100_000;
/// Bytes of a pattern, a replacement, an added token. Published patterns have under 1,000 bytes, all else less.
const LONGEST_TEXT: usize = 16 << 10;
/// Brackets open in a pattern at once.
const DEEPEST_PATTERN: usize = 100;
/// Characters of a word that WordPiece may be told to look into; its work is their third power.
const LONGEST_WORD: u64 = 10_000;

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct File {
    added_tokens: Vec<AddedToken>,
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
    model: Model,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Model {
    max_input_chars_per_word: Value,
    continuing_subword_prefix: Value,
    end_of_word_suffix: Value,
    unk_token: Value,
}

/// Why the crate is not to read a file, if so.
pub(crate) fn check(bytes: &[u8], extra: &[AddedToken]) -> Result<(), String> {
    let file: File = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    check_tokens(&file.added_tokens, extra)?;
    if file.model.max_input_chars_per_word.as_u64() > Some(LONGEST_WORD) {
        return Err(format!(
            "its `max_input_chars_per_word` is above {LONGEST_WORD}"
        ));
    }
    for part in [&file.normalizer, &file.pre_tokenizer, &file.decoder] {
        check_texts(part)?;
    }
    let model = &file.model;
    check_named(
        "continuing_subword_prefix",
        &model.continuing_subword_prefix,
    )?;
    check_named("end_of_word_suffix", &model.end_of_word_suffix)?;
    check_named("unk_token", &model.unk_token)?;
    check_added(&file, extra)
}

/// Why a file's added tokens and those that its folder adds are too many or too long, if so.
pub(crate) fn check_tokens(added: &[AddedToken], extra: &[AddedToken]) -> Result<(), String> {
    check_count(added.len() + extra.len())?;
    let mut all = added.iter().chain(extra);
    all.try_for_each(|token| check_length("content", &token.content))
}

/// Refuses more added tokens than are taken.
pub(crate) fn check_count(added: usize) -> Result<(), String> {
    if added > MOST_ADDED {
        return Err(format!(
            "it has {added} added tokens, with those of the files beside it, more than {MOST_ADDED}"
        ));
    }
    Ok(())
}

/// Refuses texts, patterns and maps that could exhaust what reads them.
pub(crate) fn check_texts(part: &Value) -> Result<(), String> {
    check_named("", part)
}

fn check_named(name: &str, part: &Value) -> Result<(), String> {
    match part {
        Value::Array(parts) => parts.iter().try_for_each(|part| check_named(name, part)),
        Value::Object(members) => members
            .iter()
            .try_for_each(|(key, value)| check_named(key, value)),
        Value::String(text) if name == "precompiled_charsmap" => charsmap::check(text),
        Value::String(text) if name == "Regex" => check_pattern(text),
        Value::String(text) => check_length(name, text),
        _ => Ok(()),
    }
}

fn check_length(name: &str, text: &str) -> Result<(), String> {
    if text.len() > LONGEST_TEXT {
        let length = text.len();
        return Err(format!(
            "a `{name}` in it has {length} bytes, more than {LONGEST_TEXT}"
        ));
    }
    Ok(())
}

fn check_pattern(pattern: &str) -> Result<(), String> {
    let mut depth = 0_usize;
    for byte in pattern.bytes() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST_PATTERN || pattern.len() > LONGEST_TEXT {
            return Err("one of its patterns is too long or too deep".to_owned());
        }
    }
    Ok(())
}

/// The crate normalises the texts of added tokens when it reads a file: that must have an end.
fn check_added(file: &File, extra: &[AddedToken]) -> Result<(), String> {
    if file.normalizer.is_null() {
        return Ok(());
    }
    let Ok(normalizer) = serde_json::from_value::<NormalizerWrapper>(file.normalizer.clone())
    else {
        return Ok(()); // the crate says what is wrong with it
    };
    let steps = Normalising::new(Some(&normalizer))?;
    let all = || file.added_tokens.iter().chain(extra);
    let tokens = || all().filter(|token| token.normalized);
    let budget = Budget::of(tokens().map(|token| token.content.len()).sum());
    for token in tokens() {
        let mut text = NormalizedString::from(token.content.as_str());
        steps
            .normalise(&mut text, &budget)
            .map_err(|error| format!("{error}, in its added tokens"))?;
    }
    Ok(())
}
