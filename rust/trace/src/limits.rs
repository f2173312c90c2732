//! What rows and blocks may hold.

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
