//! Text to token ids, equal to the pinned `tokenizers` in every id.

mod bpe;
mod cache;
mod classes;
mod encode;
mod fast;
mod normalise;
mod reference;
mod span_aligner;
mod spec;
mod split;
#[cfg(test)]
mod tests;

use xxhash_rust::xxh3::xxh3_128;

pub use encode::{Batch, BufferPool, Encoded, Encoder, Encoders, Isa};
pub use spec::added::{AddedToken, Additions};

use crate::TextError;
use fast::Fast;
use reference::Reference;
use spec::{builtin, file, outline};

/// A vocabulary and the rules that cut text into its tokens; shared by all workers.
#[derive(Debug)]
pub struct Tokenizer {
    engine: Engine,
    content_hash: u128,
    path: String,
}

/// Who does the work.
#[derive(Debug)]
pub(crate) enum Engine {
    Fast(Box<Fast>),
    Reference(Box<Reference>),
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// Byte-level BPE with a pattern that we know by heart takes the fast path; anything else takes the
    /// `tokenizers` crate, and [`Tokenizer::path`] says why.
    ///
    /// # Errors
    /// [`TextError::TokenizerFile`] when the bytes are not one.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TextError> {
        Self::from_json_with(bytes, &Additions::default())
    }

    /// Reads a `tokenizer.json`, with what the other files of its folder add.
    ///
    /// # Errors
    /// [`TextError::TokenizerFile`] when the bytes are not one.
    pub fn from_json_with(bytes: &[u8], additions: &Additions) -> Result<Self, TextError> {
        match file::read(bytes, additions) {
            Ok(spec) => Fast::new(spec).map(Self::from_fast),
            Err(reason) => Self::from_reference(bytes, additions, &reason),
        }
    }

    /// A `tokenizer.json` without its vocabulary, as JSON: `added_tokens`, `normalizer`, `pre_tokenizer` and `dropout`.
    ///
    /// # Errors
    /// [`TextError::TokenizerFile`] when the bytes are no JSON object.
    pub fn outline(bytes: &[u8]) -> Result<String, TextError> {
        outline::read(bytes)
    }

    /// A vocabulary that the package carries: `qwen2.5` (Qwen2.5 and Qwen2.5-VL) or `qwen3` (Qwen3 and Qwen3-VL).
    ///
    /// # Errors
    /// [`TextError::UnknownVocabulary`] for any other name.
    pub fn builtin(name: &str) -> Result<Self, TextError> {
        Fast::new(builtin::spec(name)?).map(Self::from_fast)
    }

    /// The `tokenizer.json` of a built-in vocabulary, for other tools and for tests.
    ///
    /// # Errors
    /// [`TextError::UnknownVocabulary`] for a name that there is not.
    pub fn builtin_json(name: &str) -> Result<String, TextError> {
        builtin::tokenizer_json(name)
    }

    fn from_fast(fast: Fast) -> Self {
        Self {
            content_hash: fast.content_hash(),
            path: "byte-level BPE".to_owned(),
            engine: Engine::Fast(Box::new(fast)),
        }
    }

    /// The tokenizer of the crate itself, whatever the file is: slower, and the measure of the fast path.
    pub(crate) fn from_reference(
        bytes: &[u8],
        additions: &Additions,
        reason: &str,
    ) -> Result<Self, TextError> {
        let mut key = xxh3_128(bytes);
        if *additions != Additions::default() {
            key = xxh3_128(format!("{key:032x} {additions:?}").as_bytes());
        }
        Ok(Self {
            engine: Engine::Reference(Box::new(Reference::from_json(bytes, additions)?)),
            content_hash: key,
            path: format!("tokenizers crate: {reason}"),
        })
    }

    /// A hash of everything that decides the ids, for content keys.
    #[must_use]
    pub fn content_hash(&self) -> u128 {
        self.content_hash
    }

    /// Which way text takes: `byte-level BPE`, or `tokenizers crate: <why>`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Number of ids, added tokens included: one more than the largest id.
    #[must_use]
    pub fn vocabulary_size(&self) -> usize {
        match &self.engine {
            Engine::Fast(fast) => fast.vocabulary_size(),
            Engine::Reference(reference) => reference.vocabulary_size(),
        }
    }

    /// The id of a token written as its text: an added token's content, or a vocabulary entry's.
    #[must_use]
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        match &self.engine {
            Engine::Fast(fast) => fast.token_to_id(token),
            Engine::Reference(reference) => reference.token_to_id(token),
        }
    }

    /// Added tokens marked special, with their ids, ascending by id.
    #[must_use]
    pub fn special_tokens(&self) -> Vec<(String, u32)> {
        match &self.engine {
            Engine::Fast(fast) => fast.special_tokens(),
            Engine::Reference(reference) => reference.special_tokens(),
        }
    }

    /// The bytes that `ids` stand for, special tokens written out.
    ///
    /// # Errors
    /// [`TextError::UnknownId`] for an id outside the vocabulary.
    pub fn decode_bytes(&self, ids: &[u32]) -> Result<Vec<u8>, TextError> {
        match &self.engine {
            Engine::Fast(fast) => fast.decode_bytes(ids),
            Engine::Reference(reference) => reference.decode_bytes(ids),
        }
    }
}
