//! Words seen before and their ids, in bounded memory.
//!
//! Short words (up to 15 bytes) are found by their own bytes in a table of two-slot sets, one set a cache
//! line; longer ones by hash and comparison. What does not fit replaces something: 4 MiB for short words,
//! 3.5 MiB for long ones, 1 MiB of ids for words of more than three tokens, an encoder, whatever the input.

use xxhash_rust::xxh3::xxh3_64;

use super::huge::HugeTable;

/// Sets of the short words, two slots each.
const SETS: usize = 1 << 16;
/// Slots of the long words.
const LONG_SLOTS: usize = 1 << 15;
/// The longest word kept, in bytes.
pub(crate) const LONGEST: usize = 255;
/// Bytes of long words kept.
const LONG_BYTES: usize = 1 << 21;
/// Ids of words with more than three tokens, in each of the two tables.
const SPILLED: usize = 1 << 18;
/// Ids that a slot holds itself.
pub(crate) const INLINE: usize = 3;
/// In place of a count: the ids lie in the spilled part.
const ELSEWHERE: u32 = u32::MAX;

/// A short word's key and its ids: three and their number, or where they are, how many, 0, [`ELSEWHERE`].
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
struct Slot {
    key: u128,
    value: [u32; 4],
}

/// Two slots, one cache line; key 0 is no word.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Set([Slot; 2]);

/// What the cache knows about a word.
pub(crate) enum Found<'a> {
    /// At most three ids; the fourth number is how many.
    Inline([u32; 4]),
    /// More than three ids.
    Spilled(&'a [u32]),
    /// Nothing.
    Nothing,
}

/// The ids of short words.
#[derive(Debug)]
pub(crate) struct ShortWords {
    sets: HugeTable<Set>,
    spilled: Vec<u32>,
}

impl ShortWords {
    pub fn new() -> Self {
        Self {
            sets: HugeTable::new(Set::default(), SETS),
            spilled: Vec::new(),
        }
    }

    /// What is known about the word with this key, which lies at [`place`] of it.
    #[inline]
    pub fn find(&self, key: u128, place: u32) -> Found<'_> {
        // SAFETY: a place is below the number of sets, which `new` makes; see `place`.
        let set = unsafe { self.sets.get_unchecked(place as usize & (SETS - 1)) };
        let slot = if set.0[0].key == key {
            &set.0[0]
        } else if set.0[1].key == key {
            &set.0[1]
        } else {
            return Found::Nothing;
        };
        if slot.value[3] == ELSEWHERE {
            let first = slot.value[0] as usize;
            return Found::Spilled(&self.spilled[first..first + slot.value[1] as usize]);
        }
        Found::Inline(slot.value)
    }

    /// Asks the processor to fetch the set at a place that will be looked at soon.
    #[inline]
    pub fn expect(&self, place: u32) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let set = self.sets.as_ptr().wrapping_add(place as usize);
            // SAFETY: a prefetch reads nothing, wherever it points.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(set.cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = place;
    }

    /// Keeps the ids of a word: in a free slot, or in place of the second.
    pub fn keep(&mut self, key: u128, ids: &[u32]) {
        if self.spilled.len() + ids.len() > SPILLED {
            self.sets.fill(Set::default());
            self.spilled.clear();
        }
        let value = value_of(ids, &mut self.spilled);
        let set = &mut self.sets[place(key) as usize];
        let slot = usize::from(set.0[0].key != 0);
        set.0[slot] = Slot { key, value };
    }
}

/// The set of a key.
#[inline]
pub(crate) fn place(key: u128) -> u32 {
    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    let (low, high) = (key as u64, (key >> 64) as u64);
    let product =
        u128::from(low ^ 0x9E37_79B9_7F4A_7C15) * u128::from(high ^ 0xE703_7ED1_A0B4_28DB);
    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    let mixed = (product >> 64) as u64 ^ product as u64;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "masked to the number of sets"
    )]
    return mixed as u32 & (SETS as u32 - 1);
}

/// How a slot writes `ids`.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the spilled part and words are small"
)]
fn value_of(ids: &[u32], spilled: &mut Vec<u32>) -> [u32; 4] {
    let mut value = [0, 0, 0, ids.len() as u32];
    if ids.len() <= INLINE {
        value[..ids.len()].copy_from_slice(ids);
        return value;
    }
    value = [spilled.len() as u32, ids.len() as u32, 0, ELSEWHERE];
    spilled.extend_from_slice(ids);
    value
}

/// Where a long word lies, and its ids.
#[derive(Clone, Copy, Debug, Default)]
struct LongSlot {
    hash: u64,
    at: u32,
    length: u32,
    value: [u32; 4],
}

/// The ids of long words.
#[derive(Debug)]
pub(crate) struct LongWords {
    slots: Box<[LongSlot]>,
    bytes: Vec<u8>,
    spilled: Vec<u32>,
}

impl LongWords {
    pub fn new() -> Self {
        Self {
            slots: vec![LongSlot::default(); LONG_SLOTS].into_boxed_slice(),
            bytes: Vec::new(),
            spilled: Vec::new(),
        }
    }

    pub fn find(&self, word: &[u8]) -> Found<'_> {
        let hash = xxh3_64(word);
        let slot = &self.slots[long_place(hash)];
        if slot.hash != hash || self.bytes[slot.at as usize..][..slot.length as usize] != *word {
            return Found::Nothing;
        }
        if slot.value[3] == ELSEWHERE {
            let first = slot.value[0] as usize;
            return Found::Spilled(&self.spilled[first..first + slot.value[1] as usize]);
        }
        Found::Inline(slot.value)
    }

    /// Keeps the ids of a word in place of what stood there; starts over when its memory is full.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the kept bytes are under 4 Gi"
    )]
    pub fn keep(&mut self, word: &[u8], ids: &[u32]) {
        if self.bytes.len() + word.len() > LONG_BYTES || self.spilled.len() + ids.len() > SPILLED {
            self.slots.fill(LongSlot::default());
            self.bytes.clear();
            self.spilled.clear();
        }
        let hash = xxh3_64(word);
        let value = value_of(ids, &mut self.spilled);
        let (at, length) = (self.bytes.len() as u32, word.len() as u32);
        self.bytes.extend_from_slice(word);
        self.slots[long_place(hash)] = LongSlot {
            hash,
            at,
            length,
            value,
        };
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "masked to the number of slots"
)]
fn long_place(hash: u64) -> usize {
    hash as usize & (LONG_SLOTS - 1)
}
