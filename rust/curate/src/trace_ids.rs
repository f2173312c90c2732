//! Trace ids are 64-bit hashes of identities; the few that collide are renamed.

use std::collections::{BTreeMap, BTreeSet};

use octomed_index::{Index, TraceLocation};

/// A trace that got another id because an earlier one has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The trace.
    pub trace: TraceLocation,
    /// Its new id.
    pub trace_id: u64,
}

/// Gives the later, in source order, of two traces of one id the next free value.
///
/// With 64-bit ids eight million traces collide about once in half a million runs, so the walk that finds them is the
/// rare case.
pub fn rename_collisions(index: &mut Index) -> Vec<Renamed> {
    let blocks = index.blocks.iter();
    let mut ids: Vec<u64> = blocks
        .flat_map(|block| block.traces.trace_id.iter().copied())
        .collect();
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
    let mut given = BTreeSet::new();
    let mut renamed = Vec::new();
    for (id, trace) in later(index, &twice) {
        let mut trace_id = id.wrapping_add(1);
        while ids.binary_search(&trace_id).is_ok() || given.contains(&trace_id) {
            trace_id = trace_id.wrapping_add(1);
        }
        given.insert(trace_id);
        renamed.push(Renamed { trace, trace_id });
    }
    for one in &renamed {
        let block = &mut index.blocks[one.trace.block as usize];
        block.traces.trace_id[one.trace.row as usize] = one.trace_id;
    }
    renamed
}

/// The traces that have one of the ids, but for the first of each, in source order.
fn later(index: &Index, ids: &[u64]) -> Vec<(u64, TraceLocation)> {
    let mut groups: BTreeMap<u64, Vec<TraceLocation>> = BTreeMap::new();
    for (block, loaded) in (0..).zip(&index.blocks) {
        for (row, id) in (0..).zip(&loaded.traces.trace_id) {
            if ids.binary_search(id).is_ok() {
                let group = groups.entry(*id).or_default();
                group.push(TraceLocation { block, row });
            }
        }
    }
    let mut later = Vec::new();
    for (id, mut traces) in groups {
        traces.sort_by_key(|trace| index.source_order(*trace));
        later.extend(traces.into_iter().skip(1).map(|trace| (id, trace)));
    }
    later.sort_by_key(|(_, trace)| index.source_order(*trace));
    later
}

#[cfg(test)]
mod tests {
    use octomed_index::{BlockIndex, TraceEntry};
    use proptest::prelude::*;

    use super::*;

    fn run(ids: &[u64]) -> Vec<u64> {
        let mut block = BlockIndex::default();
        for (ordinal, trace_id) in (0..).zip(ids) {
            block.traces.push(&TraceEntry {
                trace_id: *trace_id,
                ordinal,
                ..TraceEntry::default()
            });
        }
        let mut index = Index {
            blocks: vec![block],
        };
        let renamed = rename_collisions(&mut index);
        let ids = std::mem::take(&mut index.blocks[0].traces.trace_id);
        for one in renamed {
            assert_eq!(ids[one.trace.row as usize], one.trace_id);
        }
        ids
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
