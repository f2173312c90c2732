//! Which bytes of a text may belong to a word: 64 at once.

/// Bytes that are looked at together.
pub const CHUNK: usize = 64;

/// What the bytes of a chunk are, a bit each, the first byte's lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classes {
    /// ASCII letters and digits, and every byte of a character beyond ASCII.
    pub word: u64,
    /// Bytes of characters beyond ASCII.
    pub foreign: u64,
}

impl Classes {
    /// What these bytes are.
    #[inline]
    pub fn of(chunk: &[u8; CHUNK]) -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            sse2(chunk)
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            one_by_one(chunk)
        }
    }
}

/// What any processor can do; the measure of the others.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn one_by_one(chunk: &[u8; CHUNK]) -> Classes {
    let (mut word, mut foreign) = (0, 0);
    for (bit, byte) in chunk.iter().enumerate() {
        word |= u64::from(byte.is_ascii_alphanumeric() || !byte.is_ascii()) << bit;
        foreign |= u64::from(!byte.is_ascii()) << bit;
    }
    Classes { word, foreign }
}

/// The same with SSE2, which every x86-64 has.
#[cfg(target_arch = "x86_64")]
#[inline]
fn sse2(chunk: &[u8; CHUNK]) -> Classes {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8, _mm_sub_epi8,
    };
    let (mut word, mut foreign) = (0, 0);
    for (number, piece) in chunk.as_chunks::<16>().0.iter().enumerate() {
        // SAFETY: SSE2 is part of x86-64; the load reads the 16 bytes of `piece`, wherever they are.
        let (of_word, of_foreign) = unsafe {
            let bytes = _mm_loadu_si128(piece.as_ptr().cast());
            // A byte is in a range when what it is above the first is no more than the last is.
            let in_range = |bytes, first, length| {
                let above = _mm_sub_epi8(bytes, _mm_set1_epi8(first));
                _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(length)), above)
            };
            let lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
            let letter = in_range(lower, b'a' as i8, 25);
            let digit = in_range(bytes, b'0' as i8, 9);
            let ascii = _mm_movemask_epi8(_mm_or_si128(letter, digit)) as u16;
            let foreign = _mm_movemask_epi8(bytes) as u16;
            (ascii | foreign, foreign)
        };
        word |= u64::from(of_word) << (16 * number);
        foreign |= u64::from(of_foreign) << (16 * number);
    }
    Classes { word, foreign }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_classed_as_one_by_one_at_every_place() {
        for place in 0..CHUNK {
            for byte in 0..=255 {
                let mut chunk = [b' '; CHUNK];
                chunk[place] = byte;
                assert_eq!(Classes::of(&chunk), one_by_one(&chunk), "{byte} at {place}");
            }
        }
    }
}
