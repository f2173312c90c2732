//! The fast reader against a slow one: split at line breaks, `serde_json` values, look-ups by name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{OCTOMED, SHAREGPT, all, cases, lines, mapping, refused, text};
use octomed_trace::{
    AnswerForm, Body, Choice, Finding, Numbering, Part, Response, Row, Turn, label_options,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The slow reader's fault only: ours keeps digits, whatever number they make.
const OUT_OF_RANGE: &str = "number out of range";

/// What the slow reader says of a row: its system message and body, or a reason.
type Slow = Result<(Option<String>, Body<'static>), &'static str>;

fn text_of(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Null => Err("null_field"),
        Value::String(text) => Ok(text.clone()),
        _ => Err("wrong_type"),
    }
}

/// A text, or a number's digits.
fn said(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Number(_) => Ok(short(Some(value))?.unwrap_or_default()),
        value => text_of(value),
    }
}

fn short(value: Option<&Value>) -> Result<Option<String>, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(Value::Bool(value)) => Ok(Some(value.to_string())),
        Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
        // `serde_json` takes it for a float; it has the digits of an integer.
        Some(Value::Number(number)) if number.to_string() == "-0.0" => Ok(Some("-0".to_owned())),
        // The slow reader has lost its digits.
        Some(Value::Number(_)) => Err(OUT_OF_RANGE),
        Some(_) => Err("wrong_type"),
    }
}

/// As [`short`], and a list is its items.
fn shown(value: Option<&Value>) -> Result<Option<String>, &'static str> {
    let Some(Value::Array(values)) = value else {
        return short(value);
    };
    let mut items = Vec::new();
    for value in values.iter().filter(|value| !value.is_null()) {
        items.push(shown(Some(value))?.unwrap_or_default());
    }
    Ok(Some(items.join(", ")).filter(|text| !text.is_empty()))
}

/// A column that may be JSON in text.
fn expanded(value: &Value) -> Result<Value, &'static str> {
    match value {
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
            match serde_json::from_str(text) {
                // Damaged JSON may be what Python prints, which has tests of its own.
                Err(_) => Err(OUT_OF_RANGE),
                Ok(inner) => Ok(inner),
            }
        }
        _ => Ok(value.clone()),
    }
}

/// The letter or number that a key is, without marks around it.
fn label_of(key: &str) -> Option<&str> {
    let label = key.trim_matches(['(', ')', '.', ':', ' ']);
    is_label(label).then_some(label)
}

fn is_label(text: &str) -> bool {
    let text = text.trim();
    (1..=2).contains(&text.len())
        && (text.bytes().all(|byte| byte.is_ascii_digit())
            || text.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

fn slow_options(value: Option<&Value>) -> Result<Vec<Choice<'static>>, &'static str> {
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let value = value.map(expanded).transpose()?;
    let given = |option: &Value| -> Result<Option<&'static str>, &'static str> {
        Ok(short(Some(option))?.map(leak))
    };
    let (labels, mut texts): (Vec<Option<String>>, Vec<Option<&'static str>>) = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) if ["", "null", "None", "nan"].contains(&text.trim()) => {
            return Ok(Vec::new()); // as other programs print that there is nothing
        }
        Some(Value::Array(values)) => {
            let mut read = Vec::new();
            for value in &values {
                read.push(match value {
                    Value::Object(fields) => {
                        let key = ["content", "text"]
                            .iter()
                            .find(|key| fields.contains_key(**key));
                        let text = given(&fields[*key.ok_or("missing_field")?])?;
                        let letter = match fields.get("letter") {
                            None | Some(Value::Null) => None,
                            Some(Value::String(letter)) => {
                                Some(label_of(letter).ok_or("option_labels")?.to_owned())
                            }
                            Some(Value::Number(number)) => {
                                let digits = number.to_string();
                                Some(label_of(&digits).ok_or("option_labels")?.to_owned())
                            }
                            Some(_) => return Err("option_labels"),
                        };
                        (letter, text)
                    }
                    option => (None, given(option)?),
                });
            }
            read.into_iter().unzip()
        }
        Some(Value::Object(fields)) if !fields.keys().all(|key| label_of(key).is_some()) => {
            return Err(OUT_OF_RANGE); // names of options have tests of their own
        }
        Some(Value::Object(fields)) => {
            let mut read = Vec::new();
            for (key, option) in fields {
                read.push((label_of(&key).map(str::to_owned), given(&option)?));
            }
            read.into_iter().unzip()
        }
        Some(_) => return Err("wrong_type"),
    };
    if labels.iter().all(Option::is_none) {
        while texts.last() == Some(&None) {
            texts.pop();
        }
        let texts: Vec<&str> = texts
            .into_iter()
            .collect::<Option<_>>()
            .ok_or("null_field")?;
        return label_options(&texts).ok_or("option_labels");
    }
    let pairs = labels.into_iter().zip(texts);
    let pairs: Vec<_> = pairs
        .filter_map(|(label, text)| Some((label, text?)))
        .collect();
    let labels: Vec<String> = pairs
        .iter()
        .map(|(label, _)| label.clone().ok_or("option_labels"))
        .collect::<Result<_, _>>()?;
    let folded: std::collections::BTreeSet<String> =
        labels.iter().map(|label| label.to_lowercase()).collect();
    if folded.len() < labels.len() {
        return Err("option_labels");
    }
    let texts: Vec<&str> = pairs.iter().map(|(_, text)| *text).collect();
    let Some(own) = label_options(&texts) else {
        return Err(OUT_OF_RANGE);
    };
    let twice = own.iter().any(|own| own.text != own.written);
    let agree = own
        .iter()
        .zip(&labels)
        .all(|(own, label)| own.label.eq_ignore_ascii_case(label));
    if twice && !agree {
        return Err(OUT_OF_RANGE); // letters that contradict the keys have tests of their own
    }
    let choice = |(label, own): (String, Choice<'static>)| Choice {
        label: label.into(),
        text: if twice { own.text } else { own.written },
        written: own.written,
    };
    Ok(labels.into_iter().zip(own).map(choice).collect())
}

/// A text, or the texts of a list on lines of their own; nulls and empty ones are left out.
fn asked(value: &Value) -> Result<String, &'static str> {
    let Value::Array(values) = value else {
        return said(value);
    };
    let given = values.iter().filter(|value| !value.is_null());
    let texts: Vec<String> = given.map(said).collect::<Result<_, _>>()?;
    let texts = texts.into_iter().filter(|text: &String| !text.is_empty());
    Ok(texts.collect::<Vec<_>>().join("\n"))
}

fn slow_question(row: &Value) -> Slow {
    let system = shown(row.get("system"))?;
    let options = slow_options(row.get("options"))?;
    let question = asked(row.get("question").ok_or("missing_field")?)?;
    if question.trim().is_empty() {
        return Err("empty_question");
    }
    let answer = shown(row.get("answer"))?;
    let responses = match expanded(row.get("responses").ok_or("missing_field")?)? {
        Value::Null => return Err("no_response"),
        Value::Array(values) if values.is_empty() => return Err("no_response"),
        Value::Array(values) => values,
        _ => return Err("wrong_type"),
    };
    let mut read = Vec::new();
    for response in &responses {
        let is_null = *response == Value::Null;
        let response = match response {
            Value::Null => String::new(),
            Value::Number(_) => short(Some(response))?.unwrap_or_default(),
            response => text_of(response)?,
        };
        read.push(Response {
            reasoning: None,
            response: response.into(),
            is_null,
        });
    }
    let body = Body::Question {
        question: question.into(),
        options,
        answer: answer.map(Into::into),
        history: Vec::new(),
        responses: read,
    };
    Ok((system, body))
}

fn slow_part(part: &Value) -> Result<String, &'static str> {
    match part {
        Value::Object(fields)
            if fields
                .get("type")
                .is_some_and(|kind| kind.is_string() && kind != "text") =>
        {
            Err("wrong_type")
        }
        Value::Object(fields) => text_of(fields.get("text").ok_or("missing_field")?),
        part => text_of(part),
    }
}

fn slow_conversation(row: &Value) -> Slow {
    let mut system = shown(row.get("system"))?;
    let values = match expanded(row.get("conversations").ok_or("missing_field")?)? {
        Value::Null => return Err("null_field"),
        Value::Array(values) => values,
        _ => return Err("wrong_type"),
    };
    let mut turns = Vec::new();
    let mut two_systems = false;
    for (index, turn) in values.iter().enumerate() {
        let Value::Object(turn) = turn else {
            return Err("wrong_type");
        };
        let first = |keys: [&str; 2]| {
            let present: Vec<&Value> = keys.iter().filter_map(|key| turn.get(*key)).collect();
            let filled = present
                .iter()
                .find(|value| !value.is_null())
                .or(present.first());
            filled.copied().cloned().ok_or("missing_field")
        };
        let role = match text_of(&first(["from", "role"])?)?.as_str() {
            "human" | "user" => "user",
            "gpt" | "assistant" => "assistant",
            "system" => "system",
            "tool" => "tool",
            _ => return Err("wrong_type"),
        };
        let content = match first(["value", "content"])? {
            Value::Array(parts) => {
                let texts: Result<Vec<String>, _> = parts.iter().map(slow_part).collect();
                texts?.concat()
            }
            Value::Null if role == "assistant" => return Err("no_response"),
            content => said(&content)?,
        };
        if index == 0 && role == "system" {
            if system
                .as_ref()
                .is_some_and(|column| column.trim() != content.trim())
            {
                two_systems = true;
            }
            system = Some(content);
        } else {
            turns.push(Turn {
                role: role.into(),
                content: vec![Part::Text(content.into())],
                reasoning: None,
                learned: true,
            });
        }
    }
    let to_nothing = |pair: &[Turn<'_>]| {
        pair[0].role == "user" && pair[0].text().trim().is_empty() && pair[1].role == "assistant"
    };
    if turns.windows(2).any(to_nothing) {
        return Err("empty_question");
    }
    if turns.iter().any(|turn| turn.role == "assistant") {
        if two_systems {
            return Err("wrong_type");
        }
        Ok((system, Body::Conversation(turns)))
    } else {
        Err("no_assistant_turn")
    }
}

/// All lines of a file by the slow reader.
fn slow(file: &[u8], read: fn(&Value) -> Slow) -> Vec<String> {
    let mut found = Vec::new();
    let mut position = 0;
    for (ordinal, line) in file.split(|byte| *byte == b'\n').enumerate() {
        let (here, ordinal) = (position, ordinal as u64);
        position += line.len() as u64 + 1;
        if line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            continue;
        }
        let row = match std::str::from_utf8(line).map(serde_json::from_str::<Value>) {
            Err(_) => Err("invalid_utf8"),
            Ok(Err(error)) if error.to_string().contains(OUT_OF_RANGE) => Err(OUT_OF_RANGE),
            Ok(Err(_)) => Err("invalid_json"),
            Ok(Ok(value)) if !value.is_object() => Err("not_an_object"),
            Ok(Ok(value)) => read(&value),
        };
        found.push(match row {
            Err(reason) => refused(here, ordinal, reason),
            Ok((system, body)) => common::shown(&Finding::Row(Row {
                position: here,
                ordinal,
                id: None,
                system: system.map(Into::into),
                images: Vec::new(),
                body,
                asked: Vec::new(),
                finish_reasons: Vec::new(),
                answer_form: AnswerForm::Any,
            })),
        });
    }
    found
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        10 => text().prop_map(Value::from),
        2 => Just(Value::Null),
        1 => any::<i32>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(json!(0.5)),
        1 => Just(json!([])),
        1 => Just(json!({})),
    ]
}

fn options() -> impl Strategy<Value = Value> {
    let list = prop::collection::vec(leaf(), 0..5).prop_map(Value::from);
    let lettered = prop::collection::vec(
        (prop::sample::select(vec!["A", "B", "C", "DD"]), leaf()),
        0..4,
    )
    .prop_map(|fields| {
        Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    });
    let objects = prop::collection::vec(
        (leaf(), prop::sample::select(vec!["content", "text", "t"])),
        0..4,
    )
    .prop_map(|options| {
        Value::from(
            options
                .into_iter()
                .map(|(text, key)| json!({"letter": "A", key: text}))
                .collect::<Vec<_>>(),
        )
    });
    let shape = prop_oneof![4 => list, 2 => lettered, 2 => objects, 1 => leaf()];
    (shape, any::<bool>()).prop_map(|(shape, encoded)| {
        if encoded {
            Value::from(shape.to_string())
        } else {
            shape
        }
    })
}

fn question_row() -> impl Strategy<Value = Value> {
    let responses = prop_oneof![
        6 => prop::collection::vec(leaf(), 0..5).prop_map(Value::from),
        1 => prop::collection::vec(text(), 0..3).prop_map(|texts| Value::from(json!(texts).to_string())),
        1 => leaf(),
    ];
    let keys = [
        "question",
        "options",
        "answer",
        "responses",
        "system",
        "other",
    ];
    (
        leaf(),
        options(),
        leaf(),
        responses,
        leaf(),
        leaf(),
        0..12_usize,
    )
        .prop_map(move |(q, o, a, r, s, x, gap)| {
            let fields = keys
                .iter()
                .zip([q, o, a, r, s, x])
                .enumerate()
                .filter(|(index, _)| *index != gap);
            Value::Object(
                fields
                    .map(|(_, (key, value))| ((*key).to_owned(), value))
                    .collect(),
            )
        })
}

fn conversation_row() -> impl Strategy<Value = Value> {
    let role = prop::sample::select(vec![
        "human",
        "gpt",
        "user",
        "assistant",
        "system",
        "tool",
        "robot",
    ]);
    let parts = prop::collection::vec(text(), 0..3).prop_map(|texts| {
        Value::from(
            texts
                .into_iter()
                .map(|text| json!({"type": "text", "text": text}))
                .collect::<Vec<_>>(),
        )
    });
    let content = prop_oneof![8 => text().prop_map(Value::from), 2 => parts, 1 => leaf()];
    let turn = (role, content, any::<bool>()).prop_map(|(role, content, ours)| {
        if ours {
            json!({"role": role, "content": content})
        } else {
            json!({"from": role, "value": content, "x": 1})
        }
    });
    let turns =
        prop_oneof![10 => prop::collection::vec(turn, 0..5).prop_map(Value::from), 1 => leaf()];
    (turns, leaf(), 0..8).prop_map(|(turns, system, shape)| match shape {
        0 => json!({"system": system}),
        1 => json!({"system": system, "conversations": turns.to_string()}),
        2 => turns,
        _ => json!({"conversations": turns, "system": system}),
    })
}

/// A file of rows, damaged at places by bytes that matter.
fn file(rows: &[Value], ending: &str, damage: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    const BYTES: &[u8] = b"\"\\{}[],:\n\r \t0\x00\xff\xc3u1e";
    let mut file: Vec<u8> = rows
        .iter()
        .flat_map(|row| format!("{row}{ending}").into_bytes())
        .collect();
    for (place, byte) in damage {
        let at = place.index(file.len() + 1);
        let removed = usize::from(at < file.len() && byte % 2 == 0);
        file.splice(
            at..at + removed,
            [BYTES[usize::from(byte / 2) % BYTES.len()]],
        );
    }
    file
}

/// Damage may double a key; the slow reader then takes the last, ours refuses. And it knows no pictures, which a
/// text at random may name.
fn without_duplicates(found: Vec<String>, slow: Vec<String>) -> (Vec<String>, Vec<String>) {
    assert_eq!(found.len(), slow.len(), "{found:#?}\n{slow:#?}");
    found
        .into_iter()
        .zip(slow)
        .filter(|(found, slow)| {
            let ours_alone = ["duplicate_key", "has_image"];
            !ours_alone.iter().any(|reason| found.ends_with(reason))
                && !slow.ends_with(OUT_OF_RANGE)
        })
        .unzip()
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn questions_read_as_the_slow_reader_reads_them(
        rows in prop::collection::vec(question_row(), 1..6),
        ending in prop::sample::select(vec!["\n", "\r\n", "\n\n", " \n \t\n"]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let file = file(&rows, ending, &damage);
        let found = all(&lines(&file, Numbering::ByteOffset, 1 << 20), &mapping(OCTOMED));
        let (found, slow) = without_duplicates(found, slow(&file, slow_question));
        prop_assert_eq!(found, slow);
    }

    #[test]
    fn conversations_read_as_the_slow_reader_reads_them(
        rows in prop::collection::vec(conversation_row(), 1..6),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let file = file(&rows, "\n", &damage);
        let found = all(&lines(&file, Numbering::ByteOffset, 1 << 20), &mapping(SHAREGPT));
        let (found, slow) = without_duplicates(found, slow(&file, slow_conversation));
        prop_assert_eq!(found, slow);
    }
}
