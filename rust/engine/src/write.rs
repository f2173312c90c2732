//! WRITE: shards whose names, rows and sizes the layout has fixed, range by range.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::RecordBatch;
use octomed_files::Sync;
use octomed_mds::{ShardBuilder, ShardInfo, shard_basename, xxh3_hex};
use serde::Serialize;

use crate::error::EngineError;
use crate::extents::Extents;
use crate::image_copies::{ImageCopy, fill_images, read_images_ahead};
use crate::layout::Layout;
use crate::range_images::PackImages;
use crate::range_packs::{RangePacks, pack_range};
use crate::row::PackRow;
use crate::stored_traces::TraceCopy;
use crate::tables::{StreamStart, provenance};

/// Version of the columns, of the layout, and of how both follow from a selection.
pub const WRITE_VERSION: u32 = 2;

/// A shard that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrittenShard {
    /// Its entry of `index.json`.
    pub info: ShardInfo,
    /// `xxh3_64` of its file in hexadecimal, whichever digests the index has.
    pub digest: String,
}

/// What a raw shard has room for, and where it belongs.
#[derive(Default)]
struct Copies {
    traces: Vec<TraceCopy>,
    images: Vec<ImageCopy>,
}

/// A range whose packs are known and whose extents are found, ready to be written.
pub struct OpenRange {
    layout: Arc<Layout>,
    number: usize,
    packs: RangePacks,
    extents: Extents,
}

impl OpenRange {
    /// Opens the range that is written as number `number`.
    ///
    /// # Errors
    /// When a block cannot be read, or `cancel` is set.
    pub fn open(
        layout: &Arc<Layout>,
        number: usize,
        cancel: &AtomicBool,
    ) -> Result<Self, EngineError> {
        let range = layout.order[number];
        let packs = pack_range(&layout.selection, range)?;
        let extents = Extents::find(&layout.selection, range, cancel)?;
        read_images_ahead(&layout.selection.index, &packs.images.locations, cancel)?;
        Ok(Self {
            layout: Arc::clone(layout),
            number,
            packs,
            extents,
        })
    }

    /// Writes shard `shard` of a stream into `directory`.
    ///
    /// # Errors
    /// When the range has no such shard, a block is damaged, the file cannot be written, or `cancel` is
    /// set.
    pub fn write_shard(
        &self,
        stream: usize,
        shard: u32,
        directory: &Path,
        cancel: &AtomicBool,
    ) -> Result<WrittenShard, EngineError> {
        let part = &self.layout.parts[self.number][stream];
        let at = shard
            .checked_sub(part.first_shard)
            .map(|at| at as usize)
            .filter(|&at| at < part.shards.len());
        let at =
            at.ok_or_else(|| EngineError::Internal(format!("no shard {shard} in this range")))?;
        let first = part.shards[..at].iter().map(|&count| count as usize).sum();
        let packs = first..first + part.shards[at] as usize;
        let (mut encoder, buffer) = self.layout.borrow_encoder()?;
        let raw = self.lay_out(stream, packs, buffer, cancel)?;
        let encoded = encoder.encode(&raw, &shard_basename(shard as usize))?;
        encoded.put(directory, self.layout.access, Sync::Now)?;
        let digest = xxh3_hex(encoded.bytes);
        let info = encoded.info;
        self.layout.give_back(encoder, raw);
        Ok(WrittenShard { info, digest })
    }

    /// The raw shard of `packs`, with their ids, spans and images read out of the working store.
    fn lay_out(
        &self,
        stream: usize,
        packs: std::ops::Range<usize>,
        buffer: Vec<u8>,
        cancel: &AtomicBool,
    ) -> Result<Vec<u8>, EngineError> {
        let selection = &self.layout.selection;
        let part = &self.layout.parts[self.number][stream];
        let schema = self.layout.schema();
        let mut shard = ShardBuilder::reuse(schema, packs.len(), buffer);
        let most = schema.size_limit().unwrap_or(u64::MAX);
        shard.reserve(most.min(part.bytes) as usize);
        let copies = self.push_rows(stream, packs, &mut shard)?;
        let mut raw = shard.finish();
        self.extents
            .fill(selection, copies.traces, &mut raw, cancel)?;
        fill_images(&selection.index, copies.images, &mut raw, cancel)?;
        Ok(raw)
    }

    /// Appends packs but for what the working store holds, and returns where that belongs.
    fn push_rows(
        &self,
        stream: usize,
        packs: std::ops::Range<usize>,
        shard: &mut ShardBuilder,
    ) -> Result<Copies, EngineError> {
        let mut copies = Copies::default();
        let mut row = PackRow::default();
        let mut images = PackImages::default();
        for pack in packs {
            row.clear();
            let first = (copies.traces.len(), copies.images.len());
            let entries = self.packs.streams[stream].pack(pack);
            self.add_traces(entries, &mut row, &mut copies.traces);
            images.list(&self.packs.images, entries);
            self.add_images(&images, &mut row, &mut copies.images);
            let offsets = row.push_to(shard)?;
            for copy in &mut copies.traces[first.0..] {
                copy.ids += offsets.ids;
                copy.spans += offsets.spans;
            }
            for copy in &mut copies.images[first.1..] {
                copy.at += offsets.images;
            }
        }
        Ok(copies)
    }

    /// Adds the traces of a pack to its row, and says where they go, from where the row's first one does.
    fn add_traces(&self, entries: &[u32], row: &mut PackRow, copies: &mut Vec<TraceCopy>) {
        let (mut tokens, mut spans) = (0, 0);
        for &entry in entries {
            let trace = self.packs.traces[entry as usize];
            let block = &self.layout.selection.index.block(trace).traces;
            let at = trace.row as usize;
            copies.push(TraceCopy {
                trace,
                ids: 4 * tokens as usize,
                spans: 8 * spans as usize,
                offset: tokens,
            });
            row.trace(block.trace_id[at], block.tokens[at], block.spans[at]);
            (tokens, spans) = (tokens + block.tokens[at], spans + block.spans[at]);
        }
    }

    /// Adds the images of a pack to its row, and says where they go, from where the row's first one does.
    fn add_images(&self, images: &PackImages, row: &mut PackRow, copies: &mut Vec<ImageCopy>) {
        let mut at = 0;
        for &image in &images.images {
            let from = self.packs.images.locations[image as usize];
            let table = &self.layout.selection.index.blocks[from.block as usize].images;
            let number = from.image as usize;
            row.image(
                [table.grid_h[number], table.grid_w[number]],
                table.bytes[number],
            );
            copies.push(ImageCopy { from, at });
            at += table.bytes[number] as usize;
        }
        row.placeholders(&images.refs);
    }

    /// Where the range's traces in a stream come from.
    ///
    /// # Errors
    /// When a column does not fit Arrow's limits.
    pub fn provenance(&self, stream: usize) -> Result<RecordBatch, EngineError> {
        let part = &self.layout.parts[self.number][stream];
        let start = StreamStart {
            name: &self.layout.streams()[stream],
            first_pack: part.first_pack,
            first_shard: part.first_shard,
            shards: &part.shards,
        };
        provenance(&self.layout.selection, &self.packs, stream, &start)
    }
}
