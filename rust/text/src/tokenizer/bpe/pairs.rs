//! The merges of a vocabulary as one hash table: a pair of ids to its rank.

use octomed_memory::HugeTable;

use crate::tokenizer::spec::tokenizer_spec::{MAX_ID, MAX_MERGES};

/// Bits of an id, and of a rank: a slot holds two ids and a rank in 64 bits.
const ID_BITS: u32 = 21;
const RANK_BITS: u32 = 22;
/// The rank of a pair that does not merge.
pub(crate) const NO_RANK: u32 = u32::MAX;

const _: () = assert!(MAX_ID < (1 << ID_BITS) - 1 && MAX_MERGES < 1 << RANK_BITS);

const EMPTY: u64 = u64::MAX;

/// Open addressing, half full at most, eight slots a cache line.
///
/// Most pairs that are asked for do not merge. The table lies in the third cache; two bits for each slot, which
/// stay in the second, say for most of those pairs that they are not in it.
#[derive(Debug)]
pub(crate) struct Pairs {
    slots: HugeTable<u64>,
    /// A bit for each two halves of a slot's keys, by their place.
    present: Box<[u64]>,
    shift: u32,
}

impl Pairs {
    /// A table of `pairs`, whose ranks are their positions; of equal pairs the last counts.
    pub fn new(pairs: &[(u32, u32)]) -> Self {
        let capacity = (pairs.len() * 2).next_power_of_two().max(16);
        let mut table = Self {
            slots: HugeTable::new(EMPTY, capacity),
            present: vec![0; (2 * capacity).div_ceil(64)].into_boxed_slice(),
            shift: 64 - capacity.ilog2(),
        };
        for (rank, (left, right)) in pairs.iter().enumerate() {
            table.insert(key(*left, *right), rank as u64);
        }
        table
    }

    fn insert(&mut self, key: u64, rank: u64) {
        let hash = hash(key);
        let bit = self.bit(hash);
        self.present[bit / 64] |= 1 << (bit % 64);
        let mut at = self.slot(hash);
        while self.slots[at] != EMPTY && self.slots[at] >> RANK_BITS != key {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = key << RANK_BITS | rank;
    }

    /// The rank of the pair, or [`NO_RANK`].
    #[inline]
    pub fn rank(&self, left: u32, right: u32) -> u32 {
        let key = key(left, right);
        let hash = hash(key);
        let bit = self.bit(hash);
        if self.present[bit / 64] >> (bit % 64) & 1 == 0 {
            return NO_RANK;
        }
        let mut at = self.slot(hash);
        loop {
            let slot = self.slots[at & (self.slots.len() - 1)];
            if slot >> RANK_BITS == key {
                #[allow(clippy::cast_possible_truncation, reason = "masked to 22 bits")]
                return (slot & ((1 << RANK_BITS) - 1)) as u32;
            }
            if slot == EMPTY {
                return NO_RANK;
            }
            at += 1;
        }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the bits of an index")]
    fn slot(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the bits of an index")]
    fn bit(&self, hash: u64) -> usize {
        (hash >> (self.shift - 1)) as usize
    }
}

#[inline]
fn hash(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[inline]
fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << ID_BITS | u64::from(right)
}
