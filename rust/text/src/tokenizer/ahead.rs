//! Words that are cut, on their way to being ids.

use std::ops::Range;

use super::cache::ShortWords;
#[cfg(target_arch = "x86_64")]
use super::near::LONGEST_NEAR;
use super::near::NearWords;
use super::value::Value;
#[cfg(target_arch = "x86_64")]
use super::window::WINDOW;

/// With this many words it is time to look them up.
pub(crate) const FULL: usize = 64;
/// Room for them and for those of one window and one word more.
pub(crate) const ROOM: usize = 256;

/// Room for so many ids is needed behind those of the words.
pub(crate) const BEYOND: usize = 8;

/// Some dozens of words, column by column.
#[derive(Debug)]
pub(crate) struct Ahead {
    count: usize,
    /// Where the first word begins; each of the others begins where the one before it ends.
    start: usize,
    ends: [usize; ROOM],
    keys: [u128; ROOM],
    values: [Value; ROOM],
    /// Numbers of the words that are not near, and how many.
    missing: [usize; ROOM],
    missing_count: usize,
    /// The ids of words of more than two.
    many: Vec<u32>,
}

impl Ahead {
    pub fn new() -> Self {
        Self {
            count: 0,
            start: 0,
            ends: [0; ROOM],
            keys: [0; ROOM],
            values: [Value::default(); ROOM],
            missing: [0; ROOM],
            missing_count: 0,
            many: Vec::new(),
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
        self.many.clear();
    }

    /// Appends a word; its key is that of [`super::near::near_key`].
    #[inline]
    pub fn push(&mut self, end: usize, key: u128) {
        self.count = self.put(self.count, end, key);
    }

    /// Puts a word behind `count` others; gives how many there are then, for [`Self::grow`].
    #[inline]
    pub fn put(&mut self, count: usize, end: usize, key: u128) -> usize {
        let at = count % ROOM;
        self.ends[at] = end;
        self.keys[at] = key;
        at + 1
    }

    /// Appends the words that were put, so that there are `count`.
    #[inline]
    pub fn grow(&mut self, count: usize) {
        self.count = count.min(ROOM);
    }

    /// Appends the words of a window that is at byte `at`: bits say where they begin and where they end, and they end
    /// inside it.
    ///
    /// # Safety
    /// The processor must have [`super::window::Instructions::Widest`].
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub unsafe fn put_window(&mut self, window: &[u8; WINDOW], at: usize, begins: u64, ends: u64) {
        // There is room for the words of a window behind so many, and for three more.
        const { assert!(FULL + WINDOW + 3 <= ROOM) };
        let first = self.count % FULL;
        let count = ends.count_ones() as usize;
        // Instructions and not functions, which are of a newer compiler than the oldest that is asked for.
        // SAFETY: the processor knows them; they read the window and the table, and write the keys and ends of
        // `count` words, rounded up to four (of four, if there are none).
        unsafe {
            std::arch::asm!(
                "vmovdqu64 zmm0, zmmword ptr [{window}]",
                "vmovdqu64 zmm1, zmmword ptr [{rows}]",
                "vmovdqu64 zmm2, zmmword ptr [{rows} + 64]",
                "vmovdqu64 zmm3, zmmword ptr [{rows} + 128]",
                "vmovdqu64 zmm4, zmmword ptr [{rows} + 192]",
                "vpbroadcastq ymm5, {at}",
                // The numbers of the bytes at which words begin and end, side by side.
                "kmovq k1, {begins}",
                "kmovq k2, {ends}",
                "vpcompressb zmm6 {{k1}} {{z}}, zmm1",
                "vpcompressb zmm7 {{k2}} {{z}}, zmm1",
                "2:",
                // Those of four words, each sixteen times, and the lengths.
                "vpermb zmm8, zmm3, zmm6",
                "vpermb zmm9, zmm3, zmm7",
                "vpsubb zmm9, zmm9, zmm8",
                // The bytes of each word, and zeros behind them; nothing of a word that is too long.
                "vpaddb zmm8, zmm8, zmm2",
                "vpcmpub k1, zmm2, zmm9, 1",
                "vpcmpub k1 {{k1}}, zmm9, zmm4, 2",
                "vpermb zmm8 {{k1}} {{z}}, zmm8, zmm0",
                "vmovdqu64 zmmword ptr [{keys}], zmm8",
                "vpmovzxbq ymm8, xmm7",
                "vpaddq ymm8, ymm8, ymm5",
                "vmovdqu ymmword ptr [{outs}], ymm8",
                "valignd zmm6, zmm6, zmm6, 1",
                "valignd zmm7, zmm7, zmm7, 1",
                "add {keys}, 64",
                "add {outs}, 32",
                "sub {left}, 4",
                "jg 2b",
                window = in(reg) window.as_ptr(),
                rows = in(reg) ROWS.0.as_ptr(),
                at = in(reg) at,
                begins = in(reg) begins,
                ends = in(reg) ends,
                keys = inout(reg) self.keys.as_mut_ptr().add(first) => _,
                outs = inout(reg) self.ends.as_mut_ptr().add(first) => _,
                left = inout(reg) count => _,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _,
                out("xmm5") _, out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _,
                out("k1") _, out("k2") _,
                options(nostack),
            );
        }
        self.count = first + count;
    }

    /// Where the words end, and their keys.
    #[cfg(test)]
    pub fn words(&self) -> Vec<(usize, u128)> {
        let both = self.ends.iter().copied().zip(self.keys);
        both.take(self.count).collect()
    }

    /// Looks every word up among the near ones, and lists those that are not there.
    #[inline]
    pub fn find(&mut self, near: &NearWords) {
        let keys = &self.keys[..self.count];
        let mut missing = 0;
        for (word, (key, value)) in keys.iter().zip(&mut self.values).enumerate() {
            let found;
            (found, *value) = near.find(*key);
            self.missing[missing % ROOM] = word;
            missing += usize::from(!found);
        }
        self.missing_count = missing;
    }

    /// How many words are not near.
    pub fn missing(&self) -> usize {
        self.missing_count
    }

    /// The bytes of the word that is the `number`th not near.
    pub fn missing_word(&self, number: usize) -> Range<usize> {
        let word = self.missing[number];
        self.start_of(word)..self.ends[word]
    }

    /// The key of the word that is the `number`th not near.
    #[inline]
    pub fn missing_key(&self, number: usize) -> u128 {
        self.keys[self.missing[number] % ROOM]
    }

    /// Says what the `number`th word that is not near is, and keeps it among those that are, if it may stand there.
    #[inline]
    pub fn set(&mut self, number: usize, value: Value, near: &mut NearWords) {
        let word = self.missing[number] % ROOM;
        self.values[word] = value;
        near.keep(self.keys[word], value);
    }

    /// Says what the `number`th word that is not near is, by ids that no cache keeps.
    pub fn set_ids(&mut self, number: usize, ids: &[u32], near: &mut NearWords) {
        let value = Value::pass(ids, &mut self.many);
        self.set(number, value, near);
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

    /// Appends the ids of all words; gives how many the last one has.
    ///
    /// # Safety
    /// `ids` has room for them and for [`BEYOND`] more; `WIDE` wants AVX2.
    #[inline(always)]
    pub unsafe fn write<const WIDE: bool>(&self, short: &ShortWords, ids: &mut Vec<u32>) -> usize {
        let mut length = ids.len();
        for values in self.values[..self.count].chunks(4) {
            // SAFETY: the caller has made room, and has AVX2 if need be.
            unsafe {
                let out = ids.as_mut_ptr().add(length);
                length += match values.first_chunk() {
                    Some(four) if WIDE => match write_four(four, out) {
                        0 => self.write_each(values, short, out),
                        count => count,
                    },
                    _ => self.write_each(values, short, out),
                };
            }
        }
        // SAFETY: that many are written.
        unsafe { ids.set_len(length) };
        let last = self.values[..self.count].last();
        last.map_or(0, |value| value.count())
    }

    /// Writes the ids of some words to `out`; gives how many there are.
    ///
    /// # Safety
    /// There is room for them and for one more.
    #[inline]
    unsafe fn write_each(&self, values: &[Value], short: &ShortWords, out: *mut u32) -> usize {
        let mut length = 0;
        for value in values {
            // SAFETY: the caller has made room.
            let out = unsafe { out.add(length) };
            if let Some(count) = value.apart() {
                let known = if value.is_passing() {
                    value.within(&self.many)
                } else {
                    short.apart(*value)
                };
                let known = known.as_ptr();
                // SAFETY: as above, for `count` ids; the two do not overlap.
                unsafe { out.copy_from_nonoverlapping(known, count) };
                length += count;
            } else {
                let (pair, count) = value.ids();
                // SAFETY: as above, for two ids.
                unsafe { out.cast::<[u32; 2]>().write_unaligned(pair) };
                length += count;
            }
        }
        length
    }
}

/// Writes the ids of four words to `out` and gives how many there are; 0 if those of any lie apart.
///
/// # Safety
/// The processor must have AVX2, and there is room for eight ids.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn write_four(values: &[Value; 4], out: *mut u32) -> usize {
    use std::arch::x86_64::{
        _mm256_castsi256_pd, _mm256_cmpeq_epi32, _mm256_loadu_si256, _mm256_movemask_pd,
        _mm256_permutevar8x32_epi32, _mm256_set1_epi32, _mm256_storeu_si256,
    };
    // SAFETY: four values are 32 bytes, and so is a row of the table; the caller has made room for as many.
    unsafe {
        let pairs = _mm256_loadu_si256(values.as_ptr().cast());
        let none = _mm256_cmpeq_epi32(pairs, _mm256_set1_epi32(Value::NO_SECOND.cast_signed()));
        let single = _mm256_movemask_pd(_mm256_castsi256_pd(none)).cast_unsigned();
        // The highest bit of the second number is that of no id.
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
unsafe fn write_four(_values: &[Value; 4], _out: *mut u32) -> usize {
    0
}

/// For [`Ahead::put_window`]: the numbers of its bytes; of the bytes of four keys, in their key; of the key that each is
/// of; and how many there are in one.
#[cfg(target_arch = "x86_64")]
static ROWS: Rows = Rows(rows());

#[cfg(target_arch = "x86_64")]
#[repr(align(64))]
struct Rows([[u8; WINDOW]; 4]);

#[cfg(target_arch = "x86_64")]
const fn rows() -> [[u8; WINDOW]; 4] {
    const KEY: u8 = 16;
    const { assert!(KEY as usize == LONGEST_NEAR) };
    let mut rows = [[KEY; WINDOW]; 4];
    let (mut byte, mut number) = (0, 0);
    while byte < WINDOW {
        rows[0][byte] = number;
        rows[1][byte] = number % KEY;
        rows[2][byte] = number / KEY;
        (byte, number) = (byte + 1, number + 1);
    }
    rows
}

/// For the bits of those of four words that have one id: the numbers to keep of their eight, side by side.
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

    use super::super::window::Instructions;
    use super::*;

    proptest! {
        #[test]
        fn four_at_once_are_written_as_one_by_one(
            words in prop::collection::vec(prop::collection::vec(0..1_u32 << 30, 1..5), 1..100),
            sizes in prop::collection::vec(prop_oneof![8 => 1..3_usize, 1 => 3..5_usize], 100),
        ) {
            let mut ahead = Ahead::new();
            let mut near = NearWords::new();
            let short = ShortWords::new();
            let mut expected = Vec::new();
            for (word, (ids, size)) in words.iter().zip(sizes).enumerate() {
                let ids = &ids[..size.min(ids.len())];
                expected.extend_from_slice(ids);
                ahead.push(word + 1, 0);
                ahead.missing[word] = word;
                ahead.set_ids(word, ids, &mut near);
            }
            let last = ahead.values[words.len() - 1].count();
            let mut ids = Vec::with_capacity(expected.len() + BEYOND);
            // SAFETY: there is room, and it is not wide.
            prop_assert_eq!(unsafe { ahead.write::<false>(&short, &mut ids) }, last);
            prop_assert_eq!(&ids, &expected);
            ids.clear();
            if Instructions::all().any(|one| one == Instructions::Wide) {
                // SAFETY: there is room, and it is wide.
                prop_assert_eq!(unsafe { ahead.write::<true>(&short, &mut ids) }, last);
                prop_assert_eq!(&ids, &expected);
            }
        }
    }
}
