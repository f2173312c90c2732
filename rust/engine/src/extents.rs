//! The extents of a range: what each block holds of it, and how its traces get from there into a raw shard.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use octomed_index::{BlockIndex, IndexError, TraceLocation, checksum};

use crate::error::EngineError;
use crate::ids::unpack_ids;
use crate::select::Selection;
use crate::split::RangeId;

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

/// A trace that a raw shard has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceCopy {
    /// Where it is.
    pub trace: TraceLocation,
    /// Byte of the shard of its first id.
    pub ids: usize,
    /// Byte of the shard of its first span.
    pub spans: usize,
    /// Tokens of its pack before it, which its spans count.
    pub offset: u32,
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
            octomed_memory::read_ahead(&open(block)?.1, self.start, length);
        }
        Ok(())
    }
}

/// A block's ids, open.
pub struct Source<'a> {
    block: &'a BlockIndex,
    path: PathBuf,
    file: File,
}

impl<'a> Source<'a> {
    /// Opens the ids of a block.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(block: &'a BlockIndex) -> Result<Self, EngineError> {
        let (path, file) = open(block)?;
        Ok(Self { block, path, file })
    }

    /// Has the system read a part of the file ahead.
    pub fn read_ahead(&self, start: u64, length: u64) {
        octomed_memory::read_ahead(&self.file, start, length);
    }

    /// Reads the trace of row `row`, which begins at `offset`.
    ///
    /// # Errors
    /// When the file ends before, or cannot be read.
    pub fn read(&self, row: usize, offset: u64, stored: &mut Vec<u8>) -> Result<(), EngineError> {
        stored.resize(self.block.traces.stored[row] as usize, 0);
        let read = self.file.read_exact_at(stored, offset);
        read.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.damaged("its end is missing"),
            _ => IndexError::of_block(&self.path)(error).into(),
        })
    }

    /// Writes a trace's ids and spans to the shard.
    ///
    /// # Errors
    /// When its bytes are not those that were written.
    pub fn copy_into(
        &self,
        row: usize,
        stored: &[u8],
        copy: &TraceCopy,
        shard: &mut [u8],
    ) -> Result<(), EngineError> {
        if checksum(stored) != self.block.traces.checksum[row] {
            return Err(self.damaged("a trace's bytes are not those written"));
        }
        let spans = 8 * self.block.traces.spans[row] as usize;
        let (spans, ids) = stored
            .split_at_checked(spans)
            .ok_or_else(|| self.damaged("a trace's spans are truncated"))?;
        let edges = spans.as_chunks::<4>().0.iter();
        let slots = shard[copy.spans..].as_chunks_mut::<4>().0.iter_mut();
        for (edge, slot) in edges.zip(slots) {
            *slot = (u32::from_le_bytes(*edge) + copy.offset).to_le_bytes();
        }
        let tokens = self.block.traces.tokens[row] as usize;
        if unpack_ids(ids, &mut shard[copy.ids..copy.ids + 4 * tokens]) {
            return Ok(());
        }
        Err(self.damaged("a trace's length is not the one in its index"))
    }

    /// The error of a block that is not what it says.
    pub fn damaged(&self, what: &str) -> EngineError {
        IndexError::damaged(&self.path, what).into()
    }
}

fn open(block: &BlockIndex) -> Result<(PathBuf, File), EngineError> {
    let path = block.path.with_extension("ids");
    let file = File::open(&path).map_err(IndexError::of_block(&path))?;
    Ok((path, file))
}

/// Bytes of traces on end.
pub fn bytes(stored: &[u32]) -> u64 {
    stored.iter().map(|&bytes| u64::from(bytes)).sum()
}
