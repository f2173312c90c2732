//! The index against a slow reading of its rules: texts, sets and loops, no hash.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use octomed_ngrams::{Asked, Contact, Matcher, NgramIndex, Question, Rule, Shared, normalised};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Row {
    set: u32,
    id: u64,
    stem: String,
    images: u64,
}

fn words(text: &str) -> Vec<String> {
    let text = normalised(text);
    let words = text.split(' ').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn ngrams(text: &str, n: usize) -> Vec<String> {
    words(text)
        .windows(n)
        .map(|words| words.join(" "))
        .collect()
}

fn bag(stem: &str) -> BTreeMap<String, usize> {
    let mut bag = BTreeMap::new();
    for word in words(stem) {
        let bare = word.trim_matches(|character: char| character.is_ascii_punctuation());
        if !bare.is_empty() {
            *bag.entry(bare.to_owned()).or_default() += 1;
        }
    }
    bag
}

fn are_near(one: &str, other: &str) -> bool {
    let (one, other) = (bag(one), bag(other));
    let count = |bag: &BTreeMap<String, usize>| bag.values().sum::<usize>();
    let shared = one
        .iter()
        .map(|(word, &times)| times.min(*other.get(word).unwrap_or(&0)));
    let shared: usize = shared.sum();
    shared * 5 >= (count(&one) + count(&other) - shared) * 4
}

/// Whether enough different ones of these pairs of stem and pictures are there; pictures are all 0 where stems alone count.
fn are_many(pairs: &BTreeSet<(String, u64)>) -> bool {
    let mut counted: Vec<&(String, u64)> = Vec::new();
    for pair in pairs {
        if !counted
            .iter()
            .any(|one| one.1 == pair.1 && are_near(&one.0, &pair.0))
        {
            counted.push(pair);
        }
    }
    counted.len() >= 5
}

/// Stems with pictures.
type Pairs = BTreeSet<(String, u64)>;

struct Slow<'r> {
    n: usize,
    rows: &'r [Row],
    templates: BTreeSet<String>,
    picture_templates: BTreeSet<String>,
}

impl<'r> Slow<'r> {
    fn of(rows: &'r [Row], n: usize) -> Self {
        let mut pairs: BTreeMap<String, BTreeSet<(String, u64)>> = BTreeMap::new();
        for row in rows {
            for ngram in ngrams(&row.stem, n) {
                pairs
                    .entry(ngram)
                    .or_default()
                    .insert((normalised(&row.stem), row.images));
            }
        }
        let stems = |pairs: &BTreeSet<(String, u64)>| {
            pairs.iter().map(|pair| (pair.0.clone(), 0)).collect()
        };
        let many = |counted: &dyn Fn(&Pairs) -> bool| {
            let found = pairs.iter().filter(|(_, pairs)| counted(pairs));
            found.map(|(ngram, _)| ngram.clone()).collect()
        };
        Self {
            n,
            rows,
            templates: many(&|pairs| are_many(&stems(pairs))),
            picture_templates: many(&are_many),
        }
    }

    fn shares(&self, rule: Rule, asked: &Row, row: &Row, ignored: &BTreeSet<String>) -> bool {
        let mine: BTreeSet<String> = ngrams(&asked.stem, self.n).into_iter().collect();
        let is_shared = |ngram: &String| mine.contains(ngram) && !ignored.contains(ngram);
        let theirs = ngrams(&row.stem, self.n);
        match rule {
            Rule::Any => theirs.iter().any(is_shared),
            Rule::Coverage(share) => {
                let mut covered = vec![false; words(&row.stem).len()];
                for (place, _) in theirs
                    .iter()
                    .enumerate()
                    .filter(|(_, ngram)| is_shared(ngram))
                {
                    covered[place..place + self.n].fill(true);
                }
                let count = covered.iter().filter(|is| **is).count();
                count > 0 && count as f64 > share * covered.len() as f64
            }
        }
    }

    /// The sets for which a question leaves: with templates ignored, and with them kept.
    fn sets(&self, rule: Rule, asked: &Row) -> [BTreeSet<u32>; 2] {
        let mut sets = [BTreeSet::new(), BTreeSet::new()];
        let length = words(&asked.stem).len();
        for row in self.rows {
            let same = asked.images == 0 || row.images == 0 || row.images == asked.images;
            let templates = match asked.images {
                0 => &self.templates,
                _ => &self.picture_templates,
            };
            let is_whole = normalised(&asked.stem) == normalised(&row.stem)
                && match asked.images {
                    0 if length >= self.n => true,
                    0 => length > 0 && row.id == asked.id,
                    images => row.images == images,
                };
            if is_whole || same && self.shares(rule, asked, row, templates) {
                sets[0].insert(row.set);
            }
            if self.shares(rule, asked, row, &BTreeSet::new()) {
                sets[1].insert(row.set);
            }
        }
        sets
    }
}

fn check(n: usize, rule: Rule, evaluation: &[Row], training: &[Row]) -> Result<(), TestCaseError> {
    let question = |row: &'_ Row| -> (u32, u64, u64) { (row.set, row.id, row.images) };
    let questions = evaluation.iter().map(|row| {
        let (set, id, images) = question(row);
        Question {
            set,
            id,
            stem: &row.stem,
            images,
        }
    });
    let index = NgramIndex::new(n, rule, questions);
    let slow = Slow::of(evaluation, n);
    let mut matcher = Matcher::new(&index);
    for row in training {
        let found = matcher.find(&Asked {
            id: row.id,
            stem: &row.stem,
            images: row.images,
        });
        prop_assert_eq!(found.words, words(&row.stem).len());
        let sets = |contacts: &[Contact]| {
            contacts
                .iter()
                .map(|one| one.set)
                .collect::<BTreeSet<u32>>()
        };
        let expected = slow.sets(rule, row);
        prop_assert_eq!(
            [sets(&found.ignoring), sets(&found.keeping)],
            expected,
            "{:?}",
            row
        );
        for contact in found.ignoring.iter().chain(&found.keeping) {
            let held = &evaluation[contact.question as usize];
            prop_assert_eq!(held.set, contact.set);
            let is_in = |text: &str| {
                format!(" {} ", normalised(text)).contains(&format!(" {} ", contact.words))
            };
            prop_assert!(is_in(&held.stem) && is_in(&row.stem), "{:?}", contact);
            if let Shared::Ngram(ngram) = contact.shared {
                prop_assert!(contact.words.contains(index.words(ngram)));
            } else {
                prop_assert_eq!(&contact.words, &normalised(&row.stem));
            }
        }
    }
    Ok(())
}

fn row() -> impl Strategy<Value = Row> {
    let word = prop::sample::select(vec!["a", "B", "c", "a,", "é", "Σ", "d"]);
    let space = prop::sample::select(vec![" ", "  ", "\n", "\u{a0}", "\x1f"]);
    let stem = prop::collection::vec((word, space), 0..14);
    (0_u32..3, 0_u64..3, stem, 0_u64..3).prop_map(|(set, id, stem, images)| {
        let stem: String = stem
            .into_iter()
            .flat_map(|(word, space)| [word, space])
            .collect();
        Row {
            set,
            id,
            stem,
            images,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_slow_reading(
        n in 1_usize..6,
        share in prop::option::of(0.0..1.0),
        evaluation in prop::collection::vec(row(), 0..24),
        training in prop::collection::vec(row(), 1..8),
        copied in prop::collection::vec((0_usize..24, 0_u64..3, 0_u64..3), 0..6),
    ) {
        let mut training = training;
        for (number, id, images) in copied {
            if let Some(row) = evaluation.get(number) {
                training.push(Row { id, images, ..row.clone() });
            }
        }
        let rule = share.map_or(Rule::Any, Rule::Coverage);
        check(n, rule, &evaluation, &training)?;
    }
}
