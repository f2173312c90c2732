//! Rows as published sets and chat interfaces write them: what each says of itself is used, or refused by name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{OCTOMED, SHAREGPT, TWO_PARTS, one};

const MESSAGES: &str = r#"{"messages": "messages"}"#;
const COMPLETION: &str = r#"{"messages": {"column": "completion", "context": "prompt"}}"#;

/// The options of a row, as `label=text`.
fn options(options: &str) -> String {
    let line = format!(r#"{{"question": "q", "options": {options}, "responses": ["r"]}}"#);
    let shown = one(OCTOMED, &line);
    if !shown.contains("body: Question") {
        return shown;
    }
    let parts = shown.split("Choice { label: \"").skip(1);
    let option = |part: &str| {
        let (label, rest) = part.split_once("\", text: \"").unwrap();
        format!("{label}={}", rest.split_once("\", written").unwrap().0)
    };
    parts.map(option).collect::<Vec<_>>().join(" ")
}

#[test]
fn options_keep_the_rows_own_letters_in_its_order() {
    for (given, wanted) in [
        (r#"{"A": "aspirin", "C": "codeine"}"#, "A=aspirin C=codeine"),
        (r#"{"B": "x", "C": "y"}"#, "B=x C=y"),
        (r#"{"A": "x", "b": "y", "C": "z"}"#, "A=x b=y C=z"),
        (r#"{"1": "x", "10": "y", "2": "z"}"#, "1=x 10=y 2=z"),
        (r#"{"D": "x", "A": "y"}"#, "D=x A=y"),
        (r#"{"A": "x", "B": null, "C": "z"}"#, "A=x C=z"),
        (
            r#"{"A": "x", "option_b": null, "1": null, "C": "z", "note": null}"#,
            "A=x C=z",
        ),
        (r#"{"A": null, "option_b": "x", "opt_c": null}"#, "B=x"),
        (
            r#"[{"A": "x", "C": null}, {"A": null, "C": "y"}, {"A": null, "C": null}]"#,
            "A=x C=y",
        ),
        (
            r#"[{"content": null, "text": "x", "label": "A"}, {"content": "y", "text": null, "label": "C"}]"#,
            "A=x C=y",
        ),
        (
            r#"[{"option": "B", "text": null}, {"option": "C", "text": "y"}]"#,
            "C=y",
        ),
        (
            r#"[{"text": null, "option": "aspirin"}, {"text": null, "option": "codeine"}]"#,
            "A=aspirin B=codeine",
        ),
        (
            r#""[{'content': 'x', 'at': datetime.date(2024, 2, 29)}, {'content': np.float64(0.5)}]""#,
            "A=x B=0.5",
        ),
        (r#"{"A": "A. x", "C": "C. y"}"#, "A=x C=y"),
        (r#"{"option_a": "x", "option_c": "y"}"#, "A=x C=y"),
        (r#"{"opa": "x", "opb": "y"}"#, "A=x B=y"),
        (
            r#"[{"key": "C", "value": "x"}, {"key": "A", "value": "y"}]"#,
            "C=x A=y",
        ),
        (
            r#"[{"letter": "A", "content": "x"}, {"letter": "B", "content": "y"}]"#,
            "A=x B=y",
        ),
        (
            r#"[{"option": "B", "text": "x"}, {"option": "C", "text": "y"}]"#,
            "B=x C=y",
        ),
        (
            r#"[{"id": 0, "text": "x"}, {"id": 1, "text": "y"}]"#,
            "A=x B=y",
        ),
        (
            r#"[{"id": "b", "text": "x"}, {"id": "a", "text": "y"}]"#,
            "b=x a=y",
        ),
        (r#"[{"B": "x"}, {"C": "y"}]"#, "B=x C=y"),
        (r#"{"text": ["x", "y"], "label": ["A", "C"]}"#, "A=x C=y"),
        (r#"{"key": ["B", "A"], "value": ["x", "y"]}"#, "B=x A=y"),
        (r#"{"text": ["x", "y"]}"#, "A=x B=y"),
        (r#"["A. x", "C. y"]"#, "A=x C=y"),
        (r#"["A : x", "B : y"]"#, "A=x B=y"),
        (r#"["Ａ．x", "Ｂ．y"]"#, "Ａ=x Ｂ=y"),
        (r#"["A.coli", "B.coli"]"#, "A=A.coli B=B.coli"),
        (r#"["E. coli", "S. aureus"]"#, "A=E. coli B=S. aureus"),
        (r#"[1, 2.50, "x", true]"#, "A=1 B=2.50 C=x D=true"),
        (r#"["x", "y", null, ""]"#, "A=x B=y"),
        (r#""['x', \"y's\"]""#, "A=x B=y's"),
        (r#""{'A': 'x', 'C': 'y'}""#, "A=x C=y"),
        (r#""[\"x\", \"y\"]""#, "A=x B=y"),
        (r#"["A.阿司匹林", "C.可待因"]"#, "A=阿司匹林 C=可待因"),
        (r#"["Option A: x", "Option C: y"]"#, "A=x C=y"),
        (r#"["**A.** x", "**C.** y"]"#, "A=x C=y"),
        (r#"["1. x", "3. y"]"#, "1=x 3=y"),
        (
            r#"[{"option_id": "C", "option_text": "x"}, {"option_id": "A", "option_text": "y"}]"#,
            "C=x A=y",
        ),
        (
            r#"[{"name": "C", "text": "x"}, {"name": "D", "text": "y"}]"#,
            "C=x D=y",
        ),
        (r#"{"A.": "x", "(C)": "y"}"#, "A=x C=y"),
        (r#"{"label": ["A.", "C."], "text": ["x", "y"]}"#, "A=x C=y"),
        ("null", ""),
        ("[]", ""),
        ("{}", ""),
    ] {
        assert_eq!(options(given), wanted, "{given}");
    }
}

#[test]
fn options_whose_letters_are_uncertain_are_refused() {
    for given in [
        r#"{"A": "x", "a": "y"}"#,
        r#"{"A": "B: x", "B": "A: y"}"#,
        r#"{"yes": "x", "no": "y"}"#,
        r#"[{"key": "A", "value": "x"}, {"value": "y"}]"#,
        r#"[{"key": "A", "value": "x"}, {"key": "A", "value": "y"}]"#,
        r#"[{"label": "first", "text": "x"}]"#,
        r#"[{"index": 1, "text": "x"}, {"index": 0, "text": "y"}]"#,
        r#"{"text": ["x", "y"], "label": ["A"]}"#,
        r#"["A.x", "C.y"]"#,
        r#"[{"index": 2, "text": "x"}, {"index": 0, "text": "y"}]"#,
        r#"{"aspirin": "x"}"#,
    ] {
        assert!(
            options(given).starts_with("option_labels"),
            "{given}: {}",
            options(given)
        );
    }
    assert!(options(r#"["x", null, "y"]"#).starts_with("null_field"));
}

#[test]
fn a_column_of_options_keeps_its_letter() {
    let json = r#"{"question": "q", "options": ["a", "b", "c"], "response": "r"}"#;
    let shown = one(
        json,
        r#"{"q": "q", "a": "x", "b": null, "c": "z", "r": "r"}"#,
    );
    assert!(
        shown.contains(r#"label: "A", text: "x""#) && shown.contains(r#"label: "C", text: "z""#)
    );
    let shown = one(
        json,
        r#"{"q": "q", "a": "A: x", "b": "B: y", "c": "C: z", "r": "r"}"#,
    );
    assert!(
        shown.contains(r#"label: "B", text: "y", written: "B: y""#),
        "{shown}"
    );
}

/// The turns of a conversation, as `role:content`, unlearned ones in brackets, reasoning after a bar.
fn turns(json: &str, line: &str) -> String {
    let shown = one(json, line);
    let Some((_, turns)) = shown.split_once("body: Conversation([") else {
        return shown;
    };
    let turn = |part: &str| {
        let (role, rest) = part.split_once("\", content: [").unwrap();
        let (parts, rest) = rest.split_once("], reasoning: ").unwrap();
        let texts = parts.split("Text(\"").skip(1);
        let content: String = texts
            .map(|text| text.split_once("\")").unwrap().0)
            .collect();
        let reasoning = rest.strip_prefix("Some(\"").map_or(String::new(), |rest| {
            format!("|{}", rest.split_once('"').unwrap().0)
        });
        let said = format!("{role}:{content}{reasoning}");
        if rest.contains("learned: false") {
            format!("[{said}]")
        } else {
            said
        }
    };
    let parts = turns.split("Turn { role: \"").skip(1);
    parts.map(turn).collect::<Vec<_>>().join(" ")
}

#[test]
fn turns_say_whether_they_are_learned() {
    let line = |key: &str, value: &str| {
        format!(
            r#"{{"messages": [{{"role": "user", "content": "q"}}, {{"role": "assistant", "content": "a", "{key}": {value}}},
                {{"role": "user", "content": "q"}}, {{"role": "assistant", "content": "b"}}]}}"#
        )
        .replace('\n', "")
    };
    for (key, value) in [
        ("weight", "0"),
        ("weight", "0.0"),
        ("training", "false"),
        ("loss_mask", "0"),
        ("train", "false"),
        ("trainable", "false"),
        ("loss", "false"),
    ] {
        let found = turns(MESSAGES, &line(key, value));
        assert_eq!(
            found, "user:q [assistant:a] user:q assistant:b",
            "{key}: {value}"
        );
    }
    for (key, value) in [
        ("weight", "1"),
        ("weight", "1.0"),
        ("train", "true"),
        ("loss", "null"),
        ("mask", "null"),
        ("name", "\"x\""),
    ] {
        let found = turns(MESSAGES, &line(key, value));
        assert_eq!(
            found, "user:q assistant:a user:q assistant:b",
            "{key}: {value}"
        );
    }
    for (key, value) in [
        ("weight", "0.5"),
        ("weight", "\"low\""),
        ("loss", "2"),
        ("train_detail", "[1]"),
        ("loss_scale", "0.3"),
        ("masked", "true"),
    ] {
        let found = turns(MESSAGES, &line(key, value));
        assert!(
            found.starts_with("turn_weight") && found.contains(key),
            "{key}: {found}"
        );
    }
    let asked = r#"{"messages": [{"role": "user", "content": "q", "train": true}, {"role": "assistant", "content": "a"}]}"#;
    assert!(turns(MESSAGES, asked).starts_with("turn_weight"));
    assert!(!turns(MESSAGES, &asked.replace("true", "false")).starts_with("turn_weight"));
}

#[test]
fn conversations_of_every_shape_are_read() {
    for (json, line, wanted) in [
        (
            MESSAGES,
            r#"{"messages": [{"role": "developer", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#,
            "user:q assistant:a",
        ),
        (
            MESSAGES,
            r#"{"messages": [{"role": "User", "content": "q"}, {"role": "ASSISTANT", "content": "a"}]}"#,
            "user:q assistant:a",
        ),
        (
            MESSAGES,
            r#"{"messages": [{"role": "user", "content": [{"type": "text", "value": "q"}]}, {"role": "assistant", "content": [{"type": "text", "text": "a"}]}]}"#,
            "user:q assistant:a",
        ),
        (
            MESSAGES,
            r#"{"messages": [{"role": "user", "content": "q", "tool_calls": null}, {"role": "assistant", "content": "a", "reasoning_content": "r", "tool_calls": []}]}"#,
            "user:q assistant:a|r",
        ),
        (
            MESSAGES,
            r#"{"messages": "[{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': \"a's\"}]"}"#,
            "user:q assistant:a's",
        ),
        (
            SHAREGPT,
            r#"{"conversations": [{"human": "q", "assistant": "a"}, {"human": "q2", "assistant": "b"}]}"#,
            "user:q assistant:a user:q2 assistant:b",
        ),
        (
            SHAREGPT,
            r#"{"conversations": [{"assistant": "a", "user": "q"}]}"#,
            "user:q assistant:a",
        ),
        (
            SHAREGPT,
            r#"{"conversations": [{"from": null, "value": null, "system": null, "human": "q", "user": null, "assistant": "a"}]}"#,
            "user:q assistant:a",
        ),
        (
            MESSAGES,
            r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": null, "value": "q"}]}, {"role": "assistant", "content": "a", "tool_calls": "[]"}]}"#,
            "user:q assistant:a",
        ),
        (
            MESSAGES,
            r#"{"messages": "[{'role': 'user', 'content': 'q', 'at': datetime.datetime(2024, 2, 29, 1, 2)} {'role': 'assistant', 'content': 'a', 'score': np.float64(0.5)}]"}"#,
            "user:q assistant:a",
        ),
        (
            COMPLETION,
            r#"{"prompt": "q", "completion": "a"}"#,
            "[user:q] assistant:a",
        ),
        (
            COMPLETION,
            r#"{"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "q2"}], "completion": [{"role": "assistant", "content": "b"}]}"#,
            "[user:q] [assistant:a] [user:q2] assistant:b",
        ),
        (
            r#"{"messages": "data.0.turns"}"#,
            r#"{"data": [{"turns": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}]}"#,
            "user:q assistant:a",
        ),
    ] {
        assert_eq!(turns(json, line), wanted, "{line}");
    }
}

#[test]
fn rows_that_are_no_examples_are_refused_by_name() {
    let messages = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], KEY}"#;
    for (key, reason) in [
        (
            r#""chosen": "x", "rejected": "y""#,
            "preference_row: the row has `chosen`",
        ),
        (
            r#""rejected_response": "y""#,
            "preference_row: the row has `rejected_response`",
        ),
        (r#""label": false"#, "preference_row: the row has `label`"),
        (r#""label": true"#, "preference_row: the row has `label`"),
        (r#""kto_tag": true"#, "preference_row"),
        (
            r#""tools": [{"type": "function"}]"#,
            "tool_calls: the row has `tools`",
        ),
        (
            r#""tools": "[{\"type\": \"function\"}]""#,
            "tool_calls: the row has `tools`",
        ),
        (r#""chosen": "[5 mg]""#, "preference_row"),
    ] {
        let found = one(MESSAGES, &messages.replace("KEY", key));
        assert!(found.starts_with(reason), "{key}: {found}");
    }
    for key in [
        r#""label": "cardiology""#,
        r#""chosen": null"#,
        r#""rejected": []"#,
        r#""tools": []"#,
        r#""tools": "[]""#,
        r#""functions": "{}""#,
        r#""chosen": "[]""#,
        r#""score": NaN"#,
    ] {
        assert!(
            one(MESSAGES, &messages.replace("KEY", key)).starts_with("id: None"),
            "{key}"
        );
    }
    let kto = r#"{"prompt": "q", "completion": "a", "label": true}"#;
    assert!(one(COMPLETION, kto).starts_with("preference_row"));
    let calls = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": null, "tool_calls": [{"id": 1}]}]}"#;
    assert!(
        one(MESSAGES, calls).starts_with("tool_calls"),
        "{}",
        one(MESSAGES, calls)
    );
    // A class that somebody else's labels name is none of ours.
    let class = r#"{"q": "q", "t": "t", "r": "r", "label": true}"#;
    assert!(one(TWO_PARTS, class).starts_with("id: None"));
}

#[test]
fn earlier_turns_of_a_question_are_kept() {
    let json = r#"{"question": "q", "response": "r", "history": {"any_of": ["history"], "optional": true}}"#;
    let shown = one(
        json,
        r#"{"q": "q", "r": "r", "history": [["a", "b"], ["c", "d"]]}"#,
    );
    assert!(
        shown.contains(r#"history: [["a", "b"], ["c", "d"]]"#),
        "{shown}"
    );
    for none in ["null", "[]", "\"\""] {
        let shown = one(
            json,
            &format!(r#"{{"q": "q", "r": "r", "history": {none}}}"#),
        );
        assert!(shown.contains("history: []"), "{shown}");
    }
    assert!(one(json, r#"{"q": "q", "r": "r", "history": ["a"]}"#).starts_with("wrong_type"));
    let blank = r#"{"q": "q", "r": "r", "history": [[" ", "a"]]}"#;
    assert!(one(json, blank).starts_with("empty_question"));
}

#[test]
fn nulls_of_optional_columns_are_none_and_a_null_response_is_no_damage() {
    let json = r#"{"question": {"any_of": ["q"], "optional": true}, "reasoning": {"any_of": ["cot"], "optional": true},
        "response": {"any_of": ["r"], "optional": true}}"#;
    let full = one(json, r#"{"q": "q", "cot": "t", "r": "r"}"#);
    assert!(full.contains(r#"reasoning: Some("t")"#));
    for line in [
        r#"{"q": "q", "cot": null, "r": "r"}"#,
        r#"{"q": "q", "r": "r"}"#,
    ] {
        assert!(one(json, line).contains("reasoning: None"), "{line}");
    }
    for (line, reason) in [
        (r#"{"q": "q", "cot": "t", "r": null}"#, "no_response"),
        (r#"{"q": "q", "cot": "t"}"#, "no_response"),
        (r#"{"cot": "t", "r": "r"}"#, "empty_question"),
        (r#"{"q": null, "r": "r"}"#, "empty_question"),
        (r#"{"q": " \n", "r": "r"}"#, "empty_question"),
    ] {
        assert!(
            one(json, line).starts_with(reason),
            "{line}: {}",
            one(json, line)
        );
    }
    let many = r#"{"question": "q", "responses": {"any_of": ["rs"], "optional": true}}"#;
    for line in [
        r#"{"q": "q", "rs": null}"#,
        r#"{"q": "q"}"#,
        r#"{"q": "q", "rs": []}"#,
    ] {
        assert!(one(many, line).starts_with("no_response"), "{line}");
    }
    assert!(one(TWO_PARTS, r#"{"q": "q", "t": "t", "r": null}"#).starts_with("no_response"));
    assert!(one(TWO_PARTS, r#"{"q": "q", "t": "t"}"#).starts_with("missing_field"));
    let blank = r#"{"messages": [{"role": "user", "content": " "}, {"role": "assistant", "content": "a"}]}"#;
    assert!(one(MESSAGES, blank).starts_with("empty_question"));
}

#[test]
fn short_values_are_read_whatever_number_they_are() {
    for (answer, shown) in [
        ("2.0", r#"Some("2")"#),
        ("0.5", r#"Some("0.5")"#),
        ("1e3", r#"Some("1e3")"#),
        (r#"["a", 2, null]"#, r#"Some("a, 2")"#),
        ("NaN", "None"),
        ("true", r#"Some("true")"#),
    ] {
        let line = format!(r#"{{"question": "q", "answer": {answer}, "responses": ["r"]}}"#);
        assert!(
            one(OCTOMED, &line).contains(&format!("answer: {shown}")),
            "{line}"
        );
    }
    let numbers = one(OCTOMED, r#"{"question": "q", "responses": [3, 2.50]}"#);
    assert!(numbers.contains(r#"response: "3""#) && numbers.contains(r#"response: "2.50""#));
    let line = r#"{"question": "q", "responses": ["r"], "score": NaN, "limit": -Infinity}"#;
    assert!(one(OCTOMED, line).starts_with("id: None"));
}

#[test]
fn rows_with_pictures_are_rejects_wherever_the_picture_is_named() {
    let sharegpt = r#"{"conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "a"}], "KEY": VALUE}"#;
    for (key, value) in [
        ("file_name", r#""1.png""#),
        ("Image", r#""a/b.JPG""#),
        ("image_0", r#""train_0422""#),
        ("figure", r#""fig1""#),
        ("jpg", r#"{"bytes": "x", "path": null}"#),
        ("pic", r#"["a.webp"]"#),
        ("pixel_values", "[[0, 255], [3, 4]]"),
        ("meta", r#"{"scan": {"file": "x.dcm"}}"#),
        ("url", r#""https://example.org/x.jpeg?w=3""#),
        ("raw", r#""data:image/png;base64,AAAA""#),
        ("id", r#""0412.nii.gz""#),
    ] {
        let line = sharegpt.replace("KEY", key).replace("VALUE", value);
        let found = one(SHAREGPT, &line);
        assert!(found.starts_with("has_image"), "{key}: {found}");
        let asked = SHAREGPT.replacen('{', r#"{"image_columns": [], "#, 1);
        assert!(one(&asked, &line).contains("images: [ImageRef"), "{key}");
    }
    for (key, value) in [
        ("image", "null"),
        ("image", r#""""#),
        ("images", "[]"),
        ("images", r#"[null, ""]"#),
        ("image", r#"{"bytes": null, "path": null}"#),
        ("has_image", "false"),
        ("image", "false"),
        ("image_id", "17"),
        ("image", r#""none""#),
        ("caption", r#""An image of a chest""#),
    ] {
        let line = sharegpt.replace("KEY", key).replace("VALUE", value);
        assert!(
            one(SHAREGPT, &line).starts_with("id: None, system: None, images: []"),
            "{key}: {value}"
        );
    }
}

#[test]
fn a_users_placeholder_is_a_picture_and_an_answers_is_none() {
    let said = |user: &str, assistant: &str| {
        let line = serde_json::json!({"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]});
        one(MESSAGES, &line.to_string())
    };
    assert!(said("<image>\nWhat?", "a").starts_with("has_image"));
    assert!(said("See <image 1>.", "a").starts_with("has_image"));
    assert!(said("q", "<image> is a.png").starts_with("id: None"));
    assert!(said("q", "a.png").starts_with("id: None"));
    assert!(said("<|vision_start|><|image_pad|><|vision_end|>q", "a").starts_with("has_image"));
    assert!(said("a typed <|vision_start|>", "a").starts_with("id: None"));
    assert!(one(TWO_PARTS, r#"{"q": "<image> q", "t": "t", "r": "r"}"#).starts_with("has_image"));
    assert!(one(TWO_PARTS, r#"{"q": "q", "t": "x.png", "r": "y.png"}"#).starts_with("id: None"));
    for (part, wanted) in [
        (
            r#"{"type": "image_url", "image_url": {"url": "a"}}"#,
            r#"images: [ImageRef { value: Text("a")"#,
        ),
        (r#"{"type": "image"}"#, "has_image"),
        (
            r#"{"type": null, "image": "a"}"#,
            r#"images: [ImageRef { value: Text("a")"#,
        ),
        (r#"{"type": "video", "video": "a"}"#, "has_image"),
    ] {
        let line = format!(
            r#"{{"messages": [{{"role": "user", "content": [{part}, {{"type": "text", "text": "q"}}]}}, {{"role": "assistant", "content": "a"}}]}}"#
        );
        assert!(one(MESSAGES, &line).contains(wanted), "{part}");
        let asked = r#"{"messages": "messages", "image_columns": []}"#;
        assert_eq!(turns(asked, &line), "user:q assistant:a");
    }
    let beside = r#"{"messages": [{"role": "user", "content": "q", "images": ["a.png"]}, {"role": "assistant", "content": "a"}]}"#;
    assert!(one(MESSAGES, beside).contains(r#"value: Text("a.png")"#));
}

#[test]
fn pictures_are_found_in_lists_and_objects_that_a_text_says() {
    let options = r#"{"question": "q", "options": "o", "response": "r"}"#;
    let dotted = r#"{"question": "data.q", "response": "data.r"}"#;
    let named = r#"{"question": "data.q", "response": "data.r", "image_columns": ["data.pic"]}"#;
    for (json, key, value) in [
        (options, "o", r#"["a.png", "No finding"]"#),
        (
            options,
            "o",
            r#"["No finding", "https://example.org/b.jpg"]"#,
        ),
        (options, "o", r#"{"A": "no", "B": {"image": "train_0422"}}"#),
        (dotted, "data", r#"{"q": "q", "r": "r", "file": "a.png"}"#),
        (dotted, "data", r#"{"q": "q", "r": "r", "image": "a17"}"#),
        (dotted, "data", r#"{"q": "q", "r": "a.png", "image": null}"#),
        (named, "data", r#"{"q": "q", "r": "r", "pic": "a17"}"#),
    ] {
        let row = |value: &str| format!(r#"{{"q": "q", "{key}": {value}, "r": "r"}}"#);
        let said = serde_json::Value::String(value.to_owned()).to_string();
        assert_eq!(one(json, &row(value)), one(json, &row(&said)), "{value}");
    }
    let said = one(
        options,
        r#"{"q": "q", "o": "[\"a.png\", \"No finding\"]", "r": "r"}"#,
    );
    assert!(said.starts_with("has_image"), "{said}");
}

#[test]
fn named_columns_of_pictures_are_the_only_ones() {
    let json = r#"{"question": "q", "response": "r", "image_columns": ["pic"]}"#;
    for (line, wanted) in [
        (
            r#"{"q": "q", "r": "r", "pic": "x", "file": "a.png"}"#,
            "has_image",
        ),
        (
            r#"{"q": "q", "r": "r", "pic": null, "file": "a.png"}"#,
            "id: None",
        ),
        (r#"{"q": "<image>", "r": "r"}"#, "has_image"),
    ] {
        assert!(one(json, line).starts_with(wanted), "{line}");
    }
}

#[test]
fn what_is_inside_of_a_mapped_struct_is_looked_at_but_for_the_answer() {
    let json = r#"{"question": "data.q", "response": "data.r"}"#;
    let line = |more: &str| format!(r#"{{"data": {{"q": "q", "r": "a.png"{more}}}}}"#);
    assert!(
        one(json, &line("")).starts_with("id: None"),
        "{}",
        one(json, &line(""))
    );
    assert!(one(json, &line(r#", "image": "b.png""#)).starts_with("has_image"));
}

#[test]
fn two_keys_of_reasoning_and_two_system_messages_must_agree() {
    let line = |more: &str| {
        format!(
            r#"{{"messages": [{{"role": "user", "content": "q"}}, {{"role": "assistant", "content": "a", "reasoning_content": "R", {more}}}]}}"#
        )
    };
    assert!(one(MESSAGES, &line(r#""reasoning": "S""#)).starts_with("two_reasonings"));
    assert_eq!(
        turns(MESSAGES, &line(r#""thinking": "R\n""#)),
        "user:q assistant:a|R"
    );
    let line = r#"{"system": "S", "conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}"#;
    assert!(one(SHAREGPT, line).starts_with("wrong_type"));
    assert!(one(SHAREGPT, &line.replace("\"S\"", "\"s\"")).contains(r#"system: Some("s")"#));
}

#[test]
fn a_completion_that_is_json_is_text() {
    for completion in [r#""{\"answer\": \"A\"}""#, r#""[\"flu\"]""#, r#""[]""#, "5"] {
        let line = format!(r#"{{"prompt": "p", "completion": {completion}}}"#);
        assert!(
            turns(COMPLETION, &line).starts_with("[user:p] assistant:"),
            "{line}"
        );
    }
    assert!(one(COMPLETION, r#"{"prompt": "p", "completion": null}"#).starts_with("no_response"));
    let written =
        r#"{"prompt": "p", "completion": "[{\"role\": \"assistant\", \"content\": \"a\"}]"}"#;
    assert_eq!(turns(COMPLETION, written), "[user:p] assistant:a");
}

#[test]
fn a_picture_written_with_escapes_or_in_a_list_as_text_is_found() {
    for value in [
        r#""{\"image\": \"x.png\"}""#,
        r#""a\u002fx.png""#,
        r#""\/9j\/4AAQSkZJRgABAQAAAQABAAD\/2wBDAAUDBAQEAwUEBAQFBQUGBwwIBwcHBw8LCwkMEQ8SEhEPERETFhwXExQaFRERGCEYGh0d""#,
    ] {
        let line = format!(r#"{{"q": "q", "t": "t", "r": "r", "meta": {value}}}"#);
        assert!(one(TWO_PARTS, &line).starts_with("has_image"), "{line}");
    }
    let line = r#"{"q": "q", "t": "t", "r": "r", "images": "['a', 'b']"}"#;
    assert!(one(TWO_PARTS, line).starts_with("has_image"));
    for empty in ["[]", "[None]", "['']", "{}", "[nan]"] {
        let line = format!(r#"{{"q": "q", "t": "t", "r": "r", "images": "{empty}"}}"#);
        assert!(one(TWO_PARTS, &line).starts_with("id: None"), "{line}");
    }
}

#[test]
fn pictures_in_turns_are_told_apart_when_they_are_left_out() {
    let asked = r#"{"messages": "messages", "image_columns": []}"#;
    let said = |picture: &str| {
        let line = format!(
            r#"{{"messages": [{{"role": "user", "content": [{{"type": "image", "image": "{picture}"}}, {{"type": "text", "text": "q"}}]}}, {{"role": "assistant", "content": "a"}}]}}"#
        );
        one(asked, &line)
    };
    assert_eq!(said("1.png"), said("1.png"));
    assert_ne!(said("1.png"), said("2.png"));
}

#[test]
fn texts_and_images_of_a_turn_stand_in_their_order() {
    let asked = r#"{"messages": "messages", "image_columns": []}"#;
    let line = |parts: &str| {
        format!(
            r#"{{"messages": [{{"role": "user", "content": [{parts}]}}, {{"role": "assistant", "content": "a"}}]}}"#
        )
    };
    let kinds = |parts: &str| {
        let shown = one(asked, &line(parts));
        let turn = shown
            .split("role: \"assistant\"")
            .next()
            .unwrap()
            .to_owned();
        let kind = |at: usize| match turn[at..].starts_with("Text(") {
            true => turn[at..].split('"').nth(1).unwrap().to_owned(),
            false => "image".to_owned(),
        };
        let mut starts: Vec<usize> = ["Text(", "Image("]
            .iter()
            .flat_map(|name| turn.match_indices(name).map(|(at, _)| at))
            .collect();
        starts.sort_unstable();
        starts.into_iter().map(kind).collect::<Vec<_>>()
    };
    let (image, text) = (r#"{"type": "image"}"#, |said: &str| {
        format!(r#"{{"type": "text", "text": "{said}"}}"#)
    });
    for (parts, wanted) in [
        (vec![text("x"), text("y")], vec!["xy"]),
        (
            vec![text("x"), image.to_owned(), text("y"), text("z")],
            vec!["x", "image", "yz"],
        ),
        (
            vec![image.to_owned(), image.to_owned(), text("x")],
            vec!["image", "image", "x"],
        ),
        // What stands for an image in a text is one more image, behind the texts.
        (vec![text("<image> x")], vec!["<image> x", "image"]),
    ] {
        let parts = parts.join(", ");
        assert_eq!(kinds(&parts), wanted, "{parts}");
    }
    let joined = turns(
        asked,
        &line(&[text("x"), image.to_owned(), text("y")].join(", ")),
    );
    assert_eq!(joined, "user:xy assistant:a");
}

#[test]
fn named_columns_of_pictures_may_lead_into_structs() {
    let json = r#"{"question": "q", "response": "r", "image_columns": ["meta.image", "images.0"]}"#;
    for (line, wanted) in [
        (
            r#"{"q": "q", "r": "r", "meta": {"image": "x"}}"#,
            "has_image",
        ),
        (r#"{"q": "q", "r": "r", "images": ["x.png"]}"#, "has_image"),
        (
            r#"{"q": "q", "r": "r", "meta": {"image": null, "file": "a.png"}, "images": []}"#,
            "id: None",
        ),
    ] {
        assert!(
            one(json, line).starts_with(wanted),
            "{line}: {}",
            one(json, line)
        );
    }
}

#[test]
fn a_question_may_speak_of_a_file() {
    let line = |question: &str| format!(r#"{{"q": "{question}", "t": "t", "r": "r"}}"#);
    assert!(one(TWO_PARTS, &line("Save it as plot.png")).starts_with("id: None"));
    assert!(one(TWO_PARTS, &line("plot.png")).starts_with("has_image"));
    let options = r#"{"question": "q", "options": ["<image 1>", "<image 2>"], "responses": ["A"]}"#;
    assert!(one(OCTOMED, options).starts_with("has_image"));
}
