//! Pieces of the key space between which ranges of traces with images are cut.
//!
//! Keys of traces that share their first image begin with the upper half of its hash, so a piece of 2⁴⁸ keys has whole
//! images. Only where such a piece is too much for a range is it taken apart: first between images, and an image that
//! is too much by itself between its traces.

use octomed_index::{BlockIndex, Index, TraceLocation};

use crate::split::Split;

/// Bits of a key below those that say which piece of 2⁴⁸ keys it lies in.
const PIECE_BITS: u32 = 48;
/// Bits of a key that differ between traces of one image.
const IMAGE_BITS: u32 = 32;

/// What a range holds at most, or about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeLimits {
    /// Tokens, about.
    pub tokens: u64,
    /// Bytes of distinct images, at most, if a single image is not more.
    pub image_bytes: u64,
}

/// A piece of the key space, up to the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The first key that may lie in it.
    pub start: u64,
    /// Tokens of its traces.
    pub tokens: u64,
    /// Bytes of its distinct images.
    pub image_bytes: u64,
}

/// An image that a kept trace shows: hash, checksum of what is stored, bytes.
type Shown = (u64, u32, u32);

/// The pieces of the key space, none of which passes the limits if it can be taken apart. `tokens` are those of each
/// piece of 2⁴⁸ keys.
pub fn cells(index: &Index, split: Split, tokens: &[u64], limits: RangeLimits) -> Vec<Cell> {
    let image_bytes = piece_bytes(index, split, tokens.len());
    let mut cells = Vec::with_capacity(tokens.len());
    for (piece, (&tokens, &image_bytes)) in (0_u64..).zip(tokens.iter().zip(&image_bytes)) {
        let start = piece << PIECE_BITS;
        if tokens <= limits.tokens && image_bytes <= limits.image_bytes {
            cells.push(Cell {
                start,
                tokens,
                image_bytes,
            });
        } else {
            cells.extend(taken_apart(index, split, start, limits.tokens));
        }
    }
    cells
}

/// Bytes of the distinct images of each piece of 2⁴⁸ keys.
fn piece_bytes(index: &Index, split: Split, pieces: usize) -> Vec<u64> {
    let mut found: Vec<(u64, Shown)> = Vec::new();
    for block in &index.blocks {
        if block.images.is_empty() {
            continue;
        }
        let first = found.len();
        for row in split.rows(block) {
            let piece = block.traces.shuffle_key[row] >> PIECE_BITS;
            found.extend(shown(block, row).map(|image| (piece, image)));
        }
        found[first..].sort_unstable();
        // A block's traces show its images many times; what is left is as long as its table.
        let mut of_block = found.split_off(first);
        of_block.dedup();
        found.append(&mut of_block);
    }
    found.sort_unstable();
    found.dedup();
    let mut bytes = vec![0; pieces];
    for (piece, (_, _, of_image)) in found {
        bytes[piece as usize] += u64::from(of_image);
    }
    bytes
}

/// The images of a trace.
fn shown(block: &BlockIndex, row: usize) -> impl Iterator<Item = Shown> {
    let table = &block.images;
    block.image_refs(row).iter().map(|&image| {
        let image = image as usize;
        (table.hash[image], table.checksum[image], table.bytes[image])
    })
}

/// The piece of 2⁴⁸ keys from `start` on, image by image, and trace by trace where one has more than `most` tokens.
fn taken_apart(index: &Index, split: Split, start: u64, most: u64) -> Vec<Cell> {
    let traces = traces_of(index, split, start);
    let same_image = |one: &(u64, TraceLocation), next: &(u64, TraceLocation)| {
        one.0 >> IMAGE_BITS == next.0 >> IMAGE_BITS
    };
    let mut cells: Vec<Cell> = Vec::new();
    for image in traces.chunk_by(same_image) {
        let mut rest = image;
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(part_length(index, split, rest, most));
            cells.push(cell(index, split, part));
            rest = behind;
        }
    }
    match cells.first_mut() {
        Some(first) => first.start = start,
        None => cells.push(Cell {
            start,
            ..Cell::default()
        }),
    }
    cells
}

/// Keys and places of the kept traces in the piece of 2⁴⁸ keys from `start` on, by key.
fn traces_of(index: &Index, split: Split, start: u64) -> Vec<(u64, TraceLocation)> {
    let last = start | ((1 << PIECE_BITS) - 1);
    let mut traces = Vec::new();
    for (number, block) in (0..).zip(&index.blocks) {
        let keys = &block.traces.shuffle_key;
        let rows =
            keys.partition_point(|&key| key < start)..keys.partition_point(|&key| key <= last);
        for row in rows.filter(|&row| split.copies(block, row) > 0) {
            let at = TraceLocation {
                block: number,
                row: row as u32,
            };
            traces.push((keys[row], at));
        }
    }
    traces.sort_unstable();
    traces
}

/// How many of the traces, at least one key's, have `most` tokens.
fn part_length(index: &Index, split: Split, traces: &[(u64, TraceLocation)], most: u64) -> usize {
    let mut tokens = 0;
    for (at, (key, trace)) in traces.iter().enumerate() {
        if tokens >= most && traces[at - 1].0 != *key {
            return at;
        }
        tokens += tokens_of(index, split, *trace);
    }
    traces.len()
}

/// Tokens of a trace, as often as it is written.
fn tokens_of(index: &Index, split: Split, trace: TraceLocation) -> u64 {
    let (block, row) = (index.block(trace), trace.row as usize);
    u64::from(split.copies(block, row)) * u64::from(block.traces.tokens[row])
}

/// The piece that these traces are.
fn cell(index: &Index, split: Split, traces: &[(u64, TraceLocation)]) -> Cell {
    let mut images = Vec::new();
    let mut tokens = 0;
    for (_, trace) in traces {
        let (block, row) = (index.block(*trace), trace.row as usize);
        tokens += tokens_of(index, split, *trace);
        images.extend(shown(block, row));
    }
    images.sort_unstable();
    images.dedup();
    Cell {
        start: traces.first().map_or(0, |(key, _)| *key),
        tokens,
        image_bytes: images.iter().map(|&(_, _, bytes)| u64::from(bytes)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use octomed_index::{ImageTable, TraceEntry, Verdict};
    use proptest::prelude::*;

    use super::*;

    /// A trace: upper half and lower half of its key, tokens, images of its block, and whether it is kept.
    type Made = (u64, u64, u32, Vec<u32>, bool);

    /// Images whose number is the upper half of the keys of traces that show them first.
    const IMAGES: [u64; 5] = [3, 4, 1 << 16 | 5, 1 << 16 | 6, 2 << 16];

    fn image_bytes(image: usize) -> u64 {
        10 << image
    }

    fn block(mut traces: Vec<Made>) -> BlockIndex {
        traces.sort_unstable();
        let mut block = BlockIndex::default();
        let mut refs = Vec::new();
        for (upper, lower, tokens, images, is_kept) in traces {
            let upper = images
                .first()
                .map_or(upper, |&image| IMAGES[image as usize]);
            let verdict = if is_kept {
                Verdict::Kept
            } else {
                Verdict::Duplicate
            };
            block.traces.push(&TraceEntry {
                shuffle_key: upper << IMAGE_BITS | lower,
                tokens,
                images: images.len() as u16,
                verdict: verdict as u8,
                ..TraceEntry::default()
            });
            refs.extend(images);
        }
        let order = block.traces.shuffled_order();
        let starts: Vec<usize> = block
            .traces
            .images
            .iter()
            .scan(0, |end, &count| {
                *end += usize::from(count);
                Some(*end - usize::from(count))
            })
            .collect();
        let sorted = order
            .iter()
            .flat_map(|&row| {
                let (row, images) = (row as usize, &block.traces.images);
                refs[starts[row]..][..usize::from(images[row])].to_vec()
            })
            .collect();
        block.traces = block.traces.reordered(&order);
        let table = ImageTable {
            hash: IMAGES.map(|upper| upper << IMAGE_BITS).to_vec(),
            checksum: vec![7; IMAGES.len()],
            bytes: (0..IMAGES.len())
                .map(|image| image_bytes(image) as u32)
                .collect(),
            ..ImageTable::default()
        };
        block.with_images(table, sorted)
    }

    fn traces() -> impl Strategy<Value = Vec<Made>> {
        let images = prop_oneof![
            Just(Vec::new()),
            prop::collection::vec(0..IMAGES.len() as u32, 1..4)
        ];
        let trace = (
            0..4_u64 << 16,
            0..50_u64,
            1..9_u32,
            images,
            prop::bool::weighted(0.9),
        );
        prop::collection::vec(trace, 0..60)
    }

    fn index() -> impl Strategy<Value = Index> {
        prop::collection::vec(traces(), 1..4).prop_map(|blocks| Index {
            blocks: blocks.into_iter().map(block).collect(),
        })
    }

    /// Key, tokens and images of every kept trace.
    fn kept(index: &Index) -> Vec<(u64, u64, Vec<u32>)> {
        let mut kept = Vec::new();
        for block in &index.blocks {
            for row in block.kept_rows() {
                let images = block.image_refs(row).to_vec();
                kept.push((
                    block.traces.shuffle_key[row],
                    u64::from(block.traces.tokens[row]),
                    images,
                ));
            }
        }
        kept
    }

    fn tokens(index: &Index) -> Vec<u64> {
        let mut tokens = vec![0; 5];
        for (key, of_trace, _) in kept(index) {
            tokens[(key >> PIECE_BITS) as usize] += of_trace;
        }
        tokens
    }

    proptest! {
        #[test]
        fn pieces_say_what_lies_in_them_and_none_is_too_much_that_can_be_taken_apart(
            index in index(), most_tokens in 1..200_u64, most_bytes in 1..500_u64,
        ) {
            let limits = RangeLimits { tokens: most_tokens, image_bytes: most_bytes };
            let cells = cells(&index, Split::Train, &tokens(&index), limits);
            prop_assert!(cells.is_sorted_by(|one, next| one.start < next.start));
            prop_assert_eq!(cells[0].start, 0);
            let ends = cells[1..].iter().map(|cell| cell.start).chain([u64::MAX]);
            for (cell, end) in cells.iter().zip(ends) {
                let inside: Vec<_> = kept(&index).into_iter()
                    .filter(|(key, ..)| (cell.start..end).contains(key)).collect();
                let sum = inside.iter().map(|(_, tokens, _)| tokens).sum::<u64>();
                let mut images: Vec<u32> = inside.iter().flat_map(|(.., images)| images.clone()).collect();
                images.sort_unstable();
                images.dedup();
                let bytes = images.iter().map(|&image| image_bytes(image as usize)).sum::<u64>();
                prop_assert_eq!((cell.tokens, cell.image_bytes), (sum, bytes));
                let uppers: Vec<u64> = inside.iter().map(|(key, ..)| key >> IMAGE_BITS).collect();
                let is_one = uppers.windows(2).all(|pair| pair[0] == pair[1]);
                prop_assert!(bytes <= most_bytes || is_one);
                // A part of an image ends with the key that fills it.
                let last = inside.iter().map(|(key, ..)| *key).max();
                let before: u64 = inside.iter().filter(|(key, ..)| Some(*key) != last).map(|one| one.1).sum();
                prop_assert!(sum <= most_tokens || is_one && before < most_tokens);
            }
        }

        #[test]
        fn an_image_that_no_range_is_too_small_for_lies_in_one_piece(index in index()) {
            let limits = RangeLimits { tokens: 1_000_000, image_bytes: 1 };
            let cells = cells(&index, Split::Train, &tokens(&index), limits);
            for upper in IMAGES {
                let starts = cells.iter().map(|cell| cell.start);
                let cut = starts.filter(|start| start >> IMAGE_BITS == upper && start << IMAGE_BITS != 0);
                prop_assert!(cut.count() <= 1);
            }
        }
    }
}
