//! Packs against a slow best fit, and the promises of every packing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use octomed_pack::{MAX_CAPACITY, PackError, Packing, pack_lengths};
use proptest::prelude::*;

/// Best fit decreasing by looking at every pack; among equally full ones, the one touched last.
fn slow_best_fit(lengths: &[u32], capacity: u32) -> Vec<Vec<u32>> {
    let mut order: Vec<u32> = (0..u32::try_from(lengths.len()).unwrap()).collect();
    order.sort_by_key(|&item| std::cmp::Reverse(lengths[item as usize]));
    let mut packs: Vec<(u32, usize, Vec<u32>)> = Vec::new();
    for (step, &item) in order.iter().enumerate() {
        let length = lengths[item as usize];
        let best = packs
            .iter_mut()
            .filter(|(room, _, _)| *room >= length)
            .min_by_key(|(room, touched, _)| (*room, std::cmp::Reverse(*touched)));
        match best {
            Some((room, touched, items)) => {
                (*room, *touched) = (*room - length, step);
                items.push(item);
            }
            None => packs.push((capacity - length, step, vec![item])),
        }
    }
    packs.into_iter().map(|(_, _, items)| items).collect()
}

/// The fewest packs there can be, by trying every assignment.
fn fewest_packs(lengths: &[u32], rooms: &mut Vec<u32>, capacity: u32, best: usize) -> usize {
    let Some((&length, rest)) = lengths.split_first() else {
        return rooms.len().min(best);
    };
    if rooms.len() >= best {
        return best;
    }
    let mut best = best;
    for pack in 0..rooms.len() {
        if rooms[pack] >= length {
            rooms[pack] -= length;
            best = fewest_packs(rest, rooms, capacity, best);
            rooms[pack] += length;
        }
    }
    rooms.push(capacity - length);
    best = fewest_packs(rest, rooms, capacity, best);
    rooms.pop();
    best
}

/// A capacity and lengths that it holds, with many equal ones.
fn problem(most: usize) -> impl Strategy<Value = (u32, Vec<u32>)> {
    prop_oneof![1_u32..40, 60_u32..70, 4_090_u32..4_100, Just(16_384_u32)].prop_flat_map(
        move |capacity| {
            let length = prop_oneof![
                1..=capacity,
                1..=(capacity / 8).max(1),
                Just(capacity),
                Just(capacity / 2 + 1),
                Just((capacity / 2).max(1)),
            ];
            (Just(capacity), prop::collection::vec(length, 0..most))
        },
    )
}

/// Nothing lost, nothing doubled, capacity kept, longest first in every pack and among packs.
fn check(packing: &Packing, lengths: &[u32], capacity: u32) {
    let mut seen = vec![false; lengths.len()];
    let mut previous_first = u32::MAX;
    for pack in packing.packs() {
        assert!(!pack.is_empty());
        let of = |item: &u32| lengths[*item as usize];
        assert!(pack.iter().map(|item| u64::from(of(item))).sum::<u64>() <= u64::from(capacity));
        assert!(pack.windows(2).all(|pair| of(&pair[0]) >= of(&pair[1])));
        assert!(of(&pack[0]) <= previous_first);
        previous_first = of(&pack[0]);
        for &item in pack {
            assert!(
                !std::mem::replace(&mut seen[item as usize], true),
                "item {item} twice"
            );
        }
    }
    assert!(seen.into_iter().all(|seen| seen));
    assert_eq!(packing.items.len(), lengths.len());
    assert!(packing.len() as u64 >= Packing::lower_bound(lengths, capacity));
}

proptest! {
    #[test]
    fn equals_the_slow_best_fit_or_needs_fewer((capacity, lengths) in problem(300)) {
        let packing = pack_lengths(&lengths, capacity).unwrap();
        check(&packing, &lengths, capacity);
        let packs: Vec<Vec<u32>> = packing.packs().map(<[u32]>::to_vec).collect();
        let slow = slow_best_fit(&lengths, capacity);
        prop_assert!(packs == slow || packs.len() < slow.len());
        prop_assert_eq!(&packing, &pack_lengths(&lengths, capacity).unwrap());
    }

    /// Dósa and Sgall (2014): best fit decreasing needs at most 11/9 of the optimum, plus 6/9.
    #[test]
    fn is_near_the_optimum((capacity, lengths) in problem(9)) {
        let packs = pack_lengths(&lengths, capacity).unwrap().len();
        let fewest = fewest_packs(&lengths, &mut Vec::new(), capacity, lengths.len());
        prop_assert!(9 * packs <= 11 * fewest + 6, "{packs} packs, {fewest} would do");
        prop_assert!(Packing::lower_bound(&lengths, capacity) <= fewest as u64);
    }

    #[test]
    fn names_the_first_item_without_a_place(
        (capacity, lengths) in problem(50),
        at in any::<prop::sample::Index>(),
        bad in prop_oneof![Just(0), 20_000_u32..30_000, Just(u32::MAX)],
    ) {
        let mut lengths = lengths;
        let item = at.index(lengths.len() + 1);
        lengths.insert(item, bad);
        lengths.push(0);
        let expected = match bad {
            0 => PackError::Empty { item },
            length => PackError::TooLong { item, length, capacity },
        };
        prop_assert_eq!(pack_lengths(&lengths, capacity), Err(expected));
    }
}

#[test]
fn no_items_make_no_packs() {
    let packing = pack_lengths(&[], 16).unwrap();
    assert_eq!(
        packing,
        Packing {
            offsets: vec![0],
            items: vec![]
        }
    );
    assert!((packing.fill(&[], 16) - 1.0).abs() < f64::EPSILON);
    assert_eq!(Packing::lower_bound(&[], 16), 0);
}

#[test]
fn capacities_out_of_bounds_are_refused() {
    for capacity in [0, MAX_CAPACITY + 1, u32::MAX] {
        let refused = Err(PackError::Capacity {
            capacity,
            limit: MAX_CAPACITY,
        });
        assert_eq!(pack_lengths(&[1], capacity), refused);
    }
    assert_eq!(
        pack_lengths(&[MAX_CAPACITY, 1, MAX_CAPACITY - 1], MAX_CAPACITY)
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn the_bound_counts_items_over_half() {
    assert_eq!(Packing::lower_bound(&[6, 6, 6, 1], 10), 3);
    assert_eq!(Packing::lower_bound(&[5, 5, 5], 10), 2);
    assert_eq!(Packing::lower_bound(&[10, 1], 10), 2);
}

/// Lengths as the paper's traces have: log-normal around 1,060 tokens, from `shortest` to 16,384.
fn paper_lengths(count: usize, shortest: f64) -> Vec<u32> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..count)
        .map(|_| {
            let normal: f64 = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
            (700.0 * (0.9 * normal).exp()).clamp(shortest, 16_384.0) as u32
        })
        .collect()
}

#[test]
fn fills_packs_of_the_papers_lengths() {
    let lengths = paper_lengths(20_000, 100.0);
    let mean = lengths.iter().map(|&length| f64::from(length)).sum::<f64>() / 20_000.0;
    assert!((1_000.0..1_120.0).contains(&mean), "mean {mean}");
    let packing = pack_lengths(&lengths, 16_384).unwrap();
    check(&packing, &lengths, 16_384);
    let fill = packing.fill(&lengths, 16_384);
    assert!(fill >= 0.999, "fill {fill}");
}

/// With a long prompt before every trace no item is short: best fit alone leaves a gap in each pack. The
/// longer the prompt, the more packs with one long trace have a gap that nothing fits.
#[test]
fn fills_packs_when_no_trace_is_short() {
    for (prompt, per_mille) in [(0, 0), (100, 0), (250, 0), (400, 0), (600, 1), (1_000, 2)] {
        for count in [20_000, 70_000] {
            let lengths: Vec<u32> = paper_lengths(count, 16.0)
                .iter()
                .map(|length| (length + prompt).min(16_384))
                .collect();
            let packing = pack_lengths(&lengths, 16_384).unwrap();
            check(&packing, &lengths, 16_384);
            let bound = Packing::lower_bound(&lengths, 16_384);
            let gap = packing.len() as u64 - bound;
            assert!(
                1000 * gap <= per_mille * bound,
                "{count} traces, prompt of {prompt}: {gap} packs above {bound}"
            );
        }
    }
}
