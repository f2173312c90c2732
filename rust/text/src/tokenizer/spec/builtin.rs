//! The vocabularies that the package carries.

use serde_json::{Value, json};

use super::added::AddedToken;
use super::alphabet::written;
use super::tokenizer_spec::{TokenizerSpec, Vocabulary};
use crate::TextError;
use crate::tokenizer::split::{QWEN, Scheme};

/// 256 bytes, then planes of left and right ids; made by `data/make_qwen.py`.
const QWEN_MERGES: &[u8] = include_bytes!("../../../data/qwen.merges.zst");

/// The added tokens of Qwen2.5 and whether each is special; ids follow the vocabulary.
const QWEN2_5_ADDED: [(&str, bool); 22] = [
    ("<|endoftext|>", true),
    ("<|im_start|>", true),
    ("<|im_end|>", true),
    ("<|object_ref_start|>", true),
    ("<|object_ref_end|>", true),
    ("<|box_start|>", true),
    ("<|box_end|>", true),
    ("<|quad_start|>", true),
    ("<|quad_end|>", true),
    ("<|vision_start|>", true),
    ("<|vision_end|>", true),
    ("<|vision_pad|>", true),
    ("<|image_pad|>", true),
    ("<|video_pad|>", true),
    ("<tool_call>", false),
    ("</tool_call>", false),
    ("<|fim_prefix|>", false),
    ("<|fim_middle|>", false),
    ("<|fim_suffix|>", false),
    ("<|fim_pad|>", false),
    ("<|repo_name|>", false),
    ("<|file_sep|>", false),
];

/// What Qwen3 and Qwen3-VL add.
const QWEN3_ADDED: [(&str, bool); 4] = [
    ("<tool_response>", false),
    ("</tool_response>", false),
    ("<think>", false),
    ("</think>", false),
];

/// A vocabulary as its merges: token 256 + n joins `pairs[n]`, and ids follow merge rank.
pub(crate) struct Merges {
    pub bytes: Vec<u8>,
    pub pairs: Vec<(u32, u32)>,
}

/// The added tokens of a built-in vocabulary, in the order of their ids.
pub(crate) fn added_tokens(name: &str) -> Result<Vec<(&'static str, bool)>, TextError> {
    match name {
        "qwen2.5" => Ok(QWEN2_5_ADDED.to_vec()),
        "qwen3" => Ok([QWEN2_5_ADDED.as_slice(), &QWEN3_ADDED].concat()),
        _ => Err(TextError::UnknownVocabulary {
            name: name.to_owned(),
        }),
    }
}

/// Unpacks the merges of Qwen.
pub(crate) fn qwen_merges() -> Result<Merges, TextError> {
    let raw = zstd::decode_all(QWEN_MERGES)
        .map_err(|error| TextError::TokenizerFile(error.to_string()))?;
    let (bytes, planes) = raw.split_at(256);
    let count = planes.len() / 6;
    let id = |side: usize, n: usize| {
        let plane = |shift: usize| u32::from(planes[(side * 3 + shift) * count + n]) << (8 * shift);
        plane(0) | plane(1) | plane(2)
    };
    Ok(Merges {
        bytes: bytes.to_vec(),
        pairs: (0..count).map(|n| (id(0, n), id(1, n))).collect(),
    })
}

/// The bytes of every token.
fn vocabulary(merges: &Merges) -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    for byte in &merges.bytes {
        vocabulary.push(&[*byte]);
    }
    for (left, right) in &merges.pairs {
        vocabulary.push_pair(*left, *right);
    }
    vocabulary
}

/// The spec of a built-in vocabulary.
pub(crate) fn spec(name: &str) -> Result<TokenizerSpec, TextError> {
    let added = added_tokens(name)?;
    let merges = qwen_merges()?;
    let vocabulary = vocabulary(&merges);
    let mut byte_ids = [0; 256];
    for (id, byte) in (0..).zip(&merges.bytes) {
        byte_ids[usize::from(*byte)] = id;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a built-in vocabulary has some 150,000 entries"
    )]
    let ids = |from: usize| from as u32..;
    let token = |((content, special), id): (&(&str, bool), u32)| AddedToken {
        id,
        content: (*content).to_owned(),
        special: *special,
        ..AddedToken::default()
    };
    Ok(TokenizerSpec {
        scheme: Scheme::Qwen,
        nfc: true,
        ignore_merges: false,
        added: added.iter().zip(ids(vocabulary.len())).map(token).collect(),
        joined: ids(256).take(merges.pairs.len()).collect(),
        vocabulary,
        byte_ids,
        pairs: merges.pairs,
    })
}

/// The `tokenizer.json` of a built-in vocabulary, for the `tokenizers` crate.
pub(crate) fn tokenizer_json(name: &str) -> Result<String, TextError> {
    let added = added_tokens(name)?;
    let merges = qwen_merges()?;
    let bytes = vocabulary(&merges);
    let tokens: Vec<String> = (0..).map_while(|id| bytes.get(id).map(written)).collect();
    let pairs: Vec<Value> = merges
        .pairs
        .iter()
        .map(|(left, right)| json!([tokens[*left as usize], tokens[*right as usize]]))
        .collect();
    let added: Vec<Value> = added.iter().zip(tokens.len()..).map(added_token).collect();
    let vocabulary: serde_json::Map<_, _> = tokens
        .into_iter()
        .zip((0..).map(|id: u32| id.into()))
        .collect();
    let split = json!({"type": "Split", "pattern": {"Regex": QWEN}, "behavior": "Isolated", "invert": false});
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false});
    Ok(json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytes]},
        "post_processor": null, "decoder": bytes,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocabulary, "merges": pairs,
        },
    })
    .to_string())
}

fn added_token(((content, special), id): (&(&str, bool), usize)) -> Value {
    json!({
        "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": special,
    })
}
