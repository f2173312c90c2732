//! What traces with images take of a pack, and what it may hold.

/// The images of items: numbers of images, each of which has its patches.
#[derive(Clone, Copy, Debug, Default)]
pub struct ItemImages<'a> {
    /// Images of item `i` are `refs[offsets[i]..offsets[i + 1]]`; empty where no item has any.
    pub offsets: &'a [u32],
    /// Images, item after item. One may stand twice; the first of an item is what items are grouped by.
    pub refs: &'a [u32],
    /// Patches of each image.
    pub patches: &'a [u32],
}

impl<'a> ItemImages<'a> {
    /// The images of an item.
    #[must_use]
    pub fn of(&self, item: usize) -> &'a [u32] {
        match self.offsets.get(item..=item + 1) {
            Some(&[start, end]) => &self.refs[start as usize..end as usize],
            _ => &[],
        }
    }

    /// The patches of the distinct images of some items.
    pub(crate) fn patches_of(&self, items: impl Iterator<Item = u32>) -> u64 {
        let mut images: Vec<u32> = items
            .flat_map(|item| self.of(item as usize).iter().copied())
            .collect();
        images.sort_unstable();
        images.dedup();
        let patches = |&image: &u32| u64::from(self.patches[image as usize]);
        images.iter().map(patches).sum()
    }
}

/// What a pack may hold, and which traces share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackBounds {
    /// Tokens of a pack at most.
    pub capacity: u32,
    /// Traces that share their first image and a pack, at most; 1 groups nothing.
    pub traces_per_image: u32,
    /// Patches of a pack's distinct images at most, if that is bounded.
    pub max_patches: Option<u64>,
}
