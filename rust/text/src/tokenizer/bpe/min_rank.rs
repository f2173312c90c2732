//! The leftmost of the lowest ranks of a short word, by comparing all of them at once.

use super::pairs::NO_RANK;
use crate::tokenizer::spec::tokenizer_spec::MAX_MERGES;

/// The most pieces that are merged so: more are faster by a heap.
pub(crate) const MOST: usize = 1 << POSITION_BITS;
const POSITION_BITS: u32 = 7;
/// The entry of a pair that does not merge.
const NONE: u32 = u32::MAX >> 1;
/// MinRank that are looked at together.
const CHUNK: usize = 4;

const _: () = assert!(MAX_MERGES < (NONE >> POSITION_BITS) as usize);

/// Rank and position of every pair in one number, so that the least of them says both.
#[derive(Debug, Default)]
pub(crate) struct MinRank(Vec<u32>);

impl MinRank {
    /// Takes the ranks of at most [`MOST`] pairs.
    pub fn start(&mut self, ranks: &[u32]) {
        self.0.clear();
        self.0
            .extend((0..).zip(ranks).map(|(at, rank)| entry(at, *rank)));
        let whole = ranks.len().next_multiple_of(CHUNK);
        self.0.resize(whole, NONE);
    }

    /// Changes the rank of the pair at a position.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "below MOST")]
    pub fn set(&mut self, at: usize, rank: u32) {
        self.0[at] = entry(at as u32, rank);
    }

    /// The position of the lowest rank, and that rank.
    #[inline]
    pub fn min(&self) -> Option<(usize, u32)> {
        let least = least(self.0.as_chunks().0);
        (least != NONE).then_some((least as usize % MOST, least >> POSITION_BITS))
    }
}

#[inline]
fn entry(at: u32, rank: u32) -> u32 {
    match rank {
        NO_RANK => NONE,
        rank => rank << POSITION_BITS | at,
    }
}

/// The least entry. The compiler's own vectors for this gather the lanes of several chunks, at ten times the cost.
#[cfg(target_arch = "x86_64")]
#[inline]
fn least(chunks: &[[u32; CHUNK]]) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_andnot_si128, _mm_cmpgt_epi32, _mm_cvtsi128_si32,
        _mm_loadu_si128, _mm_or_si128, _mm_set1_epi32, _mm_shuffle_epi32,
    };
    // SAFETY: each load reads the sixteen bytes of one chunk and needs no alignment; SSE2 is part of every x86-64.
    unsafe {
        let lesser = |left, right| {
            let greater = _mm_cmpgt_epi32(left, right);
            _mm_or_si128(
                _mm_and_si128(greater, right),
                _mm_andnot_si128(greater, left),
            )
        };
        let mut least = _mm_set1_epi32(NONE.cast_signed());
        for chunk in chunks {
            least = lesser(least, _mm_loadu_si128(chunk.as_ptr().cast::<__m128i>()));
        }
        least = lesser(least, _mm_shuffle_epi32::<0b01_00_11_10>(least));
        least = lesser(least, _mm_shuffle_epi32::<0b10_11_00_01>(least));
        _mm_cvtsi128_si32(least).cast_unsigned()
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn least(chunks: &[[u32; CHUNK]]) -> u32 {
    chunks.as_flattened().iter().copied().fold(NONE, u32::min)
}
