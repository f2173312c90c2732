//! The packs of a range: which traces share one, from lengths alone.

use std::borrow::Cow;

use octomed_index::TraceLocation;
use octomed_pack::{ItemImages, PackBounds, PackError, Packing, pack_items};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::EngineError;
use crate::pack_bytes::{MAX_PACK_IMAGE_BYTES, PackBytes};
use crate::range_images::{PackImages, RangeImages};
use crate::row::PackShape;
use crate::select::Selection;
use crate::split::{RangeId, Split};

/// Has the lane in which a trace's first copy is follow from another hash than its place in the order.
const LANE_SALT: u64 = 0x6c61_6e65;

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
    /// The traces of the range, in their shuffled order, each as often as it has copies.
    pub traces: Vec<TraceLocation>,
    /// Which copy each is; nothing where all are the first.
    copies: Vec<u8>,
    /// The images that they show.
    pub images: RangeImages,
    /// Packs of each stream.
    pub streams: Vec<StreamPacks>,
}

impl RangePacks {
    /// Which copy of its trace an entry is, from 0.
    pub fn copy(&self, entry: u32) -> u32 {
        let copy = self.copies.get(entry as usize);
        copy.copied().map_or(0, u32::from)
    }
}

/// Packs the traces of a range, from lengths alone.
///
/// # Errors
/// When the packer refuses a length, which selection rules out: a fault of this program.
pub fn pack_range(selection: &Selection, range: RangeId) -> Result<RangePacks, EngineError> {
    pack_range_within(selection, range, &selection.pack.bounds())
}

/// As [`pack_range`], with other bounds than the recipe's.
///
/// # Errors
/// As [`pack_range`].
pub fn pack_range_within(
    selection: &Selection,
    range: RangeId,
    bounds: &PackBounds,
) -> Result<RangePacks, EngineError> {
    let Shuffled {
        traces,
        copies,
        lanes,
    } = shuffled(selection, range);
    let images = RangeImages::of(&selection.index, &traces);
    let tokens =
        |&trace: &TraceLocation| selection.index.block(trace).traces.tokens[trace.row as usize];
    let lengths: Vec<u32> = traces.iter().map(tokens).collect();
    let packings = packings(&lengths, &images, &lanes, bounds)
        .map_err(|error| EngineError::Internal(format!("packing: {error}")))?;
    let bytes = PackBytes::new(&selection.index, &images, MAX_PACK_IMAGE_BYTES);
    let mut streams: Vec<Vec<Cow<'_, [u32]>>> = vec![Vec::new(); selection.streams().len()];
    for pack in packings
        .iter()
        .flat_map(Packing::packs)
        .flat_map(|pack| bytes.split(pack))
    {
        let longest = lengths[pack[0] as usize];
        let stream = match range.split {
            Split::Train => selection.buckets.bucket_of(longest),
            Split::Validation => selection.buckets.len(),
        };
        streams[stream].push(pack);
    }
    let streams = streams.into_iter().map(in_shuffled_order).collect();
    Ok(RangePacks {
        traces,
        copies,
        images,
        streams,
    })
}

/// The packs of each lane: no pack has traces of two. Without lanes there is one of all.
fn packings(
    lengths: &[u32],
    images: &RangeImages,
    lanes: &[Vec<u32>],
    bounds: &PackBounds,
) -> Result<Vec<Packing>, PackError> {
    if lanes.is_empty() {
        return Ok(vec![pack_items(lengths, &images.items(), bounds)?]);
    }
    let pack = |lane: &Vec<u32>| {
        let of_lane: Vec<u32> = lane.iter().map(|&entry| lengths[entry as usize]).collect();
        let (offsets, refs) = images.placeholders(lane);
        let items = ItemImages {
            offsets: &offsets,
            refs: &refs,
            ..images.items()
        };
        let mut packing = pack_items(&of_lane, &items, bounds)?;
        packing
            .items
            .iter_mut()
            .for_each(|item| *item = lane[*item as usize]);
        Ok(packing)
    };
    lanes.iter().map(pack).collect()
}

/// What is written of a range, in its shuffled order.
struct Shuffled {
    traces: Vec<TraceLocation>,
    /// Which copy each is; nothing where all are the first.
    copies: Vec<u8>,
    /// The entries that may share a pack, where there are copies: each copy of a trace is in another lane.
    lanes: Vec<Vec<u32>>,
}

/// The traces of a range, by hash of trace id, copy and seed.
fn shuffled(selection: &Selection, range: RangeId) -> Shuffled {
    let mut keyed = Vec::new();
    let mut most = 1;
    for (number, block) in (0..).zip(&selection.index.blocks) {
        for row in selection.rows(&block.traces.shuffle_key, range) {
            let copies = range.split.copies(block, row);
            most = most.max(copies);
            let row = row as u32;
            let trace = TraceLocation { block: number, row };
            for copy in 0..copies {
                let id = block.traces.trace_id[row as usize];
                let mut identity = [0; 12];
                identity[..8].copy_from_slice(&id.to_le_bytes());
                identity[8] = copy;
                keyed.push((
                    xxh3_64_with_seed(&identity, selection.pack.seed),
                    trace,
                    copy,
                ));
            }
        }
    }
    keyed.sort_unstable();
    let mut lanes = vec![Vec::new(); if most > 1 { usize::from(most) } else { 0 }];
    let mut copies = Vec::new();
    if most > 1 {
        copies = keyed.iter().map(|&(_, _, copy)| copy).collect();
        for (entry, &(_, trace, copy)) in (0..).zip(&keyed) {
            let id = selection.index.block(trace).traces.trace_id[trace.row as usize];
            let first = xxh3_64_with_seed(&id.to_le_bytes(), selection.pack.seed ^ LANE_SALT);
            let lane = (first % u64::from(most)) as usize + usize::from(copy);
            lanes[lane % usize::from(most)].push(entry);
        }
    }
    Shuffled {
        traces: keyed.into_iter().map(|(_, trace, _)| trace).collect(),
        copies,
        lanes,
    }
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
