//! What a block stores of its traces: read one by one, checked, and copied to where it belongs.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use octomed_index::{BlockIndex, IndexError, TraceLocation, checksum};

use crate::error::EngineError;
use crate::ids::unpack_ids;

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

/// A block's ids, open.
pub struct Source<'a> {
    /// The block.
    pub block: &'a BlockIndex,
    path: PathBuf,
    file: File,
}

impl<'a> Source<'a> {
    /// Opens the ids of a block.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(block: &'a BlockIndex) -> Result<Self, EngineError> {
        let path = block.path.with_extension("ids");
        let file = File::open(&path).map_err(IndexError::of_block(&path))?;
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

/// Bytes of traces on end.
pub fn bytes(stored: &[u32]) -> u64 {
    stored.iter().map(|&bytes| u64::from(bytes)).sum()
}
