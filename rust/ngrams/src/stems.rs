//! The different stems of evaluation questions: copies of a question, and its other option sets, have one.

use std::sync::atomic::{AtomicBool, Ordering};

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
    /// The first of each set.
    firsts: Vec<Holder>,
    /// The first of each set and of the same pictures, by these.
    by_images: Vec<Holder>,
    /// All, by the ids of their questions.
    by_id: Vec<Holder>,
}

impl Stem {
    /// Puts what is asked of the questions into order, so that nobody looks at all of them: a short one has thousands.
    fn order(&mut self) {
        self.firsts = self.holders.clone();
        self.firsts.sort_by_key(|one| (one.set, one.question));
        self.firsts.dedup_by_key(|one| one.set);
        self.firsts.sort_by_key(|one| one.question);
        self.by_images = self.holders.clone();
        let key = |one: &Holder| (one.images, one.set);
        self.by_images.sort_by_key(|one| (key(one), one.question));
        self.by_images.dedup_by_key(|one| key(one));
        self.by_id = self.holders.clone();
        self.by_id.sort_by_key(|one| (one.id, one.question));
    }

    /// The first question of each set.
    pub(crate) fn firsts(&self) -> &[Holder] {
        &self.firsts
    }

    /// The first question of each set that shows exactly these pictures.
    pub(crate) fn of_images(&self, images: u64) -> &[Holder] {
        range_of(&self.by_images, images, |one| one.images)
    }

    /// The questions with this id.
    pub(crate) fn of_id(&self, id: u64) -> &[Holder] {
        range_of(&self.by_id, id, |one| one.id)
    }
}

/// Those of this key among what is in the order of keys.
fn range_of(holders: &[Holder], wanted: u64, key: impl Fn(&Holder) -> u64) -> &[Holder] {
    let begin = holders.partition_point(|one| key(one) < wanted);
    let end = holders.partition_point(|one| key(one) <= wanted);
    &holders[begin..end]
}

/// All stems, by their texts.
#[derive(Debug, Default)]
pub(crate) struct Stems {
    stems: Vec<Stem>,
    /// Numbers of stems by a hash of all their words.
    wholes: FxHashMap<u64, Vec<u32>>,
}

impl Stems {
    pub(crate) fn of<'q>(
        questions: impl IntoIterator<Item = Question<'q>>,
        cancel: &AtomicBool,
    ) -> Self {
        let mut stems: Vec<Stem> = Vec::new();
        let mut numbers: FxHashMap<String, usize> = FxHashMap::default();
        for (question, asked) in (0_u32..).zip(questions) {
            if cancel.load(Ordering::Relaxed) {
                break;
            }
            let text = normalised(asked.stem);
            let number = *numbers.entry(text).or_insert_with_key(|text| {
                stems.push(Stem {
                    words: Words::of_normalised(text.clone()),
                    ..Stem::default()
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
            stem.order();
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
        // Numbers are in the order of the texts, and those of one hash may be many: words that differ in some signs.
        let numbers = self.wholes.get(&whole)?;
        let order = |&number: &u32| self.get(number).words.text().cmp(words.text());
        let place = numbers.binary_search_by(order).ok()?;
        Some(self.get(numbers[place]))
    }
}
