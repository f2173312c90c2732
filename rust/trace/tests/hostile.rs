//! Bad rows, each with its stated result.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;

use common::{OCTOMED, SHAREGPT, TWO_PARTS, lines, mapping, one};
use octomed_trace::{Finding, Numbering, Reason, Refusal, TraceError};

fn refusal(json: &str, line: &[u8]) -> Refusal {
    let blocks = lines(line, Numbering::ByteOffset, 1 << 30);
    let mut refusals = Vec::new();
    blocks[0]
        .for_each(&mapping(json), |finding| {
            let Finding::Refused(refusal) = finding else {
                panic!("{finding:?}")
            };
            refusals.push(refusal);
            Ok::<(), TraceError>(())
        })
        .unwrap();
    assert_eq!(refusals.len(), 1);
    refusals.remove(0)
}

#[test]
fn every_bad_row_has_its_reason_and_place() {
    const OPTIONS: &str = r#"{"question": "q", "options": ["A", "B"], "response": "r"}"#;
    // A hundred million values written.
    const LOOPS: &str = r#"{"question": "q", "response": "{% for a in range(9999) %}{% for b in range(9999) %}{{ r }}{% endfor %}{% endfor %}"}"#;
    let deep = format!("{{\"x\": {}", "[".repeat(100_000));
    let many = format!(
        r#"{{"q": [{}0], "t": "2", "r": "3"}}"#,
        "0,".repeat(1 << 20)
    );
    let cases: &[(&str, &[u8], Reason, &str)] = &[
        (
            TWO_PARTS,
            b"{\"q\": \"half a li",
            Reason::InvalidJson,
            "byte 16 of the row: the row ends inside a string",
        ),
        (
            TWO_PARTS,
            b"{\"q\": \"a\x00b\"}",
            Reason::InvalidJson,
            "byte 8 of the row: an unescaped control character",
        ),
        (
            TWO_PARTS,
            b"{\"q\": \"\\ud800\"}",
            Reason::InvalidJson,
            "lone surrogate",
        ),
        (
            TWO_PARTS,
            b"{\"x\": \"\\ud800\"}",
            Reason::InvalidJson,
            "lone surrogate",
        ),
        (
            TWO_PARTS,
            deep.as_bytes(),
            Reason::InvalidJson,
            "deeper than 128",
        ),
        (
            TWO_PARTS,
            b"{} {}",
            Reason::InvalidJson,
            "there is something after",
        ),
        (
            TWO_PARTS,
            b"{\"q\": \"\xc3\x28\"}",
            Reason::InvalidUtf8,
            "byte 7 of the row",
        ),
        (
            TWO_PARTS,
            b"\xff\xfe{\x00}\x00",
            Reason::InvalidUtf8,
            "byte 0",
        ),
        (TWO_PARTS, b"[]", Reason::NotAnObject, "not an object"),
        (TWO_PARTS, b"\"text\"", Reason::NotAnObject, "not an object"),
        (
            TWO_PARTS,
            br#"{"q": "1", "t": "2", "r": "3", "q": "4"}"#,
            Reason::DuplicateKey,
            "`q` occurs twice",
        ),
        (
            TWO_PARTS,
            br#"{"q": "1", "r": "3"}"#,
            Reason::MissingField,
            "no `t`",
        ),
        (
            TWO_PARTS,
            br#"{"q": "1", "t": null, "r": "3"}"#,
            Reason::NullField,
            "`t` is null",
        ),
        (
            TWO_PARTS,
            br#"{"q": "1", "t": "2", "r": true}"#,
            Reason::WrongType,
            "`r` is a boolean, not text",
        ),
        (
            TWO_PARTS,
            br#"{"q": "1", "t": 1e999, "r": ""}"#,
            Reason::WrongType,
            "`t` is a number that is not an integer",
        ),
        (
            OCTOMED,
            br#"{"question": "q", "responses": []}"#,
            Reason::NoResponse,
            "`responses` is an empty list",
        ),
        (
            OCTOMED,
            br#"{"question": "q", "responses": null}"#,
            Reason::NoResponse,
            "list, null",
        ),
        (
            OCTOMED,
            br#"{"question": "q", "responses": "one"}"#,
            Reason::WrongType,
            "not a list of texts",
        ),
        (
            OCTOMED,
            br#"{"question": "q", "responses": [[1]]}"#,
            Reason::WrongType,
            "`responses` is a list",
        ),
        (
            OCTOMED,
            br#"{"question": "q", "options": "x, or y", "responses": ["r"]}"#,
            Reason::WrongType,
            "text that says one",
        ),
        (
            OCTOMED,
            br#"{"question": "q", "options": {"A": "x", "A": "y"}, "responses": ["r"]}"#,
            Reason::DuplicateKey,
            "twice",
        ),
        (
            OCTOMED,
            br#"{"question": "q", "options": [{"letter": "A"}], "responses": ["r"]}"#,
            Reason::MissingField,
            "content",
        ),
        (
            OCTOMED,
            br#"{"question": "q", "options": ["a", null, "c"], "responses": ["r"]}"#,
            Reason::NullField,
            "letter",
        ),
        (
            OCTOMED,
            br#"{"question": "q", "answer": {"a": "b"}, "responses": ["r"]}"#,
            Reason::WrongType,
            "`answer` is an object",
        ),
        (
            OPTIONS,
            br#"{"q": "q", "A": "a", "r": "r"}"#,
            Reason::MissingField,
            "no `B`",
        ),
        (
            OPTIONS,
            br#"{"q": " ", "A": "", "B": "b", "r": "r"}"#,
            Reason::EmptyQuestion,
            "`q` has no text",
        ),
        (
            SHAREGPT,
            br#"{"conversations": []}"#,
            Reason::NoAssistantTurn,
            "none of the 0 turns",
        ),
        (
            SHAREGPT,
            br#"{"conversations": [{"from": "human", "value": "q"}]}"#,
            Reason::NoAssistantTurn,
            "none of the 1 turns",
        ),
        (
            SHAREGPT,
            br#"{"conversations": null}"#,
            Reason::NullField,
            "`conversations` is null",
        ),
        (
            SHAREGPT,
            br#"{"conversations": "hello"}"#,
            Reason::WrongType,
            "is text, not a list of turns",
        ),
        (
            SHAREGPT,
            br#"{"conversations": ["hello"]}"#,
            Reason::WrongType,
            "turn 0 of `conversations` is text",
        ),
        (
            SHAREGPT,
            br#"{"conversations": [{"from": "alien", "value": "q"}]}"#,
            Reason::WrongType,
            "turn 0 of `conversations` has role `alien`",
        ),
        (
            SHAREGPT,
            br#"{"conversations": [{"from": "function_call", "value": "q"}]}"#,
            Reason::ToolCalls,
            "role `function_call`",
        ),
        (
            SHAREGPT,
            br#"{"conversations": [{"from": "gpt", "value": "a", "weight": 0.5}]}"#,
            Reason::TurnWeight,
            "`weight`",
        ),
        (
            SHAREGPT,
            br#"{"conversations": [{"from": "gpt", "value": "a", "reasoning": "r", "thinking": "s"}]}"#,
            Reason::TwoReasonings,
            "different reasoning",
        ),
        (
            SHAREGPT,
            br#"{"conversations": [{"from": "gpt", "value": "a"}], "chosen": "b"}"#,
            Reason::PreferenceRow,
            "`chosen`",
        ),
        (
            SHAREGPT,
            br#"{"conversations": [{"from": "gpt", "value": "a"}], "x": "b.png"}"#,
            Reason::HasImage,
            "`x`",
        ),
        (
            OCTOMED,
            br#"{"question": "q", "options": {"A": "x", "a": "y"}, "responses": ["r"]}"#,
            Reason::OptionLabels,
            "one letter",
        ),
        (
            r#"{"question": "q", "response": "{{ 'AB'[n] }}"}"#,
            br#"{"question": "q", "q": "q", "n": -1}"#,
            Reason::NoAnswer,
            "outside of its list",
        ),
        (
            SHAREGPT,
            br#"{"conversations": [{"from": "gpt"}]}"#,
            Reason::MissingField,
            "turn 0 of `conversations` has no `value` or `content`",
        ),
        (
            SHAREGPT,
            br#"{"conversations": [{"from": "gpt", "value": null}]}"#,
            Reason::NoResponse,
            "turn 0",
        ),
        (
            SHAREGPT,
            br#"{"conversations": [{"from": "gpt", "from": "gpt", "value": ""}]}"#,
            Reason::DuplicateKey,
            "`from`",
        ),
        (
            SHAREGPT,
            br#"{"conversations": [{"from": "gpt", "value": [{"type": "text"}]}]}"#,
            Reason::MissingField,
            "no `text`",
        ),
        (
            SHAREGPT,
            br#"{"conversations": [{"from": "gpt", "value": [{"type": "tool_use", "text": ""}]}]}"#,
            Reason::WrongType,
            "a type",
        ),
        (
            TWO_PARTS,
            many.as_bytes(),
            Reason::RowTooLarge,
            "more than 1048576 values",
        ),
        (
            r#"{"question": "q", "response": "r", "images": "i"}"#,
            br#"{"q": "<image>", "r": "r", "i": null}"#,
            Reason::ImageCount,
            "placeholders: 1, images: 0",
        ),
        (
            r#"{"question": "q", "response": "r", "images": "i"}"#,
            br#"{"q": "q", "r": "r", "i": 7}"#,
            Reason::ImageValue,
            "`i` holds an integer where an image is expected",
        ),
        (
            r#"{"question": "q", "response": "r", "images": "i"}"#,
            br#"{"q": "q", "r": "r", "i": "a.mp4"}"#,
            Reason::ImageKind,
            "`i` names or holds a video",
        ),
        (
            LOOPS,
            br#"{"q": "1", "r": "2"}"#,
            Reason::TemplateLimit,
            "exceeds the limits of one row",
        ),
    ];
    for (json, line, reason, detail) in cases {
        let refusal = refusal(json, line);
        let shown = String::from_utf8_lossy(&line[..line.len().min(90)]).into_owned();
        assert_eq!(refusal.reason, *reason, "{shown}: {}", refusal.detail);
        assert!(
            refusal.detail.contains(detail),
            "{shown}: {}",
            refusal.detail
        );
    }
    let met: BTreeSet<&str> = cases
        .iter()
        .map(|(_, _, reason, _)| reason.as_str())
        .collect();
    // Of CSV, and of images that somebody opens.
    let elsewhere = [
        Reason::InvalidCsv,
        Reason::WrongColumnCount,
        Reason::ImageInRole,
        Reason::ImageMissing,
        Reason::ImageDamaged,
        Reason::ImageTooLarge,
        Reason::ImageShape,
        Reason::ImageDepth,
        Reason::ImageUrl,
        Reason::ImagePath,
        Reason::ImageUnreachable,
    ];
    assert_eq!(met.len() + elsewhere.len(), Reason::ALL.len());
}

#[test]
fn details_hold_no_values() {
    let line = br#"{"question": "Jane Roe, born 1950", "answer": {"x": "Jane Roe"}, "responses": ["Jane Roe"]}"#;
    assert!(!refusal(OCTOMED, line).detail.contains("Jane"));
    let line = br#"{"conversations": [{"from": "Jane Roe", "value": "q"}]}"#;
    assert!(!refusal(SHAREGPT, line).detail.contains("Jane"));
    let images = r#"{"question": "q", "response": "r", "images": "i"}"#;
    for line in [
        &br#"{"q": "q", "r": "r", "i": "Jane Roe.mp4"}"#[..],
        br#"{"q": "q", "r": "r", "i": {"name": "Jane Roe"}}"#,
        br#"{"q": "Jane Roe <img src='Jane Roe'>", "r": "r", "i": "a.png"}"#,
    ] {
        assert!(!refusal(images, line).detail.contains("Jane"));
    }
}

#[test]
fn names_may_have_dots_and_several_spellings() {
    let json = r#"{"question": "a.b", "response": {"any_of": ["r1", "m.deep.r"]}, "answer": "Ground-True Answer"}"#;
    let nested = r#"{"a": {"b": "q"}, "m": {"deep": {"r": "x"}}, "Ground-True Answer": 7}"#;
    let literal = r#"{"a.b": "q", "a": {"b": "no"}, "r1": null, "m": {"deep.r": "x"}, "Ground-True Answer": "7"}"#;
    let encoded = r#"{"a": "{\"b\": \"q\"}", "r1": "x", "Ground-True Answer": "7"}"#;
    let wanted = "id: None, system: None, images: [], body: Question { question: \"q\", options: [], answer: Some(\"7\"), history: [], \
                  responses: [Response { reasoning: None, response: \"x\", is_null: false }] } }";
    for line in [nested, literal, encoded] {
        assert_eq!(one(json, line), wanted, "{line}");
    }
}

#[test]
fn parts_of_a_question_are_joined_and_empty_ones_left_out() {
    let json = r#"{"question": ["instruction", {"any_of": ["input"], "optional": true}], "response": "output"}"#;
    let cases = [
        (
            r#"{"instruction": "do", "input": "this", "output": ""}"#,
            r#"question: "do\nthis""#,
        ),
        (
            r#"{"instruction": "do", "input": "", "output": ""}"#,
            r#"question: "do""#,
        ),
        (
            r#"{"instruction": "do", "input": null, "output": ""}"#,
            r#"question: "do""#,
        ),
        (
            r#"{"instruction": "", "input": "this", "output": ""}"#,
            r#"question: "this""#,
        ),
        (
            r#"{"instruction": "do", "output": ""}"#,
            r#"question: "do""#,
        ),
    ];
    for (line, wanted) in cases {
        assert!(one(json, line).contains(wanted), "{line}");
    }
}

#[test]
fn the_system_turn_leads_and_trailing_turns_stay() {
    let line = r#"{"system": "turn", "conversations": [{"from": "system", "value": "turn"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"from": "gpt", "value": ""}, {"from": "human", "value": "and?"}]}"#
        .replace('\n', "");
    let turn = |role: &str, content: &str| {
        format!(
            "Turn {{ role: \"{role}\", content: [Text(\"{content}\")], reasoning: None, learned: true }}"
        )
    };
    let turns = [
        turn("user", "ab"),
        turn("assistant", ""),
        turn("user", "and?"),
    ]
    .join(", ");
    assert_eq!(
        one(SHAREGPT, &line),
        format!("id: None, system: Some(\"turn\"), images: [], body: Conversation([{turns}]) }}")
    );
}

#[test]
fn a_null_response_keeps_its_place() {
    let found = one(
        OCTOMED,
        r#"{"question": "q", "responses": ["a", null, ""], "system": ""}"#,
    );
    let response = |text: &str, is_null: bool| {
        format!("Response {{ reasoning: None, response: \"{text}\", is_null: {is_null} }}")
    };
    let responses = [
        response("a", false),
        response("", true),
        response("", false),
    ];
    assert!(found.contains(&responses.join(", ")), "{found}");
    assert!(found.contains("system: None"));
}
