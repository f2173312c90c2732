//! Answers of responses, whatever these are: found, compared with a right one, and never guessed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octomed_responses::{
    AnswerState, Choice, Extracted, Gold, GoldRule, extract, find, judge, parts, present,
};

const QUESTIONS: [&[(&str, &str)]; 5] = [
    &[
        ("A", "Ampicillin"),
        ("B", "Hepatitis B"),
        ("C", "Hepatitis"),
        ("D", "20%"),
        ("E", "Both A and B"),
    ],
    &[("A", "A"), ("B", "ad"), ("C", "A beta blocker")],
    &[("1", "yes"), ("2", "no"), ("3", "maybe")],
    &[("A", "呋喃妥因"), ("B", "環丙"), ("C", "é (x)"), ("D", "")],
    &[],
];
const RULES: [GoldRule; 4] = [
    GoldRule::Options,
    GoldRule::Exact,
    GoldRule::Contains,
    GoldRule::TokenF1(0.5),
];

// A byte each chooses the question, the rule, and where the right answer ends; then come that and the response.
fuzz_target!(|input: &[u8]| {
    let [question, rule, length, text @ ..] = input else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let mut end = usize::from(*length).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let (right, response) = text.split_at(end);
    let choices: Vec<Choice<'_>> = QUESTIONS[usize::from(*question) % QUESTIONS.len()]
        .iter()
        .map(|(label, text)| Choice { label, text })
        .collect();
    let split = parts(response, None);
    let extracted = extract(&choices, &split);
    if let Extracted::Options(places) = &extracted {
        assert!(!places.is_empty() && places.iter().all(|&place| place < choices.len()));
    }
    let cut = find(&choices, &split, Some(false)).extracted;
    assert_eq!(cut, Extracted::Cut, "what was cut is never accepted");
    let _ = present(&choices, &split, None);
    // A line end behind a response says nothing.
    let padded = format!("{response}\n \n");
    assert_eq!(extracted, extract(&choices, &parts(&padded, None)));
    let rule = RULES[usize::from(*rule) % RULES.len()];
    if let Ok(gold) = Gold::new(&choices, Some(right), rule) {
        let judged = judge(&gold, &split, None);
        assert_eq!(judged, judge(&gold, &split, None));
        assert_eq!(judge(&gold, &split, Some(false)).state, AnswerState::Cut);
        if rule == GoldRule::Options
            && judged.state == AnswerState::Right
            && let Extracted::Options(places) = extracted
        {
            assert_eq!(places, gold.places(), "right is what the answer says");
        }
    }
});
