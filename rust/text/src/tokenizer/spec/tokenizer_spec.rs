//! What a fast tokenizer is made of, wherever it was read from.

use std::collections::{HashMap, HashSet};

use xxhash_rust::xxh3::Xxh3;

use super::added::AddedToken;
use crate::tokenizer::split::Scheme;

/// The largest id that the fast encoder holds.
pub(crate) const MAX_ID: u32 = (1 << 21) - 2;
/// The most merges that it holds.
pub(crate) const MAX_MERGES: usize = (1 << 22) - 1;

/// A byte-level vocabulary with its merges, its pattern and its added tokens.
#[derive(Debug)]
pub(crate) struct TokenizerSpec {
    pub scheme: Scheme,
    /// Whether text is normalised to NFC.
    pub nfc: bool,
    /// Whether a word that is a token becomes that token at once.
    pub ignore_merges: bool,
    pub vocabulary: Vocabulary,
    pub byte_ids: [u32; 256],
    /// Pairs in rank order.
    pub pairs: Vec<(u32, u32)>,
    /// The id that each pair becomes.
    pub joined: Vec<u32>,
    pub added: Vec<AddedToken>,
}

/// The bytes of every token, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Ids of entries that are not written in the alphabet of bytes, so that no text becomes them.
    pub unreachable: Vec<u32>,
}

impl Vocabulary {
    /// Appends the bytes of the next id.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a vocabulary has under 4 Gi bytes"
    )]
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len() as u32);
    }

    /// Appends the bytes of two earlier ids as the next id.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a vocabulary has under 4 Gi bytes"
    )]
    pub fn push_pair(&mut self, left: u32, right: u32) {
        for id in [left, right] {
            let range = self.range(id as usize);
            self.bytes.extend_from_within(range);
        }
        self.ends.push(self.bytes.len() as u32);
    }

    fn range(&self, id: usize) -> std::ops::Range<usize> {
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        start as usize..self.ends[id] as usize
    }

    /// The bytes of a token; empty for ids that no token has.
    pub fn get(&self, id: u32) -> Option<&[u8]> {
        let id = id as usize;
        (id < self.ends.len()).then(|| &self.bytes[self.range(id)])
    }

    /// The id of an entry, among those that text can become or among the others.
    pub fn find(&self, bytes: &[u8], unreachable: bool) -> Option<u32> {
        self.ids()
            .find(|id| self.get(*id) == Some(bytes) && self.unreachable.contains(id) == unreachable)
    }

    /// Every entry that text can become, by its bytes.
    pub fn by_bytes(&self) -> HashMap<Box<[u8]>, u32> {
        let reachable = self.ids().filter(|id| !self.unreachable.contains(id));
        reachable
            .filter_map(|id| Some((self.get(id)?.into(), id)))
            .collect()
    }

    /// The bytes of all ids, in their order.
    pub fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.ids().filter_map(|id| self.get(id))
    }

    fn ids(&self) -> std::ops::Range<u32> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an entry's number is its id, which has 32 bits"
        )]
        let end = self.len() as u32;
        0..end
    }

    /// Number of ids.
    pub fn len(&self) -> usize {
        self.ends.len()
    }
}

impl TokenizerSpec {
    /// Why the fast encoder cannot stand in for the crate, if so.
    pub fn refusal(&self) -> Option<String> {
        if self.vocabulary.len() > MAX_ID as usize || self.pairs.len() > MAX_MERGES {
            return Some("its vocabulary is too large for the fast encoder".to_owned());
        }
        let mut contents = HashSet::new();
        let mut ids = HashSet::new();
        for token in &self.added {
            if !contents.insert(&token.content) || !ids.insert(token.id) || token.content.is_empty()
            {
                return Some(format!(
                    "its added token `{}` is a duplicate or empty",
                    token.content
                ));
            }
            let alone = !token.special && (token.lstrip || token.rstrip);
            if alone || token.single_word {
                return Some(format!(
                    "its added token `{}` looks at the text around it",
                    token.content
                ));
            }
        }
        None
    }

    /// A hash of everything that decides the ids.
    pub fn content_hash(&self) -> u128 {
        let mut hash = Xxh3::new();
        let added: Vec<_> = self
            .added
            .iter()
            .map(|token| (&token.content, token.id, token.special, token.normalized))
            .collect();
        hash.update(
            format!(
                "{:?} {} {} {added:?}",
                self.scheme, self.nfc, self.ignore_merges
            )
            .as_bytes(),
        );
        for token in self
            .added
            .iter()
            .filter(|token| token.lstrip || token.rstrip)
        {
            hash.update(format!("{} {} {}", token.id, token.lstrip, token.rstrip).as_bytes());
        }
        hash.update(&self.vocabulary.bytes);
        for number in self
            .vocabulary
            .ends
            .iter()
            .chain(&self.byte_ids)
            .chain(&self.joined)
        {
            hash.update(&number.to_le_bytes());
        }
        for (left, right) in &self.pairs {
            hash.update(&(u64::from(*left) << 32 | u64::from(*right)).to_le_bytes());
        }
        hash.digest128()
    }
}
