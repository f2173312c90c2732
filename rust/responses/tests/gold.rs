//! Gold answers in every form that data sets write them, and answers of questions without options.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use octomed_responses::{
    AnswerState, Choice, Extracted, Gold, GoldFault, GoldRule, extract, judge, parts, present,
};

const DRUGS: [&str; 5] = [
    "Ampicillin",
    "Ceftriaxone",
    "Ciprofloxacin",
    "Doxycycline",
    "Nitrofurantoin",
];

fn lettered<'a>(texts: &[&'a str]) -> Vec<Choice<'a>> {
    let labels = ["A", "B", "C", "D", "E", "F"];
    labels
        .iter()
        .zip(texts)
        .map(|(label, text)| Choice { label, text })
        .collect()
}

fn state(options: &[Choice<'_>], gold: &str, rule: GoldRule, response: &str) -> AnswerState {
    judge(
        &Gold::new(options, Some(gold), rule).unwrap(),
        &parts(response, None),
        None,
    )
    .state
}

#[test]
fn one_option_is_gold_in_many_forms() {
    let options = lettered(&DRUGS);
    let forms = [
        "E",
        "e",
        "E.",
        "(E)",
        "[E]",
        "E)",
        "Nitrofurantoin",
        "nitrofurantoin",
        " Nitrofurantoin. ",
        "E: Nitrofurantoin",
        "E. Nitrofurantoin",
        "E) Nitrofurantoin",
        "(E) Nitrofurantoin",
        "E - Nitrofurantoin",
        "Nitrofurantoin. Explanation: it is safe in pregnancy.",
        "E. Nitrofurantoin Explanation: safe",
        "5",
        "['E']",
        "Option E",
    ];
    for form in forms {
        let gold = Gold::new(&options, Some(form), GoldRule::Options);
        let gold = gold.unwrap_or_else(|fault| panic!("{form}: {fault}"));
        assert_eq!(gold.text(), Some("nitrofurantoin"), "{form}");
    }
}

#[test]
fn a_text_of_any_shape_may_follow_the_label() {
    let texts = [
        "Wilm's tumor",
        "Tapered, passively cemented",
        "B",
        "\"quoted\" [text]; and | more",
        "A, B",
        "None",
    ];
    let options = lettered(&texts);
    for (option, text) in options.iter().zip(texts) {
        for form in [
            format!("{}: {text}", option.label),
            format!("{}. {text}", option.label),
            format!("({}) {text}", option.label),
        ] {
            let gold = Gold::new(&options, Some(&form), GoldRule::Options)
                .unwrap_or_else(|fault| panic!("{form}: {fault}"));
            let judged = judge(
                &gold,
                &parts(&format!("Option {} is correct.", option.label), None),
                None,
            );
            assert_eq!(judged.state, AnswerState::Right, "{form}");
        }
    }
}

#[test]
fn an_index_counts_from_the_stated_base() {
    let options = lettered(&DRUGS);
    let text = |answer, base| {
        Gold::with_base(&options, Some(answer), GoldRule::Options, base)
            .map(|gold| gold.text().unwrap().to_owned())
    };
    assert_eq!(text("0", Some(0)).unwrap(), "ampicillin");
    assert_eq!(text("1", Some(0)).unwrap(), "ceftriaxone");
    assert_eq!(text("1", Some(1)).unwrap(), "ampicillin");
    assert_eq!(text("5", Some(1)).unwrap(), "nitrofurantoin");
    assert_eq!(text("0", None).unwrap(), "ampicillin");
    assert_eq!(text("5", None).unwrap(), "nitrofurantoin");
    assert_eq!(text("2", None), Err(GoldFault::IndexBase));
    assert_eq!(text("5", Some(0)), Err(GoldFault::NotAmongOptions));
    assert_eq!(text("0", Some(1)), Err(GoldFault::NotAmongOptions));
    assert_eq!(text("-1", Some(0)), Err(GoldFault::NotAmongOptions));
}

#[test]
fn a_number_among_the_options_is_no_index() {
    let options = lettered(&["1", "2", "4", "8"]);
    assert_eq!(
        Gold::new(&options, Some("4"), GoldRule::Options)
            .unwrap()
            .text(),
        Some("4")
    );
    let numbered: Vec<_> = ["1", "2", "3"]
        .iter()
        .zip(["x", "y", "z"])
        .map(|(label, text)| Choice { label, text })
        .collect();
    assert_eq!(
        Gold::new(&numbered, Some("2"), GoldRule::Options)
            .unwrap()
            .text(),
        Some("y")
    );
    assert_eq!(
        state(&numbered, "2", GoldRule::Options, "Answer: 2"),
        AnswerState::Right
    );
}

#[test]
fn several_options_are_gold_together() {
    let options = lettered(&DRUGS);
    for form in [
        "A,C",
        "A, C",
        "AC",
        "A and C",
        "A & C",
        "['A', 'C']",
        "[\"A\", \"C\"]",
        "A;C",
        "A|C",
        "C, A",
        "A. Ampicillin, C. Ciprofloxacin",
    ] {
        let gold = Gold::new(&options, Some(form), GoldRule::Options);
        let gold = gold.unwrap_or_else(|fault| panic!("{form}: {fault}"));
        assert_eq!(gold.text(), Some("ampicillin | ciprofloxacin"), "{form}");
    }
    assert_eq!(
        state(
            &options,
            "A,C",
            GoldRule::Options,
            "The answers are A and C."
        ),
        AnswerState::Right
    );
    assert_eq!(
        state(&options, "A,C", GoldRule::Options, "The answer is A."),
        AnswerState::Wrong
    );
}

#[test]
fn faults_of_gold_are_named() {
    let drugs = lettered(&DRUGS);
    let fault = |options: &[Choice<'_>], answer: Option<&str>| {
        Gold::new(options, answer, GoldRule::Options).unwrap_err()
    };
    assert_eq!(fault(&drugs, None), GoldFault::Missing);
    assert_eq!(fault(&drugs, Some("  ")), GoldFault::Missing);
    assert_eq!(
        fault(&drugs, Some("Penicillin")),
        GoldFault::NotAmongOptions
    );
    assert_eq!(fault(&drugs, Some("F")), GoldFault::NotAmongOptions);
    assert_eq!(fault(&drugs, Some("A: Ceftriaxone")), GoldFault::Ambiguous);
    assert_eq!(fault(&drugs, Some("A or B")), GoldFault::Ambiguous);
    assert_eq!(
        fault(&lettered(&["O", "A", "B"]), Some("A")),
        GoldFault::Ambiguous
    );
    let equal = lettered(&["None", "Lead", "lead ", "Iron"]);
    assert_eq!(fault(&equal, Some("Lead")), GoldFault::EqualOptions);
    assert_eq!(fault(&equal, Some("B")), GoldFault::EqualOptions);
    assert!(Gold::new(&equal, Some("D"), GoldRule::Options).is_ok());
    assert_eq!(fault(&[], Some("Renal failure")), GoldFault::FreeText);
}

#[test]
fn yes_no_and_maybe_need_no_options() {
    for (gold, response, expected) in [
        ("yes", "Yes, there is.", AnswerState::Right),
        ("Yes", "The answer is no.", AnswerState::Wrong),
        ("no", "**No**, it is clear.", AnswerState::Right),
        ("maybe", "Answer: maybe", AnswerState::Right),
        ("maybe", "Yes.", AnswerState::Wrong),
        ("no", "There is no effusion.", AnswerState::Absent),
        ("yes", "Yes or no.", AnswerState::Ambiguous),
    ] {
        assert_eq!(
            state(&[], gold, GoldRule::Options, response),
            expected,
            "{response}"
        );
    }
}

#[test]
fn free_text_is_compared_as_the_recipe_says() {
    let (exact, contains, half) = (GoldRule::Exact, GoldRule::Contains, GoldRule::TokenF1(0.5));
    for (rule, gold, response, expected) in [
        (
            exact,
            "Pleural effusion",
            "Answer: pleural effusion.",
            AnswerState::Right,
        ),
        (
            exact,
            "Pleural effusion",
            "Pleural effusion",
            AnswerState::Right,
        ),
        (
            exact,
            "Pleural effusion",
            "Answer: a large pleural effusion",
            AnswerState::Wrong,
        ),
        (
            exact,
            "Pleural effusion",
            "There is much to say.\nThe image shows the chest.",
            AnswerState::Absent,
        ),
        (exact, "Pleural effusion", "<think>x", AnswerState::Cut),
        (
            contains,
            "Pleural effusion",
            "Answer: a large pleural effusion on the left",
            AnswerState::Right,
        ),
        (
            contains,
            "Pleural effusion",
            "The image shows a pleural effusion.\n\nIt is large.",
            AnswerState::Right,
        ),
        (
            contains,
            "Pleural effusion",
            "There is no pleural effusion.",
            AnswerState::Wrong,
        ),
        (
            contains,
            "Pleural effusion",
            "\\boxed{\\text{Pleural effusion}}",
            AnswerState::Right,
        ),
        (
            contains,
            "Pleural effusion",
            "I'm sorry, I cannot tell.",
            AnswerState::Absent,
        ),
        (
            half,
            "left pleural effusion",
            "Answer: pleural effusion on the left",
            AnswerState::Right,
        ),
        (
            half,
            "left pleural effusion",
            "Answer: pneumothorax",
            AnswerState::Wrong,
        ),
        (exact, "5 mg", "Answer: 5mg", AnswerState::Right),
    ] {
        assert_eq!(
            state(&[], gold, rule, response),
            expected,
            "{rule:?} {response}"
        );
    }
    let options = lettered(&DRUGS);
    assert_eq!(
        state(&options, "Penicillin", exact, "Answer: Penicillin"),
        AnswerState::Right
    );
}

#[test]
fn equal_answers_have_equal_hashes() {
    let shuffled = lettered(&["Nitrofurantoin", "Doxycycline", "Ampicillin"]);
    let options = lettered(&DRUGS);
    let option = |options: &[Choice<'_>], response| {
        let gold = Gold::new(options, Some("Ampicillin"), GoldRule::Options).unwrap();
        judge(&gold, &parts(response, None), None).option
    };
    assert_eq!(
        option(&options, "Answer: E"),
        option(&shuffled, "The answer is nitrofurantoin.")
    );
    assert_ne!(option(&options, "Answer: E"), option(&options, "Answer: A"));
    assert_eq!(option(&options, "It is late."), 0);
    assert_ne!(option(&options, "Answer: E"), 0);
}

#[test]
fn present_asks_for_an_answer_and_compares_nothing() {
    let options = lettered(&DRUGS);
    for (options, response, expected) in [
        (&options[..], "Answer: A", AnswerState::Present),
        (&options[..], "Answer: A or B", AnswerState::Ambiguous),
        (&options[..], "It is late.", AnswerState::Absent),
        (&options[..], "<think>Answer: A", AnswerState::Cut),
        (
            &[],
            "<think>x</think>The heart is of normal size.",
            AnswerState::Present,
        ),
        (&[], "<think>x</think>", AnswerState::Absent),
        (
            &[],
            "I'm sorry, but I can't help with that.",
            AnswerState::Absent,
        ),
        (&[], "The heart is of", AnswerState::Cut),
    ] {
        assert_eq!(
            present(options, &parts(response, None), None).state,
            expected,
            "{response}"
        );
    }
}

#[test]
fn answers_without_options_are_texts_or_numbers() {
    let text = |response| extract(&[], &parts(response, None));
    assert_eq!(
        text("<think>x</think>**Answer:** Renal failure."),
        Extracted::Text("Renal failure".to_owned())
    );
    assert_eq!(
        text("Long.\nStory.\n<answer>Renal failure</answer>"),
        Extracted::Text("Renal failure".to_owned())
    );
    assert!(
        matches!(text("The answer is 500 mg."), Extracted::Number(number) if number.value == 500.0 && number.unit == "mg")
    );
    assert_eq!(text("Long.\nStory."), Extracted::Absent);
    assert_eq!(text("<think>x"), Extracted::Cut);
}
