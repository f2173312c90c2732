//! WRITE: shards whose names, rows and sizes the layout has fixed, range by range.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use octomed_files::{Access, Sync};
use octomed_mds::{Schema, ShardBuilder, ShardEncoder, ShardInfo, cut, shard_basename, xxh3_hex};
use serde::Serialize;

use crate::error::EngineError;
use crate::layout::{RangePacks, pack_range, shapes};
use crate::row::{COLUMNS, PackRow};
use crate::runs::{Runs, Wanted};
use crate::select::{Selection, in_parallel};
use crate::tables::{StreamPlace, provenance};

/// Version of the columns, of the layout, and of how both follow from a selection.
pub const WRITE_VERSION: u32 = 2;

/// How shards are written.
#[derive(Clone, Debug)]
pub struct ShardSettings {
    /// `zstd:1`, … or none.
    pub compression: Option<String>,
    /// Digests of each file.
    pub hashes: Vec<String>,
    /// Largest raw shard in bytes.
    pub shard_size: u64,
    /// Who may read them.
    pub access: Access,
}

/// A shard that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrittenShard {
    /// Its entry of `index.json`.
    pub info: ShardInfo,
    /// `xxh3_64` of its file in hexadecimal, whichever digests the index has.
    pub digest: String,
}

/// What a range adds to a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamPart {
    /// Row of the stream of the range's first pack.
    pub first_pack: u64,
    /// Number of the range's first shard.
    pub first_shard: u32,
    /// Packs of each shard.
    pub shards: Vec<u32>,
    /// Raw bytes of each shard's rows.
    pub shard_bytes: Vec<u64>,
    /// Traces in the range's packs.
    pub traces: u64,
    /// Tokens in the range's packs.
    pub tokens: u64,
    /// Raw bytes of the range's rows.
    pub bytes: u64,
}

/// Everything about the output that is fixed before a byte of it is written.
pub struct Layout {
    /// Which traces are written.
    pub selection: Selection,
    /// Ranges in the order in which they are written.
    pub order: Vec<usize>,
    /// What each range, in that order, adds to each stream.
    pub parts: Vec<Vec<StreamPart>>,
    schema: Arc<Schema>,
    access: Access,
    encoders: Mutex<Vec<(ShardEncoder, Vec<u8>)>>,
}

impl Layout {
    /// Packs every range and numbers every shard.
    ///
    /// # Errors
    /// When the shard settings are not MDS's, or `cancel` is set.
    pub fn new(
        selection: Selection,
        settings: &ShardSettings,
        cancel: &AtomicBool,
    ) -> Result<Self, EngineError> {
        let mut hashes = settings.hashes.clone();
        hashes.sort();
        let mut schema = Schema::of(&COLUMNS)
            .hashes(&hashes)
            .size_limit(Some(settings.shard_size));
        if let Some(compression) = &settings.compression {
            schema = schema.compression(compression);
        }
        let schema = Arc::new(schema.build()?);
        let order = selection.key_space.permuted(selection.settings.seed);
        let threads = selection.settings.threads;
        let mut parts = in_parallel(threads, order.len(), cancel, |number| {
            let packs = pack_range(&selection, order[number])?;
            (0..packs.streams.len())
                .map(|stream| part(&selection, &schema, &packs, stream))
                .collect()
        })?;
        number_shards(&mut parts);
        Ok(Self {
            selection,
            order,
            parts,
            schema,
            access: settings.access,
            encoders: Mutex::new(Vec::new()),
        })
    }

    /// Names of the streams, empty ones included.
    #[must_use]
    pub fn streams(&self) -> Vec<String> {
        self.selection.buckets.names()
    }

    /// Packs, traces, tokens, raw bytes and shards of a stream.
    #[must_use]
    pub fn total(&self, stream: usize) -> (StreamPart, u64) {
        let mut total = StreamPart::default();
        let mut packs = 0;
        for part in self.parts.iter().map(|parts| &parts[stream]) {
            packs += part
                .shards
                .iter()
                .map(|&count| u64::from(count))
                .sum::<u64>();
            total.shards.extend(&part.shards);
            total.traces += part.traces;
            total.tokens += part.tokens;
            total.bytes += part.bytes;
        }
        (total, packs)
    }

    /// What compressed shards end with, `.zstd` or nothing.
    #[must_use]
    pub fn extension(&self) -> String {
        self.schema
            .compression()
            .map_or_else(String::new, |compression| {
                format!(".{}", compression.extension())
            })
    }

    fn borrow_encoder(&self) -> Result<(ShardEncoder, Vec<u8>), EngineError> {
        let idle = self
            .encoders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(idle) => Ok(idle),
            None => Ok((ShardEncoder::new(&self.schema)?, Vec::new())),
        }
    }
}

fn part(
    selection: &Selection,
    schema: &Schema,
    packs: &RangePacks,
    stream: usize,
) -> Result<StreamPart, EngineError> {
    let shapes = shapes(selection, packs, stream);
    let sizes: Vec<u64> = shapes
        .iter()
        .map(|shape| shape.row_bytes(schema))
        .collect::<Result<_, _>>()?;
    let shards = cut(schema, sizes.iter().copied())?;
    let mut left = sizes.iter();
    let bytes = |&packs: &usize| left.by_ref().take(packs).sum();
    Ok(StreamPart {
        first_pack: 0,
        first_shard: 0,
        shard_bytes: shards.iter().map(bytes).collect(),
        shards: shards.into_iter().map(|packs| packs as u32).collect(),
        traces: shapes.iter().map(|shape| shape.traces).sum(),
        tokens: shapes.iter().map(|shape| shape.tokens).sum(),
        bytes: sizes.iter().sum(),
    })
}

fn number_shards(parts: &mut [Vec<StreamPart>]) {
    let streams = parts.first().map_or(0, Vec::len);
    for stream in 0..streams {
        let (mut first_pack, mut first_shard) = (0, 0);
        for part in parts.iter_mut().map(|parts| &mut parts[stream]) {
            (part.first_pack, part.first_shard) = (first_pack, first_shard);
            first_pack += part
                .shards
                .iter()
                .map(|&count| u64::from(count))
                .sum::<u64>();
            first_shard += part.shards.len() as u32;
        }
    }
}

/// A range whose packs are known and whose runs are found, ready to be written.
pub struct OpenRange {
    layout: Arc<Layout>,
    number: usize,
    packs: RangePacks,
    runs: Runs,
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
        let runs = Runs::find(&layout.selection, range, cancel)?;
        Ok(Self {
            layout: Arc::clone(layout),
            number,
            packs,
            runs,
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
            at.ok_or_else(|| EngineError::Settings(format!("no shard {shard} in this range")))?;
        let first = part.shards[..at].iter().map(|&count| count as usize).sum();
        let packs = first..first + part.shards[at] as usize;
        let (mut encoder, buffer) = self.layout.borrow_encoder()?;
        let raw = self.lay_out(stream, packs, buffer, cancel)?;
        let encoded = encoder.encode(&raw, &shard_basename(shard as usize))?;
        encoded.put(directory, self.layout.access, Sync::Now)?;
        let digest = xxh3_hex(encoded.bytes);
        let info = encoded.info;
        self.layout
            .encoders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((encoder, raw));
        Ok(WrittenShard { info, digest })
    }

    /// The raw shard of `packs`, with their ids and spans read out of the working store.
    fn lay_out(
        &self,
        stream: usize,
        packs: std::ops::Range<usize>,
        buffer: Vec<u8>,
        cancel: &AtomicBool,
    ) -> Result<Vec<u8>, EngineError> {
        let selection = &self.layout.selection;
        let part = &self.layout.parts[self.number][stream];
        let schema = &self.layout.schema;
        let mut shard = ShardBuilder::reuse(schema, packs.len(), buffer);
        let most = schema.size_limit().unwrap_or(u64::MAX);
        shard.reserve(most.min(part.bytes) as usize);
        let wanted = self.push_rows(stream, packs, &mut shard)?;
        let mut raw = shard.finish();
        self.runs.fill(selection, wanted, &mut raw, cancel)?;
        Ok(raw)
    }

    /// Appends packs but for what the working store holds, and returns where that belongs.
    fn push_rows(
        &self,
        stream: usize,
        packs: std::ops::Range<usize>,
        shard: &mut ShardBuilder,
    ) -> Result<Vec<Wanted>, EngineError> {
        let mut wanted = Vec::new();
        let mut row = PackRow::default();
        for pack in packs {
            row.clear();
            let first = wanted.len();
            let (mut tokens, mut spans) = (0, 0);
            for &entry in self.packs.streams[stream].pack(pack) {
                let place = self.packs.places[entry as usize];
                let (block, at) = (
                    &self.layout.selection.blocks[place.block as usize],
                    place.row,
                );
                let at = at as usize;
                wanted.push(Wanted {
                    place,
                    ids: 4 * tokens as usize,
                    spans: 8 * spans as usize,
                    offset: tokens,
                });
                row.trace(block.trace_id[at], block.tokens[at], block.spans[at]);
                (tokens, spans) = (tokens + block.tokens[at], spans + block.spans[at]);
            }
            let place = row.push_to(shard)?;
            for trace in &mut wanted[first..] {
                trace.ids += place.ids;
                trace.spans += place.spans;
            }
        }
        Ok(wanted)
    }

    /// Where the range's traces in a stream come from.
    ///
    /// # Errors
    /// When a column does not fit Arrow's limits.
    pub fn provenance(&self, stream: usize) -> Result<RecordBatch, EngineError> {
        let part = &self.layout.parts[self.number][stream];
        let place = StreamPlace {
            name: &self.layout.streams()[stream],
            first_pack: part.first_pack,
            first_shard: part.first_shard,
            shards: &part.shards,
        };
        provenance(&self.layout.selection, &self.packs, stream, &place)
    }
}
