//! Texts that nobody means well: nothing panics, and time stays in proportion to the text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use octomed_responses::{Choice, Extracted, Gold, GoldRule, extract, find, judge, parts, present};
use proptest::prelude::*;

const QUESTIONS: [&[(&str, &str)]; 6] = [
    &[
        ("A", "Ampicillin"),
        ("B", "Hepatitis B"),
        ("C", "Hepatitis"),
        ("D", "20%"),
        ("E", "Both A and B"),
    ],
    &[
        ("A", "A"),
        ("B", "ad"),
        ("C", "A beta blocker"),
        ("D", "None of the above"),
    ],
    &[("1", "yes"), ("2", "no"), ("3", "maybe")],
    &[("A", "呋喃妥因"), ("B", "環丙"), ("C", "é (x)"), ("D", "")],
    &[("", "β-blocker"), ("", "β-blocker"), ("AA", "0.5 mg")],
    &[],
];

fn choices(question: usize) -> Vec<Choice<'static>> {
    QUESTIONS[question]
        .iter()
        .map(|(label, text)| Choice { label, text })
        .collect()
}

const PIECES: &str = "(A|B|C|a|E\\. coli|Ampicillin|hepatitis B|20%|20 %|yes|no|None of the above|both A and B|呋喃妥因|答案是|选|故选C|β-blocker|0\\.5 mg|\
    answer|Answer: |The answer is |<answer>|</answer>|<answer>C</answer>|\\\\boxed\\{|\\}|\\\\text\\{|\\$|\\*\\*|\\(|\\)|option |Option C|is correct|incorrect|not |but |or |and |, |; |: |\
    Wait, |Actually, |if |would be |could be |Therefore, |most likely |is the best|making |<think>|</think>|## Final Response|\
    \n|\n\n|- |\\. |\\?|。|，|é|\u{301}|\u{85}|\u{2028}|😀|’s |'|\"|→|✅|—|\\\\|_|#| |1,000|=|%|/|&)";

/// Up to `most` pieces in a row.
fn text(most: usize) -> BoxedStrategy<String> {
    proptest::string::string_regex(&format!("{PIECES}{{0,{most}}}"))
        .unwrap()
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn nothing_panics(text in text(40), reasoning in proptest::option::of(text(10)), question in 0..QUESTIONS.len()) {
        let options = choices(question);
        let split = parts(&text, reasoning.as_deref());
        let extracted = extract(&options, &split);
        let padded = format!("{text} \n\n ");
        prop_assert_eq!(&extracted, &extract(&options, &parts(&padded, reasoning.as_deref())));
        for gold in ["A", "20%", "yes", "呋喃妥因", "A, B", "0.5 mg"] {
            for rule in [GoldRule::Options, GoldRule::Exact, GoldRule::Contains, GoldRule::TokenF1(0.5)] {
                if let Ok(gold) = Gold::new(&options, Some(gold), rule) {
                    let _ = judge(&gold, &split, None);
                }
            }
        }
        let _ = present(&options, &split, Some(true));
        let is_cut = find(&options, &split, Some(false)).extracted == Extracted::Cut;
        prop_assert!(is_cut, "a response that the API cut is never accepted");
    }

    #[test]
    fn any_text_may_be_an_option(texts in proptest::collection::vec(any::<String>(), 0..5), text in any::<String>(), gold in any::<String>()) {
        let options: Vec<_> = texts.iter().map(|text| Choice { label: "A", text }).collect();
        let _ = extract(&options, &parts(&text, None));
        let _ = Gold::new(&options, Some(&gold), GoldRule::Exact);
    }

    #[test]
    fn text_before_a_last_marker_never_decides(text in text(20)) {
        let response = format!("<think>x</think>{text}\n\n<answer>C</answer>");
        let split = parts(&response, None);
        let is_open = !split.is_closed || !split.answer.ends_with("</answer>");
        let extracted = extract(&choices(0), &split);
        prop_assert!(is_open || extracted == Extracted::Options(vec![2]), "{extracted:?}");
    }
}

const MEGABYTE: usize = 1 << 20;

#[test]
fn a_megabyte_takes_no_longer_than_its_share() {
    let pieces = [
        "answer ",
        "The answer is ",
        "answer: A or ",
        "\\boxed{",
        "<answer>",
        "</answer>",
        "<think>",
        "答案是",
        "best ",
        "is ",
        "A",
        "A, ",
        "(A",
        "A and ",
        "Ampicillin ",
        "Ampicillin, ",
        "not ",
        "option ",
        "option A, ",
        "\n",
        "- A\n",
        "A. Ampicillin\n",
        "**",
        "* ",
        "\\text{",
        "\\",
        ".",
        ". ",
        "Wait, ",
        "Therefore, A ",
        "makes A the best ",
        "is A. ",
        "1",
        "1,",
        "'",
        "(",
        ")",
        "{",
        "éé",
        "呋",
        "✅",
        "✅A\n",
        "Therefore ampicillin. ",
        "## Final Response\n",
        "could be A ",
        "x",
    ];
    for piece in pieces {
        let text = piece.repeat(300_000 / piece.len());
        for response in [
            piece.repeat(MEGABYTE / piece.len()),
            format!("The answer is A.\n{text}"),
            format!("{text}\nThe answer is A."),
            format!("<think>{text}</think>A"),
            format!("The answer {text}"),
        ] {
            let start = Instant::now();
            let split = parts(&response, None);
            let _ = extract(&choices(0), &split);
            let _ = extract(&choices(5), &split);
            assert!(
                start.elapsed() < Duration::from_secs(4),
                "{piece:?}: {:?}",
                start.elapsed()
            );
        }
    }
}

/// Questions whose options, or whose right answer, are a megabyte of one piece.
#[test]
fn a_question_of_a_megabyte_takes_no_longer_than_its_share() {
    let pieces = ["Ampicillin ", "a", "A, ", "呋喃", "1,", "\n", "{"];
    for piece in pieces {
        let long = piece.repeat(MEGABYTE / piece.len());
        let other = format!("{long}b");
        let texts = [("A", &*long), ("B", &*other), ("C", "Ampicillin")];
        let options: Vec<_> = texts
            .iter()
            .map(|(label, text)| Choice { label, text })
            .collect();
        let many: Vec<String> = (0..2_000)
            .map(|number| format!("{piece} {number}"))
            .collect();
        let many: Vec<_> = many.iter().map(|text| Choice { label: "", text }).collect();
        let response = format!("The answer is {long}. Therefore {long}b.");
        for (options, gold) in [(&options, &*long), (&options, "C"), (&many, &*long)] {
            let start = Instant::now();
            let split = parts(&response, None);
            let _ = extract(options, &split);
            let _ = present(options, &split, None);
            for rule in [
                GoldRule::Options,
                GoldRule::Contains,
                GoldRule::TokenF1(0.5),
            ] {
                if let Ok(gold) = Gold::new(options, Some(gold), rule) {
                    let _ = judge(&gold, &split, None);
                }
            }
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{piece:?}: {:?}",
                start.elapsed()
            );
        }
    }
}
