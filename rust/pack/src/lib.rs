//! Lengths to packs: buckets and best fit; and packs to the tensors of a batch.
//!
//! A pack is a sequence of whole items (traces) whose lengths sum to at most a capacity. Items are
//! placed longest first, each into the fullest open pack that still has room for it (*best fit
//! decreasing*). Lengths are small integers, so sorting is counting, and the fullest pack with room is
//! the next set bit in a bitset of remaining capacities. Traces that show an image may share a pack, and its images
//! have a bound of their own.

mod batch;
mod bitset;
mod bounded;
mod buckets;
mod error;
mod fill;
mod fit;
mod groups;
mod item_images;
mod items;
mod order;
mod packing;

pub use batch::{
    Batch, BatchError, BatchSize, IGNORED, ImageBuffers, ImageColumns, ImageRules, PackRow,
    PackRules, RowFault, check_packs,
};
pub use buckets::Buckets;
pub use error::PackError;
pub use item_images::{ItemImages, PackBounds};
pub use items::pack_items;
pub use packing::{MAX_CAPACITY, Packing, pack_lengths};
