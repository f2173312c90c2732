//! Sixteen bytes of text at once: where its letters are.

/// Bytes in a block.
pub(crate) const BLOCK: usize = 16;

/// Sixteen bytes, the first in the lowest place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block([u8; BLOCK]);

impl Block {
    /// The bytes at `at`, and zeros beyond the end of the text.
    #[inline]
    pub fn load(text: &[u8], at: usize) -> Self {
        if let Some(bytes) = text[at..].first_chunk() {
            return Self(*bytes);
        }
        Self::load_last(text, at)
    }

    #[cold]
    fn load_last(text: &[u8], at: usize) -> Self {
        let mut bytes = [0; BLOCK];
        bytes[..text.len() - at].copy_from_slice(&text[at..]);
        Self(bytes)
    }

    /// The byte at a place below [`BLOCK`].
    #[inline]
    pub fn byte(self, at: usize) -> u8 {
        self.0[at % BLOCK]
    }

    /// The bytes.
    #[inline]
    pub fn bytes(self) -> [u8; BLOCK] {
        self.0
    }

    /// A bit for each ASCII letter.
    #[inline]
    pub fn letters(self) -> u32 {
        self.in_range::<b'a', 0x20>()
    }

    /// A bit for each upper-case ASCII letter.
    #[inline]
    pub fn capitals(self) -> u32 {
        self.in_range::<b'A', 0>()
    }

    /// A bit for each byte that is no ASCII.
    #[inline]
    pub fn beyond_ascii(self) -> u32 {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::_mm_movemask_epi8;
            // SAFETY: these need SSE2, which is part of every x86-64.
            unsafe { _mm_movemask_epi8(self.vector()).cast_unsigned() }
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.bits(|byte| !byte.is_ascii())
    }

    /// A bit for each byte that, with the bits of `FOLD` set, is one of 26 from `FIRST`.
    #[inline]
    fn in_range<const FIRST: u8, const FOLD: u8>(self) -> u32 {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{
                _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
                _mm_sub_epi8,
            };
            // SAFETY: these need SSE2, which is part of every x86-64.
            unsafe {
                let folded = _mm_or_si128(self.vector(), _mm_set1_epi8(FOLD.cast_signed()));
                let moved = _mm_sub_epi8(folded, _mm_set1_epi8(FIRST.cast_signed()));
                let inside = _mm_cmpeq_epi8(_mm_min_epu8(moved, _mm_set1_epi8(25)), moved);
                _mm_movemask_epi8(inside).cast_unsigned()
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.bits(|byte| (byte | FOLD).wrapping_sub(FIRST) < 26)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn vector(self) -> std::arch::x86_64::__m128i {
        // SAFETY: sixteen bytes are loaded from an array of sixteen; the load needs no alignment.
        unsafe { std::arch::x86_64::_mm_loadu_si128(self.0.as_ptr().cast()) }
    }

    #[cfg(any(test, not(target_arch = "x86_64")))]
    fn bits(self, holds: impl Fn(u8) -> bool) -> u32 {
        self.0
            .iter()
            .rev()
            .fold(0, |bits, byte| bits << 1 | u32::from(holds(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn vectors_equal_bytes(bytes: [u8; BLOCK]) {
            let block = Block::load(&bytes, 0);
            prop_assert_eq!(block.letters(), block.bits(|byte| byte.is_ascii_alphabetic()));
            prop_assert_eq!(block.capitals(), block.bits(|byte| byte.is_ascii_uppercase()));
            prop_assert_eq!(block.beyond_ascii(), block.bits(|byte| !byte.is_ascii()));
        }
    }
}
