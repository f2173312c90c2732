//! A pack as one MDS row: its columns, its size before it is written, and its bytes.

use octomed_mds::{Cell, Dtype, MdsError, Schema, ShardBuilder};

/// The columns of a pack's row, in the order in which MDS stores them, with their encodings.
///
/// Image columns are empty for a pack of text: `bytes`, little-endian numbers of 32 bits where they hold numbers, because
/// MDS refuses arrays without elements.
pub const COLUMNS: [(&str, &str); 8] = [
    ("image_grid_thw", "bytes"),
    ("image_offsets", "bytes"),
    ("image_refs", "bytes"),
    ("images", "bytes"),
    ("input_ids", "ndarray:uint32"),
    ("lengths", "ndarray:uint32"),
    ("loss_spans", "ndarray:uint32"),
    ("trace_ids", "ndarray:uint64"),
];

/// What the size of a pack's row follows from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackShape {
    /// Traces in the pack.
    pub traces: u64,
    /// Tokens in the pack.
    pub tokens: u64,
    /// Supervised spans in the pack.
    pub spans: u64,
    /// Distinct images in the pack.
    pub images: u64,
    /// Placeholders of images in the pack.
    pub placeholders: u64,
    /// Bytes of the images.
    pub image_bytes: u64,
    /// Patches of the images, which take no byte: what a vision tower has to do for the pack.
    pub patches: u64,
}

impl PackShape {
    /// Exact size of the row in a shard.
    ///
    /// # Errors
    /// When a column passes 4 GiB.
    pub fn row_bytes(&self, schema: &Schema) -> Result<u64, MdsError> {
        self.with_cells(|cells| schema.row_size(cells))
    }

    fn with_cells<T>(&self, take: impl FnOnce(&[Cell<'_>]) -> T) -> T {
        let (tokens, traces, spans) = ([self.tokens], [self.traces], [self.spans, 2]);
        let offsets = match self.images {
            0 => 0,
            images => 4 * (images + 1),
        };
        take(&[
            Cell::Bytes(12 * self.images),
            Cell::Bytes(offsets),
            Cell::Bytes(4 * self.placeholders),
            Cell::Bytes(self.image_bytes),
            Cell::Array(Dtype::Uint32, &tokens),
            Cell::Array(Dtype::Uint32, &traces),
            Cell::Array(Dtype::Uint32, &spans),
            Cell::Array(Dtype::Uint64, &traces),
        ])
    }
}

/// The content of a pack while it is put together, but for ids, spans and images, which the working store holds; one
/// value serves every pack of a worker.
#[derive(Debug, Default)]
pub struct PackRow {
    lengths: Vec<u32>,
    trace_ids: Vec<u8>,
    tokens: u64,
    spans: u64,
    grids: Vec<u32>,
    image_bytes: Vec<u32>,
    refs: Vec<u32>,
}

/// Where the ids and the spans of a pack's first trace, and the bytes of its first image, begin in the raw shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowOffsets {
    /// Byte of the first id.
    pub ids: usize,
    /// Byte of the first span.
    pub spans: usize,
    /// Byte of the first image; of no meaning where there is none.
    pub images: usize,
}

impl PackRow {
    /// Empties the value and keeps its memory.
    pub fn clear(&mut self) {
        self.lengths.clear();
        self.trace_ids.clear();
        (self.tokens, self.spans) = (0, 0);
        self.grids.clear();
        self.image_bytes.clear();
        self.refs.clear();
    }

    /// Notes a trace.
    pub fn trace(&mut self, trace_id: u64, tokens: u32, spans: u32) {
        self.lengths.push(tokens);
        self.trace_ids.extend_from_slice(&trace_id.to_le_bytes());
        self.tokens += u64::from(tokens);
        self.spans += u64::from(spans);
    }

    /// Notes a distinct image: its grid along the height and the width, and its bytes.
    pub fn image(&mut self, grid: [u16; 2], bytes: u32) {
        self.grids
            .extend([1, u32::from(grid[0]), u32::from(grid[1])]);
        self.image_bytes.push(bytes);
    }

    /// Notes which image each placeholder shows.
    pub fn placeholders(&mut self, refs: &[u32]) {
        self.refs.extend_from_slice(refs);
    }

    fn shape(&self) -> PackShape {
        PackShape {
            traces: self.lengths.len() as u64,
            tokens: self.tokens,
            spans: self.spans,
            images: self.image_bytes.len() as u64,
            placeholders: self.refs.len() as u64,
            image_bytes: self.image_bytes.iter().map(|&bytes| u64::from(bytes)).sum(),
            patches: 0,
        }
    }

    /// Where each image begins among the bytes of all, and where the last ends; nothing where there is none.
    fn image_offsets(&self) -> Vec<u32> {
        let mut offsets = Vec::new();
        for &bytes in &self.image_bytes {
            let start = offsets.last().copied().unwrap_or_else(|| {
                offsets.push(0);
                0
            });
            // Their sum was checked when the row was begun.
            offsets.push(start + bytes);
        }
        offsets
    }

    /// Appends the pack to a shard, with room for its ids, spans and images.
    ///
    /// # Errors
    /// When the row or the shard passes 4 GiB.
    pub fn push_to(&self, shard: &mut ShardBuilder) -> Result<RowOffsets, MdsError> {
        let shape = self.shape();
        shape.with_cells(|cells| {
            let mut row = shard.row(cells)?;
            let mut images = 0;
            if shape.images > 0 {
                row.append_u32(&self.grids)?;
                row.append_u32(&self.image_offsets())?;
                row.append_u32(&self.refs)?;
                images = row.leave(shape.image_bytes as usize)?;
            }
            let ids = row.leave(4 * self.tokens as usize)?;
            row.append_u32(&self.lengths)?;
            let spans = row.leave(8 * self.spans as usize)?;
            row.append(&self.trace_ids)?;
            row.finish()?;
            Ok(RowOffsets { ids, spans, images })
        })
    }
}
