//! Sixty-four bytes of text at once: where the words of plain ASCII text begin.
//!
//! A word at a time, each word has to wait for the end of the one before it. Here the words of a window
//! follow from bits: most text is letters, lone spaces before them, and lone marks, and there the patterns
//! agree on what a word is. What is not so plain ends the window, and the splitter looks at it.

use crate::tokenizer::split::Splitter;

/// Bytes in a window.
pub(crate) const WINDOW: usize = 64;

/// Which bytes of a window are of a kind, the first in the lowest bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kinds {
    letters: u64,
    capitals: u64,
    digits: u64,
    spaces: u64,
    /// Visible ASCII that is neither letter nor digit.
    marks: u64,
    quotes: u64,
    ascii: u64,
}

/// The words at the start of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Starts {
    /// Where words begin after the first one, which begins at byte 0.
    pub bits: u64,
    /// Where the last word ends, if [`Self::closed`]; no bit is at or after it.
    pub end: u32,
    /// Whether the last word surely ends at `end`; else the splitter has to cut it.
    pub closed: bool,
    /// Whether the byte at `end` begins a word that the splitter has to cut.
    pub hard: bool,
}

/// The words of the window whose first byte begins one.
///
/// # Safety
/// `AVX2` asks for [`super::isa::Isa::Avx2`].
#[inline(always)]
pub(crate) unsafe fn starts<S: Splitter, const AVX2: bool>(window: &[u8; WINDOW]) -> Starts {
    const { assert!(S::MIN_CERTAIN_LEN[b' ' as usize] == 2) };
    let kinds = if AVX2 {
        // SAFETY: with `AVX2` the caller promises that the processor has it.
        unsafe { Kinds::of_avx2(window) }
    } else {
        Kinds::of(window)
    };
    let letters = kinds.letters;
    let digits = if S::LONE_DIGITS { kinds.digits } else { 0 };
    let before = (letters | digits) << 1 | 1;
    let after = letters >> 1;
    let spaces = kinds.spaces & (after | digits >> 1);
    let (mut joined, mut lone) = (0, 0);
    if S::MIN_CERTAIN_LEN[b'-' as usize] == 2 {
        joined = kinds.marks & !kinds.quotes & before & after;
        lone = kinds.marks & before & (kinds.spaces | digits) >> 1;
    }
    let mut begin = spaces | joined | lone | digits | letters & digits << 1;
    if S::CASED {
        begin |= kinds.capitals & (letters & !kinds.capitals) << 1;
    }
    let plain = letters | digits | spaces | joined | lone;
    let end = plain.trailing_ones();
    // The last byte's successor is not seen: a space or a mark there is not plain, and yet not hard.
    let hard = end < WINDOW as u32 - 1;
    let at = 1_u64.checked_shl(end).unwrap_or(0);
    let prolongs = if S::CASED { kinds.quotes } else { 0 };
    Starts {
        bits: begin & at.wrapping_sub(1) & !1,
        end,
        closed: end > 0 && kinds.ascii & !prolongs & at != 0,
        hard,
    }
}

impl Kinds {
    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn of(window: &[u8; WINDOW]) -> Self {
        use std::arch::x86_64::{
            __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8,
            _mm_or_si128, _mm_set1_epi8, _mm_sub_epi8,
        };
        let mut kinds = Self::default();
        for part in 0..4 {
            // SAFETY: `16 * part` is at most 48, so the sixteen bytes are inside the window; the load needs no alignment,
            // and SSE2 is part of every x86-64.
            let bits = unsafe {
                let bytes = _mm_loadu_si128(window.as_ptr().add(16 * part).cast::<__m128i>());
                let mask = |found: __m128i| u64::from(_mm_movemask_epi8(found).cast_unsigned());
                let same = |bytes, byte: u8| {
                    mask(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed())))
                };
                let within = |bytes, first: u8, count: u8| {
                    let moved = _mm_sub_epi8(bytes, _mm_set1_epi8(first.cast_signed()));
                    let last = _mm_set1_epi8((count - 1).cast_signed());
                    mask(_mm_cmpeq_epi8(_mm_min_epu8(moved, last), moved))
                };
                let folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
                Self {
                    letters: within(folded, b'a', 26),
                    capitals: within(bytes, b'A', 26),
                    digits: within(bytes, b'0', 10),
                    spaces: same(bytes, b' '),
                    marks: within(bytes, b'!', b'~' - b' '),
                    quotes: same(bytes, b'\''),
                    ascii: mask(bytes),
                }
            };
            kinds.join(bits, 16 * part);
        }
        kinds.ascii = !kinds.ascii;
        kinds.marks &= !(kinds.letters | kinds.digits);
        kinds
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn join(&mut self, bits: Self, shift: usize) {
        self.letters |= bits.letters << shift;
        self.capitals |= bits.capitals << shift;
        self.digits |= bits.digits << shift;
        self.spaces |= bits.spaces << shift;
        self.marks |= bits.marks << shift;
        self.quotes |= bits.quotes << shift;
        self.ascii |= bits.ascii << shift;
    }

    /// As [`Self::of`] in half the instructions.
    ///
    /// # Safety
    /// The processor must have AVX2.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn of_avx2(window: &[u8; WINDOW]) -> Self {
        use std::arch::x86_64::{
            __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8,
            _mm256_or_si256, _mm256_set1_epi8, _mm256_sub_epi8,
        };
        let mut kinds = Self::default();
        for part in 0..2 {
            // SAFETY: `32 * part` is at most 32, so the 32 bytes are inside the window; the load needs no alignment.
            let bytes = unsafe { _mm256_loadu_si256(window.as_ptr().add(32 * part).cast()) };
            let bits = {
                let all = |byte: u8| _mm256_set1_epi8(byte.cast_signed());
                let mask = |found: __m256i| u64::from(_mm256_movemask_epi8(found).cast_unsigned());
                let same = |bytes, byte| mask(_mm256_cmpeq_epi8(bytes, all(byte)));
                let within = |bytes, first, count: u8| {
                    let moved = _mm256_sub_epi8(bytes, all(first));
                    mask(_mm256_cmpeq_epi8(
                        _mm256_min_epu8(moved, all(count - 1)),
                        moved,
                    ))
                };
                Self {
                    letters: within(_mm256_or_si256(bytes, all(0x20)), b'a', 26),
                    capitals: within(bytes, b'A', 26),
                    digits: within(bytes, b'0', 10),
                    spaces: same(bytes, b' '),
                    marks: within(bytes, b'!', b'~' - b' '),
                    quotes: same(bytes, b'\''),
                    ascii: mask(bytes),
                }
            };
            kinds.join(bits, 32 * part);
        }
        kinds.ascii = !kinds.ascii;
        kinds.marks &= !(kinds.letters | kinds.digits);
        kinds
    }

    #[cfg(not(target_arch = "x86_64"))]
    unsafe fn of_avx2(window: &[u8; WINDOW]) -> Self {
        Self::one_by_one(window)
    }

    #[cfg(any(test, not(target_arch = "x86_64")))]
    fn one_by_one(window: &[u8; WINDOW]) -> Self {
        let bits = |holds: fn(&u8) -> bool| {
            let all = window.iter().rev();
            all.fold(0, |bits, byte| bits << 1 | u64::from(holds(byte)))
        };
        Self {
            letters: bits(u8::is_ascii_alphabetic),
            capitals: bits(u8::is_ascii_uppercase),
            digits: bits(u8::is_ascii_digit),
            spaces: bits(|byte| *byte == b' '),
            marks: bits(u8::is_ascii_punctuation),
            quotes: bits(|byte| *byte == b'\''),
            ascii: bits(u8::is_ascii),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn of(window: &[u8; WINDOW]) -> Self {
        Self::one_by_one(window)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tokenizer::split::{Cased, DeepSeek, Gpt2, Words};

    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            6 => "[a-zA-Z]{1,9}",
            4 => Just(" ".to_owned()),
            2 => "[!-/:-@]",
            1 => "[0-9]{1,3}",
            1 => prop::sample::select(vec!["\n", "\t", "  ", "'s", "é", "中", "\0", "\u{7f}", "'"])
                .prop_map(str::to_owned),
        ];
        let pieces = prop::collection::vec(piece, 64..90);
        pieces.prop_map(|pieces| pieces.concat())
    }

    /// The window's words are those that the splitter cuts.
    fn agrees<S: Splitter>(text: &str) -> Result<(), TestCaseError> {
        let bytes = text.as_bytes();
        let mut cut = vec![0];
        let mut splitter = S::default();
        while let Some(&last) = cut.last().filter(|last| **last < bytes.len()) {
            cut.push(splitter.end(bytes, last));
        }
        for &at in &cut {
            let Some(window) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
                break;
            };
            // SAFETY: AVX2 is not used.
            let found = unsafe { starts::<S, false>(window) };
            let mut ours: Vec<usize> = (0..64)
                .filter(|bit| found.bits >> bit & 1 == 1)
                .map(|bit| at + bit)
                .collect();
            if found.closed {
                ours.push(at + found.end as usize);
            }
            let last = ours.last().copied().unwrap_or(at);
            let theirs: Vec<usize> = cut
                .iter()
                .copied()
                .filter(|end| *end > at && *end <= last)
                .collect();
            prop_assert_eq!(ours, theirs, "{:?} at {}", text, at);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn vectors_equal_bytes(window in prop::array::uniform32(any::<[u8; 2]>())) {
            let window: [u8; WINDOW] = std::array::from_fn(|at| window[at / 2][at % 2]);
            prop_assert_eq!(Kinds::of(&window), Kinds::one_by_one(&window));
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                // SAFETY: there is AVX2.
                prop_assert_eq!(unsafe { Kinds::of_avx2(&window) }, Kinds::one_by_one(&window));
            }
        }

        #[test]
        fn words_are_those_of_the_splitter(text in text()) {
            agrees::<Words<1>>(&text)?;
            agrees::<Words<3>>(&text)?;
            agrees::<Gpt2>(&text)?;
            agrees::<Cased<3, true>>(&text)?;
            agrees::<Cased<1, false>>(&text)?;
            agrees::<DeepSeek>(&text)?;
        }
    }
}
