//! The n-grams of evaluation stems, found by a hash and told apart by their words.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::hashing::{Rolling, word_hashes};
use crate::stems::Stems;

/// Where a stem has an n-gram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Posting {
    pub stem: u32,
    /// Number of its first word.
    pub word: u32,
}

/// An n-gram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ngram {
    hash: u64,
    /// Number of its first posting.
    first: u32,
}

/// Bits of the filter for each n-gram: one in sixteen of the others passes it.
const FILTER_BITS: usize = 16;

/// All n-grams, those of one hash next to each other.
#[derive(Debug)]
pub(crate) struct Table {
    n: usize,
    ngrams: Vec<Ngram>,
    postings: Vec<Posting>,
    /// Places by the upper bits of a hash, with the number of its first n-gram, one added.
    slots: Vec<u32>,
    slot_shift: u32,
    filter: Vec<u64>,
    filter_shift: u32,
}

impl Table {
    pub(crate) fn of(stems: &Stems, n: usize, cancel: &AtomicBool) -> Self {
        let mut found: Vec<(u64, Posting)> = Vec::new();
        let mut hashes = Vec::new();
        for (stem, held) in stems.iter() {
            if cancel.load(Ordering::Relaxed) {
                break;
            }
            word_hashes(held.words.text(), &mut hashes);
            let rolled = (0..).zip(Rolling::new(n).hashes(&hashes));
            found.extend(rolled.map(|(word, hash)| (hash, Posting { stem, word })));
        }
        found.sort_unstable();
        let mut table = Self::empty(n, found.len());
        for group in found.chunk_by_mut(|one, next| one.0 == next.0) {
            if cancel.load(Ordering::Relaxed) {
                break;
            }
            table.add(stems, group);
        }
        table.find_places();
        table
    }

    fn empty(n: usize, postings: usize) -> Self {
        let slots = (postings * 2).max(2).next_power_of_two();
        let bits = (postings * FILTER_BITS).max(64).next_power_of_two();
        Self {
            n,
            ngrams: Vec::new(),
            postings: Vec::with_capacity(postings),
            slots: vec![0; slots],
            slot_shift: 64 - slots.trailing_zeros(),
            filter: vec![0; bits / 64],
            filter_shift: 64 - bits.trailing_zeros(),
        }
    }

    /// Adds the postings of a hash; where it is that of several n-grams, by their texts.
    fn add(&mut self, stems: &Stems, group: &mut [(u64, Posting)]) {
        let n = self.n;
        let text = |posting: Posting| text(stems, posting, n);
        let is_other = |one: &(u64, Posting)| text(one.1) != text(group[0].1);
        if group.iter().any(is_other) {
            group.sort_by(|one, other| text(one.1).cmp(text(other.1)));
        }
        for same in group.chunk_by(|one, next| text(one.1) == text(next.1)) {
            self.ngrams.push(Ngram {
                hash: same[0].0,
                first: self.postings.len() as u32,
            });
            self.postings.extend(same.iter().map(|one| one.1));
        }
    }

    fn find_places(&mut self) {
        for number in 0..self.ngrams.len() {
            let hash = self.ngrams[number].hash;
            if number > 0 && self.ngrams[number - 1].hash == hash {
                continue;
            }
            let mut slot = (hash >> self.slot_shift) as usize;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = number as u32 + 1;
            let bit = hash >> self.filter_shift;
            self.filter[(bit / 64) as usize] |= 1 << (bit % 64);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ngrams.len()
    }

    pub(crate) fn postings(&self, ngram: u32) -> &[Posting] {
        let begin = self.ngrams[ngram as usize].first as usize;
        let next = self.ngrams.get(ngram as usize + 1);
        let end = next.map_or(self.postings.len(), |next| next.first as usize);
        &self.postings[begin..end]
    }

    /// Whether an n-gram may have this hash: no is certain.
    #[inline]
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        let bit = hash >> self.filter_shift;
        self.filter[(bit / 64) as usize] >> (bit % 64) & 1 == 1
    }

    /// The n-gram of this hash and text.
    pub(crate) fn find(&self, stems: &Stems, hash: u64, words: &str) -> Option<u32> {
        let mut slot = (hash >> self.slot_shift) as usize;
        while self.slots[slot] != 0 {
            let first = self.slots[slot] - 1;
            if self.ngrams[first as usize].hash == hash {
                return self.of_hash(stems, first, words);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }

    /// The n-gram of this text among those that have the hash of `first`: they are in the order of their texts, and may
    /// be many, as words that differ in some signs alone have one hash.
    fn of_hash(&self, stems: &Stems, first: u32, words: &str) -> Option<u32> {
        let ngrams = &self.ngrams[first as usize..];
        let order = |ngram: &Ngram| {
            let posting = self.postings[ngram.first as usize];
            text(stems, posting, self.n).cmp(words)
        };
        if order(&ngrams[0]).is_eq() {
            return Some(first);
        }
        let hash = ngrams[0].hash;
        if ngrams.get(1).is_none_or(|next| next.hash != hash) {
            return None;
        }
        // All are in the order of their hashes.
        let same = ngrams.partition_point(|ngram| ngram.hash <= hash);
        let place = ngrams[..same].binary_search_by(order).ok()?;
        Some(first + place as u32)
    }

    /// The words of an n-gram.
    pub(crate) fn text<'s>(&self, stems: &'s Stems, ngram: u32) -> &'s str {
        let posting = self.postings[self.ngrams[ngram as usize].first as usize];
        text(stems, posting, self.n)
    }
}

fn text(stems: &Stems, posting: Posting, n: usize) -> &str {
    let begin = posting.word as usize;
    stems.get(posting.stem).words.slice(begin..begin + n)
}
