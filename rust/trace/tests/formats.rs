//! One content, many forms: JSON Lines, a JSON array, Arrow in each of its types, and CSV.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, LargeListBuilder, ListBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, DictionaryArray, Float64Array, Int64Array,
    LargeBinaryArray, LargeStringArray, ListArray, NullArray, RecordBatch, StringArray,
    StringViewArray, StructArray,
};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields};
use common::{
    OCTOMED, SHAREGPT, all, cases, cut_array, cut_csv, lines, mapping, refused, summary, text,
};
use octomed_trace::{ArrowCutter, Block, CsvCutter, CsvDialect, Mapping, Numbering, TraceError};
use proptest::prelude::*;
use serde_json::json;

/// A row of the `octomed` format.
#[derive(Clone, Debug)]
struct Question {
    question: Option<String>,
    options: Vec<Option<String>>,
    answer: Option<String>,
    responses: Option<Vec<Option<String>>>,
}

fn question() -> impl Strategy<Value = Question> {
    let maybe = || prop::option::weighted(0.8, text());
    let responses = prop::option::weighted(0.9, prop::collection::vec(maybe(), 0..4));
    (
        maybe(),
        prop::collection::vec(maybe(), 4),
        maybe(),
        responses,
    )
        .prop_map(|(question, options, answer, responses)| Question {
            question,
            options,
            answer,
            responses,
        })
}

/// With the unmapped column of `batch`, in which a picture may be named, too.
fn as_json(row: &Question) -> serde_json::Value {
    json!({"question": row.question, "unmapped": row.answer, "options": row.options, "answer": row.answer,
        "responses": row.responses})
}

/// How texts and lists are stored.
#[derive(Clone, Copy, Debug)]
enum Form {
    Plain,
    Large,
    View,
    Binary,
    LargeBinary,
    BinaryView,
    Dictionary,
    Csv,
}

const FORMS: [Form; 8] = [
    Form::Plain,
    Form::Large,
    Form::View,
    Form::Binary,
    Form::LargeBinary,
    Form::BinaryView,
    Form::Dictionary,
    Form::Csv,
];

fn texts(form: Form, values: &[Option<String>]) -> ArrayRef {
    let strings = || values.iter().map(Option::as_deref);
    let bytes = || {
        values
            .iter()
            .map(|value| value.as_ref().map(String::as_bytes))
            .collect::<Vec<_>>()
    };
    match form {
        Form::Plain => Arc::new(StringArray::from_iter(strings())),
        Form::Large => Arc::new(LargeStringArray::from_iter(strings())),
        Form::View => Arc::new(StringViewArray::from_iter(strings())),
        Form::Binary | Form::Csv => Arc::new(BinaryArray::from(bytes())),
        Form::LargeBinary => Arc::new(LargeBinaryArray::from(bytes())),
        Form::BinaryView => Arc::new(BinaryViewArray::from(bytes())),
        Form::Dictionary => Arc::new(strings().collect::<DictionaryArray<Int32Type>>()),
    }
}

fn lists(form: Form, values: &[Option<Vec<Option<String>>>], same_length: bool) -> ArrayRef {
    match form {
        Form::Csv => {
            let encoded: Vec<_> = values
                .iter()
                .map(|list| list.as_ref().map(|list| json!(list).to_string()))
                .collect();
            texts(form, &encoded)
        }
        Form::Large => {
            let mut builder = LargeListBuilder::new(StringBuilder::new());
            values
                .iter()
                .for_each(|list| builder.append_option(list.clone()));
            Arc::new(builder.finish())
        }
        Form::View if same_length => {
            let mut builder = FixedSizeListBuilder::new(StringBuilder::new(), 4);
            for list in values {
                list.iter()
                    .flatten()
                    .for_each(|text| builder.values().append_option(text.as_deref()));
                builder.append(true);
            }
            Arc::new(builder.finish())
        }
        _ => {
            let mut builder = ListBuilder::new(StringBuilder::new());
            values
                .iter()
                .for_each(|list| builder.append_option(list.clone()));
            Arc::new(builder.finish())
        }
    }
}

fn batch(form: Form, rows: &[Question]) -> RecordBatch {
    let column = |get: fn(&Question) -> Option<String>| {
        texts(form, &rows.iter().map(get).collect::<Vec<_>>())
    };
    let options: Vec<_> = rows.iter().map(|row| Some(row.options.clone())).collect();
    let responses: Vec<_> = rows.iter().map(|row| row.responses.clone()).collect();
    RecordBatch::try_from_iter_with_nullable([
        ("question", column(|row| row.question.clone()), true),
        ("unmapped", column(|row| row.answer.clone()), true),
        ("options", lists(form, &options, true), true),
        ("answer", column(|row| row.answer.clone()), true),
        ("responses", lists(form, &responses, false), true),
    ])
    .unwrap()
}

/// Rows as a CSV file with the columns of `batch`, every field quoted.
fn csv(rows: &[Question]) -> String {
    let list = |values: &[Option<String>]| json!(values).to_string();
    let mut file = "question,unmapped,options,answer,responses\r\n".to_owned();
    for row in rows {
        let fields = [
            row.question.clone().unwrap_or_default(),
            row.answer.clone().unwrap_or_default(),
            list(&row.options),
            row.answer.clone().unwrap_or_default(),
            row.responses.as_deref().map_or(String::new(), list),
        ];
        let quoted = fields.map(|field| format!("\"{}\"", field.replace('"', "\"\"")));
        file.push_str(&quoted.join(","));
        file.push_str("\r\n");
    }
    file
}

/// Blocks of a batch that arrives in slices of these sizes.
fn cut(mapping: &Mapping, batch: &RecordBatch, sizes: &[usize], target: u64) -> Vec<Block> {
    let mut cutter = ArrowCutter::new(mapping, 0, target);
    let mut blocks = Vec::new();
    let mut from = 0;
    for size in sizes.iter().cycle() {
        if from >= batch.num_rows() {
            break;
        }
        let size = (*size).clamp(1, batch.num_rows() - from);
        blocks.extend(cutter.feed(batch.slice(from, size)).unwrap());
        from += size;
    }
    blocks.extend(cutter.finish().unwrap());
    blocks
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn questions_are_the_same_in_every_form(rows in prop::collection::vec(question(), 1..6)) {
        let mapping = mapping(OCTOMED);
        let texts: Vec<String> = rows.iter().map(|row| as_json(row).to_string()).collect();
        let wanted = all(&lines(texts.join("\n").as_bytes(), Numbering::RowNumber, 1 << 20), &mapping);
        let array = format!("[{}]", texts.join(", "));
        prop_assert_eq!(&wanted, &all(&cut_array(array.as_bytes(), &[9], 1 << 20).unwrap(), &mapping));
        for form in FORMS {
            let found = all(&cut(&mapping, &batch(form, &rows), &[usize::MAX], 1 << 20), &mapping);
            prop_assert_eq!(&wanted, &found, "{:?}", form);
        }
    }

    #[test]
    fn batches_of_any_size_give_the_same_blocks(
        rows in prop::collection::vec(question(), 1..10),
        sizes in prop::collection::vec(1..5_usize, 1..4),
        target in 1..200_u64,
    ) {
        let mapping = mapping(OCTOMED);
        let cuts = |form, sizes: &[usize]| {
            let blocks = cut(&mapping, &batch(form, &rows), sizes, target);
            blocks.iter().map(|block| summary(block, &mapping)).collect::<Vec<_>>()
        };
        for form in FORMS {
            let whole = cuts(form, &[usize::MAX]);
            prop_assert_eq!(&whole, &cuts(form, &sizes), "{:?}", form);
            // The type that a file's reader chooses moves no cut; JSON in text takes more bytes.
            if !matches!(form, Form::Csv) {
                prop_assert_eq!(&whole, &cuts(Form::Plain, &sizes), "{:?}", form);
            }
        }
    }

    #[test]
    fn csv_gives_the_rows_and_the_blocks_of_arrow(
        rows in prop::collection::vec(question(), 1..10),
        sizes in prop::collection::vec(1..50_usize, 1..4),
        target in 500..2000_u64,
    ) {
        // Texts long enough that what a row costs in memory cuts no block.
        let long = "x".repeat(100);
        let rows: Vec<Question> = rows
            .into_iter()
            .map(|row| Question { question: Some(row.question.unwrap_or_default() + &long), ..row })
            .collect();
        let mapping = mapping(OCTOMED);
        let summaries = |blocks: Vec<Block>| blocks.iter().map(|block| summary(block, &mapping)).collect::<Vec<_>>();
        let wanted = summaries(cut(&mapping, &batch(Form::Csv, &rows), &[usize::MAX], target));
        let cutter = CsvCutter::new(&mapping, CsvDialect::new(',', Some('"'), None).unwrap(), target);
        let found = cut_csv(cutter, csv(&rows).as_bytes(), &sizes).unwrap();
        prop_assert_eq!(wanted, summaries(found));
    }

    #[test]
    fn conversations_are_the_same_in_arrow(
        rows in prop::collection::vec(prop::collection::vec(("human|gpt|system", prop::option::weighted(0.95, text())), 0..4), 1..5),
    ) {
        let texts: Vec<String> = rows
            .iter()
            .map(|turns| {
                let turns: Vec<_> = turns.iter().map(|(from, value)| json!({"from": from, "value": value})).collect();
                json!({ "conversations": turns }).to_string()
            })
            .collect();
        let mapping = mapping(SHAREGPT);
        let wanted = all(&lines(texts.join("\n").as_bytes(), Numbering::RowNumber, 1 << 20), &mapping);
        let found = all(&cut(&mapping, &conversations(&rows), &[2], 1 << 20), &mapping);
        prop_assert_eq!(wanted, found);
    }
}

fn conversations(rows: &[Vec<(String, Option<String>)>]) -> RecordBatch {
    let turns: Vec<_> = rows.iter().flatten().collect();
    let from: ArrayRef = Arc::new(StringArray::from_iter_values(
        turns.iter().map(|(from, _)| from),
    ));
    let value: ArrayRef = Arc::new(StringArray::from_iter(
        turns.iter().map(|(_, value)| value.as_deref()),
    ));
    let fields = Fields::from(vec![
        Field::new("from", DataType::Utf8, true),
        Field::new("value", DataType::Utf8, true),
    ]);
    let turns = StructArray::new(fields, vec![from, value], None);
    let item = Arc::new(Field::new("item", turns.data_type().clone(), true));
    let list = ListArray::new(
        item,
        OffsetBuffer::from_lengths(rows.iter().map(Vec::len)),
        Arc::new(turns),
        None,
    );
    RecordBatch::try_from_iter([("conversations", Arc::new(list) as ArrayRef)]).unwrap()
}

fn one_column(name: &str, column: ArrayRef) -> RecordBatch {
    let filler: ArrayRef = Arc::new(StringArray::from(vec!["x"; column.len()]));
    let mut columns = vec![(name, column, true)];
    columns.extend(
        ["q", "r"]
            .into_iter()
            .filter(|other| *other != name)
            .map(|other| (other, filler.clone(), true)),
    );
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

const PLAIN: &str =
    r#"{"question": "q", "response": "r", "answer": {"any_of": ["a"], "optional": true}}"#;

#[test]
fn text_that_is_not_utf8_is_refused_whatever_its_type_says() {
    let values = [&b"ok"[..], b"\xff\xfe", b"ok"];
    let offsets = OffsetBuffer::<i32>::from_lengths(values.iter().map(|value| value.len()));
    // SAFETY: nothing but the reader under test, which takes values for bytes, looks into the array.
    let lying = unsafe { StringArray::new_unchecked(offsets, Buffer::from(values.concat()), None) };
    let columns: [ArrayRef; 2] = [
        Arc::new(lying),
        Arc::new(BinaryArray::from(values.to_vec())),
    ];
    for column in columns {
        let found = all(
            &cut(&mapping(PLAIN), &one_column("r", column), &[2], 100),
            &mapping(PLAIN),
        );
        assert_eq!(found[1], refused(1, 1, "invalid_utf8"));
        assert_eq!(found.len(), 3);
    }
}

#[test]
fn numbers_are_texts_of_their_digits() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(-3), None]));
    let found = all(
        &cut(
            &mapping(PLAIN),
            &one_column("a", numbers.clone()),
            &[9],
            100,
        ),
        &mapping(PLAIN),
    );
    assert!(
        found[0].contains("answer: Some(\"-3\")") && found[1].contains("answer: None"),
        "{found:?}"
    );
    let found = all(
        &cut(&mapping(PLAIN), &one_column("q", numbers), &[9], 100),
        &mapping(PLAIN),
    );
    assert!(found[0].contains("question: \"-3\""), "{found:?}");
    assert_eq!(found[1], refused(1, 1, "null_field"));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.5e-7, f64::NAN]));
    let found = all(
        &cut(&mapping(PLAIN), &one_column("a", floats), &[9], 100),
        &mapping(PLAIN),
    );
    for (found, answer) in found
        .iter()
        .zip(["Some(\"1\")", "Some(\"2.5e-07\")", "None"])
    {
        assert!(found.contains(&format!("answer: {answer}")), "{found}");
    }
    let nulls: ArrayRef = Arc::new(NullArray::new(1));
    let found = all(
        &cut(&mapping(PLAIN), &one_column("r", nulls), &[9], 100),
        &mapping(PLAIN),
    );
    assert_eq!(found, [refused(0, 0, "no_response")]);
}

#[test]
fn a_picture_is_a_reject_of_its_row_and_its_bytes_need_not_be_text() {
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![None, Some(&b"\xff\xd8"[..])]));
    let path: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>, None]));
    let fields = Fields::from(vec![
        Field::new("bytes", DataType::Binary, true),
        Field::new("path", DataType::Utf8, true),
    ]);
    let image: ArrayRef = Arc::new(StructArray::new(fields, vec![bytes, path], None));
    let batch = one_column("image", image);
    let found = all(&cut(&mapping(PLAIN), &batch, &[1], 100), &mapping(PLAIN));
    assert!(found[0].starts_with("Row"), "{found:?}");
    assert_eq!(found[1], refused(1, 1, "has_image"));
}

#[test]
fn columns_are_checked_when_a_batch_arrives() {
    let mut cutter = ArrowCutter::new(&mapping(PLAIN), 0, 100);
    let column: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let missing =
        RecordBatch::try_from_iter([("q", column.clone()), ("R", column.clone())]).unwrap();
    let error = cutter.feed(missing).unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean `R`?");
    let double =
        RecordBatch::try_from_iter([("q", column.clone()), ("r", column.clone()), ("q", column)])
            .unwrap();
    assert!(matches!(
        cutter.feed(double).unwrap_err(),
        TraceError::DuplicateColumns { .. }
    ));
}

#[test]
fn a_slice_of_a_large_list_counts_its_own_bytes() {
    let mut builder = ListBuilder::new(StringBuilder::new());
    builder.append_value([Some("aaaa"), Some("b")]);
    builder.append_null();
    builder.append_value([Some("cc"), None]);
    let column: ArrayRef = Arc::new(builder.finish());
    let batch =
        RecordBatch::try_from_iter([("question", column.clone()), ("responses", column)]).unwrap();
    let blocks = cut(&mapping(OCTOMED), &batch.slice(2, 1), &[9], 1 << 20);
    assert_eq!(blocks[0].source_bytes(), 4);
}
