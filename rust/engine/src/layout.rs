//! Layout: which traces share a pack, and which packs a shard, known before a byte is written.

use octomed_curate::Place;
use octomed_pack::pack_lengths;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::EngineError;
use crate::row::PackShape;
use crate::select::Selection;

/// The packs of one range in one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamPacks {
    /// Entries of pack `p` are `entries[offsets[p]..offsets[p + 1]]`.
    pub offsets: Vec<u32>,
    /// Numbers into [`RangePacks::places`].
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
    pub places: Vec<Place>,
    /// Packs, a value a bucket.
    pub streams: Vec<StreamPacks>,
}

/// Packs the traces of range `range`, from lengths alone.
///
/// # Errors
/// When the packer refuses a length, which selection rules out.
pub fn pack_range(selection: &Selection, range: usize) -> Result<RangePacks, EngineError> {
    let places = shuffled(selection, range);
    let tokens = |place: &Place| selection.blocks[place.block as usize].tokens[place.row as usize];
    let lengths: Vec<u32> = places.iter().map(tokens).collect();
    let packing = pack_lengths(&lengths, selection.settings.capacity)
        .map_err(|error| EngineError::Settings(error.to_string()))?;
    let mut buckets: Vec<Vec<&[u32]>> = vec![Vec::new(); selection.buckets.len()];
    for pack in packing.packs() {
        let longest = lengths[pack[0] as usize];
        buckets[selection.buckets.bucket_of(longest)].push(pack);
    }
    let streams = buckets.into_iter().map(in_shuffled_order).collect();
    Ok(RangePacks { places, streams })
}

/// The kept traces of a range, by hash of trace id, copy and seed.
fn shuffled(selection: &Selection, range: usize) -> Vec<Place> {
    let mut keyed = Vec::new();
    for (number, block) in (0..).zip(&selection.blocks) {
        for row in selection.key_space.rows(&block.shuffle_key, range) {
            if !block.is_kept(row) {
                continue;
            }
            let mut identity = [0; 12];
            identity[..8].copy_from_slice(&block.trace_id[row].to_le_bytes());
            let key = xxh3_64_with_seed(&identity, selection.settings.seed);
            keyed.push((
                key,
                Place {
                    block: number,
                    row: row as u32,
                },
            ));
        }
    }
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, place)| place).collect()
}

/// Packs by the shuffled place of their longest trace, which says nothing of what else they hold, and
/// traces inside a pack by their own.
fn in_shuffled_order(mut packs: Vec<&[u32]>) -> StreamPacks {
    packs.sort_unstable_by_key(|pack| pack[0]);
    let mut stream = StreamPacks {
        offsets: vec![0],
        entries: Vec::new(),
    };
    for pack in packs {
        let start = stream.entries.len();
        stream.entries.extend_from_slice(pack);
        stream.entries[start..].sort_unstable();
        stream.offsets.push(stream.entries.len() as u32);
    }
    stream
}

/// The shape of each pack of a stream, from which its size on disk follows.
pub fn shapes(selection: &Selection, packs: &RangePacks, stream: usize) -> Vec<PackShape> {
    let stream = &packs.streams[stream];
    let shape = |pack: usize| {
        let mut shape = PackShape::default();
        for &entry in stream.pack(pack) {
            let place = packs.places[entry as usize];
            let block = &selection.blocks[place.block as usize];
            shape.traces += 1;
            shape.tokens += u64::from(block.tokens[place.row as usize]);
            shape.spans += u64::from(block.spans[place.row as usize]);
        }
        shape
    };
    (0..stream.len()).map(shape).collect()
}
