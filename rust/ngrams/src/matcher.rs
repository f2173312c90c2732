//! What a training question shares with evaluation questions.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::hashing::{Rolling, whole_hash, word_hashes};
use crate::index::{NgramIndex, Rule};
use crate::spans::Span;
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
    /// Whether its n-grams stand in more places of evaluation questions than were looked at for their coverage.
    pub is_bounded: bool,
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
        let same = match (asked.images, is_long) {
            (0, true) => stem.firsts(),
            // The few words of a short one may be any question's: its options say which it is.
            (0, false) if found.words > 0 => stem.of_id(asked.id),
            (0, false) => &[],
            (images, _) => stem.of_images(images),
        };
        for holder in same {
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
        for first in index.firsts.get(hit.ngram) {
            let contact = || contact(index, words, hit, first.posting, first.question, first.set);
            add(&mut found.keeping, first.set, contact);
            if asked.images == 0 && !template.of_text {
                add(&mut found.ignoring, first.set, contact);
            }
        }
        if asked.images != 0 && !template.of_pictures {
            for first in index.firsts_of_pictures.get(hit.ngram) {
                if are_same_pictures(asked.images, first.images) {
                    add(&mut found.ignoring, first.set, || {
                        contact(index, words, hit, first.posting, first.question, first.set)
                    });
                }
            }
        }
    }
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
    let keeping = Places::of(index, hits.iter());
    covered(index, words, &keeping, share, 0, &mut found.keeping);
    let ignoring = Places::of(index, hits.iter().filter(is_ignored));
    covered(
        index,
        words,
        &ignoring,
        share,
        asked.images,
        &mut found.ignoring,
    );
    found.is_bounded = keeping.is_bounded || ignoring.is_bounded;
}

/// Places of n-grams in evaluation questions that are looked at for one training question. Where many evaluation questions
/// hold what many training questions say, work would grow with the product of both.
pub const MOST_PLACES: usize = 1 << 16;

/// Where evaluation stems have the n-grams of a training question.
struct Places {
    of_stems: FxHashMap<u32, Vec<(Span, Hit)>>,
    /// Whether there are more than were looked at.
    is_bounded: bool,
}

impl Places {
    /// Looks the n-grams up, each once, those that fewest stems have first: these tell most.
    fn of<'h>(index: &NgramIndex, hits: impl Iterator<Item = &'h Hit>) -> Self {
        let spans = |hit: &Hit| index.spans.get(hit.ngram);
        let mut hits: Vec<Hit> = hits.copied().collect();
        hits.sort_unstable_by_key(|hit| (spans(hit).len(), hit.ngram, hit.place));
        hits.dedup_by_key(|hit| hit.ngram);
        let mut places = Self {
            of_stems: FxHashMap::default(),
            is_bounded: false,
        };
        let mut left = MOST_PLACES;
        for hit in hits {
            let spans = spans(&hit);
            places.is_bounded |= spans.len() > left;
            for &span in spans.iter().take(left) {
                let of_stem = places.of_stems.entry(span.stem).or_default();
                of_stem.push((span, hit));
            }
            left = left.saturating_sub(spans.len());
        }
        places
    }
}

/// Adds the questions of whose words enough are covered, and which show these pictures or none; 0 for whatever they show.
fn covered(
    index: &NgramIndex,
    words: &Words,
    places: &Places,
    share: f64,
    images: u64,
    contacts: &mut Vec<Contact>,
) {
    let mut questions: Vec<(Holder, Posting, Hit)> = Vec::new();
    for (&stem, places) in &places.of_stems {
        let held = index.stems.get(stem);
        let mut spans: Vec<Span> = places.iter().map(|place| place.0).collect();
        spans.sort_unstable();
        let covered = f64::from(covered_words(&spans));
        let first = places
            .iter()
            .min_by_key(|(span, hit)| (hit.place, span.start));
        if let Some(&(Span { start: word, .. }, hit)) = first
            && covered > share * held.words.len() as f64
        {
            let holders = match images {
                0 => held.firsts().iter().chain(&[]),
                images => held.of_images(0).iter().chain(held.of_images(images)),
            };
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

/// Words of a stem that spans cover, which come in their order.
fn covered_words(spans: &[Span]) -> u32 {
    let (mut covered, mut covered_to) = (0, 0);
    for span in spans {
        covered += span.end.saturating_sub(span.start.max(covered_to));
        covered_to = covered_to.max(span.end);
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
