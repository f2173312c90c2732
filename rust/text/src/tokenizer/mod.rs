//! Text to token ids, equal to the pinned `tokenizers` in every id.

mod alphabet;
mod builtin;
mod edges;
mod encoder;
mod reference;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

pub use encoder::{Encoded, Encoder};

use crate::TextError;
use reference::Reference;

/// A vocabulary and the rules that cut text into its tokens; shared by all workers.
#[derive(Debug)]
pub struct Tokenizer {
    reference: Arc<Reference>,
    content_hash: u128,
    path: String,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`TextError::TokenizerFile`] when the bytes are not one.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TextError> {
        let reference = Reference::from_json(bytes)?;
        Ok(Self {
            reference: Arc::new(reference),
            content_hash: xxh3_128(bytes),
            path: "tokenizers crate: the fast path is not built in yet".to_owned(),
        })
    }

    /// A vocabulary that the package carries: `qwen2.5` (Qwen2.5 and Qwen2.5-VL) or `qwen3` (Qwen3 and Qwen3-VL).
    ///
    /// # Errors
    /// [`TextError::UnknownVocabulary`] for any other name.
    pub fn builtin(name: &str) -> Result<Self, TextError> {
        Self::from_json(builtin::tokenizer_json(name)?.as_bytes())
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
        self.reference.vocabulary_size()
    }

    /// The id of a token written as its text: an added token's content, or a vocabulary entry's.
    #[must_use]
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.reference.token_to_id(token)
    }

    /// Added tokens marked special, with their ids, ascending by id.
    #[must_use]
    pub fn special_tokens(&self) -> Vec<(String, u32)> {
        self.reference.special_tokens()
    }

    /// The bytes that `ids` stand for, special tokens written out.
    ///
    /// # Errors
    /// [`TextError::UnknownId`] for an id outside the vocabulary.
    pub fn decode_bytes(&self, ids: &[u32]) -> Result<Vec<u8>, TextError> {
        self.reference.decode_bytes(ids)
    }
}
