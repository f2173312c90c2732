//! The different stems of evaluation questions: copies of a question, and its other option sets, have one.

use rustc_hash::FxHashMap;

use crate::hashing::{whole_hash, word_hashes};
use crate::question::Question;
use crate::words::{Words, normalised};

/// An evaluation question that has a stem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Its number, in the order in which questions were given.
    pub question: u32,
    pub set: u32,
    pub id: u64,
    pub images: u64,
}

/// A stem, and the questions that have it; of those that differ in nothing the first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stem {
    pub words: Words,
    pub holders: Vec<Holder>,
}

/// All stems, by their texts.
#[derive(Debug, Default)]
pub(crate) struct Stems {
    stems: Vec<Stem>,
    /// Numbers of stems by a hash of all their words.
    wholes: FxHashMap<u64, Vec<u32>>,
}

impl Stems {
    pub(crate) fn of<'q>(questions: impl IntoIterator<Item = Question<'q>>) -> Self {
        let mut stems: Vec<Stem> = Vec::new();
        let mut numbers: FxHashMap<String, usize> = FxHashMap::default();
        for (question, asked) in (0_u32..).zip(questions) {
            let text = normalised(asked.stem);
            let number = *numbers.entry(text).or_insert_with_key(|text| {
                stems.push(Stem {
                    words: Words::of_normalised(text.clone()),
                    holders: Vec::new(),
                });
                stems.len() - 1
            });
            stems[number].holders.push(Holder {
                question,
                set: asked.set,
                id: asked.id,
                images: asked.images,
            });
        }
        drop(numbers);
        for stem in &mut stems {
            let key = |one: &Holder| (one.set, one.images, one.id);
            stem.holders.sort_by_key(key);
            stem.holders.dedup_by_key(|one| key(one));
            stem.holders.sort_by_key(|one| one.question);
        }
        // What is decided below goes by stems in the order of their texts, so that no order of files decides anything.
        stems.sort_unstable_by(|one, other| one.words.text().cmp(other.words.text()));
        let mut wholes: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
        let mut hashes = Vec::new();
        for (number, stem) in (0..).zip(&stems) {
            word_hashes(stem.words.text(), &mut hashes);
            let same = wholes.entry(whole_hash(&hashes)).or_default();
            same.push(number);
        }
        Self { stems, wholes }
    }

    pub(crate) fn get(&self, number: u32) -> &Stem {
        &self.stems[number as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Stem)> {
        (0..).zip(&self.stems)
    }

    pub(crate) fn len(&self) -> usize {
        self.stems.len()
    }

    /// Whether a stem may have words of this hash.
    pub(crate) fn may_have(&self, whole: u64) -> bool {
        self.wholes.contains_key(&whole)
    }

    /// The stem that is these words, whose hash this is.
    pub(crate) fn equal(&self, whole: u64, words: &Words) -> Option<&Stem> {
        let numbers = self.wholes.get(&whole)?.iter();
        let mut stems = numbers.map(|&number| self.get(number));
        stems.find(|stem| stem.words.text() == words.text())
    }
}
