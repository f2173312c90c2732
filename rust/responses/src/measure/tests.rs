#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use regex::Regex;

use super::markup::is_damaged;
use super::markup_names::FAMILIES;
use super::*;
use crate::parts::parts;
use crate::words::words;

fn measured(text: &str, settings: &MeasureSettings) -> Measures {
    let response = Response {
        text,
        parts: parts(text, None),
        finished: None,
    };
    measure(&response, settings, &mut Scratch::new())
}

fn damaged(text: &str) -> bool {
    is_damaged(text, &parts(text, None))
}

#[test]
fn sound_markup_is_no_damage() {
    for text in [
        "",
        "<think>One.</think>\n<answer>C</answer>",
        "One.</think> C", // the template wrote the opening tag
        "<think>a</think> Wait. <think>b</think> C",
        "<|begin_of_thought|>a<|end_of_thought|><|begin_of_solution|>C<|end_of_solution|>",
        "<|im_start|>think\na\n<|im_start|>answer\nC",
        "K < 3 and Na > 145, <b>bold</b>, <|endless, x <| y |> z",
        "```python\nx = \"```\"\n```\nC",
        "````\n```\n````",
        "~~~\n```\n~~~",
        "- item\n  ```\n  x\n  ```",
        "so \\boxed{C}, \\boxed{\\frac{1}{2}}, \\boxed{\\{x\\}}",
        "{ an open brace before \\boxed{A}",
        "```",
    ] {
        assert_eq!(damaged(text), text == "```", "{text}");
    }
}

#[test]
fn damaged_markup_is_found() {
    for text in [
        "<think>One.",
        "<think>One. <think>Two.</think> C",
        "a</think>b</think> C",
        "<think>a</think>b</think> C",
        "<answer>C",
        "C</answer>",
        "<think>a</think><answer>C</answer></answer>",
        "C<|im_end|>",
        "C<|im_end|> <|im_start|>user",
        "C <|eot_id|>",
        "C<｜end▁of▁sentence｜>",
        "[INST] C [/INST]",
        "C</s>",
        "<<SYS>> C",
        "<start_of_turn>model",
        "```python\nx = 1\n",
        "```\na\n``` b\nC",
        "so \\boxed{C",
        "so \\boxed{C\n\nmore }",
        "so \\boxed{A} or \\boxed{\\frac{1}{2}",
        "<think>```\na</think>```\nC\n```",
    ] {
        assert!(damaged(text), "{text}");
    }
}

/// Tags by a regular expression, and a stack of them a family.
fn has_damaged_tags(text: &str) -> bool {
    FAMILIES.iter().enumerate().any(|(number, names)| {
        let tag = Regex::new(&format!("(?i)< ?(/?) ?(?:{}) ?>", names.join("|"))).unwrap();
        let mut open = 0;
        for (at, found) in tag.captures_iter(text).enumerate() {
            match (&found[1], open) {
                ("", 0) => open = 1,
                ("/", 1) => open = 0,
                ("/", 0) if at == 0 && number == 0 => {}
                _ => return true,
            }
        }
        open != 0
    })
}

/// Boxes by counting the braces of each paragraph.
fn has_open_box(text: &str) -> bool {
    let blank = Regex::new("\n[ \t\r]*\n").unwrap();
    blank.split(text).any(|paragraph| {
        let plain = Regex::new(r"\\boxed\{|\\(?s:.)").unwrap().replace_all(
            paragraph,
            |found: &regex::Captures<'_>| {
                if found[0].starts_with("\\boxed") {
                    "\u{1}"
                } else {
                    ""
                }
                .to_owned()
            },
        );
        let mut depth = 0;
        for character in plain.chars() {
            match character {
                '\u{1}' => depth += 1,
                '{' if depth > 0 => depth += 1,
                '}' if depth > 0 => depth -= 1,
                _ => {}
            }
        }
        depth > 0
    })
}

/// Fences by expressions: each opening one takes all lines to its closing one away.
fn has_open_fence(text: &str) -> bool {
    let opening = Regex::new(r"(?m)^[ \t]*(?:(`{3,})[^`\n]*|(~{3,})[^\n]*)$").unwrap();
    let mut rest = text.to_owned();
    while let Some(found) = opening.captures(&rest) {
        let fence = found.get(1).or(found.get(2)).unwrap();
        let (sign, length) = (&fence.as_str()[..1], fence.len());
        let closing = Regex::new(&format!(r"(?m)^[ \t]*{sign}{{{length},}}[ \t]*$")).unwrap();
        let behind = rest[found.get(0).unwrap().end()..].to_owned();
        match closing.find(&behind) {
            Some(end) => rest = behind[end.end()..].to_owned(),
            None => return true,
        }
    }
    false
}

proptest! {
    #[test]
    fn fences_are_those_of_expressions(text in "(```|````|~~~|`|~~|\n|\n|\n| |python|x){0,24}") {
        let text = format!("x\n{text}\nx");
        prop_assert_eq!(damaged(&text), has_open_fence(&text));
    }

    #[test]
    fn tags_are_those_of_a_stack(text in "(<think>|</think>|< THINKING >|</ thought>|<answer>|</answer>|<solution>|</solution>|x| |<|>|/){0,12}") {
        prop_assert_eq!(damaged(&text), has_damaged_tags(&text));
    }

    #[test]
    fn boxes_are_those_of_counted_braces(text in "(\\\\boxed\\{|\\{|\\}|\\\\\\\\|\\\\\\{|\\\\\\}|\n|\n\n|\n \n|a| ){0,16}") {
        prop_assert_eq!(damaged(&format!("x{text}")), has_open_box(format!("x{text}").trim()));
    }

    #[test]
    fn a_refusal_within_an_answer_is_none(before in "[a-h ]{1,40}", behind in "[a-z ]{0,40}") {
        let text = format!("C, because {before}. I'm sorry, but I can't assist with that. {behind}");
        prop_assert_eq!(measured(&text, &MeasureSettings::everything()).flags & flags::REFUSAL, 0);
    }

    #[test]
    fn hostile_texts_are_measured(
        text in "(\\PC|[<>|`{}\\[\\]@0-9 \n-]|<think>|</think>|<\\|im_end\\|>|```\n|\\\\boxed\\{|I'm sorry, |抱歉|12345678|N/A|\u{0}|\u{2028}){0,60}",
        n in 1_u32..12,
    ) {
        let settings = MeasureSettings { ngram: Some(n), ..MeasureSettings::everything() };
        let found = measured(&text, &settings);
        let split = parts(&text, None);
        let count = |text: &str| u32::try_from(words(text).count()).unwrap();
        prop_assert_eq!(found.reasoning_words, count(split.reasoning.unwrap_or_default()));
        prop_assert_eq!(found.response_words, found.reasoning_words + count(split.answer));
        prop_assert!(found.loop_words <= found.response_words);
        prop_assert!(found.ngram_share <= 10_000 && found.line_share <= 10_000 && found.script_share <= 10_000);
        // What is not asked for is not measured, and words are counted alike without hashes.
        let plain = measured(&text, &MeasureSettings::default());
        prop_assert_eq!((plain.reasoning_words, plain.response_words), (found.reasoning_words, found.response_words));
        prop_assert_eq!((plain.ngram_share, plain.loop_words, plain.identifying), (0, 0, 0));
        // Memory that another response has been in changes nothing.
        let mut scratch = Scratch::new();
        let response = Response { text: &text, parts: split, finished: None };
        let other = Response { text: "a b a b a b\na\na", parts: parts("a b a b a b\na\na", None), finished: None };
        measure(&other, &settings, &mut scratch);
        prop_assert_eq!(measure(&response, &settings, &mut scratch), found);
    }
}

#[test]
fn formats_are_asked_for_one_by_one() {
    let has = |text: &str, format: Format| {
        let settings = MeasureSettings {
            format: vec![format],
            ..MeasureSettings::default()
        };
        measured(text, &settings).flags & flags::ACCEPTED_FORMAT != 0
    };
    for (text, format, is_so) in [
        ("<think>a</think>C", Format::Think, true),
        ("a</think>C", Format::Think, true),
        ("<think>\n</think>C", Format::Think, false),
        ("<think>N/A</think>C", Format::Think, false),
        ("<think>a", Format::Think, false),
        ("C", Format::Think, false),
        ("<think>a</think><answer>C</answer>", Format::Answer, true),
        ("<think><answer>C</answer></think>C", Format::Answer, false),
        ("<answer></answer>", Format::Answer, false),
        (
            "<answer>A</answer><answer>B</answer>",
            Format::Answer,
            false,
        ),
        ("<answer>A", Format::Answer, false),
        ("so \\boxed{C}", Format::Boxed, true),
        ("so \\boxed{ }", Format::Boxed, false),
        ("so \\boxed{C", Format::Boxed, false),
        ("<think>\\boxed{C}</think>C", Format::Boxed, false),
        (
            "## Thinking\na\n## Final Response\nC",
            Format::FinalResponse,
            true,
        ),
        ("## Thinking\na", Format::FinalResponse, false),
        ("So.\n**Answer:** C", Format::AnswerLine, true),
        ("So.\nFinal answer: C", Format::AnswerLine, true),
        ("So.\nAnswer:", Format::AnswerLine, false),
        ("The answer may be C", Format::AnswerLine, false),
    ] {
        assert_eq!(has(text, format), is_so, "{text} {format:?}");
    }
    assert!(
        measured("C", &MeasureSettings::default()).flags & flags::ACCEPTED_FORMAT != 0,
        "none is asked for"
    );
}

#[test]
fn flags_say_how_a_response_ends() {
    let flags_of = |text, reasoning, finished| {
        let response = Response {
            text,
            parts: parts(text, reasoning),
            finished,
        };
        measure(&response, &MeasureSettings::default(), &mut Scratch::new()).flags
            & !flags::ACCEPTED_FORMAT
    };
    assert_eq!(flags_of("C", None, None), flags::FINISHED);
    assert_eq!(flags_of("C", None, Some(false)), 0);
    assert_eq!(flags_of("<think>a", None, Some(true)), flags::HAS_REASONING);
    assert_eq!(
        flags_of("<think>\n\n</think>\n\nC", None, None),
        flags::HAS_REASONING | flags::FINISHED | flags::EMPTY_REASONING
    );
    assert_eq!(
        flags_of("C", Some("n/a"), None),
        flags::HAS_REASONING | flags::FINISHED | flags::EMPTY_REASONING
    );
    assert_eq!(
        flags_of("C", Some("So."), None),
        flags::HAS_REASONING | flags::FINISHED
    );
}

fn limits(json: &str) -> Limits {
    serde_json::from_str(json).unwrap()
}

const ALL: &str = r#"{"format": ["think", "answer"], "length": {"reasoning_words": [2, 40], "response_words": [3, 50]},
    "repetition": {"max_ngram_share": 0.2, "ngram": 3, "max_line_share": 0.3, "max_loop_words": 8}, "unfinished": "reject",
    "refusals": "reject", "empty_reasoning": "reject", "markup": "reject", "language": {"script": "latin", "min_share": 0.9},
    "identifying": {"kinds": ["email", "phone"], "action": "reject"}}"#;

#[test]
fn the_first_filter_that_fails_decides() {
    let limits = limits(ALL);
    let loops = format!(
        "<think>{}</think><answer>C is it</answer>",
        "one two three ".repeat(5)
    );
    for (text, detail) in [
        ("<think>Gram-negative rods</think><answer>C</answer>", None),
        ("<think>Gram", Some((FaultKind::CutResponse, ""))),
        (
            "<think>Gram-negative rods</think>C",
            Some((FaultKind::AnswerFormat, "")),
        ),
        (
            "<think>Rods</think><answer>C or D</answer>",
            Some((FaultKind::ReasoningLength, "reasoning_words 1 < 2")),
        ),
        (
            &loops,
            Some((FaultKind::Repetition, "ngram_share 0.7143 > 0.2")),
        ),
        (
            "<think>Well well</think><answer>I'm sorry, but I can't help.</answer>",
            Some((FaultKind::Refusal, "")),
        ),
        (
            "<think>это не латиница</think><answer>C</answer>",
            Some((FaultKind::Language, "script_share 0.5 < 0.9")),
        ),
        (
            "<think>Gram rods</think><answer>C</answer><|im_end|>",
            Some((FaultKind::DamagedMarkup, "")),
        ),
        (
            "<think>Ask bob@ward.org</think><answer>C</answer>",
            Some((FaultKind::Identifying, "identifying email")),
        ),
    ] {
        let fault = decide(&measured(text, &limits.settings()), &limits);
        assert_eq!(
            fault.map(|fault| (fault.kind, fault.to_string())),
            detail.map(|(kind, text)| (kind, text.to_owned())),
            "{text}"
        );
    }
    let empty = measured("<think>none</think>C", &MeasureSettings::everything());
    assert_eq!(decide(&empty, &Limits::default()), None);
    let fault = decide(&empty, &self::limits(r#"{"empty_reasoning": "reject"}"#));
    assert_eq!(fault.map(|fault| fault.kind as u8), Some(20));
}

#[test]
fn thresholds_are_inclusive() {
    let words = |count: u32| Measures {
        reasoning_words: count,
        response_words: count,
        ..Measures::default()
    };
    let length = limits(r#"{"length": {"reasoning_words": [16, 8192]}}"#);
    let kinds = [15, 16, 8192, 8193].map(|count| decide(&words(count), &length).is_none());
    assert_eq!(kinds, [false, true, true, false]);
    let repetition = limits(r#"{"repetition": {"max_ngram_share": 0.2, "max_loop_words": 50}}"#);
    let share = |ngram_share, loop_words| Measures {
        ngram_share,
        loop_words,
        ..Measures::default()
    };
    let faults = [(2000, 50), (2001, 0), (0, 51)]
        .map(|(one, other)| decide(&share(one, other), &repetition).is_none());
    assert_eq!(faults, [true, false, false]);
    let language = limits(r#"{"language": {"script": "cjk", "min_share": 0.9}}"#);
    let script = |script_share| Measures {
        script_share,
        ..Measures::default()
    };
    assert_eq!(
        [8999, 9000].map(|share| decide(&script(share), &language).is_none()),
        [false, true]
    );
}

#[test]
fn off_is_off_in_each_spelling() {
    let off = r#"{"length": "off", "repetition": null, "language": "off", "identifying": "off", "refusals": "off", "unfinished": null}"#;
    let limits = limits(off);
    assert_eq!(limits.settings(), MeasureSettings::default());
    assert!(limits.allows(&Limits::default()) && Limits::default().allows(&limits));
    let written: Limits =
        serde_json::from_str(&serde_json::to_string(&self::limits(ALL)).unwrap()).unwrap();
    assert_eq!(written, self::limits(ALL));
}

#[test]
fn unknown_keys_and_values_are_errors() {
    for json in [
        r#"{"lenght": {}}"#,
        r#"{"length": {"words": [1, 2]}}"#,
        r#"{"repetition": {"max_share": 1}}"#,
        r#"{"language": {"script": "klingon", "min_share": 1}}"#,
        r#"{"language": {"script": "latin"}}"#,
        r#"{"identifying": {"kinds": ["name"], "action": "mask"}}"#,
        r#"{"identifying": {"action": "drop"}}"#,
        r#"{"refusals": true}"#,
        r#"{"format": ["box"]}"#,
    ] {
        assert!(serde_json::from_str::<Limits>(json).is_err(), "{json}");
    }
}

#[test]
fn looser_limits_allow_stricter_ones() {
    let plain = limits("{}");
    let loose = limits(
        r#"{"length": {"reasoning_words": [10, 100]}, "repetition": {"max_ngram_share": 0.5}, "language": {"script": "latin", "min_share": 0.5}}"#,
    );
    let strict = limits(
        r#"{"length": {"reasoning_words": [16, 64]}, "repetition": {"max_ngram_share": 0.2}, "language": {"script": "latin", "min_share": 0.9}, "refusals": "reject"}"#,
    );
    assert!(plain.allows(&loose) && loose.allows(&strict) && plain.allows(&strict));
    assert!(!loose.allows(&plain) && !strict.allows(&loose));
    let other = limits(r#"{"repetition": {"max_ngram_share": 0.2, "ngram": 5}}"#);
    assert!(!limits(r#"{"repetition": {"max_ngram_share": 0.5}}"#).allows(&other));
    let identifying = |action: &str, kinds: &str| {
        limits(&format!(
            r#"{{"identifying": {{"kinds": [{kinds}], "action": "{action}"}}}}"#
        ))
    };
    let [report, reject, mask] =
        ["report", "reject", "mask"].map(|action| identifying(action, r#""email""#));
    assert!(
        report.allows(&reject)
            && !reject.allows(&report)
            && !mask.allows(&report)
            && !report.allows(&mask)
    );
    assert!(mask.allows(&mask) && reject.allows(&identifying("reject", r#""email", "phone""#)));
    assert!(
        MeasureSettings::everything().covers(&loose.settings())
            && !loose.settings().covers(&MeasureSettings::everything())
    );
    assert!(!loose.settings().covers(&other.settings()));
}

#[test]
fn each_threshold_is_compared_by_itself() {
    for (loose, strict) in [
        (
            r#""length": {"reasoning_words": [2, 9]}"#,
            r#""length": {"reasoning_words": [3, 9]}"#,
        ),
        (
            r#""length": {"reasoning_words": [2, 9]}"#,
            r#""length": {"reasoning_words": [2, 8]}"#,
        ),
        (
            r#""length": {"response_words": [2, 9]}"#,
            r#""length": {"response_words": [3, 9]}"#,
        ),
        (
            r#""length": {"response_words": [2, 9]}"#,
            r#""length": {"response_words": [2, 8]}"#,
        ),
        (
            r#""repetition": {"max_ngram_share": 0.2}"#,
            r#""repetition": {"max_ngram_share": 0.1}"#,
        ),
        (
            r#""repetition": {"max_line_share": 0.2}"#,
            r#""repetition": {"max_line_share": 0.1}"#,
        ),
        (
            r#""repetition": {"max_loop_words": 9}"#,
            r#""repetition": {"max_loop_words": 8}"#,
        ),
        (
            r#""language": {"script": "cjk", "min_share": 0.2}"#,
            r#""language": {"script": "cjk", "min_share": 0.3}"#,
        ),
        (r#""refusals": "off""#, r#""refusals": "reject""#),
        (r#""unfinished": "off""#, r#""unfinished": "reject""#),
        (r#""markup": "off""#, r#""markup": "reject""#),
        (
            r#""empty_reasoning": "off""#,
            r#""empty_reasoning": "reject""#,
        ),
        (r#""format": ["think"]"#, r#""format": ["think", "boxed"]"#),
    ] {
        let [one, other] = [loose, strict].map(|keys| limits(&format!("{{{keys}}}")));
        assert!(
            one.allows(&other) && !other.allows(&one),
            "{loose} {strict}"
        );
    }
}

proptest! {
    /// What `allows` promises, over drawn limits and measures.
    #[test]
    fn what_loose_limits_reject_strict_ones_reject(one in drawn_limits(), other in drawn_limits(), measures in drawn_measures()) {
        if one.allows(&other) && decide(&measures, &one).is_some() {
            prop_assert!(decide(&measures, &other).is_some(), "{:?} {:?}", one, other);
        }
        prop_assert!(one.allows(&one));
    }
}

fn drawn_limits() -> impl Strategy<Value = Limits> {
    let filter = || prop::option::of(prop_oneof![Just(Filter::Reject), Just(Filter::Off)]);
    let share = || prop::option::of(prop_oneof![Just(0.1), Just(0.5), Just(0.9)]);
    let range = || {
        prop::option::of(prop_oneof![
            Just((0, 5)),
            Just((2, 3)),
            Just((0, 3)),
            Just((3, 9))
        ])
    };
    let words = (range(), range()).prop_map(|(reasoning_words, response_words)| Length {
        reasoning_words,
        response_words,
    });
    let repetition = (share(), 1_u32..3, share(), prop::option::of(0_u32..4)).prop_map(
        |(max_ngram_share, ngram, max_line_share, max_loop_words)| Repetition {
            max_ngram_share,
            ngram,
            max_line_share,
            max_loop_words,
        },
    );
    let language = share().prop_map(|share| {
        share.map(|min_share| Language {
            script: Script::Latin,
            min_share,
        })
    });
    (
        filter(),
        filter(),
        filter(),
        filter(),
        prop::option::of(words),
        prop::option::of(repetition),
        language,
    )
        .prop_map(
            |(unfinished, refusals, empty_reasoning, markup, length, repetition, language)| {
                Limits {
                    unfinished,
                    refusals,
                    empty_reasoning,
                    markup,
                    length,
                    repetition,
                    language,
                    ..Limits::default()
                }
            },
        )
}

fn drawn_measures() -> impl Strategy<Value = Measures> {
    let share = || {
        prop_oneof![
            Just(0_u16),
            Just(999),
            Just(1001),
            Just(5000),
            Just(5001),
            Just(8999),
            Just(9001),
            Just(10_000)
        ]
    };
    (
        0_u8..64,
        0_u32..10,
        0_u32..10,
        share(),
        share(),
        share(),
        0_u32..5,
    )
        .prop_map(
            |(
                flags,
                reasoning_words,
                response_words,
                ngram_share,
                line_share,
                script_share,
                loop_words,
            )| Measures {
                flags,
                identifying: 0,
                reasoning_words,
                response_words,
                ngram_share,
                line_share,
                script_share,
                loop_words,
            },
        )
}
