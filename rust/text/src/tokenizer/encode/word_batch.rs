//! Words that are cut, on their way to becoming ids.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::window::WINDOW;
use crate::tokenizer::cache::hot::HotCache;
#[cfg(target_arch = "x86_64")]
use crate::tokenizer::cache::hot::MAX_KEY_BYTES;
use crate::tokenizer::cache::token_ids::TokenIds;
use crate::tokenizer::cache::words::ShortWordCache;

/// With this many words it is time to look them up.
pub(crate) const FULL: usize = 64;
/// Room for [`FULL`] words, and for those of one more window and of one more word.
pub(crate) const ROOM: usize = 256;
/// How many ids may be written after those of the words: room for so many more is needed.
pub(crate) const SPARE_IDS: usize = 8;

/// Some dozens of words, as arrays of their properties.
#[derive(Debug)]
pub(crate) struct WordBatch {
    count: usize,
    /// Where the first word begins; each of the others begins where the one before it ends.
    start: usize,
    ends: [usize; ROOM],
    keys: [u128; ROOM],
    values: [TokenIds; ROOM],
    /// The indices of the words that the hot cache lacks, and how many there are.
    missing: [usize; ROOM],
    missing_count: usize,
    /// The ids of words that have more than two and that no cache keeps.
    spilled: Vec<u32>,
}

impl WordBatch {
    pub fn new() -> Self {
        Self {
            count: 0,
            start: 0,
            ends: [0; ROOM],
            keys: [0; ROOM],
            values: [TokenIds::default(); ROOM],
            missing: [0; ROOM],
            missing_count: 0,
            spilled: Vec::new(),
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Forgets all words; the next one begins at `start`.
    pub fn restart(&mut self, start: usize) {
        self.count = 0;
        self.start = start;
        self.spilled.clear();
    }

    /// Appends a word; its key is that of [`crate::tokenizer::cache::hot::word_key`].
    #[inline]
    pub fn push(&mut self, end: usize, key: u128) {
        self.count = self.put(self.count, end, key);
    }

    /// Writes a word after `count` others and returns how many there are then; [`Self::grow`] appends what was written.
    #[inline]
    pub fn put(&mut self, count: usize, end: usize, key: u128) -> usize {
        let at = count % ROOM;
        self.ends[at] = end;
        self.keys[at] = key;
        at + 1
    }

    /// Appends the words that [`Self::put`] wrote, so that there are `count`.
    #[inline]
    pub fn grow(&mut self, count: usize) {
        self.count = count.min(ROOM);
    }

    /// Appends the words of a window that is at byte `at`. A bit of `begins` is set for each byte that begins a word, and
    /// one of `ends` for each byte that follows a word; both have equally many, and every word ends inside the window.
    ///
    /// # Safety
    /// The processor must have [`super::isa::Isa::Avx512`].
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2")]
    #[inline]
    pub unsafe fn put_window(&mut self, window: &[u8; WINDOW], at: usize, begins: u64, ends: u64) {
        use std::arch::x86_64::{
            __m256i, _mm256_add_epi64, _mm256_cvtepu8_epi64, _mm256_set1_epi64x,
            _mm256_storeu_si256, _mm512_add_epi8, _mm512_alignr_epi32, _mm512_castsi512_si128,
            _mm512_cmplt_epu8_mask, _mm512_loadu_si512, _mm512_mask_cmple_epu8_mask,
            _mm512_maskz_compress_epi8, _mm512_maskz_permutexvar_epi8, _mm512_permutexvar_epi8,
            _mm512_set1_epi8, _mm512_storeu_si512, _mm512_sub_epi8,
        };
        // A window has at most 64 words. They are written four at a time, so up to three entries after the last are
        // written as well (four where there are no words).
        const { assert!(FULL + WINDOW + WORDS_AT_ONCE <= ROOM) };
        let first = self.count % FULL;
        let count = ends.count_ones() as usize;
        // SAFETY: each of these arrays has the 64 bytes of a register.
        let [text, byte_numbers, byte_in_key, word_of_byte] = unsafe {
            [window, &BYTE_NUMBERS.0, &BYTE_IN_KEY.0, &WORD_OF_BYTE.0]
                .map(|bytes| _mm512_loadu_si512(bytes.as_ptr().cast()))
        };
        let longest = _mm512_set1_epi8(LONGEST);
        let base = _mm256_set1_epi64x(at.cast_signed() as i64);
        // The numbers of the bytes at which words begin and end, side by side: one byte of the register per word.
        let mut starts = _mm512_maskz_compress_epi8(begins, byte_numbers);
        let mut stops = _mm512_maskz_compress_epi8(ends, byte_numbers);
        let mut word = first;
        loop {
            // Start and length of each of the first four words, once for each of the sixteen bytes of its key.
            let start = _mm512_permutexvar_epi8(word_of_byte, starts);
            let length = _mm512_sub_epi8(_mm512_permutexvar_epi8(word_of_byte, stops), start);
            // The bytes of the word, and zeros after them; only zeros for a word that is too long for a key.
            let inside = _mm512_cmplt_epu8_mask(byte_in_key, length);
            let inside = _mm512_mask_cmple_epu8_mask(inside, length, longest);
            let source = _mm512_add_epi8(start, byte_in_key);
            let keys = _mm512_maskz_permutexvar_epi8(inside, source, text);
            let stop = _mm256_cvtepu8_epi64(_mm512_castsi512_si128(stops));
            let stop = _mm256_add_epi64(stop, base);
            // SAFETY: `word` is below `first + count` rounded up to four words, so the four keys and four ends written
            // here lie inside the arrays: see the assertion above.
            unsafe {
                _mm512_storeu_si512(self.keys.as_mut_ptr().add(word).cast(), keys);
                let ends = self.ends.as_mut_ptr().add(word);
                _mm256_storeu_si256(ends.cast::<__m256i>(), stop);
            }
            word += WORDS_AT_ONCE;
            if word >= first + count {
                break;
            }
            // The next four words become the first ones.
            starts = _mm512_alignr_epi32::<1>(starts, starts);
            stops = _mm512_alignr_epi32::<1>(stops, stops);
        }
        self.count = first + count;
    }

    /// Where the words end, and their keys.
    #[cfg(test)]
    pub fn words(&self) -> Vec<(usize, u128)> {
        let both = self.ends.iter().copied().zip(self.keys);
        both.take(self.count).collect()
    }

    /// Looks every word up in the hot cache, and lists those that are not there.
    #[inline]
    pub fn find(&mut self, hot: &HotCache) {
        let keys = &self.keys[..self.count];
        let mut missing = 0;
        for (word, (key, value)) in keys.iter().zip(&mut self.values).enumerate() {
            let found;
            (found, *value) = hot.find(*key);
            self.missing[missing % ROOM] = word;
            missing += usize::from(!found);
        }
        self.missing_count = missing;
    }

    /// How many words the hot cache lacks.
    pub fn missing(&self) -> usize {
        self.missing_count
    }

    /// The bytes of the `number`th word that the hot cache lacks.
    pub fn missing_word(&self, number: usize) -> Range<usize> {
        let word = self.missing[number];
        self.start_of(word)..self.ends[word]
    }

    /// The key of the `number`th word that the hot cache lacks.
    #[inline]
    pub fn missing_key(&self, number: usize) -> u128 {
        self.keys[self.missing[number] % ROOM]
    }

    /// Sets the ids of the `number`th word that the hot cache lacks, and keeps them there if they may be kept.
    #[inline]
    pub fn set(&mut self, number: usize, value: TokenIds, hot: &mut HotCache) {
        let word = self.missing[number] % ROOM;
        self.values[word] = value;
        hot.keep(self.keys[word], value);
    }

    /// Sets the ids of the `number`th word that the hot cache lacks; no other cache keeps them.
    pub fn set_ids(&mut self, number: usize, ids: &[u32], hot: &mut HotCache) {
        let value = TokenIds::transient(ids, &mut self.spilled);
        self.set(number, value, hot);
    }

    /// Where the last word begins.
    pub fn last_start(&self) -> usize {
        self.start_of(self.count.saturating_sub(1))
    }

    fn start_of(&self, word: usize) -> usize {
        match word {
            0 => self.start,
            _ => self.ends[word - 1],
        }
    }

    /// Appends the ids of all words; returns how many the last one has.
    ///
    /// # Safety
    /// `ids` has room for them and for [`SPARE_IDS`] more; `AVX2` asks for [`super::isa::Isa::Avx2`].
    #[inline(always)]
    pub unsafe fn write<const AVX2: bool>(
        &self,
        short: &ShortWordCache,
        ids: &mut Vec<u32>,
    ) -> usize {
        let mut length = ids.len();
        for values in self.values[..self.count].chunks(4) {
            // SAFETY: `length` ids are written so far, and there is room for those of the words that are left and for
            // `SPARE_IDS` more: four words of up to two ids each, written as eight ids, fit in any case. With `AVX2` the
            // processor has it.
            unsafe {
                let out = ids.as_mut_ptr().add(length);
                length += match values.first_chunk() {
                    Some(four) if AVX2 => match write_four(four, out) {
                        0 => self.write_each(values, short, out),
                        count => count,
                    },
                    _ => self.write_each(values, short, out),
                };
            }
        }
        // SAFETY: the first `length` ids are written, and the capacity is not smaller.
        unsafe { ids.set_len(length) };
        let last = self.values[..self.count].last();
        last.map_or(0, |value| value.count())
    }

    /// Writes the ids of some words to `out`; returns how many there are.
    ///
    /// # Safety
    /// There is room at `out` for them and for one more, and no reference to that room is in use.
    #[inline]
    unsafe fn write_each(
        &self,
        values: &[TokenIds],
        short: &ShortWordCache,
        out: *mut u32,
    ) -> usize {
        let mut length = 0;
        for value in values {
            // SAFETY: `length` ids are written so far, for which the caller has made room.
            let out = unsafe { out.add(length) };
            if let Some(count) = value.spilled() {
                let known = if value.is_transient() {
                    value.within(&self.spilled)
                } else {
                    short.spilled(*value)
                };
                let known = known.as_ptr();
                // SAFETY: room for `count` ids more is left, and `known` is a list of its own.
                unsafe { out.copy_from_nonoverlapping(known, count) };
                length += count;
            } else {
                let (pair, count) = value.ids();
                // SAFETY: room for one id and for one beyond it is left; the second counts only if there is one.
                unsafe { out.cast::<[u32; 2]>().write_unaligned(pair) };
                length += count;
            }
        }
        length
    }
}

/// Writes the ids of four words to `out` and returns how many there are; 0 if those of any word are spilled.
///
/// # Safety
/// The processor must have AVX2, and there is room at `out` for eight ids.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn write_four(values: &[TokenIds; 4], out: *mut u32) -> usize {
    use std::arch::x86_64::{
        _mm256_castsi256_pd, _mm256_cmpeq_epi32, _mm256_loadu_si256, _mm256_movemask_pd,
        _mm256_permutevar8x32_epi32, _mm256_set1_epi32, _mm256_storeu_si256,
    };
    // SAFETY: four values are 32 bytes, which are loaded; so is a row of the table; 32 bytes are stored, for which the
    // caller has made room. `single` has four bits, so it is below the sixteen rows.
    unsafe {
        let pairs = _mm256_loadu_si256(values.as_ptr().cast());
        let none = _mm256_cmpeq_epi32(pairs, _mm256_set1_epi32(TokenIds::NO_SECOND.cast_signed()));
        let single = _mm256_movemask_pd(_mm256_castsi256_pd(none)).cast_unsigned();
        // The highest bit of the second number is set where there is no second id, and where the ids are spilled.
        let no_pair = _mm256_movemask_pd(_mm256_castsi256_pd(pairs)).cast_unsigned();
        if single != no_pair {
            return 0;
        }
        let kept = _mm256_loadu_si256(KEPT[single as usize].as_ptr().cast());
        _mm256_storeu_si256(out.cast(), _mm256_permutevar8x32_epi32(pairs, kept));
        8 - single.count_ones() as usize
    }
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn write_four(_values: &[TokenIds; 4], _out: *mut u32) -> usize {
    0
}

/// How many words [`WordBatch::put_window`] writes at once: their keys fill a register.
#[cfg(target_arch = "x86_64")]
const WORDS_AT_ONCE: usize = WINDOW / MAX_KEY_BYTES;

/// The bytes of the longest word that has a key.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::cast_possible_truncation, reason = "16")]
const LONGEST: i8 = MAX_KEY_BYTES as i8;

/// The bytes of a 64-byte register, for [`WordBatch::put_window`].
#[cfg(target_arch = "x86_64")]
#[repr(align(64))]
struct Register([u8; WINDOW]);

/// The number of each byte of the window.
#[cfg(target_arch = "x86_64")]
static BYTE_NUMBERS: Register = Register(bytes_modulo(WINDOW, 1));

/// For each byte of four keys: which byte of its key it is.
#[cfg(target_arch = "x86_64")]
static BYTE_IN_KEY: Register = Register(bytes_modulo(MAX_KEY_BYTES, 1));

/// For each byte of four keys: which of the four keys it is in.
#[cfg(target_arch = "x86_64")]
static WORD_OF_BYTE: Register = Register(bytes_modulo(WINDOW, MAX_KEY_BYTES));

/// For each byte of a register its number modulo `modulus`, divided by `divisor`.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::cast_possible_truncation, reason = "below 64")]
const fn bytes_modulo(modulus: usize, divisor: usize) -> [u8; WINDOW] {
    let mut bytes = [0; WINDOW];
    let mut at = 0;
    while at < WINDOW {
        bytes[at] = (at % modulus / divisor) as u8;
        at += 1;
    }
    bytes
}

/// For each set of those of four words that have one id (a bit each): the indices of the ids to keep, of the eight numbers
/// of their values, without gaps.
#[cfg(target_arch = "x86_64")]
static KEPT: [[u32; 8]; 16] = kept();

#[cfg(target_arch = "x86_64")]
const fn kept() -> [[u32; 8]; 16] {
    let mut rows = [[0; 8]; 16];
    let mut single = 0;
    while single < 16 {
        let (mut number, mut kept) = (0, 0);
        while number < 8 {
            if number % 2 == 0 || single >> (number / 2) & 1 == 0 {
                rows[single][kept] = number;
                kept += 1;
            }
            number += 1;
        }
        single += 1;
    }
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tokenizer::encode::isa::Isa;

    proptest! {
        #[test]
        fn four_words_at_once_are_written_as_one_by_one(
            words in prop::collection::vec(prop::collection::vec(0..1_u32 << 30, 1..5), 1..100),
            sizes in prop::collection::vec(prop_oneof![8 => 1..3_usize, 1 => 3..5_usize], 100),
        ) {
            let mut batch = WordBatch::new();
            let mut hot = HotCache::new();
            let short = ShortWordCache::new();
            let mut expected = Vec::new();
            for (word, (ids, size)) in words.iter().zip(sizes).enumerate() {
                let ids = &ids[..size.min(ids.len())];
                expected.extend_from_slice(ids);
                batch.push(word + 1, 0);
                batch.missing[word] = word;
                batch.set_ids(word, ids, &mut hot);
            }
            let last = batch.values[words.len() - 1].count();
            let mut ids = Vec::with_capacity(expected.len() + SPARE_IDS);
            // SAFETY: there is room, and AVX2 is not used.
            prop_assert_eq!(unsafe { batch.write::<false>(&short, &mut ids) }, last);
            prop_assert_eq!(&ids, &expected);
            ids.clear();
            if Isa::Avx2.is_available() {
                // SAFETY: there is room, and the processor has AVX2.
                prop_assert_eq!(unsafe { batch.write::<true>(&short, &mut ids) }, last);
                prop_assert_eq!(&ids, &expected);
            }
        }
    }
}
