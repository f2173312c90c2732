//! The runs of a range: what each block holds of it, read once into memory.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use octomed_curate::Place;

use crate::error::EngineError;
use crate::ids::unpack_ids;
use crate::select::{Loaded, Selection};

/// One block's part of a range.
struct Run {
    rows: Range<usize>,
    /// Where each row begins in `bytes`; one more than rows.
    starts: Vec<usize>,
    bytes: Vec<u8>,
}

/// The stored bytes of every trace of a range.
pub struct Runs {
    /// A value a block.
    runs: Vec<Run>,
}

impl Runs {
    /// Reads range `range` of every block, one long read each.
    ///
    /// # Errors
    /// When a block cannot be read, or `cancel` is set.
    pub fn read(
        selection: &Selection,
        range: usize,
        cancel: &AtomicBool,
    ) -> Result<Self, EngineError> {
        let read = |block: &Loaded| {
            if cancel.load(Ordering::Relaxed) {
                return Err(EngineError::Cancelled);
            }
            read_run(block, selection.key_space.rows(&block.shuffle_key, range))
        };
        Ok(Self {
            runs: selection
                .blocks
                .iter()
                .map(read)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Appends a trace's ids to `out` and returns its spans' bytes, pairs of little-endian `u32`.
    ///
    /// # Errors
    /// When the block is damaged.
    pub fn unpack<'a>(
        &'a self,
        selection: &Selection,
        place: Place,
        out: &mut Vec<u32>,
    ) -> Result<&'a [u8], EngineError> {
        let block = &selection.blocks[place.block as usize];
        let run = &self.runs[place.block as usize];
        let row = place.row as usize;
        let at = row - run.rows.start;
        let stored = &run.bytes[run.starts[at]..run.starts[at + 1]];
        let damaged = |what| EngineError::damaged(&block.path.with_extension("ids"), what);
        let spans = 8 * block.spans[row] as usize;
        let (spans, ids) = stored
            .split_at_checked(spans)
            .ok_or_else(|| damaged("a trace's spans are cut"))?;
        if unpack_ids(ids, out) != Some(block.tokens[row] as usize) {
            return Err(damaged("a trace has another length than its index says"));
        }
        Ok(spans)
    }
}

fn read_run(block: &Loaded, rows: Range<usize>) -> Result<Run, EngineError> {
    let bytes_of = |rows: Range<usize>| {
        block.stored[rows]
            .iter()
            .map(|&bytes| u64::from(bytes))
            .sum::<u64>()
    };
    let offset = bytes_of(0..rows.start);
    let mut starts = Vec::with_capacity(rows.len() + 1);
    let mut end = 0;
    starts.push(end);
    for row in rows.clone() {
        end += block.stored[row] as usize;
        starts.push(end);
    }
    let mut bytes = vec![0; end];
    if end > 0 {
        let path = block.path.with_extension("ids");
        let file = File::open(&path).map_err(EngineError::file("read", &path))?;
        file.read_exact_at(&mut bytes, offset)
            .map_err(EngineError::file("read", &path))?;
    }
    Ok(Run {
        rows,
        starts,
        bytes,
    })
}
