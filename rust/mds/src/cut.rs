//! Where a shard ends and the next begins.

use crate::{MdsError, Schema};

/// Decides row by row, from sizes alone, which shard a row belongs to.
#[derive(Clone, Debug)]
pub struct ShardCutter {
    empty: u64,
    limit: Option<u64>,
    size: u64,
    rows: usize,
}

impl ShardCutter {
    /// Begins with an empty shard.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let empty = schema.head_size(0);
        Self {
            empty,
            limit: schema.size_limit(),
            size: empty,
            rows: 0,
        }
    }

    /// Takes a row of `row_size` bytes ([`Schema::row_size`]); whether it begins a new shard.
    ///
    /// A shard closes when head, rows and one offset a row would pass the size limit. The first row of
    /// a shard always stays: one larger than the limit gets a shard of its own.
    ///
    /// # Errors
    /// [`MdsError::TooLarge`] when an offset would need more than 32 bits.
    pub fn push(&mut self, row_size: u64) -> Result<bool, MdsError> {
        let added = row_size + 4;
        let closes = self.rows > 0 && self.limit.is_some_and(|limit| limit < self.size + added);
        if closes {
            (self.size, self.rows) = (self.empty, 0);
        }
        self.size += added;
        self.rows += 1;
        if self.size > u32::MAX.into() {
            let what = if self.rows == 1 {
                "a row"
            } else {
                "a shard without a size limit"
            };
            return Err(MdsError::TooLarge {
                what,
                bytes: self.size,
            });
        }
        Ok(closes)
    }

    /// Rows in the shard that is open.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of the shard that is open, as its file will have them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.size
    }
}

/// The number of rows in each shard, for rows of these sizes ([`Schema::row_size`]).
///
/// # Errors
/// [`MdsError::TooLarge`] when an offset would need more than 32 bits.
pub fn cut(
    schema: &Schema,
    row_sizes: impl IntoIterator<Item = u64>,
) -> Result<Vec<usize>, MdsError> {
    let mut cutter = ShardCutter::new(schema);
    let mut shards = Vec::new();
    for size in row_sizes {
        let rows = cutter.rows();
        if cutter.push(size)? {
            shards.push(rows);
        }
    }
    if cutter.rows() > 0 {
        shards.push(cutter.rows());
    }
    Ok(shards)
}
