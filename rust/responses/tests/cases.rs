//! Hand-labelled responses: what is extracted, and how it compares with gold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;

use octomed_responses::{
    AnswerState, Choice, Convention, Extracted, Gold, GoldRule, find, judge, parts,
};
use serde_json::Value;

struct Question {
    options: Vec<(String, String)>,
    gold: String,
    base: Option<usize>,
    think: String,
}

impl Question {
    fn choices(&self) -> Vec<Choice<'_>> {
        self.options
            .iter()
            .map(|(label, text)| Choice { label, text })
            .collect()
    }
}

fn questions() -> HashMap<String, Question> {
    let all: HashMap<String, Value> =
        serde_json::from_str(include_str!("data/questions.json")).unwrap();
    all.into_iter()
        .map(|(name, value)| (name, question(&value)))
        .collect()
}

fn question(value: &Value) -> Question {
    let options = value["options"].as_array().unwrap().iter().enumerate();
    let label = |place| char::from(b'A' + u8::try_from(place).unwrap()).to_string();
    Question {
        options: options
            .map(|(place, text)| (label(place), text.as_str().unwrap().to_owned()))
            .collect(),
        gold: value["gold"].as_str().unwrap().to_owned(),
        base: value["gold_note"]
            .as_str()
            .map(|note| usize::from(note == "1-based")),
        think: value["think"].as_str().unwrap().to_owned(),
    }
}

fn state(state: AnswerState) -> &'static str {
    match state {
        AnswerState::Right => "right",
        AnswerState::Wrong => "wrong",
        AnswerState::Ambiguous => "ambiguous",
        AnswerState::Absent => "absent",
        AnswerState::Cut => "cut",
        _ => "other",
    }
}

fn written(question: &Question, extracted: &Extracted) -> String {
    match extracted {
        Extracted::Options(places) => {
            let is_bare = question.gold == "maybe";
            let name = |place: &usize| {
                if is_bare {
                    &question.options[*place].1
                } else {
                    &question.options[*place].0
                }
            };
            places
                .iter()
                .map(|place| name(place).clone())
                .collect::<Vec<_>>()
                .join(",")
        }
        Extracted::Text(text) => text.clone(),
        Extracted::Number(number) => format!("{}{}", number.value, number.unit),
        _ => String::new(),
    }
}

/// Cases of a file whose result is not the expected one, and how many it has.
fn misses(cases: &str) -> (Vec<String>, usize) {
    let questions = questions();
    let mut missed = Vec::new();
    let cases: Vec<Value> = cases
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for case in &cases {
        let question = &questions[case["question"].as_str().unwrap()];
        let think = format!("<think>\n{}\n</think>\n\n", question.think);
        let response = case["response"]
            .as_str()
            .unwrap()
            .replace("{T}", &think)
            .replace("{t}", &question.think);
        let split = parts(&response, case["reasoning"].as_str());
        let finished = case["finished"].as_bool();
        let choices = question.choices();
        let gold = Gold::with_base(
            &choices,
            Some(&question.gold),
            GoldRule::Options,
            question.base,
        )
        .unwrap();
        let judged = state(judge(&gold, &split, finished).state);
        let found = find(&choices, &split, finished);
        let extracted = written(question, &found.extracted);
        let is_compared = !choices.is_empty();
        let expected = (
            case["extracted"].as_str().unwrap(),
            case["state"].as_str().unwrap(),
        );
        if judged != expected.1 || is_compared && extracted != expected.0 {
            if case["missed"].as_bool() == Some(true) {
                continue;
            }
            let case = case["response"].as_str().unwrap();
            missed.push(format!(
                "expected {expected:?}, found {extracted:?} {judged} {:?}: {case:?}",
                found.convention.map(|found: Convention| found)
            ));
        }
    }
    (missed, cases.len())
}

#[track_caller]
fn check(cases: &str, least: usize) {
    let (missed, count) = misses(cases);
    assert!(count >= least, "{count}");
    assert!(
        missed.is_empty(),
        "{} of {count}:\n{}",
        missed.len(),
        missed.join("\n")
    );
}

#[test]
fn labelled_cases_are_extracted_as_labelled() {
    check(include_str!("data/cases.jsonl"), 578);
}

#[test]
fn cases_labelled_later_are_extracted_too() {
    check(include_str!("data/held_out.jsonl"), 271);
    check(include_str!("data/held_out_2.jsonl"), 258);
}

#[test]
fn what_was_tried_stays_as_it_was_found_right() {
    check(include_str!("data/tried.jsonl"), 170);
}
