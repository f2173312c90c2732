//! The patterns we know by heart, and how they are recognised in a `tokenizer.json`.

use serde_json::Value;

/// Qwen 1 to 3: every digit a word.
pub(crate) const QWEN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// cl100k and Llama-3: up to three digits a word.
pub(crate) const CL100K: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// o200k.
pub(crate) const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// tekken: o200k with single digits and without contractions.
pub(crate) const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// DeepSeek-V3: three splits in sequence.
pub(crate) const DEEPSEEK: [&str; 3] = [
    r"\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
];

/// A way of cutting text into words for which there is a splitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// [`QWEN`].
    Qwen,
    /// [`CL100K`].
    Cl100k,
    /// GPT-2: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, which
    /// `ByteLevel` with `use_regex` applies.
    Gpt2,
    /// [`O200K`].
    O200k,
    /// [`TEKKEN`].
    Tekken,
    /// [`DEEPSEEK`].
    DeepSeek,
}

/// The scheme of a `pre_tokenizer`, or why there is no splitter for it.
pub(crate) fn recognise(pre_tokenizer: &Value) -> Result<Scheme, String> {
    let steps = match pre_tokenizer["pretokenizers"].as_array() {
        Some(steps) if pre_tokenizer["type"] == "Sequence" => steps.as_slice(),
        _ => std::slice::from_ref(pre_tokenizer),
    };
    let Some((bytes, splits)) = steps.split_last() else {
        return Err("its pre-tokenizer is empty".to_owned());
    };
    if bytes["type"] != "ByteLevel" {
        return Err(format!(
            "its pre-tokenizer ends with {}, not ByteLevel",
            bytes["type"]
        ));
    }
    if bytes["add_prefix_space"] != Value::Bool(false) {
        return Err("ByteLevel adds a space before the text".to_owned());
    }
    let with_regex = bytes["use_regex"].as_bool().unwrap_or(true);
    let patterns = splits
        .iter()
        .map(isolated_pattern)
        .collect::<Result<Vec<_>, _>>()?;
    by_patterns(&patterns, with_regex)
}

/// The regular expression of a `Split` that isolates its matches, with line breaks written as escapes.
fn isolated_pattern(split: &Value) -> Result<String, String> {
    if split["type"] != "Split"
        || split["behavior"] != "Isolated"
        || split["invert"] != Value::Bool(false)
    {
        return Err(format!(
            "its pre-tokenizer has a step {} that is not an isolating Split",
            split["type"]
        ));
    }
    let pattern = split["pattern"]["Regex"]
        .as_str()
        .ok_or("a Split has no regular expression")?;
    Ok(pattern.replace('\r', r"\r").replace('\n', r"\n"))
}

fn by_patterns(patterns: &[String], with_regex: bool) -> Result<Scheme, String> {
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    match (patterns.as_slice(), with_regex) {
        ([], true) => Ok(Scheme::Gpt2),
        ([QWEN], false) => Ok(Scheme::Qwen),
        ([CL100K], false) => Ok(Scheme::Cl100k),
        ([O200K], false) => Ok(Scheme::O200k),
        ([TEKKEN], false) => Ok(Scheme::Tekken),
        (three, false) if three == DEEPSEEK.as_slice() => Ok(Scheme::DeepSeek),
        _ => Err("no fast splitter for its pre-tokenizer".to_owned()),
    }
}
