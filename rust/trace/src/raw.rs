//! A block's rows as their file has them: for messages and for people, never for traces.

use arrow_array::RecordBatch;

use crate::block::{Block, Content};
use crate::keys::Keys;

/// A row as it was read.
#[derive(Clone, Debug)]
pub enum RawRow<'a> {
    /// The bytes of its JSON.
    Json(&'a [u8]),
    /// A batch of this row alone, with the columns that were read.
    Values(RecordBatch),
}

impl Block {
    /// The row with number `ordinal` in the task; nothing when it is in another block, or was not kept.
    pub fn raw_row(&self, ordinal: u64) -> Option<RawRow<'_>> {
        match &self.content {
            Content::Json { bytes, rows } => {
                let found = rows.binary_search_by_key(&ordinal, |row| row.ordinal);
                let row = &rows[found.ok()?];
                row.is_kept.then(|| RawRow::Json(row.bytes(bytes)))
            }
            Content::Arrow(pieces) => pieces.iter().find_map(|piece| {
                let row = usize::try_from(ordinal.checked_sub(piece.ordinal)?).ok()?;
                (row < piece.batch.num_rows()).then(|| RawRow::Values(piece.batch.slice(row, 1)))
            }),
            Content::Csv(rows) => rows.raw_row(ordinal).map(RawRow::Values),
            Content::Shard(rows) => rows.raw_row(ordinal).map(RawRow::Values),
        }
    }

    /// The number, from the start of the task, behind that of the block's last row.
    pub fn end_ordinal(&self) -> u64 {
        let last = match &self.content {
            Content::Json { rows, .. } => rows.last().map(|row| row.ordinal + 1),
            Content::Arrow(pieces) => pieces
                .last()
                .map(|piece| piece.ordinal + piece.batch.num_rows() as u64),
            Content::Csv(rows) => rows.rows().last().map(|row| row.number + 1),
            Content::Shard(rows) => rows.rows().last().map(|row| row.number + 1),
        };
        last.unwrap_or(self.first_ordinal)
    }

    /// The top-level keys of the first `count` rows in the order in which they appear; nothing where columns
    /// have names in their file.
    pub fn top_level_keys(&self, count: usize) -> Option<Vec<String>> {
        let mut keys = Keys::default();
        match &self.content {
            Content::Json { bytes, rows } => {
                for row in rows.iter().take(count) {
                    keys.add_object(row.bytes(bytes));
                }
            }
            Content::Shard(rows) => {
                for row in rows.rows().iter().take(count) {
                    rows.keys(row, &mut keys);
                }
            }
            Content::Arrow(_) | Content::Csv(_) => return None,
        }
        Some(keys.into_found())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::RawRow;
    use crate::{Block, JsonLinesCutter, Numbering};

    fn block(lines: &[u8]) -> Block {
        let mut cutter = JsonLinesCutter::new(0, None, Numbering::ByteOffset, 1 << 20);
        let mut blocks = cutter.feed(lines).unwrap();
        blocks.extend(cutter.finish().unwrap());
        blocks.remove(0)
    }

    #[test]
    fn keys_are_those_of_all_rows_in_order_and_those_before_a_fault() {
        let lines = b"{\"b\": {\"x\": 1}, \"a\": [1]}\n[1]\n\xff\n{\"a\": 1, \"c\\u0041\": 2, \"d\": oops}\n{\"e\": 1}\n";
        let keys = block(lines).top_level_keys(4).unwrap();
        assert_eq!(keys, ["b", "a", "cA", "d"]);
    }

    #[test]
    fn a_row_is_found_by_its_number_blank_lines_counted() {
        let block = block(b"{\"a\": 1}\n\n{\"a\": 2}\n");
        let Some(RawRow::Json(bytes)) = block.raw_row(2) else {
            panic!("no row");
        };
        assert_eq!(bytes.trim_ascii(), b"{\"a\": 2}");
        assert!(block.raw_row(1).is_none());
        assert!(block.raw_row(3).is_none());
        assert_eq!(block.end_ordinal(), 3);
    }
}
