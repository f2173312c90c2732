//! Exact duplicates, found on 128-bit hashes of whole traces.

use octomed_index::{Column, Index, Needs, TraceLocation, Verdict};

use crate::{CurateError, Rejects, Rule};

/// Leaves out all but the first, in source order, of traces that are equal in all their text.
#[derive(Clone, Copy, Debug)]
pub struct ExactDuplicates;

impl Rule for ExactDuplicates {
    fn verdict(&self) -> Verdict {
        Verdict::Duplicate
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![Column::hash_high, Column::hash_low],
            side: Vec::new(),
        }
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let fingerprints = take_fingerprints(index);
        let duplicates = exact_duplicates(fingerprints, |trace| index.source_order(trace));
        for duplicate in &duplicates {
            index.reject(duplicate.trace, Verdict::Duplicate);
        }
        let detail = move |index: &Index, trace: TraceLocation| {
            let found = duplicates.binary_search_by_key(&trace, |duplicate| duplicate.trace);
            found.map_or_else(
                |_| String::new(),
                |found| format!("equals {}", index.describe(duplicates[found].kept)),
            )
        };
        Ok(Rejects::new(Verdict::Duplicate, detail))
    }
}

/// The hashes of the kept traces; the columns are freed block by block, so that they are not in memory twice.
fn take_fingerprints(index: &mut Index) -> Vec<Fingerprint> {
    let kept = index.blocks.iter().map(|block| block.kept_rows().count());
    let mut fingerprints = Vec::with_capacity(kept.sum());
    for (number, block) in (0..).zip(&mut index.blocks) {
        let high = std::mem::take(&mut block.traces.hash_high);
        let low = std::mem::take(&mut block.traces.hash_low);
        for (row, hash) in (0..).zip(high.into_iter().zip(low)) {
            if block.is_kept(row as usize) {
                fingerprints.push(Fingerprint {
                    hash: [hash.0, hash.1],
                    trace: TraceLocation { block: number, row },
                });
            }
        }
    }
    fingerprints
}

/// A trace's hash and location: 24 bytes a trace, which bounds the memory of the pass.
#[derive(Clone, Copy, Debug)]
struct Fingerprint {
    /// High and low half of the trace's 128-bit hash.
    hash: [u64; 2],
    /// The trace.
    trace: TraceLocation,
}

/// A trace that repeats an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Duplicate {
    /// The trace that goes.
    trace: TraceLocation,
    /// The first trace of the same hash, which stays.
    kept: TraceLocation,
}

/// All but the first of every group of equal hashes.
///
/// `order` ranks two traces of equal hash in source order; it is asked only inside groups, so it may
/// be slow. The result is sorted by location.
fn exact_duplicates<K: Ord>(
    mut fingerprints: Vec<Fingerprint>,
    order: impl Fn(TraceLocation) -> K,
) -> Vec<Duplicate> {
    fingerprints.sort_unstable_by_key(|fingerprint| fingerprint.hash);
    let (mut begin, mut found) = (0, 0);
    while begin < fingerprints.len() {
        let hash = fingerprints[begin].hash;
        let group = &fingerprints[begin..];
        let length = group.iter().take_while(|one| one.hash == hash).count();
        let traces = group[..length].iter().map(|one| one.trace);
        if let Some(kept) = traces.min_by_key(|trace| order(*trace)) {
            // What is found overwrites what was looked at: where all are duplicates, a second list of them
            // would be the largest thing in memory.
            for index in begin..begin + length {
                let trace = fingerprints[index].trace;
                if trace != kept {
                    let hash = [u64::from(kept.block), u64::from(kept.row)];
                    fingerprints[found] = Fingerprint { hash, trace };
                    found += 1;
                }
            }
        }
        begin += length;
    }
    fingerprints.truncate(found);
    fingerprints.shrink_to_fit();
    let duplicate = |one: Fingerprint| Duplicate {
        trace: one.trace,
        kept: TraceLocation {
            block: one.hash[0] as u32,
            row: one.hash[1] as u32,
        },
    };
    let mut duplicates: Vec<Duplicate> = fingerprints.into_iter().map(duplicate).collect();
    duplicates.sort_unstable_by_key(|duplicate| duplicate.trace);
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
            // Locations are laid out against source order, so that keeping the first location would be wrong.
            let count = u32::try_from(hashes.len()).unwrap();
            let location = |index: u32| TraceLocation { block: index % 3, row: count - index };
            let rank: HashMap<TraceLocation, u32> = (0..count).map(|index| (location(index), index)).collect();
            let fingerprints = (0..count)
                .map(|index| Fingerprint { hash: [7, hashes[index as usize]], trace: location(index) })
                .collect();
            let mut first = HashMap::new();
            let mut expected = Vec::new();
            for index in 0..count {
                match first.get(&hashes[index as usize]) {
                    None => { first.insert(hashes[index as usize], location(index)); }
                    Some(kept) => expected.push(Duplicate { trace: location(index), kept: *kept }),
                }
            }
            expected.sort_unstable_by_key(|duplicate| duplicate.trace);
            prop_assert_eq!(exact_duplicates(fingerprints, |trace| rank[&trace]), expected);
        }
    }
}
