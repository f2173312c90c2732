//! The `tokenizers` crate behind our interface: the fallback, and the oracle of the fast path.

use std::collections::BTreeMap;

use tokenizers::{PostProcessorWrapper, Tokenizer as Crate};

use super::edges::Edges;
use crate::TextError;

/// A tokenizer of the `tokenizers` crate, set so that special tokens in content stay text.
#[derive(Debug)]
pub(crate) struct Reference {
    tokenizer: Crate,
}

impl Reference {
    pub fn from_json(bytes: &[u8]) -> Result<Self, TextError> {
        let fail = |error: tokenizers::Error| TextError::TokenizerFile(error.to_string());
        let mut tokenizer = Crate::from_bytes(bytes).map_err(fail)?;
        tokenizer.with_post_processor(None::<PostProcessorWrapper>);
        tokenizer.with_truncation(None).map_err(fail)?;
        tokenizer.with_padding(None);
        tokenizer.set_encode_special_tokens(true);
        Ok(Self { tokenizer })
    }

    /// Appends the ids of `text`, which lies at byte `base` of its trace.
    pub fn encode(
        &self,
        text: &str,
        base: usize,
        first: usize,
        ids: &mut Vec<u32>,
        edges: &mut Edges,
    ) -> Result<(), TextError> {
        let fail = |error: tokenizers::Error| TextError::Encode(error.to_string());
        let end = base + text.len();
        let before = ids.len() - first;
        if edges.next().is_none_or(|edge| edge > end) {
            ids.extend_from_slice(
                self.tokenizer
                    .encode_fast(text, false)
                    .map_err(fail)?
                    .get_ids(),
            );
            return Ok(());
        }
        let encoding = self.tokenizer.encode(text, false).map_err(fail)?;
        ids.extend_from_slice(encoding.get_ids());
        let offsets: Vec<_> = encoding
            .get_offsets()
            .iter()
            .map(|(start, end)| (base + start, base + end))
            .collect();
        edges.resolve_by_offsets(end, before, &offsets);
        Ok(())
    }

    pub fn vocabulary_size(&self) -> usize {
        self.tokenizer
            .get_vocab(true)
            .into_values()
            .max()
            .map_or(0, |id| id as usize + 1)
    }

    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    pub fn special_tokens(&self) -> Vec<(String, u32)> {
        let by_id: BTreeMap<_, _> = self
            .tokenizer
            .get_added_tokens_decoder()
            .into_iter()
            .collect();
        by_id
            .into_iter()
            .filter(|(_, token)| token.special)
            .map(|(id, token)| (token.content, id))
            .collect()
    }

    pub fn decode_bytes(&self, ids: &[u32]) -> Result<Vec<u8>, TextError> {
        if let Some(id) = ids
            .iter()
            .find(|id| self.tokenizer.id_to_token(**id).is_none())
        {
            return Err(TextError::UnknownId(*id));
        }
        let text = self.tokenizer.decode(ids, false);
        text.map(String::into_bytes)
            .map_err(|error| TextError::Encode(error.to_string()))
    }
}
