//! How much of anything a `tokenizer.json` may have, whoever reads it.

use serde_json::Value;

use super::added::AddedToken;
use super::charsmap;

/// The crate compares each added token with all before it. The largest published vocabularies have 65,536.
const MOST_ADDED: usize = 100_000;
/// Bytes of a pattern, a replacement, an added token. Published patterns have under 1,000 bytes, all else less.
const LONGEST_TEXT: usize = 16 << 10;
/// Brackets open in a pattern at once.
const DEEPEST_PATTERN: usize = 100;
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
            "it has {added} added tokens, with those of the files next to it, more than {MOST_ADDED}"
        ));
    }
    Ok(())
}

/// Refuses texts, patterns and maps that could exhaust what reads them.
pub(crate) fn check_texts(part: &Value) -> Result<(), String> {
    check_named("", part)
}

/// The same, for what has a name.
pub(crate) fn check_named(name: &str, part: &Value) -> Result<(), String> {
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
