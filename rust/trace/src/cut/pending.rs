//! The block that JSON rows are being gathered into.

use std::sync::OnceLock;

use crate::block::{Block, Content, JsonRow};
use crate::limits::{DEFAULT_MAX_ROW_BYTES, MAX_BLOCK_ROWS};

/// The largest target that is kept to: where a row starts in its block has 32 bits.
const LARGEST_TARGET: u64 = 1 << 30;

/// Rows gathered since the last cut, and the row that is being read.
#[derive(Debug)]
pub(super) struct Pending {
    target: u64,
    pub(super) max_row_bytes: u64,
    bytes: Vec<u8>,
    rows: Vec<JsonRow>,
    source_bytes: u64,
    /// Where the open row starts in `bytes`.
    open: usize,
    /// Bytes of the open row so far, kept or not.
    open_length: u64,
    /// Whether the open row has anything but white space.
    has_text: bool,
}

impl Pending {
    pub(super) fn new(target: u64) -> Self {
        Self {
            target: target.min(LARGEST_TARGET),
            max_row_bytes: DEFAULT_MAX_ROW_BYTES,
            bytes: Vec::new(),
            rows: Vec::new(),
            source_bytes: 0,
            open: 0,
            open_length: 0,
            has_text: false,
        }
    }

    /// Adds bytes to the open row; of a row that is too large nothing is kept.
    pub(super) fn extend(&mut self, part: &[u8]) {
        self.open_length += part.len() as u64;
        self.has_text |= part
            .iter()
            .any(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        if self.open_length > self.max_row_bytes {
            self.bytes.truncate(self.open);
        } else {
            self.bytes.extend_from_slice(part);
        }
    }

    /// Whether the open row is blank so far.
    pub(super) fn is_blank(&self) -> bool {
        !self.has_text
    }

    /// Forgets the open row.
    pub(super) fn drop_open(&mut self) {
        self.bytes.truncate(self.open);
        self.open_length = 0;
        self.has_text = false;
    }

    /// Takes `prefix` from the start of the open row.
    pub(super) fn strip_prefix(&mut self, prefix: &[u8]) {
        if self.bytes[self.open..].starts_with(prefix) {
            self.bytes.drain(self.open..self.open + prefix.len());
            self.open_length -= prefix.len() as u64;
            self.has_text = self.bytes[self.open..]
                .iter()
                .any(|byte| !byte.is_ascii_whitespace());
        }
    }

    /// Ends the open row, which takes `source_bytes` in the file, and cuts a block if it is full.
    pub(super) fn close(
        &mut self,
        position: u64,
        ordinal: u64,
        source_bytes: u64,
        end: u64,
    ) -> Option<Block> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the rows before are shorter than the target, which is at most 1 GiB"
        )]
        let start = self.open as u32;
        self.rows.push(JsonRow {
            start,
            length: self.open_length,
            position,
            ordinal,
            is_kept: self.open_length <= self.max_row_bytes,
        });
        self.open = self.bytes.len();
        self.open_length = 0;
        self.has_text = false;
        self.source_bytes += source_bytes;
        if self.source_bytes >= self.target || self.rows.len() >= MAX_BLOCK_ROWS {
            self.cut(end)
        } else {
            None
        }
    }

    /// The rows gathered so far as a block that ends at position `end`.
    pub(super) fn cut(&mut self, end: u64) -> Option<Block> {
        let first_ordinal = self.rows.first()?.ordinal;
        let rows = std::mem::take(&mut self.rows);
        let block = Block {
            rows: rows.len() as u64,
            largest_row: rows
                .iter()
                .filter(|row| row.is_kept)
                .map(|row| row.length)
                .max()
                .unwrap_or(0),
            image_bytes: 0,
            source_bytes: std::mem::take(&mut self.source_bytes),
            first_ordinal,
            end_position: end,
            given: OnceLock::new(),
            content: Content::Json {
                bytes: std::mem::take(&mut self.bytes),
                rows,
            },
        };
        self.open = 0;
        Some(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_before_32_bits_no_longer_say_where_its_rows_start() {
        assert_eq!(Pending::new(100).target, 100);
        assert_eq!(Pending::new(u64::MAX).target, LARGEST_TARGET);
    }
}
