//! Best fit with a second bound: the fullest pack whose tokens and patches leave room.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::groups::Groups;
use crate::{ItemImages, Packing};

/// Open packs by the tokens, and among those of one number by the patches, that they have room for.
struct Rooms {
    /// Patches left and number of each pack, by tokens left.
    packs: BTreeMap<usize, BTreeSet<(u64, u32)>>,
    /// A tree over tokens left, as an array: at each node one more than the most patches left below it, 0 where no
    /// pack is. Its leaves are the second half.
    most: Vec<u64>,
}

impl Rooms {
    fn new(capacity: u32) -> Self {
        let leaves = (capacity as usize + 1).next_power_of_two();
        Self {
            packs: BTreeMap::new(),
            most: vec![0; 2 * leaves],
        }
    }

    /// Takes out the pack with the least room of those with room for `tokens` and `patches`: its tokens and patches
    /// left, and its number.
    fn take(&mut self, tokens: usize, patches: u64) -> Option<(usize, u64, u32)> {
        let room = self.first(tokens, patches + 1)?;
        let packs = self.packs.get_mut(&room)?;
        let &(left, pack) = packs.range((patches, 0)..).next()?;
        packs.remove(&(left, pack));
        self.refresh(room);
        Some((room, left, pack))
    }

    /// Puts a pack back; one without room for a token is not kept.
    fn put(&mut self, tokens: usize, patches: u64, pack: u32) {
        if tokens > 0 {
            self.packs
                .entry(tokens)
                .or_default()
                .insert((patches, pack));
            self.refresh(tokens);
        }
    }

    /// The first leaf at or after `from` with at least `wanted`.
    fn first(&self, from: usize, wanted: u64) -> Option<usize> {
        let leaves = self.most.len() / 2;
        let mut node = leaves + from;
        while self.most[node] < wanted {
            // On to the subtree at the right; of the last one the way leads above the root.
            node >>= node.trailing_ones();
            if node == 0 {
                return None;
            }
            node += 1;
        }
        while node < leaves {
            node *= 2;
            if self.most[node] < wanted {
                node += 1;
            }
        }
        Some(node - leaves)
    }

    /// Brings the tree up to date above the leaf of `tokens`.
    fn refresh(&mut self, tokens: usize) {
        let packs = self.packs.get(&tokens).and_then(BTreeSet::last);
        let mut node = self.most.len() / 2 + tokens;
        self.most[node] = packs.map_or(0, |&(patches, _)| patches + 1);
        while node > 1 {
            node /= 2;
            self.most[node] = self.most[2 * node].max(self.most[2 * node + 1]);
        }
    }
}

/// Packs groups in `order`; each fits a pack by itself.
///
/// An image that a pack has already takes no patches again, which is counted when a group is placed and not when a
/// pack is looked for.
pub(crate) fn bounded_fit(
    groups: &Groups,
    order: &[u32],
    images: &ItemImages<'_>,
    capacity: u32,
    most: u64,
) -> Packing {
    let mut rooms = Rooms::new(capacity);
    let mut shown = HashSet::new();
    let mut packs: Vec<Vec<u32>> = Vec::new();
    for &group in order {
        let tokens = groups.lengths()[group as usize] as usize;
        let items = groups.items(group);
        let patches = images.patches_of(items.iter().copied());
        let found = rooms.take(tokens, patches).unwrap_or_else(|| {
            packs.push(Vec::new());
            (capacity as usize, most, packs.len() as u32 - 1)
        });
        let (room, mut left, pack) = found;
        packs[pack as usize].push(group);
        for &image in items.iter().flat_map(|&item| images.of(item as usize)) {
            if shown.insert((pack, image)) {
                left -= u64::from(images.patches[image as usize]);
            }
        }
        rooms.put(room - tokens, left, pack);
    }
    let mut packing = Packing {
        offsets: vec![0],
        items: packs.concat(),
    };
    for pack in &packs {
        let end = packing.offsets[packing.offsets.len() - 1] + pack.len() as u32;
        packing.offsets.push(end);
    }
    packing
}
