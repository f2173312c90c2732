//! What a layout says of its images, as classes of the extension.

use pyo3::prelude::*;

/// What the images of a selection cost.
#[pyclass(frozen, get_all, module = "octomed._octomed")]
pub struct ImageCost {
    /// Ranges.
    ranges: u64,
    /// Distinct images of each range, summed.
    images: u64,
    /// Bytes of these, which are read out of the working store.
    image_bytes: u64,
    /// Reads that bring them.
    runs: u64,
    /// What is written, for each choice of how many traces of an image share a pack.
    packed: Vec<PackedImages>,
}

/// What is written of the images, and what a vision tower has to do for them.
#[pyclass(frozen, get_all, skip_from_py_object, module = "octomed._octomed")]
#[derive(Clone)]
pub struct PackedImages {
    /// Traces of an image that share a pack at most.
    traces_per_image: u32,
    /// Packs.
    packs: u64,
    /// Images of the packs: one that several show counts in each.
    images: u64,
    /// Bytes of these.
    image_bytes: u64,
    /// Patches of these.
    patches: u64,
}

/// An image that several sources show, or that is stored in several ways.
#[pyclass(frozen, get_all, module = "octomed._octomed")]
pub struct SharedImage {
    /// The hash that its occurrences share.
    hash: u64,
    /// Whether that is the hash of its pixels, or of its bytes.
    of_pixels: bool,
    /// Files of other bytes that show it.
    files: u32,
    /// Traces that are kept and show it.
    traces: u64,
    /// How many of these each source has, in source order.
    sources: Vec<(String, u64)>,
    /// Where it is shown first: source, file, row, hash of the bytes there, and the path of the image's file.
    places: Vec<(String, String, u64, u64, Option<String>)>,
}

impl From<octomed_engine::ImageCost> for ImageCost {
    fn from(cost: octomed_engine::ImageCost) -> Self {
        Self {
            ranges: cost.ranges,
            images: cost.images,
            image_bytes: cost.image_bytes,
            runs: cost.runs,
            packed: cost.packed.into_iter().map(PackedImages::from).collect(),
        }
    }
}

impl From<octomed_engine::PackedImages> for PackedImages {
    fn from(packed: octomed_engine::PackedImages) -> Self {
        Self {
            traces_per_image: packed.traces_per_image,
            packs: packed.packs,
            images: packed.images,
            image_bytes: packed.image_bytes,
            patches: packed.patches,
        }
    }
}

impl From<octomed_curate::SharedImage> for SharedImage {
    fn from(image: octomed_curate::SharedImage) -> Self {
        Self {
            hash: image.hash,
            of_pixels: image.of_pixels,
            files: image.files,
            traces: image.traces,
            sources: image.sources,
            places: image
                .places
                .into_iter()
                .map(|place| (place.source, place.file, place.row, place.bytes, place.name))
                .collect(),
        }
    }
}
