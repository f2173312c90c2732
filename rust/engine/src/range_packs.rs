//! The packs of a range: which traces share one, from lengths alone.

use std::borrow::Cow;

use octomed_index::TraceLocation;
use octomed_pack::{PackBounds, pack_items};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::EngineError;
use crate::pack_bytes::{MAX_PACK_IMAGE_BYTES, PackBytes};
use crate::range_images::{PackImages, RangeImages};
use crate::row::PackShape;
use crate::select::Selection;

/// The packs of one range in one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamPacks {
    /// Entries of pack `p` are `entries[offsets[p]..offsets[p + 1]]`.
    pub offsets: Vec<u32>,
    /// Numbers into [`RangePacks::traces`].
    pub entries: Vec<u32>,
}

impl StreamPacks {
    /// Number of packs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Entries of pack `pack`.
    #[must_use]
    pub fn pack(&self, pack: usize) -> &[u32] {
        &self.entries[self.offsets[pack] as usize..self.offsets[pack + 1] as usize]
    }
}

/// The packs of one range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangePacks {
    /// The kept traces of the range, in their shuffled order.
    pub traces: Vec<TraceLocation>,
    /// The images that they show.
    pub images: RangeImages,
    /// Packs of each bucket.
    pub streams: Vec<StreamPacks>,
}

/// Packs the traces of range `range`, from lengths alone.
///
/// # Errors
/// When the packer refuses a length, which selection rules out: a fault of this program.
pub fn pack_range(selection: &Selection, range: usize) -> Result<RangePacks, EngineError> {
    pack_range_within(selection, range, &selection.pack.bounds())
}

/// As [`pack_range`], with other bounds than the recipe's.
///
/// # Errors
/// As [`pack_range`].
pub fn pack_range_within(
    selection: &Selection,
    range: usize,
    bounds: &PackBounds,
) -> Result<RangePacks, EngineError> {
    let traces = shuffled(selection, range);
    let images = RangeImages::of(&selection.index, &traces);
    let tokens =
        |&trace: &TraceLocation| selection.index.block(trace).traces.tokens[trace.row as usize];
    let lengths: Vec<u32> = traces.iter().map(tokens).collect();
    let packing = pack_items(&lengths, &images.items(), bounds)
        .map_err(|error| EngineError::Internal(format!("packing: {error}")))?;
    let bytes = PackBytes::new(&selection.index, &images, MAX_PACK_IMAGE_BYTES);
    let mut buckets: Vec<Vec<Cow<'_, [u32]>>> = vec![Vec::new(); selection.buckets.len()];
    for pack in packing.packs().flat_map(|pack| bytes.split(pack)) {
        let longest = lengths[pack[0] as usize];
        buckets[selection.buckets.bucket_of(longest)].push(pack);
    }
    let streams = buckets.into_iter().map(in_shuffled_order).collect();
    Ok(RangePacks {
        traces,
        images,
        streams,
    })
}

/// The kept traces of a range, by hash of trace id, copy and seed.
fn shuffled(selection: &Selection, range: usize) -> Vec<TraceLocation> {
    let mut keyed = Vec::new();
    for (number, block) in (0..).zip(&selection.index.blocks) {
        for row in selection.key_space.rows(&block.traces.shuffle_key, range) {
            if !block.is_kept(row) {
                continue;
            }
            let mut identity = [0; 12];
            identity[..8].copy_from_slice(&block.traces.trace_id[row].to_le_bytes());
            let key = xxh3_64_with_seed(&identity, selection.pack.seed);
            keyed.push((
                key,
                TraceLocation {
                    block: number,
                    row: row as u32,
                },
            ));
        }
    }
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, trace)| trace).collect()
}

/// Packs by the shuffled place of their longest trace, which says nothing of what else they hold, and
/// traces inside a pack by their own.
fn in_shuffled_order(mut packs: Vec<Cow<'_, [u32]>>) -> StreamPacks {
    packs.sort_unstable_by_key(|pack| pack[0]);
    let mut stream = StreamPacks {
        offsets: vec![0],
        entries: Vec::new(),
    };
    for pack in packs {
        let start = stream.entries.len();
        stream.entries.extend_from_slice(&pack);
        stream.entries[start..].sort_unstable();
        stream.offsets.push(stream.entries.len() as u32);
    }
    stream
}

/// The shape of each pack of a stream, from which its size on disk follows.
pub fn shapes(selection: &Selection, packs: &RangePacks, stream: usize) -> Vec<PackShape> {
    let stream = &packs.streams[stream];
    let mut images = PackImages::default();
    let shape = |pack: usize| {
        let mut shape = PackShape::default();
        images.list(&packs.images, stream.pack(pack));
        shape.placeholders = images.refs.len() as u64;
        for &image in &images.images {
            shape.images += 1;
            shape.image_bytes += packs.images.bytes(&selection.index, image);
            shape.patches += u64::from(packs.images.patches(image));
        }
        for &entry in stream.pack(pack) {
            let trace = packs.traces[entry as usize];
            let (traces, row) = (&selection.index.block(trace).traces, trace.row as usize);
            shape.traces += 1;
            shape.tokens += u64::from(traces.tokens[row]);
            shape.spans += u64::from(traces.spans[row]);
        }
        shape
    };
    (0..stream.len()).map(shape).collect()
}
