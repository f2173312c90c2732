//! What several tests need: presets, findings as text, and feeding in chunks.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod csv;

use octomed_trace::{
    Block, CsvCutter, Finding, JsonArrayCutter, JsonLinesCutter, Mapping, Numbering, Row,
    TraceError,
};
use proptest::prelude::*;

pub const OCTOMED: &str = r#"{"question": "question", "options": {"any_of": ["options"], "optional": true},
    "answer": {"any_of": ["answer"], "optional": true}, "responses": "responses",
    "system": {"any_of": ["system"], "optional": true}}"#;

pub const SHAREGPT: &str = r#"{"messages": {"column": "conversations", "role": {"any_of": ["from", "role"]},
    "content": {"any_of": ["value", "content"]}, "roles": {"human": "user", "gpt": "assistant"}},
    "system": {"any_of": ["system"], "optional": true}}"#;

pub const TWO_PARTS: &str = r#"{"question": "q", "reasoning": "t", "response": "r"}"#;

/// A configuration that leaves no files behind, of so many cases, or as many as `PROPTEST_CASES` asks for.
pub fn cases(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES");
    ProptestConfig {
        cases: asked.map_or(cases, |asked| asked.parse().unwrap()),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub fn mapping(json: &str) -> Mapping {
    Mapping::from_json(json).unwrap()
}

/// All findings of a block, borrowed or not, in a form that compares.
pub fn findings(block: &Block, mapping: &Mapping) -> Vec<String> {
    let mut found = Vec::new();
    let read = block.for_each(mapping, |finding| {
        found.push(shown(&finding));
        Ok::<(), std::convert::Infallible>(())
    });
    read.unwrap();
    assert_eq!(found.len(), block.rows_held());
    let middle = found.len() / 2;
    for part in [0..middle, middle..found.len(), found.len()..found.len() + 1] {
        let mut again = Vec::new();
        let read = block.for_each_in(part.clone(), mapping, |finding| {
            again.push(shown(&finding));
            Ok::<(), std::convert::Infallible>(())
        });
        read.unwrap();
        assert_eq!(again, found.get(part).unwrap_or_default());
    }
    found
}

/// What the only row of a JSON Lines file gives: itself, or its reason and detail.
pub fn one(json: &str, line: &str) -> String {
    let block = &lines(line.as_bytes(), Numbering::ByteOffset, 1 << 20)[0];
    let mut found = Vec::new();
    let read = block.for_each(&mapping(json), |finding| {
        found.push(match finding {
            Finding::Row(row) => shown_row(&row),
            Finding::Refused(refusal) => {
                format!("{}: {}", refusal.reason.as_str(), refusal.detail)
            }
        });
        Ok::<(), std::convert::Infallible>(())
    });
    read.unwrap();
    assert_eq!(found.len(), 1, "{line}");
    found
        .remove(0)
        .replace("Row { position: 0, ordinal: 0, ", "")
}

/// A refusal without its detail, whose bytes depend on the form of the file; a row as it is.
pub fn shown(finding: &Finding<'_>) -> String {
    match finding {
        Finding::Row(row) => shown_row(row),
        Finding::Refused(refusal) => {
            refused(refusal.position, refusal.ordinal, refusal.reason.as_str())
        }
    }
}

/// A row without what only a recipe with rules of its own asks for, where it has none of it.
fn shown_row(row: &Row<'_>) -> String {
    let nothing = ", asked: [], finish_reasons: [], answer_form: Any }";
    format!("{row:?}").replace(nothing, " }")
}

pub fn refused(position: u64, ordinal: u64, reason: &str) -> String {
    format!("{position} {ordinal} {reason}")
}

pub fn all(blocks: &[Block], mapping: &Mapping) -> Vec<String> {
    blocks
        .iter()
        .flat_map(|block| findings(block, mapping))
        .collect()
}

/// Everything that a block tells, to compare blocks.
pub fn summary(block: &Block, mapping: &Mapping) -> (u64, u64, u64, u64, Vec<String>) {
    let found = findings(block, mapping);
    (
        block.rows(),
        block.source_bytes(),
        block.first_ordinal(),
        block.end_position(),
        found,
    )
}

/// The bytes in chunks of these sizes, over and over.
pub fn chunks<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, behind) = rest.split_at((*size).clamp(1, rest.len()));
        chunks.push(chunk);
        rest = behind;
    }
    chunks
}

pub fn cut_lines(mut cutter: JsonLinesCutter, file: &[u8], sizes: &[usize]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let start = usize::try_from(cutter.read_from()).unwrap().min(file.len());
    for chunk in chunks(&file[start..], sizes) {
        if cutter.done() {
            break;
        }
        blocks.extend(cutter.feed(chunk).unwrap());
    }
    blocks.extend(cutter.finish().unwrap());
    blocks
}

pub fn lines(file: &[u8], numbering: Numbering, target: u64) -> Vec<Block> {
    cut_lines(
        JsonLinesCutter::new(0, None, numbering, target),
        file,
        &[usize::MAX],
    )
}

pub fn cut_csv(
    mut cutter: CsvCutter,
    file: &[u8],
    sizes: &[usize],
) -> Result<Vec<Block>, TraceError> {
    let mut blocks = Vec::new();
    for chunk in chunks(file, sizes) {
        cutter.feed(chunk);
        while let Some(block) = cutter.next_block()? {
            blocks.push(block);
        }
    }
    cutter.finish();
    while let Some(block) = cutter.next_block()? {
        blocks.push(block);
    }
    Ok(blocks)
}

pub fn cut_array(file: &[u8], sizes: &[usize], target: u64) -> Result<Vec<Block>, TraceError> {
    let mut cutter = JsonArrayCutter::new(target);
    let mut blocks = Vec::new();
    for chunk in chunks(file, sizes) {
        blocks.extend(cutter.feed(chunk)?);
    }
    blocks.extend(cutter.finish()?);
    Ok(blocks)
}

/// Texts with all that JSON, CSV and chat templates stumble over.
pub fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z ,.]{0,12}",
        1 => prop::sample::select(vec![
            "\n\n", "\"", "\\", "中文，", "é", "e\u{301}", "\u{0}", "🩺", "<|im_end|>", "[", "{\"a\":1}", "\r\n", "\t",
            "\u{feff}", "\u{2028}", "</think>",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}
