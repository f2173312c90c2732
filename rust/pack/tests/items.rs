//! Packs of items with images: the promises of every packing, a slow twin of the second bound, and what stays equal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use octomed_pack::{ItemImages, PackBounds, PackError, Packing, pack_items, pack_lengths};
use proptest::prelude::*;

/// Lengths of items, the images of each, and the patches of each image.
#[derive(Clone, Debug)]
struct Problem {
    lengths: Vec<u32>,
    images: Vec<Vec<u32>>,
    patches: Vec<u32>,
    bounds: PackBounds,
}

impl Problem {
    fn pack(&self) -> Result<Packing, PackError> {
        let mut offsets = vec![0];
        for images in &self.images {
            offsets.push(offsets[offsets.len() - 1] + u32::try_from(images.len()).unwrap());
        }
        let refs = self.images.concat();
        let images = ItemImages {
            offsets: &offsets,
            refs: &refs,
            patches: &self.patches,
        };
        pack_items(&self.lengths, &images, &self.bounds)
    }

    fn patches(&self, items: &[u32]) -> u64 {
        let images: BTreeSet<u32> = items
            .iter()
            .flat_map(|&item| self.images[item as usize].iter().copied())
            .collect();
        let patches = |&image: &u32| u64::from(self.patches[image as usize]);
        images.iter().map(patches).sum()
    }

    fn tokens(&self, items: &[u32]) -> u64 {
        let length = |&item: &u32| u64::from(self.lengths[item as usize]);
        items.iter().map(length).sum()
    }

    fn fit(&self, items: &[u32]) -> bool {
        let most = self.bounds.max_patches.unwrap_or(u64::MAX);
        self.tokens(items) <= u64::from(self.bounds.capacity) && self.patches(items) <= most
    }

    /// The groups that a reader would make: of each image every so many items, in input order.
    fn groups(&self) -> Vec<Vec<u32>> {
        let mut of_image: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut groups = Vec::new();
        for (item, images) in (0..).zip(&self.images) {
            match images.first() {
                Some(&image) => of_image.entry(image).or_default().push(item),
                None => groups.push(vec![item]),
            }
        }
        let most = self.bounds.traces_per_image as usize;
        groups.extend(
            of_image
                .values()
                .flat_map(|items| items.chunks(most).map(<[u32]>::to_vec)),
        );
        groups
    }
}

/// Problems whose items fit a pack each; a few images are shown by many.
fn problem(most: usize) -> impl Strategy<Value = Problem> {
    let bounds = (
        prop_oneof![1_u32..40, 60..70_u32, Just(4_096_u32)],
        1..=16_u32,
        prop_oneof![Just(None), (1..200_u64).prop_map(Some)],
    );
    bounds.prop_flat_map(move |(capacity, traces_per_image, max_patches)| {
        let largest = max_patches.unwrap_or(200) as u32;
        let patches = prop::collection::vec(0..=largest, 1..12);
        let item = (
            prop_oneof![
                1..=capacity,
                1..=(capacity / 8).max(1),
                Just(capacity / 2 + 1).prop_map(move |length| length.min(capacity)),
            ],
            prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        );
        (patches, prop::collection::vec(item, 0..most)).prop_map(move |(patches, items)| {
            let mut problem = Problem {
                lengths: Vec::new(),
                images: Vec::new(),
                patches,
                bounds: PackBounds {
                    capacity,
                    traces_per_image,
                    max_patches,
                },
            };
            for (length, images) in items {
                let of = |image: prop::sample::Index| image.index(problem.patches.len()) as u32;
                let mut images: Vec<u32> = images.into_iter().map(of).collect();
                problem.lengths.push(length);
                problem.images.push(images.clone());
                let item = problem.images.len() as u32 - 1;
                while !problem.fit(&[item]) {
                    images.pop();
                    problem.images[item as usize].clone_from(&images);
                }
            }
            problem
        })
    })
}

proptest! {
    #[test]
    fn every_item_has_one_place_and_every_bound_holds(problem in problem(120)) {
        let packing = problem.pack().unwrap();
        let mut items = packing.items.clone();
        items.sort_unstable();
        prop_assert_eq!(items, (0..problem.lengths.len() as u32).collect::<Vec<_>>());
        for pack in packing.packs() {
            prop_assert!(!pack.is_empty() && problem.fit(pack), "{pack:?}");
            let length = |item: &u32| problem.lengths[*item as usize];
            prop_assert!(pack.is_sorted_by(|one, next| length(one) >= length(next)));
        }
        prop_assert_eq!(packing, problem.pack().unwrap());
    }

    #[test]
    fn groups_that_a_pack_holds_stay_together_and_others_are_split_into_few(problem in problem(120)) {
        let packing = problem.pack().unwrap();
        let mut pack_of = vec![0; problem.lengths.len()];
        for (number, pack) in packing.packs().enumerate() {
            pack.iter().for_each(|&item| pack_of[item as usize] = number);
        }
        for group in problem.groups() {
            let packs: BTreeSet<usize> = group.iter().map(|&item| pack_of[item as usize]).collect();
            if problem.fit(&group) {
                prop_assert_eq!(packs.len(), 1);
            }
            // Any two parts of a split group together pass a bound, so all but one are half full of something.
            let capacity = u64::from(problem.bounds.capacity);
            let patches: u64 = group.iter().map(|&item| problem.patches(&[item])).sum();
            let of_patches = problem.bounds.max_patches.map_or(0, |most| 2 * patches / most);
            prop_assert!(packs.len() as u64 <= 1 + 2 * problem.tokens(&group) / capacity + of_patches);
        }
    }

    #[test]
    fn there_are_few_packs(problem in problem(120)) {
        let packs = problem.pack().unwrap().len() as u64;
        let capacity = u64::from(problem.bounds.capacity);
        let tokens: u64 = problem.lengths.iter().map(|&length| u64::from(length)).sum();
        let patches: u64 = problem.images.iter().zip(0..).map(|(_, item)| problem.patches(&[item])).sum();
        let of_patches = problem.bounds.max_patches.map_or(0, |most| (2 * patches).div_ceil(most));
        prop_assert!(packs <= 1 + (2 * tokens).div_ceil(capacity) + of_patches);
        prop_assert!(packs >= Packing::lower_bound(&problem.lengths, problem.bounds.capacity));
    }

    #[test]
    fn without_images_packs_are_those_of_lengths(problem in problem(120)) {
        let mut problem = problem;
        problem.images.iter_mut().for_each(Vec::clear);
        let lengths = pack_lengths(&problem.lengths, problem.bounds.capacity).unwrap();
        prop_assert_eq!(problem.pack().unwrap(), lengths);
    }

    #[test]
    fn single_traces_and_a_bound_that_nothing_reaches_change_nothing(problem in problem(120)) {
        let mut problem = problem;
        problem.bounds.traces_per_image = 1;
        problem.bounds.max_patches = None;
        let lengths = pack_lengths(&problem.lengths, problem.bounds.capacity).unwrap();
        prop_assert_eq!(&problem.pack().unwrap(), &lengths);
        problem.bounds.max_patches = Some(problem.patches.iter().map(|&patches| u64::from(patches)).sum());
        prop_assert_eq!(&problem.pack().unwrap(), &lengths);
    }

    #[test]
    fn the_second_bound_equals_its_slow_twin(problem in problem(80)) {
        let mut problem = problem;
        problem.bounds.traces_per_image = 1;
        let Some(most) = problem.bounds.max_patches else { return Ok(()) };
        let packing = problem.pack().unwrap();
        let lengths = pack_lengths(&problem.lengths, problem.bounds.capacity).unwrap();
        if lengths.packs().all(|pack| problem.fit(pack)) {
            prop_assert_eq!(packing, lengths);
        } else {
            let packs: Vec<Vec<u32>> = packing.packs().map(<[u32]>::to_vec).collect();
            prop_assert_eq!(packs, slow_bounded_fit(&problem, most));
        }
    }

    #[test]
    fn an_item_without_a_place_is_named(problem in problem(40), at in any::<prop::sample::Index>()) {
        let mut problem = problem;
        let item = at.index(problem.lengths.len() + 1);
        problem.bounds.max_patches = Some(problem.bounds.max_patches.unwrap_or(10_000));
        let limit = problem.bounds.max_patches.unwrap();
        problem.lengths.insert(item, 1);
        problem.patches.push(limit as u32 + 1);
        problem.images.insert(item, vec![problem.patches.len() as u32 - 1]);
        let refused = PackError::Patches { item, patches: limit + 1, limit };
        prop_assert_eq!(problem.pack(), Err(refused));
        problem.lengths[item] = problem.bounds.capacity + 1;
        let refused = matches!(problem.pack(), Err(PackError::TooLong { item: named, .. }) if named == item);
        prop_assert!(refused);
    }
}

/// Longest first, each into the pack with the fewest tokens left, then the fewest patches, of those with room.
fn slow_bounded_fit(problem: &Problem, most: u64) -> Vec<Vec<u32>> {
    let mut order: Vec<u32> = (0..problem.lengths.len() as u32).collect();
    order.sort_by_key(|&item| std::cmp::Reverse(problem.lengths[item as usize]));
    let mut packs: Vec<Vec<u32>> = Vec::new();
    for item in order {
        let tokens = u64::from(problem.lengths[item as usize]);
        let rooms = packs.iter_mut().map(|pack| {
            let room = u64::from(problem.bounds.capacity) - problem.tokens(pack);
            (room, most - problem.patches(pack), pack)
        });
        let fits =
            rooms.filter(|(room, left, _)| *room >= tokens && *left >= problem.patches(&[item]));
        match fits.min_by_key(|(room, left, _)| (*room, *left)) {
            Some((_, _, pack)) => pack.push(item),
            None => packs.push(vec![item]),
        }
    }
    packs
}

#[test]
fn traces_of_an_image_share_packs_by_so_many() {
    let problem = |traces_per_image, capacity| Problem {
        lengths: vec![10; 16],
        images: vec![vec![0]; 16],
        patches: vec![40],
        bounds: PackBounds {
            capacity,
            traces_per_image,
            max_patches: None,
        },
    };
    let packs = |traces, capacity| problem(traces, capacity).pack().unwrap().len();
    assert_eq!(
        [packs(1, 40), packs(4, 40), packs(8, 80), packs(16, 160)],
        [4, 4, 2, 1]
    );
    // A group of eight that a pack does not hold: 7 and 1, and 3, 3 and 2.
    assert_eq!([packs(8, 79), packs(8, 39)], [3, 6]);
}

#[test]
fn an_image_of_a_pack_counts_once() {
    let problem = Problem {
        lengths: vec![10; 4],
        images: vec![vec![0], vec![0, 0], vec![0, 1], vec![]],
        patches: vec![60, 40],
        bounds: PackBounds {
            capacity: 40,
            traces_per_image: 1,
            max_patches: Some(100),
        },
    };
    assert_eq!(problem.pack().unwrap().len(), 1);
    let less = PackBounds {
        max_patches: Some(99),
        ..problem.bounds
    };
    let refused = Problem {
        bounds: less,
        ..problem
    };
    let error = refused.pack().unwrap_err().to_string();
    assert_eq!(
        error,
        "item 2 has images of 100 patches, more than the 99 of a pack"
    );
}
