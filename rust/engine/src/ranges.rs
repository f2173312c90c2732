//! Ranges: intervals of shuffle keys of about equal tokens, and of bounded images, the unit of writing.

use octomed_index::Index;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::range_cells::{Cell, RangeLimits, cells};
use crate::split::Split;

/// Tokens of the smallest and the largest range. A range's extents should stay in the page cache while it
/// is written, at about two bytes a token.
const SMALLEST: u64 = 75_000_000;
const LARGEST: u64 = 150_000_000;
/// With more blocks ranges grow, so that the extent in one block stays a long read.
const TOKENS_PER_BLOCK: u64 = 64_000;
/// Bytes of the distinct images of a range at most: they stay in the page cache, too.
const IMAGE_BYTES: u64 = 1 << 30;
/// Keys are hashes, so cutting at multiples of 2⁴⁸ is exact to a few hundred traces of eight million.
const BINS: usize = 1 << 16;

/// The key space, cut: range `r` holds the keys in `starts[r]..starts[r + 1]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySpace {
    starts: Vec<u64>,
}

impl KeySpace {
    /// Cuts by quantiles of the tokens that are written for a split, and so that no range has too many bytes of distinct
    /// images.
    #[must_use]
    pub fn cut(index: &Index, split: Split) -> Self {
        let blocks = index.blocks.len() as u64;
        let limits = RangeLimits {
            tokens: LARGEST.min(SMALLEST.max(TOKENS_PER_BLOCK * blocks)),
            image_bytes: IMAGE_BYTES,
        };
        Self::cut_within(index, split, limits)
    }

    /// As [`Self::cut`], for ranges of another size.
    pub(crate) fn cut_within(index: &Index, split: Split, limits: RangeLimits) -> Self {
        let mut tokens = vec![0_u64; BINS];
        for block in &index.blocks {
            for row in 0..block.len() {
                let bin = (block.traces.shuffle_key[row] >> 48) as usize;
                let copies = u64::from(split.copies(block, row));
                tokens[bin] += copies * u64::from(block.traces.tokens[row]);
            }
        }
        if index.blocks.iter().all(|block| block.images.is_empty()) {
            return Self::from_bins(&tokens, limits.tokens);
        }
        Self::from_cells(&cells(index, split, &tokens, limits), limits)
    }

    /// Cuts between pieces of the key space: by quantiles of tokens, or of bytes of images where these ask for more
    /// ranges, and always before a range would have too many bytes. Without images this is [`Self::from_bins`].
    fn from_cells(cells: &[Cell], limits: RangeLimits) -> Self {
        let tokens: u64 = cells.iter().map(|cell| cell.tokens).sum();
        let bytes: u64 = cells.iter().map(|cell| cell.image_bytes).sum();
        let by_tokens = (tokens / limits.tokens).max(1);
        let by_bytes = bytes.div_ceil(limits.image_bytes);
        let counts_bytes = by_bytes > by_tokens;
        let (count, total) = if counts_bytes {
            (by_bytes, bytes)
        } else {
            (by_tokens, tokens)
        };
        let mut starts = vec![0];
        let (mut before, mut bytes_of_range) = (0, 0);
        for cell in cells {
            let wanted = u128::from(total) * starts.len() as u128 / u128::from(count);
            let is_quantile =
                u128::from(before) >= wanted && before > 0 && (starts.len() as u64) < count;
            let is_full =
                bytes_of_range > 0 && bytes_of_range + cell.image_bytes > limits.image_bytes;
            if is_quantile || is_full {
                starts.push(cell.start);
                bytes_of_range = 0;
            }
            before += if counts_bytes {
                cell.image_bytes
            } else {
                cell.tokens
            };
            bytes_of_range += cell.image_bytes;
        }
        Self { starts }
    }

    fn from_bins(tokens: &[u64], size: u64) -> Self {
        let total: u64 = tokens.iter().sum();
        let count = (total / size).max(1);
        let mut starts = vec![0];
        let mut before = 0;
        for (bin, here) in (0_u64..).zip(tokens) {
            let wanted = total * starts.len() as u64 / count;
            if before >= wanted && before > 0 && (starts.len() as u64) < count {
                starts.push(bin << 48);
            }
            before += here;
        }
        Self { starts }
    }

    /// Number of ranges, at least 1.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether nothing was cut yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The rows of sorted `keys` that lie in range `range`.
    #[must_use]
    pub fn rows(&self, keys: &[u64], range: usize) -> std::ops::Range<usize> {
        let from = keys.partition_point(|&key| key < self.starts[range]);
        let to = match self.starts.get(range + 1) {
            Some(&end) => keys.partition_point(|&key| key < end),
            None => keys.len(),
        };
        from..to
    }

    /// The ranges in the order in which they are written.
    #[must_use]
    pub fn permuted(&self, seed: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_unstable_by_key(|&range| (xxh3_64_with_seed(&range.to_le_bytes(), seed), range));
        order
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_cover_every_key_once_and_are_about_equal(
            tokens in prop::collection::vec(0u64..1000, 400), size in 1u64..100_000,
        ) {
            let space = KeySpace::from_bins(&tokens, size);
            let total: u64 = tokens.iter().sum();
            prop_assert_eq!(space.len() as u64 <= (total / size).max(1), true);
            let keys: Vec<u64> = (0..400u64).map(|bin| bin << 48).collect();
            let mut next = 0;
            for range in 0..space.len() {
                let rows = space.rows(&keys, range);
                prop_assert_eq!(rows.start, next);
                next = rows.end;
                let here: u64 = tokens[rows].iter().sum();
                prop_assert!(here <= total / space.len() as u64 + 2_000);
            }
            prop_assert_eq!(next, keys.len());
        }

        #[test]
        fn pieces_without_images_are_cut_as_bins_are(
            tokens in prop::collection::vec(0u64..1000, 400), size in 1000u64..100_000, image_bytes in 1u64..9,
        ) {
            let cells: Vec<Cell> = (0_u64..).zip(&tokens).map(|(bin, &tokens)| Cell {
                start: bin << 48,
                tokens,
                image_bytes: 0,
            }).collect();
            let limits = RangeLimits { tokens: size, image_bytes };
            prop_assert_eq!(KeySpace::from_cells(&cells, limits), KeySpace::from_bins(&tokens, size));
        }

        #[test]
        fn no_range_has_more_images_than_the_limit_and_there_are_few(
            cells in prop::collection::vec((0u64..1000, 0u64..100), 1..400),
            size in 1000u64..100_000, most in 100u64..3000,
        ) {
            let of = |(start, (tokens, image_bytes))| Cell { start, tokens, image_bytes };
            let cells: Vec<Cell> = (0..).zip(cells).map(of).collect();
            let limits = RangeLimits { tokens: size, image_bytes: most };
            let space = KeySpace::from_cells(&cells, limits);
            let keys: Vec<u64> = cells.iter().map(|cell| cell.start).collect();
            let mut next = 0;
            for range in 0..space.len() {
                let rows = space.rows(&keys, range);
                prop_assert_eq!(rows.start, next);
                next = rows.end;
                prop_assert!(cells[rows].iter().map(|cell| cell.image_bytes).sum::<u64>() <= most);
            }
            prop_assert_eq!(next, cells.len());
            let (tokens, bytes) = cells.iter().fold((0, 0), |(tokens, bytes), cell| {
                (tokens + cell.tokens, bytes + cell.image_bytes)
            });
            // Two ranges in a row have more than the limit together, but for those that a quantile cuts off.
            prop_assert!(space.len() as u64 <= 1 + tokens / size + 3 * bytes.div_ceil(most));
        }

        #[test]
        fn a_permutation_is_one(count in 1usize..50, seed: u64) {
            let space = KeySpace { starts: (0..count as u64).collect() };
            let mut order = space.permuted(seed);
            order.sort_unstable();
            prop_assert_eq!(order, (0..count).collect::<Vec<_>>());
        }
    }
}
