//! Traces that are longer than a pack: they are never cut.

use octomed_index::{BlockIndex, Index, TraceLocation, Verdict};

use crate::{CurateError, OverLongPolicy, Rejects, Rule};

/// Patches that one token stands for: 2 by 2 in every family.
const PATCHES_PER_TOKEN: u64 = 4;

/// Leaves out what no pack holds, or calls it an error.
#[derive(Clone, Copy, Debug)]
pub struct OverLong {
    /// Tokens that a pack holds.
    pub capacity: u32,
    /// What becomes of such a trace.
    pub policy: OverLongPolicy,
}

impl Rule for OverLong {
    fn verdict(&self) -> Verdict {
        Verdict::OverLong
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let capacity = self.capacity;
        for block in &mut index.blocks {
            for row in 0..block.len() {
                let tokens = block.traces.tokens[row];
                if tokens <= capacity || !block.is_kept(row) {
                    continue;
                }
                if self.policy == OverLongPolicy::Error {
                    let trace = block.describe(row);
                    return Err(CurateError::OverLong {
                        trace,
                        tokens,
                        capacity,
                    });
                }
                block.traces.verdict[row] = Verdict::OverLong as u8;
            }
        }
        let detail = move |index: &Index, trace: TraceLocation| {
            let (block, row) = (index.block(trace), trace.row as usize);
            let tokens = block.traces.tokens[row];
            let of_images = image_tokens(block, row);
            let images = if of_images > 0 {
                format!("; its images alone take {of_images}")
            } else {
                String::new()
            };
            format!("{tokens} tokens, a pack holds {capacity}{images}")
        };
        Ok(Rejects::new(Verdict::OverLong, detail))
    }
}

/// Tokens of a trace that stand for images.
fn image_tokens(block: &BlockIndex, row: usize) -> u64 {
    let patches = |&image: &u32| block.images.patches(image as usize);
    let refs = block.image_refs(row).iter();
    refs.map(patches).sum::<u64>() / PATCHES_PER_TOKEN
}
