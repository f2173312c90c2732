//! What a training question shares with evaluation questions.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::hashing::{Rolling, whole_hash, word_hashes};
use crate::index::{NgramIndex, Rule};
use crate::stems::Holder;
use crate::table::Posting;
use crate::words::{Words, ready};

/// A training question.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Hash of the question with its options and pictures.
    pub id: u64,
    /// Its text alone, without options.
    pub stem: &'a str,
    /// Hash of its pictures in their order; 0 for none.
    pub images: u64,
}

/// What two questions share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shared {
    /// All words: they are one question.
    Whole,
    /// An n-gram, by its number.
    Ngram(u32),
}

/// An evaluation question for which a training question leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Number of the evaluation question.
    pub question: u32,
    /// Number of its evaluation set.
    pub set: u32,
    /// Why.
    pub shared: Shared,
    /// The words: the whole stretch that both have around the n-gram.
    pub words: String,
}

/// What is found of a training question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many words it has: fewer than `n` hold no n-gram.
    pub words: usize,
    /// Evaluation questions for which it leaves where templates are ignored: one of a set, the first.
    pub ignoring: Vec<Contact>,
    /// The same where templates count, which is s1's procedure to the letter.
    pub keeping: Vec<Contact>,
    /// Whether an evaluation question has the same few words, with other options: that proves nothing.
    pub equals_short: bool,
}

/// Looks questions up, one after the other: its memory is used again.
pub struct Matcher<'i> {
    index: &'i NgramIndex,
    rolling: Rolling,
    hashes: Vec<u64>,
    candidates: Vec<(u32, u64)>,
}

/// An n-gram that both have: the number of its first word in the training question, and its own.
#[derive(Clone, Copy)]
struct Hit {
    place: u32,
    ngram: u32,
}

impl<'i> Matcher<'i> {
    /// Looks up in an index.
    #[must_use]
    pub fn new(index: &'i NgramIndex) -> Self {
        Self {
            index,
            rolling: Rolling::new(index.n),
            hashes: Vec::new(),
            candidates: Vec::new(),
        }
    }

    /// What the question shares with those of the index.
    pub fn find(&mut self, asked: &Asked<'_>) -> Found {
        let index = self.index;
        word_hashes(&ready(asked.stem), &mut self.hashes);
        self.candidates.clear();
        let rolled = (0..).zip(self.rolling.hashes(&self.hashes));
        let may_be = rolled.filter(|(_, hash)| index.table.may_have(*hash));
        self.candidates.extend(may_be);
        let mut found = Found {
            words: self.hashes.len(),
            ..Found::default()
        };
        let whole = whole_hash(&self.hashes);
        let may_be_whole = index.stems.may_have(whole);
        if self.candidates.is_empty() && !may_be_whole {
            return found;
        }
        let words = Words::of(asked.stem);
        if may_be_whole {
            self.find_whole(asked, whole, &words, &mut found);
        }
        let hit = |&(place, hash): &(u32, u64)| {
            let begin = place as usize;
            let text = words.slice(begin..begin + index.n);
            let ngram = index.table.find(&index.stems, hash, text)?;
            Some(Hit { place, ngram })
        };
        let hits: Vec<Hit> = self.candidates.iter().filter_map(hit).collect();
        match index.rule {
            Rule::Any => find_any(index, asked, &words, &hits, &mut found),
            Rule::Coverage(share) => find_covered(index, asked, &words, &hits, share, &mut found),
        }
        found
    }

    /// Questions that are evaluation questions as they stand.
    fn find_whole(&self, asked: &Asked<'_>, whole: u64, words: &Words, found: &mut Found) {
        let Some(stem) = self.index.stems.equal(whole, words) else {
            return;
        };
        let is_long = found.words >= self.index.n;
        let is_same = |holder: &&Holder| match (asked.images, is_long) {
            (0, true) => true,
            // The few words of a short one may be any question's: its options say which it is.
            (0, false) => found.words > 0 && holder.id == asked.id,
            (images, _) => holder.images == images,
        };
        for holder in stem.holders.iter().filter(is_same) {
            add(&mut found.ignoring, holder.set, || Contact {
                question: holder.question,
                set: holder.set,
                shared: Shared::Whole,
                words: words.text().to_owned(),
            });
        }
        found.equals_short = (1..self.index.n).contains(&found.words)
            && asked.images == 0
            && found.ignoring.is_empty();
    }
}

/// Adds what is found of a set, unless something was found of it before.
fn add(contacts: &mut Vec<Contact>, set: u32, contact: impl FnOnce() -> Contact) {
    if contacts.iter().all(|known| known.set != set) {
        contacts.push(contact());
    }
}

fn find_any(index: &NgramIndex, asked: &Asked<'_>, words: &Words, hits: &[Hit], found: &mut Found) {
    for &hit in hits {
        let template = index.templates[hit.ngram as usize];
        for first in index.firsts(hit.ngram) {
            let contact = || {
                let posting = Posting {
                    stem: first.stem,
                    word: first.word,
                };
                contact(index, words, hit, posting, first.question, first.set)
            };
            add(&mut found.keeping, first.set, contact);
            if asked.images == 0 && !template.of_text {
                add(&mut found.ignoring, first.set, contact);
            }
        }
        if asked.images != 0 && !template.of_pictures {
            let same = with_pictures(index, hit.ngram, asked.images);
            for (holder, posting) in same {
                add(&mut found.ignoring, holder.set, || {
                    contact(index, words, hit, posting, holder.question, holder.set)
                });
            }
        }
    }
}

/// The questions that have an n-gram and these pictures, or none, in their order.
fn with_pictures(index: &NgramIndex, ngram: u32, images: u64) -> Vec<(Holder, Posting)> {
    let postings = index.table.postings(ngram).iter();
    let holders = postings.flat_map(|posting| {
        let holders = index.stems.get(posting.stem).holders.iter();
        holders.map(|holder| (*holder, *posting))
    });
    let mut same: Vec<_> = holders
        .filter(|(holder, _)| are_same_pictures(images, holder.images))
        .collect();
    same.sort_unstable_by_key(|(holder, posting)| (holder.question, *posting));
    same
}

/// Whether what is shown does not tell two questions apart: one of them shows nothing, or both the same.
fn are_same_pictures(one: u64, other: u64) -> bool {
    one == 0 || other == 0 || one == other
}

fn find_covered(
    index: &NgramIndex,
    asked: &Asked<'_>,
    words: &Words,
    hits: &[Hit],
    share: f64,
    found: &mut Found,
) {
    let is_ignored = |hit: &&Hit| {
        let template = index.templates[hit.ngram as usize];
        let template = if asked.images == 0 {
            template.of_text
        } else {
            template.of_pictures
        };
        !template
    };
    let all = |_: &Holder| true;
    covered(index, words, hits.iter(), share, all, &mut found.keeping);
    let images = asked.images;
    let same = |holder: &Holder| are_same_pictures(images, holder.images);
    let counted = hits.iter().filter(is_ignored);
    covered(index, words, counted, share, same, &mut found.ignoring);
}

/// Adds the questions of whose words enough are covered.
fn covered<'h>(
    index: &NgramIndex,
    words: &Words,
    hits: impl Iterator<Item = &'h Hit>,
    share: f64,
    counts: impl Fn(&Holder) -> bool,
    contacts: &mut Vec<Contact>,
) {
    let mut of_stems: FxHashMap<u32, Vec<(u32, Hit)>> = FxHashMap::default();
    for hit in hits {
        for posting in index.table.postings(hit.ngram) {
            let places = of_stems.entry(posting.stem).or_default();
            places.push((posting.word, *hit));
        }
    }
    let mut questions: Vec<(Holder, Posting, Hit)> = Vec::new();
    for (stem, mut places) in of_stems {
        let held = index.stems.get(stem);
        let (word, hit) = places[0];
        places.sort_unstable_by_key(|place| place.0);
        let covered = covered_words(&places, index.n) as f64;
        if covered > share * held.words.len() as f64 {
            let holders = held.holders.iter().filter(|holder| counts(holder));
            questions.extend(holders.map(|holder| (*holder, Posting { stem, word }, hit)));
        }
    }
    questions.sort_unstable_by_key(|(holder, ..)| holder.question);
    for (holder, posting, hit) in questions {
        add(contacts, holder.set, || {
            contact(index, words, hit, posting, holder.question, holder.set)
        });
    }
}

/// Words that n-grams at these ascending places cover.
fn covered_words(places: &[(u32, Hit)], n: usize) -> usize {
    let (mut covered, mut end) = (0, 0);
    for &(word, _) in places {
        let begin = (word as usize).max(end);
        end = word as usize + n;
        covered += end - begin.min(end);
    }
    covered
}

fn contact(
    index: &NgramIndex,
    words: &Words,
    hit: Hit,
    posting: Posting,
    question: u32,
    set: u32,
) -> Contact {
    let held = &index.stems.get(posting.stem).words;
    let stretch = stretch(
        words,
        hit.place as usize,
        held,
        posting.word as usize,
        index.n,
    );
    Contact {
        question,
        set,
        shared: Shared::Ngram(hit.ngram),
        words: words.slice(stretch).to_owned(),
    }
}

/// The words around `n` equal ones, at `place` in one text and `word` in the other, that are equal as well.
fn stretch(one: &Words, place: usize, other: &Words, word: usize, n: usize) -> Range<usize> {
    let same = |one_word: usize, other_word: usize| {
        one.slice(one_word..one_word + 1) == other.slice(other_word..other_word + 1)
    };
    let before = (1..=place.min(word)).take_while(|back| same(place - back, word - back));
    let before = before.count();
    let left = (one.len() - place).min(other.len() - word);
    let after = (n..left).take_while(|forth| same(place + forth, word + forth));
    place - before..place + n + after.count()
}
