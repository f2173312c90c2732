//! Words seen before and their ids, in bounded memory.
//!
//! Short words (up to 16 bytes) are found by their own bytes in a table of two-slot sets, one set a cache
//! line; longer ones by hash and comparison. What does not fit replaces something: 32 MiB for short words,
//! 11 MiB for long ones, 16 MiB of ids for words of more than two tokens, an encoder, whatever the input.

use octomed_memory::HugeTable;
use xxhash_rust::xxh3::xxh3_64;

use super::hot::MAX_KEY_BYTES;
use super::token_ids::TokenIds;

/// Sets of the short words, two slots each.
const SETS: usize = 1 << 19;
/// Slots of the long words.
const LONG_SLOTS: usize = 1 << 17;
/// The longest word kept, in bytes.
pub(crate) const LONGEST: usize = 255;
/// Bytes of long words kept.
const LONG_BYTES: usize = 1 << 23;
/// Ids of words with more than two tokens, in each of the two tables.
const SPILLED: usize = 1 << 21;

/// A short word's key and its value.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
struct Slot {
    key: u128,
    value: TokenIds,
}

/// Two slots, one cache line; key 0 is no word.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Set([Slot; 2]);

/// The ids of short words.
#[derive(Debug)]
pub(crate) struct ShortWordCache {
    sets: HugeTable<Set>,
    spilled: Vec<u32>,
}

impl ShortWordCache {
    pub fn new() -> Self {
        Self {
            sets: HugeTable::new(Set::default(), SETS),
            spilled: Vec::new(),
        }
    }

    /// Forgets everything when the ids of `words` more might not fit, and returns whether it did: what a look-up returns is
    /// valid until then.
    pub fn make_room(&mut self, words: usize) -> bool {
        let full = self.spilled.len() + words * MAX_KEY_BYTES > SPILLED;
        if full {
            self.sets.fill(Set::default());
            self.spilled.clear();
        }
        full
    }

    /// Whether the word with this key is known, and its ids if so; `set` is [`set_of`] the key. No branch depends on it.
    /// Key 0 is never known.
    #[inline]
    pub fn find(&self, key: u128, set: u32) -> (bool, TokenIds) {
        // SAFETY: masked to the number of sets, a power of two, and `new` makes that many.
        let set = unsafe { self.sets.get_unchecked(set as usize & (SETS - 1)) };
        let second = set.0[1].key == key;
        let known = (second | (set.0[0].key == key)) & (key != 0);
        (known, set.0[usize::from(second)].value)
    }

    /// The ids of a value that has them spilled.
    pub fn spilled(&self, value: TokenIds) -> &[u32] {
        value.within(&self.spilled)
    }

    /// Asks the processor to fetch a set that will be looked at soon.
    #[inline]
    pub fn prefetch(&self, set: u32) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let set = self.sets.as_ptr().wrapping_add(set as usize);
            // SAFETY: a prefetch is a hint: it reads no memory and cannot fault, wherever it points.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(set.cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = set;
    }

    /// Keeps the ids of a word in a free slot, or in place of the second; returns its value.
    pub fn keep(&mut self, key: u128, ids: &[u32]) -> TokenIds {
        let value = TokenIds::keep(ids, &mut self.spilled);
        let set = &mut self.sets[set_of(key) as usize];
        let slot = usize::from(set.0[0].key != 0);
        set.0[slot] = Slot { key, value };
        value
    }
}

/// The set of a key.
#[inline]
pub(crate) fn set_of(key: u128) -> u32 {
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

/// Where the bytes of a long word are listed, and its ids.
#[derive(Clone, Copy, Debug, Default)]
struct LongSlot {
    hash: u64,
    at: u32,
    length: u32,
    first_id: u32,
    ids: u32,
}

/// The ids of long words.
#[derive(Debug)]
pub(crate) struct LongWordCache {
    slots: Box<[LongSlot]>,
    bytes: Vec<u8>,
    spilled: Vec<u32>,
}

impl LongWordCache {
    pub fn new() -> Self {
        Self {
            slots: vec![LongSlot::default(); LONG_SLOTS].into_boxed_slice(),
            bytes: Vec::new(),
            spilled: Vec::new(),
        }
    }

    /// The ids of a word, if they are known.
    pub fn find(&self, word: &[u8]) -> Option<&[u32]> {
        let hash = xxh3_64(word);
        let slot = &self.slots[long_slot(hash)];
        if slot.hash != hash || self.bytes[slot.at as usize..][..slot.length as usize] != *word {
            return None;
        }
        Some(&self.spilled[slot.first_id as usize..][..slot.ids as usize])
    }

    /// Keeps the ids of a word in place of another; starts over when its memory is full.
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
        self.slots[long_slot(hash)] = LongSlot {
            hash,
            at: self.bytes.len() as u32,
            length: word.len() as u32,
            first_id: self.spilled.len() as u32,
            ids: ids.len() as u32,
        };
        self.bytes.extend_from_slice(word);
        self.spilled.extend_from_slice(ids);
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "masked to the number of slots"
)]
fn long_slot(hash: u64) -> usize {
    hash as usize & (LONG_SLOTS - 1)
}
