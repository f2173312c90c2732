//! The packs of traces with images.

use std::cmp::Reverse;

use crate::bounded::bounded_fit;
use crate::groups::Groups;
use crate::order::{count_lengths, longest_first};
use crate::packing::check_capacity;
use crate::{ItemImages, PackBounds, PackError, Packing, pack_lengths};

/// Packs whole items whose images count, each once a pack, against a bound of their own.
///
/// Items that share their first image form groups of [`PackBounds::traces_per_image`], in input order; a group is
/// placed as one. One that no pack holds is split, by best fit, into the groups that are placed. Groups are packed as
/// [`pack_lengths`] packs lengths, to the same packs where no item has an image. Where a pack then has too many
/// patches, all are packed again, longest first, each into the fullest pack whose tokens *and* patches leave room for
/// it. As a new pack is opened only where no other has room, there are at most `1 + 2·t + 2·p` packs: `t` packs hold
/// all tokens, and `p` the patches of all groups. The first item of a pack is its longest.
///
/// # Errors
/// As [`pack_lengths`]; an item whose images alone have more than [`PackBounds::max_patches`] is named, too.
pub fn pack_items(
    lengths: &[u32],
    images: &ItemImages<'_>,
    bounds: &PackBounds,
) -> Result<Packing, PackError> {
    if images.refs.is_empty() {
        return pack_lengths(lengths, bounds.capacity);
    }
    check_items(lengths, images, bounds)?;
    let groups = Groups::new(lengths, images, bounds);
    let packing = pack_lengths(groups.lengths(), bounds.capacity)?;
    let packing = match bounds.max_patches {
        Some(most) if !within(&packing, &groups, images, most) => {
            let counts = count_lengths(groups.lengths(), bounds.capacity)?;
            let order = longest_first(groups.lengths(), &counts);
            bounded_fit(&groups, &order, images, bounds.capacity, most)
        }
        _ => packing,
    };
    Ok(of_items(&packing, &groups, lengths))
}

fn check_items(
    lengths: &[u32],
    images: &ItemImages<'_>,
    bounds: &PackBounds,
) -> Result<(), PackError> {
    check_capacity(bounds.capacity)?;
    count_lengths(lengths, bounds.capacity)?;
    let Some(limit) = bounds.max_patches else {
        return Ok(());
    };
    for item in (0..lengths.len()).filter(|&item| !images.of(item).is_empty()) {
        let patches = images.patches_of(std::iter::once(item as u32));
        if patches > limit {
            return Err(PackError::Patches {
                item,
                patches,
                limit,
            });
        }
    }
    Ok(())
}

/// Whether no pack has more than `most` patches.
fn within(packing: &Packing, groups: &Groups, images: &ItemImages<'_>, most: u64) -> bool {
    packing.packs().all(|pack| {
        let items = pack.iter().flat_map(|&group| groups.items(group));
        images.patches_of(items.copied()) <= most
    })
}

/// The packs of groups as packs of their items, the longest first in each.
fn of_items(packing: &Packing, groups: &Groups, lengths: &[u32]) -> Packing {
    let mut offsets = vec![0];
    let mut items = Vec::with_capacity(lengths.len());
    for pack in packing.packs() {
        let start = items.len();
        items.extend(pack.iter().flat_map(|&group| groups.items(group)));
        items[start..].sort_by_key(|&item: &u32| Reverse(lengths[item as usize]));
        offsets.push(items.len() as u32);
    }
    Packing { offsets, items }
}
