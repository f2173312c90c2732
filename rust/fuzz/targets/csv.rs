//! CSV in any dialect: cut, read by a mapping, and the same however the file arrives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octomed_fuzz::{chunks, findings, mapping};
use octomed_trace::{Block, CsvCutter, CsvDialect, TraceError};

// A byte each chooses dialect, mapping, size of a piece and size of a block; the rest is the file.
fuzz_target!(|input: &[u8]| {
    let [dialect, columns, size, target, file @ ..] = input else {
        return;
    };
    let delimiter = [',', '\t', ';', '|'][usize::from(dialect & 3)];
    let quote = [Some('"'), None, Some('\''), Some('"')][usize::from(dialect >> 2 & 3)];
    let escape = [None, Some('\\')][usize::from(dialect >> 4 & 1)];
    let Ok(dialect) = CsvDialect::new(delimiter, quote, escape) else {
        return;
    };
    let columns = mapping(*columns);
    let cut = |size| {
        let cutter =
            CsvCutter::new(columns, dialect, u64::from(*target) * 4 + 1).with_max_row_bytes(400);
        cut(cutter, chunks(file, size))
    };
    match (cut(0), cut(*size)) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(findings(&whole, columns), findings(&pieces, columns))
        }
        (Err(whole), Err(pieces)) => assert_eq!(whole, pieces),
        (whole, pieces) => panic!("{whole:?} whole, {pieces:?} in pieces"),
    }
});

fn cut<'a>(
    mut cutter: CsvCutter,
    chunks: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Block>, TraceError> {
    let mut blocks = Vec::new();
    for chunk in chunks {
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
