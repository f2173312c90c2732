//! What of a `tokenizer.json` is looked at before the `tokenizers` crate sees it.

use serde::Deserialize;
use serde_json::Value;
use tokenizers::{NormalizedString, NormalizerWrapper};

use super::budget::Budget;
use super::normalising::Normalising;
use crate::tokenizer::spec::added::AddedToken;
use crate::tokenizer::spec::limits::{check_named, check_texts, check_tokens};

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
