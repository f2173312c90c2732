//! Columns that a recipe asks for besides those of a trace, in every kind of file; questions without responses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, ListBuilder};
use arrow_array::{
    Array, ArrayRef, Float64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray,
    StructArray,
};
use arrow_schema::Field;
use common::{cut_array, cut_csv, lines, mapping, one};
use octomed_trace::{
    AnswerForm, ArrowCutter, Asked, Block, Body, CsvCutter, CsvDialect, Finding, Mapping,
    Numbering, Reason, TraceError,
};
use serde_json::json;

const ASKED: &str = r#"{"question": "q", "responses": "r", "columns": ["correctness", "difficulty", "meta.who",
    {"any_of": ["absent"], "optional": true}], "finish_reason": "why"}"#;

/// What of a row is said besides its traces.
type Beside = (Vec<Option<Vec<Option<String>>>>, Vec<Option<String>>);

fn beside(block: &Block, mapping: &Mapping) -> Vec<Result<Beside, String>> {
    let mut found = Vec::new();
    let read = block.for_each(mapping, |finding| {
        found.push(match finding {
            Finding::Refused(refusal) => Err(refusal.detail),
            Finding::Row(row) => {
                let owned = |text: &Option<_>| text.as_ref().map(ToString::to_string);
                let asked = row.asked.iter().map(|asked| match asked {
                    Asked::None => None,
                    Asked::One(text) => Some(vec![Some(text.to_string())]),
                    Asked::Many(texts) => Some(texts.iter().map(owned).collect()),
                });
                Ok((
                    asked.collect(),
                    row.finish_reasons.iter().map(owned).collect(),
                ))
            }
        });
        Ok::<(), std::convert::Infallible>(())
    });
    read.unwrap();
    found
}

/// Three rows: lists beside two responses, nulls, and numbers.
fn wanted() -> Vec<Result<Beside, String>> {
    let text = |text: &str| Some(text.to_owned());
    let asked = |first, second, third| vec![first, second, third, None];
    vec![
        Ok((
            asked(
                Some(vec![text("true"), text("false")]),
                Some(vec![text("3")]),
                Some(vec![text("ann")]),
            ),
            vec![text("stop"), text("length")],
        )),
        Ok((asked(None, None, None), Vec::new())),
        Ok((
            asked(
                Some(vec![text("true"), None]),
                Some(vec![text("4.5")]),
                Some(vec![text("bob")]),
            ),
            vec![text("stop"), None],
        )),
    ]
}

fn rows() -> [serde_json::Value; 3] {
    [
        json!({"q": "a", "r": ["x", "y"], "correctness": [true, false], "difficulty": 3, "meta": {"who": "ann"},
            "why": ["stop", "length"]}),
        json!({"q": "b", "r": ["x"], "correctness": null, "difficulty": null, "meta": {"who": null}, "why": null}),
        json!({"q": "c", "r": ["x", "y"], "correctness": [true, null], "difficulty": 4.5, "meta": {"who": "bob"},
            "why": ["stop", null]}),
    ]
}

fn text_lists(values: [Option<Vec<Option<&str>>>; 3]) -> ArrayRef {
    let mut builder = ListBuilder::new(arrow_array::builder::StringBuilder::new());
    for value in values {
        builder.append_option(value);
    }
    Arc::new(builder.finish())
}

fn batch(who: ArrayRef) -> RecordBatch {
    let mut correctness = ListBuilder::new(BooleanBuilder::new());
    correctness.append_value([Some(true), Some(false)]);
    correctness.append_null();
    correctness.append_value([Some(true), None]);
    let field = Arc::new(Field::new("who", who.data_type().clone(), true));
    let columns: [(&str, ArrayRef); 6] = [
        ("q", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
        (
            "r",
            text_lists([
                Some(vec![Some("x"), Some("y")]),
                Some(vec![Some("x")]),
                Some(vec![Some("x"), Some("y")]),
            ]),
        ),
        ("correctness", Arc::new(correctness.finish())),
        (
            "difficulty",
            Arc::new(Float64Array::from(vec![Some(3.0), None, Some(4.5)])),
        ),
        ("meta", Arc::new(StructArray::from(vec![(field, who)]))),
        (
            "why",
            text_lists([
                Some(vec![Some("stop"), Some("length")]),
                None,
                Some(vec![Some("stop"), None]),
            ]),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn of_batch(batch: RecordBatch, mapping: &Mapping) -> Vec<Result<Beside, String>> {
    let names: Vec<String> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    mapping.check_columns(&names).unwrap();
    let read = mapping.columns_of(&names);
    let indices: Vec<usize> = read
        .iter()
        .map(|name| batch.schema().index_of(name).unwrap())
        .collect();
    let mut cutter = ArrowCutter::new(mapping, 0, 1 << 20);
    let mut blocks = cutter.feed(batch.project(&indices).unwrap()).unwrap();
    blocks.extend(cutter.finish().unwrap());
    blocks
        .iter()
        .flat_map(|block| beside(block, mapping))
        .collect()
}

#[test]
fn every_kind_of_file_gives_the_values_that_are_asked_for() {
    let mapping = mapping(ASKED);
    let text: String = rows().iter().map(|row| format!("{row}\n")).collect();
    let of_lines = lines(text.as_bytes(), Numbering::ByteOffset, 1 << 20);
    assert_eq!(beside(&of_lines[0], &mapping), wanted());

    let array = serde_json::to_vec(&rows()).unwrap();
    let of_array = cut_array(&array, &[7], 1 << 20).unwrap();
    assert_eq!(beside(&of_array[0], &mapping), wanted());

    let who = vec![Some("ann"), None, Some("bob")];
    let forms: [ArrayRef; 3] = [
        Arc::new(StringArray::from(who.clone())),
        Arc::new(LargeStringArray::from(who.clone())),
        Arc::new(StringViewArray::from(who)),
    ];
    for form in forms {
        assert_eq!(of_batch(batch(form), &mapping), wanted());
    }

    // Lists and objects in a text, as JSON and as Python prints them.
    for [truth, reasons] in [
        [r#""[true, null]""#, r#""[""stop"", null]""#],
        ["\"[True, None]\"", "\"['stop', None]\""],
    ] {
        let csv = format!(
            "q,r,correctness,difficulty,meta,why\na,\"[\"\"x\"\", \"\"y\"\"]\",\"[true, false]\",3,\"{{\"\"who\"\": \"\"ann\"\"}}\",\
             \"[\"\"stop\"\", \"\"length\"\"]\"\nb,\"[\"\"x\"\"]\",,,{{}},\nc,\"['x', 'y']\",{truth},4.5,{{'who': 'bob'}},{reasons}\n"
        );
        let cutter = CsvCutter::new(
            &mapping,
            CsvDialect::new(',', Some('"'), None).unwrap(),
            1 << 20,
        );
        let blocks = cut_csv(cutter, csv.as_bytes(), &[usize::MAX]).unwrap();
        let mut wanted = wanted();
        // An object without the key is a row without the column.
        wanted[1] = Err("the row has no `meta.who`".to_owned());
        assert_eq!(beside(&blocks[0], &mapping), wanted);
    }
}

/// What the only row of a file of JSON Lines gives.
fn refusal(json: &str, row: &serde_json::Value) -> String {
    one(json, &row.to_string())
}

#[test]
fn a_column_that_is_asked_for_has_the_guards_of_others() {
    let keep = r#"{"question": "q", "response": "r", "columns": ["keep"]}"#;
    let cases = [
        (
            json!({"q": "a", "r": "b"}),
            "missing_field: the row has no `keep`",
        ),
        (
            json!({"q": "a", "r": "b", "keep": {"x": 1}}),
            "wrong_type: `keep` is an object, not text",
        ),
        (
            json!({"q": "a", "r": "b", "keep": [[1]]}),
            "wrong_type: a value of `keep` is a list, not text, a number or a boolean",
        ),
        (
            json!({"q": "a", "r": "b", "keep": "x.png"}),
            "has_image: column `keep` holds or names a picture",
        ),
    ];
    for (row, wanted) in cases {
        assert_eq!(refusal(keep, &row), wanted, "{row}");
    }
    let twice = one(keep, r#"{"q": "a", "keep": 1, "r": "b", "keep": 2}"#);
    assert_eq!(twice, "duplicate_key: `keep` occurs twice in the row");

    let mapping = mapping(keep);
    let names = ["q", "r", "Keep", "other"];
    let Err(TraceError::MissingColumn {
        column, nearest, ..
    }) = mapping.check_columns(&names)
    else {
        panic!("the column is missing");
    };
    assert_eq!((&*column, nearest.as_deref()), ("keep", Some("Keep")));
    assert_eq!(
        mapping.columns_of(&["r", "x", "keep", "q"]),
        ["r", "keep", "q"]
    );
}

#[test]
fn what_is_asked_for_changes_nothing_of_the_traces() {
    let plain = r#"{"question": "q", "options": "o", "response": "r", "images": "image"}"#;
    let asking = r#"{"question": "q", "options": "o", "response": "r", "images": "image",
        "columns": ["q", "o", "r", "q.x", "r.0", "image", "x"]}"#;
    let row = json!({"q": "[1, 2]", "o": "[\"x\", \"y\"]", "r": "[\"z\"]", "image": "a.png", "x": "[1] and more"});
    let asked = [
        r#"Many([Some("1"), Some("2")])"#,
        r#"Many([Some("x"), Some("y")])"#,
        r#"Many([Some("z")])"#,
        "None",
        "None",
        r#"One("a.png")"#,
        r#"One("[1] and more")"#,
    ];
    let optional = asking
        .replace(r#""q.x""#, r#"{"any_of": ["q.x"], "optional": true}"#)
        .replace(r#""r.0""#, r#"{"any_of": ["r.0"], "optional": true}"#);
    let wanted = one(plain, &row.to_string());
    assert!(wanted.contains(r#"question: "[1, 2]""#), "{wanted}");
    let found = one(&optional, &row.to_string());
    let more = format!(
        ", asked: [{}], finish_reasons: [], answer_form: Any }}",
        asked.join(", ")
    );
    assert_eq!(found, wanted.strip_suffix(" }").unwrap().to_owned() + &more);
}

#[test]
fn reasons_of_finishing_are_one_for_each_response() {
    let many = r#"{"question": "q", "responses": "r", "finish_reason": {"any_of": ["why"], "optional": true}}"#;
    let reasons = |why: serde_json::Value, responses: &[&str]| {
        let row = json!({"q": "a", "r": responses, "why": why});
        let found = one(many, &row.to_string());
        match found.split_once("finish_reasons: ") {
            Some((_, reasons)) => reasons.split_once(", answer_form").unwrap().0.to_owned(),
            None => found,
        }
    };
    assert_eq!(reasons(json!("stop"), &["x"]), r#"[Some("stop")]"#);
    assert_eq!(reasons(json!(["stop"]), &["x"]), r#"[Some("stop")]"#);
    assert_eq!(
        reasons(json!(["", "length"]), &["x", "y"]),
        r#"[None, Some("length")]"#
    );
    for nothing in [json!(null), json!(""), json!([])] {
        assert!(reasons(nothing, &["x", "y"]).contains("Question {"));
    }
    for (why, count) in [
        (json!("stop"), 1),
        (json!(["stop"]), 1),
        (json!([1, 2, 3]), 3),
    ] {
        let wanted = format!("wrong_type: values in `why`: {count}, responses: 2");
        assert_eq!(reasons(why, &["x", "y"]), wanted);
    }
    let chat = r#"{"messages": "m", "finish_reason": "why"}"#;
    let row = json!({"m": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "why": "stop"});
    assert!(one(chat, &row.to_string()).contains(r#"finish_reasons: [Some("stop")]"#));
}

/// The answer of a row, and what it is.
fn answer(json: &str, row: &serde_json::Value) -> (Option<String>, AnswerForm) {
    let block = &lines(row.to_string().as_bytes(), Numbering::ByteOffset, 1 << 20)[0];
    let mut found = None;
    let read = block.for_each(&mapping(json), |finding| {
        let Finding::Row(row) = finding else {
            panic!("{finding:?}")
        };
        let Body::Question { answer, .. } = &row.body else {
            panic!("no question")
        };
        found = Some((answer.as_ref().map(ToString::to_string), row.answer_form));
        Ok::<(), std::convert::Infallible>(())
    });
    read.unwrap();
    found.unwrap()
}

#[test]
fn an_answer_is_what_the_mapping_says() {
    let of = |keys: &str| {
        format!(
            r#"{{"question": "q", "options": ["opa", {{"any_of": ["opb"], "optional": true}}, "opc", "opd"], "response": "r",
                "answer": "cop", {keys}}}"#
        )
    };
    let row = |cop: serde_json::Value| json!({"q": "a", "r": "b", "opa": "w", "opb": null, "opc": "y", "opd": "z", "cop": cop});
    let label = |text: &str| (Some(text.to_owned()), AnswerForm::Label);
    let from_0 = of(r#""answer_is": "index_from_0""#);
    assert_eq!(answer(&from_0, &row(json!(2))), label("C"));
    assert_eq!(answer(&from_0, &row(json!(2.0))), label("C"));
    assert_eq!(answer(&from_0, &row(json!("0"))), label("A"));
    assert_eq!(answer(&from_0, &row(json!(-1))), (None, AnswerForm::Label));
    let behind = "option_labels: `cop` is the place of no option, counted from 0";
    assert_eq!(refusal(&from_0, &row(json!(4))), behind);
    assert_eq!(answer(&from_0, &row(json!(1))), label("index 1"));
    let from_1 = of(r#""answer_is": "index_from_1""#);
    assert_eq!(answer(&from_1, &row(json!(4))), label("D"));
    assert_eq!(answer(&from_1, &row(json!(0))).0, None);
    let text = of(r#""answer_is": "text", "answer_until": ". Explanation:""#);
    let wanted = (Some("A".to_owned()), AnswerForm::Text);
    assert_eq!(
        answer(&text, &row(json!("A. Explanation: it is A"))),
        wanted
    );
    assert_eq!(
        answer(&of(r#""answer_is": "label""#), &row(json!("B"))),
        label("B")
    );

    assert_eq!(
        refusal(&from_1, &row(json!(5))),
        behind.replace("from 0", "from 1")
    );
    let list = r#"{"question": "q", "options": "o", "response": "r", "answer": "a", "answer_is": "index_from_0"}"#;
    let listed = |a: i64, o: &[&str]| json!({"q": "q", "r": "r", "a": a, "o": o});
    assert_eq!(answer(list, &listed(1, &["x", "y"])), label("B"));
    assert_eq!(answer(list, &listed(1, &["1) x", "2) y"])), label("2"));
    for options in [["x", "y"], ["1) x", "2) y"]] {
        assert!(refusal(list, &listed(2, &options)).starts_with("option_labels"));
    }
    assert_eq!(answer(list, &listed(2, &[])), label("index 2"));

    let fault = |json: &str| Mapping::from_json(json).unwrap_err().to_string();
    assert!(
        fault(r#"{"question": "q", "response": "r", "answer_is": "text"}"#).contains("`answer_is`")
    );
    assert!(fault(&of(r#""answer_until": """#)).contains("`answer_until` is empty"));
    assert!(fault(&of(r#""answer_is": "letter""#)).contains("unknown variant `letter`"));
}

/// The question of a row that is read for what it asks alone, or why there is none.
fn asked_alone(json: &str, row: &serde_json::Value) -> Result<String, Reason> {
    let mapping = Mapping::questions_only(json).unwrap();
    let block = &lines(row.to_string().as_bytes(), Numbering::ByteOffset, 1 << 20)[0];
    let mut found = None;
    let read = block.for_each(&mapping, |finding| {
        found = Some(match finding {
            Finding::Refused(refusal) => Err(refusal.reason),
            Finding::Row(row) => {
                let Body::Question { responses, .. } = &row.body else {
                    panic!("no question")
                };
                assert!(responses.is_empty());
                let shown = row.images.iter().filter(|image| !image.is_left_out());
                Ok(format!("{} {}", row.body.stem(), shown.count()))
            }
        });
        Ok::<(), std::convert::Infallible>(())
    });
    read.unwrap();
    found.unwrap()
}

#[test]
fn questions_are_read_without_their_responses() {
    let question = r#"{"question": "q", "options": {"any_of": ["o"], "optional": true}, "answer": "a",
        "images": {"any_of": ["image"], "optional": true}}"#;
    let found = asked_alone(
        question,
        &json!({"q": "why?", "a": "A", "chosen": "x", "picture": "x.png"}),
    );
    assert_eq!(found, Ok("why? 0".to_owned()));
    let found = asked_alone(
        question,
        &json!({"q": "<image> why?", "a": "A", "image": "x.png", "r": 3}),
    );
    assert_eq!(found, Ok("<image> why? 1".to_owned()));
    assert_eq!(
        asked_alone(question, &json!({"q": " ", "a": "A"})),
        Err(Reason::EmptyQuestion)
    );
    let doubtful = json!({"q": "<image 2> why?", "a": "A", "o": ["A.x", "C.y"]});
    assert_eq!(
        asked_alone(question, &doubtful),
        Ok("<image 2> why? 0".to_owned())
    );
    // Pictures that nobody maps leave the question to be compared.
    let text = r#"{"question": "q", "response": "r", "reasoning": "t", "finish_reason": "f"}"#;
    let found = asked_alone(text, &json!({"q": "<image> why?", "picture": "x.png"}));
    assert_eq!(found, Ok("<image> why? 0".to_owned()));

    let chat = r#"{"messages": "m"}"#;
    let user = |text: &str| json!({"role": "user", "content": text});
    let said = json!({"role": "assistant", "content": "b"});
    let system = json!({"role": "system", "content": "s"});
    let found = asked_alone(chat, &json!({"m": [system, user("a"), said, user("c")]}));
    assert_eq!(found, Ok("a\nc 0".to_owned()));
    assert_eq!(
        asked_alone(chat, &json!({"m": [system]})),
        Err(Reason::EmptyQuestion)
    );
    let prompt = r#"{"messages": {"column": "completion", "context": "prompt"}}"#;
    let found = asked_alone(prompt, &json!({"prompt": "why?", "completion": null}));
    assert_eq!(found, Ok("why? 0".to_owned()));
    let mapping = Mapping::questions_only(prompt).unwrap();
    assert_eq!(mapping.check_columns(&["prompt"]), Ok(()));
    assert!(Mapping::questions_only(r#"{"response": "r"}"#).is_err());
}
