//! JSON Lines: one row a line.

use memchr::memchr;

use crate::block::Block;
use crate::error::TraceError;

use super::Numbering;
use super::pending::Pending;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Cuts one task of a JSON Lines file into blocks.
///
/// The task owns the lines that start in `start..end`; it is fed from byte [`Self::read_from`] on, which
/// is one byte early so that a line that starts at `start` is told from one that runs through it. Lines
/// end at `\n`; `\r` before it, a byte order mark at the start of the file, and a last line without `\n`
/// are fine; blank lines give nothing but count as rows of the task.
#[derive(Debug)]
pub struct JsonLinesCutter {
    numbering: Numbering,
    start: u64,
    end: Option<u64>,
    /// Whether the line is skipped that began before the task.
    skipping: bool,
    done: bool,
    /// Offset of the next byte to be fed.
    at: u64,
    line_start: u64,
    ordinal: u64,
    /// Position just after the last row that is no blank line.
    last_end: u64,
    pending: Pending,
}

impl JsonLinesCutter {
    /// A cutter for the lines that start in `start..end` (to the end of the file without `end`).
    ///
    /// `start` is 0 for the first task of a file. Row numbers need a task that starts there: positions
    /// then count lines, as in a compressed file. A block is cut when its lines reach `target` bytes.
    pub fn new(start: u64, end: Option<u64>, numbering: Numbering, target: u64) -> Self {
        let mut cutter = Self {
            numbering,
            start,
            end,
            skipping: start > 0,
            done: end.is_some_and(|end| end <= start),
            at: start.saturating_sub(1),
            line_start: start,
            ordinal: 0,
            last_end: 0,
            pending: Pending::new(target),
        };
        cutter.last_end = cutter.position();
        cutter
    }

    /// The same cutter with another limit on the length of a row.
    #[must_use]
    pub fn with_max_row_bytes(mut self, limit: u64) -> Self {
        self.pending.max_row_bytes = limit;
        self
    }

    /// The offset in the file from which the cutter must be fed.
    pub fn read_from(&self) -> u64 {
        self.start.saturating_sub(1)
    }

    /// Whether a line was met that starts at or past the task's end: what follows is another task's.
    pub fn done(&self) -> bool {
        self.done
    }

    /// Takes the next bytes of the file and gives the blocks that they complete.
    ///
    /// # Errors
    /// None: a broken line is a refused row.
    pub fn feed(&mut self, mut chunk: &[u8]) -> Result<Vec<Block>, TraceError> {
        let mut blocks = Vec::new();
        while !self.done && !chunk.is_empty() {
            let newline = memchr(b'\n', chunk);
            let (part, rest) = chunk.split_at(newline.map_or(chunk.len(), |newline| newline + 1));
            chunk = rest;
            self.at += part.len() as u64;
            if !self.skipping {
                self.pending.extend(&part[..newline.unwrap_or(part.len())]);
            }
            if newline.is_some() {
                blocks.extend(self.end_line());
            }
        }
        Ok(blocks)
    }

    /// Ends the file (or the task, when [`Self::done`]) and gives the last block.
    ///
    /// # Errors
    /// None: a line cut in half is a refused row.
    pub fn finish(&mut self) -> Result<Option<Block>, TraceError> {
        let last = if self.done || self.skipping {
            None
        } else {
            self.end_line()
        };
        self.done = true;
        Ok(last.or_else(|| self.pending.cut(self.last_end)))
    }

    /// Rows of the task so far, blank lines counted: the next task's row numbers go on there.
    pub fn rows(&self) -> u64 {
        self.ordinal
    }

    fn end_line(&mut self) -> Option<Block> {
        if self.skipping {
            self.skipping = false;
            self.next_line();
            return None;
        }
        let (position, ordinal) = (self.position(), self.ordinal);
        if self.start == 0 && ordinal == 0 {
            self.pending.strip_prefix(BYTE_ORDER_MARK);
        }
        let length = self.at - self.line_start;
        self.ordinal += 1;
        self.next_line();
        if self.pending.is_blank() {
            self.pending.drop_open();
            return None;
        }
        self.last_end = self.position();
        self.pending.close(position, ordinal, length, self.last_end)
    }

    fn next_line(&mut self) {
        self.line_start = self.at;
        self.done = self.end.is_some_and(|end| self.at >= end);
    }

    /// The position of the line that starts at `line_start`.
    fn position(&self) -> u64 {
        match self.numbering {
            Numbering::ByteOffset => self.line_start,
            Numbering::RowNumber => self.ordinal,
        }
    }
}
