//! The runs of a range: what each block holds of it, read once into memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use octomed_curate::Place;

use crate::error::EngineError;
use crate::ids::unpack_ids;
use crate::index::checksum;
use crate::select::{Loaded, Selection};

/// One block's part of a range.
struct Run {
    rows: Range<usize>,
    /// Where each row begins in the range's bytes; one more than rows.
    starts: Vec<usize>,
}

/// The stored bytes of every trace of a range.
pub struct Runs {
    /// A value a block.
    runs: Vec<Run>,
    bytes: Vec<u8>,
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
        let mut end = 0;
        let blocks = &selection.blocks;
        let runs: Vec<Run> = blocks
            .iter()
            .map(|block| {
                let rows = selection.key_space.rows(&block.shuffle_key, range);
                let run = Run::new(block, rows, end);
                end = run.bytes().end;
                run
            })
            .collect();
        let mut bytes = Vec::new();
        octomed_memory::reserve(&mut bytes, end);
        for (block, run) in blocks.iter().zip(&runs) {
            if cancel.load(Ordering::Relaxed) {
                return Err(EngineError::Cancelled);
            }
            run.read(block, &mut bytes)?;
        }
        Ok(Self { runs, bytes })
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
        let stored = &self.bytes[run.starts[at]..run.starts[at + 1]];
        let damaged = |what| EngineError::damaged(&block.path.with_extension("ids"), what);
        if checksum(stored) != block.checksum[row] {
            return Err(damaged("a trace's bytes are not those written"));
        }
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

impl Run {
    /// The rows of a block, whose bytes begin at `start` of the range's.
    fn new(block: &Loaded, rows: Range<usize>, start: usize) -> Self {
        let mut end = start;
        let ends = block.stored[rows.clone()].iter().map(|&bytes| {
            end += bytes as usize;
            end
        });
        let starts = std::iter::once(start).chain(ends).collect();
        Self { rows, starts }
    }

    /// Where its bytes lie among the range's.
    fn bytes(&self) -> Range<usize> {
        self.starts[0]..self.starts[self.rows.len()]
    }

    /// Appends its bytes, which one long read gives.
    fn read(&self, block: &Loaded, bytes: &mut Vec<u8>) -> Result<(), EngineError> {
        let wanted = self.bytes().len() as u64;
        if wanted == 0 {
            return Ok(());
        }
        let before = block.stored[..self.rows.start].iter();
        let offset = before.map(|&bytes| u64::from(bytes)).sum();
        let path = block.path.with_extension("ids");
        let mut file = File::open(&path).map_err(EngineError::file("read", &path))?;
        let read = file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| file.take(wanted).read_to_end(bytes))
            .map_err(EngineError::file("read", &path))?;
        if read as u64 != wanted {
            return Err(EngineError::damaged(&path, "its end is missing"));
        }
        Ok(())
    }
}
