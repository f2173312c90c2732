//! What leaves and what stays, case by case.

use octomed_ngrams::{Asked, Found, Matcher, NgramIndex, Question, Rule, Shared};

const TEMPLATE: &str = "Read the following case of a patient of this hospital with care, then choose the one best answer:";

fn text(stem: &str) -> Question<'_> {
    Question {
        set: 0,
        id: 0,
        stem,
        images: 0,
    }
}

fn index(n: usize, rule: Rule, stems: &[String]) -> NgramIndex {
    NgramIndex::new(n, rule, stems.iter().map(|stem| text(stem)))
}

fn find(index: &NgramIndex, stem: &str, images: u64) -> Found {
    Matcher::new(index).find(&Asked {
        id: 1,
        stem,
        images,
    })
}

/// So many questions of one template that have little else in common.
fn cases(count: usize) -> Vec<String> {
    let case = |number: usize| {
        let words: Vec<String> = (0..12).map(|word| format!("w{number}x{word}")).collect();
        format!("{TEMPLATE} {}", words.join(" "))
    };
    (0..count).map(case).collect()
}

#[test]
fn one_shared_ngram_is_enough_and_one_word_less_is_not() {
    let words: Vec<String> = (0..20).map(|word| format!("word{word}")).collect();
    let index = index(16, Rule::Any, &[words.join(" ")]);
    let shared = format!(
        "Before that:\n{} and after.",
        words[2..18].join("  ").to_uppercase()
    );
    let found = find(&index, &shared, 0);
    assert_eq!((found.ignoring.len(), found.keeping.len()), (1, 1));
    assert_eq!(found.ignoring[0].words, words[2..18].join(" "));
    let fewer = format!("Before that: {} and after.", words[2..17].join(" "));
    assert_eq!(
        find(&index, &fewer, 0),
        Found {
            words: 19,
            ..Found::default()
        }
    );
}

#[test]
fn the_words_shared_are_the_whole_stretch() {
    let index = index(
        4,
        Rule::Any,
        &["one two three four five six seven eight".to_owned()],
    );
    let found = find(&index, "zero two three four five six seven nine", 0);
    assert_eq!(found.ignoring[0].words, "two three four five six seven");
}

#[test]
fn an_ngram_of_five_different_stems_is_a_template() {
    for (count, ignored) in [(4, 1), (5, 0)] {
        let index = index(16, Rule::Any, &cases(count));
        let found = find(&index, &format!("{TEMPLATE} something of its own"), 0);
        assert_eq!((found.ignoring.len(), found.keeping.len()), (ignored, 1));
        assert_eq!(index.phrases(9).0, u64::from(count == 5));
    }
    let (_, phrases) = index(16, Rule::Any, &cases(7)).phrases(9);
    assert_eq!(
        (phrases[0].words.clone(), phrases[0].stems),
        (TEMPLATE.to_lowercase(), 7)
    );
    assert!(!phrases[0].of_pictures_alone);
}

#[test]
fn copies_and_nearly_equal_stems_count_once() {
    let stem = "A 45-year-old man comes to the emergency department because of chest pain that began two hours ago while running";
    let mut stems: Vec<String> = (0..9)
        .map(|age| stem.replace("45", &format!("4{age}")))
        .collect();
    stems.extend([stem.to_owned(), stem.to_uppercase(), format!("{stem}.")]);
    let index = index(8, Rule::Any, &stems);
    let found = find(&index, &format!("{stem} again"), 0);
    assert_eq!(found.ignoring.len(), 1);
    assert_eq!(index.phrases(9), (0, vec![]));
}

#[test]
fn other_option_sets_and_other_files_are_no_other_questions() {
    let stem = cases(1).remove(0);
    let copy = |number: u64| Question {
        set: number as u32,
        id: number,
        stem: &stem,
        images: 0,
    };
    let index = NgramIndex::new(16, Rule::Any, (0..9).map(copy));
    let found = find(&index, &format!("{TEMPLATE} something else"), 0);
    assert_eq!(found.ignoring.len(), 9, "each set is named");
}

#[test]
fn a_question_that_is_all_template_leaves_where_it_is_an_evaluation_question() {
    let mut stems = cases(5);
    stems.push(TEMPLATE.to_owned());
    let index = index(16, Rule::Any, &stems);
    let found = find(&index, &TEMPLATE.to_uppercase(), 0);
    assert_eq!(found.ignoring[0].shared, Shared::Whole);
    assert_eq!(found.ignoring[0].question, 5);
    assert_eq!(find(&index, &format!("{TEMPLATE} now"), 0).ignoring, []);
}

#[test]
fn equal_stems_over_different_pictures_are_different_questions() {
    let shown = |number: u64| Question {
        set: 0,
        id: number,
        stem: TEMPLATE,
        images: number,
    };
    for count in [1, 4, 9] {
        let index = NgramIndex::new(16, Rule::Any, (1..=count).map(shown));
        assert_eq!(find(&index, TEMPLATE, 77).ignoring, []);
        assert_eq!(
            find(&index, TEMPLATE, 77).keeping.len(),
            1,
            "s1 knows no pictures"
        );
        let found = find(&index, TEMPLATE, count);
        assert_eq!(u64::from(found.ignoring[0].question), count - 1);
        // Another question about the same picture shares no more than a template, where there are many pictures.
        let other = format!("{TEMPLATE} what else");
        assert_eq!(
            find(&index, &other, count).ignoring.len(),
            usize::from(count < 5)
        );
        // Without a picture the words are all there is.
        assert_eq!(find(&index, TEMPLATE, 0).ignoring[0].shared, Shared::Whole);
    }
}

#[test]
fn few_words_prove_nothing_but_with_their_options() {
    let index = index(16, Rule::Any, &["Which of these is true?".to_owned()]);
    let mut matcher = Matcher::new(&index);
    let mut find = |id| {
        matcher.find(&Asked {
            id,
            stem: "which of these  is TRUE?",
            images: 0,
        })
    };
    let other = find(1);
    assert_eq!((other.words, other.equals_short), (5, true));
    assert_eq!((other.ignoring, other.keeping), (vec![], vec![]));
    let same = find(0);
    assert_eq!(
        (same.ignoring[0].shared.clone(), same.equals_short),
        (Shared::Whole, false)
    );
    assert_eq!(same.keeping, [], "s1 never matches it");
}

#[test]
fn coverage_counts_words_of_the_evaluation_question() {
    let words: Vec<String> = (0..20).map(|word| format!("word{word}")).collect();
    let half = index(4, Rule::Coverage(0.5), &[words.join(" ")]);
    assert_eq!(find(&half, &words[..10].join(" "), 0).ignoring, []);
    let found = find(&half, &words[..11].join(" "), 0);
    assert_eq!(found.ignoring[0].words, words[..11].join(" "));
    // Two stretches of one question count together, those of two questions do not.
    let apart = format!("{} and {}", words[..6].join(" "), words[14..].join(" "));
    assert_eq!(find(&half, &apart, 0).ignoring.len(), 1);
}

#[test]
fn an_empty_index_and_an_empty_question_have_nothing() {
    let empty = index(16, Rule::Any, &[]);
    assert_eq!(find(&empty, TEMPLATE, 0).keeping, []);
    let index = index(1, Rule::Any, &["".to_owned(), "word".to_owned()]);
    assert_eq!(find(&index, "", 0), Found::default());
    assert_eq!(find(&index, " word ", 0).keeping.len(), 1);
}
