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
    let (mut begin, mut found) = (0, 0);
    while begin < fingerprints.len() {
        let hash = fingerprints[begin].hash;
        let group = &fingerprints[begin..];
        let length = group.iter().take_while(|one| one.hash == hash).count();
        let places = group[..length].iter().map(|one| one.place);
        if let Some(kept) = places.min_by_key(|place| order(*place)) {
            // What is found overwrites what was looked at: where all are duplicates, a second list of them
            // would be the largest thing in memory.
            for index in begin..begin + length {
                let place = fingerprints[index].place;
                if place != kept {
                    let hash = [u64::from(kept.block), u64::from(kept.row)];
                    fingerprints[found] = Fingerprint { hash, place };
                    found += 1;
                }
            }
        }
        begin += length;
    }
    fingerprints.truncate(found);
    fingerprints.shrink_to_fit();
    let duplicate = |one: Fingerprint| Duplicate {
        place: one.place,
        kept: Place {
            block: one.hash[0] as u32,
            row: one.hash[1] as u32,
        },
    };
    let mut duplicates: Vec<Duplicate> = fingerprints.into_iter().map(duplicate).collect();
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
