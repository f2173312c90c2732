//! Reads a `tokenizer.json` into the parts of a fast tokenizer, or says why it cannot be one.

use std::collections::HashSet;

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::Value;

use super::added::{AddedToken, Additions};
use super::alphabet::{byte_to_char, char_to_byte_table};
use super::json::{Merge, MergeList, VocabEntries};
use super::limits::check_tokens;
use super::tokenizer_spec::{TokenizerSpec, Vocabulary};
use crate::tokenizer::split::recognise;

/// The keys that decide the ids.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(borrow)]
    model: Model<'a>,
}

/// The keys of a BPE model.
#[derive(Deserialize)]
struct Model<'a> {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    dropout: Option<f32>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    ignore_merges: bool,
    #[serde(borrow)]
    vocab: VocabEntries<'a>,
    #[serde(borrow)]
    merges: MergeList<'a>,
}

type Ids<'a> = FxHashMap<&'a str, u32>;

/// The parts of a file, or the reason to leave it to the crate.
pub(crate) fn read(bytes: &[u8], additions: &Additions) -> Result<TokenizerSpec, String> {
    let mut file: File = serde_json::from_slice(bytes)
        .map_err(|error| format!("its model is not plain BPE ({error})"))?;
    check_tokens(&file.added_tokens, &additions.added)?; // the other way refuses it as well
    if let (Some(add), "ByteLevel") = (additions.add_prefix_space, kind_of(&file.pre_tokenizer)) {
        file.pre_tokenizer["add_prefix_space"] = add.into();
    }
    let model = &file.model;
    check_model(model)?;
    let ids: Ids = model
        .vocab
        .0
        .iter()
        .map(|(word, id)| (word.0.as_ref(), *id))
        .collect();
    let (pairs, joined) = merges(&model.merges.0, &ids)?;
    let spec = TokenizerSpec {
        scheme: recognise(&file.pre_tokenizer)?,
        nfc: normalises(&file.normalizer)?,
        ignore_merges: model.ignore_merges,
        vocabulary: vocabulary(&ids)?,
        byte_ids: byte_ids(&ids)?,
        pairs,
        joined,
        added: with_ids(file.added_tokens, &additions.added, &ids)?,
    };
    spec.refusal().map_or(Ok(spec), Err)
}

fn check_model(model: &Model) -> Result<(), String> {
    let written = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    if model.kind.as_deref().is_some_and(|kind| kind != "BPE") {
        return Err("its model is not BPE".to_owned());
    }
    // Within these bounds it is switched off; beyond them the crate refuses the file.
    if model
        .dropout
        .is_some_and(|dropout| !(0.0..=1.0).contains(&dropout))
    {
        return Err("its dropout is not a number from 0 to 1".to_owned());
    }
    if written(&model.continuing_subword_prefix) || written(&model.end_of_word_suffix) {
        return Err("its model marks parts of words".to_owned());
    }
    Ok(())
}

/// Whether the normaliser is NFC; any other but none is left to the crate.
fn normalises(normalizer: &Value) -> Result<bool, String> {
    let steps = match normalizer["normalizers"].as_array() {
        Some(steps) if normalizer["type"] == "Sequence" => steps.as_slice(),
        _ if normalizer.is_null() => &[],
        _ => std::slice::from_ref(normalizer),
    };
    match steps {
        [] => Ok(false),
        [step] if step["type"] == "NFC" => Ok(true),
        [step, ..] => Err(format!("its normaliser is {}", step["type"])),
    }
}

/// The bytes of every id. Entries that no text can become keep their own UTF-8.
fn vocabulary(ids: &Ids) -> Result<Vocabulary, String> {
    let size = ids.values().max().map_or(0, |id| *id as usize + 1);
    if size > ids.len().saturating_mul(2) + 4096 {
        return Err("its ids are far apart".to_owned());
    }
    let mut words = vec![None; size];
    for (word, id) in ids {
        if words[*id as usize].replace(*word).is_some() {
            return Err(format!("two entries of its vocabulary have the id {id}"));
        }
    }
    let table = char_to_byte_table();
    let mut vocabulary = Vocabulary::default();
    let mut bytes = Vec::new();
    for (id, word) in (0..).zip(words) {
        let word = word.unwrap_or_default();
        bytes.clear();
        bytes.extend(
            word.chars()
                .map_while(|character| table.get(character as usize).copied().flatten()),
        );
        if bytes.len() < word.chars().count() {
            vocabulary.unreachable.push(id);
            bytes.clear();
            bytes.extend_from_slice(word.as_bytes());
        }
        vocabulary.push(&bytes);
    }
    Ok(vocabulary)
}

fn byte_ids(ids: &Ids) -> Result<[u32; 256], String> {
    let mut table = [0; 256];
    for byte in 0..=u8::MAX {
        let written = byte_to_char(byte).to_string();
        let id = ids
            .get(written.as_str())
            .ok_or_else(|| format!("its vocabulary lacks the byte {byte:#04x}"))?;
        table[usize::from(byte)] = *id;
    }
    Ok(table)
}

/// Pairs of ids in rank order, and what each becomes.
type Merges = (Vec<(u32, u32)>, Vec<u32>);

fn merges(merges: &[Merge], ids: &Ids) -> Result<Merges, String> {
    let mut joined_word = String::new();
    let mut result = (
        Vec::with_capacity(merges.len()),
        Vec::with_capacity(merges.len()),
    );
    for Merge(left, right) in merges {
        joined_word.clear();
        joined_word.push_str(&left.0);
        joined_word.push_str(&right.0);
        let id = |word: &str| {
            ids.get(word)
                .copied()
                .ok_or_else(|| format!("a merge names `{word}`, which has no id"))
        };
        result.0.push((id(&left.0)?, id(&right.0)?));
        result.1.push(id(&joined_word)?);
    }
    Ok(result)
}

fn kind_of(value: &Value) -> &str {
    value["type"].as_str().unwrap_or_default()
}

/// The added tokens with the ids that the crate gives them, which are the file's in every sound file.
fn with_ids(
    mut added: Vec<AddedToken>,
    extra: &[AddedToken],
    ids: &Ids,
) -> Result<Vec<AddedToken>, String> {
    let mut next =
        u32::try_from(ids.len()).map_err(|_| "it has more entries than ids".to_owned())?;
    let mut id_of = |token: &AddedToken| {
        ids.get(token.content.as_str()).copied().unwrap_or_else(|| {
            next += 1;
            next - 1
        })
    };
    for token in &added {
        let id = id_of(token);
        if id != token.id {
            return Err(format!(
                "its added token `{}` has an id out of order",
                token.content
            ));
        }
    }
    let mut known: HashSet<String> = added.iter().map(|token| token.content.clone()).collect();
    for token in extra {
        if !known.insert(token.content.clone()) {
            return Err(format!("its added token `{}` is redefined", token.content));
        }
        let id = id_of(token);
        added.push(AddedToken {
            id,
            ..token.clone()
        });
    }
    Ok(added)
}
