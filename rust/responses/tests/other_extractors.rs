//! The texts on which five evaluation harnesses differ; docs/curation.md has the table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use octomed_responses::{AnswerState, Choice, Gold, GoldRule, judge, parts};

const TEXTS: [&str; 5] = [
    "Ampicillin",
    "Ceftriaxone",
    "Nitrofurantoin",
    "Doxycycline",
    "Ciprofloxacin",
];
const REASONING: &str =
    "A 23-year-old with dysuria. E. coli is the likely organism. Ampicillin fails in most of them.";

fn state(response: &str, finished: Option<bool>) -> AnswerState {
    let labels = ["A", "B", "C", "D", "E"];
    let options: Vec<_> = labels
        .iter()
        .zip(TEXTS)
        .map(|(label, text)| Choice { label, text })
        .collect();
    let gold = Gold::new(&options, Some("C"), GoldRule::Options).unwrap();
    judge(&gold, &parts(response, None), finished).state
}

/// With the reasoning in tags, and as plain text before the answer.
fn both(end: &str) -> [AnswerState; 2] {
    [
        state(&format!("<think>\n{REASONING}\n</think>\n\n{end}"), None),
        state(&format!("{REASONING}\n\n{end}"), None),
    ]
}

#[test]
fn each_row_of_the_table_is_right() {
    for end in [
        "<answer>C</answer>",
        "\\boxed{C}",
        "Answer: C",
        "**Answer:** C",
        "The answer is (C).",
        "The answer is **C**.",
        "Nitrofurantoin",
        "<answer>C: Nitrofurantoin",
        "<answer>C: Nitrofurantoin</answer>",
        "## Final Response\n\nThe best treatment is nitrofurantoin (option C).",
        "Answer: A\n\nThat ignores resistance.\n\nAnswer: C",
        "The answer is not A but C.",
        "The answer is (C).\nANSWER: C",
    ] {
        assert_eq!(both(end), [AnswerState::Right; 2], "{end}");
    }
}

#[test]
fn a_thought_that_is_cut_gives_no_answer() {
    assert_eq!(
        state(&format!("<think>\n{REASONING} So the answer is C"), None),
        AnswerState::Cut
    );
    assert_eq!(state(&format!("{REASONING} So we"), None), AnswerState::Cut);
    assert_eq!(
        state(&format!("{REASONING} The answer is C."), Some(false)),
        AnswerState::Cut
    );
}

#[test]
fn without_an_answer_nothing_is_taken() {
    assert_ne!(state(REASONING, None), AnswerState::Right);
    assert_eq!(both("")[0], AnswerState::Absent);
}
