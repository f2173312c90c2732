//! Traces whose images are more than a pack may show: nothing of an image is ever cut.

use octomed_index::{BlockIndex, Index, TraceLocation, Verdict};

use crate::{CurateError, OverLongPolicy, Rejects, Rule};

/// Images of a trace that its reject names.
const MOST_NAMED: usize = 4;

/// Leaves out traces whose distinct images have more patches than a pack, or calls one an error.
#[derive(Clone, Copy, Debug)]
pub struct OverPatches {
    /// Patches of a pack's distinct images at most.
    pub max_patches: u64,
    /// What becomes of such a trace.
    pub policy: OverLongPolicy,
}

impl Rule for OverPatches {
    fn verdict(&self) -> Verdict {
        Verdict::OverPatches
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let max_patches = self.max_patches;
        let shows_images = |block: &&mut BlockIndex| !block.images.is_empty();
        for block in index.blocks.iter_mut().filter(shows_images) {
            for row in 0..block.len() {
                if block.traces.images[row] == 0 || !block.is_kept(row) {
                    continue;
                }
                let patches = patches(block, &distinct(block, row));
                if patches <= max_patches {
                    continue;
                }
                if self.policy == OverLongPolicy::Error {
                    let trace = block.describe(row);
                    return Err(CurateError::OverPatches {
                        trace,
                        patches,
                        max_patches,
                    });
                }
                block.traces.verdict[row] = Verdict::OverPatches as u8;
            }
        }
        let detail = move |index: &Index, trace: TraceLocation| {
            let block = index.block(trace);
            let images = distinct(block, trace.row as usize);
            let patches = patches(block, &images);
            let named = named(block, &images);
            format!("{patches} patches of {named}, a pack holds {max_patches}")
        };
        Ok(Rejects::new(Verdict::OverPatches, detail))
    }
}

/// The distinct images of a trace, in the order of first use.
fn distinct(block: &BlockIndex, row: usize) -> Vec<u32> {
    let mut images = Vec::new();
    for &image in block.image_refs(row) {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    images
}

/// The patches of some images of a block.
fn patches(block: &BlockIndex, images: &[u32]) -> u64 {
    let patches = |&image: &u32| block.images.patches(image as usize);
    images.iter().map(patches).sum()
}

/// How many images these are, with the hashes of the first of them.
fn named(block: &BlockIndex, images: &[u32]) -> String {
    let hash = |&image: &u32| format!("{:016x}", block.images.hash[image as usize]);
    let hashes: Vec<String> = images.iter().take(MOST_NAMED).map(hash).collect();
    let more = if images.len() > MOST_NAMED {
        ", …"
    } else {
        ""
    };
    let noun = if images.len() == 1 { "image" } else { "images" };
    format!("{} {noun} ({}{more})", images.len(), hashes.join(", "))
}
