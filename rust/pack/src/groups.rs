//! Groups: items that share their first image, and so a pack.

use std::cmp::Reverse;

use crate::{ItemImages, PackBounds};

/// No group.
const NONE: u32 = u32::MAX;

/// Items in groups, each of which has a place in one pack; an item without images is a group of its own.
pub(crate) struct Groups {
    /// Items of group `g` are `items[offsets[g]..offsets[g + 1]]`.
    offsets: Vec<u32>,
    items: Vec<u32>,
    /// Tokens of each group.
    lengths: Vec<u32>,
}

impl Groups {
    /// Groups in the order of their first items, the items of each in input order.
    pub(crate) fn new(lengths: &[u32], images: &ItemImages<'_>, bounds: &PackBounds) -> Self {
        let mut groups = Self {
            offsets: vec![0],
            items: Vec::with_capacity(lengths.len()),
            lengths: Vec::new(),
        };
        let members = members(lengths.len(), images, bounds.traces_per_image);
        for group in members.chunk_by(|one, next| one.0 == next.0) {
            let items: Vec<u32> = group.iter().map(|&(_, item)| item).collect();
            for part in parts(items, lengths, images, bounds) {
                groups.push(&part, lengths);
            }
        }
        groups
    }

    /// The items of a group.
    pub(crate) fn items(&self, group: u32) -> &[u32] {
        let at = group as usize;
        &self.items[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }

    /// Tokens of each group.
    pub(crate) fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    fn push(&mut self, items: &[u32], lengths: &[u32]) {
        self.items.extend_from_slice(items);
        self.offsets.push(self.items.len() as u32);
        let tokens = items.iter().map(|&item| lengths[item as usize]).sum();
        self.lengths.push(tokens);
    }
}

/// Group and item of each item, by group: `most` items that share their first image, in input order.
fn members(items: usize, images: &ItemImages<'_>, most: u32) -> Vec<(u32, u32)> {
    // Of each image the group that is open, and the items that it has.
    let mut open = vec![(NONE, 0); images.patches.len()];
    let mut members = Vec::with_capacity(items);
    let mut groups = 0;
    for item in 0..items {
        let mut alone = (NONE, 0);
        let (group, count) = match images.of(item).first() {
            Some(&image) => &mut open[image as usize],
            None => &mut alone,
        };
        if *group == NONE || *count >= most {
            (*group, *count) = (groups, 0);
            groups += 1;
        }
        *count += 1;
        members.push((*group, item as u32));
    }
    members.sort_unstable();
    members
}

/// A part of a group while it is split.
struct Part {
    items: Vec<u32>,
    tokens: u64,
}

/// The items of a group in as many parts as best fit needs for the bounds: one where a pack holds them all.
fn parts(
    items: Vec<u32>,
    lengths: &[u32],
    images: &ItemImages<'_>,
    bounds: &PackBounds,
) -> Vec<Vec<u32>> {
    let length = |item: u32| u64::from(lengths[item as usize]);
    let tokens = items.iter().map(|&item| length(item)).sum();
    let fits = |items: &[u32], tokens: u64| {
        let patches = || images.patches_of(items.iter().copied());
        tokens <= u64::from(bounds.capacity)
            && bounds.max_patches.is_none_or(|most| patches() <= most)
    };
    if items.len() == 1 || fits(&items, tokens) {
        return vec![items];
    }
    let mut longest_first = items;
    longest_first.sort_by_key(|&item| Reverse(lengths[item as usize]));
    let mut parts: Vec<Part> = Vec::new();
    for item in longest_first {
        // Into the fullest part that takes it.
        parts.sort_by_key(|part| Reverse(part.tokens));
        let takes = |part: &mut Part| {
            part.items.push(item);
            let takes = fits(&part.items, part.tokens + length(item));
            part.items.pop();
            takes
        };
        let at = parts.iter_mut().position(takes).unwrap_or_else(|| {
            let (items, tokens) = (Vec::new(), 0);
            parts.push(Part { items, tokens });
            parts.len() - 1
        });
        parts[at].items.push(item);
        parts[at].tokens += length(item);
    }
    let in_order = |mut part: Part| {
        part.items.sort_unstable();
        part.items
    };
    let mut parts: Vec<Vec<u32>> = parts.into_iter().map(in_order).collect();
    parts.sort_unstable();
    parts
}
