//! Questions that are made to take long: work grows with their length, and not with its square.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use octomed_ngrams::{Asked, Found, MOST_PLACES, Matcher, NgramIndex, Question, Rule};

/// What none of these may take; the square of what they hold would take hours.
const PATIENCE: Duration = Duration::from_secs(20);

fn question(id: u64, stem: &str, images: u64) -> Question<'_> {
    Question {
        set: 0,
        id,
        stem,
        images,
    }
}

fn index(rule: Rule, stems: &[String]) -> NgramIndex {
    let questions = (0..).zip(stems).map(|(id, stem)| question(id, stem, 0));
    NgramIndex::new(16, rule, questions)
}

fn find(matcher: &mut Matcher<'_>, stem: &str, images: u64) -> Found {
    let id = 1 << 40;
    matcher.find(&Asked { id, stem, images })
}

#[test]
fn one_word_without_end_is_looked_up_once() {
    let begin = Instant::now();
    let stem = "a ".repeat(200_000);
    for rule in [Rule::Any, Rule::Coverage(0.5)] {
        let index = index(rule, std::slice::from_ref(&stem));
        let mut matcher = Matcher::new(&index);
        for images in [0, 7] {
            let found = find(&mut matcher, &"a ".repeat(100_000), images);
            assert_eq!((found.keeping.len(), found.ignoring.len()), (1, 1));
            assert_eq!(found.keeping[0].words.len(), 2 * 100_000 - 1);
        }
    }
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn a_pattern_without_end_is_covered_as_far_as_it_is_looked_at() {
    let begin = Instant::now();
    let words: Vec<String> = (0..40).map(|number| format!("w{number}")).collect();
    let pattern = words.join(" ");
    let stem = vec![pattern.as_str(); 5_000].join(" ");
    let index = index(Rule::Coverage(0.9), std::slice::from_ref(&stem));
    let mut matcher = Matcher::new(&index);
    // Each n-gram stands in 5,000 places, some of which are looked at: one in five of forty is the bound.
    let found = find(&mut matcher, &stem, 0);
    assert!(found.is_bounded);
    assert_eq!(found.ignoring.len(), 1, "the whole question is one");
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn nearly_equal_questions_are_found_in_bounded_time() {
    let begin = Instant::now();
    let shared: Vec<String> = (0..40).map(|number| format!("w{number}")).collect();
    let shared = shared.join(" ");
    let stem = |number: usize| format!("{shared} after {number} days");
    let stems: Vec<String> = (0..20_000).map(stem).collect();
    let index = index(Rule::Coverage(0.5), &stems);
    let mut matcher = Matcher::new(&index);
    for number in 100_000..100_200 {
        let found = find(&mut matcher, &stem(number), 0);
        assert!(
            found.is_bounded,
            "26 n-grams stand in 20,000 questions each"
        );
        assert_eq!((found.ignoring.len(), found.keeping.len()), (1, 1));
    }
    // Of a question that shares with one alone what covers it, nothing else is needed.
    let rare: Vec<String> = (0..30).map(|number| format!("r{number}")).collect();
    let mut more = stems.clone();
    more.push(rare.join(" "));
    let index = self::index(Rule::Coverage(0.5), &more);
    let found = find(
        &mut Matcher::new(&index),
        &format!("{shared} {}", rare.join(" ")),
        0,
    );
    assert!(found.is_bounded);
    let index = self::index(Rule::Coverage(0.95), &more);
    let found = find(
        &mut Matcher::new(&index),
        &format!("{shared} {}", rare.join(" ")),
        0,
    );
    assert_eq!(
        found.keeping[0].question, 20_000,
        "its n-grams are the rarest"
    );
    assert!(26 * stems.len() > MOST_PLACES);
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn long_questions_that_are_nearly_equal_are_compared_once() {
    let begin = Instant::now();
    let words: Vec<String> = (0..40_000).map(|number| format!("w{number}")).collect();
    let stems: Vec<String> = (0..12)
        .map(|number| format!("{} {number}", words.join(" ")))
        .collect();
    let index = index(Rule::Any, &stems);
    let mut matcher = Matcher::new(&index);
    let found = find(&mut matcher, &words[100..200].join(" "), 0);
    assert_eq!(
        found.ignoring.len(),
        1,
        "nearly equal stems are one, and no template"
    );
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn a_short_question_over_many_pictures_is_looked_up_by_these() {
    let begin = Instant::now();
    let stem = "what is shown in this picture of a patient";
    let long = format!("{stem} who came to the clinic because of pain in the chest");
    for (stem, is_long) in [(stem, false), (&*long, true)] {
        let questions = (1..20_000).map(|number| question(number, stem, number));
        let index = NgramIndex::new(16, Rule::Any, questions);
        let mut matcher = Matcher::new(&index);
        for images in 1..20_000 {
            let found = find(&mut matcher, stem, images * 2);
            let is_known = images * 2 < 20_000;
            assert_eq!(found.ignoring.len(), usize::from(is_known));
            if is_known {
                assert_eq!(u64::from(found.ignoring[0].question), images * 2 - 1);
            }
            assert_eq!(found.keeping.len(), usize::from(is_long));
        }
    }
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn words_that_differ_in_signs_of_one_hash_are_told_apart() {
    // `[` and `{` have one hash, as large and small letters have.
    let stem = |number: u32| -> String {
        let word = |bit: u32| format!("x{}", if number >> bit & 1 == 1 { '[' } else { '{' });
        (0..16).map(word).collect::<Vec<_>>().join(" ")
    };
    let stems: Vec<String> = (0..1 << 14).map(stem).collect();
    let begin = Instant::now();
    let index = index(Rule::Any, &stems);
    let mut matcher = Matcher::new(&index);
    for (number, stem) in stems.iter().enumerate() {
        let found = find(&mut matcher, &format!("so {stem}"), 0);
        assert_eq!(found.keeping[0].question as usize, number);
    }
    assert!(
        find(&mut matcher, &format!("so {}", stem(1 << 15)), 0)
            .keeping
            .is_empty()
    );
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn work_ends_once_it_is_cancelled() {
    let stems: Vec<String> = (0..100)
        .map(|number| format!("{number} ").repeat(20))
        .collect();
    let questions = || (0..).zip(&stems).map(|(id, stem)| question(id, stem, 0));
    let cancelled = AtomicBool::new(true);
    let index = NgramIndex::cancellable(16, Rule::Any, questions(), &cancelled);
    let found = find(&mut Matcher::new(&index), &stems[0], 0);
    assert!(found.keeping.is_empty(), "nothing was read");
    let going = AtomicBool::new(false);
    let index = NgramIndex::cancellable(16, Rule::Any, questions(), &going);
    assert_eq!(
        find(&mut Matcher::new(&index), &stems[0], 0).keeping.len(),
        1
    );
}
