//! Hashes of 64 bits that differ from another in few: found by their pieces, one of which is equal then.

use std::collections::HashMap;

/// Bits in which two hashes may differ.
pub(crate) const MOST_BITS: u32 = 3;
/// Pieces of a hash, one more than bits may differ: one piece at least is the same.
const PIECES: usize = MOST_BITS as usize + 1;
const PIECE_BITS: usize = 64 / PIECES;

/// Hashes by their pieces.
#[derive(Debug, Default)]
pub(crate) struct NearHashes {
    hashes: Vec<u64>,
    pieces: [HashMap<u16, Vec<u32>>; PIECES],
}

impl NearHashes {
    /// Knows the hashes by their numbers; where there is none it is passed over.
    pub fn of(hashes: impl Iterator<Item = Option<u64>>) -> Self {
        let mut near = Self::default();
        for (number, hash) in (0..).zip(hashes) {
            near.hashes.push(hash.unwrap_or_default());
            for (pieces, piece) in near
                .pieces
                .iter_mut()
                .zip(hash.map(pieces).into_iter().flatten())
            {
                pieces.entry(piece).or_default().push(number);
            }
        }
        near
    }

    /// The numbers of the hashes that are near, with the bits in which they differ, rising.
    pub fn within(&self, hash: u64) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        for (known, piece) in self.pieces.iter().zip(pieces(hash)) {
            let same = known.get(&piece).into_iter().flatten();
            let apart =
                same.map(|&number| (number, (self.hashes[number as usize] ^ hash).count_ones()));
            found.extend(apart.filter(|(_, bits)| *bits <= MOST_BITS));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn pieces(hash: u64) -> [u16; PIECES] {
    std::array::from_fn(|piece| (hash >> (piece * PIECE_BITS)) as u16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_a_look_at_all_pairs(
            hashes in prop::collection::vec(prop::option::of(0_u64..99), 0..40),
            changes in prop::collection::vec((0_usize..40, 0_u32..64, 0_u32..64, 0_u32..64, 0_u32..64), 1..20),
        ) {
            let near = NearHashes::of(hashes.iter().copied());
            for (number, a, b, c, d) in changes {
                let hash = hashes.get(number).copied().flatten().unwrap_or(7);
                let hash = hash ^ (1 << a) ^ (1 << b) ^ (1 << c) ^ (1 << d);
                let numbered = (0_u32..).zip(&hashes);
                let apart = numbered.filter_map(|(number, one)| Some((number, (one.as_ref()? ^ hash).count_ones())));
                let expected: Vec<(u32, u32)> = apart.filter(|(_, bits)| *bits <= MOST_BITS).collect();
                prop_assert_eq!(near.within(hash), expected);
            }
        }
    }
}
