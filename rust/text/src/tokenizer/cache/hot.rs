//! The words met most often: at most sixteen bytes long, in a table that stays in the second-level cache of its core.

use octomed_memory::HugeTable;

use super::token_ids::TokenIds;

/// Slots that are used, of two words each: 512 KiB.
const SLOTS: usize = 1 << 13;
/// Slots that are allocated: a huge page of them, because the system gives no huge page for less. What must not be kept
/// is written to those after the used ones.
const ALLOCATED: usize = (2 << 20) / size_of::<Pair>();
/// The longest word with a key, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 16;
/// The key of a free slot; no word is sixteen bytes of ones, which is no UTF-8.
const FREE: u128 = u128::MAX;
/// The key of a word that has none of its own: it is too long, or ends with a zero byte. No slot has this key.
pub(crate) const NO_KEY: u128 = 0;

/// Two words: their bytes, and their ids; one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Pair {
    keys: [u128; 2],
    values: [TokenIds; 2],
}

impl Pair {
    const FREE: Self = Self {
        keys: [FREE; 2],
        values: [TokenIds::FREE; 2],
    };
}

/// Ids by words of few bytes.
#[derive(Debug)]
pub(crate) struct HotCache {
    slots: HugeTable<Pair>,
}

impl HotCache {
    pub fn new() -> Self {
        Self {
            slots: HugeTable::new(Pair::FREE, ALLOCATED),
        }
    }

    /// Forgets all words.
    pub fn clear(&mut self) {
        self.slots.fill(Pair::FREE);
    }

    /// Whether the word is known, and its ids if so; no branch depends on it.
    #[inline]
    pub fn find(&self, key: u128) -> (bool, TokenIds) {
        // SAFETY: `slot_of` is below `SLOTS`, and `new` makes `ALLOCATED` slots, which are more.
        let pair = unsafe { self.slots.get_unchecked(slot_of(key)) };
        let second = pair.keys[1] == key;
        let value = pair.values[usize::from(second)];
        (second | (pair.keys[0] == key), value)
    }

    /// Keeps a word in a free slot or in place of the second, if it has a key and its ids stay where they are; no branch
    /// depends on it.
    #[inline]
    pub fn keep(&mut self, key: u128, value: TokenIds) {
        let allowed = (key != NO_KEY) & !value.is_transient();
        // No look-up reaches a slot after the used ones.
        let pair = &mut self.slots[if allowed { slot_of(key) } else { SLOTS }];
        let slot = usize::from(pair.keys[0] != FREE);
        pair.keys[slot] = key;
        pair.values[slot] = value;
    }
}

const _: () = assert!(SLOTS < ALLOCATED);

/// The key of the word made by the first `length` of sixteen bytes, or [`NO_KEY`] when it is longer.
///
/// The bytes are padded with zeros: a word that ends with a zero byte must not have a key.
#[inline]
pub(crate) fn word_key(bytes: [u8; MAX_KEY_BYTES], length: usize) -> u128 {
    u128::from_le_bytes(bytes) & MASKS[length.min(MAX_KEY_BYTES + 1)]
}

/// The bits of the first `n` bytes; none for more bytes than there are.
static MASKS: [u128; MAX_KEY_BYTES + 2] = masks();

const fn masks() -> [u128; MAX_KEY_BYTES + 2] {
    let mut masks = [0; MAX_KEY_BYTES + 2];
    let mut length = 1;
    while length <= MAX_KEY_BYTES {
        masks[length] = u128::MAX >> (128 - 8 * length);
        length += 1;
    }
    masks
}

/// The slot of a key, below [`SLOTS`].
#[inline]
#[allow(
    clippy::cast_possible_truncation,
    reason = "the two halves, and 13 bits"
)]
fn slot_of(key: u128) -> usize {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let mixed = low
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(high.wrapping_mul(0xC2B2_AE3D_27D4_EB4F));
    (mixed >> (64 - SLOTS.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_the_bytes_of_words(bytes: [u8; MAX_KEY_BYTES], length in 0..=20_usize) {
            let mut padded = [0; MAX_KEY_BYTES];
            if length <= MAX_KEY_BYTES {
                padded[..length].copy_from_slice(&bytes[..length]);
            }
            prop_assert_eq!(word_key(bytes, length), u128::from_le_bytes(padded));
        }

        #[test]
        fn what_is_found_was_kept(keys in prop::collection::vec(1..5000_u128, 1..300)) {
            let mut cache = HotCache::new();
            let value = |key: u128| TokenIds::of(&[key as u32]).unwrap_or_default();
            let spread = |key: u128| key << (key % 7 * 16);
            for key in &keys {
                cache.keep(spread(*key), value(*key));
                prop_assert_eq!(cache.find(spread(*key)), (true, value(*key)));
            }
            for key in &keys {
                let (known, found) = cache.find(spread(*key));
                prop_assert!(!known || found == value(*key));
            }
            cache.clear();
            prop_assert!(keys.iter().all(|key| !cache.find(spread(*key)).0));
        }
    }

    #[test]
    fn what_may_not_be_kept_is_not_found() {
        let mut cache = HotCache::new();
        cache.keep(NO_KEY, TokenIds::of(&[1]).unwrap_or_default());
        cache.keep(7, TokenIds::transient(&[1, 2, 3], &mut Vec::new()));
        cache.keep(8, TokenIds::keep(&[1, 2, 3], &mut Vec::new()));
        assert!(!cache.find(NO_KEY).0 && !cache.find(7).0 && cache.find(8).0);
    }
}
