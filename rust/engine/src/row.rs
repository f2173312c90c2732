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

/// The content of a pack while it is put together; one value serves every pack of a worker.
#[derive(Debug, Default)]
pub struct PackRow {
    /// Token ids of all traces, one after another.
    pub ids: Vec<u32>,
    lengths: Vec<u32>,
    spans: Vec<u32>,
    trace_ids: Vec<u8>,
}

impl PackRow {
    /// Empties the value and keeps its memory.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.lengths.clear();
        self.spans.clear();
        self.trace_ids.clear();
    }

    /// Notes a trace whose ids begin at `start` of [`Self::ids`] and end at its end; `spans` are pairs
    /// of little-endian `u32` from the trace's first token.
    pub fn trace(&mut self, trace_id: u64, start: usize, spans: &[u8]) {
        self.lengths.push((self.ids.len() - start) as u32);
        self.trace_ids.extend_from_slice(&trace_id.to_le_bytes());
        let edges = spans
            .as_chunks::<4>()
            .0
            .iter()
            .map(|edge| u32::from_le_bytes(*edge));
        self.spans.extend(edges.map(|edge| edge + start as u32));
    }

    /// Appends the pack to a shard.
    ///
    /// # Errors
    /// When the shard passes 4 GiB.
    pub fn push_to(&self, shard: &mut ShardBuilder) -> Result<(), MdsError> {
        let shape = PackShape {
            traces: self.lengths.len() as u64,
            tokens: self.ids.len() as u64,
            spans: self.spans.len() as u64 / 2,
        };
        shape.with_cells(|cells| {
            let mut row = shard.row(cells)?;
            row.append_u32(&self.ids)?;
            row.append_u32(&self.lengths)?;
            row.append_u32(&self.spans)?;
            row.append(&self.trace_ids)?;
            row.finish()
        })
    }
}
