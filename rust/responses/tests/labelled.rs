//! Hand-labelled cases: precision and recall of refusals and of identifying data, with the misses that are known.
//! `cargo test -p octomed-responses --test labelled -- --nocapture` prints the table of docs/curation.md.

#![allow(clippy::unwrap_used)]

use octomed_responses::{
    Kind, Kinds, MeasureSettings, Response, Scratch, flags, identifying, mask, measure, parts,
};

/// Right, found beside, and not found.
#[derive(Clone, Copy, Default)]
struct Score {
    right: u32,
    beside: u32,
    missed: u32,
}

impl Score {
    fn print(self, name: &str) {
        let share = |part: u32, whole: u32| f64::from(part) / f64::from(whole.max(1));
        let found = self.right + self.beside;
        let all = self.right + self.missed;
        println!(
            "| {name} | {all} | {:.3} | {:.3} |",
            share(self.right, found),
            share(self.right, all)
        );
    }
}

fn lines(cases: &str) -> impl Iterator<Item = &str> {
    cases
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// A text without its labels, and what they name.
fn labelled(line: &str) -> (String, Vec<(Kind, usize, usize)>) {
    let (mut text, mut found) = (String::new(), Vec::new());
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once('{') {
        let (kind, behind) = behind.split_once('|').unwrap();
        let (value, behind) = behind.split_once('}').unwrap();
        let kind = *Kind::ALL
            .iter()
            .find(|known| known.as_str() == kind)
            .unwrap();
        text.push_str(before);
        let start = text.len();
        text.push_str(value);
        found.push((kind, start, text.len()));
        rest = behind;
    }
    text.push_str(rest);
    (text, found)
}

fn identify(text: &str) -> Vec<(Kind, usize, usize)> {
    let mut found = Vec::new();
    identifying(text, Kinds::all(), |one| {
        found.push((one.kind, one.start, one.end))
    });
    found
}

fn score_identifying(cases: &str) -> ([Score; 5], Vec<String>) {
    let mut scores = [Score::default(); 5];
    let mut misses = Vec::new();
    for line in lines(cases) {
        let (text, expected) = labelled(line);
        let found = identify(&text);
        for one in &found {
            let score = &mut scores[one.0 as usize];
            if expected.contains(one) {
                score.right += 1;
            } else {
                score.beside += 1;
                misses.push(format!(
                    "beside: {} {:?} in {text}",
                    one.0.as_str(),
                    &text[one.1..one.2]
                ));
            }
        }
        for one in expected.iter().filter(|one| !found.contains(one)) {
            scores[one.0 as usize].missed += 1;
            misses.push(format!(
                "missed: {} {:?} in {text}",
                one.0.as_str(),
                &text[one.1..one.2]
            ));
        }
        let masked = mask(&text, Kinds::all());
        assert_eq!(mask(&masked, Kinds::all()), masked, "masked twice");
    }
    (scores, misses)
}

fn is_refusal(text: &str) -> bool {
    let response = Response {
        text,
        parts: parts(text, None),
        finished: None,
    };
    measure(
        &response,
        &MeasureSettings::everything(),
        &mut Scratch::new(),
    )
    .flags
        & flags::REFUSAL
        != 0
}

fn score_refusals(cases: &str) -> (Score, Vec<String>) {
    let (mut score, mut misses) = (Score::default(), Vec::new());
    for line in lines(cases) {
        let (sign, text) = line.split_once(' ').unwrap();
        let text = text.replace("\\n", "\n");
        match (sign == "+", is_refusal(&text)) {
            (true, true) => score.right += 1,
            (true, false) => {
                score.missed += 1;
                misses.push(format!("missed: {text}"));
            }
            (false, true) => {
                score.beside += 1;
                misses.push(format!("beside: {text}"));
            }
            (false, false) => {}
        }
    }
    (score, misses)
}

#[test]
fn identifying_data_are_found() {
    let (scores, misses) = score_identifying(include_str!("cases/identifying.txt"));
    for (kind, score) in Kind::ALL.iter().zip(scores) {
        score.print(kind.as_str());
    }
    assert_eq!(misses, [""; 0]);
}

#[test]
fn refusals_are_found() {
    let (score, misses) = score_refusals(include_str!("cases/refusals.txt"));
    score.print("refusal");
    assert_eq!(misses, [""; 0]);
}

#[test]
fn later_cases_are_found_but_for_known_misses() {
    let (scores, misses) = score_identifying(include_str!("cases/identifying_later.txt"));
    for (kind, score) in Kind::ALL.iter().zip(scores) {
        score.print(kind.as_str());
    }
    let (score, others) = score_refusals(include_str!("cases/refusals_later.txt"));
    score.print("refusal");
    let known = ["missed: 医療診断はできません。申し訳ありません。"];
    assert_eq!([misses, others].concat(), known);
}
