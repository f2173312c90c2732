//! A file that is one JSON array, read in bounded memory: only the commas between rows are looked for.

use crate::block::Block;
use crate::error::TraceError;

use super::json_bytes::{InString, Steps};
use super::pending::Pending;

/// Cuts a file that is one JSON array into blocks; a task is the whole file.
///
/// Positions are row numbers. Every value between two commas is a row, and an empty one is refused as
/// invalid JSON like any other text that is none.
#[derive(Debug)]
pub struct JsonArrayCutter {
    state: State,
    string: InString,
    /// Offset of the next byte to be fed.
    at: u64,
    row_start: u64,
    row: u64,
    mark: usize,
    pending: Pending,
}

/// Where in the file the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before `[`.
    Before,
    /// In a row, so deep inside brackets.
    Row { depth: u64 },
    /// Behind `]`.
    Behind,
}

impl JsonArrayCutter {
    /// Rows of the task so far, refused ones counted: the next task's row numbers go on there.
    pub fn rows(&self) -> u64 {
        self.row
    }

    /// A cutter for a whole file. A block is cut when its rows reach `target` bytes.
    pub fn new(target: u64) -> Self {
        Self {
            state: State::Before,
            string: InString::default(),
            at: 0,
            row_start: 0,
            row: 0,
            mark: 0,
            pending: Pending::new(target),
        }
    }

    /// The same cutter with another limit on the length of a row.
    #[must_use]
    pub fn with_max_row_bytes(mut self, limit: u64) -> Self {
        self.pending.max_row_bytes = limit;
        self
    }

    /// Takes the next bytes of the file and gives the blocks that they complete.
    ///
    /// # Errors
    /// [`TraceError::NotAnArray`], [`TraceError::ArrayTrailing`].
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Vec<Block>, TraceError> {
        self.take(chunk)
    }

    /// Ends the file and gives the last block.
    ///
    /// # Errors
    /// [`TraceError::ArrayTruncated`], [`TraceError::NotAnArray`] when there was nothing.
    pub fn finish(&mut self) -> Result<Option<Block>, TraceError> {
        match self.state {
            State::Behind => Ok(self.pending.cut(self.row)),
            State::Before => Err(TraceError::NotAnArray { at: self.at }),
            State::Row { .. } => Err(TraceError::ArrayTruncated { at: self.at }),
        }
    }

    /// Takes one byte before `[`: white space, or one of the byte order mark at the start of the file.
    fn before(&mut self, chunk: &[u8]) -> Result<usize, TraceError> {
        const BYTE_ORDER_MARK: [u8; 3] = *b"\xef\xbb\xbf";
        match chunk[0] {
            b'[' => {
                self.state = State::Row { depth: 0 };
                self.row_start = self.at + 1;
            }
            b' ' | b'\t' | b'\r' | b'\n' if self.mark == 0 || self.mark == 3 => {}
            byte if self.at == self.mark as u64
                && BYTE_ORDER_MARK.get(self.mark) == Some(&byte) =>
            {
                self.mark += 1;
            }
            _ => return Err(TraceError::NotAnArray { at: self.at }),
        }
        Ok(1)
    }

    fn behind(&mut self, chunk: &[u8]) -> Result<usize, TraceError> {
        match chunk
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        {
            Some(offset) => Err(TraceError::ArrayTrailing {
                at: self.at + offset as u64,
            }),
            None => Ok(chunk.len()),
        }
    }

    /// Takes bytes up to the start of a string or the end of the row.
    fn in_row(&mut self, chunk: &[u8], mut depth: u64, blocks: &mut Vec<Block>) -> usize {
        for (offset, byte) in chunk.iter().enumerate() {
            match byte {
                b'"' => {
                    self.pending.extend(&chunk[..=offset]);
                    self.string.begin();
                    self.state = State::Row { depth };
                    return offset + 1;
                }
                b',' | b']' if depth == 0 => {
                    self.pending.extend(&chunk[..offset]);
                    blocks.extend(self.end_row(self.at + offset as u64, *byte == b']'));
                    return offset + 1;
                }
                b'[' | b'{' => depth += 1,
                // A row's own brackets are checked when it is read; here they only must not go below.
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.pending.extend(chunk);
        self.state = State::Row { depth };
        chunk.len()
    }

    /// Ends the row before the separator at offset `end`.
    fn end_row(&mut self, end: u64, is_last: bool) -> Option<Block> {
        let row = self.row;
        let start = std::mem::replace(&mut self.row_start, end + 1);
        self.state = if is_last {
            State::Behind
        } else {
            State::Row { depth: 0 }
        };
        if is_last && row == 0 && self.pending.is_blank() {
            self.pending.drop_open();
            return None;
        }
        self.row += 1;
        self.pending.close(row, row, end - start, self.row)
    }
}

impl Steps for JsonArrayCutter {
    fn step(&mut self, chunk: &[u8], blocks: &mut Vec<Block>) -> Result<usize, TraceError> {
        if self.string.is_open() {
            let taken = self.string.step(chunk);
            self.pending.extend(&chunk[..taken]);
            return Ok(taken);
        }
        match self.state {
            State::Before => self.before(chunk),
            State::Behind => self.behind(chunk),
            State::Row { depth } => Ok(self.in_row(chunk, depth, blocks)),
        }
    }

    fn advance(&mut self, bytes: u64) {
        self.at += bytes;
    }
}
