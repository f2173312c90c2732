//! The same images in many forms: Arrow's types, JSON Lines, JSON and CSV give the same images and reasons.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, DictionaryArray, FixedSizeBinaryArray,
    FixedSizeListArray, Int32Array, LargeBinaryArray, LargeListArray, LargeStringArray, ListArray,
    RecordBatch, StringArray, StringViewArray, StructArray, UInt8Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields};
use common::{all, cases, cut_array, cut_csv, findings, lines, mapping, text};
use octomed_trace::{
    ArrowCutter, Block, CsvCutter, CsvDialect, Finding, ImageValue, Mapping, Numbering,
};
use proptest::prelude::*;
use serde_json::json;

const ASKED: &str = r#"{"question": "q", "response": "r", "images": "images"}"#;
const MESSAGES: &str =
    r#"{"messages": "messages", "images": {"any_of": ["images"], "optional": true}}"#;

/// What a row holds of an image: bytes and path, as `datasets` stores them.
type Image = (Option<Vec<u8>>, Option<String>);

fn image() -> impl Strategy<Value = Image> {
    let bytes = prop_oneof![
        Just(b"\xff\xd8\xff\xe0rest".to_vec()),
        Just(b"<html>".to_vec()),
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 0..9),
    ];
    (prop::option::of(bytes), prop::option::of(path()))
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{1,3}/[a-z]{1,3}[.](png|jpg)",
        1 => prop::sample::select(vec!["", " ", "nan", "x.mp4", "data:image/png;base64,AA", "['a.png', \"b\"]", "[3]", "[[\"a\"]]",
            "{\"path\": \"a\"}", "{\"x\": 1}", "(1).png"]).prop_map(str::to_owned),
        1 => text(),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    Large,
    View,
    Dictionary,
}

const KINDS: [Kind; 4] = [Kind::Plain, Kind::Large, Kind::View, Kind::Dictionary];

fn binaries(kind: Kind, values: &[Option<&[u8]>]) -> ArrayRef {
    match kind {
        Kind::Plain => Arc::new(BinaryArray::from(values.to_vec())),
        Kind::Large => Arc::new(LargeBinaryArray::from(values.to_vec())),
        Kind::View => Arc::new(BinaryViewArray::from(values.to_vec())),
        Kind::Dictionary => {
            let keys = (0..).zip(values).map(|(key, value)| value.map(|_| key));
            let keys: Int32Array = keys.collect();
            Arc::new(DictionaryArray::new(keys, binaries(Kind::Plain, values)))
        }
    }
}

fn strings(kind: Kind, values: &[Option<&str>]) -> ArrayRef {
    match kind {
        Kind::Plain => Arc::new(StringArray::from(values.to_vec())),
        Kind::Large => Arc::new(LargeStringArray::from(values.to_vec())),
        Kind::View => Arc::new(StringViewArray::from(values.to_vec())),
        Kind::Dictionary => {
            let values = values.iter().copied();
            Arc::new(values.collect::<DictionaryArray<Int32Type>>())
        }
    }
}

/// Structs of bytes and path, as `datasets` stores images.
fn structs(kind: Kind, images: &[&Image]) -> ArrayRef {
    let bytes: Vec<_> = images.iter().map(|(bytes, _)| bytes.as_deref()).collect();
    let paths: Vec<_> = images.iter().map(|(_, path)| path.as_deref()).collect();
    let columns = vec![binaries(kind, &bytes), strings(kind, &paths)];
    let fields = Fields::from(vec![
        Field::new("bytes", columns[0].data_type().clone(), true),
        Field::new("path", columns[1].data_type().clone(), true),
    ]);
    let there = images
        .iter()
        .map(|(bytes, path)| bytes.is_some() || path.is_some());
    let nulls = NullBuffer::from_iter(there);
    Arc::new(StructArray::new(fields, columns, Some(nulls)))
}

fn listed(kind: Kind, lengths: &[usize], values: ArrayRef) -> ArrayRef {
    let item = Arc::new(Field::new("element", values.data_type().clone(), true));
    let lengths = lengths.iter().copied();
    match kind {
        Kind::Large => Arc::new(LargeListArray::new(
            item,
            OffsetBuffer::from_lengths(lengths),
            values,
            None,
        )),
        _ => Arc::new(ListArray::new(
            item,
            OffsetBuffer::from_lengths(lengths),
            values,
            None,
        )),
    }
}

fn batch(name: &str, column: ArrayRef) -> RecordBatch {
    let filler: ArrayRef = Arc::new(StringArray::from(vec!["x"; column.len()]));
    let columns = [
        ("q", filler.clone(), true),
        ("r", filler, true),
        (name, column, true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn cut(mapping: &Mapping, batch: &RecordBatch, size: usize) -> Vec<Block> {
    let mut cutter = ArrowCutter::new(mapping, 0, 1 << 20);
    let mut blocks = Vec::new();
    for from in (0..batch.num_rows()).step_by(size) {
        let size = size.min(batch.num_rows() - from);
        blocks.extend(cutter.feed(batch.slice(from, size)).unwrap());
    }
    blocks.extend(cutter.finish().unwrap());
    blocks
}

/// The images of each row, or its reason, as the rule says them in few words: bytes win, then a path.
fn wanted(rows: &[Vec<Image>]) -> Vec<Result<Vec<Vec<u8>>, ()>> {
    let value = |(bytes, path): &Image| match (bytes, path) {
        (Some(bytes), _) => Some(bytes.clone()),
        (None, Some(path)) => {
            let text = path.trim().to_lowercase();
            let nothing = ["", "none", "null", "nan", "n/a", "na", "<na>"];
            (!nothing.contains(&&*text)).then(|| path.clone().into_bytes())
        }
        (None, None) => None,
    };
    let row = |row: &Vec<Image>| {
        let is_video = row.iter().any(|(bytes, path)| {
            let path = path.as_deref().unwrap_or_default().trim();
            bytes.is_none()
                && value(&(None, Some(path.to_owned()))).is_some()
                && (path.ends_with(".mp4") || path.starts_with('<'))
        });
        if is_video {
            return Err(());
        }
        Ok(row.iter().filter_map(value).collect())
    };
    rows.iter().map(row).collect()
}

fn found(blocks: &[Block], mapping: &Mapping) -> Vec<Result<Vec<Vec<u8>>, ()>> {
    let mut found = Vec::new();
    for block in blocks {
        let read = block.for_each(mapping, |finding| {
            found.push(match finding {
                Finding::Refused(refusal) => {
                    assert_eq!(refusal.reason.as_str(), "image_kind");
                    Err(())
                }
                Finding::Row(row) => {
                    let value = |value: &ImageValue<'_>| match value {
                        ImageValue::Bytes(bytes) => bytes.to_vec(),
                        ImageValue::Text(text) => text.clone().into_owned().into_bytes(),
                        ImageValue::LeftOut => panic!("left out"),
                    };
                    Ok(row.images.iter().map(|image| value(&image.value)).collect())
                }
            });
            Ok::<(), std::convert::Infallible>(())
        });
        read.unwrap();
    }
    found
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn lists_of_bytes_and_paths_are_the_same_in_every_arrow_type(
        rows in prop::collection::vec(prop::collection::vec(image(), 0..4), 1..6),
        size in 1..4_usize,
    ) {
        let mapping = mapping(ASKED);
        let flat: Vec<&Image> = rows.iter().flatten().collect();
        let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
        for kind in KINDS {
            let batch = batch("images", listed(kind, &lengths, structs(kind, &flat)));
            let read = found(&cut(&mapping, &batch, size), &mapping);
            prop_assert_eq!(&read, &wanted(&rows), "{:?}", kind);
        }
    }

    #[test]
    fn one_image_a_row_is_the_same_in_every_arrow_type(rows in prop::collection::vec(image(), 1..6)) {
        let mapping = mapping(ASKED);
        let flat: Vec<&Image> = rows.iter().collect();
        let listed: Vec<Vec<Image>> = rows.iter().map(|image| vec![image.clone()]).collect();
        for kind in KINDS {
            let batch = batch("images", structs(kind, &flat));
            prop_assert_eq!(&found(&cut(&mapping, &batch, 2), &mapping), &wanted(&listed), "{:?}", kind);
        }
    }

    #[test]
    fn paths_are_the_same_in_every_file(rows in prop::collection::vec(prop::collection::vec(prop::option::of(path()), 0..4), 1..6)) {
        let mapping = mapping(ASKED);
        let objects: Vec<String> = rows.iter().map(|row| json!({"q": "x", "r": "x", "images": row}).to_string()).collect();
        let wanted = all(&lines(objects.join("\n").as_bytes(), Numbering::RowNumber, 1 << 20), &mapping);
        let array = format!("[{}]", objects.join(","));
        prop_assert_eq!(&wanted, &all(&cut_array(array.as_bytes(), &[7], 1 << 20).unwrap(), &mapping));
        let mut csv = "q,r,images\n".to_owned();
        for row in &rows {
            csv.push_str(&format!("x,x,\"{}\"\n", json!(row).to_string().replace('"', "\"\"")));
        }
        let cutter = CsvCutter::new(&mapping, CsvDialect::new(',', Some('"'), None).unwrap(), 1 << 20);
        prop_assert_eq!(&wanted, &all(&cut_csv(cutter, csv.as_bytes(), &[11]).unwrap(), &mapping));
        let flat: Vec<Option<&str>> = rows.iter().flatten().map(Option::as_deref).collect();
        let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
        for kind in KINDS {
            let batch = batch("images", listed(kind, &lengths, strings(kind, &flat)));
            prop_assert_eq!(&wanted, &all(&cut(&mapping, &batch, 2), &mapping), "{:?}", kind);
        }
    }

    #[test]
    fn a_text_is_the_same_in_every_file(rows in prop::collection::vec(path(), 1..6)) {
        let mapping = mapping(ASKED);
        let objects: Vec<String> = rows.iter().map(|row| json!({"q": "x", "r": "x", "images": row}).to_string()).collect();
        let wanted = all(&lines(objects.join("\n").as_bytes(), Numbering::RowNumber, 1 << 20), &mapping);
        let mut csv = "q,r,images\n".to_owned();
        for row in &rows {
            csv.push_str(&format!("x,x,\"{}\"\n", row.replace('"', "\"\"")));
        }
        let cutter = CsvCutter::new(&mapping, CsvDialect::new(',', Some('"'), None).unwrap(), 1 << 20);
        prop_assert_eq!(&wanted, &all(&cut_csv(cutter, csv.as_bytes(), &[11]).unwrap(), &mapping));
        let texts: Vec<Option<&str>> = rows.iter().map(|row| Some(&**row)).collect();
        for kind in KINDS {
            let strings = batch("images", strings(kind, &texts));
            prop_assert_eq!(&wanted, &all(&cut(&mapping, &strings, 2), &mapping), "{:?}", kind);
            // A file from elsewhere does not say that its texts are texts; one of no bytes is a broken image there.
            if rows.iter().any(String::is_empty) {
                continue;
            }
            let bytes: Vec<_> = rows.iter().map(|row| Some(row.as_bytes())).collect();
            let bytes = batch("images", binaries(kind, &bytes));
            prop_assert_eq!(&wanted, &all(&cut(&mapping, &bytes, 2), &mapping), "{:?}", kind);
        }
    }
}

#[test]
fn binary_columns_and_lists_of_binaries_are_images() {
    let mapping = mapping(ASKED);
    let png = &b"\x89PNG\r\n\x1a\n1"[..];
    let jpeg = &b"\xff\xd8\xff\xe023456"[..];
    for kind in KINDS {
        let one = batch("images", binaries(kind, &[Some(png), None, Some(jpeg)]));
        let read = found(&cut(&mapping, &one, 2), &mapping);
        assert_eq!(
            read,
            [Ok(vec![png.to_vec()]), Ok(vec![]), Ok(vec![jpeg.to_vec()])]
        );
        let list = listed(
            kind,
            &[2, 1, 0],
            binaries(kind, &[Some(png), Some(jpeg), None]),
        );
        let read = found(&cut(&mapping, &batch("images", list), 1), &mapping);
        assert_eq!(
            read,
            [
                Ok(vec![png.to_vec(), jpeg.to_vec()]),
                Ok(vec![]),
                Ok(vec![])
            ]
        );
    }
    let fixed = FixedSizeBinaryArray::try_from_iter([png, png].into_iter()).unwrap();
    let read = found(
        &cut(&mapping, &batch("images", Arc::new(fixed)), 2),
        &mapping,
    );
    assert_eq!(read, [Ok(vec![png.to_vec()]), Ok(vec![png.to_vec()])]);
    let item = Arc::new(Field::new("item", DataType::Binary, true));
    let values = binaries(Kind::Plain, &[Some(png), None, Some(jpeg), Some(png)]);
    let fixed = FixedSizeListArray::new(item, 2, values, None);
    let read = found(
        &cut(&mapping, &batch("images", Arc::new(fixed)), 1),
        &mapping,
    );
    assert_eq!(
        read,
        [
            Ok(vec![png.to_vec()]),
            Ok(vec![jpeg.to_vec(), png.to_vec()])
        ]
    );
}

#[test]
fn bytes_borrow_from_the_block_and_their_hash_is_that_of_the_file() {
    let mapping = mapping(ASKED);
    let png = (
        Some(b"\x89PNG\r\n\x1a\n".to_vec()),
        Some("a.png".to_owned()),
    );
    let batch = batch("images", structs(Kind::Plain, &[&png]));
    let blocks = cut(&mapping, &batch, 1);
    let read = blocks[0].for_each(&mapping, |finding| {
        let Finding::Row(row) = finding else {
            panic!("{finding:?}")
        };
        let ImageValue::Bytes(std::borrow::Cow::Borrowed(_)) = row.images[0].value else {
            panic!("a copy")
        };
        // xxh3_64 of these eight bytes, by the reference implementation.
        assert_eq!(row.images[0].hash, PNG_HASH);
        assert_eq!(
            row.refusal_of_images().unwrap().reason.as_str(),
            "has_image"
        );
        Ok::<(), std::convert::Infallible>(())
    });
    read.unwrap();
}

const PNG_HASH: u64 = 10_765_093_563_792_341_319;

#[test]
fn pixels_and_numbers_are_no_image() {
    let mapping = mapping(ASKED);
    let pixels = listed(Kind::Plain, &[2], Arc::new(UInt8Array::from(vec![1, 2])));
    let number: ArrayRef = Arc::new(Int32Array::from(vec![7]));
    let arrays = listed(Kind::Plain, &[1], pixels.clone());
    for column in [pixels, number, arrays] {
        let read = findings(&cut(&mapping, &batch("images", column), 1)[0], &mapping);
        assert_eq!(read, [common::refused(0, 0, "image_value")]);
    }
}

#[test]
fn typed_parts_hold_bytes_in_arrow() {
    // Parts of a file all have the keys of all: a null is no image, and a part without one takes the column's next.
    let kinds: ArrayRef = Arc::new(StringArray::from(vec!["image", "text", "image"]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![None, Some("What?"), None]));
    let bytes = (Some(b"\xff\xd8\xff".to_vec()), None);
    let images = structs(Kind::Plain, &[&bytes, &(None, None), &(None, None)]);
    let fields = Fields::from(vec![
        Field::new("type", DataType::Utf8, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("image", images.data_type().clone(), true),
    ]);
    let parts: ArrayRef = Arc::new(StructArray::new(fields, vec![kinds, texts, images], None));
    let empty = parts.slice(0, 0);
    let content = listed(Kind::Plain, &[3], parts);
    let user_fields = Fields::from(vec![
        Field::new("user", content.data_type().clone(), true),
        Field::new("assistant", DataType::Utf8, true),
    ]);
    drop(empty);
    let answers: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let turns: ArrayRef = Arc::new(StructArray::new(user_fields, vec![content, answers], None));
    let messages = listed(Kind::Plain, &[1], turns);
    let column = listed(Kind::Plain, &[1], strings(Kind::Plain, &[Some("c.png")]));
    let batch = RecordBatch::try_from_iter([("messages", messages), ("images", column)]).unwrap();
    let mapping = mapping(MESSAGES);
    let read = findings(&cut(&mapping, &batch, 1)[0], &mapping);
    let wanted = r#"[Turn { role: "user", content: [Image(1), Text("What?"), Image(0)]"#;
    assert!(read[0].contains(wanted), "{}", read[0]);
    assert!(
        read[0].contains(r#"[ImageRef { value: Text("c.png")"#),
        "{}",
        read[0]
    );
    assert!(
        read[0].contains("ImageRef { value: Bytes(3)"),
        "{}",
        read[0]
    );
}

#[test]
fn image_bytes_cut_blocks_and_refuse_rows_but_are_no_text_to_render() {
    let mapping = mapping(ASKED);
    let image = vec![0xff_u8; 1 << 20];
    let values: Vec<Option<&[u8]>> = vec![Some(&image); 8];
    let many = batch("images", binaries(Kind::Plain, &values));
    let mut cutter = ArrowCutter::new(&mapping, 0, 4 << 20);
    let mut blocks = cutter.feed(many).unwrap();
    blocks.extend(cutter.finish().unwrap());
    assert_eq!(blocks.iter().map(Block::rows).collect::<Vec<_>>(), [4, 4]);
    let held = blocks[0].memory();
    assert!((8 << 20..9 << 20).contains(&held), "{held}");
    let huge = vec![0xff_u8; (64 << 20) + 1];
    let row = batch("images", binaries(Kind::Plain, &[Some(&huge)]));
    let read = findings(&cut(&mapping, &row, 1)[0], &mapping);
    assert_eq!(read, [common::refused(0, 0, "row_too_large")]);
}
