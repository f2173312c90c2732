//! Cutters: a task's stream becomes blocks, cut by what the rows are and never by how they arrived.

mod arrow;
mod csv;
mod json_array;
mod json_bytes;
mod json_lines;
mod json_objects;
mod json_rows;
mod json_shape;
mod pending;
mod shard;

pub use arrow::ArrowCutter;
pub use csv::{CsvCutter, CsvDialect};
pub use json_array::JsonArrayCutter;
pub use json_lines::JsonLinesCutter;
pub use json_objects::JsonObjectsCutter;
pub use json_rows::JsonRowsCutter;
pub use json_shape::{Held, JsonShape, Layout};
pub use shard::ShardCutter;

/// What the position of a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// Bytes from the start of the file to the start of the row.
    ByteOffset,
    /// Rows from the start of the file.
    RowNumber,
}
