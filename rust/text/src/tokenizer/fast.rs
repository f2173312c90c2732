//! The fast tokenizer: added tokens, NFC where it matters, words by hand, ids by cache and merges.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::TextError;
use crate::tokenizer::bpe::boundaries::MergeBoundaries;
use crate::tokenizer::bpe::merge::Merger;
use crate::tokenizer::normalise::nfc;
use crate::tokenizer::spec::added::{AddedToken, Finder};
use crate::tokenizer::spec::tokenizer_spec::{TokenizerSpec, Vocabulary};
use crate::tokenizer::split::Scheme;

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Fast {
    pub scheme: Scheme,
    pub nfc: bool,
    pub merger: Merger,
    /// The bytes of every token of the model.
    pub vocabulary: Vocabulary,
    /// Words that become a token at once, where the model ignores merges.
    pub whole: HashMap<Box<[u8]>, u32>,
    /// Added tokens that are looked for before normalising, and after.
    pub raw: Finder,
    pub normalised: Finder,
    /// Whether any control token swallows the white space next to it.
    pub strips: bool,
    added: BTreeMap<u32, AddedToken>,
    content_hash: u128,
}

impl Fast {
    pub fn new(spec: TokenizerSpec) -> Result<Self, TextError> {
        let content_hash = spec.content_hash();
        let texts = |normalized: bool| -> Vec<_> {
            // Special tokens come first, as in the crate: of equal texts the first pattern is found.
            let (special, other): (Vec<_>, Vec<_>) = spec
                .added
                .iter()
                .filter(|token| token.normalized == normalized)
                .partition(|token| token.special);
            let text = |token: &AddedToken| match spec.nfc && normalized {
                true => nfc(&token.content).text,
                false => token.content.clone(),
            };
            special
                .into_iter()
                .chain(other)
                .map(|token| (token, text(token)))
                .collect()
        };
        let (raw, normalised) = (Finder::new(&texts(false))?, Finder::new(&texts(true))?);
        let whole = if spec.ignore_merges {
            spec.vocabulary.by_bytes()
        } else {
            HashMap::new()
        };
        Ok(Self {
            scheme: spec.scheme,
            nfc: spec.nfc,
            merger: Merger::new(&spec),
            vocabulary: spec.vocabulary,
            whole,
            raw,
            normalised,
            strips: spec.added.iter().any(|token| token.lstrip || token.rstrip),
            added: spec
                .added
                .into_iter()
                .map(|token| (token.id, token))
                .collect(),
            content_hash,
        })
    }

    /// The boundaries at which words may be cut: not where a word may be a token without merging, as no part of it may.
    pub fn boundaries(&self) -> Option<&MergeBoundaries> {
        self.whole.is_empty().then_some(self.merger.boundaries())
    }

    /// What of the segment at `at` a control token after it leaves, and what the one before it does.
    pub fn stripped(
        &self,
        before: Option<u32>,
        segment: Range<usize>,
        text: &str,
        after: Option<u32>,
    ) -> Range<usize> {
        let swallows = |id: Option<u32>, side: fn(&AddedToken) -> bool| {
            id.and_then(|id| self.added.get(&id)).is_some_and(side)
        };
        let Range { mut start, mut end } = segment;
        if swallows(before, |token| token.rstrip) {
            start = end - text[start..end].trim_start().len();
        }
        if swallows(after, |token| token.lstrip) {
            end = start + text[start..end].trim_end().len();
        }
        start..end
    }

    pub fn content_hash(&self) -> u128 {
        self.content_hash
    }

    pub fn vocabulary_size(&self) -> usize {
        let added = self
            .added
            .last_key_value()
            .map_or(0, |(id, _)| *id as usize + 1);
        self.vocabulary.len().max(added)
    }

    pub fn special_tokens(&self) -> Vec<(String, u32)> {
        let special = self.added.values().filter(|token| token.special);
        special
            .map(|token| (token.content.clone(), token.id))
            .collect()
    }

    /// The bytes of any token, added ones included.
    pub fn bytes_of(&self, id: u32) -> Option<&[u8]> {
        let added = self.added.get(&id).map(|token| token.content.as_bytes());
        added.or_else(|| self.vocabulary.get(id).filter(|bytes| !bytes.is_empty()))
    }

    /// The id of an added token by its content, or of a vocabulary entry by how the file writes it.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        if let Some(added) = self.added.values().find(|added| added.content == token) {
            return Some(added.id);
        }
        let bytes = crate::tokenizer::spec::alphabet::read(token);
        self.vocabulary.find(
            bytes.as_deref().unwrap_or(token.as_bytes()),
            bytes.is_none(),
        )
    }

    pub fn decode_bytes(&self, ids: &[u32]) -> Result<Vec<u8>, TextError> {
        let mut bytes = Vec::new();
        for id in ids {
            bytes.extend_from_slice(self.bytes_of(*id).ok_or(TextError::UnknownId(*id))?);
        }
        Ok(bytes)
    }
}
