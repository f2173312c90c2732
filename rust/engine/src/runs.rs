//! The runs of a range: what each block holds of it, and how its traces get from there into a raw shard.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use octomed_curate::Place;

use crate::error::EngineError;
use crate::ids::unpack_ids;
use crate::index::checksum;
use crate::select::{Loaded, Selection};

/// One block's part of a range.
struct Run {
    rows: Range<usize>,
    /// Where its bytes begin in the block's ids.
    start: u64,
}

/// Where every trace of a range lies in the working store.
pub struct Runs {
    /// A value a block.
    runs: Vec<Run>,
}

/// A trace that a raw shard has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Where it is from.
    pub place: Place,
    /// Byte of the shard of its first id.
    pub ids: usize,
    /// Byte of the shard of its first span.
    pub spans: usize,
    /// Tokens of its pack before it, which its spans count.
    pub offset: u32,
}

impl Runs {
    /// Finds range `range` in every block, and has the system read it ahead: one long read a block, whose bytes
    /// wait in the page cache, where those of a store that was just written are anyhow.
    ///
    /// # Errors
    /// When a block cannot be read, or `cancel` is set.
    pub fn find(
        selection: &Selection,
        range: usize,
        cancel: &AtomicBool,
    ) -> Result<Self, EngineError> {
        let find = |block: &Loaded| {
            if cancel.load(Ordering::Relaxed) {
                return Err(EngineError::Cancelled);
            }
            let rows = selection.key_space.rows(&block.shuffle_key, range);
            let run = Run {
                start: bytes(&block.stored[..rows.start]),
                rows,
            };
            run.read_ahead(block)?;
            Ok(run)
        };
        let runs = selection.blocks.iter().map(find);
        Ok(Self {
            runs: runs.collect::<Result<_, _>>()?,
        })
    }

    /// Reads traces into a raw shard, block by block and forwards, straight to where they stay.
    ///
    /// # Errors
    /// When a block cannot be read or is damaged, or `cancel` is set.
    pub fn fill(
        &self,
        selection: &Selection,
        mut wanted: Vec<Wanted>,
        shard: &mut [u8],
        cancel: &AtomicBool,
    ) -> Result<(), EngineError> {
        wanted.sort_unstable();
        let mut stored = Vec::new();
        for traces in wanted.chunk_by(|one, next| one.place.block == next.place.block) {
            if cancel.load(Ordering::Relaxed) {
                return Err(EngineError::Cancelled);
            }
            let number = traces[0].place.block as usize;
            let source = Source::open(&selection.blocks[number])?;
            let run = &self.runs[number];
            let (mut row, mut offset) = (run.rows.start, run.start);
            for trace in traces {
                let at = trace.place.row as usize;
                offset += bytes(&source.block.stored[row..at]);
                row = at;
                source.read(at, offset, &mut stored)?;
                source.place(at, &stored, trace, shard)?;
            }
        }
        Ok(())
    }
}

impl Run {
    fn read_ahead(&self, block: &Loaded) -> Result<(), EngineError> {
        let length = bytes(&block.stored[self.rows.clone()]);
        if length > 0 {
            octomed_memory::read_ahead(&open(block)?.1, self.start, length);
        }
        Ok(())
    }
}

/// A block's ids, open.
struct Source<'a> {
    block: &'a Loaded,
    path: PathBuf,
    file: File,
}

impl<'a> Source<'a> {
    fn open(block: &'a Loaded) -> Result<Self, EngineError> {
        let (path, file) = open(block)?;
        Ok(Self { block, path, file })
    }

    /// Reads the trace of row `row`, which begins at `offset`.
    fn read(&self, row: usize, offset: u64, stored: &mut Vec<u8>) -> Result<(), EngineError> {
        stored.resize(self.block.stored[row] as usize, 0);
        let read = self.file.read_exact_at(stored, offset);
        read.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.damaged("its end is missing"),
            _ => EngineError::of_block(&self.path)(error),
        })
    }

    /// Writes a trace's ids and spans to the shard.
    fn place(
        &self,
        row: usize,
        stored: &[u8],
        trace: &Wanted,
        shard: &mut [u8],
    ) -> Result<(), EngineError> {
        if checksum(stored) != self.block.checksum[row] {
            return Err(self.damaged("a trace's bytes are not those written"));
        }
        let spans = 8 * self.block.spans[row] as usize;
        let (spans, ids) = stored
            .split_at_checked(spans)
            .ok_or_else(|| self.damaged("a trace's spans are cut"))?;
        let edges = spans.as_chunks::<4>().0.iter();
        let places = shard[trace.spans..].as_chunks_mut::<4>().0.iter_mut();
        for (edge, place) in edges.zip(places) {
            *place = (u32::from_le_bytes(*edge) + trace.offset).to_le_bytes();
        }
        let tokens = self.block.tokens[row] as usize;
        if unpack_ids(ids, &mut shard[trace.ids..trace.ids + 4 * tokens]) {
            return Ok(());
        }
        Err(self.damaged("a trace has another length than its index says"))
    }

    fn damaged(&self, what: &str) -> EngineError {
        EngineError::damaged(&self.path, what)
    }
}

fn open(block: &Loaded) -> Result<(PathBuf, File), EngineError> {
    let path = block.path.with_extension("ids");
    let file = File::open(&path).map_err(EngineError::of_block(&path))?;
    Ok((path, file))
}

fn bytes(stored: &[u32]) -> u64 {
    stored.iter().map(|&bytes| u64::from(bytes)).sum()
}
