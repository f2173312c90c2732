//! The extents of a range: what each block holds of it, and how its traces get from there into a raw shard.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use octomed_index::BlockIndex;

use crate::error::EngineError;
use crate::select::Selection;
use crate::split::RangeId;
use crate::stored_traces::{Source, TraceCopy, bytes};

/// One block's part of a range.
struct Extent {
    rows: Range<usize>,
    /// Where its bytes begin in the block's ids.
    start: u64,
}

/// Where every trace of a range lies in the working store.
pub struct Extents {
    /// One for each block.
    extents: Vec<Extent>,
}

impl Extents {
    /// Finds a range in every block, and has the system read it ahead: one long read a block, whose bytes
    /// wait in the page cache, where those of a store that was just written are anyhow.
    ///
    /// # Errors
    /// When a block cannot be read, or `cancel` is set.
    pub fn find(
        selection: &Selection,
        range: RangeId,
        cancel: &AtomicBool,
    ) -> Result<Self, EngineError> {
        let find = |block: &BlockIndex| {
            if cancel.load(Ordering::Relaxed) {
                return Err(EngineError::Cancelled);
            }
            let rows = selection.rows(&block.traces.shuffle_key, range);
            let extent = Extent {
                start: bytes(&block.traces.stored[..rows.start]),
                rows,
            };
            extent.read_ahead(block)?;
            Ok(extent)
        };
        let extents = selection.index.blocks.iter().map(find);
        Ok(Self {
            extents: extents.collect::<Result<_, _>>()?,
        })
    }

    /// Reads traces into a raw shard, block by block and forwards, straight to where they stay.
    ///
    /// # Errors
    /// When a block cannot be read or is damaged, or `cancel` is set.
    pub fn fill(
        &self,
        selection: &Selection,
        mut copies: Vec<TraceCopy>,
        shard: &mut [u8],
        cancel: &AtomicBool,
    ) -> Result<(), EngineError> {
        copies.sort_unstable();
        let mut stored = Vec::new();
        for copies in copies.chunk_by(|one, next| one.trace.block == next.trace.block) {
            if cancel.load(Ordering::Relaxed) {
                return Err(EngineError::Cancelled);
            }
            let number = copies[0].trace.block as usize;
            let source = Source::open(&selection.index.blocks[number])?;
            let extent = &self.extents[number];
            let (mut row, mut offset) = (extent.rows.start, extent.start);
            for copy in copies {
                let at = copy.trace.row as usize;
                offset += bytes(&source.block.traces.stored[row..at]);
                row = at;
                source.read(at, offset, &mut stored)?;
                source.copy_into(at, &stored, copy, shard)?;
            }
        }
        Ok(())
    }
}

impl Extent {
    fn read_ahead(&self, block: &BlockIndex) -> Result<(), EngineError> {
        let length = bytes(&block.traces.stored[self.rows.clone()]);
        if length > 0 {
            Source::open(block)?.read_ahead(self.start, length);
        }
        Ok(())
    }
}
