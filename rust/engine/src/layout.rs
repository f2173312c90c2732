//! Layout: which traces share a pack, and which packs a shard, known before a byte is written.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use octomed_files::Access;
use octomed_mds::{Schema, ShardEncoder, cut};

use crate::error::EngineError;
use crate::parallel::in_parallel;
use crate::range_packs::{RangePacks, pack_range, shapes};
use crate::row::COLUMNS;
use crate::select::Selection;
use crate::settings::Output;
use crate::split::RangeId;

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
    /// Images of the range's packs: one that several show counts in each.
    pub images: u64,
    /// Bytes of these.
    pub image_bytes: u64,
    /// Patches of these.
    pub patches: u64,
}

/// Everything about the output that is fixed before a byte of it is written.
pub struct Layout {
    /// Which traces are written.
    pub selection: Selection,
    /// Ranges in the order in which they are written.
    pub order: Vec<RangeId>,
    /// What each range, in that order, adds to each stream.
    pub parts: Vec<Vec<StreamPart>>,
    schema: Arc<Schema>,
    pub(crate) access: Access,
    encoders: Mutex<Vec<(ShardEncoder, Vec<u8>)>>,
}

impl Layout {
    /// Packs every range, on some threads, and numbers every shard.
    ///
    /// # Errors
    /// When the shard settings are not MDS's, or `cancel` is set.
    pub fn new(
        selection: Selection,
        output: &Output,
        threads: usize,
        cancel: &AtomicBool,
    ) -> Result<Self, EngineError> {
        let mut hashes = output.hashes.clone();
        hashes.sort();
        let mut schema = Schema::of(&COLUMNS)
            .hashes(&hashes)
            .size_limit(Some(output.shard_size));
        if let Some(compression) = &output.compression {
            schema = schema.compression(compression);
        }
        let schema = Arc::new(schema.build()?);
        let order = selection.order();
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
            access: output.mode,
            encoders: Mutex::new(Vec::new()),
        })
    }

    /// Names of the streams, empty ones included.
    #[must_use]
    pub fn streams(&self) -> Vec<String> {
        self.selection.streams()
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
            total.images += part.images;
            total.image_bytes += part.image_bytes;
            total.patches += part.patches;
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

    /// Columns and settings of the shards.
    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Keeps an encoder and the memory of a raw shard for the next.
    pub(crate) fn give_back(&self, encoder: ShardEncoder, buffer: Vec<u8>) {
        let mut idle = self.encoders.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((encoder, buffer));
    }

    /// An encoder and memory for a raw shard.
    ///
    /// # Errors
    /// When the shard settings are not MDS's.
    pub(crate) fn borrow_encoder(&self) -> Result<(ShardEncoder, Vec<u8>), EngineError> {
        let mut encoders = self.encoders.lock().unwrap_or_else(PoisonError::into_inner);
        match encoders.pop() {
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
        images: shapes.iter().map(|shape| shape.images).sum(),
        image_bytes: shapes.iter().map(|shape| shape.image_bytes).sum(),
        patches: shapes.iter().map(|shape| shape.patches).sum(),
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
