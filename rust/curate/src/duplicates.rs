//! Exact duplicates, found on 128-bit hashes of whole traces.

/// Where a trace stands: the block's number in source order, and its row in that block's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Number of the block in source order.
    pub block: u32,
    /// Row in the block's index (sorted by shuffle key, not by source order).
    pub row: u32,
}

/// A trace's hash and place: 24 bytes a trace, which bounds the memory of the pass.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint {
    /// High and low half of the trace's 128-bit hash.
    pub hash: [u64; 2],
    /// Where the trace stands.
    pub place: Place,
}

/// A trace that repeats an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The trace that goes.
    pub place: Place,
    /// The first trace of the same hash, which stays.
    pub kept: Place,
}

/// All but the first of every group of equal hashes.
///
/// `order` ranks two places of equal hash in source order; it is asked only inside groups, so it may
/// be slow. The result is sorted by place.
pub fn exact_duplicates<K: Ord>(
    mut fingerprints: Vec<Fingerprint>,
    order: impl Fn(Place) -> K,
) -> Vec<Duplicate> {
    fingerprints.sort_unstable_by_key(|fingerprint| fingerprint.hash);
    let mut duplicates = Vec::new();
    for group in fingerprints.chunk_by(|left, right| left.hash == right.hash) {
        let Some(kept) = group
            .iter()
            .map(|one| one.place)
            .min_by_key(|place| order(*place))
        else {
            continue;
        };
        let others = group
            .iter()
            .map(|one| one.place)
            .filter(|place| *place != kept);
        duplicates.extend(others.map(|place| Duplicate { place, kept }));
    }
    duplicates.sort_unstable_by_key(|duplicate| duplicate.place);
    duplicates
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_a_map_that_keeps_the_first(hashes in prop::collection::vec(0u64..20, 0..200)) {
            // Places are laid out against source order, so that keeping the first place would be wrong.
            let count = u32::try_from(hashes.len()).unwrap();
            let place = |index: u32| Place { block: index % 3, row: count - index };
            let rank: HashMap<Place, u32> = (0..count).map(|index| (place(index), index)).collect();
            let fingerprints = (0..count)
                .map(|index| Fingerprint { hash: [7, hashes[index as usize]], place: place(index) })
                .collect();
            let mut first = HashMap::new();
            let mut expected = Vec::new();
            for index in 0..count {
                match first.get(&hashes[index as usize]) {
                    None => { first.insert(hashes[index as usize], place(index)); }
                    Some(kept) => expected.push(Duplicate { place: place(index), kept: *kept }),
                }
            }
            expected.sort_unstable_by_key(|duplicate| duplicate.place);
            prop_assert_eq!(exact_duplicates(fingerprints, |place| rank[&place]), expected);
        }
    }
}
