//! What images cost a layout, for choices of how many traces of an image share a pack.

use std::sync::atomic::AtomicBool;

use octomed_pack::PackBounds;

use crate::error::EngineError;
use crate::image_copies::image_runs;
use crate::parallel::in_parallel;
use crate::range_packs::{RangePacks, pack_range_within, shapes};
use crate::select::Selection;
use crate::split::RangeId;

/// What the images of a selection cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageCost {
    /// Ranges.
    pub ranges: u64,
    /// Distinct images of each range, summed.
    pub images: u64,
    /// Bytes of these, which are read out of the working store.
    pub image_bytes: u64,
    /// Reads that bring them.
    pub runs: u64,
    /// What is written, for each choice.
    pub packed: Vec<PackedImages>,
}

/// What is written of the images, and what a vision tower has to do for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackedImages {
    /// Traces of an image that share a pack at most.
    pub traces_per_image: u32,
    /// Packs.
    pub packs: u64,
    /// Images of the packs: one that several show counts in each.
    pub images: u64,
    /// Bytes of these.
    pub image_bytes: u64,
    /// Patches of these.
    pub patches: u64,
}

/// Packs every range, on some threads, once for each choice of how many traces of an image share a pack.
///
/// # Errors
/// As [`pack_range_within`], or when `cancel` is set.
pub fn image_cost(
    selection: &Selection,
    choices: &[u32],
    threads: usize,
    cancel: &AtomicBool,
) -> Result<ImageCost, EngineError> {
    let order = selection.order();
    let ranges = order.len();
    let of_ranges = in_parallel(threads, ranges, cancel, |number| {
        range_cost(selection, order[number], choices)
    })?;
    let mut sum = ImageCost {
        ranges: ranges as u64,
        ..ImageCost::default()
    };
    for &traces_per_image in choices {
        sum.packed.push(PackedImages {
            traces_per_image,
            ..PackedImages::default()
        });
    }
    for range in &of_ranges {
        sum.images += range.images;
        sum.image_bytes += range.image_bytes;
        sum.runs += range.runs;
        for (sum, packed) in sum.packed.iter_mut().zip(&range.packed) {
            sum.add(packed);
        }
    }
    Ok(sum)
}

/// What the images of a range cost.
fn range_cost(
    selection: &Selection,
    range: RangeId,
    choices: &[u32],
) -> Result<ImageCost, EngineError> {
    let mut cost = ImageCost::default();
    for &traces_per_image in choices {
        let bounds = PackBounds {
            traces_per_image,
            ..selection.pack.bounds()
        };
        let packs = pack_range_within(selection, range, &bounds)?;
        let distinct = 0..packs.images.locations.len() as u32;
        let bytes = distinct.map(|image| packs.images.bytes(&selection.index, image));
        cost.image_bytes = bytes.sum();
        cost.images = packs.images.locations.len() as u64;
        cost.runs = image_runs(&selection.index, &packs.images.locations).len() as u64;
        cost.packed.push(packed(selection, &packs));
    }
    Ok(cost)
}

/// What the packs of a range show.
fn packed(selection: &Selection, packs: &RangePacks) -> PackedImages {
    let mut packed = PackedImages::default();
    for stream in 0..packs.streams.len() {
        for shape in shapes(selection, packs, stream) {
            packed.packs += 1;
            packed.images += shape.images;
            packed.image_bytes += shape.image_bytes;
            packed.patches += shape.patches;
        }
    }
    packed
}

impl PackedImages {
    fn add(&mut self, other: &Self) {
        self.packs += other.packs;
        self.images += other.images;
        self.image_bytes += other.image_bytes;
        self.patches += other.patches;
    }
}
