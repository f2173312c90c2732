//! Tar shards: cut, read by a mapping, and the same however the archive arrives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octomed_fuzz::{chunks, findings, mapping};
use octomed_trace::{Block, Mapping, ShardCutter, TraceError};

// A byte each chooses mapping, size of a piece, size of a block and form; the rest is the archive, or members of which
// one is made: a byte each of kind, length of the name and length of the data, then these.
fuzz_target!(|input: &[u8]| {
    let [columns, size, target, form, rest @ ..] = input else {
        return;
    };
    let archive = if form & 1 == 0 {
        rest.to_vec()
    } else {
        archive(rest, form & 2 == 0)
    };
    let columns = mapping(*columns);
    let cut = |size| cut(columns, u64::from(*target) * 4 + 1, chunks(&archive, size));
    match (cut(0), cut(*size)) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(findings(&whole, columns), findings(&pieces, columns));
        }
        (Err(whole), Err(pieces)) => assert_eq!(whole, pieces),
        (whole, pieces) => panic!("{whole:?} whole, {pieces:?} in pieces"),
    }
});

fn cut<'a>(
    columns: &Mapping,
    target: u64,
    chunks: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Block>, TraceError> {
    let mut cutter = ShardCutter::new(columns, target).with_max_row_bytes(400);
    let mut blocks = Vec::new();
    for chunk in chunks {
        blocks.extend(cutter.feed(chunk)?);
    }
    blocks.extend(cutter.finish()?);
    Ok(blocks)
}

fn archive(mut members: &[u8], has_end: bool) -> Vec<u8> {
    let mut made = Vec::new();
    while let [kind, name, data, rest @ ..] = members {
        let (name, rest) = rest.split_at(rest.len().min(usize::from(*name % 100)));
        let (data, rest) = rest.split_at(rest.len().min(usize::from(*data)));
        members = rest;
        let mut header = vec![0; 512];
        header[..name.len()].copy_from_slice(name);
        header[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
        header[156] = *kind;
        header[148..156].fill(b' ');
        let sum: u64 = header.iter().copied().map(u64::from).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        made.extend(header);
        made.extend_from_slice(data);
        made.resize(made.len().next_multiple_of(512), 0);
    }
    if has_end {
        made.resize(made.len() + 1024, 0);
    }
    made
}
