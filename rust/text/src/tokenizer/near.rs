//! The words met most often: at most eight bytes long and at most two tokens, in a table that stays in the
//! second cache of its core.

use octomed_memory::HugeTable;

use super::value::Value;

/// Places, of two words each: 256 KiB.
const PLACES: usize = 1 << 13;
/// The longest word with a key, in bytes.
pub(crate) const LONGEST_NEAR: usize = 8;
/// The key of a free slot; no word is eight bytes of ones, which is no UTF-8.
const FREE: u64 = u64::MAX;
/// The key of a word that cannot stand here, which no slot has.
pub(crate) const ABSENT: u64 = 0;

/// Two words: their bytes, and their ids.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
struct Pair {
    keys: [u64; 2],
    values: [Value; 2],
}

/// Ids by words of few bytes.
#[derive(Debug)]
pub(crate) struct NearWords {
    places: HugeTable<Pair>,
}

impl NearWords {
    pub fn new() -> Self {
        let free = Pair {
            keys: [FREE; 2],
            values: [Value::default(); 2],
        };
        Self {
            places: HugeTable::new(free, PLACES + 1),
        }
    }

    /// Whether the word stands here, and its ids if so; no branch depends on it.
    #[inline]
    pub fn find(&self, key: u64) -> (bool, Value) {
        // SAFETY: a place is below the number of places, which `new` makes.
        let pair = unsafe { self.places.get_unchecked(place(key)) };
        let second = pair.keys[1] == key;
        let value = pair.values[usize::from(second)];
        (second | (pair.keys[0] == key), value)
    }

    /// Keeps a word in a free slot or in place of the second, if it may stand here; no branch depends on it.
    #[inline]
    pub fn keep(&mut self, key: u64, value: Value) {
        // What may not stand here goes behind the last place, where nothing looks.
        let allowed = (key != ABSENT) & value.apart().is_none();
        let pair = &mut self.places[if allowed { place(key) } else { PLACES }];
        let slot = usize::from(pair.keys[0] != FREE);
        pair.keys[slot] = key;
        pair.values[slot] = value;
    }
}

/// The key of the word made by the first `length` of eight bytes, or [`ABSENT`] when it is longer.
///
/// The bytes are padded with zeros: a word that ends with a zero byte must not have a key.
#[inline]
pub(crate) fn near_key(bytes: [u8; LONGEST_NEAR], length: usize) -> u64 {
    u64::from_le_bytes(bytes) & MASKS[length.min(LONGEST_NEAR + 1)]
}

/// The bits of the first `n` bytes; none for more bytes than there are.
static MASKS: [u64; LONGEST_NEAR + 2] = masks();

const fn masks() -> [u64; LONGEST_NEAR + 2] {
    let mut masks = [0; LONGEST_NEAR + 2];
    let mut length = 1;
    while length <= LONGEST_NEAR {
        masks[length] = u64::MAX >> (64 - 8 * length);
        length += 1;
    }
    masks
}

/// The place of a key, below [`PLACES`].
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "13 bits")]
fn place(key: u64) -> usize {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PLACES.ilog2())) as usize
}
