//! JSON in every layout: cut, read by a mapping, and the same however the file arrives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octomed_fuzz::{chunks, findings, mapping};
use octomed_trace::{
    Block, JsonArrayCutter, JsonLinesCutter, JsonObjectsCutter, JsonRowsCutter, JsonShape,
    Numbering, TraceError,
};

// A byte each chooses cutter, mapping, size of a piece and size of a block; the rest is the file.
fuzz_target!(|input: &[u8]| {
    let [layout, columns, size, target, file @ ..] = input else {
        return;
    };
    let cut = |size| cut(*layout, u64::from(*target) * 4 + 1, chunks(file, size));
    let (whole, pieces) = (cut(0), cut(*size));
    shape(file, *size);
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => {
            let mapping = mapping(*columns);
            assert_eq!(findings(&whole, mapping), findings(&pieces, mapping));
        }
        (Err(whole), Err(pieces)) => assert_eq!(whole, pieces),
        (whole, pieces) => panic!("{whole:?} whole, {pieces:?} in pieces"),
    }
});

fn cut<'a>(
    layout: u8,
    target: u64,
    chunks: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Block>, TraceError> {
    macro_rules! fed {
        ($cutter:expr) => {{
            let mut cutter = $cutter;
            let mut blocks = Vec::new();
            for chunk in chunks {
                blocks.extend(cutter.feed(chunk)?);
            }
            blocks.extend(cutter.finish()?);
            Ok(blocks)
        }};
    }
    match layout % 6 {
        0 => fed!(
            JsonLinesCutter::new(0, None, Numbering::ByteOffset, target).with_max_row_bytes(400)
        ),
        1 => fed!(JsonLinesCutter::new(0, None, Numbering::RowNumber, target)),
        2 => fed!(JsonArrayCutter::new(target).with_max_row_bytes(400)),
        3 => fed!(JsonObjectsCutter::new(target)),
        4 => fed!(JsonRowsCutter::new(Vec::new(), target)),
        _ => fed!(JsonRowsCutter::new(
            vec!["data".to_owned(), "rows".to_owned()],
            target
        )),
    }
}

fn shape(file: &[u8], size: u8) {
    let look = |size| {
        let mut shape = JsonShape::new();
        for chunk in chunks(file, size) {
            if shape.feed(chunk) {
                break;
            }
        }
        (
            shape.layout(),
            shape.keys().to_vec(),
            shape.is_on_one_line(),
            shape.holds_only_objects(),
        )
    };
    assert_eq!(look(0), look(size));
}
