//! Checks packs against what a pack has to be, and reads them back for `inspect`.

use std::path::Path;

use octomed_mds::{Reader, RowBytes};
use octomed_pack::{ImageColumns, ImageRules, PackRow, PackRules};
use octomed_vision::{Encoded, Grid};

use crate::error::EngineError;

/// A pack read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackContent {
    /// Token ids of all traces.
    pub input_ids: Vec<u32>,
    /// Tokens of each trace.
    pub lengths: Vec<u32>,
    /// Supervised spans, half-open, in pack coordinates.
    pub loss_spans: Vec<[u32; 2]>,
    /// Id of each trace.
    pub trace_ids: Vec<u64>,
    /// Its encoded images, one after another.
    pub images: Vec<u8>,
    /// The columns `image_offsets`, `image_grid_thw` and `image_refs`, as they are stored.
    pub image_columns: [Vec<u8>; 3],
}

impl PackContent {
    /// The columns of a row.
    pub(crate) fn read(row: &RowBytes<'_>) -> Result<Self, EngineError> {
        let spans = row.array("loss_spans")?.to_u32()?;
        Ok(Self {
            input_ids: row.array("input_ids")?.to_u32()?,
            lengths: row.array("lengths")?.to_u32()?,
            loss_spans: spans.as_chunks::<2>().0.to_vec(),
            trace_ids: row.array("trace_ids")?.to_u64()?,
            images: row.bytes("images")?.to_vec(),
            image_columns: [
                row.bytes("image_offsets")?.to_vec(),
                row.bytes("image_grid_thw")?.to_vec(),
                row.bytes("image_refs")?.to_vec(),
            ],
        })
    }

    /// Its images, each with its grid; those before the first whose columns are damaged.
    #[must_use]
    pub fn encoded_images(&self) -> Vec<Encoded<'_>> {
        let [offsets, grids, _] = &self.image_columns;
        let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
        let offsets: Vec<u32> = offsets.as_chunks().0.iter().map(number).collect();
        let grids: Vec<u32> = grids.as_chunks().0.iter().map(number).collect();
        let images = offsets.windows(2).zip(grids.as_chunks::<3>().0);
        let encoded = images.map_while(|(ends, &[t, h, w])| {
            let bytes = self.images.get(ends[0] as usize..ends[1] as usize)?;
            let grid = Grid { t, h, w };
            Some(Encoded { bytes, grid })
        });
        encoded.collect()
    }

    /// For each placeholder, which image stands there.
    #[must_use]
    pub fn image_refs(&self) -> Vec<u32> {
        let chunks = self.image_columns[2].as_chunks::<4>().0;
        chunks.iter().copied().map(u32::from_le_bytes).collect()
    }

    /// Its columns, to be checked.
    fn row(&self) -> PackRow<'_> {
        let [offsets, grids, refs] = &self.image_columns;
        PackRow {
            input_ids: &self.input_ids,
            lengths: &self.lengths,
            loss_spans: self.loss_spans.as_flattened(),
            trace_ids: &self.trace_ids,
            images: ImageColumns {
                bytes: self.images.len() as u64,
                offsets,
                grids,
                refs,
            },
        }
    }
}

/// What the packs of a shard hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardCheck {
    /// Row of the shard and what is wrong with it.
    pub faults: Vec<(u64, String)>,
    /// Packs.
    pub packs: u64,
    /// Tokens.
    pub tokens: u64,
    /// Id of every trace, pack after pack.
    pub trace_ids: Vec<u64>,
    /// Length of every trace, pack after pack.
    pub lengths: Vec<u32>,
    /// Traces of each pack.
    pub documents: Vec<u32>,
}

/// Checks every pack of shard `shard` of the stream in `directory`, as the run wrote it; `images` says
/// how images stand in a run that has them.
///
/// # Errors
/// When the shard cannot be read at all.
pub fn check_shard(
    directory: &Path,
    shard: usize,
    vocabulary: u32,
    capacity: u32,
    images: Option<ImageRules>,
) -> Result<ShardCheck, EngineError> {
    let reader = Reader::open(directory)?;
    let shard = reader.written_shard(shard)?;
    let mut check = ShardCheck {
        packs: shard.len() as u64,
        ..ShardCheck::default()
    };
    let rules = PackRules {
        vocabulary: Some(vocabulary),
        capacity: Some(capacity),
        every_document_learned: true,
        images,
    };
    for row in 0..shard.len() {
        let pack = PackContent::read(&shard.row(row)?)?;
        let columns = pack.row();
        let faults = columns.faults(&rules);
        check
            .faults
            .extend(faults.map(|fault| (row as u64, fault.to_string())));
        check.tokens += pack.input_ids.len() as u64;
        check.documents.push(pack.lengths.len() as u32);
        check.trace_ids.extend(pack.trace_ids);
        check.lengths.extend(pack.lengths);
    }
    Ok(check)
}

/// Reads pack `pack` of the stream in `directory` from the shard that the run wrote.
///
/// # Errors
/// When there is no such pack, or its shard is missing or not what the index says.
pub fn read_pack(directory: &Path, pack: usize) -> Result<PackContent, EngineError> {
    let reader = Reader::open(directory)?;
    let (shard, row) = reader.locate(pack)?;
    reader.check_written(shard)?;
    PackContent::read(&reader.written_shard(shard)?.row(row)?)
}
