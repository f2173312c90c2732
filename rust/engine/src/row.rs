//! A pack as one MDS row: its columns, its size before it is written, and its bytes.

use octomed_mds::{Cell, Dtype, MdsError, Schema, ShardBuilder};

/// The columns of a pack's row, in the order in which MDS stores them, with their encodings.
///
/// Image columns are there from the first version, empty for text: `bytes` because MDS refuses arrays
/// without elements.
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
        take(&[
            Cell::Bytes(0),
            Cell::Bytes(0),
            Cell::Bytes(0),
            Cell::Bytes(0),
            Cell::Array(Dtype::Uint32, &tokens),
            Cell::Array(Dtype::Uint32, &traces),
            Cell::Array(Dtype::Uint32, &spans),
            Cell::Array(Dtype::Uint64, &traces),
        ])
    }
}

/// The content of a pack while it is put together, but for ids and spans, which the working store holds; one
/// value serves every pack of a worker.
#[derive(Debug, Default)]
pub struct PackRow {
    lengths: Vec<u32>,
    trace_ids: Vec<u8>,
    tokens: u64,
    spans: u64,
}

/// Where the ids and the spans of a pack's first trace begin in the raw shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowOffsets {
    /// Byte of the first id.
    pub ids: usize,
    /// Byte of the first span.
    pub spans: usize,
}

impl PackRow {
    /// Empties the value and keeps its memory.
    pub fn clear(&mut self) {
        self.lengths.clear();
        self.trace_ids.clear();
        (self.tokens, self.spans) = (0, 0);
    }

    /// Notes a trace.
    pub fn trace(&mut self, trace_id: u64, tokens: u32, spans: u32) {
        self.lengths.push(tokens);
        self.trace_ids.extend_from_slice(&trace_id.to_le_bytes());
        self.tokens += u64::from(tokens);
        self.spans += u64::from(spans);
    }

    /// Appends the pack to a shard, with room for its ids and spans.
    ///
    /// # Errors
    /// When the shard passes 4 GiB.
    pub fn push_to(&self, shard: &mut ShardBuilder) -> Result<RowOffsets, MdsError> {
        let shape = PackShape {
            traces: self.lengths.len() as u64,
            tokens: self.tokens,
            spans: self.spans,
        };
        shape.with_cells(|cells| {
            let mut row = shard.row(cells)?;
            let ids = row.leave(4 * self.tokens as usize)?;
            row.append_u32(&self.lengths)?;
            let spans = row.leave(8 * self.spans as usize)?;
            row.append(&self.trace_ids)?;
            row.finish()?;
            Ok(RowOffsets { ids, spans })
        })
    }
}
