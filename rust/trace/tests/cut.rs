//! Blocks depend on the rows alone: not on the chunks a file arrives in, nor on the tasks it is cut into.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{TWO_PARTS, all, cases, cut_array, cut_lines, lines, mapping, refused, summary, text};
use octomed_trace::{
    Block, Body, Finding, JsonArrayCutter, JsonLinesCutter, Numbering, TraceError,
};
use proptest::prelude::*;
use serde_json::json;

fn row() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (text(), text(), text()).prop_map(|(q, t, r)| json!({"q": q, "t": t, "r": r}).to_string()),
        1 => Just(String::new()),
        1 => Just(" \t".to_owned()),
        1 => "[a-z{\"\\\\]{1,9}",
        1 => text().prop_map(|q| json!({"q": q}).to_string()),
    ]
}

fn file(rows: &[String], endings: &[bool], last_newline: bool, mark: bool) -> Vec<u8> {
    let mut file = if mark {
        b"\xef\xbb\xbf".to_vec()
    } else {
        Vec::new()
    };
    for (row, carriage_return) in rows.iter().zip(endings.iter().cycle()) {
        file.extend_from_slice(row.as_bytes());
        file.extend_from_slice(if *carriage_return { b"\r\n" } else { b"\n" });
    }
    if !last_newline {
        file.pop();
    }
    file
}

fn cutter(by_offset: bool, target: u64, limit: u64) -> JsonLinesCutter {
    let numbering = if by_offset {
        Numbering::ByteOffset
    } else {
        Numbering::RowNumber
    };
    JsonLinesCutter::new(0, None, numbering, target).with_max_row_bytes(limit)
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn lines_in_any_chunks_give_the_same_blocks(
        rows in prop::collection::vec(row(), 0..12),
        endings in prop::collection::vec(any::<bool>(), 1..4),
        (last_newline, mark, by_offset) in any::<(bool, bool, bool)>(),
        sizes in prop::collection::vec(1..40_usize, 1..6),
        (target, limit) in (1..300_u64, 20..200_u64),
    ) {
        let file = file(&rows, &endings, last_newline, mark);
        let mapping = mapping(TWO_PARTS);
        let read = |sizes: &[usize]| {
            let blocks = cut_lines(cutter(by_offset, target, limit), &file, sizes);
            blocks.iter().map(|block| summary(block, &mapping)).collect::<Vec<_>>()
        };
        let whole = read(&[usize::MAX]);
        prop_assert_eq!(&whole, &read(&sizes));
        for (index, (_, bytes, _, _, found)) in whole.iter().enumerate() {
            prop_assert!(*bytes >= target || index + 1 == whole.len());
            prop_assert!(!found.is_empty());
        }
    }

    #[test]
    fn an_array_in_any_chunks_and_spacing_reads_as_lines_do(
        rows in prop::collection::vec(row().prop_filter("a row", |row| serde_json::from_str::<serde_json::Value>(row).is_ok()), 0..10),
        space in prop::sample::select(vec!["", " ", "\n", "\r\n\t"]),
        mark in any::<bool>(),
        sizes in prop::collection::vec(1..40_usize, 1..6),
        target in 1..300_u64,
    ) {
        let body: Vec<String> = rows.iter().map(|row| format!("{space}{row}{space}")).collect();
        let mark = if mark { "\u{feff}" } else { "" };
        let file = format!("{mark}{space}[{}]{space}", body.join(","));
        let mapping = mapping(TWO_PARTS);
        let read = |sizes: &[usize]| {
            let blocks = cut_array(file.as_bytes(), sizes, target).unwrap();
            blocks.iter().map(|block| summary(block, &mapping)).collect::<Vec<_>>()
        };
        let whole = read(&[usize::MAX]);
        prop_assert_eq!(&whole, &read(&sizes));
        let found: Vec<String> = whole.into_iter().flat_map(|(_, _, _, _, found)| found).collect();
        prop_assert_eq!(found, all(&lines(rows.join("\n").as_bytes(), Numbering::RowNumber, 1 << 20), &mapping));
    }

    #[test]
    fn an_array_cut_anywhere_is_an_error(
        rows in prop::collection::vec((text(), text()), 1..4),
        place in any::<prop::sample::Index>(),
    ) {
        let rows: Vec<_> = rows.into_iter().map(|(q, r)| json!({"q": q, "r": [r]})).collect();
        let file = json!(rows).to_string();
        let cut = &file.as_bytes()[..place.index(file.len())];
        let error = cut_array(cut, &[7], 50).unwrap_err();
        let at = cut.len() as u64;
        prop_assert_eq!(error, if at == 0 { TraceError::NotAnArray { at } } else { TraceError::ArrayTruncated { at } });
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn tasks_of_any_size_cover_each_line_once(
        rows in prop::collection::vec(row(), 0..8),
        endings in prop::collection::vec(any::<bool>(), 1..4),
        (last_newline, mark) in any::<(bool, bool)>(),
        chunk in 1..50_usize,
    ) {
        let file = file(&rows, &endings, last_newline, mark);
        let mapping = mapping(TWO_PARTS);
        let positions = |blocks: &[Block]| places(blocks, &mapping);
        let whole = positions(&lines(&file, Numbering::ByteOffset, 1 << 20));
        for size in 1..=file.len() {
            let mut found = Vec::new();
            for start in (0..file.len()).step_by(size) {
                let (start, end) = (start as u64, (start + size) as u64);
                let cutter = JsonLinesCutter::new(start, Some(end), Numbering::ByteOffset, 100);
                let blocks = positions(&cut_lines(cutter, &file, &[chunk]));
                prop_assert!(blocks.iter().all(|(position, _)| (start..end).contains(position)));
                found.extend(blocks);
            }
            prop_assert_eq!(&whole, &found, "tasks of {} bytes", size);
        }
    }
}

/// Position of each finding, and what it is but for the ordinal, which is the task's.
fn places(blocks: &[Block], mapping: &octomed_trace::Mapping) -> Vec<(u64, String)> {
    let mut places = Vec::new();
    for block in blocks {
        block
            .for_each(mapping, |finding| {
                places.push(match finding {
                    Finding::Row(row) => (row.position, format!("{:?}", row.body)),
                    Finding::Refused(refusal) => {
                        (refusal.position, refusal.reason.as_str().to_owned())
                    }
                });
                Ok::<(), TraceError>(())
            })
            .unwrap();
    }
    places
}

#[test]
fn ordinals_count_blank_lines_and_positions_are_line_starts() {
    let file = b"\xef\xbb\xbf\n{}\r\n\n  \n{}\n{}";
    let refused =
        |places: [(u64, u64); 3]| places.map(|(at, row)| refused(at, row, "missing_field"));
    let mapping = mapping(TWO_PARTS);
    let by_offset = lines(file, Numbering::ByteOffset, 1 << 20);
    assert_eq!(
        all(&by_offset, &mapping),
        refused([(4, 1), (12, 4), (15, 5)])
    );
    assert_eq!(
        (
            by_offset[0].first_ordinal(),
            by_offset[0].end_position(),
            by_offset[0].rows()
        ),
        (1, 17, 3)
    );
    let by_row = lines(file, Numbering::RowNumber, 1 << 20);
    assert_eq!(all(&by_row, &mapping), refused([(1, 1), (4, 4), (5, 5)]));
    assert_eq!(by_row[0].end_position(), 6);
}

#[test]
fn a_task_stops_at_its_end_and_says_so() {
    let file = b"{}\n{}\n{}\n";
    let mut cutter = JsonLinesCutter::new(3, Some(6), Numbering::ByteOffset, 100);
    assert_eq!(cutter.read_from(), 2);
    assert!(cutter.feed(&file[2..6]).unwrap().is_empty());
    assert!(cutter.done());
    assert!(cutter.feed(&file[6..]).unwrap().is_empty());
    let block = cutter.finish().unwrap().unwrap();
    assert_eq!(
        (block.rows(), block.end_position(), block.source_bytes()),
        (1, 6, 3)
    );
    assert!(cutter.finish().unwrap().is_none());
}

#[test]
fn empty_files_give_no_rows_or_are_no_array() {
    for file in [&b""[..], b"\n\n \r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"] {
        assert!(
            lines(file, Numbering::ByteOffset, 100).is_empty(),
            "{file:?}"
        );
    }
    assert!(cut_array(b" [ ] \n", &[1], 100).unwrap().is_empty());
    for file in [&b""[..], b"  \n"] {
        assert_eq!(
            cut_array(file, &[1], 1).unwrap_err(),
            TraceError::NotAnArray {
                at: file.len() as u64
            }
        );
    }
}

#[test]
fn what_is_no_array_says_at_which_byte() {
    let mapping = mapping(TWO_PARTS);
    let not_an_array = [
        ("{\"q\": 1}", 0),
        (" x", 1),
        ("\u{feff} \u{feff}[]", 4),
        ("\u{ffef}[]", 1),
    ];
    for (file, at) in not_an_array {
        let error = cut_array(file.as_bytes(), &[1], 100).unwrap_err();
        assert_eq!(error, TraceError::NotAnArray { at }, "{file:?}");
    }
    for (file, at) in [("[] x", 3), ("[1]\n[2]", 4), ("[]]", 2)] {
        let error = cut_array(file.as_bytes(), &[2], 100).unwrap_err();
        assert_eq!(error, TraceError::ArrayTrailing { at }, "{file:?}");
    }
    let blocks = cut_array(br#"[{"q": 1]}, , 7, {]"#, &[3], 1 << 20);
    assert_eq!(blocks.unwrap_err(), TraceError::ArrayTruncated { at: 19 });
    let blocks = cut_array(br#"[{"q": 1], , 7, {}}, "]"]"#, &[3], 1 << 20).unwrap();
    let reasons = [
        "invalid_json",
        "invalid_json",
        "not_an_object",
        "invalid_json",
        "not_an_object",
    ];
    let wanted: Vec<String> = reasons
        .iter()
        .enumerate()
        .map(|(row, reason)| refused(row as u64, row as u64, reason))
        .collect();
    assert_eq!(all(&blocks, &mapping), wanted);
}

#[test]
fn a_row_of_50_megabytes_is_read() {
    let response = "deep thought 🩺 \\n".repeat(50 << 20 >> 4);
    let row = format!(r#"{{"q": "q", "t": "t", "r": "{response}"}}"#);
    let mapping = mapping(TWO_PARTS);
    let array = cut_array(format!("[{row}]").as_bytes(), &[1 << 20], 64 << 20).unwrap();
    for blocks in [
        lines(row.as_bytes(), Numbering::ByteOffset, 64 << 20),
        array,
    ] {
        let mut length = 0;
        blocks[0]
            .for_each(&mapping, |finding| {
                let Finding::Row(row) = finding else {
                    panic!("refused")
                };
                let Body::Question { responses, .. } = row.body else {
                    panic!("no question")
                };
                length = responses[0].response.len();
                Ok::<(), TraceError>(())
            })
            .unwrap();
        assert_eq!(length, response.len() - (50 << 20 >> 4));
    }
}

#[test]
fn a_row_over_the_limit_is_refused_without_being_kept() {
    let long = format!(r#"{{"q": "{}"}}"#, "x".repeat(1 << 20));
    let file = format!("{{}}\n{long}\n{{}}\n");
    let cutter =
        JsonLinesCutter::new(0, None, Numbering::RowNumber, 1 << 30).with_max_row_bytes(100);
    let blocks = cut_lines(cutter, file.as_bytes(), &[4096]);
    let found = all(&blocks, &mapping(TWO_PARTS));
    let wanted = [
        refused(0, 0, "missing_field"),
        refused(1, 1, "row_too_large"),
        refused(2, 2, "missing_field"),
    ];
    assert_eq!(found, wanted);
    let mut cutter = JsonArrayCutter::new(1 << 30).with_max_row_bytes(100);
    assert!(
        cutter
            .feed(format!("[{{}},{long},{{}}]").as_bytes())
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        all(&[cutter.finish().unwrap().unwrap()], &mapping(TWO_PARTS)),
        wanted
    );
}
