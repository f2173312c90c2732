//! The words met most often: at most sixteen bytes long, in a table that stays in the second cache of its core.

use octomed_memory::HugeTable;

use super::value::Value;

/// Places, of two words each: 512 KiB.
const PLACES: usize = 1 << 13;
/// Places that there are: a huge page of them, because none is given for less.
const MADE: usize = (2 << 20) / size_of::<Pair>();
/// The longest word with a key, in bytes.
pub(crate) const LONGEST_NEAR: usize = 16;
/// The key of a free slot; no word is sixteen bytes of ones, which is no UTF-8.
const FREE: u128 = u128::MAX;
/// The key of a word that cannot stand here, which no slot has.
pub(crate) const ABSENT: u128 = 0;

/// Two words: their bytes, and their ids; one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Pair {
    keys: [u128; 2],
    values: [Value; 2],
}

impl Pair {
    const FREE: Self = Self {
        keys: [FREE; 2],
        values: [Value::FREE; 2],
    };
}

/// Ids by words of few bytes.
#[derive(Debug)]
pub(crate) struct NearWords {
    places: HugeTable<Pair>,
}

impl NearWords {
    pub fn new() -> Self {
        Self {
            places: HugeTable::new(Pair::FREE, MADE),
        }
    }

    /// Forgets all words.
    pub fn clear(&mut self) {
        self.places.fill(Pair::FREE);
    }

    /// Whether the word stands here, and its ids if so; no branch depends on it.
    #[inline]
    pub fn find(&self, key: u128) -> (bool, Value) {
        // SAFETY: a place is below the number of places, which `new` makes.
        let pair = unsafe { self.places.get_unchecked(place(key)) };
        let second = pair.keys[1] == key;
        let value = pair.values[usize::from(second)];
        (second | (pair.keys[0] == key), value)
    }

    /// Keeps a word in a free slot or in place of the second, if it may stand here; no branch depends on it.
    #[inline]
    pub fn keep(&mut self, key: u128, value: Value) {
        // What may not stand here goes behind the last place, where nothing looks.
        let allowed = (key != ABSENT) & !value.is_passing();
        let pair = &mut self.places[if allowed { place(key) } else { PLACES }];
        let slot = usize::from(pair.keys[0] != FREE);
        pair.keys[slot] = key;
        pair.values[slot] = value;
    }
}

/// The key of the word made by the first `length` of sixteen bytes, or [`ABSENT`] when it is longer.
///
/// The bytes are padded with zeros: a word that ends with a zero byte must not have a key.
#[inline]
pub(crate) fn near_key(bytes: [u8; LONGEST_NEAR], length: usize) -> u128 {
    u128::from_le_bytes(bytes) & MASKS[length.min(LONGEST_NEAR + 1)]
}

/// The bits of the first `n` bytes; none for more bytes than there are.
static MASKS: [u128; LONGEST_NEAR + 2] = masks();

const fn masks() -> [u128; LONGEST_NEAR + 2] {
    let mut masks = [0; LONGEST_NEAR + 2];
    let mut length = 1;
    while length <= LONGEST_NEAR {
        masks[length] = u128::MAX >> (128 - 8 * length);
        length += 1;
    }
    masks
}

/// The place of a key, below [`PLACES`].
#[inline]
#[allow(
    clippy::cast_possible_truncation,
    reason = "the two halves, and 13 bits"
)]
fn place(key: u128) -> usize {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let mixed = low
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(high.wrapping_mul(0xC2B2_AE3D_27D4_EB4F));
    (mixed >> (64 - PLACES.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_the_bytes_of_words(bytes: [u8; LONGEST_NEAR], length in 0..=20_usize) {
            let mut padded = [0; LONGEST_NEAR];
            if length <= LONGEST_NEAR {
                padded[..length].copy_from_slice(&bytes[..length]);
            }
            prop_assert_eq!(near_key(bytes, length), u128::from_le_bytes(padded));
        }

        #[test]
        fn what_is_found_was_kept(keys in prop::collection::vec(1..5000_u128, 1..300)) {
            let mut near = NearWords::new();
            let value = |key: u128| Value::of(&[key as u32]).unwrap_or_default();
            let spread = |key: u128| key << (key % 7 * 16);
            for key in &keys {
                near.keep(spread(*key), value(*key));
                prop_assert_eq!(near.find(spread(*key)), (true, value(*key)));
            }
            for key in &keys {
                let (known, found) = near.find(spread(*key));
                prop_assert!(!known || found == value(*key));
            }
            near.clear();
            prop_assert!(keys.iter().all(|key| !near.find(spread(*key)).0));
        }
    }

    #[test]
    fn what_may_not_stand_here_is_not_found() {
        let mut near = NearWords::new();
        near.keep(ABSENT, Value::of(&[1]).unwrap_or_default());
        near.keep(7, Value::pass(&[1, 2, 3], &mut Vec::new()));
        near.keep(8, Value::keep(&[1, 2, 3], &mut Vec::new()));
        assert!(!near.find(ABSENT).0 && !near.find(7).0 && near.find(8).0);
    }
}
