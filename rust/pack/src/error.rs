//! What is wrong with the lengths, the capacity or the bucket edges.

use thiserror::Error;

/// Why lengths cannot be packed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PackError {
    /// The capacity is zero or more than [`crate::MAX_CAPACITY`].
    #[error("the capacity is {capacity}, and must lie between 1 and {limit}")]
    Capacity {
        /// The capacity asked for.
        capacity: u32,
        /// The largest capacity that is served.
        limit: u32,
    },
    /// An item without tokens would have a place in a pack and nothing there.
    #[error("item {item} has length 0")]
    Empty {
        /// Position of the item in the input.
        item: usize,
    },
    /// Items are never cut, so one longer than a pack has no place.
    #[error("item {item} has length {length}, more than the capacity {capacity}")]
    TooLong {
        /// Position of the item in the input.
        item: usize,
        /// Its length.
        length: u32,
        /// The capacity asked for.
        capacity: u32,
    },
    /// Nothing of an image is ever cut, so an item whose images have more patches than a pack has no place.
    #[error("item {item} has images of {patches} patches, more than the {limit} of a pack")]
    Patches {
        /// Position of the item in the input.
        item: usize,
        /// Patches of its distinct images.
        patches: u64,
        /// The most asked for.
        limit: u64,
    },
    /// Item numbers are 32 bits wide.
    #[error("{items} items are more than the {} that one call packs", u32::MAX - 1)]
    TooMany {
        /// How many items there are.
        items: usize,
    },
    /// Bucket edges have to be ascending and at least 1.
    #[error("bucket edge {edge} does not follow {previous}: edges must ascend from 1")]
    Edges {
        /// The edge that is out of place.
        edge: u32,
        /// The edge before it, 0 for the first.
        previous: u32,
    },
}
