//! Filters of the user's own: what they are shown of a block, and what becomes of the traces that they leave out.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::cast::AsArray;
use octomed_files::Access;
use octomed_index::{Header, Verdict, read_index, verify_block};
use octomed_text::{Prompt, Supervise, Template, Tokenizer};
use octomed_trace::{Block, JsonLinesCutter, Mapping, Numbering};

use crate::{BlockOrigin, EngineError, FilterBatch, FilterOrigin, Filtered, LeftOut, Scanner};

const ROWS: &str = r#"{"q": "Why?", "s": ["So.", " ", "Thus."]}
{"s": ["Refused: it asks nothing."]}
{"q": "Who?", "s": ["Nobody."]}
"#;

fn scanner() -> Scanner {
    let tokenizer = Arc::new(Tokenizer::builtin("qwen2.5").unwrap());
    let template = Template::builtin("qwen2.5", &tokenizer.special_tokens()).unwrap();
    Scanner::new(
        Mapping::from_json(r#"{"question": "q", "responses": "s"}"#).unwrap(),
        Arc::new(template),
        Arc::new(Prompt::compile("{{ question }}").unwrap()),
        tokenizer,
        None,
        Supervise::All,
    )
    .unwrap()
}

fn block() -> Block {
    let mut cutter = JsonLinesCutter::new(0, None, Numbering::ByteOffset, 1 << 30);
    let mut blocks = cutter.feed(ROWS.as_bytes()).unwrap();
    blocks.extend(cutter.finish().unwrap());
    blocks.pop().unwrap()
}

fn filtered(
    columns: &[&str],
    decide: impl FnMut(FilterBatch) -> Result<Vec<LeftOut>, EngineError>,
) -> Result<Filtered, EngineError> {
    let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
    let origin = FilterOrigin {
        source: "made",
        file: "rows.jsonl",
        columns: &columns,
    };
    scanner().filtered(&block(), origin, &AtomicBool::new(false), decide)
}

fn left_out(place: usize) -> LeftOut {
    LeftOut {
        place,
        filter: "short".to_owned(),
        detail: "1 word".to_owned(),
    }
}

fn scan(folder: &Path, filtered: Option<&Filtered>) -> Vec<Header> {
    let origin = BlockOrigin {
        source: "made",
        file: "rows.jsonl",
        number: 0,
        access: Access::Owner,
    };
    let never = AtomicBool::new(false);
    let scanned = scanner().scan_filtered(&block(), origin, folder, &never, 1, filtered);
    scanned.unwrap()
}

#[test]
fn filters_see_each_response_with_text_of_rows_that_can_be_read() {
    let mut seen = Vec::new();
    let found = filtered(&["response", "question"], |batch| {
        let texts = batch.batch.column(0).as_string::<i32>();
        seen.extend(texts.iter().flatten().map(str::to_owned));
        assert_eq!(batch.ordinals, [0, 0, 2]);
        assert_eq!(batch.batch.num_columns(), 2);
        Ok(Vec::new())
    });
    assert!(found.unwrap().is_empty());
    assert_eq!(seen, ["So.", "Thus.", "Nobody."]);
}

#[test]
fn what_they_leave_out_is_stored_with_its_words_and_without_ids() {
    let folder = tempfile::tempdir().unwrap();
    let found = filtered(&["answer"], |_| Ok(vec![left_out(1)])).unwrap();
    assert_eq!(
        (found.of(0, 2), found.len()),
        (Some(("short", "1 word")), 1)
    );
    let headers = scan(folder.path(), Some(&found));
    let path = folder.path().join("0.index");
    assert_eq!(headers[0].filtered, [("short".to_owned(), 1)].into());
    assert_eq!(verify_block(&path).unwrap(), headers[0]);
    let index = read_index(&path).unwrap();
    assert_eq!(index.filtered.of(0, 2), Some(("short", "1 word")));
    let of = |verdict: Verdict| {
        let codes = index.traces.verdict.iter();
        codes.filter(|&&code| code == verdict as u8).count()
    };
    assert_eq!((of(Verdict::Filtered), of(Verdict::Kept)), (1, 2));
    let row = index
        .traces
        .verdict
        .iter()
        .position(|&code| code == Verdict::Filtered as u8);
    assert_eq!(index.traces.tokens[row.unwrap()], 0);
}

#[test]
fn a_block_without_filters_is_as_before_there_were_any() {
    let folder = tempfile::tempdir().unwrap();
    scan(folder.path(), None);
    let plain = std::fs::read(folder.path().join("0.index")).unwrap();
    let none = filtered(&["answer"], |_| Ok(Vec::new())).unwrap();
    scan(folder.path(), Some(&none));
    assert_eq!(std::fs::read(folder.path().join("0.index")).unwrap(), plain);
    assert!(!plain.windows(8).any(|bytes| bytes == b"filtered"));
}

#[test]
fn what_says_nothing_of_the_batch_is_a_fault() {
    let beyond = filtered(&["answer"], |_| Ok(vec![left_out(3)]));
    assert!(matches!(beyond, Err(EngineError::Internal(_))));
    let unknown = filtered(&["answre"], |_| Ok(Vec::new()));
    assert!(matches!(unknown, Err(EngineError::Internal(_))));
    let failed = filtered(&["answer"], |_| Err(EngineError::Cancelled));
    assert!(matches!(failed, Err(EngineError::Cancelled)));
}
