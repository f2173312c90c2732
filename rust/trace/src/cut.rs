//! Cutters: a task's stream becomes blocks, cut by what the rows are and never by how they arrived.

mod arrow;
mod csv;
mod json_array;
mod json_lines;
mod json_objects;
mod json_rows;
mod json_shape;
mod pending;

pub use arrow::ArrowCutter;
pub use csv::{CsvCutter, CsvDialect};
pub use json_array::JsonArrayCutter;
pub use json_lines::JsonLinesCutter;
pub use json_objects::JsonObjectsCutter;
pub use json_rows::JsonRowsCutter;
pub use json_shape::{Held, JsonShape, Layout};

/// Source bytes at which a block is cut.
pub const DEFAULT_TARGET: u64 = 32 << 20;

/// Rows at which a block is cut, whatever they take: what is noted of a row must not outgrow the rows.
pub const MAX_BLOCK_ROWS: usize = 1 << 17;

/// The largest row that is read, in every format; a larger one is refused without being kept. A worker holds its
/// text, the rendered text and up to a token a byte of it, about 14 bytes for each of the row's.
pub const DEFAULT_MAX_ROW_BYTES: u64 = 64 << 20;

/// The most values that the mapped columns of a row hold, those in lists and objects counted: each takes up to 56
/// bytes in memory, and as few as two in a file.
pub const MAX_ROW_VALUES: usize = 1 << 20;

/// What the position of a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// Bytes from the start of the file to the start of the row.
    ByteOffset,
    /// Rows from the start of the file.
    RowNumber,
}
