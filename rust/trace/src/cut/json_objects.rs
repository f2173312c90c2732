//! Objects one after the other, each over as many lines as it likes: one pretty-printed object is one row.

use memchr::memchr2;

use crate::block::Block;
use crate::error::TraceError;

use super::json_bytes::{InString, Steps};
use super::json_shape::is_mark;
use super::pending::Pending;

/// Cuts a file of objects with white space between them into blocks; a task is the whole file.
///
/// Positions are row numbers. What stands between two objects and is no white space is a row too, which is
/// refused as invalid JSON: nothing is left out silently.
#[derive(Debug)]
pub struct JsonObjectsCutter {
    /// Brackets that are open.
    depth: u64,
    string: InString,
    /// Whether the open row does not begin with `{`: it ends with its line.
    is_garbage: bool,
    /// Offset of the next byte.
    at: u64,
    row_start: u64,
    row: u64,
    pending: Pending,
}

impl JsonObjectsCutter {
    /// A cutter for a whole file. A block is cut when its rows reach `target` bytes.
    pub fn new(target: u64) -> Self {
        Self {
            depth: 0,
            string: InString::default(),
            is_garbage: false,
            at: 0,
            row_start: 0,
            row: 0,
            pending: Pending::new(target),
        }
    }

    /// Rows so far, refused ones counted.
    pub fn rows(&self) -> u64 {
        self.row
    }

    /// Takes the next bytes of the file and gives the blocks that they complete.
    ///
    /// # Errors
    /// None: what is no object is a refused row.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Vec<Block>, TraceError> {
        self.take(chunk)
    }

    /// Ends the file and gives the last block.
    ///
    /// # Errors
    /// [`TraceError::DocumentTruncated`] when an object never closes.
    pub fn finish(&mut self) -> Result<Option<Block>, TraceError> {
        if self.depth > 0 {
            return Err(TraceError::DocumentTruncated { at: self.at });
        }
        let last = if self.is_garbage {
            self.end_row(self.at)
        } else {
            None
        };
        Ok(last.or_else(|| self.pending.cut(self.row)))
    }

    fn between(&mut self, chunk: &[u8]) -> usize {
        match chunk[0] {
            b' ' | b'\t' | b'\r' | b'\n' => return 1,
            b'{' => self.depth = 1,
            byte if is_mark(self.at, byte) => return 1,
            _ => self.is_garbage = true,
        }
        self.row_start = self.at;
        self.pending.extend(&chunk[..1]);
        1
    }

    fn garbage(&mut self, chunk: &[u8], blocks: &mut Vec<Block>) -> usize {
        let end = memchr2(b'\n', b'{', chunk);
        self.pending.extend(&chunk[..end.unwrap_or(chunk.len())]);
        if let Some(end) = end {
            blocks.extend(self.end_row(self.at + end as u64));
        }
        end.unwrap_or(chunk.len())
    }

    fn object(&mut self, chunk: &[u8], blocks: &mut Vec<Block>) -> usize {
        for (offset, byte) in chunk.iter().enumerate() {
            match byte {
                b'"' => self.string.begin(),
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                _ => continue,
            }
            if self.string.is_open() || self.depth == 0 {
                self.pending.extend(&chunk[..=offset]);
                if self.depth == 0 {
                    blocks.extend(self.end_row(self.at + offset as u64 + 1));
                }
                return offset + 1;
            }
        }
        self.pending.extend(chunk);
        chunk.len()
    }

    fn end_row(&mut self, end: u64) -> Option<Block> {
        let row = self.row;
        self.is_garbage = false;
        self.row += 1;
        self.pending.close(row, row, end - self.row_start, self.row)
    }
}

impl Steps for JsonObjectsCutter {
    fn step(&mut self, chunk: &[u8], blocks: &mut Vec<Block>) -> Result<usize, TraceError> {
        Ok(if self.string.is_open() {
            let taken = self.string.step(chunk);
            self.pending.extend(&chunk[..taken]);
            taken
        } else if self.is_garbage {
            self.garbage(chunk, blocks)
        } else if self.depth > 0 {
            self.object(chunk, blocks)
        } else {
            self.between(chunk)
        })
    }

    fn advance(&mut self, bytes: u64) {
        self.at += bytes;
    }
}
