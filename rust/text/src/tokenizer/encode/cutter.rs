//! A text cut into words, window by window where it is plain, else word by word.

use std::ops::Range;

use super::block::{BLOCK, Block};
use super::window::{WINDOW, starts};
use super::word_batch::{FULL, WordBatch};
use crate::tokenizer::bpe::boundaries::MergeBoundaries;
use crate::tokenizer::cache::hot::{MAX_KEY_BYTES, NO_KEY, word_key};
use crate::tokenizer::split::Splitter;

/// Words of at most so many bytes are not cut into parts: they come again as they are.
const UNCUT: usize = 8;

/// Cuts a text into words, and some words into parts.
pub(super) struct Cutter<'a, S> {
    pub splitter: &'a mut S,
    pub text: &'a [u8],
    /// The boundaries at which words may be cut, if they may.
    pub boundaries: Option<&'a MergeBoundaries>,
    /// Where the word ends that is being cut into parts.
    pub parts_end: usize,
}

impl<S: Splitter> Cutter<'_, S> {
    /// Cuts words until there are enough or one ends at or after the last byte of `bytes`; returns its end.
    ///
    /// # Safety
    /// `AVX2` asks for [`Isa::Avx2`], and `AVX512` for [`Isa::Avx512`].
    #[inline(always)]
    pub unsafe fn cut<const AVX2: bool, const AVX512: bool>(
        &mut self,
        bytes: Range<usize>,
        batch: &mut WordBatch,
    ) -> usize {
        let mut at = self.cut_parts(bytes.start, batch);
        while at < bytes.end && batch.len() < FULL {
            // A window's words begin before `bytes.end`, and sixteen bytes can be read from each.
            let window = self.text[at..].first_chunk::<{ WINDOW + MAX_KEY_BYTES }>();
            let Some(window) = window.filter(|_| at + WINDOW <= bytes.end) else {
                at = self.cut_one(at, bytes.end, batch);
                continue;
            };
            // SAFETY: as the caller says.
            let (end, hard) = unsafe { cut_window::<S, AVX2, AVX512>(window, at, batch) };
            at = end;
            if hard {
                at = self.cut_one(at, bytes.end, batch);
            }
        }
        at
    }

    /// Cuts the word at byte `at` by its first bytes or by the splitter, or the first of its parts; returns where they end.
    fn cut_one(&mut self, at: usize, stop: usize, batch: &mut WordBatch) -> usize {
        let block = Block::load(self.text, at);
        let length = match certain_word::<S>(block, self.text[at]) {
            0 => self.splitter.end(self.text, at) - at,
            certain => certain,
        };
        let end = at + length;
        // The last word stays whole: an edge may fall inside it, and is resolved by its tokens.
        if end < stop && length > UNCUT && self.may_be_cut(at, end) {
            self.parts_end = end;
            return self.cut_parts(at, batch);
        }
        self.push(at, end, block, batch);
        end
    }

    /// Whether looking for merge boundaries in the word may pay: it begins or ends with a character of three bytes, of
    /// those that are written without spaces.
    #[inline]
    fn may_be_cut(&self, start: usize, end: usize) -> bool {
        let wide = |at: usize| self.text[at] >= 0xE3;
        self.boundaries.is_some() && (wide(start) || wide(start + 1) || wide(end - 3))
    }

    /// Cuts the word that is being cut into parts until there are enough, from the part at byte `at`; returns
    /// where they end, which is `at` if there is no such word.
    fn cut_parts(&mut self, mut at: usize, batch: &mut WordBatch) -> usize {
        let end = self.parts_end;
        while let Some(boundaries) = self.boundaries
            && at < end
            && batch.len() < FULL
        {
            let (mut bits, all) = boundaries.within(self.text, at, end);
            let last = all || bits == 0;
            let first = at;
            while bits != 0 {
                let boundary = first + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                self.push(at, boundary, Block::load(self.text, at), batch);
                at = boundary;
            }
            if last {
                self.push(at, end, Block::load(self.text, at), batch);
                at = end;
            }
        }
        at
    }

    #[inline]
    fn push(&self, start: usize, end: usize, block: Block, batch: &mut WordBatch) {
        // Zeros at its end would be taken for the padding of a shorter word.
        let key = match self.text[end - 1] {
            0 => NO_KEY,
            _ => word_key(block.bytes(), end - start),
        };
        batch.push(end, key);
    }
}

/// Cuts the plain words of a window that begins at byte `at`; returns where they end, and whether the word there is to be
/// cut by the splitter.
///
/// # Safety
/// `AVX2` asks for [`Isa::Avx2`], and `AVX512` for [`Isa::Avx512`].
#[inline(always)]
unsafe fn cut_window<S: Splitter, const AVX2: bool, const AVX512: bool>(
    window: &[u8; WINDOW + MAX_KEY_BYTES],
    at: usize,
    batch: &mut WordBatch,
) -> (usize, bool) {
    let Some(plain) = window.first_chunk() else {
        return (at, true);
    };
    // SAFETY: as the caller says.
    let found = unsafe { starts::<S, AVX2>(plain) };
    #[cfg(target_arch = "x86_64")]
    if AVX512 {
        let last = u64::from(found.closed) << (found.end % 64);
        // SAFETY: as the caller says; the ends ascend, and words begin at 0 and at each but the last.
        unsafe { batch.put_window(plain, at, found.bits | 1, found.bits | last) };
        let start = (found.bits | 1).ilog2() as usize;
        return match found.closed {
            true => (at + found.end as usize, found.hard),
            false => (at + start, found.hard || start == 0),
        };
    }
    let mut bits = found.bits;
    let mut start = 0;
    let mut count = batch.len();
    let mut put = |count: usize, start: usize, end: usize| {
        let first = window[start..].first_chunk().copied().unwrap_or_default();
        batch.put(count, at + end, word_key(first, end - start))
    };
    while bits != 0 {
        let end = bits.trailing_zeros() as usize;
        bits &= bits - 1;
        count = put(count, start, end);
        start = end;
    }
    if found.closed {
        let end = found.end as usize;
        count = put(count, start, end);
        batch.grow(count);
        return (at + end, found.hard);
    }
    batch.grow(count);
    (at + start, found.hard || start == 0)
}

/// The length of the word at the start of the block, where these bytes decide it; else 0.
#[inline]
fn certain_word<S: Splitter>(block: Block, first: u8) -> usize {
    let letters = block.letters();
    let length = if S::CASED {
        cased_length(letters, block.capitals())
    } else {
        (letters | 1).trailing_ones()
    } as usize;
    let lead = S::MIN_CERTAIN_LEN[usize::from(first)];
    let ascii_after = (block.beyond_ascii() >> length) & 1 == 0;
    if length >= usize::from(lead) && length < BLOCK && ascii_after {
        let quoted = S::CASED && block.byte(length) == b'\'';
        return if quoted { 0 } else { length };
    }
    // A lone mark before a space is a word, and so is a digit where digits are not joined.
    let mark = lead == 2 && first > b' ' && block.byte(1) == b' ';
    let digit = S::LONE_DIGITS && first.is_ascii_digit();
    usize::from(mark || digit)
}

/// The length of one leading byte of any kind, capitals, then small letters.
#[inline]
fn cased_length(letters: u32, capitals: u32) -> u32 {
    let lead = !letters & 1;
    let after_capitals = lead + (capitals >> lead).trailing_ones();
    after_capitals + ((letters & !capitals) >> after_capitals).trailing_ones()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::isa::Isa;
    use super::*;
    use crate::tokenizer::split::{Cased, DeepSeek, Gpt2, Words};

    /// The words of a window with their ends and keys; where they end, and whether the next one is the splitter's.
    type Cut = (Vec<(usize, u128)>, (usize, bool));

    unsafe fn cut<S: Splitter, const AVX2: bool, const AVX512: bool>(
        window: &[u8; WINDOW + MAX_KEY_BYTES],
        before: usize,
    ) -> Cut {
        let mut batch = WordBatch::new();
        batch.restart(1000 - before);
        (0..before).for_each(|word| batch.push(1001 - before + word, 5));
        // SAFETY: as the caller says.
        let ended = unsafe { cut_window::<S, AVX2, AVX512>(window, 1000, &mut batch) };
        (batch.words(), ended)
    }

    /// The words of a window with every instruction set that the processor has.
    fn cut_by_each<S: Splitter>(window: &[u8; WINDOW + MAX_KEY_BYTES], before: usize) -> Vec<Cut> {
        // SAFETY: only what the processor has is called.
        let cut = |isa| unsafe {
            match isa {
                Isa::Baseline => cut::<S, false, false>(window, before),
                Isa::Avx2 => cut::<S, true, false>(window, before),
                Isa::Avx512 => cut::<S, true, true>(window, before),
            }
        };
        Isa::available().map(cut).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

        #[test]
        fn words_of_a_window_are_the_same_with_every_instruction_set(
            pieces in prop::collection::vec(prop_oneof!["[a-zA-Z]{1,3}", "[a-zA-Z]{4,20}", "[ -~]", " ", "[0-9]", "é"], 80),
            before in 0..FULL,
        ) {
            let text = pieces.concat().into_bytes();
            let Some(window) = text.first_chunk() else {
                return Ok(());
            };
            for cut in [cut_by_each::<Words<1>>, cut_by_each::<Words<3>>, cut_by_each::<Gpt2>, cut_by_each::<DeepSeek>,
                cut_by_each::<Cased<3, true>>, cut_by_each::<Cased<1, false>>] {
                let mut all = cut(window, before).into_iter();
                let baseline = all.next();
                for caches in all {
                    prop_assert_eq!(Some(&caches), baseline.as_ref());
                }
            }
        }
    }
}
