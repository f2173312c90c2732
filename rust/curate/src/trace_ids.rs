//! Trace ids are 64-bit hashes of identities; the few that collide are renamed.

use std::collections::BTreeMap;

use crate::Place;

/// A trace that got another id because an earlier one has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The trace.
    pub place: Place,
    /// Its new id.
    pub trace_id: u64,
}

/// Gives the later of two traces of one id the next free value.
///
/// `ids` are all ids (sorted here), `places_of` finds the places of some ids in one walk over the
/// index, and `order` ranks places in source order. With 64-bit ids eight million traces collide
/// about once in half a million runs, so the walk is the rare case.
pub fn rename_collisions<K: Ord>(
    mut ids: Vec<u64>,
    places_of: impl FnOnce(&[u64]) -> Vec<(u64, Place)>,
    order: impl Fn(Place) -> K,
) -> Vec<Renamed> {
    ids.sort_unstable();
    let mut twice: Vec<u64> = ids
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
        .collect();
    twice.dedup();
    if twice.is_empty() {
        return Vec::new();
    }
    let mut groups: BTreeMap<u64, Vec<Place>> = BTreeMap::new();
    for (id, place) in places_of(&twice) {
        groups.entry(id).or_default().push(place);
    }
    let mut later: Vec<(u64, Place)> = Vec::new();
    for (id, mut places) in groups {
        places.sort_by_key(|place| order(*place));
        later.extend(places.into_iter().skip(1).map(|place| (id, place)));
    }
    later.sort_by_key(|(_, place)| order(*place));
    let mut given = std::collections::BTreeSet::new();
    let mut renamed = Vec::with_capacity(later.len());
    for (id, place) in later {
        let mut trace_id = id.wrapping_add(1);
        while ids.binary_search(&trace_id).is_ok() || given.contains(&trace_id) {
            trace_id = trace_id.wrapping_add(1);
        }
        given.insert(trace_id);
        renamed.push(Renamed { place, trace_id });
    }
    renamed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn run(ids: &[u64]) -> Vec<u64> {
        let place = |index: usize| Place {
            block: 0,
            row: u32::try_from(index).unwrap(),
        };
        let renamed = rename_collisions(
            ids.to_vec(),
            |wanted| {
                let found = ids.iter().enumerate().filter(|(_, id)| wanted.contains(id));
                found.map(|(index, id)| (*id, place(index))).collect()
            },
            |place| place.row,
        );
        let mut result = ids.to_vec();
        for one in renamed {
            result[one.place.row as usize] = one.trace_id;
        }
        result
    }

    #[test]
    fn the_later_moves_to_the_next_free_value() {
        assert_eq!(run(&[5, 6, 5, 5, 9]), [5, 6, 7, 8, 9]);
        assert_eq!(run(&[u64::MAX, u64::MAX]), [u64::MAX, 0]);
    }

    proptest! {
        #[test]
        fn ids_end_unique_and_first_holders_keep_theirs(ids in prop::collection::vec(0u64..30, 0..60)) {
            let result = run(&ids);
            let mut sorted = result.clone();
            sorted.sort_unstable();
            sorted.dedup();
            prop_assert_eq!(sorted.len(), ids.len());
            for (index, id) in ids.iter().enumerate() {
                if !ids[..index].contains(id) {
                    prop_assert_eq!(result[index], *id);
                }
            }
        }
    }
}
